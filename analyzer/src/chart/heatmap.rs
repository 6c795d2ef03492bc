//! Durations over time as a heat map: time from left to right, the logarithm of durations upwards, and
//! the share of a window's operations as darkness.

use std::collections::BTreeMap;

use soakbox_cli::escaped;

use super::distribution::Bucket;
use super::numbers::{Cell, Numbers};
use super::over_time::Span;
use super::picture::{Key, Mark, Picture, Sample};
use super::scale::Scale;
use super::theme::{Ink, LEVELS};
use super::unit::Unit;
use super::{Chart, heading, left_out_text, names};
use crate::units::window_length;

/// Smallest shares of the levels above the lowest.
const SHARES: [f64; LEVELS.len() - 1] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3];
/// Rows of a map and windows of a column, from fine to coarse: the first of them with few enough
/// rectangles is drawn.
const GRIDS: [(usize, usize); 8] = [
    (48, 1),
    (36, 1),
    (24, 1),
    (24, 2),
    (16, 2),
    (16, 4),
    (12, 8),
    (8, 16),
];
/// Most rectangles of a chart, so that the file is small.
const MOST_CELLS: usize = 7_000;
/// Rows to a power of two at most: a row is not narrower than two buckets of a histogram.
const ROWS_PER_OCTAVE: f64 = 32.0;

/// Durations of operations over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Heatmap {
    /// The name of the recording.
    pub recording: String,
    /// The time.
    pub span: Span,
    /// One panel for each.
    pub operations: Vec<OperationHeat>,
    /// How many operations are not shown, because there are too many.
    pub left_out: usize,
}

/// The durations of one operation in each window.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationHeat {
    /// Its name.
    pub name: String,
    /// The length of a window, ns.
    pub window_ns: i64,
    /// The begin of each window, ns UTC, and its durations.
    pub windows: Vec<(i64, Vec<Bucket>)>,
    /// Whether they are those of all finished operations, also of those without a row.
    pub of_finished: bool,
}

/// A map with its rows: counts per column and row.
struct Grid {
    window_ns: i64,
    rows: Rows,
    /// The begin of each column, and its counts by row.
    columns: Vec<(i64, BTreeMap<usize, u64>)>,
}

/// Rows of equal height on a logarithmic axis.
struct Rows {
    low: f64,
    height: f64,
    number: usize,
}

impl Rows {
    fn covering(low: f64, high: f64, most: usize) -> Self {
        let (low, high) = (low.log10(), high.log10());
        let octaves = (high - low) / 2f64.log10();
        let number = ((octaves * ROWS_PER_OCTAVE) as usize).clamp(1, most);
        let height = (high - low) / number as f64;
        // One value has a row around it.
        match height > 0.0 {
            true => Self {
                low,
                height,
                number,
            },
            false => Self {
                low: low - 0.02,
                height: 0.04,
                number: 1,
            },
        }
    }

    fn of(&self, ns: f64) -> usize {
        (((ns.log10() - self.low) / self.height) as usize).min(self.number - 1)
    }

    fn bottom(&self, row: usize) -> f64 {
        self.low + self.height * row as f64
    }
}

/// A duration on a logarithmic axis.
fn positive(ns: i64) -> f64 {
    ns.max(1) as f64
}

impl OperationHeat {
    fn extremes(&self) -> Option<(f64, f64)> {
        let buckets = self.windows.iter().flat_map(|(_, buckets)| buckets);
        let ns = buckets.map(|bucket| positive(bucket.ns));
        let low = ns.clone().min_by(f64::total_cmp)?;
        Some((low, ns.max_by(f64::total_cmp)?))
    }

    fn grid(&self, (rows, merged): (usize, usize)) -> Option<Grid> {
        let (low, high) = self.extremes()?;
        let rows = Rows::covering(low, high, rows);
        let window_ns = self.window_ns.saturating_mul(merged as i64).max(1);
        let mut columns: BTreeMap<i64, BTreeMap<usize, u64>> = BTreeMap::new();
        for (at, buckets) in &self.windows {
            let at = at.div_euclid(window_ns).saturating_mul(window_ns);
            let column = columns.entry(at).or_default();
            for bucket in buckets {
                let count = column.entry(rows.of(positive(bucket.ns))).or_default();
                *count = count.saturating_add(bucket.count);
            }
        }
        Some(Grid {
            window_ns,
            rows,
            columns: columns.into_iter().collect(),
        })
    }
}

impl Grid {
    /// Rectangles of one level: its number, the row, and from when to when, ns UTC.
    fn cells(&self) -> Vec<(usize, usize, i64, i64)> {
        let mut cells: Vec<(usize, usize, i64, i64)> = Vec::new();
        // Where the last rectangle of each row is.
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for (at, counts) in &self.columns {
            let total: u64 = counts.values().fold(0, |sum, one| sum.saturating_add(*one));
            let end = at.saturating_add(self.window_ns);
            for (row, count) in counts {
                let share = *count as f64 / total as f64;
                let level = SHARES.iter().filter(|least| share >= **least).count();
                match last.get(row).map(|index| &mut cells[*index]) {
                    Some(cell) if cell.0 == level && cell.3 == *at => cell.3 = end,
                    _ => {
                        last.insert(*row, cells.len());
                        cells.push((level, *row, *at, end));
                    }
                }
            }
        }
        cells
    }
}

