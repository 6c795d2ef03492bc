//! Figures, pictures and the windows of verdicts of counts that are read by what their segments add up
//! to are those of their rows, whatever is missing, wrong or late.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use soakbox_analyzer::figures::{Info, Reading, Summary, Timeline};
use soakbox_analyzer::recording;
use soakbox_analyzer::windows::Cut;
use soakbox_schemas::recording::{Deleted, Deletions, RETENTION_FILE};
use soakbox_schemas::tables::{Annotation, AnnotationKind, OperationMetrics, Table};
use soakbox_testing::{Recorder, Rows, SECOND, Soak, concat};

use crate::time_of_runs::later;

/// What differs from a plain recording.
#[derive(Clone, Debug, Default)]
struct Shape {
    seconds: i64,
    /// Seconds per segment of counts.
    per_segment: usize,
    lost: u64,
    gap_at: Option<i64>,
    /// Changes of the counted rows of an operation in a second.
    changed: Vec<(usize, i64)>,
    /// Seconds whose counts come as a second row, in the last interval's place.
    late: Vec<usize>,
    /// Seconds whose rows are missing.
    without_rows: Vec<usize>,
    /// Seconds whose counts and rows are missing.
    unobserved: Vec<usize>,
    /// Files of rows, of 50 seconds each, that retention deleted.
    deleted: usize,
    /// Seconds of a sample of one in ten in which rows of the sample were lost.
    lost_samples: Vec<usize>,
    /// The run does not end in order.
    is_killed: bool,
    /// From this second on the clock shows this number of seconds more.
    step: Option<(usize, i64)>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let seconds = || prop::collection::vec(0usize..600, 0..3);
    (
        (
            150i64..700,
            1usize..120,
            0u64..3,
            prop::option::of(20i64..500),
        ),
        (
            prop::collection::vec((0usize..600, prop::sample::select(vec![-1i64, 1, 3])), 0..3),
            seconds(),
            seconds(),
            any::<bool>(),
        ),
        (
            prop_oneof![Just(0usize), 1usize..16],
            seconds(),
            prop_oneof![Just(Vec::new()), seconds()],
            prop_oneof![
                3 => Just(None),
                1 => (1usize..600, -400i64..4_000).prop_map(Some),
            ],
        ),
    )
        .prop_map(
            |(size, faults, (deleted, lost_samples, unobserved, step))| Shape {
                seconds: size.0,
                per_segment: size.1,
                lost: size.2,
                gap_at: size.3.filter(|at| at + 12 < size.0),
                changed: faults.0,
                late: faults.1,
                without_rows: faults.2,
                is_killed: faults.3,
                deleted,
                lost_samples,
                unobserved,
                step,
            },
        )
}

/// Rows of a load in which the counts of some seconds are wrong or late.
fn rows(shape: &Shape) -> Rows {
    let soak = Soak {
        seconds: shape.seconds,
        refreshes_per_second: 2,
        controls_per_second: 3,
        lost: shape.lost,
        gap_at: shape.gap_at,
        ..Soak::default()
    };
    let mut rows = soak.rows().with_kernel_sums();
    for &(second, more) in &shape.changed {
        if let Some(counts) = rows.metrics.get_mut(second) {
            let counts = &mut counts[second % 2];
            counts.recorded = counts.recorded.saturating_add_signed(more);
        }
    }
    for &second in &shape.lost_samples {
        if let Some(counts) = rows.metrics.get_mut(second) {
            let more = second as u64 % 5;
            counts[0].sampled_out += 9 * (counts[0].recorded + more);
            counts[0].lost_ring_full += more;
            counts[0].finished += 9 * counts[0].recorded + 10 * more;
            counts[0].begun = counts[0].finished;
        }
    }
    for &second in &shape.late {
        let Some(counts) = rows.metrics.get_mut(second) else {
            continue;
        };
        let late = OperationMetrics {
            finished: 1,
            recorded: 1,
            begun: 1,
            durations_ns: None,
            ..counts[1].clone()
        };
        counts[1].finished -= 1;
        counts[1].recorded -= 1;
        counts[1].begun -= 1;
        let next = (second + 3).min(rows.metrics.len() - 1);
        rows.metrics[next].push(late);
    }
    rows
}

