//! Decimal numbers of imported cells: no bytes make the parser panic, and a number that is read is
//! that of the standard library, up to the precision of a double.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The file needs nothing of its package, which would bring the query engine with it.
#[path = "../../analyzer/src/import/decimal.rs"]
#[allow(dead_code)]
mod decimal;

fuzz_target!(|bytes: &[u8]| {
    for power in [0, 3, 6, 9] {
        let Ok(found) = decimal::scaled(bytes, power) else {
            continue;
        };
        let text = std::str::from_utf8(bytes).expect("a number is ASCII");
        let standard: f64 = text.parse().expect("a number of the standard library too");
        let standard = standard * 10f64.powi(power as i32);
        let difference = (found as f64 - standard).abs();
        assert!(difference <= 0.5 + standard.abs() * 1e-14, "{text} {power} {found}");
    }
});
