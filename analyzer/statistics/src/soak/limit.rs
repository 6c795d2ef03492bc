//! When a line that rises reaches a limit, with the peaks that are above it: the teeth of a sawtooth
//! and the cycle that was subtracted.

use crate::soak::cycle::Cycle;
use crate::soak::trend::Trend;

/// Places of a cycle at which the limit is tried.
const PLACES: usize = 1024;
/// Halvings of the distance between two places.
const HALVINGS: usize = 40;

/// What is above a line.
#[derive(Clone, Copy)]
pub(crate) struct Peaks<'a> {
    /// Distance from the line to the peaks of a sawtooth, in the data's unit.
    pub(crate) height: f64,
    /// The cycle around the line.
    pub(crate) cycle: Option<&'a Cycle>,
}

impl Peaks<'_> {
    /// Seconds from the end of the line, at `end`, until the peaks reach `limit`: 0 where they are
    /// there already. `None` where the slope's interval of `level` at each end includes 0 or less:
    /// such a line may never get there. Without a reference every line that is found rises.
    pub(crate) fn seconds_until(
        self,
        limit: f64,
        line: &Trend,
        end: f64,
        level: f64,
    ) -> Option<f64> {
        let room = limit - (line.end + self.height);
        let above = |seconds: f64| self.cycle.map_or(0.0, |cycle| cycle.at(end + seconds));
        if room <= above(0.0) {
            return Some(0.0);
        }
        let (low, _) = line.interval(level);
        let reached = |seconds: f64| room <= line.slope * seconds + above(seconds);
        let seconds = match self.cycle {
            None => room / line.slope,
            Some(cycle) => first_of_cycle(cycle.length, room, line.slope, above, reached),
        };
        (low > 0.0 && seconds.is_finite()).then_some(seconds)
    }
}

/// The first moment that is `reached`. It lies in the first cycle in which the line and the highest
/// point of the cycle together reach the limit.
fn first_of_cycle(
    length: f64,
    room: f64,
    slope: f64,
    above: impl Fn(f64) -> f64,
    reached: impl Fn(f64) -> bool,
) -> f64 {
    let step = length / PLACES as f64;
    let places = (0..PLACES).map(|place| above(step * place as f64));
    let highest = places.fold(f64::NEG_INFINITY, f64::max);
    let begin = ((room - highest) / slope).max(0.0);
    let places = (0..=PLACES).map(|place| begin + step * place as f64);
    let after = places.into_iter().find(|seconds| reached(*seconds));
    let mut after = after.unwrap_or(begin + length);
    let mut before = (after - step).max(0.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (before + after);
        match reached(middle) {
            true => after = middle,
            false => before = middle,
        }
    }
    after
}
