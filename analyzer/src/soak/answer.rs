//! The answer of `soak`, as values. Scripts rely on its keys and words: add some, never rename one.

use serde::Serialize;
use soakbox_statistics::Metric;

use crate::windows::DurationsOf;

/// The order of what was found.
pub(crate) const GRAVEST_FIRST: [&str; 9] = [
    "stopped", "outage", "leak", "decay", "drift", "bursts", "unsteady", "period", "gap",
];

/// All findings; in JSON the schema `soakbox.soak/1`.
#[derive(Clone, Debug, Serialize)]
pub struct SoakAnswer {
    /// Name and version of the JSON schema.
    pub schema: &'static str,
    /// The probability of any finding but a gap if there is nothing to find.
    pub false_alarm: f64,
    /// How many searches share it equally.
    pub searches: usize,
    /// One per kind and subject, also those that are absent or inconclusive.
    pub findings: Vec<FindingAnswer>,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct FindingAnswer {
    /// `leak`, `drift`, `decay`, `bursts`, `stopped`, `outage`, `period`, `unsteady` or `gap`.
    pub kind: &'static str,
    /// The series, or the run.
    pub subject: String,
    /// `found`, `absent` or `inconclusive`.
    pub status: &'static str,
    /// Change per hour, in `unit`.
    pub slope_per_hour: Option<f64>,
    /// Lower end of its 95% interval.
    pub low: Option<f64>,
    /// Upper end of that interval.
    pub high: Option<f64>,
    /// Seconds from the end of the series until it reaches the limit; 0 if it did already.
    pub time_to_limit_s: Option<f64>,
    /// When it reached the limit for the first time; null if it did not.
    pub limit_reached: Option<String>,
    /// The smallest one that would have been found with 80% probability: of a slope per hour, of a
    /// period its amplitude, of an unsteady level a step, all in `unit`; of bursts failures in one
    /// window; of a stop or an outage seconds, with certainty.
    pub detectable: Option<f64>,
    /// The unit of the values; empty where it has none or only the caller knows it.
    pub unit: String,
    /// Begin of the part that the finding is about.
    pub from: Option<String>,
    /// Its end.
    pub to: Option<String>,
    /// True when `from` is the begin of the series.
    #[serde(skip)]
    pub(crate) of_all: bool,
    /// Seconds from one repeat of a period to the next.
    pub period_s: Option<f64>,
    /// The reason of the status, in one line.
    pub reason: String,
    /// The operations that the durations of a series are of; absent for other subjects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durations_of: Option<DurationsOf>,
    #[serde(skip)]
    pub(crate) metric: Metric,
    /// The operation, with the run where there are several; empty for a column of a file and for a run.
    #[serde(skip)]
    pub(crate) operation: String,
}

impl FindingAnswer {
    /// A finding without figures.
    pub(super) fn new(
        kind: &'static str,
        subject: &str,
        metric: &Metric,
        status: &'static str,
    ) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            status,
            slope_per_hour: None,
            low: None,
            high: None,
            time_to_limit_s: None,
            limit_reached: None,
            detectable: None,
            unit: metric.unit().to_owned(),
            from: None,
            to: None,
            of_all: false,
            period_s: None,
            reason: String::new(),
            durations_of: None,
            metric: metric.clone(),
            operation: String::new(),
        }
    }
}

impl SoakAnswer {
    /// The findings, those that were found first.
    pub fn of(mut findings: Vec<FindingAnswer>, false_alarm: f64, searches: usize) -> Self {
        let rank = |finding: &FindingAnswer| match finding.status {
            "found" => 0,
            "inconclusive" => 1,
            _ => 2,
        };
        let weight = |finding: &FindingAnswer| {
            let place = GRAVEST_FIRST.iter().position(|kind| *kind == finding.kind);
            (finding.status == "found").then_some(place)
        };
        findings.sort_by_key(|finding| (rank(finding), weight(finding)));
        Self {
            schema: "soakbox.soak/1",
            false_alarm,
            searches,
            findings,
        }
    }
}
