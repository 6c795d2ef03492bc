//! How often `compare` finds a change, and how often several runs of one build are an alarm.

use rand_distr::{Distribution, StandardNormal};
use soakbox_analyzer::windows::Series;

use crate::rates::comparison::{AT_FIVE, AT_ZERO, Comparisons, Order, compare};
use crate::rates::process::{Process, Random};
use crate::rates::service::{BASE, Build, Cut, Service};
use crate::rates::{Figures, Noise};

/// Runs per side.
const RUNS: usize = 5;

/// 1,000 operations in each second.
fn busy(noise: Noise, size: f64) -> Service {
    Service {
        noise,
        size,
        operations: 1_000,
        random_load: false,
        failures: 0.0,
    }
}

fn slower(factor: f64) -> Build {
    Build {
        all: factor,
        tail: 1.0,
    }
}

/// The runs of one side, each with a factor of its own.
fn side(
    service: &Service,
    (seconds, cut): (usize, Cut),
    effect: f64,
    factor: f64,
    random: &mut Random,
) -> Vec<Series> {
    let run = |_| {
        let z: f64 = StandardNormal.sample(random);
        let build = slower(factor * (effect * z).exp());
        service.run(seconds, cut, build, random)
    };
    (0..RUNS).map(run).collect()
}

/// p99 of a tail that is 10% slower, and of one that is not.
fn tails(figures: &mut Figures, seconds: usize, noise: Noise, name: &str, cut: Cut) {
    let service = busy(noise, 0.05);
    let figure = format!("power, {seconds} s, {name}, cut {}", cut.name());
    if !figures.wanted(&figure) {
        return;
    }
    let mut random = figures.random(&figure);
    let (place, order) = (Comparisons::new(), Order::OneAfterTheOther);
    let tail = Build {
        all: 1.0,
        tail: 1.1,
    };
    let mut hits = [0, 0];
    for _ in 0..figures.repetitions {
        let mut run = |build| vec![service.run(seconds, cut, build, &mut random)];
        let base = place.base(run(BASE), order);
        for ((count, build), word) in (hits.iter_mut().zip([tail, BASE])).zip(["regressed", "pass"])
        {
            let candidate = place.candidate("candidate", run(build), order);
            let answer = compare(&base, &candidate, AT_FIVE);
            *count += usize::from(answer.verdict("duration_p99") == word);
        }
    }
    figures.found(
        &format!("{figure}: slower tail, p99 regressed"),
        hits[0],
        0.95,
    );
    figures.found(&format!("{figure}: unshifted, p99 pass"), hits[1], 0.90);
}

/// The figures of several runs per side.
struct Several {
    name: String,
    service: Service,
    seconds: usize,
    cut: Cut,
    /// Relative deviation from run to run.
    effect: f64,
    /// Factor of the durations that must be found, and in which share.
    slower: (f64, f64),
    order: Order,
}

impl Several {
    fn measure(self, figures: &mut Figures) {
        let Self {
            seconds,
            cut,
            order,
            ..
        } = self;
        let figure = format!("{}, {}, cut {}", self.name, order.name(), cut.name());
        if !figures.wanted(&figure) {
            return;
        }
        let mut random = figures.random(&figure);
        let place = Comparisons::new();
        let (mut alarms, mut found, mut passed) = ([0, 0], 0, 0);
        for _ in 0..figures.repetitions {
            let mut runs = |factor| {
                side(
                    &self.service,
                    (seconds, cut),
                    self.effect,
                    factor,
                    &mut random,
                )
            };
            let base = place.base(runs(1.0), order);
            let same = place.candidate("same", runs(1.0), order);
            let worse = place.candidate("worse", runs(self.slower.0), order);
            for (count, threshold) in alarms.iter_mut().zip([AT_ZERO, AT_FIVE]) {
                let answer = compare(&base, &same, threshold);
                *count += usize::from(answer.is_alarm());
                assert_eq!(answer.is_paired(), order == Order::InTurn);
                passed += usize::from(threshold == AT_FIVE && answer.passes());
            }
            let answer = compare(&base, &worse, AT_FIVE);
            found += usize::from(answer.verdict("duration_p50") == "regressed");
        }
        for (count, threshold) in alarms.into_iter().zip(["0", "5%"]) {
            figures.alarms(&format!("{figure}: alarms at threshold {threshold}"), count);
        }
        let row = format!("{figure}: × {}, p50 regressed", self.slower.0);
        figures.found(&row, found, self.slower.1);
        figures.shown(
            &format!("{figure}: unchanged, the comparison passes"),
            passed,
        );
    }
}

