//! How much of each window was observed: rates are per second of this time. Pure.

use crate::chart::Span;

/// Windows of equal length over a span of time.
pub(super) struct ObservedWindows<'a> {
    span: &'a Span,
    width_ns: i64,
}

impl<'a> ObservedWindows<'a> {
    pub(super) fn new(span: &'a Span, width_ns: i64) -> Self {
        Self {
            span,
            width_ns: width_ns.max(1),
        }
    }

    /// The begin of each window, ns UTC, and the seconds of it that were observed: NaN where these
    /// are less than half of it.
    pub(super) fn seconds(&self) -> impl Iterator<Item = (i64, f64)> {
        let width = self.width_ns;
        let first = self.span.first_ns.div_euclid(width);
        let last = (self.span.last_ns - 1)
            .max(self.span.first_ns)
            .div_euclid(width);
        (first..=last).map(move |index| {
            let at = index.saturating_mul(width);
            (at, self.observed(at))
        })
    }

    /// The middle of a window.
    pub(super) fn middle(&self, at_ns: i64) -> i64 {
        at_ns.saturating_add(self.width_ns / 2)
    }

    fn observed(&self, at_ns: i64) -> f64 {
        let end_ns = at_ns.saturating_add(self.width_ns);
        let within = |from: i64, to: i64| to.min(end_ns).saturating_sub(from.max(at_ns)).max(0);
        let covered = within(self.span.first_ns, self.span.last_ns);
        let missing = self.span.unobserved.iter();
        // Periods do not touch, and are inside the span.
        let missing: i64 = missing.map(|(from, to)| within(*from, *to)).sum();
        let observed = covered.saturating_sub(missing);
        match observed >= self.width_ns / 2 && observed > 0 {
            true => observed as f64 / 1e9,
            // A recording that is shorter than half of a window has this one only.
            false if covered == self.span.last_ns - self.span.first_ns && observed > 0 => {
                observed as f64 / 1e9
            }
            false => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_which_less_than_half_was_observed_has_no_rate() {
        let second = 1_000_000_000;
        let span = Span {
            first_ns: 500_000_000,
            last_ns: 5 * second,
            unobserved: vec![(2 * second, 2 * second + 800_000_000)],
            ..Span::default()
        };
        let windows = ObservedWindows::new(&span, second);
        let seconds: Vec<(i64, f64)> = windows.seconds().collect();
        assert_eq!(seconds[0], (0, 0.5));
        assert_eq!(seconds[1], (second, 1.0));
        assert!(seconds[2].1.is_nan());
        assert_eq!(seconds.len(), 5);
        let short = Span {
            first_ns: 0,
            last_ns: 10,
            ..Span::default()
        };
        let windows = ObservedWindows::new(&short, second);
        assert_eq!(windows.seconds().collect::<Vec<_>>(), [(0, 1e-8)]);
    }
}
