//! The functions of `tests/targets/goroutines` that return errors, and where they return them.

/// A function that returns its error in a register.
pub(crate) struct GoError {
    /// The mode of the program that calls it.
    pub(crate) mode: &'static str,
    /// Its name after `main.`.
    pub(crate) name: &'static str,
    /// Number of registers for the results before its error.
    pub(crate) register: u32,
}

const fn same(name: &'static str, register: u32) -> GoError {
    GoError {
        mode: name,
        name,
        register,
    }
}

/// Functions of all versions of Go.
pub(crate) const GO_ERRORS: [GoError; 29] = [
    same("only", 0),
    same("after_int", 1),
    same("after_string", 2),
    same("after_slice", 3),
    same("after_float", 0),
    same("after_pointers", 4),
    same("after_interfaces", 5),
    same("after_struct", 3),
    same("after_nested", 7),
    same("after_array", 1),
    same("after_seven", 7),
    same("after_panic", 2),
    same("after_padded", 4),
    same("after_empty", 0),
    same("after_overflow", 7),
    same("after_ratios", 1),
    same("after_floats", 1),
    same("after_blanks", 3),
    same("blanks", 3),
    same("escapes", 2),
    same("inlined", 2),
    same("inlined_named", 2),
    same("inlined_blank", 2),
    same("inlined_blanks", 3),
    same("inlined_ratios", 2),
    GoError {
        mode: "after_pointer",
        name: "(*store[...]).after_pointer",
        register: 1,
    },
    GoError {
        mode: "closure_result",
        name: "makes_closure.func1",
        register: 2,
    },
    GoError {
        mode: "method",
        name: "valued.method",
        register: 3,
    },
    GoError {
        mode: "method_value",
        name: "valued.other-fm",
        register: 3,
    },
];

/// Functions with loops over functions, which Go has since 1.23. The results before the error of the
/// first two may be missing in the debug information.
pub(crate) const LOOPS: [GoError; 3] = [
    same("loops", 2),
    same("loops_blank", 2),
    same("loops_through", 2),
];