/// Five runs per side of a CI job, without noise beyond that of its operations.
fn short_runs(figures: &mut Figures, seconds: usize, cut: Cut) {
    let several = Several {
        name: format!("short runs, 5 + 5 of {seconds} s, effect 1%"),
        service: busy(|n, _| vec![0.0; n], 0.0),
        seconds,
        cut,
        effect: 0.01,
        slower: (1.1, 0.9),
        order: Order::OneAfterTheOther,
    };
    several.measure(figures);
}

/// One run per side of a CI job of a minute.
fn short_pair(figures: &mut Figures, cut: Cut) {
    let service = busy(|n, _| vec![0.0; n], 0.0);
    let figure = format!("short runs, 1 + 1 of 60 s, cut {}", cut.name());
    if !figures.wanted(&figure) {
        return;
    }
    let mut random = figures.random(&figure);
    let (place, order) = (Comparisons::new(), Order::OneAfterTheOther);
    let mut found = 0;
    for _ in 0..figures.repetitions {
        let mut run = |build| vec![service.run(60, cut, build, &mut random)];
        let base = place.base(run(BASE), order);
        let candidate = place.candidate("candidate", run(slower(1.25)), order);
        let answer = compare(&base, &candidate, AT_FIVE);
        found += usize::from(answer.verdict("duration_p50") == "regressed");
    }
    figures.found(&format!("{figure}: × 1.25, p50 regressed"), found, 0.8);
}

/// Five runs per side that differ from each other by 3%.
fn runs(figures: &mut Figures, cut: Cut, order: Order) {
    let service = Service {
        noise: |n, random| Process::Ar(0.5).series(n, random),
        size: 0.05,
        operations: 200,
        random_load: true,
        failures: 0.005,
    };
    let several = Several {
        name: "runs, 5 + 5 of 120 s, effect 3%".to_owned(),
        service,
        seconds: 120,
        cut,
        effect: 0.03,
        slower: (1.15, 0.95),
        order,
    };
    several.measure(figures);
}

const CUTS: [Cut; 2] = [Cut::AsRecorded, Cut::Seconds];

#[test]
fn changes_are_found_and_runs_of_one_build_are_not_called_worse() {
    let mut figures = Figures::new(20);
    tails(
        &mut figures,
        600,
        |n, random| Process::Ar(0.7).series(n, random),
        "φ=0.7",
        Cut::AsRecorded,
    );
    figures.repetitions = 40;
    short_runs(&mut figures, 60, Cut::Seconds);
    short_pair(&mut figures, Cut::AsRecorded);
    runs(&mut figures, Cut::AsRecorded, Order::InTurn);
    figures.end();
}

#[test]
#[ignore = "minutes; run by `make endurance`"]
fn slower_tails_are_found() {
    let mut figures = Figures::all();
    for cut in CUTS {
        tails(
            &mut figures,
            600,
            |n, random| Process::Ar(0.7).series(n, random),
            "φ=0.7",
            cut,
        );
    }
    // A recording of 2,000 s is cut into seconds.
    tails(
        &mut figures,
        2_000,
        |n, random| Process::Ar(0.9).series(n, random),
        "φ=0.9",
        Cut::AsRecorded,
    );
    figures.end();
}

#[test]
#[ignore = "minutes; run by `make endurance`"]
fn short_runs_are_judged() {
    let mut figures = Figures::all();
    for cut in CUTS {
        for seconds in [30, 60, 120] {
            short_runs(&mut figures, seconds, cut);
        }
        short_pair(&mut figures, cut);
    }
    figures.end();
}

#[test]
#[ignore = "minutes; run by `make endurance`"]
fn several_runs_are_judged() {
    let mut figures = Figures::all();
    for cut in CUTS {
        for order in [Order::OneAfterTheOther, Order::InTurn] {
            runs(&mut figures, cut, order);
        }
    }
    figures.end();
}
