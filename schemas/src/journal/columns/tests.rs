//! This reader and Arrow's own give the same rows; harmed bytes make it neither panic nor take
//! memory that they do not stand for.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use proptest::prelude::*;

use super::*;
use crate::journal::payload::decode;
use crate::journal::{HEADER_BYTES, encode, lz4, pack};

/// Values of one column, of a shape that a column of a recording can have.
fn numbers(rows: usize) -> impl Strategy<Value = Vec<Option<i64>>> {
    let shape = prop_oneof![
        any::<i64>().prop_map(|one| vec![Some(one)]),
        Just(vec![None]),
        proptest::collection::vec(any::<Option<i64>>(), 1..4),
        proptest::collection::vec(proptest::option::of(0i64..9), 1..400),
        proptest::collection::vec(any::<Option<i64>>(), 1..400),
    ];
    shape.prop_map(move |some| some.iter().copied().cycle().take(rows).collect())
}

fn batches() -> impl Strategy<Value = RecordBatch> {
    (1usize..12_000).prop_flat_map(|rows| {
        proptest::collection::vec(numbers(rows), 4).prop_map(move |columns| {
            let words = StringArray::from(vec!["refresh", "lookup", ""]);
            let key = |value: &Option<i64>| value.map(|value| value.rem_euclid(3) as i32);
            let keys: Int32Array = columns[1].iter().map(key).collect();
            let truths: BooleanArray = columns[2]
                .iter()
                .map(|value| value.map(|value| value % 2 == 0))
                .collect();
            let text = |value: &Option<i64>| value.map(|value| value.to_string());
            let texts: Vec<Option<String>> = columns[3].iter().map(text).collect();
            let bytes = texts.iter().map(|text| text.as_ref().map(String::as_bytes));
            RecordBatch::try_from_iter_with_nullable([
                (
                    "number",
                    Arc::new(Int64Array::from(columns[0].clone())) as ArrayRef,
                    true,
                ),
                (
                    "word",
                    Arc::new(DictionaryArray::try_new(keys, Arc::new(words)).unwrap()),
                    true,
                ),
                ("truth", Arc::new(truths), true),
                ("histogram", Arc::new(bytes.collect::<BinaryArray>()), true),
                (
                    "text",
                    Arc::new(texts.iter().cloned().collect::<StringArray>()),
                    true,
                ),
            ])
            .unwrap()
        })
    })
}

fn payload_of(batch: &RecordBatch) -> Vec<u8> {
    let mut frame = Vec::new();
    encode(batch, &mut frame).unwrap();
    frame.split_off(HEADER_BYTES)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_batch_is_read_as_it_was_written_and_as_arrow_reads_it(written in batches()) {
        // All columns as Arrow writes them, and those of a fixed width as `stream` does.
        let flat = written.project(&[0, 1, 2]).unwrap();
        let (start, length) = (written.num_rows() / 3, written.num_rows() / 2);
        for written in [flat.slice(start, length), flat, written] {
            let payload = Buffer::from(payload_of(&written));
            let read = batch(&payload);
            prop_assert_eq!(read.as_ref(), Some(&written));
            prop_assert_eq!(decode(payload), read);
        }
    }

    /// Bytes of any length that repeat in any way.
    #[test]
    fn bytes_are_decompressed_as_they_were(
        some in proptest::collection::vec(any::<u8>(), 1..200),
        step in 1usize..40,
        length in 0usize..3_000,
    ) {
        let bytes: Vec<u8> = (0..length).map(|at| some[at / step * at % some.len()]).collect();
        let mut frame = Vec::new();
        pack::compress(&bytes, &mut frame);
        prop_assert_eq!(lz4::decompress(&frame, bytes.len()), Some(bytes));
    }

    /// Where both can read what was harmed, they read the same.
    #[test]
    fn harmed_bytes_are_never_other_rows_than_arrow_reads(
        written in batches(),
        flat in any::<bool>(),
        harms in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 1..4),
    ) {
        let written = if flat { written.project(&[0, 1, 2]).unwrap() } else { written };
        let mut payload = payload_of(&written);
        for (place, byte) in harms {
            let place = (payload.len() as f64 * place) as usize;
            payload[place] = byte;
        }
        let payload = Buffer::from(payload);
        let both = std::panic::catch_unwind(|| {
            crate::journal::payload::check(&payload)?;
            batch(&payload).zip(decode(payload.clone()))
        });
        if let Ok(Some((ours, of_arrow))) = both {
            prop_assert_eq!(&ours, &of_arrow);
            // It can be written and read again.
            let again = Buffer::from(payload_of(&ours));
            prop_assert_eq!(decode(again.clone()), batch(&again));
            prop_assert_eq!(batch(&again), Some(ours));
        }
    }

    /// `lz4` itself never panics: nothing catches it here.
    #[test]
    fn no_bytes_make_the_decompression_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        size in 0u32..400,
        length in 0usize..100_000,
    ) {
        let size = size.to_le_bytes();
        let header = [4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0];
        let frame = [&header[..], &size, &noise, &[0; 4]].concat();
        let _ = lz4::decompress(&frame, length);
        let whole = (noise.len() as u32).to_le_bytes();
        let frame = [&header[..], &whole, &noise, &[0; 4]].concat();
        if let Some(bytes) = lz4::decompress(&frame, length) {
            prop_assert_eq!(bytes.len(), length);
        }
    }
}

