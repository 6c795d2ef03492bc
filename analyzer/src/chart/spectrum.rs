//! The percentile spectrum: the duration at each percentile, with as much room for the slowest thousandth
//! as for the slowest tenth. Several recordings are one line each.

use soakbox_cli::escaped;

use super::distribution::{Distribution, OperationDistributions};
use super::numbers::{Cell, Numbers};
use super::over_time::series_key;
use super::picture::{Mark, Panel, Picture};
use super::scale::{Form, Scale};
use super::theme::Ink;
use super::unit::Unit;
use super::{Chart, left_out_text, names};
use crate::units::{count, duration};

/// The percentiles of the table.
const LEVELS: [(f64, &str); 9] = [
    (0.5, "p50_ns"),
    (0.75, "p75_ns"),
    (0.9, "p90_ns"),
    (0.95, "p95_ns"),
    (0.99, "p99_ns"),
    (0.999, "p999_ns"),
    (0.9999, "p9999_ns"),
    (0.99999, "p99999_ns"),
    (1.0, "max_ns"),
];

/// The durations of operations at each percentile.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// The names of the recordings.
    pub recordings: Vec<String>,
    /// One panel for each.
    pub operations: Vec<OperationDistributions>,
    /// How many operations are not shown, because there are too many.
    pub left_out: usize,
}

/// The place of a quantile: the number of its nines.
fn nines(level: f64) -> f64 {
    -(1.0 - level).max(1e-18).log10()
}

/// The axis up to the quantile of the longest of `total` durations.
fn scale(total: u64) -> Scale {
    let high = nines(1.0 - 0.5 / total.max(1) as f64).max(1.0);
    let most = high.ceil() as usize;
    let label = |nines: usize| match nines {
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!("99.{} %", "9".repeat(more - 2)),
    };
    let mut ticks = vec![(0.0, "0 %".to_owned()), (nines(0.5), "50 %".to_owned())];
    ticks.extend((1..=most).map(|nines| (nines as f64, label(nines))));
    ticks.retain(|(at, _)| *at <= high + 1e-9);
    Scale {
        low: 0.0,
        high,
        ticks,
        unit: String::new(),
        logarithmic: false,
    }
}

impl OperationDistributions {
    /// The axes of its panel.
    fn axes(&self) -> [Scale; 2] {
        let totals = self.sides.iter().map(|(_, side)| side.total());
        let y = Scale::covering(self.values(), Unit::Nanoseconds, Form::FromZeroOrLog);
        [scale(totals.max().unwrap_or(1)), y]
    }
}

fn line(side: &Distribution, y: &Scale) -> Vec<(f64, f64)> {
    let total = side.total().max(1) as f64;
    let mut points = Vec::new();
    for (ns, _, until) in side.cumulative() {
        let at = y.position(ns);
        if points.is_empty() {
            points.push((0.0, at));
        }
        points.push((nines((until as f64 - 0.5) / total), at));
    }
    points
}

impl Spectrum {
    fn subtitle(&self) -> String {
        let sides = self.operations.iter().flat_map(|one| &one.sides);
        let of_all = sides.clone().any(|(_, side)| side.of_finished);
        let of_all = if of_all {
            "; of all finished operations where rows are missing"
        } else {
            ""
        };
        let left_out = left_out_text(self.left_out);
        format!("duration at each percentile, within 1/128{of_all}{left_out}")
    }
}

/// What spectrum and ECDF say about operations.
fn described(operations: &[OperationDistributions]) -> String {
    let mut text = String::new();
    for operation in operations {
        for (_, side) in &operation.sides {
            let (Some(p50), Some(p99)) = (side.quantile(0.5), side.quantile(0.99)) else {
                continue;
            };
            text.push_str(&format!(
                ". {} in {}: {} operations, median {}, 99th percentile {}",
                escaped(&operation.name),
                escaped(&side.recording),
                count(side.total()),
                duration(p50),
                duration(p99)
            ));
        }
    }
    text.push('.');
    text
}

/// The picture of distributions of several recordings, with what it shows in the middle and at the
/// begin of a sentence.
pub(super) fn framed(
    recordings: &[String],
    operations: &[OperationDistributions],
    [what, title]: [&str; 2],
    subtitle: String,
    panels: Vec<Panel>,
) -> Picture {
    let keys = recordings.iter().enumerate();
    let of = names(operations.iter().map(|one| one.name.as_str()));
    let within = names(recordings.iter().map(String::as_str));
    Picture {
        heading: format!("{within}: {what}"),
        title: format!("{title} of {of} in {within}"),
        description: format!("{subtitle}{}", described(operations)),
        subtitle,
        legend: keys
            .map(|(number, name)| series_key(number, name))
            .collect(),
        panels,
    }
}

impl Chart for Spectrum {
    fn picture(&self) -> Picture {
        let panels = self.operations.iter().map(|operation| {
            let [x, y] = operation.axes();
            let mut panel = Panel::new(escaped(&operation.name).into_owned(), x, y.clone());
            panel.x_title = "percentile; each nine has the same room".to_owned();
            panel.y_title = y.title("latency");
            panel.height = 200;
            let sides = operation.sides.iter().rev();
            panel.marks.extend(
                sides.map(|(number, side)| Mark::Line(line(side, &y), Ink::Series(*number))),
            );
            panel
        });
        framed(
            &self.recordings,
            &self.operations,
            ["percentile spectrum", "Percentile spectrum"],
            self.subtitle(),
            panels.collect(),
        )
    }

    fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::new("durations at percentiles")
            .texts(&["operation", "recording"])
            .number("count", Unit::Count);
        for (_, name) in LEVELS {
            numbers = numbers.number(name, Unit::Nanoseconds);
        }
        for (panel, operation) in self.operations.iter().enumerate() {
            let [x, y] = operation.axes();
            for (_, side) in &operation.sides {
                let mut row = vec![
                    Cell::text(&operation.name),
                    Cell::text(&side.recording),
                    Cell::number(side.total() as f64),
                ];
                for (level, _) in LEVELS {
                    let quantile = side.quantile(level);
                    let at = (
                        nines(level).min(x.high),
                        y.position(quantile.unwrap_or(f64::NAN)),
                    );
                    numbers.place(Some(row.len()), panel, at);
                    row.push(Cell::Number(quantile));
                }
                numbers.rows.push(row);
            }
        }
        numbers
    }
}
