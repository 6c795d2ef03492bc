//! The verdict of an effect after the loss is taken into account, and its reason in one line. The reason
//! has changes as they are measured: a rate that fell by 5% changed by −5%.

use crate::compare::effect::Effect;
use crate::compare::verdict::Verdict;
use crate::metric::Metric;

/// The verdict under loss. `plain` is the verdict of the interval without loss. Means, which have
/// no bounds under loss, keep their verdict when at most `tolerated_loss` was lost.
/// `operations_needed` is the number that each run needs for this percentile, where one has too few.
pub(super) fn verdict_under_loss(
    effect: &Effect,
    plain: Verdict,
    tolerated_loss: f64,
    operations_needed: Option<u64>,
) -> (Verdict, String) {
    if plain == Verdict::Inconclusive {
        return (plain, inconclusive(effect, operations_needed));
    }
    if effect.loss.fraction > 0.0 {
        let under_loss = Verdict::of(effect.loss.low, effect.loss.high, effect.threshold);
        let unbounded = effect.loss.low.is_none() && effect.loss.high.is_none();
        let tolerated = unbounded && effect.loss.fraction <= tolerated_loss;
        let stands =
            under_loss == plain || (plain == Verdict::Improved && under_loss == Verdict::Pass);
        if !stands && !tolerated {
            let percent = effect.loss.fraction * 100.0;
            let word = plain.name();
            let text =
                format!("the lost operations ({percent:.3}%) could change the verdict {word}");
            return (Verdict::Inconclusive, text);
        }
    }
    let [worse, better] = match effect.metric.lower_is_worse() {
        false => ["above", "below"],
        true => ["below", "above"],
    };
    let edge = match (plain, effect.threshold) {
        (Verdict::Improved, 0.0) => "0".to_owned(),
        (Verdict::Improved, threshold) => format!("the threshold {}", signed(effect, -threshold)),
        (_, threshold) => format!("the threshold {}", signed(effect, threshold)),
    };
    let side = match plain {
        Verdict::Regressed => worse,
        _ => better,
    };
    (plain, format!("the whole interval lies {side} {edge}"))
}

/// The verdict and its reason when runs could not be used, for the reasons in `missing`. The other
/// runs may show a regression, but nothing passes, since a run that is left out may have been
/// worse.
pub(super) fn blocked(
    effect: &Effect,
    judged: (Verdict, String),
    missing: &str,
) -> (Verdict, String) {
    if effect.unusable.is_empty() {
        return judged;
    }
    let (verdict, reason) = judged;
    match verdict {
        Verdict::Pass | Verdict::Improved => {
            let word = verdict.name();
            let text = format!("{missing}; the other runs alone would be {word}");
            (Verdict::Inconclusive, text)
        }
        Verdict::Regressed | Verdict::Inconclusive => (verdict, format!("{reason}; {missing}")),
    }
}

fn inconclusive(effect: &Effect, operations_needed: Option<u64>) -> String {
    let edge = signed(effect, effect.threshold);
    match (effect.low, effect.high, effect.detectable) {
        (None, _, _) | (_, None, _) if effect.runs.iter().any(|runs| *runs > 1) => {
            "the runs, or the windows inside them, differ too much to bound the change".to_owned()
        }
        (None, _, _) | (_, None, _) => match operations_needed {
            Some(least) => format!(
                "too few operations lie beyond this percentile to bound the change: a run needs \
                 {least} operations or more"
            ),
            None => "the windows inside a run differ too much to bound the change".to_owned(),
        },
        (_, _, Some(least)) => {
            let least = signed(effect, least);
            format!(
                "the interval includes the threshold {edge}; a change of {least} would have been \
                 detected"
            )
        }
        _ => format!("the interval includes the threshold {edge}"),
    }
}

/// A change as it is measured: up is worse in the argument, whatever the metric.
fn signed(effect: &Effect, change: f64) -> String {
    let is_negative = change != 0.0 && (change < 0.0) != effect.metric.lower_is_worse();
    let sign = if is_negative { "−" } else { "" };
    format!("{sign}{}", size(effect, change.abs()))
}

/// The size of a change of this effect, with its unit where it has one.
fn size(effect: &Effect, change: f64) -> String {
    match (effect.absolute, &effect.metric) {
        (false, _) => format!("{} %", short(change * 100.0)),
        (true, Metric::FailureRate) => format!("{} percentage points", short(change * 100.0)),
        (true, metric) if metric.is_time() => seconds(change / 1e9),
        (true, metric) => match metric.unit() {
            "" => short(change),
            "1/s" => format!("{} per second", short(change)),
            unit => format!("{} {unit}", short(change)),
        },
    }
}

/// A time in the unit that fits.
pub(super) fn seconds(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    let fits = |(unit, _): &(f64, &str)| seconds.abs() >= *unit;
    let (unit, name) = units.into_iter().find(fits).unwrap_or((1e-9, "ns"));
    format!("{} {name}", short(seconds / unit))
}

/// Three significant digits, more only before the decimal point, and no zeros at the end.
fn short(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let digits = (2.0 - number.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{number:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{seconds, short};

    #[test]
    fn times_have_the_unit_that_fits() {
        let texts = [0.0, 1e-9, 4.997e-3, 12e-6, 47.9, 3600.0].map(seconds);
        assert_eq!(texts, ["0 ns", "1 ns", "5 ms", "12 µs", "47.9 s", "3600 s"]);
    }

    #[test]
    fn numbers_are_short_and_lose_no_digit_before_the_point() {
        let texts = [
            0.0, 5.0, 0.1, 12.34567, 59.67, 0.00012345, 1234.4, 100.0, 5.0000001,
        ];
        let expected = [
            "0", "5", "0.1", "12.3", "59.7", "0.000123", "1234", "100", "5",
        ];
        assert_eq!(texts.map(short), expected);
    }
}
