//! How long comparisons of the promised sizes take, in milliseconds. Each is run three times, and
//! the shortest time is used, since the machine has other work.

use super::Figures;
use crate::trials::process::{Process, Random};
use crate::trials::service::{NONE, Service, Simulator};
use soakbox_statistics::{Metric, Operation, Options, Run, changes, compare_all};
use std::time::Instant;

const METRICS: [Metric; 8] = [
    Metric::DurationP50,
    Metric::DurationP95,
    Metric::DurationP99,
    Metric::DurationP999,
    Metric::Cpu,
    Metric::Memory,
    Metric::FailureRate,
    Metric::Rate,
];

impl Figures {
    pub(super) fn speed(&mut self) {
        if !self.wanted("speed") {
            return;
        }
        let mut random = self.random("speed");
        let shown = |took: f64| format!("{took:.0} ms");
        let took = from_values(&mut random);
        let row = "speed 20 operations × 8 metrics, 2 × 5 runs × 3,600 windows";
        self.table
            .row(row, "≤ 50 ms", &shown(took), Some(took <= 50.0));
        let took = of_changes(&mut random);
        let row = "speed changes on 100,000 points";
        self.table
            .row(row, "≤ 1,000 ms", &shown(took), Some(took <= 1e3));
        let took = from_histograms(&mut Simulator::new(), &mut random);
        let row = "speed the same from histograms";
        self.table.row(row, "", &shown(took), None);
    }
}

/// The shortest time of three runs, in milliseconds.
fn best(mut work: impl FnMut()) -> f64 {
    let once = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..3)
        .map(|_| once(&mut work))
        .fold(f64::INFINITY, f64::min)
}

/// 20 operations × 8 metrics on 2 × 5 runs × 3,600 windows, from one number per window;
/// milliseconds.
fn from_values(random: &mut Random) -> f64 {
    let mut run = || {
        let mut run = Run::new(0.0).ok()?;
        for metric in METRICS {
            let noise = Process::Ar(0.7).series(3600, random);
            run = run
                .with(metric, noise.iter().map(|v| 100.0 + v).collect())
                .ok()?;
        }
        Some(run)
    };
    let mut side = || -> Vec<Run> { (0..5).filter_map(|_| run()).collect() };
    let sides: Vec<(Vec<Run>, Vec<Run>)> = (0..20).map(|_| (side(), side())).collect();
    timed(&sides)
}

/// [`from_values`] from histograms: one operation, times 20.
fn from_histograms(simulator: &mut Simulator, random: &mut Random) -> f64 {
    let process = Process::Ar(0.7);
    let service = Service {
        process,
        noise: 0.05,
        operations: 1000,
        random_load: true,
        failures: 0.005,
    };
    let mut side = || -> Vec<Run> {
        (0..5)
            .map(|_| simulator.run(service, 3600, NONE, 1.0, random))
            .collect()
    };
    20.0 * timed(&[(side(), side())])
}

/// One comparison of these operations, in milliseconds.
fn timed(sides: &[(Vec<Run>, Vec<Run>)]) -> f64 {
    let operations: Vec<Operation<'_>> = sides
        .iter()
        .map(|(base, candidate)| Operation {
            name: "operation",
            base,
            candidate,
        })
        .collect();
    let options = Options::default();
    best(|| {
        let result = compare_all(&operations, &options);
        std::hint::black_box(result.map(|c| c.effects.len()).unwrap_or(0));
    })
}

/// `changes` on 100,000 points with a few steps, in milliseconds.
fn of_changes(random: &mut Random) -> f64 {
    let mut values = Process::Ar(0.7).series(100_000, random);
    for (i, value) in values.iter_mut().enumerate() {
        *value += (i / 9_000 % 3) as f64;
    }
    best(|| {
        std::hint::black_box(changes(&values, None, 0.05).map(|c| c.len()).unwrap_or(0));
    })
}
