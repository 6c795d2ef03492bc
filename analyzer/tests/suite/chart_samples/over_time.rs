//! Charts over time.

use soakbox_analyzer::chart::{
    Bucket, ChangeMark, Cpu, Health, HealthMeasure, Heatmap, Memory, Note, OperationCpu,
    OperationHeat, OperationMemory, OperationPercentiles, OperationThroughput, PercentileWindow,
    Percentiles, SlopeLine, Span, Throughput, Track, Unit,
};

use super::{HOSTILE, SECOND, START_NS, Sample, WEEK, name, noise};

/// What makes the shapes different.
#[derive(Clone)]
struct Shape {
    operations: usize,
    long: bool,
    length_ns: i64,
    windows: usize,
    /// Each value, from its number.
    value: fn(u64) -> f64,
    gaps: usize,
    notes: usize,
    changes: usize,
    band: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            operations: 2,
            long: false,
            length_ns: 600 * SECOND,
            windows: 150,
            value: |index| 2e6 * (1.0 + noise(index)),
            gaps: 0,
            notes: 0,
            changes: 0,
            band: false,
        }
    }
}

fn shapes() -> Vec<(&'static str, Shape)> {
    let plain = Shape::default;
    vec![
        ("plain", plain()),
        (
            "one",
            Shape {
                operations: 1,
                notes: 1,
                changes: 1,
                band: true,
                ..plain()
            },
        ),
        (
            "twelve",
            Shape {
                operations: 12,
                long: true,
                gaps: 3,
                notes: 3,
                changes: 2,
                band: true,
                ..plain()
            },
        ),
        (
            "week",
            Shape {
                length_ns: WEEK,
                windows: 4000,
                gaps: 5,
                notes: 12,
                changes: 4,
                band: true,
                value: |index| {
                    let day = (index as f64 / 571.0 * std::f64::consts::TAU).sin();
                    4e7 * (2.0
                        + 0.4 * day
                        + noise(index) * noise(index + 7) * 2.0
                        + index as f64 / 4e3)
                },
                ..plain()
            },
        ),
        (
            "milliseconds",
            Shape {
                length_ns: 10_000_000,
                windows: 5,
                ..plain()
            },
        ),
        (
            "one-point",
            Shape {
                windows: 1,
                band: true,
                ..plain()
            },
        ),
        (
            "no-data",
            Shape {
                windows: 0,
                gaps: 1,
                ..plain()
            },
        ),
        (
            "equal",
            Shape {
                value: |_| 5e5,
                band: true,
                ..plain()
            },
        ),
        (
            "zeros",
            Shape {
                value: |_| 0.0,
                ..plain()
            },
        ),
        (
            "huge",
            Shape {
                value: |index| 9e17 * noise(index),
                ..plain()
            },
        ),
        (
            "wide",
            Shape {
                value: |index| 10f64.powf(1.0 + 9.0 * noise(index)),
                ..plain()
            },
        ),
        (
            "gaps",
            Shape {
                gaps: 200,
                notes: 60,
                ..plain()
            },
        ),
        (
            "forty-changes",
            Shape {
                changes: 40,
                notes: 40,
                ..plain()
            },
        ),
    ]
}

impl Shape {
    fn window_ns(&self) -> i64 {
        self.length_ns / self.windows.max(1) as i64
    }

    fn recording(&self) -> String {
        if self.long {
            HOSTILE.to_owned()
        } else {
            "soak-42".to_owned()
        }
    }

    fn moment(&self, index: usize, of: usize) -> i64 {
        START_NS + self.length_ns / (of as i64 + 1) * (index as i64 + 1)
    }

