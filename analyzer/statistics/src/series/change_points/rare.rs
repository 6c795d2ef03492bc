//! Changes of a series in which most points have one value, such as a count that is nearly always 0.
//!
//! There a mean of few points is far from normally distributed: 3 rare events among 9 points are 5
//! deviations, and happen somewhere in one of 7 such series. A step must therefore also stand in a
//! test that is exact whatever the distribution: are the points that differ from the common value as
//! frequent before it as after it (Fisher 1935)?

use super::Series;
use super::exact::SHORTEST;
use statrs::function::gamma::ln_gamma;

impl Series {
    /// The steps without those that rare points explain: of the others none is left whose p-value,
    /// over all places of the series, is above `rate`. The least certain one is dropped first.
    pub(super) fn beyond_rare_points(&self, mut steps: Vec<usize>, rate: f64) -> Vec<usize> {
        let places = self.values.len() as f64;
        let mut known: Vec<Option<f64>> = vec![None; steps.len()];
        loop {
            for (i, known) in known.iter_mut().enumerate() {
                let (first, last) = self.around(&steps, i);
                known.get_or_insert_with(|| places * self.as_unlike(first, steps[i], last));
            }
            let all = known.iter().flatten().copied().enumerate();
            match all.max_by(|a, b| a.1.total_cmp(&b.1)) {
                Some((i, p)) if p > rate => {
                    steps.remove(i);
                    known.remove(i);
                    for next_to in [i.wrapping_sub(1), i] {
                        if let Some(next_to) = known.get_mut(next_to) {
                            *next_to = None;
                        }
                    }
                }
                _ => return steps,
            }
        }
    }

    /// The p-value of the step at `at` by how many points differ from the value that most points of
    /// `first..last` have; 0 where there is no such value, and between two levels without noise.
    fn as_unlike(&self, first: usize, at: usize, last: usize) -> f64 {
        let is_level =
            |side: &[f64]| side.len() >= SHORTEST && side.iter().all(|value| *value == side[0]);
        if is_level(&self.values[first..at]) && is_level(&self.values[at..last]) {
            return 0.0;
        }
        let Some(common) = common_value(&self.values[first..last]) else {
            return 0.0;
        };
        let [left, right] = [first..at, at..last].map(|side| {
            let values = &self.values[side];
            let differing = values.iter().filter(|value| **value != common);
            (values.len(), differing.count())
        });
        exact_test(left, right)
    }
}

/// The value that more than half of the points have (Boyer and Moore 1991).
fn common_value(values: &[f64]) -> Option<f64> {
    let (mut common, mut lead) = (None, 0_usize);
    for &value in values {
        match lead {
            0 => (common, lead) = (Some(value), 1),
            _ if common == Some(value) => lead += 1,
            _ => lead -= 1,
        }
    }
    let equal = values
        .iter()
        .filter(|value| Some(**value) == common)
        .count();
    common.filter(|_| 2 * equal > values.len())
}

/// The two-sided p-value of Fisher's exact test: twice the smaller tail. Each side is its number of
/// points and how many of them differ.
fn exact_test(
    (left, left_differing): (usize, usize),
    (right, right_differing): (usize, usize),
) -> f64 {
    let all = left_differing + right_differing;
    let ln_choose = |n: usize, k: usize| {
        let gamma = |n: usize| ln_gamma(n as f64 + 1.0);
        gamma(n) - gamma(k) - gamma(n - k)
    };
    let total = ln_choose(left + right, all);
    let of = |k: usize| (ln_choose(left, k) + ln_choose(right, all - k) - total).exp();
    let (least, most) = (all.saturating_sub(right), all.min(left));
    let fewer: f64 = (least..=left_differing).map(of).sum();
    let more: f64 = (left_differing..=most).map(of).sum();
    (2.0 * fewer.min(more)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_test_has_the_values_of_scipy() {
        // scipy.stats.hypergeom(20, 8, 10): twice the smaller of cdf and sf.
        let p = exact_test((10, 1), (10, 7));
        assert!((p - 2.0 * 0.009_883_305_548_940_226).abs() < 1e-12, "{p}");
        assert_eq!(exact_test((10, 7), (10, 1)), p);
        assert_eq!(exact_test((10, 3), (10, 3)), 1.0);
        assert_eq!(exact_test((10, 0), (10, 0)), 1.0);
        assert!(exact_test((300, 3), (60, 60)) < 1e-50);
    }

    #[test]
    fn a_common_value_is_that_of_more_than_half() {
        assert_eq!(common_value(&[]), None);
        assert_eq!(common_value(&[1.0, 2.0]), None);
        assert_eq!(common_value(&[1.0, 2.0, 1.0]), Some(1.0));
        assert_eq!(common_value(&[2.0, 1.0, 3.0, 1.0, 1.0]), Some(1.0));
        assert_eq!(common_value(&[2.0, 2.0, 3.0, 1.0, 1.0]), None);
    }

    #[test]
    fn a_cluster_of_rare_points_is_no_step_and_a_new_level_is_one() {
        let series = |ones: &[usize], level: &[usize]| {
            let mut values = vec![0.0; 365];
            ones.iter().for_each(|&at| values[at] = 1.0);
            level.iter().for_each(|&at| values[at] = 2.0);
            Series::new(values, (0..365).map(f64::from).collect())
        };
        let rare = [20, 90, 130, 170, 200, 204, 207, 240, 310, 330];
        let kept = series(&rare, &[]).beyond_rare_points(vec![200, 210], 0.05);
        assert!(kept.is_empty(), "{kept:?}");
        let level: Vec<usize> = (250..300).collect();
        let kept = series(&rare, &level).beyond_rare_points(vec![200, 210, 250, 300], 0.05);
        assert_eq!(kept, [250, 300]);
        // Between two levels that both differ from the common value.
        let mut stairs = series(&[], &level);
        stairs.values[275..300].fill(3.0);
        let kept = stairs.beyond_rare_points(vec![250, 275, 300], 0.05);
        assert_eq!(kept, [250, 275, 300]);
    }
}
