//! Tests of the reader: damage costs the frames that it hits and no others, and a file is read
//! exactly as memory is.

use std::fs::File;

use super::*;
use crate::event::OperationEvent;
use crate::tables::{Annotation, AnnotationKind, OperationInfo, OperationLogBuilder};
use proptest::prelude::*;

fn rows_as_batch(rows: u64) -> RecordBatch {
    let plan = [OperationInfo {
        name: "refresh".into(),
        operation_type: 1,
    }];
    let mut builder = OperationLogBuilder::new(&plan);
    for row in 0..rows {
        let event = OperationEvent {
            duration_ns: row,
            ..Default::default()
        };
        assert!(builder.push(&event, 0));
    }
    builder.finish().unwrap()
}

/// A journal of batches of these sizes, and where each frame ends.
fn journal(sizes: &[u64]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for &size in sizes {
        encode(&rows_as_batch(size), &mut bytes).unwrap();
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// `payload` as a frame with a right header.
fn frame_of(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_le_bytes();
    let checksum = checksum(&length, payload).to_le_bytes();
    [&MAGIC[..], &length, &checksum, payload].concat()
}

fn rows(bytes: &[u8]) -> Vec<usize> {
    let batches = frames_in(bytes).filter_map(|frame| match frame {
        Frame::Batch(batch) => Some(batch.num_rows()),
        Frame::Damaged { .. } => None,
    });
    batches.collect()
}

/// Offset and length of each damaged stretch.
fn damage(bytes: &[u8]) -> Vec<(u64, u64)> {
    let damaged = frames_in(bytes).filter_map(|frame| match frame {
        Frame::Damaged { offset, bytes } => Some((offset, bytes)),
        Frame::Batch(_) => None,
    });
    damaged.collect()
}

#[test]
fn a_written_journal_reads_back() {
    let (bytes, _) = journal(&[1, 200, 3]);
    assert_eq!(rows(&bytes), [1, 200, 3]);
    assert_eq!(
        frames_in(&bytes).next(),
        Some(Frame::Batch(rows_as_batch(1)))
    );
}

/// A megabyte of headers, each with the length of all the rest.
fn false_magics() -> Vec<u8> {
    const BYTES: usize = 1 << 20;
    let mut bytes = Vec::new();
    while bytes.len() + HEADER_BYTES <= BYTES {
        let claimed = (BYTES - bytes.len() - HEADER_BYTES) as u32;
        bytes.extend(MAGIC);
        bytes.extend(claimed.to_le_bytes());
        bytes.extend([0; 4]);
    }
    bytes.resize(BYTES, 0);
    bytes
}

/// On-CPU time of this thread, which does not depend on what else the machine does.
fn on_cpu() -> std::time::Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let ns = times.split(' ').next().unwrap().parse().unwrap();
    std::time::Duration::from_nanos(ns)
}

#[test]
fn a_megabyte_of_false_magics_is_read_in_time() {
    let started = on_cpu();
    let bytes = false_magics();
    assert_eq!(damage(&bytes), [(0, bytes.len() as u64)]);
    assert_eq!(rows(&bytes), [0; 0]);
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let frames: Vec<Frame> = frames_of_file(&file);
    let whole = Frame::Damaged {
        offset: 0,
        bytes: bytes.len() as u64,
    };
    assert_eq!(frames, [whole]);
    let took = on_cpu() - started;
    assert!(took.as_secs() < 4, "{took:?}");
}

#[test]
fn a_frame_after_a_few_false_magics_is_found() {
    let mut bytes = Vec::new();
    let (valid, _) = journal(&[5]);
    for _ in 0..12 {
        let claimed = (200 + valid.len()) as u32;
        bytes.extend(MAGIC);
        bytes.extend(claimed.to_le_bytes());
        bytes.extend([7; 100]);
    }
    bytes.extend(&valid);
    bytes.extend([0; 300]);
    assert_eq!(rows(&bytes), [5]);
}

/// The checksum is right, so that the length can be trusted: frames inside the payload are not
/// frames of the journal.
#[test]
fn a_frame_with_a_right_checksum_and_no_batch_is_damaged_as_a_whole() {
    let (inner, _) = journal(&[1, 2]);
    for payload in [b"no batch".to_vec(), inner, Vec::new()] {
        let foreign = frame_of(&payload);
        let (before, _) = journal(&[5]);
        let (after, _) = journal(&[6]);
        let bytes = [before.as_slice(), &foreign, &after].concat();
        assert_eq!(rows(&bytes), [5, 6]);
        let stretch = (before.len() as u64, foreign.len() as u64);
        assert_eq!(damage(&bytes), [stretch]);
    }
}

fn frames_of_file(file: &File) -> Vec<Frame> {
    let length = file.metadata().unwrap().len();
    let frames = Frames::new(file.try_clone().unwrap(), length);
    frames.map(Result::unwrap).collect()
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error_and_then_the_end() {
    let (bytes, ends) = journal(&[5, 6]);
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let mut frames = Frames::new(file.try_clone().unwrap(), bytes.len() as u64);
    assert!(matches!(frames.next(), Some(Ok(Frame::Batch(_)))));
    assert_eq!(frames.offset(), ends[0] as u64);
    file.set_len(ends[0] as u64).unwrap();
    assert!(matches!(frames.next(), Some(Err(_))));
    assert!(frames.next().is_none());
}

/// The payload of a journal's only frame.
fn payload_of(rows: u64) -> Vec<u8> {
    journal(&[rows]).0.split_off(HEADER_BYTES)
}

/// False lengths cost no memory, wherever they are: a reader that trusted them would be killed for
/// the memory that it uses.
#[test]
fn no_number_in_a_payload_is_trusted() {
    let row = Annotation {
        at_ns: 1,
        until_ns: None,
        kind: AnnotationKind::Gap,
        text: "crash".to_owned(),
    };
    let mut frame = Vec::new();
    encode(&Annotation::batch(&[row]).unwrap(), &mut frame).unwrap();
    let payload = &frame[HEADER_BYTES..];
    for place in (0..payload.len() - 4).step_by(4) {
        for value in [i32::MAX as u32, u32::MAX] {
            let mut harmed = payload.to_vec();
            harmed[place..place + 4].copy_from_slice(&value.to_le_bytes());
            // Whatever the result is, the call returns soon.
            let _ = rows(&frame_of(&harmed));
        }
    }
}

/// Damage to the bytes of a journal.
#[derive(Clone, Debug)]
enum Harm {
    Flip(f64, u8),
    Overwrite(f64, Vec<u8>),
    Insert(f64, Vec<u8>),
    Remove(f64, usize),
    Cut(f64),
}

impl Harm {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |share: &f64| ((bytes.len() as f64 * share) as usize).min(bytes.len());
        match self {
            Harm::Flip(at, mask) => {
                let at = place(at);
                bytes
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte ^= mask);
            }
            Harm::Overwrite(at, with) => {
                let at = place(at);
                bytes
                    .iter_mut()
                    .skip(at)
                    .zip(with)
                    .for_each(|(byte, with)| *byte = *with);
            }
            Harm::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Harm::Remove(at, count) => {
                let at = place(at);
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            Harm::Cut(at) => bytes.truncate(place(at)),
        }
    }
}

fn harm() -> impl Strategy<Value = Harm> {
    let noise = || {
        let magic = Just([&MAGIC[..], &[9, 0, 0, 0, 1, 2]].concat());
        prop_oneof![proptest::collection::vec(any::<u8>(), 0..40), magic]
    };
    prop_oneof![
        (0.0..1.0, any::<u8>()).prop_map(|(at, mask)| Harm::Flip(at, mask)),
        (0.0..1.0, noise()).prop_map(|(at, with)| Harm::Overwrite(at, with)),
        (0.0..=1.0, noise()).prop_map(|(at, more)| Harm::Insert(at, more)),
        (0.0..1.0, 0usize..9_000).prop_map(|(at, count)| Harm::Remove(at, count)),
        (0.0..1.0).prop_map(Harm::Cut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_torn_tail_costs_only_the_frames_that_it_cuts(cut in 0.0..1.0f64) {
        let (bytes, ends) = journal(&[5, 6, 7]);
        let cut = (bytes.len() as f64 * cut) as usize;
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        prop_assert_eq!(rows(&bytes[..cut]), [5, 6, 7][..whole].to_vec());
    }

    #[test]
    fn a_flipped_bit_costs_exactly_the_frame_that_it_hits(place in 0.0..1.0f64, bit in 0u32..8) {
        let (mut bytes, ends) = journal(&[5, 6, 7]);
        let place = (bytes.len() as f64 * place) as usize;
        bytes[place] ^= 1 << bit;
        let hit = ends.iter().filter(|&&end| end <= place).count();
        let mut expected = vec![5, 6, 7];
        expected.remove(hit);
        prop_assert_eq!(rows(&bytes), expected);
        let start = if hit == 0 { 0 } else { ends[hit - 1] };
        prop_assert_eq!(damage(&bytes), [(start as u64, (ends[hit] - start) as u64)]);
    }

    #[test]
    fn bytes_put_between_frames_cost_no_frame(
        before in 0usize..=3,
        more in proptest::collection::vec(any::<u8>(), 1..60),
    ) {
        let (bytes, ends) = journal(&[5, 6, 7]);
        let at = if before == 0 { 0 } else { ends[before - 1] };
        let harmed = [&bytes[..at], &more, &bytes[at..]].concat();
        prop_assert_eq!(rows(&harmed), [5, 6, 7]);
        prop_assert_eq!(damage(&harmed), [(at as u64, more.len() as u64)]);
    }

    /// Whatever the damage to a journal: every batch that is read was written, in the same order;
    /// the frames cover all bytes, one after the other; and a file is read exactly as memory is.
    #[test]
    fn any_harm_leaves_frames_that_were_written_and_covers_every_byte(
        sizes in proptest::collection::vec(0u64..30, 0..6),
        harms in proptest::collection::vec(harm(), 0..4),
    ) {
        let (mut bytes, _) = journal(&sizes);
        for harm in &harms {
            harm.apply(&mut bytes);
        }
        let mut frames = Frames::new(source::Memory(&bytes), bytes.len() as u64);
        let (mut in_memory, mut offset) = (Vec::new(), 0);
        let mut written = sizes.iter().map(|&size| rows_as_batch(size));
        while let Some(Ok(frame)) = frames.next() {
            match &frame {
                Frame::Batch(batch) => prop_assert!(written.any(|one| one == *batch)),
                Frame::Damaged { offset: start, bytes } => {
                    prop_assert_eq!(*start, offset);
                    prop_assert_eq!(start + bytes, frames.offset());
                }
            }
            prop_assert!(frames.offset() > offset);
            offset = frames.offset();
            in_memory.push(frame);
        }
        prop_assert_eq!(offset, bytes.len() as u64);
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        prop_assert_eq!(frames_of_file(&file), in_memory);
    }

    #[test]
    fn no_payload_makes_it_panic(
        flips in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 1..12),
        cut in 0.0..=1.0f64,
    ) {
        let mut payload = payload_of(20);
        for (place, byte) in flips {
            let place = (payload.len() as f64 * place) as usize;
            payload[place] = byte;
        }
        payload.truncate((payload.len() as f64 * cut) as usize);
        let frame = frame_of(&payload);
        prop_assert_eq!(frames_in(&frame).count(), 1);
    }

    #[test]
    fn no_bytes_make_it_panic_or_loop(noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        let bytes = [&MAGIC[..], &noise].concat();
        let covered: u64 = damage(&bytes).iter().map(|(_, bytes)| bytes).sum();
        prop_assert_eq!(covered, bytes.len() as u64);
    }
}