fn seal(root: &Path, shape: &Shape, rolls_up: bool) {
    let mut rows = rows(shape);
    for &second in &shape.without_rows {
        if let Some(log) = rows.log.get_mut(second) {
            *log = log.slice(0, 0);
        }
    }
    for &second in &shape.unobserved {
        if let (Some(log), Some(counts)) = (rows.log.get_mut(second), rows.metrics.get_mut(second))
        {
            *log = log.slice(0, 0);
            counts.clear();
        }
    }
    if let Some((second, by)) = shape.step {
        step_clock(&mut rows, second, by * SECOND);
    }
    let mut recorder = Recorder::new(root);
    recorder.rolls_up = rolls_up;
    let parts = rows.log.chunks(50).map(concat);
    let log = parts.map(|batch| (Table::OPERATION_LOG, batch));
    let parts = rows.metrics.chunks(shape.per_segment);
    let parts = parts.map(|part| OperationMetrics::batch(&part.concat()).unwrap());
    let counts = parts.map(|batch| (Table::OPERATION_METRICS, batch));
    // The recorder seals no segment without rows.
    for (table, batch) in log.chain(counts).filter(|(_, batch)| batch.num_rows() > 0) {
        recorder.seal(table, &batch);
    }
    if shape.is_killed {
        let stopped = AnnotationKind::RecordingStopped;
        rows.annotations.retain(|one| one.kind != stopped);
    }
    let annotations = Annotation::batch(&rows.annotations).unwrap();
    recorder.seal(Table::ANNOTATIONS, &annotations);
    delete_first_rows(root, shape.deleted);
}

fn step_clock(rows: &mut Rows, from: usize, by_ns: i64) {
    for log in rows.log.iter_mut().skip(from) {
        *log = later(log, by_ns);
    }
    for row in rows.metrics.iter_mut().skip(from).flatten() {
        row.at_ns += by_ns;
    }
    let from_ns = rows.annotations[0].at_ns + from as i64 * SECOND;
    for note in rows.annotations.iter_mut().skip(1) {
        note.at_ns += if note.at_ns > from_ns { by_ns } else { 0 };
    }
}

/// Deletes the first files of rows, but for one, as retention does.
fn delete_first_rows(root: &Path, most: usize) {
    let recording = recording::open(root, false).unwrap();
    let mut all: Vec<_> = recording.segments(Table::OPERATION_LOG).collect();
    all.sort_by_key(|segment| segment.range.unwrap().first_ns);
    let mut deletions = Deletions::default();
    for segment in &all[..most.min(all.len().saturating_sub(1))] {
        let range = segment.range.unwrap();
        let deleted = Deleted {
            rows: segment.rows,
            files: 1,
            bytes: segment.bytes,
            from_ns: range.first_ns,
            until_ns: range.last_ns,
        };
        deletions.add(&segment.origin.recorder, Table::OPERATION_LOG, deleted);
        fs::remove_file(&segment.path).unwrap();
    }
    fs::write(root.join(RETENTION_FILE), deletions.to_bytes().unwrap()).unwrap();
}

/// Everything that figures, pictures and verdicts are made of.
fn figures(root: &Path) -> Vec<String> {
    let shown = [Cut::WHOLE, Cut::Shown { most: 7 }, Timeline::CUT];
    let judged = [1, 4, 30].map(Cut::at_most);
    shown
        .into_iter()
        .chain(judged)
        .map(|cut| {
            let mut reading = Reading::open(root, false, cut).unwrap();
            let mut info = Info::of(&reading);
            let mut summary = Summary::of(&reading);
            // The files differ in their place and their size.
            (info.recording, summary.recording) = Default::default();
            info.tables.clear();
            let timeline = Timeline::of(&reading, &[]);
            for run in &mut reading.runs {
                (run.identity.name, run.identity.recording) = Default::default();
            }
            let runs = &reading.runs;
            format!("{cut:?}\n{info:#?}\n{summary:#?}\n{timeline:#?}\n{runs:#?}")
        })
        .collect()
}