/// Each size of block that a frame can have, and several blocks.
#[test]
fn large_columns_are_read_as_they_were_written_and_as_arrow_reads_them() {
    for rows in [8_000, 30_000, 120_000, 400_000, 700_000] {
        let numbers = Int64Array::from_iter((0..rows).map(|row: i64| match row {
            row if row % 7 == 0 => None,
            row if row < rows / 2 => Some(row * row % 1_000),
            row => Some(row.wrapping_mul(0x5851_f42d_4c95_7f2d)),
        }));
        let numbers: ArrayRef = Arc::new(numbers);
        let written = RecordBatch::try_from_iter([("number", numbers)]).unwrap();
        let payload = Buffer::from(payload_of(&written));
        assert_eq!(batch(&payload).as_ref(), Some(&written), "{rows}");
        assert_eq!(decode(payload).as_ref(), Some(&written), "{rows}");
    }
}

#[test]
fn a_length_that_the_bytes_cannot_have_takes_no_memory() {
    let header = [4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0, 0, 0, 0, 0];
    assert_eq!(lz4::decompress(&header, 0), Some(Vec::new()));
    assert_eq!(lz4::decompress(&header, usize::MAX / 2), None);
    assert_eq!(lz4::decompress(&header, usize::MAX), None);
}

/// Overlapping matches of each distance and length, compared with a copy byte by byte.
#[test]
fn matches_repeat_what_is_before_them() {
    for offset in 1..=40usize {
        for length in 4..=70usize {
            let literals: Vec<u8> = (1..=40).collect();
            let mut expected = literals.clone();
            for _ in 0..length {
                expected.push(expected[expected.len() - offset]);
            }
            expected.extend([7; 5]);
            let more = |length: usize| match length.checked_sub(15) {
                Some(rest) => (15u8, vec![rest as u8]),
                None => (length as u8, vec![]),
            };
            let (first, literal_bytes) = more(literals.len());
            let (second, match_bytes) = more(length - 4);
            let block = [
                &[first << 4 | second][..],
                &literal_bytes,
                &literals,
                &(offset as u16).to_le_bytes(),
                &match_bytes,
                &[5 << 4, 7, 7, 7, 7, 7],
            ]
            .concat();
            let frame = [
                &[4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0][..],
                &(block.len() as u32).to_le_bytes(),
                &block,
                &[0; 4],
            ]
            .concat();
            let read = lz4::decompress(&frame, expected.len());
            assert_eq!(read.as_ref(), Some(&expected), "{offset} {length}");
            assert_eq!(lz4::decompress(&frame, expected.len() - 1), None);
            assert_eq!(lz4::decompress(&frame, expected.len() + 1), None);
        }
    }
}
