//! The figures of each kind of chart: from readings, runs, answers and the rows of queries. One file
//! per kind; none of them draws, and none opens a recording.

mod changes;
mod cpu;
mod distributions;
mod effects;
mod health;
mod heatmap;
mod memory;
mod observed;
mod percentiles;
mod queried;
mod rows;
mod shown;
mod throughput;

pub use changes::Changes;
pub use cpu::cpu;
pub use distributions::{ecdf, spectrum};
pub use effects::{forest, shift};
pub use health::health;
pub use heatmap::heatmap;
pub use memory::{memory, memory_found};
pub use percentiles::{band, of_timeline, percentiles};
pub use rows::{RowCollector, RowColumns};
pub use shown::Shown;
pub use throughput::throughput;
