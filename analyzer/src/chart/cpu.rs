//! CPU time of operations over time: on a CPU, and of it in user mode and in the kernel.

use super::Chart;
use super::numbers::Numbers;
use super::over_time::{ChangeMark, Span, Track};
use super::picture::Picture;
use super::tracks::{TrackPanel, Tracks};
use super::unit::Unit;

/// CPU time of operations over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Cpu {
    /// The name of the recording.
    pub recording: String,
    /// The time.
    pub span: Span,
    /// One panel for each.
    pub operations: Vec<OperationCpu>,
    /// How many operations are not shown, because there are too many.
    pub left_out: usize,
}

/// The CPU time of one operation, in CPUs: seconds per second.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationCpu {
    /// Its name.
    pub name: String,
    /// The length of a window, ns.
    pub window_ns: i64,
    /// On a CPU, user and system, as far as they were measured.
    pub tracks: Vec<Track>,
    /// The begins of windows with losses, ns UTC.
    pub lost: Vec<i64>,
    /// When the CPU time of an operation changed.
    pub changes: Vec<ChangeMark>,
}

impl Cpu {
    fn tracks(&self) -> Tracks<'_> {
        let panels = self.operations.iter().map(|operation| TrackPanel {
            heading: &operation.name,
            subject: &operation.name,
            axis: "CPU time per second",
            unit: Unit::Cpus,
            height: 140,
            tracks: operation.tracks.iter().enumerate().collect(),
            window_ns: operation.window_ns,
            lost: &operation.lost,
            changes: &operation.changes,
            empty: None,
        });
        Tracks {
            recording: &self.recording,
            what: "CPU time",
            about: "CPU time of operations with a row, per second observed".to_owned(),
            span: &self.span,
            panels: panels.collect(),
            left_out: self.left_out,
        }
    }
}

impl Chart for Cpu {
    fn picture(&self) -> Picture {
        self.tracks().picture()
    }

    fn numbers(&self) -> Numbers {
        self.tracks().numbers()
    }
}