    fn span(&self) -> Span {
        let gaps = 0..self.gaps;
        let notes = 0..self.notes;
        Span {
            first_ns: START_NS,
            last_ns: START_NS + self.length_ns,
            unobserved: gaps
                .map(|index| {
                    let at = self.moment(index, self.gaps);
                    (at, at + self.length_ns / 40 / self.gaps as i64)
                })
                .collect(),
            notes: notes
                .map(|index| Note {
                    at_ns: self.moment(index, self.notes),
                    label: match (self.long, index) {
                        (true, _) => HOSTILE.to_owned(),
                        (false, 0) => "deploy 1.4".to_owned(),
                        (false, index) => format!("target started ({index})"),
                    },
                })
                .collect(),
        }
    }

    fn in_gap(&self, at_ns: i64) -> bool {
        let span = self.span();
        let mut gaps = span.unobserved.iter();
        gaps.any(|(from, to)| (*from..*to).contains(&at_ns))
    }

    fn changes(&self, of: &str) -> Vec<ChangeMark> {
        let changes = 0..self.changes;
        changes
            .map(|index| ChangeMark {
                at_ns: self.moment(index, self.changes) + self.length_ns / 90,
                of: of.to_owned(),
                change: (index % 5 != 4).then_some(0.38),
                is_up: index % 3 != 0,
            })
            .collect()
    }

    /// A number over time, missing in gaps.
    fn track(&self, name: &str, seed: u64, scale: f64) -> Track {
        let points = (0..self.windows).map(|index| {
            let at = START_NS + self.window_ns() * index as i64 + self.window_ns() / 2;
            let value = (self.value)(seed * 100_000 + index as u64) * scale;
            (at, if self.in_gap(at) { f64::NAN } else { value })
        });
        Track {
            name: name.to_owned(),
            points: points.collect(),
        }
    }

    fn lost(&self) -> Vec<i64> {
        let lost = self.windows / 10..self.windows / 8;
        lost.map(|index| START_NS + self.window_ns() * index as i64)
            .collect()
    }

    fn percentiles(&self) -> Percentiles {
        // As many windows as a timeline has.
        let few = Self {
            windows: self.windows.min(200),
            ..self.clone()
        };
        let operation = |index: usize| {
            let windows = few.track("", index as u64, 1.0).points.into_iter();
            let windows = windows.filter(|(_, value)| value.is_finite());
            let windows = windows.map(|(at, value)| PercentileWindow {
                at_ns: at - few.window_ns() / 2,
                count: 40,
                ns: [value, value * 1.7, value * 2.2],
                lost: 0,
            });
            let windows: Vec<PercentileWindow> = windows.collect();
            OperationPercentiles {
                name: name(index, few.long),
                window_ns: few.window_ns(),
                drawn: 0..windows.len(),
                lost: few.lost().into_iter().map(|at| (at, 3)).collect(),
                of_finished: index == 1,
                band: few
                    .band
                    .then_some([(2.2e6, 3.6e6), (4e6, 6e6), (5e6, 7.8e6)]),
                changes: few.changes("p99"),
                windows,
            }
        };
        Percentiles {
            recording: few.recording(),
            span: few.span(),
            operations: (0..few.operations).map(operation).collect(),
            baseline: few.band.then(|| "good.sbl".to_owned()),
            left_out: 3,
        }
    }

    fn heatmap(&self) -> Heatmap {
        let few = Self {
            windows: self.windows.min(200),
            ..self.clone()
        };
        let operation = |index: usize| {
            let windows = few.track("", index as u64, 1.0).points.into_iter();
            let windows = windows.filter(|(_, value)| value.is_finite());
            let windows = windows.map(|(at, value)| {
                let mut buckets: Vec<Bucket> = (0..60u64)
                    .map(|bucket| {
                        let tail = -noise(bucket + at as u64).ln();
                        Bucket {
                            ns: (value * (0.6 + 0.5 * tail)) as i64,
                            count: 1 + bucket % 7,
                        }
                    })
                    .collect();
                buckets.sort_by_key(|bucket| bucket.ns);
                (at - few.window_ns() / 2, buckets)
            });
            OperationHeat {
                name: name(index, few.long),
                window_ns: few.window_ns(),
                windows: windows.collect(),
                of_finished: index == 1,
            }
        };
        Heatmap {
            recording: few.recording(),
            span: few.span(),
            operations: (0..few.operations).map(operation).collect(),
            left_out: 0,
        }
    }

