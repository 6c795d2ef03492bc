//! Damaged files: no panic, no endless loop, whatever is cut off or flipped.

mod binary_support;

use std::time::{Duration, Instant};

use binary_support::{KERNEL, Workshop};
use proptest::prelude::*;
use soakbox_recorder::binary::{list, resolve_function, resolve_marker};

/// Everything that reads bytes, on these; the results do not matter.
fn read_all(bytes: &[u8]) {
    let started = Instant::now();
    let _ = list(bytes);
    for name in ["two_hundred_cases", "with_cold_part", "interpreter", "main"] {
        let _ = resolve_function(bytes, "p", name, KERNEL);
    }
    let _ = resolve_marker(bytes, "p", "rule_refresh", KERNEL);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "it takes too long"
    );
}

/// One of each kind, built once.
fn binaries() -> &'static [Vec<u8>] {
    static BINARIES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    BINARIES.get_or_init(|| {
        let workshop = Workshop::new();
        let cpp = "#include <vector>\n#include <stdexcept>\nextern \"C\" int two_hundred_cases(int x) { try { std::vector<int> v(x); if (x == 3) throw 4; return v.at(1); } catch (std::exception &) { return 3; } } int main(int c, char **) { return two_hundred_cases(c); }";
        vec![
            workshop.build("gcc", "shapes.c", &["-O2"]),
            workshop.build("gcc", "shapes.c", &["-O2", "-rdynamic", "-s"]),
            workshop.build("gcc", "shapes.c", &["-O1", "-no-pie", "-fno-pie"]),
            workshop.build("gcc", "markers.c", &["-O2"]),
            workshop.build_text("g++", "cpp", cpp, &["-O2"]),
        ]
    })
}

#[test]
fn undamaged_files_are_read() {
    binaries().iter().for_each(|bytes| {
        list(bytes).unwrap();
        read_all(bytes);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn cut_off_anywhere(which in 0usize..5, at in any::<prop::sample::Index>()) {
        let bytes = &binaries()[which];
        read_all(&bytes[..at.index(bytes.len())]);
    }

    #[test]
    fn bits_flipped_anywhere(which in 0usize..5, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let mut bytes = binaries()[which].clone();
        for (at, mask) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        read_all(&bytes);
    }

    #[test]
    fn headers_and_tables_overwritten(which in 0usize..5, words in prop::collection::vec((0usize..512, any::<u64>()), 1..8), tail in any::<bool>()) {
        let mut bytes = binaries()[which].clone();
        // Program headers stand at the front, section headers at the end.
        let from = if tail { bytes.len() - 2048 } else { 16 };
        for (word, value) in words {
            let at = from + (word % 250) * 8;
            let value = if value % 3 == 0 { value } else { value % (bytes.len() as u64 * 2) };
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..4096), magic in any::<bool>()) {
        if magic && bytes.len() > 64 {
            bytes[..20].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 62, 0]);
        }
        read_all(&bytes);
    }
}
