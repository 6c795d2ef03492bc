//! Whether an operation stopped: a run that finished none at all, or none from some window on.
//!
//! A stop is not tested as a change of the mean: from that moment on the rate is 0. It is
//! distinguished from a pause by comparison with the pauses of all runs.

use crate::metric::Metric;
use crate::run::{Column, Run};
use crate::series::stops::{is_large_part, unlike};

/// The runs of the candidate that stopped while no run of the base did: their positions, and how
/// many windows without an operation each had at its end.
pub(super) fn stopped(base: &[Run], candidate: &[Run]) -> Vec<(usize, usize)> {
    let worked = |run: &Run| rates(run).is_some_and(|rates| present(rates).any(|rate| rate > 0.0));
    if !base.iter().any(worked) {
        return Vec::new();
    }
    let in_base = base.iter().filter_map(rates).map(|r| longest_pause(r, 0));
    // Without the windows at the end of a candidate run, which may be its stop.
    let in_candidate = candidate
        .iter()
        .filter_map(rates)
        .map(|r| longest_pause(r, idle_at_end(r)));
    let pause = in_base.chain(in_candidate).max().unwrap_or(0);
    let least = unlike(pause);
    let stop = |run: &Run| {
        let rates = rates(run)?;
        let windows = present(rates).count();
        let at_end = idle_at_end(rates);
        let long = at_end >= least && is_large_part(at_end, windows);
        long.then_some(at_end)
    };
    let stops = candidate.iter().enumerate();
    stops
        .filter_map(|(index, run)| stop(run).map(|windows| (index, windows)))
        .collect()
}

/// True when no operation finished in a run that counted them.
pub(super) fn is_empty(run: &Run) -> bool {
    rates(run).is_some_and(|rates| present(rates).count() > 0 && present(rates).all(|r| r == 0.0))
}

/// The mean of the runs' rates, those that stopped included; `None` where no run counted.
pub(super) fn mean_rate(runs: &[Run]) -> Option<f64> {
    let mean = |rates: &[f64]| {
        let windows = present(rates).count();
        (windows > 0).then(|| present(rates).sum::<f64>() / windows as f64)
    };
    let means: Vec<f64> = runs.iter().filter_map(rates).filter_map(mean).collect();
    (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64)
}

fn rates(run: &Run) -> Option<&[f64]> {
    match run.column(&Metric::Rate) {
        Some(Column::Plain(values)) => Some(values),
        _ => None,
    }
}

fn present(rates: &[f64]) -> impl DoubleEndedIterator<Item = f64> + '_ {
    rates.iter().copied().filter(|rate| rate.is_finite())
}

/// The number of windows without an operation at the end.
fn idle_at_end(rates: &[f64]) -> usize {
    present(rates).rev().take_while(|rate| *rate == 0.0).count()
}

/// The largest number of neighbouring windows without an operation, not counting the last
/// `without` windows.
fn longest_pause(rates: &[f64], without: usize) -> usize {
    let (mut longest, mut current) = (0, 0);
    for rate in present(rates).rev().skip(without) {
        current = if rate == 0.0 { current + 1 } else { 0 };
        longest = longest.max(current);
    }
    longest
}