    fn memory(&self) -> Memory {
        let operation = |index: usize| {
            let memory = self.track("memory", index as u64, 1.0);
            let mut known = memory.points.iter().filter(|point| point.1.is_finite());
            let ends = known.clone().next().zip(known.next_back());
            let ends = ends.map(|(first, last)| (*first, *last));
            OperationMemory {
                name: name(index, self.long),
                window_ns: self.window_ns(),
                slope: ends
                    .filter(|_| index == 0)
                    .map(|(from, to)| SlopeLine { from, to }),
                finding: match index {
                    0 => "leak: +4.10 MiB per hour (3.90 to 4.30)".to_owned(),
                    _ => "no leak".to_owned(),
                },
                changes: self.changes("memory"),
                memory,
            }
        };
        Memory {
            recording: self.recording(),
            span: self.span(),
            operations: (0..self.operations).map(operation).collect(),
            left_out: 0,
        }
    }

    fn cpu(&self) -> Cpu {
        let operation = |index: usize| OperationCpu {
            name: name(index, self.long),
            window_ns: self.window_ns(),
            tracks: vec![
                self.track("on CPU", index as u64, 3e-7),
                self.track("user", index as u64 + 50, 2e-7),
                self.track("system", index as u64 + 90, 1e-7),
            ],
            lost: self.lost(),
            changes: self.changes("cpu"),
        };
        Cpu {
            recording: self.recording(),
            span: self.span(),
            operations: (0..self.operations).map(operation).collect(),
            left_out: 1,
        }
    }

    fn throughput(&self) -> Throughput {
        let operation = |index: usize| OperationThroughput {
            name: name(index, self.long),
            window_ns: self.window_ns(),
            finished: self.track("finished", index as u64, 1e-3),
            failed: index
                .is_multiple_of(2)
                .then(|| self.track("failed", index as u64 + 20, 1e-9)),
            bytes: (index == 1).then(|| self.track("data", index as u64 + 60, 1.0)),
            lost: self.lost(),
            changes: self.changes("rate"),
            failure_changes: self.changes("failure_rate"),
        };
        Throughput {
            recording: self.recording(),
            span: self.span(),
            operations: (0..self.operations).map(operation).collect(),
            left_out: 0,
        }
    }

    fn health(&self) -> Health {
        let measure = |name: &str, axis: &str, unit, tracks: &[&str], scale: f64| HealthMeasure {
            name: name.to_owned(),
            axis: axis.to_owned(),
            unit,
            tracks: tracks
                .iter()
                .enumerate()
                .map(|(index, name)| self.track(name, 7 + index as u64, scale))
                .collect(),
        };
        Health {
            recording: self.recording(),
            span: self.span(),
            window_ns: self.window_ns(),
            measures: vec![
                measure(
                    "CPU time",
                    "of the recorder",
                    Unit::Cpus,
                    &["user", "system"],
                    1e-9,
                ),
                measure("memory", "resident", Unit::Bytes, &["memory"], 1.0),
                measure("ring buffer", "unread", Unit::Bytes, &["unread"], 1.0),
                measure("events", "received", Unit::PerSecond, &["events"], 1.0),
            ],
        }
    }
}

pub(super) fn all() -> Vec<Sample> {
    let mut all: Vec<Sample> = Vec::new();
    for (shape_name, shape) in shapes() {
        let named = |kind: &str| format!("{kind}-{shape_name}");
        all.push((named("percentiles"), Box::new(shape.percentiles())));
        all.push((named("heatmap"), Box::new(shape.heatmap())));
        all.push((named("memory"), Box::new(shape.memory())));
        all.push((named("cpu"), Box::new(shape.cpu())));
        all.push((named("throughput"), Box::new(shape.throughput())));
        all.push((named("health"), Box::new(shape.health())));
    }
    all
}
