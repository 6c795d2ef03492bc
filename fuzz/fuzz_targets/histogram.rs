//! A histogram as bytes, the sketch of SQL: no bytes make the reader panic, what was read reads back,
//! and two that were read merge to the same in both orders.
#![no_main]

use libfuzzer_sys::fuzz_target;
use soakbox_schemas::tables::histogram::SparseHistogram;

fn encoded(histogram: &SparseHistogram) -> Vec<u8> {
    let mut bytes = Vec::new();
    histogram.encode(&mut bytes);
    bytes
}

fuzz_target!(|parts: (&[u8], &[u8])| {
    let (first, second) = (SparseHistogram::decode(parts.0), SparseHistogram::decode(parts.1));
    for histogram in [&first, &second].into_iter().flatten() {
        assert_eq!(SparseHistogram::decode(&encoded(histogram)).as_ref(), Ok(histogram));
        for level in [0.0, 0.5, 1.0] {
            let found = histogram.quantile(level);
            let extremes = histogram.extremes();
            assert_eq!(found.is_some(), extremes.is_some());
            if let (Some(found), Some((min, max))) = (found, extremes) {
                assert!((min..=max).contains(&found));
            }
        }
    }
    if let (Ok(first), Ok(second)) = (first, second)
        && first.total().checked_add(second.total()).is_some()
    {
        let (mut one, mut other) = (first.clone(), second.clone());
        one.merge(&second);
        other.merge(&first);
        assert_eq!(one, other);
        assert_eq!(SparseHistogram::decode(&encoded(&one)), Ok(one));
    }
});
