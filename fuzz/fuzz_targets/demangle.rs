//! Arbitrary symbols, and names as a person may write them: demangling and comparing end, and never
//! panic. A demangled name matches its symbol.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_recorder::binary::demangle::{Wanted, path, signature};

fuzz_target!(|parts: (&str, &str)| {
    let (symbol, name) = parts;
    let wanted = Wanted::new(name);
    let _ = (wanted.matches(symbol), wanted.could_match(symbol));
    if let (Some(path), Some(signature)) = (path(symbol), signature(symbol)) {
        assert!(Wanted::new(&path).matches(symbol), "{path}");
        assert!(Wanted::new(&signature).matches(symbol), "{signature}");
    }
});
