//! Our aggregate functions: `quantile(column, p)` and `quantiles(column, p, …)`.

mod accumulator;
pub mod histogram;
mod quantile;

pub use quantile::{quantile, quantiles};
