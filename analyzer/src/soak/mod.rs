//! What a long run shows by itself: growth, decay, bursts of failures, cycles, a steady state. The
//! answer is `soakbox.soak/1`. Pure; the statistics are in `soakbox-statistics`.

mod answer;
mod evenly;
mod gaps;
mod input;
mod of_run;
mod of_series;

pub(crate) use answer::GRAVEST_FIRST;
pub use answer::{FindingAnswer, SoakAnswer};
pub use input::{RestartTime, SoakRun, SoakSeries, give_restarts};

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Metric, SoakOptions};

use crate::units::plural;

/// What a search for findings depends on besides the numbers.
#[derive(Clone, Debug)]
pub struct SoakSettings {
    /// Tolerances, the limit and the cycle of the load. The restarts are those of each series.
    pub options: SoakOptions,
    /// The probability of any finding but a gap if there is nothing to find, in all searches
    /// together.
    pub false_alarm: f64,
    /// Series of a known-good run: only growth beyond theirs counts. They are found by their
    /// operation and metric. `None` where no reference was given.
    pub reference: Option<Vec<SoakSeries>>,
    /// The operations that are searched; all where it is empty.
    pub operations: Vec<String>,
    /// The metrics that are searched; all where it is empty.
    pub metrics: Vec<Metric>,
}

impl SoakSettings {
    fn wants(&self, metric: &Metric) -> bool {
        self.metrics.is_empty() || self.metrics.contains(metric)
    }
}

/// All findings of the runs and of their series.
///
/// # Errors
/// Where the times of points are not known or descend, an option is impossible, or the reference
/// has none of the series.
pub fn findings(
    runs: &[SoakRun<'_>],
    series: &[SoakSeries],
    settings: &SoakSettings,
) -> Result<SoakAnswer> {
    if let Some(reference) = &settings.reference
        && !series.is_empty()
        && !series.iter().any(|one| one.same(reference).is_some())
    {
        return Err(Failure::new("--reference", "has none of the series")
            .hint("it is a run with the same operations and metrics"));
    }
    let of_runs = runs.iter().map(|run| of_run::searches(run, settings));
    let of_series = series.iter().map(of_series::searches);
    let searches: usize = of_runs.chain(of_series).sum();
    let share = settings.false_alarm / searches.max(1) as f64;
    let mut findings = Vec::new();
    for run in runs {
        findings.extend(of_run::of_run(run, settings, share)?);
    }
    for one in series {
        findings.extend(of_series::of_series(one, settings, share)?);
    }
    Ok(SoakAnswer::of(findings, settings.false_alarm, searches))
}

/// `1 gap`, `2 gaps`.
fn counted(count: usize, name: &str) -> String {
    format!("{count} {}", plural(count as u64, name))
}
