//! The false discovery rate of many tests: Benjamini–Hochberg, and the interval level that agrees
//! with it.
//!
//! It owns the step-up rule. It sees p-values only, never data.

/// Benjamini–Hochberg adjusted p-values, in the order given. NaN (no test was possible) stays NaN
/// and does not count as a test.
///
/// Assumes independent or positively dependent tests (Benjamini and Yekutieli 2001); the
/// percentiles of one operation are positively dependent. Source: Benjamini and Hochberg 1995. The
/// results are those of R's `p.adjust(p, "BH")`.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let tests = order.len() as f64;
    let mut adjusted = vec![f64::NAN; p.len()];
    let mut least = 1.0_f64;
    for (step, &index) in order.iter().enumerate() {
        let rank = tests - step as f64;
        least = least.min(p[index].clamp(0.0, 1.0) * tests / rank);
        adjusted[index] = least;
    }
    adjusted
}

/// The number `R` of hypotheses that the step-up rule rejects at false discovery rate `q`, and the
/// one-sided level at which intervals agree with it: `q · max(1, R) / m` for `m` tests.
///
/// A one-sided interval at that level excludes the threshold for exactly the rejected hypotheses.
/// Over the rejected ones the false coverage rate is at most `q` (Benjamini and Yekutieli 2005).
/// With no tests the level is `q` itself.
pub fn matching_level(p: &[f64], q: f64) -> (usize, f64) {
    let mut sorted: Vec<f64> = p.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let tests = sorted.len();
    if tests == 0 {
        return (0, q);
    }
    let rejected = (1..=tests)
        .rev()
        .find(|&rank| sorted[rank - 1] <= q * rank as f64 / tests as f64)
        .unwrap_or(0);
    (rejected, q * rejected.max(1) as f64 / tests as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn adjusted_values_are_those_of_statsmodels_and_r() {
        // Benjamini and Hochberg 1995, table of section 3.2: 15 comparisons, of which they reject 4
        // at q = 0.05. Adjusted by statsmodels 0.14, multipletests(method="fdr_bh"), which equals
        // R's p.adjust(p, "BH").
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let want = [
            0.0015,
            0.003,
            0.0095,
            0.035625,
            0.0603,
            0.06385714285714286,
            0.06385714285714286,
            0.0645,
            0.0765,
            0.486,
            0.5811818181818181,
            0.714875,
            0.7532307692307693,
            0.8132142857142857,
            1.0,
        ];
        for (got, want) in benjamini_hochberg(&p).iter().zip(want) {
            assert!((got - want).abs() < 1e-12, "{got} is not {want}");
        }
        let (rejected, level) = matching_level(&p, 0.05);
        assert_eq!(rejected, 4);
        assert!((level - 0.05 * 4.0 / 15.0).abs() < 1e-15);
    }

    #[test]
    fn a_missing_test_neither_counts_nor_is_invented() {
        assert!(benjamini_hochberg(&[f64::NAN, 0.01])[0].is_nan());
        assert_eq!(benjamini_hochberg(&[f64::NAN, 0.01])[1], 0.01);
        assert_eq!(matching_level(&[f64::NAN], 0.05), (0, 0.05));
        assert!(benjamini_hochberg(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn rejected_are_exactly_those_at_or_below_the_level(p in proptest::collection::vec(0.0..1.0f64, 1..40)) {
            let (rejected, level) = matching_level(&p, 0.1);
            let below = p.iter().filter(|&&v| v <= level).count();
            prop_assert_eq!(below, rejected);
            let adjusted = benjamini_hochberg(&p);
            prop_assert_eq!(adjusted.iter().filter(|&&v| v <= 0.1 + 1e-15).count(), rejected);
        }
    }
}
