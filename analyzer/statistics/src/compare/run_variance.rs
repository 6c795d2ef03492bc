//! The variance from run to run of one build, known from a history.

/// The standard deviation from run to run of one build, from a history of known-good runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunVariance {
    /// Standard deviation between runs: relative to the value, for absolute metrics in their unit.
    pub deviation: f64,
    /// Degrees of freedom: the number of runs in the history less the number of builds they came
    /// from.
    pub degrees_of_freedom: f64,
}

impl RunVariance {
    /// From the values of past good runs of one build: relative, or `absolute` in their unit.
    ///
    /// Values that are not finite are left out; of a relative one also those that are not positive.
    /// `None` when fewer than two remain. Assumes that the runs were independent starts under the
    /// same load.
    pub fn from_history(values: &[f64], absolute: bool) -> Option<RunVariance> {
        RunVariance::from_builds(&[values], absolute)
    }

    /// As [`from_history`](RunVariance::from_history) from the runs of several builds, whose levels
    /// may differ: the variance around the mean of each build, pooled over the builds. A build with
    /// fewer than two values is left out.
    pub fn from_builds(builds: &[&[f64]], absolute: bool) -> Option<RunVariance> {
        let (mut squares, mut degrees_of_freedom) = (0.0, 0.0);
        for values in builds {
            let usable = |v: &&f64| v.is_finite() && (absolute || **v > 0.0);
            let known = values.iter().filter(usable);
            let scaled: Vec<f64> = known.map(|v| if absolute { *v } else { v.ln() }).collect();
            if scaled.len() > 1 {
                let degrees = scaled.len() as f64 - 1.0;
                squares += sample_variance(&scaled) * degrees;
                degrees_of_freedom += degrees;
            }
        }
        (degrees_of_freedom > 0.0).then(|| RunVariance {
            deviation: (squares / degrees_of_freedom).sqrt(),
            degrees_of_freedom,
        })
    }
}

/// The variance of two or more values around their mean, unbiased.
pub(super) fn sample_variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}
