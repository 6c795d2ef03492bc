//! The mathematics that all questions of this package share: distributions, histograms, variances,
//! false discovery rate, spectrum.
//!
//! Nothing here knows a metric, a run or a verdict, and nothing here imports the folders that do.

pub(crate) mod bent_line;
pub(crate) mod distributions;
pub(crate) mod false_discovery;
pub(crate) mod histogram;
pub(crate) mod long_run_variance;
pub(crate) mod median;
pub(crate) mod merged_histogram;
pub(crate) mod spectrum;
pub(crate) mod time_scales;
