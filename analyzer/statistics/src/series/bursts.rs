//! Failures that come in bursts.
//!
//! It examines counts of rare events per window. `compare` decides whether a failure rate changed.

use crate::error::{Error, within};
use crate::math::distributions::chi_squared_upper;
use statrs::function::gamma;

/// A burst may have this many neighbouring windows without too many failures.
const PAUSE: usize = 3;

/// A part of the run whose windows have too many failures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// First window, 0-based.
    pub start: usize,
    /// First window after the burst.
    pub end: usize,
    /// Number of failures in the burst.
    pub failures: f64,
    /// Number of failures to expect in its windows at the usual rate.
    pub expected: f64,
    /// Probability that any window of the run has as many failures as the worst window of the
    /// burst, at the usual rate.
    pub p: f64,
}

/// How failures are spread over the windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Bursts {
    /// Failures per operation outside bursts.
    pub usual_rate: f64,
    /// Share of all failures that lie in bursts, 0..=1.
    pub share: f64,
    /// Index of dispersion: 1 for independent failures, more for clustered ones; `None` without
    /// failures.
    pub dispersion: Option<f64>,
    /// P-value of the dispersion test: the probability that independent failures are at least as
    /// dispersed as these.
    pub p: Option<f64>,
    /// The fewest failures in one more window that would be a burst; `None` where no number of them
    /// would that any window has operations.
    pub detectable: Option<f64>,
    /// In order of time.
    pub bursts: Vec<Burst>,
}

/// Finds bursts among windows with `failures` out of `operations`. Windows with a NaN or infinite
/// number are missing.
///
/// A window belongs to a burst if its count is so large that, at the usual rate, a Poisson count
/// reaches it in any window with probability at most `false_alarm`. The usual rate is that of the
/// windows outside bursts; it is found by iteration. The dispersion test is Fisher's (Fisher,
/// Thornton and Mackenzie 1922). Assumes that operations fail independently outside bursts.
///
/// # Errors
/// Unequal lengths; a rate outside 0..=0.5.
pub fn bursts(failures: &[f64], operations: &[f64], false_alarm: f64) -> Result<Bursts, Error> {
    within("false_alarm", false_alarm, 0.0, 0.5, "between 0 and 0.5")?;
    if failures.len() != operations.len() {
        return Err(Error::Length {
            left: "failures",
            left_length: failures.len(),
            right: "operations",
            right_length: operations.len(),
        });
    }
    let sound = |v: f64| (0.0..1e15).contains(&v);
    let usable: Vec<bool> = failures
        .iter()
        .zip(operations)
        .map(|(&f, &n)| sound(f) && sound(n) && n > 0.0)
        .collect();
    let windows = usable.iter().filter(|u| **u).count();
    let mut hit = vec![false; failures.len()];
    let mut rate = 0.0;
    for _ in 0..20 {
        let quiet = || (0..failures.len()).filter(|&i| usable[i] && !hit[i]);
        let all: f64 = quiet().map(|i| operations[i]).sum();
        rate = if all > 0.0 {
            quiet().map(|i| failures[i]).sum::<f64>() / all
        } else {
            0.0
        };
        let limit = false_alarm / windows.max(1) as f64;
        let next: Vec<bool> = (0..failures.len())
            .map(|i| usable[i] && at_least(failures[i], rate * operations[i]) <= limit)
            .collect();
        if next == hit {
            break;
        }
        hit = next;
    }
    let found = joined(&hit, failures, operations, &usable, rate, windows);
    let total: f64 = (0..failures.len())
        .filter(|&i| usable[i])
        .map(|i| failures[i])
        .sum();
    let inside: f64 = found.iter().map(|b| b.failures).sum();
    let (dispersion, p) = dispersion(failures, operations, &usable, total, windows);
    Ok(Bursts {
        usual_rate: rate,
        share: if total > 0.0 {
            (inside / total).min(1.0)
        } else {
            0.0
        },
        dispersion,
        p,
        detectable: detectable(rate, windows, &usable, operations, false_alarm),
        bursts: found,
    })
}

