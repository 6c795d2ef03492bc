//! Several runs per side: the variance from run to run must cause no alarm, and a real change must
//! be found.

use super::comparison::{at, judged, verdict};
use super::process::{Process, Random};
use super::service::{NONE, Service, Shift, Simulator};
use rand_distr::{Distribution, StandardNormal};
use soakbox_statistics::{Metric, Run, Scope, Verdict};

/// The relative standard deviation from run to run.
const EFFECT: f64 = 0.03;
const RUNS: usize = 5;
const WINDOWS: usize = 120;

/// The runs of one side.
fn side(simulator: &mut Simulator, shift: Shift, runs: usize, random: &mut Random) -> Vec<Run> {
    let process = Process::Ar(0.5);
    let service = Service {
        process,
        noise: 0.05,
        operations: 200,
        random_load: true,
        failures: 0.005,
    };
    (0..runs)
        .map(|_| {
            let z: f64 = StandardNormal.sample(random);
            simulator.run(service, WINDOWS, shift, (EFFECT * z).exp(), random)
        })
        .collect()
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

/// How many comparisons of one run per side report that they are not valid for the builds.
pub(crate) fn single(simulator: &mut Simulator, trials: usize, random: &mut Random) -> usize {
    (0..trials)
        .filter(|_| {
            let base = side(simulator, NONE, 1, random);
            let candidate = side(simulator, NONE, 1, random);
            judged(&base, &candidate, &at(0.05)).is_some_and(|c| {
                let warned = |reason: &str| reason.contains("not for the builds");
                c.scope == Scope::Pair && c.effects.iter().all(|e| warned(&e.reason))
            })
        })
        .count()
}
