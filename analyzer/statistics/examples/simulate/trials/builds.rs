//! Several runs per side: the variance from run to run must cause no alarm, and a real change must
//! be found.

use super::comparison::{at, judged, verdict};
use super::process::{Process, Random};
use super::service::{NONE, Service, Shift, Simulator};
use rand_distr::{Distribution, StandardNormal};
use soakbox_statistics::{Looks, Metric, Options, Run, Scope, Verdict};

/// The relative standard deviation from run to run.
const EFFECT: f64 = 0.03;
const RUNS: usize = 5;
const WINDOWS: usize = 120;

/// A run with this factor of its own, as a logarithm.
fn run(simulator: &mut Simulator, shift: Shift, effect: f64, random: &mut Random) -> Run {
    let process = Process::Ar(0.5);
    let service = Service {
        process,
        noise: 0.05,
        operations: 200,
        random_load: true,
        failures: 0.005,
    };
    simulator.run(service, WINDOWS, shift, effect.exp(), random)
}

/// The runs of one side.
fn side(simulator: &mut Simulator, shift: Shift, runs: usize, random: &mut Random) -> Vec<Run> {
    (0..runs)
        .map(|_| {
            let z: f64 = StandardNormal.sample(random);
            run(simulator, shift, EFFECT * z, random)
        })
        .collect()
}

/// The runs of both sides that were recorded in turn. The two runs of a pair have this share of
/// their variance in common.
fn pairs(
    simulator: &mut Simulator,
    shift: Shift,
    common: f64,
    random: &mut Random,
) -> (Vec<Run>, Vec<Run>) {
    (0..RUNS)
        .map(|_| {
            let both: f64 = StandardNormal.sample(random);
            let mut effect = || {
                let own: f64 = StandardNormal.sample(random);
                EFFECT * (common.sqrt() * both + (1.0 - common).sqrt() * own)
            };
            let (base, candidate) = (effect(), effect());
            let base = run(simulator, NONE, base, random);
            (base, run(simulator, shift, candidate, random))
        })
        .unzip()
}

/// [`several`] for runs that were recorded in turn.
pub(crate) fn in_turn(
    simulator: &mut Simulator,
    common: f64,
    trials: usize,
    random: &mut Random,
) -> [usize; 3] {
    let slower = Shift {
        all: 1.15,
        tail: 1.0,
    };
    let paired = |threshold| Options {
        paired: true,
        ..at(threshold)
    };
    let mut counts = [0, 0, 0];
    for _ in 0..trials {
        let (base, same) = pairs(simulator, NONE, common, random);
        for (count, threshold) in counts.iter_mut().zip([0.0, 0.05]) {
            let result = judged(&base, &same, &paired(threshold));
            *count += usize::from(result.is_some_and(|c| c.verdict == Verdict::Regressed));
        }
        let (base, worse) = pairs(simulator, slower, common, random);
        let result = judged(&base, &worse, &paired(0.05));
        let p50 = verdict(result.as_ref(), Metric::DurationP50);
        counts[2] += usize::from(p50 == Some(Verdict::Regressed));
    }
    counts
}

/// `[alarms at 0, alarms at 5%, p50 found when all durations are 15% longer]`.
pub(crate) fn several(simulator: &mut Simulator, trials: usize, random: &mut Random) -> [usize; 3] {
    let slower = Shift {
        all: 1.15,
        tail: 1.0,
    };
    let mut counts = [0, 0, 0];
    for _ in 0..trials {
        let base = side(simulator, NONE, RUNS, random);
        let same = side(simulator, NONE, RUNS, random);
        let worse = side(simulator, slower, RUNS, random);
        for (count, threshold) in counts.iter_mut().zip([0.0, 0.05]) {
            let result = judged(&base, &same, &at(threshold));
            *count += usize::from(result.is_some_and(|c| c.verdict == Verdict::Regressed));
        }
        let result = judged(&base, &worse, &at(0.05));
        let p50 = verdict(result.as_ref(), Metric::DurationP50);
        counts[2] += usize::from(p50 == Some(Verdict::Regressed));
    }
    counts
}

/// Memory that grows by this share in every run of a side, with AR(0.5) noise of 2% in its windows.
fn growing(growth: f64, random: &mut Random) -> Vec<Run> {
    let one = |random: &mut Random| {
        let z: f64 = StandardNormal.sample(random);
        let noise = Process::Ar(0.5).series(WINDOWS, random);
        let at = |(window, noise): (usize, f64)| {
            let course = 1.0 + growth * window as f64 / WINDOWS as f64;
            1e8 * (EFFECT * z).exp() * course * (1.0 + 0.02 * noise)
        };
        let memory = noise.into_iter().enumerate().map(at).collect();
        Run::new(0.0).and_then(|run| run.with(Metric::Memory, memory))
    };
    (0..RUNS).filter_map(|_| one(random).ok()).collect()
}

/// `[alarms at 0, alarms at 5%, found]` of the memory of runs that all grow by 60%, and of a
/// candidate whose runs grow by 30%, while those of the base do not.
pub(crate) fn common_course(paired: bool, trials: usize, random: &mut Random) -> [usize; 3] {
    let regressed = |base: &[Run], candidate: &[Run], threshold: f64| {
        let options = Options {
            paired,
            ..at(threshold)
        };
        let result = judged(base, candidate, &options);
        usize::from(result.is_some_and(|c| c.verdict == Verdict::Regressed))
    };
    let mut counts = [0; 3];
    for _ in 0..trials {
        let (base, same) = (growing(0.6, random), growing(0.6, random));
        counts[0] += regressed(&base, &same, 0.0);
        counts[1] += regressed(&base, &same, 0.05);
        let (base, worse) = (growing(0.0, random), growing(0.3, random));
        counts[2] += regressed(&base, &worse, 0.05);
    }
    counts
}

