//! Round numbers on an axis and their labels. Pure arithmetic.

/// 1, 2, 2.5 or 5 times a power of ten, not below `least`.
pub(super) fn decimal_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    let enough = |step: &f64| *step >= least * 0.999_999;
    steps.into_iter().find(enough).unwrap_or(10.0 * power)
}

/// A power of two, not below `least`.
pub(super) fn binary_step(least: f64) -> f64 {
    2f64.powf(least.log2().ceil())
}

/// 1, 2, 5 and so on, not below `least`: for what is counted.
pub(super) fn whole_step(least: f64) -> f64 {
    match decimal_step(least.max(1.0)) {
        2.5 => 5.0,
        step => step.max(1.0),
    }
}

/// A multiple of a step, as short as it can be.
pub(super) fn label(value: f64, step: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1e6 || (magnitude > 0.0 && magnitude < 1e-4) {
        let text = format!("{value:.2e}");
        return match text.split_once('e') {
            Some((digits, power)) => format!("{}e{power}", without_zeros(digits)),
            None => text,
        };
    }
    let digits = (-(step.abs().log10()).floor() + 1.0).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.digits$}");
    let text = without_zeros(&text);
    match text {
        "-0" => "0".to_owned(),
        text => text.replace('-', "−"),
    }
}

fn without_zeros(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_not_below_what_is_asked() {
        for (least, step) in [
            (0.9, 1.0),
            (1.1, 2.0),
            (2.1, 2.5),
            (3.0, 5.0),
            (700.0, 1000.0),
        ] {
            assert_eq!(decimal_step(least), step);
        }
        assert_eq!(binary_step(5.0), 8.0);
        assert_eq!([0.1, 1.0, 2.3, 11.0].map(whole_step), [1.0, 1.0, 5.0, 20.0]);
    }

    #[test]
    fn labels_have_no_more_digits_than_needed() {
        let labels = [
            (2.5, 2.5),
            (10.0, 2.5),
            (0.002, 0.001),
            (0.0, 1.0),
            (-5.0, 5.0),
        ];
        let labels = labels.map(|(value, step)| label(value, step));
        assert_eq!(labels, ["2.5", "10", "0.002", "0", "−5"]);
        assert_eq!(label(2.5e12, 5e11), "2.5e12");
        assert_eq!(label(3e-7, 1e-7), "3e-7");
    }
}
