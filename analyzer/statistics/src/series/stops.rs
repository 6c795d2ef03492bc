//! Whether an operation stopped: whether a run ends with a pause far longer than any before.
//!
//! A stop is not tested as a change of the level: no later windows could be compared with the
//! earlier ones. `compare::stop` uses the pauses of all runs of both sides.

/// Fewest windows without an operation at the end of a run that are a stop.
const FEWEST: usize = 5;
/// Smallest share of a run that they must be.
const LEAST_SHARE: f64 = 0.1;
/// They must be longer than the longest pause before by this factor.
const TIMES_A_PAUSE: usize = 3;

/// The shortest pause that is unlike one of `pause` windows.
pub(crate) fn unlike(pause: usize) -> usize {
    FEWEST.max(TIMES_A_PAUSE * (pause + 1))
}

/// Whether a pause is a large enough part of a run of that many windows to be a stop: a load may
/// end a little before its recording.
pub(crate) fn is_large_part(pause: usize, windows: usize) -> bool {
    pause as f64 >= LEAST_SHARE * windows as f64
}

/// The end of a run as its counts show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// First window of the pause at the end; the number of windows if there is none.
    pub from: usize,
    /// Windows of the pause, missing ones not included.
    pub pause: usize,
    /// Windows of the shortest pause that is unlike those before.
    pub least: usize,
    /// Windows at the end that are missing.
    pub unseen: usize,
    /// Windows that are not missing.
    pub windows: usize,
    /// The probability of a pause that is three times as long as all before, if the operations come
    /// at random at one rate; 1 where the pause is shorter than `least`.
    pub p: f64,
}

impl Stop {
    /// Whether the pause is long enough to be a stop, whatever its probability: unlike those
    /// before, and a tenth of the run.
    pub fn is_long(&self) -> bool {
        self.pause >= self.least && is_large_part(self.pause, self.windows)
    }
}

/// The pause at the end of a run with these `counts` of operations per window, of which NaN and
/// infinite ones are missing. Windows that are missing are no pause.
///
/// It is unlike those before if it has at least 5 windows and is three times as long as any of
/// them. For operations that come at random at one rate (a Poisson process), the probability that
/// the last of n + 1 pauses is three times as long as all others is 6 / ((n + 1)(n + 2)(n + 3)).
/// `None` where no operation came.
pub fn stop(counts: &[f64]) -> Option<Stop> {
    let present = || counts.iter().enumerate().filter(|(_, v)| v.is_finite());
    let windows = present().count();
    let (mut longest, mut pause, mut busy, mut from) = (0, 0, 0_u32, counts.len());
    for (index, count) in present() {
        if *count > 0.0 {
            longest = longest.max(pause);
            pause = 0;
            busy += 1;
        } else {
            if pause == 0 {
                from = index;
            }
            pause += 1;
        }
    }
    if busy == 0 {
        return None;
    }
    let least = unlike(longest);
    let unseen = counts.iter().rev().take_while(|v| !v.is_finite()).count();
    let n = f64::from(busy);
    Some(Stop {
        from: if pause == 0 { counts.len() } else { from },
        pause,
        least,
        unseen,
        windows,
        p: match pause >= least {
            true => 6.0 / ((n + 1.0) * (n + 2.0) * (n + 3.0)),
            false => 1.0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::letters::counts;

    #[test]
    fn a_pause_at_the_end_is_a_stop_if_it_is_longer_than_those_before() {
        for (text, long, from, pause) in [
            ("xxxxxxxxxxxxxxxxxxxx", false, 20, 0),
            ("xxxxxxxxxxxx.....", true, 12, 5),
            ("xxxxxxxxxxxx....", false, 12, 4),
            ("x.x..x.x..x.x..........", true, 13, 10),
            ("x.x..x.x..x.x.......", false, 13, 7),
            ("xxxxxxxxxxxx..?..?.", true, 12, 5),
            ("xxxxxxxxxxxx???????????", false, 23, 0),
            ("xxxxx.....................x", false, 27, 0),
        ] {
            let found = stop(&counts(text)).unwrap();
            assert_eq!(
                (found.is_long(), found.from, found.pause),
                (long, from, pause),
                "{text}: {found:?}"
            );
            assert_eq!(found.p < 1.0, long, "{text}: {found:?}");
        }
        let long = [vec![2.0; 100], vec![0.0; 9]].concat();
        let found = stop(&long).unwrap();
        assert!(!found.is_long() && found.p < 1e-4, "less than a tenth");
        assert_eq!(stop(&counts("xx.xx????")).unwrap().unseen, 4);
    }

    #[test]
    fn a_run_without_operations_did_not_stop() {
        assert_eq!(stop(&[]), None);
        assert_eq!(stop(&[0.0; 50]), None);
        assert_eq!(stop(&[f64::NAN; 50]), None);
    }
}
