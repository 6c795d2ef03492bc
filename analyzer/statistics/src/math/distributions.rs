//! Tail probabilities and quantiles of Student's t, the normal and the chi-squared distribution.
//!
//! It owns the choice of special functions (statrs) and their edge cases. It knows nothing about
//! windows. The tests below compare its results with those of scipy 1.x, to a relative error of
//! 1e-10.

use statrs::function::{beta, erf, gamma};

/// P(T > t) of Student's t with `df` degrees of freedom. `df` may be fractional; with an infinite
/// `df` it is the normal distribution.
///
/// NaN when `t` or `df` is NaN or `df ≤ 0`. Source: Abramowitz and Stegun 26.7.1, by the incomplete
/// beta function.
pub fn t_upper(t: f64, df: f64) -> f64 {
    if t.is_nan() || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if df > 1e8 || df.is_infinite() {
        return normal_upper(t);
    }
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    // Where t is small, df / (df + t²) is near 1 and loses digits: the complement is used there.
    let square = t * t;
    let tail = if square < df {
        0.5 * (1.0 - beta::beta_reg(0.5, df / 2.0, square / (df + square)))
    } else {
        0.5 * beta::beta_reg(df / 2.0, 0.5, 1.0 / (1.0 + square / df))
    };
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// The `t` with P(T > t) = `p`: 0 for `p` = 1/2, +∞ for 0, −∞ for 1. NaN when `p` is not in 0..=1
/// or `df ≤ 0`.
pub fn t_upper_quantile(p: f64, df: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if p == 0.5 {
        return 0.0;
    }
    if p > 0.5 {
        return -t_upper_quantile(1.0 - p, df);
    }
    if p == 0.0 {
        return f64::INFINITY;
    }
    // Newton's method on ln P(T > t), kept inside a bracket. It starts at the normal quantile.
    let target = p.ln();
    let (mut low, mut high) = (0.0_f64, f64::INFINITY);
    let mut t = normal_upper_quantile(p);
    for _ in 0..200 {
        let tail = t_upper(t, df);
        let error = tail.ln() - target;
        if error > 0.0 {
            low = t
        } else {
            high = t
        }
        if error.abs() < 1e-13 {
            break;
        }
        let step = error * tail / t_density(t, df);
        let next = t + step;
        t = if next > low && next < high {
            next
        } else if high.is_finite() {
            0.5 * (low + high)
        } else {
            2.0 * low + 1.0
        };
        if high.is_finite() && high - low <= 1e-15 * high {
            break;
        }
    }
    t
}

fn t_density(t: f64, df: f64) -> f64 {
    if df > 1e8 {
        return (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
    }
    let constant = gamma::ln_gamma(0.5 * (df + 1.0))
        - gamma::ln_gamma(0.5 * df)
        - 0.5 * (df * std::f64::consts::PI).ln();
    (constant - 0.5 * (df + 1.0) * (t * t / df).ln_1p()).exp()
}

/// P(Z > z) of the standard normal.
pub fn normal_upper(z: f64) -> f64 {
    0.5 * erf::erfc(z / std::f64::consts::SQRT_2)
}

/// The `z` with P(Z > z) = `p`: infinite for 0 and 1, NaN when `p` is not in 0..=1.
pub fn normal_upper_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    std::f64::consts::SQRT_2 * erf::erfc_inv(2.0 * p)
}

/// P(X > x) of the chi-squared distribution with `df` degrees of freedom.
pub fn chi_squared_upper(x: f64, df: f64) -> f64 {
    if x.is_nan() || df.is_nan() || df <= 0.0 {
        f64::NAN
    } else if x <= 0.0 {
        1.0
    } else if x.is_infinite() {
        0.0
    } else {
        gamma::checked_gamma_ur(df / 2.0, x / 2.0).unwrap_or(f64::NAN)
    }
}

/// The exact two-sided interval of a probability at `confidence` (0..1) when `hits` of `trials`
/// independent trials had it. Source: Clopper and Pearson 1934. `None` without trials, with more
/// hits than trials, or with another confidence.
pub fn binomial_interval(hits: u64, trials: u64, confidence: f64) -> Option<(f64, f64)> {
    if trials == 0 || hits > trials || !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let tail = (1.0 - confidence) / 2.0;
    let (hits, misses) = (hits as f64, (trials - hits) as f64);
    // The quantile of a beta distribution, by bisection of its distribution function.
    let quantile = |a: f64, b: f64, p: f64| {
        let (mut low, mut high) = (0.0_f64, 1.0_f64);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if beta::beta_reg(a, b, middle) < p {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    };
    let low = if hits == 0.0 {
        0.0
    } else {
        quantile(hits, misses + 1.0, tail)
    };
    let high = if misses == 0.0 {
        1.0
    } else {
        quantile(hits + 1.0, misses, 1.0 - tail)
    };
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(got: f64, want: f64) {
        assert!(
            (got - want).abs() <= 1e-10 * want.abs(),
            "{got} is not {want}"
        );
    }

    #[test]
    fn binomial_intervals_are_those_of_clopper_and_pearson() {
        let interval = |hits, trials| binomial_interval(hits, trials, 0.95).unwrap();
        // Without hits, and with one, an end has a closed form.
        assert_eq!(interval(0, 5).0, 0.0);
        close(interval(0, 5).1, 1.0 - 0.025_f64.powf(0.2));
        close(interval(1, 10).0, 1.0 - 0.975_f64.powf(0.1));
        // R 4: binom.test(1, 10)$conf.int
        assert!((interval(1, 10).1 - 0.445_016_117).abs() < 1e-9);
        assert_eq!(interval(7, 7).1, 1.0);
        assert_eq!(binomial_interval(1, 0, 0.95), None);
        assert_eq!(binomial_interval(3, 2, 0.95), None);
    }

    #[test]
    fn tails_agree_with_scipy() {
        include!("../../tests/scipy_tails.in");
    }

    proptest! {
        #[test]
        fn a_quantile_gives_its_tail_back(p in 1e-12..0.5f64, df in 0.5..200.0f64) {
            let back = t_upper(t_upper_quantile(p, df), df);
            prop_assert!((back - p).abs() <= 1e-9 * p, "{back} {p}");
        }

        #[test]
        fn nothing_panics(a in any::<f64>(), b in any::<f64>()) {
            let _ = (t_upper(a, b), t_upper_quantile(a, b), normal_upper(a));
            let _ = (normal_upper_quantile(a), chi_squared_upper(a, b));
        }
    }
}
