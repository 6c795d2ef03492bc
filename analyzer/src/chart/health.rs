//! How the recorder and its host fared: CPU time and memory, ring and queue, writes, what the probes cost, and
//! what tasks of the host waited for.

use super::Chart;
use super::numbers::Numbers;
use super::over_time::{Span, Track};
use super::picture::Picture;
use super::tracks::{TrackPanel, Tracks};
use super::unit::Unit;

/// Measurements of the recorder and its host over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// The name of the recording.
    pub recording: String,
    /// The time.
    pub span: Span,
    /// The length of a window, ns.
    pub window_ns: i64,
    /// From top to bottom.
    pub measures: Vec<HealthMeasure>,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthMeasure {
    /// What it is about.
    pub name: String,
    /// What its axis shows.
    pub axis: String,
    /// The unit of its tracks.
    pub unit: Unit,
    /// The numbers.
    pub tracks: Vec<Track>,
}

impl Health {
    fn tracks(&self) -> Tracks<'_> {
        // Tracks of different panels with a legend look different.
        let mut look = 0;
        let mut looked = |tracks: &'_ [Track]| {
            let first = if tracks.len() > 1 { look } else { 0 };
            look += if tracks.len() > 1 { tracks.len() } else { 0 };
            first
        };
        let panels = self.measures.iter().map(|measure| TrackPanel {
            heading: &measure.name,
            subject: &measure.name,
            axis: &measure.axis,
            unit: measure.unit,
            height: 84,
            tracks: (looked(&measure.tracks)..).zip(&measure.tracks).collect(),
            window_ns: self.window_ns,
            lost: &[],
            changes: &[],
            empty: None,
        });
        Tracks {
            recording: &self.recording,
            what: "health of the recorder and its host",
            about: "the recorder's measurements of itself and of its host".to_owned(),
            span: &self.span,
            panels: panels.collect(),
            left_out: 0,
        }
    }
}

impl Chart for Health {
    fn picture(&self) -> Picture {
        self.tracks().picture()
    }

    fn numbers(&self) -> Numbers {
        self.tracks().numbers()
    }
}
