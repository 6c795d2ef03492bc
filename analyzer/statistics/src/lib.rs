//! The statistics of soak data: comparison, changes, leaks and verdicts.
//!
//! Pure: no input or output, no clock, no threads, no randomness, no Arrow and no DataFusion, so that thousands of
//! simulations run without linking a query engine. It knows the shape of the data (operations inside a window,
//! autocorrelated windows inside a run, runs of one build) and nothing about where they come from. Missing is NaN
//! or `None`, never 0. No evidence is never a pass.

mod bursts;
mod change;
mod changes;
mod compare;
mod contrast;
mod distribution;
mod effect;
mod error;
mod histogram;
mod judge;
mod leak;
mod longrun;
mod metric;
mod multiple;
mod options;
mod outliers;
mod periods;
mod reading;
mod run;
mod segments;
mod steady;
mod teeth;
mod trend;
mod warmup;

pub use bursts::{Burst, Bursts, bursts};
pub use change::{Change, ChangeKind};
pub use changes::changes;
pub use compare::{compare, compare_all};
pub use contrast::RunVariance;
pub use distribution::{
    chi_squared_upper, normal_upper, normal_upper_quantile, t_upper, t_upper_quantile,
};
pub use effect::{Comparison, Effect, LossEffect, Scope, Verdict};
pub use error::Error;
pub use histogram::{Distribution, Histogram, loss_ranks};
pub use leak::{Finding, FindingKind, MIN_PERIODS, SoakOptions, Status, soak};
pub use longrun::{MIN_WINDOWS, MeanOfWindows, mean_of_windows};
pub use metric::Metric;
pub use multiple::{benjamini_hochberg, matching_level};
pub use options::{Operation, Options};
pub use periods::{MIN_REPEATS, Period, period};
pub use run::{Run, Window};
pub use steady::{Steadiness, Steady, steady_state};
pub use trend::{MIN_POINTS, Trend, trend};
pub use warmup::warm_up;
