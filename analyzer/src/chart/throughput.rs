//! How many operations finished over time, how many of them failed, and the data that they processed.

use super::Chart;
use super::numbers::Numbers;
use super::over_time::{ChangeMark, Span, Track};
use super::picture::Picture;
use super::tracks::{TrackPanel, Tracks};
use super::unit::Unit;

/// Rates of operations over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Throughput {
    /// The name of the recording.
    pub recording: String,
    /// The time.
    pub span: Span,
    /// One panel for each, and one below it for failures and for data.
    pub operations: Vec<OperationThroughput>,
    /// How many operations are not shown, because there are too many.
    pub left_out: usize,
}

/// The rates of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationThroughput {
    /// Its name.
    pub name: String,
    /// The length of a window, ns.
    pub window_ns: i64,
    /// Operations that finished per second observed, lost ones included.
    pub finished: Track,
    /// The share of those with a known outcome that failed; `None` where no outcome is known.
    pub failed: Option<Track>,
    /// Data processed per second observed, bytes; `None` where they are not known.
    pub bytes: Option<Track>,
    /// The begins of windows with losses, ns UTC.
    pub lost: Vec<i64>,
    /// When the rate changed.
    pub changes: Vec<ChangeMark>,
    /// When the share of failures changed.
    pub failure_changes: Vec<ChangeMark>,
}

impl Throughput {
    fn tracks(&self) -> Tracks<'_> {
        let mut panels = Vec::new();
        for operation in &self.operations {
            let first = TrackPanel {
                heading: &operation.name,
                subject: &operation.name,
                axis: "finished",
                unit: Unit::PerSecond,
                height: 110,
                tracks: vec![(0, &operation.finished)],
                window_ns: operation.window_ns,
                lost: &operation.lost,
                changes: &operation.changes,
                empty: None,
            };
            panels.push(first.clone());
            if let Some(failed) = &operation.failed {
                panels.push(TrackPanel {
                    heading: "",
                    axis: "failed",
                    unit: Unit::Ratio,
                    height: 64,
                    tracks: vec![(2, failed)],
                    lost: &[],
                    changes: &operation.failure_changes,
                    ..first.clone()
                });
            }
            if let Some(bytes) = &operation.bytes {
                panels.push(TrackPanel {
                    heading: "",
                    axis: "data processed",
                    unit: Unit::BytesPerSecond,
                    height: 64,
                    tracks: vec![(3, bytes)],
                    lost: &[],
                    changes: &[],
                    ..first
                });
            }
        }
        Tracks {
            recording: &self.recording,
            what: "throughput and failures",
            about: "operations per second observed, and the share of them that failed".to_owned(),
            span: &self.span,
            panels,
            left_out: self.left_out,
        }
    }
}

impl Chart for Throughput {
    fn picture(&self) -> Picture {
        self.tracks().picture()
    }

    fn numbers(&self) -> Numbers {
        self.tracks().numbers()
    }
}
