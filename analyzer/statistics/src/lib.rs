//! The statistics of soak data: comparison of builds, changes, leaks, periods, bursts.
//!
//! The package knows the shape of the data: operations inside a window, autocorrelated windows
//! inside a run, several runs of one build. It does not know where the data come from. It has no
//! input or output, no clock, no threads, no randomness, no Arrow and no DataFusion, so that
//! thousands of simulations run without linking a query engine. Missing numbers are NaN or `None`,
//! never 0. Without evidence the verdict is never `pass`.
//!
//! | question | call | answer |
//! | --- | --- | --- |
//! | Did it get worse? | [`compare()`], [`compare_all`], [`Comparer`] | a [`Comparison`] of [`Effect`]s |
//! | When did it change? | [`changes()`], [`series_changes`] | [`Change`]s |
//! | Does it leak? | [`soak()`] | two [`Finding`]s |
//! | Is it periodic? | [`period`] | a [`Period`] |
//! | Do failures come in bursts? | [`bursts()`] | [`Bursts`] |
//! | Did it stop, or pause on the way? | [`stop()`], [`outages()`] | [`Stop`], [`Outages`] |
//! | Is it steady, and from when on? | [`steady_state()`], [`warm_up()`] | a [`SteadyState`] |
//! | How well is this mean known? | [`mean_of_windows`] | a [`MeanOfWindows`] |
//!
//! Is the candidate slower than the base by more than 5%?
//!
//! ```
//! use soakbox_statistics::{Histogram, Options, Run, Scope, Verdict, Window, compare};
//! use std::time::Duration;
//!
//! // A run of 300 windows of one second. Durations are nanoseconds.
//! fn run(microseconds: u64) -> Result<Run, soakbox_statistics::Error> {
//!     let window = |second: u64| {
//!         let duration = |i: u64| microseconds * (900 + (second * 7919 + i * 104_729) % 200);
//!         let durations: Vec<u64> = (0..100).map(duration).collect();
//!         Some(Window {
//!             count: 100,
//!             durations: Some(Histogram::from_values(&durations)),
//!             ..Window::default()
//!         })
//!     };
//!     let windows: Vec<Option<Window>> = (0..300).map(window).collect();
//!     Run::from_windows(Duration::from_secs(1), &windows)
//! }
//!
//! let comparison = compare(&[run(800)?], &[run(1_000)?], &Options::default())?;
//! assert_eq!(comparison.verdict, Verdict::Regressed);
//! // With one run per side the variance from run to run is unknown.
//! assert_eq!(comparison.scope, Scope::Pair);
//! let median = &comparison.effects[0];
//! assert_eq!(median.metric.name(), "duration_p50");
//! assert!(median.low > Some(0.20) && median.high < Some(0.30));
//! # Ok::<(), soakbox_statistics::Error>(())
//! ```

mod compare;
mod error;
mod math;
mod metric;
mod run;
mod series;
mod soak;
mod windows;

pub use compare::comparer::Comparer;
pub use compare::conclusion::Conclusion;
pub use compare::effect::{Comparison, Effect, LossEffect, OneSidedOperation};
pub use compare::explanation::{Explanation, RunValue, SideNoise};
pub use compare::gate::Blocker;
pub use compare::looks::Looks;
pub use compare::options::{Acceptable, History, OneSided, Operation, Options, Threshold};
pub use compare::plan::Plan;
pub use compare::reading::{Reading, read};
pub use compare::run_variance::RunVariance;
pub use compare::runs_needed::RunsNeeded;
pub use compare::self_test::{SelfTest, self_test};
pub use compare::unusable::{Unusable, UnusableRun};
pub use compare::verdict::{Scope, Side, Verdict};
pub use compare::{compare, compare_all};
pub use error::Error;
pub use math::distributions::{
    binomial_interval, chi_squared_upper, normal_upper, normal_upper_quantile, t_upper,
    t_upper_quantile,
};
pub use math::false_discovery::{benjamini_hochberg, matching_level};
pub use math::histogram::Histogram;
pub use math::long_run_variance::{MeanOfWindows, mean_of_windows};
pub use math::merged_histogram::{MergedHistogram, loss_ranks};
pub use math::time_scales::MIN_WINDOWS;
pub use metric::{Metric, Quantity};
pub use run::{Run, Window};
pub use series::bursts::{Burst, Bursts, bursts};
pub use series::change::{Change, ChangeKind, LeastChange, SeriesChanges};
pub use series::change_points::{MIN_CHANGE_POINTS, States};
pub use series::changes::{changes, changes_of_at_least, series_changes};
pub use series::outages::{Outage, Outages, outages};
pub use series::periods::{MIN_PERIOD_WINDOWS, Period, PeriodSearch, period, search_period};
pub use series::stops::{Stop, stop};
pub use series::warm_up::warm_up;
pub use soak::finding::{Finding, FindingKind, SoakOptions, Status};
pub use soak::leak::{MIN_VALUES, soak};
pub use soak::sawtooth::MIN_PERIODS;
pub use soak::steady_state::{MIN_EFFECTIVE_SIZE, Steadiness, SteadyState, steady_state};
pub use soak::trend::{MIN_POINTS, Trend, trend};
pub use windows::{Windows, window_length};
