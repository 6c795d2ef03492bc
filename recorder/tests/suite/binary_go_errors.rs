//! The register with a Go function's error is where Go's rules for results put it, whatever the
//! results before it are, and is not guessed where the file does not tell.

use std::fs;

use crate::binary_support::KERNEL;
use crate::support::targets;
use soakbox_recorder::binary::{ErrorPlace, Reason, resolve_go};

/// Functions of `results.go`, with the number of registers for the results before their errors.
const KNOWN: [(&str, u32); 13] = [
    ("only", 0),
    ("after_int", 1),
    ("after_string", 2),
    ("after_slice", 3),
    ("after_float", 0),
    ("after_pointers", 4),
    ("after_interfaces", 5),
    ("after_struct", 3),
    ("after_nested", 7),
    ("after_array", 1),
    ("after_seven", 7),
    ("after_panic", 2),
    ("(*store[...]).after_pointer", 1),
];

/// Functions whose error is in no register, or in several.
const REFUSED: [(&str, &str); 5] = [
    ("after_eight", "it returns its error on the stack"),
    ("no_error", "its last result is no error"),
    ("error_first", "its last result is no error"),
    ("nothing", "it returns nothing"),
    ("after_any", "different registers"),
];

fn built(flags: &[&str]) -> Vec<u8> {
    let program = targets::build_go("goroutines", flags, None);
    let bytes = fs::read(&program).unwrap();
    fs::remove_file(program).unwrap();
    bytes
}

fn register(bytes: &[u8], name: &str, error: ErrorPlace) -> Result<u32, Reason> {
    let name = format!("main.{name}");
    let found = resolve_go(bytes, "./program", &name, Some(error), KERNEL)?;
    Ok(found.part.error_register.unwrap())
}

#[test]
fn the_debug_information_tells_where_the_error_is() {
    for flags in [
        &[][..],
        &["-gcflags=all=-N -l"],
        &["-buildmode=pie", "-ldflags=-linkmode=external"],
        &["-ldflags=-compressdwarf=false"],
    ] {
        let bytes = built(flags);
        for (name, expected) in KNOWN {
            let found = register(&bytes, name, ErrorPlace::Known);
            assert_eq!(found.unwrap(), expected, "{name} {flags:?}");
            let given = register(&bytes, name, ErrorPlace::After(expected));
            assert_eq!(given.unwrap(), expected, "{name} {flags:?}");
            let wrong = register(&bytes, name, ErrorPlace::After(expected + 1)).unwrap_err();
            let text = format!("need {expected} registers, not {}", expected + 1);
            assert!(
                wrong.to_string().contains(&text),
                "{name} {flags:?}: {wrong}"
            );
        }
        for (name, why) in REFUSED {
            let refused = register(&bytes, name, ErrorPlace::Known).unwrap_err();
            assert!(refused.to_string().contains(why), "{name}: {refused}");
            assert!(
                register(&bytes, name, ErrorPlace::After(1)).is_err(),
                "{name}"
            );
        }
    }
}

#[test]
fn without_debug_information_the_person_tells_it() {
    let bytes = built(&["-ldflags=-s -w"]);
    for (name, expected) in KNOWN {
        let refused = register(&bytes, name, ErrorPlace::Known).unwrap_err();
        assert!(
            refused.to_string().contains("no debug information"),
            "{refused}"
        );
        assert!(
            refused.hint().contains("success=goerr:N"),
            "{}",
            refused.hint()
        );
        let given = register(&bytes, name, ErrorPlace::After(expected));
        assert_eq!(given.unwrap(), expected, "{name}");
    }
}
