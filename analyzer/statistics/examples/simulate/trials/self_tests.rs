//! What a self-test of runs of one build reports, and the thresholds that it proposes.

use super::comparison::{at, judged};
use super::process::{Process, Random};
use rand_distr::{Distribution, StandardNormal};
use soakbox_statistics::{Acceptable, Metric, Options, Plan, Run, Threshold, Verdict, self_test};

/// The relative standard deviation from run to run.
const EFFECT: f64 = 0.03;
const WINDOWS: usize = 60;
/// Runs of a self-test with one run per side.
pub(crate) const RUNS: usize = 20;
/// Its comparisons without a run in common.
pub(crate) const COMPARISONS: usize = RUNS / 2;

/// Runs of one build: their CPU time has AR(0.5) noise of 2% in its windows.
fn build(runs: usize, random: &mut Random) -> Vec<Run> {
    let one = |random: &mut Random| {
        let effect: f64 = StandardNormal.sample(random);
        let noise = Process::Ar(0.5).series(WINDOWS, random);
        let cpu = noise.into_iter();
        let cpu = cpu.map(|noise| 1e6 * (EFFECT * effect).exp() * (1.0 + 0.02 * noise));
        Run::new(0.0).and_then(|run| run.with(Metric::Cpu, cpu.collect()))
    };
    (0..runs).filter_map(|_| one(random).ok()).collect()
}

/// What was reported.
pub(crate) struct Reports {
    /// How many self-tests had 0, 1, 2, … alarms among their comparisons without a run in common.
    pub(crate) by_alarms: [usize; COMPARISONS + 1],
    /// Alarms among all comparisons that share runs, the sum of their squares per self-test, and
    /// the comparisons.
    pub(crate) shared: [usize; 3],
}

/// The counts of [`Reports`], of self-tests at threshold 0 with one run per side.
pub(crate) fn reports(trials: usize, random: &mut Random) -> [usize; COMPARISONS + 4] {
    let mut counts = [0; COMPARISONS + 4];
    for _ in 0..trials {
        let runs = build(RUNS, random);
        let Ok(Some(test)) = self_test(&[("a", &runs)], 1, &at(0.0)) else {
            continue;
        };
        let shared = test.split_alarms as usize;
        counts[test.alarms as usize] += 1;
        counts[COMPARISONS + 1] += shared;
        counts[COMPARISONS + 2] += shared * shared;
        counts[COMPARISONS + 3] += test.splits as usize;
    }
    counts
}

impl Reports {
    pub(crate) fn of(counts: [usize; COMPARISONS + 4]) -> Reports {
        let (by_alarms, shared) = counts.split_at(COMPARISONS + 1);
        Reports {
            by_alarms: std::array::from_fn(|i| by_alarms[i]),
            shared: std::array::from_fn(|i| shared[i]),
        }
    }
}

/// `[the metric must pass, it passes]` in comparisons of five runs per side of one build, at the
/// threshold that ten other runs of the build propose.
pub(crate) fn proposed(trials: usize, random: &mut Random) -> [usize; 2] {
    let mut counts = [0; 2];
    for _ in 0..trials {
        let known = build(10, random);
        let plan = Plan::new(&known, "", &Metric::Cpu, &Options::default());
        let Some(change) = plan.and_then(|plan| plan.gating(5)) else {
            continue;
        };
        let options = Options {
            thresholds: vec![Threshold {
                operation: None,
                metric: Metric::Cpu,
                change: Acceptable::Relative(change),
            }],
            ..Options::default()
        };
        let (base, candidate) = (build(5, random), build(5, random));
        let result = judged(&base, &candidate, &options);
        let effect = result.as_ref().and_then(|result| result.effects.first());
        counts[0] += usize::from(effect.is_some_and(|effect| effect.gates));
        counts[1] += usize::from(effect.is_some_and(|effect| effect.verdict == Verdict::Pass));
    }
    counts
}