fn assert_same(shape: &Shape) {
    let place = tempfile::tempdir().unwrap();
    let roots = [true, false].map(|rolls_up| {
        let root = place.path().join(rolls_up.to_string());
        seal(&root, shape, rolls_up);
        root
    });
    let [with, without] = roots.each_ref().map(|root| figures(root));
    for (with, without) in with.iter().zip(&without) {
        let lines = with.lines().zip(without.lines());
        let difference: Vec<_> = lines.filter(|(one, other)| one != other).collect();
        assert!(difference.is_empty(), "{shape:?}: {difference:#?}");
        assert_eq!(with.len(), without.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn figures_are_those_of_the_rows(shape in shape()) {
        assert_same(&shape);
    }
}

const PLAIN: Shape = Shape {
    seconds: 300,
    per_segment: 60,
    lost: 0,
    gap_at: None,
    changed: Vec::new(),
    late: Vec::new(),
    without_rows: Vec::new(),
    is_killed: false,
    deleted: 0,
    lost_samples: Vec::new(),
    unobserved: Vec::new(),
    step: None,
};

#[test]
fn rows_that_are_missing_before_deleted_ones_are_taken_for_deleted() {
    let shape = Shape {
        without_rows: vec![0],
        deleted: 1,
        ..PLAIN
    };
    assert_same(&shape);
    let place = tempfile::tempdir().unwrap();
    seal(place.path(), &shape, false);
    let reading = Reading::open(place.path(), false, Cut::at_most(30)).unwrap();
    assert_eq!(reading.runs[0].identity.warnings, [""; 0]);
}

#[test]
fn counts_of_two_intervals_that_make_up_for_each_other_disagree() {
    let shape = Shape {
        changed: vec![(70, 1), (72, -1)],
        ..PLAIN
    };
    assert_same(&shape);
    let place = tempfile::tempdir().unwrap();
    seal(place.path(), &shape, true);
    let reading = Reading::open(place.path(), false, Cut::WHOLE).unwrap();
    assert_eq!(reading.counts_agree(), Some(false));
}

/// Damages the pages of a segment, or what is behind them.
fn damage(root: &Path, segment: usize, is_roll_up: bool) {
    let recording = recording::open(root, false).unwrap();
    let mut segments = recording.segments(Table::OPERATION_METRICS);
    let path = &segments.nth(segment).unwrap().path;
    let mut bytes = fs::read(path).unwrap();
    let magic = bytes.windows(4).rposition(|four| four == b"SBJ1").unwrap();
    match is_roll_up {
        true => bytes[magic + 100] ^= 1,
        false => bytes[4..magic].fill(0),
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn rows_are_not_read_where_their_sum_is_enough_and_are_where_it_is_damaged() {
    let place = tempfile::tempdir().unwrap();
    seal(place.path(), &PLAIN, true);
    let open = |cut| Reading::open(place.path(), false, cut).map(|one| Summary::of(&one));
    let whole = open(Cut::WHOLE).unwrap();
    damage(place.path(), 1, true);
    assert_eq!(open(Cut::WHOLE).unwrap().operations, whole.operations);
    damage(place.path(), 1, false);
    let failure = open(Cut::WHOLE).unwrap_err().to_string();
    assert!(failure.contains("corrupt Parquet file"), "{failure}");
    // The second one is good again, the third has no pages.
    let place = tempfile::tempdir().unwrap();
    seal(place.path(), &PLAIN, true);
    let judged = || {
        let reading = Reading::open(place.path(), false, Cut::at_most(1)).unwrap();
        format!("{:?}", (reading.runs, reading.counts))
    };
    let undamaged = judged();
    damage(place.path(), 2, false);
    assert_eq!(judged(), undamaged);
    let open = |cut| Reading::open(place.path(), false, cut).map(|one| Summary::of(&one));
    assert_eq!(open(Cut::WHOLE).unwrap().operations, whole.operations);
    let judged = open(Cut::at_most(100)).unwrap_err().to_string();
    assert!(judged.contains("corrupt Parquet file"), "{judged}");
    assert!(
        open(Cut::Shown { most: 200 }).is_err(),
        "windows of seconds"
    );
}

#[test]
fn a_roll_up_that_lacks_a_column_is_not_read() {
    let place = tempfile::tempdir().unwrap();
    seal(place.path(), &PLAIN, false);
    let root = place.path();
    let whole = figures(root);
    for column in [
        "at",
        "last_at",
        "interval",
        "operation",
        "rows",
        "recorded_check",
        "lost",
        "finished",
        "begun",
        "lost_ring_full",
        "durations_ns",
    ] {
        let mut recorder = Recorder::new(root);
        recorder.roll_up_lacks = Some(column.to_owned());
        let counts = rows(&PLAIN).metrics[60..120].concat();
        recorder.seal_as(
            Table::OPERATION_METRICS,
            &OperationMetrics::batch(&counts).unwrap(),
            2,
        );
        assert_eq!(figures(root), whole, "{column}");
    }
}

#[test]
fn a_place_beyond_the_file_is_no_roll_up() {
    let place = tempfile::tempdir().unwrap();
    seal(place.path(), &PLAIN, false);
    let root = place.path();
    let whole = figures(root);
    for text in [
        "0+12",
        "4+0",
        "18446744073709551615+2",
        "4+99999999999",
        "100+60",
    ] {
        let counts = rows(&PLAIN).metrics[60..120].concat();
        let batch = OperationMetrics::batch(&counts).unwrap();
        let mut recorder = Recorder::new(root);
        recorder.rolls_up = false;
        let more = [("soakbox.roll_up", text)];
        recorder.seal_with(Table::OPERATION_METRICS, &batch, 2, &more);
        assert_eq!(figures(root), whole, "{text}");
    }
}
