//! Durations of a whole recording, as counts of buckets: what spectrum and ECDF show, and heat maps
//! per window. Pure.

/// Durations that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The duration that they stand for, ns.
    pub ns: i64,
    /// How many.
    pub count: u64,
}

/// The durations of one operation in one recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// The name of the recording.
    pub recording: String,
    /// In the order of durations.
    pub buckets: Vec<Bucket>,
    /// Whether they are those of all finished operations, also of those without a row.
    pub of_finished: bool,
}

/// One operation in several recordings.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationDistributions {
    /// Its name.
    pub name: String,
    /// By the number of the recording; one without it has none.
    pub sides: Vec<(usize, Distribution)>,
}

impl Distribution {
    /// The number of durations.
    pub(super) fn total(&self) -> u64 {
        let counts = self.buckets.iter().map(|bucket| bucket.count);
        counts.fold(0, u64::saturating_add)
    }

    /// Each duration with how many are shorter, and how many are not longer.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (f64, u64, u64)> {
        self.buckets.iter().scan(0u64, |before, bucket| {
            let first = *before;
            *before = before.saturating_add(bucket.count);
            Some((bucket.ns as f64, first, *before))
        })
    }

    /// The quantile: nearest rank.
    pub(super) fn quantile(&self, level: f64) -> Option<f64> {
        let rank = (level * self.total() as f64).ceil().max(1.0) as u64;
        let mut all = self.cumulative();
        all.find(|(_, _, until)| *until >= rank)
            .map(|(ns, _, _)| ns)
    }
}

impl OperationDistributions {
    /// All durations.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        let sides = self.sides.iter();
        sides.flat_map(|(_, side)| side.buckets.iter().map(|bucket| bucket.ns as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_rank() {
        let bucket = |ns, count| Bucket { ns, count };
        let side = Distribution {
            recording: "a".to_owned(),
            buckets: vec![bucket(10, 90), bucket(20, 9), bucket(500, 1)],
            of_finished: false,
        };
        let quantiles = [0.0, 0.5, 0.9, 0.91, 0.99, 0.999, 1.0].map(|level| side.quantile(level));
        let expected = [10.0, 10.0, 10.0, 20.0, 20.0, 500.0, 500.0].map(Some);
        assert_eq!(quantiles, expected);
        let all: Vec<(f64, u64, u64)> = side.cumulative().collect();
        assert_eq!(all, [(10.0, 0, 90), (20.0, 90, 99), (500.0, 99, 100)]);
        let none = Distribution {
            buckets: Vec::new(),
            ..side
        };
        assert_eq!(none.quantile(0.5), None);
    }
}
