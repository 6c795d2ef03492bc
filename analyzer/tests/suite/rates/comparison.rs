//! Runs as two baseline files, which the program compares. A baseline gives the verdicts of its
//! recordings (`baseline.rs`), without the rows of thousands of recordings.

use std::fs;

use serde_json::Value;
use soakbox_analyzer::baseline::BaselineFile;
use soakbox_analyzer::windows::{Run, RunIdentity, Series};

use crate::program::{Place, analyzer, text};

/// Name of the operation.
const OPERATION: &str = "op";
/// Seconds from the begin of a run to that of the next.
const APART: i64 = 4_000;
const SECOND: i64 = 1_000_000_000;

/// The place of the files of a comparison, overwritten by the next one.
pub(crate) struct Comparisons(Place);

/// The order in which the runs of the two sides were recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    /// First the base, then the candidate: their runs are no pairs.
    OneAfterTheOther,
    /// In turn: each two in a row are a pair.
    InTurn,
}

impl Order {
    /// As the rows have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Order::OneAfterTheOther => "one after the other",
            Order::InTurn => "in turn",
        }
    }
}

/// A side of a comparison as a file.
pub(crate) struct Side(String);

/// The answer of the program.
pub(crate) struct Answer(Value);

impl Comparisons {
    pub(crate) fn new() -> Self {
        Self(Place::new())
    }

    /// Writes the runs of a side into the file `name`. The n-th begins at the place `place(n)` of
    /// all runs.
    fn side(&self, name: &str, runs: Vec<Series>, place: impl Fn(i64) -> i64) -> Side {
        let mut baseline = BaselineFile::default();
        baseline.add((0..).zip(runs).map(|(n, series)| {
            let begin = (1 + place(n)) * APART * SECOND;
            let length = series.length.ns() * series.windows.len() as i64;
            Run {
                restarts_ns: Vec::new(),
                identity: RunIdentity {
                    name: format!("{name}-{n}"),
                    recorder: format!("{:08x}", place(n)),
                    host: "host".to_owned(),
                    first_ns: begin,
                    last_ns: begin + length,
                    ..RunIdentity::default()
                },
                operations: [(OPERATION.to_owned(), series)].into(),
            }
        }));
        let path = self.0.path().join(name);
        fs::write(&path, baseline.encode().unwrap()).unwrap();
        Side(path.to_str().unwrap().to_owned())
    }

    /// The runs of the base.
    pub(crate) fn base(&self, runs: Vec<Series>, order: Order) -> Side {
        self.side("base", runs, |n| match order {
            Order::OneAfterTheOther => n,
            Order::InTurn => 2 * n,
        })
    }

    /// The runs of a candidate, one as long as the base.
    pub(crate) fn candidate(&self, name: &str, runs: Vec<Series>, order: Order) -> Side {
        let others = runs.len() as i64;
        self.side(name, runs, |n| match order {
            Order::OneAfterTheOther => others + n,
            Order::InTurn => 2 * n + 1,
        })
    }
}

/// What `compare` prints about the candidate, with these further arguments.
pub(crate) fn compare(base: &Side, candidate: &Side, more: &[&str]) -> Answer {
    let sides = ["compare", &base.0, "--against", &candidate.0];
    let output = analyzer(&[&sides[..], more, &["--format", "json"]].concat());
    assert_ne!(output.status.code(), Some(2), "{}", text(&output.stderr));
    Answer(serde_json::from_slice(&output.stdout).unwrap())
}

/// The arguments for a threshold of 0 of all metrics. The default is 5%, of `failure_rate` 0.1
/// percentage points.
pub(crate) const AT_ZERO: &[&str] = &["--threshold", "0%", "--threshold", "failure_rate=0%"];
/// The arguments for the default thresholds.
pub(crate) const AT_FIVE: &[&str] = &[];

impl Answer {
    /// The word of the whole comparison is that of a worse candidate: `regressed`, or `worse_run`
    /// of one run per side.
    pub(crate) fn is_alarm(&self) -> bool {
        ["regressed", "worse_run"].contains(&self.0["verdict"].as_str().unwrap())
    }

    /// The whole comparison passes.
    pub(crate) fn passes(&self) -> bool {
        ["pass", "like_run"].contains(&self.0["verdict"].as_str().unwrap())
    }

    /// The verdict on one metric.
    pub(crate) fn verdict(&self, metric: &str) -> &str {
        let effects = self.0["effects"].as_array().unwrap();
        let effect = effects.iter().find(|effect| effect["metric"] == metric);
        effect.unwrap()["verdict"].as_str().unwrap()
    }

    /// Whether the runs were compared in pairs.
    pub(crate) fn is_paired(&self) -> bool {
        self.0["paired"].as_bool().unwrap()
    }
}
