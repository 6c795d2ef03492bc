//! Journals that were cut and changed on the disk after a crash, at random places: their undamaged
//! batches are recovered, all the rest is counted, and what was sealed does not change.

use std::fs;

use crate::segment_support::*;
use proptest::prelude::*;
use soakbox_recorder::clock::{Clock, SystemClock};
use soakbox_recorder::plan::SegmentLimits;
use soakbox_recorder::segment::recover;
use soakbox_schemas::recording::{Contents, footer};
use soakbox_schemas::tables::Table;

const EARLIER: std::ops::Range<u64> = 1_000_000..1_000_100;

/// Damage to a journal; places are parts of its length.
#[derive(Clone, Debug)]
enum Damage {
    Cut(f64),
    Flip(f64, u8),
    /// Bytes of a block that never reached the disk.
    Zeros(f64),
    /// Bytes of another file.
    Other(f64, Vec<u8>),
}

fn damages() -> impl Strategy<Value = Damage> {
    let place = || 0.0..1.0f64;
    prop_oneof![
        place().prop_map(Damage::Cut),
        (place(), 1u8..).prop_map(|(place, mask)| Damage::Flip(place, mask)),
        place().prop_map(Damage::Zeros),
        (place(), prop::collection::vec(any::<u8>(), 1..3_000))
            .prop_map(|(place, bytes)| Damage::Other(place, bytes)),
    ]
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>) {
    let at = |place: &f64| (bytes.len() as f64 * place) as usize;
    match damage {
        Damage::Cut(place) => bytes.truncate(at(place)),
        Damage::Flip(place, mask) => {
            let at = at(place);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask;
            }
        }
        Damage::Zeros(place) => {
            let at = at(place) & !511;
            let end = bytes.len().min(at + 4_096);
            bytes[at..end].fill(0);
        }
        Damage::Other(place, other) => {
            let at = at(place);
            let end = bytes.len().min(at + other.len());
            bytes[at..end].copy_from_slice(&other[..end - at]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn damage_costs_the_batches_that_it_hits_and_all_of_it_is_counted(
        sizes in prop::collection::vec(1u64..40, 1..8),
        damage in prop::collection::vec(damages(), 0..4),
    ) {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let now = SystemClock.now();
        let mut earlier = writer(root, &SystemClock, SegmentLimits::default());
        earlier.append(Table::OPERATION_LOG, &operations(EARLIER, now), now).unwrap();
        earlier.finish().unwrap();
        let sealed = Contents::list(root).unwrap().segments.remove(0).path;
        let before = fs::read(&sealed).unwrap();

        let mut crashed = writer(root, &SystemClock, SegmentLimits::default());
        let mut batches = Vec::new();
        let mut first = 0;
        for size in sizes {
            let journals = Contents::list(root).unwrap().journals;
            let start = journals.first().map_or(0, |journal| fs::metadata(&journal.path).unwrap().len());
            crashed.append(Table::OPERATION_LOG, &operations(first..first + size, now), now).unwrap();
            batches.push((start as usize, first..first + size));
            first += size;
        }
        drop(crashed);
        let journal = Contents::list(root).unwrap().journals.remove(0).path;
        let whole = fs::read(&journal).unwrap();
        let mut bytes = whole.clone();
        for damage in &damage {
            apply(damage, &mut bytes);
        }
        fs::write(&journal, &bytes).unwrap();

        let ends = batches.iter().skip(1).map(|(start, _)| *start).chain([whole.len()]);
        let mut intact_bytes = 0;
        let mut expected: Vec<i64> = Vec::new();
        for ((start, counters), end) in batches.iter().zip(ends) {
            if bytes.get(*start..end) == Some(&whole[*start..end]) {
                intact_bytes += end - start;
                expected.extend(counters.clone().map(|counter| counter as i64));
            }
        }
        let rows = expected.len() as u64;
        expected.extend(EARLIER.map(|counter| counter as i64));
        let report = recover(root, &SystemClock).unwrap();
        prop_assert_eq!(counters(root), expected);
        let damaged = (bytes.len() - intact_bytes) as u64;
        prop_assert_eq!((report.rows_saved, report.bytes_discarded), (rows, damaged));
        prop_assert_eq!(gaps(root).len(), 1);
        prop_assert!(fs::read(&sealed).unwrap() == before);
        let segments = Contents::list(root).unwrap().segments;
        let new = segments.iter().find(|file| file.table == Table::OPERATION_LOG && file.path != sealed);
        prop_assert_eq!(new.is_some(), rows > 0);
        if let Some(new) = new {
            let noted = footer_of(&new.path).remove(footer::DAMAGED_BYTES);
            prop_assert_eq!(noted, (damaged > 0).then(|| damaged.to_string()));
        }
    }
}
