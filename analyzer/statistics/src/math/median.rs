//! Medians.

/// The median, between the two middle values if their number is even; NaN without values.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.get(middle) {
        None => f64::NAN,
        Some(upper) if sorted.len() % 2 == 1 => *upper,
        Some(upper) => 0.5 * (sorted[middle - 1] + upper),
    }
}

/// The upper of the two middle values if their number is even, without sorting; 0 without values.
pub(crate) fn upper_median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The median of the first three values.
pub(crate) fn median3(values: &[f64]) -> f64 {
    let [a, b, c] = [values[0], values[1], values[2]];
    a.max(b).min(a.min(b).max(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn half_of_the_values_are_on_either_side(values in proptest::collection::vec(-1e9..1e9f64, 1..40)) {
            let upper = upper_median(values.clone());
            for middle in [median(&values), upper] {
                let below = values.iter().filter(|value| **value < middle).count();
                let above = values.iter().filter(|value| **value > middle).count();
                prop_assert!(2 * below <= values.len() && 2 * above <= values.len());
            }
            prop_assert!(values.contains(&upper) && median(&values) <= upper);
            if values.len() >= 3 {
                prop_assert_eq!(median3(&values), median(&values[..3]));
            }
        }
    }

    #[test]
    fn without_values_there_is_none() {
        assert!(median(&[]).is_nan());
        assert_eq!(upper_median(Vec::new()), 0.0);
    }
}
