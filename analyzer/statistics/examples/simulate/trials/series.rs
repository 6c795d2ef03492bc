//! Changes and periods in one series: false alarms, steps that are found in the right place,
//! outliers that are not reported as steps.

use super::process::{Process, Random, uniform};
use rand_distr::{Distribution, StandardNormal};
use soakbox_statistics::{Change, ChangeKind, changes, period};

/// The false alarm rate of all figures about changes and periods.
pub(crate) const RATE: f64 = 0.05;

fn found(values: &[f64]) -> Vec<Change> {
    changes(values, None, RATE).unwrap_or_default()
}

/// How many of `trials` stationary series show any change.
pub(crate) fn false_changes(
    process: Process,
    n: usize,
    trials: usize,
    random: &mut Random,
) -> usize {
    (0..trials)
        .filter(|_| !found(&process.series(n, random)).is_empty())
        .count()
}

/// Points that are 1 with this probability and otherwise 0.
fn rare(probability: f64, n: usize, random: &mut Random) -> Vec<f64> {
    (0..n)
        .map(|_| f64::from(u8::from(uniform(random) < probability)))
        .collect()
}

/// How many of `trials` series of rare events show any change.
pub(crate) fn rare_changes(
    probability: f64,
    n: usize,
    trials: usize,
    random: &mut Random,
) -> usize {
    (0..trials)
        .filter(|_| !found(&rare(probability, n, random)).is_empty())
        .count()
}

/// In how many of `trials` series a step is found from rare events to more frequent ones, in the
/// middle.
pub(crate) fn rare_steps(
    [before, after]: [f64; 2],
    n: usize,
    trials: usize,
    random: &mut Random,
) -> usize {
    (0..trials)
        .filter(|_| {
            let mut values = rare(before, n / 2, random);
            values.extend(rare(after, n - n / 2, random));
            let near = |c: &Change| c.kind == ChangeKind::Step && c.index.abs_diff(n / 2) <= n / 20;
            found(&values).iter().any(near)
        })
        .count()
}

/// `[found, placed within 5 points]`: a step of 2 long-run deviations after 100 of 200 points.
pub(crate) fn steps(phi: f64, trials: usize, random: &mut Random) -> [usize; 2] {
    let height = 2.0 * f64::sqrt((1.0 + phi) / (1.0 - phi));
    let mut hits = [0, 0];
    for _ in 0..trials {
        let mut values = Process::Ar(phi).series(200, random);
        values[100..].iter_mut().for_each(|v| *v += height);
        let steps: Vec<Change> = found(&values)
            .into_iter()
            .filter(|c| c.kind == ChangeKind::Step)
            .collect();
        hits[0] += usize::from(!steps.is_empty());
        hits[1] += usize::from(steps.iter().any(|c| c.index.abs_diff(100) <= 5));
    }
    hits
}

/// `[reported as a step, as an outlier or new]`: one point that is 10 deviations off, in 200
/// points of noise.
pub(crate) fn lone_points(phi: f64, trials: usize, random: &mut Random) -> [usize; 2] {
    let mut counts = [0, 0];
    for _ in 0..trials {
        let mut values = Process::Ar(phi).series(200, random);
        let place: f64 = StandardNormal.sample(random);
        let place = (100.0 + 40.0 * place).clamp(0.0, 199.0) as usize;
        values[place] += 10.0;
        let near = |kinds: &[ChangeKind]| {
            found(&values)
                .iter()
                .any(|c| kinds.contains(&c.kind) && c.index.abs_diff(place) <= 1)
        };
        counts[0] += usize::from(near(&[ChangeKind::Step]));
        // The last point is new.
        counts[1] += usize::from(near(&[ChangeKind::Outlier, ChangeKind::New]));
    }
    counts
}

/// How many of `trials` series without a period show one.
pub(crate) fn false_periods(
    process: Process,
    n: usize,
    trials: usize,
    random: &mut Random,
) -> usize {
    let found = |values: &[f64]| period(values, RATE).ok().flatten().is_some();
    (0..trials)
        .filter(|_| found(&process.series(n, random)))
        .count()
}

/// In how many of `trials` series that grow by this many deviations a period is found: along a
/// line, from a random place on, and ever faster.
pub(crate) fn periods_of_growth(n: usize, size: f64, trials: usize, random: &mut Random) -> usize {
    (0..trials)
        .filter(|trial| {
            let mut values = Process::Ar(0.5).series(n, random);
            let begin = uniform(random);
            for (index, value) in values.iter_mut().enumerate() {
                let share = index as f64 / n as f64;
                *value += size
                    * match trial % 3 {
                        0 => share,
                        1 => (share - begin).max(0.0),
                        _ => (3.0 * share).exp() / 20.0,
                    };
            }
            period(&values, RATE).ok().flatten().is_some()
        })
        .count()
}

/// In how many of `trials` series with a wave of 10 deviations that the series covers `seen` times a
/// period is found.
pub(crate) fn periods_of_waves(n: usize, seen: f64, trials: usize, random: &mut Random) -> usize {
    (0..trials)
        .filter(|_| {
            let mut values = Process::Ar(0.5).series(n, random);
            let phase = uniform(random);
            for (index, value) in values.iter_mut().enumerate() {
                let turns = index as f64 / n as f64 * seen + phase;
                *value += 10.0 * (std::f64::consts::TAU * turns).sin();
            }
            period(&values, RATE).ok().flatten().is_some()
        })
        .count()
}

/// In how many of `trials` series the period of a job is found: 3 of every 60 windows, under
/// AR(0.7) noise.
pub(crate) fn jobs_found(trials: usize, random: &mut Random) -> usize {
    (0..trials)
        .filter(|_| {
            let mut values = Process::Ar(0.7).series(3600, random);
            for (index, value) in values.iter_mut().enumerate() {
                *value += if index % 60 < 3 { 3.0 } else { 0.0 };
            }
            let found = period(&values, RATE).ok().flatten();
            found.is_some_and(|p| (p.windows - 60.0).abs() <= 0.6)
        })
        .count()
}
