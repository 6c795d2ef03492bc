//! What may be the lives of a process that restarts, where nobody gave its restarts.
//!
//! A process that leaks and restarts looks like a collector: it rises and falls back to the same
//! floor. Only the restarts tell them apart. A collector works many times an hour, so that slow
//! teeth are no evidence that nothing leaks.

use crate::series::periods::period;
use crate::soak::finding::{Finding, SoakOptions, Status};
use crate::soak::sawtooth::{Sawtooth, sawtooth};

/// Teeth that last longer than this may be lives, seconds.
const LONGEST_TOOTH: f64 = 3600.0;
/// Teeth that the noise hides are searched for in the means of blocks of points. The first search
/// has at most this many blocks, and each further one half as many.
const MOST_BLOCKS: usize = 720;
/// The last search has at least this many blocks.
const FEWEST_BLOCKS: usize = 48;
/// The false-alarm rate of a period, which is searched for where no teeth are seen.
const FALSE_PERIOD: f64 = 0.01;

/// The leak finding, inconclusive where it was absent and the teeth may be the lives of a process.
/// `teeth` are those of the series.
pub(crate) fn lives_unknown(
    leak: Finding,
    times: &[f64],
    values: &[f64],
    teeth: Option<&Sawtooth>,
    options: &SoakOptions,
) -> Finding {
    if leak.status != Status::Absent {
        return leak;
    }
    if known(options) {
        return leak;
    }
    let slow = match teeth {
        Some(teeth) => Some(tooth_length(times, teeth)),
        None => hidden_teeth(times, values).or_else(|| hidden_period(times, values)),
    };
    match (slow, teeth) {
        (Some(length), _) if length > LONGEST_TOOTH => Finding {
            status: Status::Inconclusive,
            reason: format!(
                "it rises and falls back every {:.1} h: a process that leaks and restarts does so too; \
                 give the restarts, or that there are none",
                length / 3600.0
            ),
            ..leak
        },
        (Some(length), Some(teeth)) => Finding {
            reason: format!(
                "{}, of the floor below {:.0} teeth of {length:.0} s",
                leak.reason, teeth.periods
            ),
            ..leak
        },
        _ => leak,
    }
}

/// The leak finding, inconclusive where its floor rises and falls back: the process may restart, or
/// collect on two levels. The restarts decide it.
pub(crate) fn falling_back(leak: Finding, teeth: &Sawtooth, options: &SoakOptions) -> Finding {
    if leak.status == Status::Found || known(options) {
        return leak;
    }
    let falls = sawtooth(&teeth.times, &teeth.troughs).map_or(0.0, |floor| floor.periods);
    if falls < 1.0 {
        return leak;
    }
    Finding {
        status: Status::Inconclusive,
        reason: "the floor of the sawtooth rises and falls back: give the restarts of the process"
            .to_owned(),
        ..leak
    }
}

fn known(options: &SoakOptions) -> bool {
    options.restarts_known || !options.restarts.is_empty()
}

/// Seconds from one fall to the next.
fn tooth_length(times: &[f64], teeth: &Sawtooth) -> f64 {
    match (times.first(), times.last()) {
        (Some(first), Some(last)) => (last - first) / teeth.periods.max(1.0),
        _ => 0.0,
    }
}

/// The length of the period that the noise hides from [`hidden_teeth`], if there is one. The points
/// are treated as evenly spaced.
fn hidden_period(times: &[f64], values: &[f64]) -> Option<f64> {
    let found = period(values, FALSE_PERIOD).ok().flatten()?;
    let step = (times.last()? - times.first()?) / (times.len() - 1) as f64;
    Some(found.windows * step)
}

/// The length of the teeth that are seen in means over ever more points; `None` where there are
/// none.
fn hidden_teeth(times: &[f64], values: &[f64]) -> Option<f64> {
    let mut block = values.len().div_ceil(MOST_BLOCKS).max(2);
    while values.len() / block >= FEWEST_BLOCKS {
        let means = |numbers: &[f64]| -> Vec<f64> {
            let blocks = numbers.chunks_exact(block);
            blocks
                .map(|block| block.iter().sum::<f64>() / block.len() as f64)
                .collect()
        };
        let (times, values) = (means(times), means(values));
        if let Some(teeth) = sawtooth(&times, &values) {
            return Some(tooth_length(&times, &teeth));
        }
        block *= 2;
    }
    None
}
