//! Alarms and power of comparisons of two runs.

use super::process::{Process, Random, uniform};
use super::service::{NONE, Service, Shift, Simulator};
use soakbox_statistics::{Comparison, Metric, Options, Run, Verdict, compare};

/// The service of the alarm figures.
pub(crate) fn healthy(process: Process) -> Service {
    Service {
        process,
        noise: 0.05,
        operations: 200,
        random_load: true,
        failures: 0.005,
    }
}

/// The service of the power figures: exactly 1,000 operations a window.
pub(crate) fn busy(phi: f64) -> Service {
    let process = Process::Ar(phi);
    Service {
        process,
        noise: 0.05,
        operations: 1000,
        random_load: false,
        failures: 0.0,
    }
}

/// Options with one threshold for all metrics; that of the failure rate is 2% of it.
pub(crate) fn at(threshold: f64) -> Options {
    Options {
        threshold,
        failure_threshold: threshold * 0.02,
        ..Options::default()
    }
}

/// The comparison; `None` when it was refused, which counts as a miss and as no alarm.
pub(crate) fn judged(base: &[Run], candidate: &[Run], options: &Options) -> Option<Comparison> {
    compare(base, candidate, options).ok()
}

/// Counts `[alarms at 0, alarms at 5%]` over pairs of stationary runs of one service.
pub(crate) fn false_alarms(
    simulator: &mut Simulator,
    service: Service,
    n: usize,
    trials: usize,
    random: &mut Random,
) -> [usize; 2] {
    let mut alarms = [0, 0];
    for _ in 0..trials {
        let mut run = || [simulator.run(service, n, NONE, 1.0, random)];
        let (base, candidate) = (run(), run());
        for (count, threshold) in alarms.iter_mut().zip([0.0, 0.05]) {
            let result = judged(&base, &candidate, &at(threshold));
            *count += usize::from(result.is_some_and(|c| c.verdict == Verdict::Regressed));
        }
    }
    alarms
}

/// The verdict on one metric.
pub(crate) fn verdict(result: Option<&Comparison>, metric: Metric) -> Option<Verdict> {
    result?
        .effects
        .iter()
        .find(|e| e.metric == metric)
        .map(|e| e.verdict)
}

/// Counts `[p99 regressed when the tail is 10% slower, p99 passed when nothing changed]` at
/// threshold 5%.
pub(crate) fn power(
    simulator: &mut Simulator,
    phi: f64,
    n: usize,
    trials: usize,
    random: &mut Random,
) -> [usize; 2] {
    let slower = Shift {
        all: 1.0,
        tail: 1.1,
    };
    let mut hits = [0, 0];
    for _ in 0..trials {
        let mut run = |shift| [simulator.run(busy(phi), n, shift, 1.0, random)];
        let (base, same, worse) = (run(NONE), run(NONE), run(slower));
        let judge = |candidate: &[Run]| {
            verdict(
                judged(&base, candidate, &at(0.05)).as_ref(),
                Metric::DurationP99,
            )
        };
        hits[0] += usize::from(judge(&worse) == Some(Verdict::Regressed));
        hits[1] += usize::from(judge(&same) == Some(Verdict::Pass));
    }
    hits
}

/// How often a whole comparison of two runs of one service is a pass at threshold 5%.
pub(crate) fn passes(
    simulator: &mut Simulator,
    phi: f64,
    n: usize,
    trials: usize,
    random: &mut Random,
) -> usize {
    let service = Service {
        operations: 1000,
        ..healthy(Process::Ar(phi))
    };
    (0..trials)
        .filter(|_| {
            let mut run = || [simulator.run(service, n, NONE, 1.0, random)];
            let (base, candidate) = (run(), run());
            judged(&base, &candidate, &at(0.05)).is_some_and(|c| c.verdict == Verdict::Pass)
        })
        .count()
}

/// Counts `[alarms at 0, alarms at 0.001]` of the failure rate alone, when failures come in rare
/// clusters: one window in a hundred has about five, the others none.
pub(crate) fn rare_clusters(n: usize, trials: usize, random: &mut Random) -> [usize; 2] {
    let mut alarms = [0, 0];
    for _ in 0..trials {
        let mut run = || {
            let cluster = |random: &mut Random| match uniform(random) < 0.01 {
                true => (1.0 + 9.0 * uniform(random)).floor(),
                false => 0.0,
            };
            let failures = (0..n).map(|_| cluster(random)).collect();
            let run = Run::new(0.0)
                .and_then(|run| run.with_counts(Metric::FailureRate, failures, vec![100.0; n]));
            run.into_iter().collect::<Vec<Run>>()
        };
        let (base, candidate) = (run(), run());
        for (count, threshold) in alarms.iter_mut().zip([0.0, 0.05]) {
            let result = judged(&base, &candidate, &at(threshold));
            *count += usize::from(result.is_some_and(|c| c.verdict == Verdict::Regressed));
        }
    }
    alarms
}
