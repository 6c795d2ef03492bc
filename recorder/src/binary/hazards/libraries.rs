//! Whether a library that unwinds could unwind the frames of the program.
//!
//! Without such a library nothing unwinds: an unwinder of the program's own would set the stack
//! pointer, and the C library unwinds only where a thread is cancelled or ends itself.
//!
//! With one, the unwinder first searches for a handler and leaves no frame before it has found one;
//! without one the program ends. Below the frames of a program that has no exception tables itself,
//! such as C++ of `-fno-exceptions`, a handler can only be one of a library that called the program.
//! So nothing unwinds where the program exports no function, and where all that it uses of these
//! libraries is known never to call a function of the program.

use super::super::elf::Elf;
use super::super::unwind::Unwind;

/// Libraries that unwind when an exception or a panic asks for it.
const UNWINDERS: &[&str] = &["libstdc++.so.6", "libgcc_s.so.1"];

/// Symbols without a version that no library of [`UNWINDERS`] defines.
const NOT_THEIRS: &[&str] = &[
    "__gmon_start__",
    "_ITM_deregisterTMCloneTable",
    "_ITM_registerTMCloneTable",
];

/// Functions and data of the C++ library by which it never calls a function of the program: they
/// may throw, but none of them runs below the program's frames.
const NEVER_CALLS: &[&str] = &[
    "_Znwm",
    "_Znam",
    "_ZnwmSt11align_val_t",
    "_ZnamSt11align_val_t",
    "_ZdlPv",
    "_ZdlPvm",
    "_ZdlPvSt11align_val_t",
    "_ZdlPvmSt11align_val_t",
    "_ZdaPv",
    "_ZdaPvm",
    "_ZdaPvSt11align_val_t",
    "_ZdaPvmSt11align_val_t",
    "__cxa_pure_virtual",
    "__cxa_deleted_virtual",
    "__cxa_guard_acquire",
    "__cxa_guard_release",
    "__cxa_guard_abort",
    "_ZTVN10__cxxabiv117__class_type_infoE",
    "_ZTVN10__cxxabiv120__si_class_type_infoE",
    "_ZTVN10__cxxabiv121__vmi_class_type_infoE",
    "_ZSt16__throw_bad_castv",
    "_ZSt17__throw_bad_allocv",
    "_ZSt19__throw_logic_errorPKc",
    "_ZSt20__throw_length_errorPKc",
    "_ZSt20__throw_out_of_rangePKc",
    "_ZSt21__throw_runtime_errorPKc",
    "_ZSt24__throw_invalid_argumentPKc",
    "_ZSt24__throw_out_of_range_fmtPKcz",
    "_ZSt25__throw_bad_function_callv",
    "_ZSt28__throw_bad_array_new_lengthv",
    "_ZSt11_Hash_bytesPKvmm",
    "_ZNKSt8__detail20_Prime_rehash_policy11_M_next_bktEm",
    "_ZNKSt8__detail20_Prime_rehash_policy14_M_need_rehashEmmm",
    "_ZSt4cout",
    "_ZSt4cerr",
    "_ZSt4clog",
    "_ZNSt8ios_base4InitC1Ev",
    "_ZNSt8ios_base4InitD1Ev",
    "_ZSt16__ostream_insertIcSt11char_traitsIcEERSt13basic_ostreamIT_T0_ES6_PKS3_l",
    "_ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc",
    "_ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_c",
    "_ZNSolsEi",
    "_ZNSo3putEc",
    "_ZNSo5flushEv",
];

/// The first parts of names of which the same holds: numbers into streams, strings, and the nodes of
/// trees and lists.
const NEVER_CALL: &[&str] = &[
    "_ZNSo9_M_insertI",
    "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE",
    "_ZNKSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE",
    "_ZSt18_Rb_tree_",
    "_ZSt28_Rb_tree_rebalance_for_erase",
    "_ZSt29_Rb_tree_insert_and_rebalance",
    "_ZNSt8__detail15_List_node_base",
];

/// How a library that unwinds could leave frames of the program, in words.
pub(super) fn unwinder(elf: &Elf<'_>, unwind: &Unwind<'_>) -> Option<String> {
    let library = elf.needed.iter().find(|name| UNWINDERS.contains(name))?;
    let through = |why: String| {
        Some(format!(
            "it uses {library}: an exception or panic could unwind through the probe ({why})"
        ))
    };
    if elf.section(".gcc_except_table").is_some() || unwind.has_personality {
        return through("it has exception tables".into());
    }
    let is_hidden = elf.has_unwind_header && elf.section(".eh_frame").is_none();
    if !unwind.complete || is_hidden {
        return through("its unwind table cannot be read".into());
    }
    if let Some(exported) = elf.exported {
        return through(format!("libraries may call {exported}, which it exports"));
    }
    let mut origins = elf.origins.iter();
    let (name, _) = origins.find(|(name, origin)| !is_harmless(name, **origin))?;
    through(format!("it imports {name}"))
}

/// Whether the symbol of that library is not one by which the program could be unwound.
fn is_harmless(name: &str, origin: Option<&str>) -> bool {
    match origin {
        Some("libstdc++.so.6") => {
            NEVER_CALLS.contains(&name) || NEVER_CALL.iter().any(|start| name.starts_with(start))
        }
        Some(other) => !UNWINDERS.contains(&other),
        None => NOT_THEIRS.contains(&name),
    }
}
