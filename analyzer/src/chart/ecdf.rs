//! The share of operations that took at most a duration (ECDF). Several recordings are one line each.

use soakbox_cli::escaped;

use super::distribution::{Distribution, OperationDistributions};
use super::numbers::{Cell, Numbers};
use super::picture::{Mark, Panel, Picture};
use super::scale::{Form, Scale};
use super::spectrum::framed;
use super::theme::Ink;
use super::unit::Unit;
use super::{Chart, left_out_text};

/// Most rows of the table for one recording and operation.
const ROWS: usize = 200;

/// The shares of operations up to each duration.
#[derive(Clone, Debug, PartialEq)]
pub struct Ecdf {
    /// The names of the recordings.
    pub recordings: Vec<String>,
    /// One panel for each.
    pub operations: Vec<OperationDistributions>,
    /// How many operations are not shown, because there are too many.
    pub left_out: usize,
}

fn line(side: &Distribution, x: &Scale) -> Vec<(f64, f64)> {
    let total = side.total().max(1) as f64;
    let mut points = vec![(x.low, 0.0)];
    for (ns, before, until) in side.cumulative() {
        let at = x.position(ns);
        points.push((at, before as f64 / total));
        points.push((at, until as f64 / total));
    }
    points.push((x.high, 1.0));
    points
}

fn scale(operation: &OperationDistributions) -> Scale {
    Scale::covering(operation.values(), Unit::Nanoseconds, Form::FromZeroOrLog)
}

impl Chart for Ecdf {
    fn picture(&self) -> Picture {
        let panels = self.operations.iter().map(|operation| {
            let x = scale(operation);
            let y = Scale::covering([0.0, 1.0], Unit::Ratio, Form::FromZero);
            let heading = escaped(&operation.name).into_owned();
            let mut panel = Panel::new(heading, x.clone(), y.clone());
            panel.x_title = x.title("latency");
            panel.y_title = y.title("operations that took at most as long");
            panel.height = 200;
            let sides = operation.sides.iter().rev();
            panel.marks.extend(
                sides.map(|(number, side)| Mark::Line(line(side, &x), Ink::Series(*number))),
            );
            panel
        });
        let subtitle = format!(
            "share of operations by their duration, within 1/128{}",
            left_out_text(self.left_out)
        );
        framed(
            &self.recordings,
            &self.operations,
            ["distribution of latency", "Distribution of latency (ECDF)"],
            subtitle,
            panels.collect(),
        )
    }

    fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::new("share of operations that took at most as long")
            .texts(&["operation", "recording"])
            .number("duration_ns", Unit::Nanoseconds)
            .number("share", Unit::Ratio);
        for (panel, operation) in self.operations.iter().enumerate() {
            let x = scale(operation);
            for (_, side) in &operation.sides {
                let total = side.total().max(1) as f64;
                let every = side.buckets.len().div_ceil(ROWS).max(1);
                let last = side.buckets.len().saturating_sub(1);
                for (index, (ns, _, until)) in side.cumulative().enumerate() {
                    if index % every == 0 || index == last {
                        let share = until as f64 / total;
                        let row = vec![
                            Cell::text(&operation.name),
                            Cell::text(&side.recording),
                            Cell::number(ns),
                            Cell::number(share),
                        ];
                        numbers.push(row, panel, (x.position(ns), share));
                    }
                }
            }
        }
        numbers
    }
}
