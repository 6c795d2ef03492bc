//! How much of the error rate each look at a growing comparison may spend.
//!
//! `options` applies it to the level of a comparison.

/// One look at a comparison to which runs are added until it is decided.
///
/// The error rate is spent over the looks (Lan and DeMets 1983; the share t² of it at the share t
/// of the planned runs, Kim and DeMets 1987). Each look gets the part that was spent since the last
/// one, so that the sum over all looks is at most [`Options::q`](crate::Options::q), however the
/// looks depend on each other. The number and the times of the looks need no plan, but they must
/// not depend on the data except that the first decision ends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// Runs per side at the end, at least 1.
    pub planned: usize,
    /// Runs per side now.
    pub now: usize,
    /// Runs per side at the look before this one; 0 at the first.
    pub before: usize,
}

impl Looks {
    /// The share of the error rate that this look may spend, 0..=1.
    pub fn share(self) -> f64 {
        let spent = |runs: usize| (runs as f64 / self.planned.max(1) as f64).min(1.0).powi(2);
        (spent(self.now) - spent(self.before)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::distributions::t_upper_quantile;

    /// The shares of looks at these numbers of runs per side.
    fn shares(planned: usize, looks: &[usize]) -> Vec<f64> {
        let mut before = 0;
        let share = |&now: &usize| {
            let look = Looks {
                planned,
                now,
                before,
            };
            before = now;
            look.share()
        };
        looks.iter().map(share).collect()
    }

    fn close(left: &[f64], right: &[f64], tolerance: f64) {
        assert_eq!(left.len(), right.len());
        for (a, b) in left.iter().zip(right) {
            assert!((a - b).abs() < tolerance, "{left:?} {right:?}");
        }
    }

    #[test]
    fn five_equal_looks_spend_what_kim_and_demets_do() {
        // α t² of α = 0.05 at t = 0.2, 0.4 … 1 (Kim and DeMets 1987): 0.002, 0.008, 0.018, 0.032,
        // 0.05.
        let mut spent = 0.0;
        let so_far: Vec<f64> = shares(10, &[2, 4, 6, 8, 10])
            .iter()
            .map(|share| {
                spent += 0.05 * share;
                spent
            })
            .collect();
        close(&so_far, &[0.002, 0.008, 0.018, 0.032, 0.05], 1e-15);
    }

    #[test]
    fn no_look_is_easier_to_pass_than_the_exact_boundary() {
        // The exact boundaries of normal statistics with these increments, from the recursive
        // integration of Armitage, McPherson and Rowe (1969) in numpy; isf of the increments in
        // scipy. The first look is exact. Later ones are stricter here, since what is known about
        // the looks before is not used.
        let exact = [2.8782, 2.4702, 2.2012, 1.9819, 1.7904];
        let used = [2.8782, 2.5121, 2.3263, 2.1973, 2.0969];
        let boundary = |share: &f64| t_upper_quantile(0.05 * share, 1e9);
        let found: Vec<f64> = shares(5, &[1, 2, 3, 4, 5]).iter().map(boundary).collect();
        close(&found, &used, 5e-5);
        assert!(found.iter().zip(exact).all(|(a, b)| *a > b - 5e-5));
    }

    #[test]
    fn irregular_looks_together_spend_the_whole_rate_and_no_more() {
        for looks in [
            vec![10],
            vec![1, 10],
            vec![3, 4, 9, 10],
            (1..=10).collect::<Vec<usize>>(),
            // More runs than planned: nothing is left for them.
            vec![5, 10, 12, 20],
        ] {
            let shares = shares(10, &looks);
            let sum: f64 = shares.iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{looks:?} {shares:?}");
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        }
        assert_eq!(shares(10, &[12, 20]), [1.0, 0.0]);
        assert_eq!(shares(0, &[1, 2]), [1.0, 0.0]);
        // A look that was there before has nothing to spend.
        close(&shares(10, &[4, 4, 3]), &[0.16, 0.0, 0.0], 1e-15);
    }
}