impl Heatmap {
    /// The finest maps that have few enough rectangles together.
    fn grids(&self) -> Vec<Option<Grid>> {
        let all = |grid| self.operations.iter().map(move |one| one.grid(grid));
        let few = |grids: &Vec<Option<Grid>>| {
            let cells = grids.iter().flatten().map(|grid| grid.cells().len());
            cells.sum::<usize>() <= MOST_CELLS
        };
        let mut grids = GRIDS.into_iter().map(|grid| all(grid).collect::<Vec<_>>());
        let coarsest = || all(GRIDS[GRIDS.len() - 1]).collect();
        grids.find(few).unwrap_or_else(coarsest)
    }

    fn subtitle(&self) -> String {
        let left_out = left_out_text(self.left_out);
        format!(
            "share of the operations of each window, by their duration, {}{left_out}",
            self.span.text()
        )
    }

    fn description(&self) -> String {
        let mut text = self.subtitle();
        for operation in &self.operations {
            if let Some((low, high)) = operation.extremes() {
                text.push_str(&format!(
                    ". {}, windows of {}: durations from {} to {}",
                    escaped(&operation.name),
                    window_length(operation.window_ns),
                    Unit::Nanoseconds.text(low),
                    Unit::Nanoseconds.text(high)
                ));
            }
        }
        text.push('.');
        text.push_str(&self.span.unobserved_text());
        text
    }
}

impl Chart for Heatmap {
    fn picture(&self) -> Picture {
        let time = self.span.scale();
        let panels = self
            .operations
            .iter()
            .zip(self.grids())
            .map(|(operation, grid)| {
                let (low, high) = operation.extremes().unwrap_or((1e3, 1e6));
                let y = Scale::logarithmic(low, high, Unit::Nanoseconds);
                let title = y.title("latency");
                let mut panel = self.span.panel(&heading(&operation.name), y.clone(), title);
                panel.height = 190;
                let Some(grid) = grid else {
                    panel.empty = Some("no durations".to_owned());
                    return panel;
                };
                panel.note = format!("per {} window", window_length(grid.window_ns));
                if operation.of_finished {
                    panel.note.push_str(", all finished operations");
                }
                let cells = grid.cells();
                for level in 0..LEVELS.len() {
                    let of_level = cells.iter().filter(|cell| cell.0 == level);
                    let rectangles = of_level.map(|(_, row, from, to)| {
                        let (bottom, top) = (grid.rows.bottom(*row), grid.rows.bottom(row + 1));
                        let ends = [bottom, top].map(|at| at.clamp(y.low, y.high));
                        [time.position(*from), time.position(*to), ends[0], ends[1]]
                    });
                    let rectangles: Vec<[f64; 4]> = rectangles.collect();
                    panel.marks.push(Mark::Cells(rectangles, Ink::Level(level)));
                }
                panel
            });
        let mut legend = vec![Key {
            sample: Sample::Levels,
            label: "below 0.1 %, from 0.1, 0.3, 1, 3, 10 and 30 % of a window's operations"
                .to_owned(),
        }];
        legend.extend(self.span.key());
        let names = names(self.operations.iter().map(|one| one.name.as_str()));
        let recording = escaped(&self.recording);
        Picture {
            heading: format!("{recording}: latency heat map"),
            subtitle: self.subtitle(),
            title: format!("Latency heat map of {names} in {recording}"),
            description: self.description(),
            legend,
            panels: panels.collect(),
        }
    }

    fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::new(format!("{}: latency heat map", self.recording))
            .texts(&["operation", "window_from"])
            .number("duration_from_ns", Unit::Nanoseconds)
            .number("duration_to_ns", Unit::Nanoseconds)
            .number("count", Unit::Count);
        let time = self.span.scale();
        let grids = self.operations.iter().zip(self.grids()).enumerate();
        for (panel, (operation, grid)) in grids {
            let Some(grid) = grid else { continue };
            for (at, counts) in &grid.columns {
                for (row, count) in counts {
                    let ends = [*row, row + 1].map(|row| 10f64.powf(grid.rows.bottom(row)).round());
                    let middle = time.position(at.saturating_add(grid.window_ns / 2));
                    let height = grid.rows.bottom(*row) + grid.rows.height / 2.0;
                    let row = vec![
                        Cell::text(&operation.name),
                        Cell::Time(*at),
                        Cell::number(ends[0]),
                        Cell::number(ends[1]),
                        Cell::number(*count as f64),
                    ];
                    numbers.push(row, panel, (middle, height));
                }
            }
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heat(windows: Vec<(i64, Vec<Bucket>)>) -> OperationHeat {
        OperationHeat {
            name: "a".to_owned(),
            window_ns: 10,
            windows,
            of_finished: false,
        }
    }

    #[test]
    fn neighbours_of_one_level_are_one_rectangle_and_gaps_stay() {
        let same = || vec![Bucket { ns: 5, count: 3 }];
        let grid = heat(vec![(0, same()), (10, same()), (30, same())]).grid(GRIDS[0]);
        let cells = grid.unwrap().cells();
        let highest = LEVELS.len() - 1;
        assert_eq!(cells, [(highest, 0, 0, 20), (highest, 0, 30, 40)]);
        assert!(heat(Vec::new()).grid(GRIDS[0]).is_none());
    }

    #[test]
    fn all_operations_are_counted_whatever_the_grid() {
        let buckets = |at: i64| {
            (1..50)
                .map(|n| Bucket {
                    ns: at * n * n,
                    count: 2,
                })
                .collect()
        };
        let heat = heat((1..40).map(|at| (at * 10, buckets(at))).collect());
        for grid in GRIDS {
            let grid = heat.grid(grid).unwrap();
            let counts = grid.columns.iter().flat_map(|(_, counts)| counts.values());
            assert_eq!(counts.sum::<u64>(), 39 * 49 * 2);
        }
    }
}