/// How many comparisons of one run per side report that they are not valid for the builds.
pub(crate) fn single(simulator: &mut Simulator, trials: usize, random: &mut Random) -> usize {
    (0..trials)
        .filter(|_| {
            let base = side(simulator, NONE, 1, random);
            let candidate = side(simulator, NONE, 1, random);
            judged(&base, &candidate, &at(0.05)).is_some_and(|c| {
                c.scope == Scope::Pair && c.effects.iter().all(|e| e.scope.note().is_some())
            })
        })
        .count()
}

/// A run of a CI job: exactly 1,000 operations a window and no other noise.
const CALM: Service = Service {
    process: Process::Ar(0.0),
    noise: 0.0,
    operations: 1000,
    random_load: false,
    failures: 0.0,
};
/// [`EFFECT`] of the runs of CI jobs.
const CALM_EFFECT: f64 = 0.01;

fn calm(simulator: &mut Simulator, n: usize, all: f64, random: &mut Random) -> Run {
    let z: f64 = StandardNormal.sample(random);
    let shift = Shift { all, tail: 1.0 };
    simulator.run(CALM, n, shift, (CALM_EFFECT * z).exp(), random)
}

/// `[alarms at 0, alarms at 5%, p50 found when all durations are 10% longer, an unchanged candidate
/// passes as a whole]` of five runs per side of `n` windows.
pub(crate) fn short(
    simulator: &mut Simulator,
    n: usize,
    trials: usize,
    random: &mut Random,
) -> [usize; 4] {
    let mut counts = [0; 4];
    for _ in 0..trials {
        let mut side =
            |all: f64| -> Vec<Run> { (0..RUNS).map(|_| calm(simulator, n, all, random)).collect() };
        let (base, same, worse) = (side(1.0), side(1.0), side(1.1));
        let of_same = [0.0, 0.05].map(|t| judged(&base, &same, &at(t)).map(|c| c.verdict));
        counts[0] += usize::from(of_same[0] == Some(Verdict::Regressed));
        counts[1] += usize::from(of_same[1] == Some(Verdict::Regressed));
        let result = judged(&base, &worse, &at(0.05));
        let p50 = verdict(result.as_ref(), Metric::DurationP50);
        counts[2] += usize::from(p50 == Some(Verdict::Regressed));
        counts[3] += usize::from(of_same[1] == Some(Verdict::Pass));
    }
    counts
}

/// `[p50 found when all durations are 25% longer, 10% longer]` of one run per side of `n` windows.
pub(crate) fn short_pair(
    simulator: &mut Simulator,
    n: usize,
    trials: usize,
    random: &mut Random,
) -> [usize; 2] {
    let mut counts = [0; 2];
    for _ in 0..trials {
        for (count, all) in counts.iter_mut().zip([1.25, 1.1]) {
            let base = [calm(simulator, n, 1.0, random)];
            let worse = [calm(simulator, n, all, random)];
            let result = judged(&base, &worse, &at(0.05));
            let p50 = verdict(result.as_ref(), Metric::DurationP50);
            *count += usize::from(p50 == Some(Verdict::Regressed));
        }
    }
    counts
}

/// Most pairs of a comparison to which pairs are added.
pub(crate) const MOST_PAIRS: usize = 10;

/// `[alarms at threshold 0, alarms at 5%, regressed when all durations are 15% longer, pairs used
/// for that]` when pairs are added from the second on, until the comparison is decided.
pub(crate) fn added(simulator: &mut Simulator, trials: usize, random: &mut Random) -> [usize; 4] {
    let slower = Shift {
        all: 1.15,
        tail: 1.0,
    };
    let decide = |base: &[Run], candidate: &[Run], threshold: f64| {
        for now in 2..=MOST_PAIRS {
            let looks = Looks {
                planned: MOST_PAIRS,
                now,
                before: if now == 2 { 0 } else { now - 1 },
            };
            let options = Options {
                paired: true,
                looks: Some(looks),
                ..at(threshold)
            };
            let result = judged(&base[..now], &candidate[..now], &options);
            let verdict = result.map_or(Verdict::Inconclusive, |c| c.verdict);
            if verdict != Verdict::Inconclusive {
                return (verdict, now);
            }
        }
        (Verdict::Inconclusive, MOST_PAIRS)
    };
    let mut counts = [0; 4];
    for _ in 0..trials {
        let base = side(simulator, NONE, MOST_PAIRS, random);
        let same = side(simulator, NONE, MOST_PAIRS, random);
        let worse = side(simulator, slower, MOST_PAIRS, random);
        for (count, threshold) in counts.iter_mut().zip([0.0, 0.05]) {
            *count += usize::from(decide(&base, &same, threshold).0 == Verdict::Regressed);
        }
        let (verdict, pairs) = decide(&base, &worse, 0.05);
        counts[2] += usize::from(verdict == Verdict::Regressed);
        counts[3] += pairs;
    }
    counts
}