/// The fewest failures of one window that are a burst. They raise the usual rate themselves.
fn detectable(
    rate: f64,
    windows: usize,
    usable: &[bool],
    operations: &[f64],
    false_alarm: f64,
) -> Option<f64> {
    let each = usable.iter().zip(operations).filter(|(usable, _)| **usable);
    let mean = each.map(|(_, n)| n).sum::<f64>() / windows.max(1) as f64;
    let limit = false_alarm / windows.max(1) as f64;
    let largest = operations.iter().zip(usable).filter(|(_, usable)| **usable);
    let largest = largest.fold(0.0_f64, |most, (n, _)| most.max(*n)).floor();
    let is_burst = |count: f64| at_least(count, rate * mean + count / windows as f64) <= limit;
    // The numbers double, and are then searched by halves.
    let mut most = 1.0;
    while most <= largest && !is_burst(most) {
        most *= 2.0;
    }
    let (mut low, mut high) = (0.5 * most, most.min(largest));
    if !is_burst(high) {
        return None;
    }
    while high - low > 1.0 {
        let middle = (0.5 * (low + high)).floor();
        if is_burst(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// P(X ≥ count) of a Poisson count X with this mean.
fn at_least(count: f64, mean: f64) -> f64 {
    if count < 1.0 {
        1.0
    } else if mean <= 0.0 {
        0.0
    } else {
        gamma::checked_gamma_lr(count.floor(), mean).unwrap_or(1.0)
    }
}

/// The bursts that the windows in `hit` form. `windows` is the number of windows that are not
/// missing.
fn joined(
    hit: &[bool],
    failures: &[f64],
    operations: &[f64],
    usable: &[bool],
    rate: f64,
    windows: usize,
) -> Vec<Burst> {
    let mut found: Vec<Burst> = Vec::new();
    for index in (0..hit.len()).filter(|&i| hit[i]) {
        match found.last_mut() {
            Some(last) if index <= last.end + PAUSE => last.end = index + 1,
            _ => found.push(Burst {
                start: index,
                end: index + 1,
                failures: 0.0,
                expected: 0.0,
                p: 1.0,
            }),
        }
    }
    for burst in &mut found {
        for index in (burst.start..burst.end).filter(|&i| usable[i]) {
            let expected = rate * operations[index];
            burst.failures += failures[index];
            burst.expected += expected;
            burst.p = burst
                .p
                .min(at_least(failures[index], expected) * windows as f64);
        }
    }
    found
}

/// The index of dispersion of the failures and its p-value; `None` without failures.
fn dispersion(
    failures: &[f64],
    operations: &[f64],
    usable: &[bool],
    total: f64,
    windows: usize,
) -> (Option<f64>, Option<f64>) {
    let all: f64 = (0..usable.len())
        .filter(|&i| usable[i])
        .map(|i| operations[i])
        .sum();
    if total <= 0.0 || windows < 2 {
        return (None, None);
    }
    let rate = total / all;
    let statistic: f64 = (0..usable.len())
        .filter(|&i| usable[i])
        .map(|i| (failures[i] - rate * operations[i]).powi(2) / (rate * operations[i]))
        .sum();
    let degrees = windows as f64 - 1.0;
    (
        Some(statistic / degrees),
        Some(chi_squared_upper(statistic, degrees)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn poisson_tails_are_scipys() {
        // scipy 1.x: poisson.sf(4, 1.3), poisson.sf(9, 2.0)
        assert!((at_least(5.0, 1.3) - 0.010663033771890939).abs() < 1e-12);
        assert!((at_least(10.0, 2.0) - 4.649807501726386e-05).abs() < 1e-12);
    }

    #[test]
    fn a_burst_is_found_with_its_edges() {
        let mut failures: Vec<f64> = (0..600).map(|i| f64::from(i % 5 == 0)).collect();
        for window in &mut failures[300..310] {
            *window = 20.0;
        }
        let found = bursts(&failures, &[1000.0; 600], 0.05).unwrap();
        assert_eq!(found.bursts.len(), 1);
        assert_eq!((found.bursts[0].start, found.bursts[0].end), (300, 310));
        assert!(found.dispersion.unwrap() > 5.0 && found.p.unwrap() < 1e-6);
        assert!((found.usual_rate - 0.0002).abs() < 1e-5);
        assert!((found.share - 200.0 / 318.0).abs() < 1e-9);
    }

    #[test]
    fn even_failures_are_no_burst() {
        let failures: Vec<f64> = (0..600).map(|i| f64::from(i % 7 == 0)).collect();
        let found = bursts(&failures, &[1000.0; 600], 0.05).unwrap();
        assert_eq!(found.bursts, []);
        assert!(bursts(&[1.0], &[], 0.05).is_err());
        assert_eq!(bursts(&[], &[], 0.05).unwrap().dispersion, None);
    }

    proptest! {
        #[test]
        fn nothing_panics(windows in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..60)) {
            let (failures, operations): (Vec<f64>, Vec<f64>) = windows.into_iter().unzip();
            let _ = bursts(&failures, &operations, 0.05);
        }
    }
}
