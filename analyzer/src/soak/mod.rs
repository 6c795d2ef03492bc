//! What a long run shows by itself: growth, decay, bursts of failures, cycles, a steady state. The
//! answer is `soakbox.soak/1`. Pure; the statistics are in `soakbox-statistics`.

mod answer;
mod of_run;
mod of_series;

pub use answer::{FindingAnswer, SoakAnswer};
pub use of_run::of_run;
pub use of_series::of_series;

use soakbox_statistics::SoakOptions;

use crate::changes::NumberSeries;

/// What a search for findings depends on besides the numbers.
#[derive(Clone, Debug, Default)]
pub struct SoakSettings {
    /// Tolerances, the limit and the cycle of the load.
    pub options: SoakOptions,
    /// Series of a known-good run: only growth beyond theirs counts. They are found by their names.
    pub reference: Vec<NumberSeries>,
}

/// The false-alarm rate of each search for periods, bursts and steps.
const FALSE_ALARM: f64 = 0.01;
