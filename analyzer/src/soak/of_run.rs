//! The findings of a run besides those of its series: operations that stopped or paused, failures
//! in bursts, and gaps.

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Metric, Outage, Stop, bursts, outages, stop};

use super::gaps::gaps;
use super::{FindingAnswer, SoakRun, SoakSettings, counted};
use crate::changes::Times;
use crate::units::{count, duration};
use crate::windows::{MADE_UP, Run, Series};

/// The reason where an operation is known and none finished.
pub(super) const IDLE: &str = "none finished in the whole run";

/// How many of the findings of a run can be false alarms: all but the gaps.
pub(super) fn searches(run: &SoakRun<'_>, settings: &SoakSettings) -> usize {
    if !run.run.identity.is_searchable() {
        return 0;
    }
    let operations = run.run.chosen(&settings.operations);
    operations
        .map(|(_, series)| {
            let series = &*run.run.as_known(series);
            usize::from(has_outcomes(series, settings))
                + 2 * usize::from(pause(series, settings).is_some())
        })
        .sum()
}

/// Stops, outages and failures in bursts per operation, and the gaps of the run. `share` is the false-alarm
/// rate of each.
///
/// # Errors
/// Where the statistics refuse the windows.
pub(super) fn of_run(
    run: &SoakRun<'_>,
    settings: &SoakSettings,
    share: f64,
) -> Result<Vec<FindingAnswer>> {
    let mut findings = Vec::new();
    for (operation, series) in run.run.chosen(&settings.operations) {
        let of_operation = of_operation(run, operation, series, settings, share)?;
        let name = subject(run, operation, "");
        findings.extend(of_operation.into_iter().map(|finding| FindingAnswer {
            operation: name.clone(),
            ..finding
        }));
    }
    let gaps = gaps(run, &settings.operations).into_iter();
    findings.extend(gaps.map(|gap| match gap.status {
        "absent" if !run.run.identity.is_searchable() => FindingAnswer {
            reason: MADE_UP.to_owned(),
            ..FindingAnswer::new(gap.kind, &gap.subject, &gap.metric, "inconclusive")
        },
        _ => gap,
    }));
    Ok(findings)
}

/// The name of what a finding is about, with that of the run where there are several.
fn subject(run: &SoakRun<'_>, operation: &str, end: &str) -> String {
    let parts = [run.name, operation, end];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// Stops, outages and failures in bursts of one operation.
fn of_operation(
    run: &SoakRun<'_>,
    operation: &str,
    series: &Series,
    settings: &SoakSettings,
    share: f64,
) -> Result<Vec<FindingAnswer>> {
    let named = |end: &str| subject(run, operation, end);
    let mut findings = Vec::new();
    if !run.run.identity.is_searchable() {
        let unknown = |kind, end, metric| FindingAnswer {
            reason: MADE_UP.to_owned(),
            ..FindingAnswer::new(kind, &named(end), &metric, "inconclusive")
        };
        if settings.wants(&Metric::Rate) {
            findings.push(unknown("stopped", "", Metric::Rate));
        }
        if has_outcomes(series, settings) {
            findings.push(unknown("bursts", "failures", Metric::FailureRate));
        }
        return Ok(findings);
    }
    let series = &*run.run.as_known(series);
    if let Some(pause) = pause(series, settings) {
        findings.push(stopped(run.run, series, &named(""), pause, share));
        findings.extend(paused(run.run, series, &named(""), share)?);
    } else if settings.wants(&Metric::Rate) && series.missing() < series.windows.len() {
        findings.push(FindingAnswer {
            reason: IDLE.to_owned(),
            ..FindingAnswer::new("stopped", &named(""), &Metric::Rate, "inconclusive")
        });
    }
    if has_outcomes(series, settings) {
        findings.push(failures(run.run, series, &named("failures"), share)?);
    }
    Ok(findings)
}

fn has_outcomes(series: &Series, settings: &SoakSettings) -> bool {
    settings.wants(&Metric::FailureRate) && series.any(|window| window.with_outcome)
}

/// The pause at the end; `None` where no operation was observed, or the rate is not asked for.
fn pause(series: &Series, settings: &SoakSettings) -> Option<Stop> {
    settings
        .wants(&Metric::Rate)
        .then(|| stop(&finished(series)))?
}

/// Operations that finished per window.
fn finished(series: &Series) -> Vec<f64> {
    series.column(|window| window.count.saturating_add(window.lost))
}

/// The outages on the way: a finding for each, or one that there is none.
fn paused(run: &Run, series: &Series, subject: &str, share: f64) -> Result<Vec<FindingAnswer>> {
    let found = outages(&finished(series), share).map_err(|error| Failure::new(subject, error))?;
    let Some(found) = found else {
        return Ok(Vec::new());
    };
    let length = series.length.ns() as f64;
    let blank = |status| FindingAnswer::new("outage", subject, &Metric::Rate, status);
    let times = times(run, series);
    let finding = |outage: &Outage| FindingAnswer {
        from: times.text(outage.start),
        to: times.text(outage.end),
        reason: format!(
            "none finished for {}, where {} are usual",
            duration(outage.windows as f64 * length),
            count(outage.expected.round() as u64)
        ),
        ..blank("found")
    };
    if !found.outages.is_empty() {
        return Ok(found.outages.iter().map(finding).collect());
    }
    Ok(vec![match found.least {
        Some(least) => FindingAnswer {
            detectable: Some(least as f64 * length / 1e9),
            reason: format!(
                "a pause of {} would be an outage",
                duration(least as f64 * length)
            ),
            ..blank("absent")
        },
        None => FindingAnswer {
            reason: "too few finished to tell an outage from a pause".to_owned(),
            ..blank("inconclusive")
        },
    }])
}

fn stopped(run: &Run, series: &Series, subject: &str, pause: Stop, share: f64) -> FindingAnswer {
    let length = series.length.ns() as f64;
    let [lasted, least] = [pause.pause, pause.least].map(|n| duration(n as f64 * length));
    let times = times(run, series);
    let (status, reason) = if pause.unseen >= pause.least {
        ("inconclusive", "its end was not observed".to_owned())
    } else if pause.p <= share && pause.is_long() {
        (
            "found",
            format!("none finished in the last {lasted}; by the pauses before, {least} is a stop"),
        )
    } else if pause.pause >= pause.least {
        let reason = match pause.is_long() {
            true => "too few finished before to tell a stop from a pause",
            false => "less than a tenth of the run",
        };
        (
            "inconclusive",
            format!("none finished in the last {lasted}: {reason}"),
        )
    } else {
        (
            "absent",
            format!("operations finished until the end; a pause of {least} would be a stop"),
        )
    };
    let ends = status != "absent" && pause.pause > 0;
    FindingAnswer {
        from: ends.then(|| times.text(pause.from)).flatten(),
        to: ends.then(|| times.text(series.windows.len())).flatten(),
        detectable: (status == "absent").then_some(pause.least as f64 * length / 1e9),
        reason,
        ..FindingAnswer::new("stopped", subject, &Metric::Rate, status)
    }
}

fn failures(run: &Run, series: &Series, subject: &str, share: f64) -> Result<FindingAnswer> {
    let failed = series.column(|window| window.failures);
    let known = series.column(|window| window.with_outcome);
    let found = bursts(&failed, &known, share).map_err(|error| Failure::new(subject, error))?;
    let blank = |status| FindingAnswer::new("bursts", subject, &Metric::FailureRate, status);
    let times = times(run, series);
    let worst = found
        .bursts
        .iter()
        .max_by(|a, b| a.failures.total_cmp(&b.failures));
    Ok(match worst {
        Some(worst) => FindingAnswer {
            from: times.text(worst.start),
            to: times.text(worst.end),
            reason: format!(
                "{} with {:.0}% of the failures; the largest has {:.0} where {:.1} are usual",
                counted(found.bursts.len(), "burst"),
                found.share * 100.0,
                worst.failures,
                worst.expected
            ),
            ..blank("found")
        },
        None => {
            let nothing = match failed.iter().any(|failures| *failures > 0.0) {
                true => "no window has more failures than chance gives",
                false => "nothing failed",
            };
            let length = duration(series.length.ns() as f64);
            let (status, more) = match found.detectable {
                Some(least) => {
                    let failures = format!("{} in {length}", counted(least as usize, "failure"));
                    ("absent", format!("{failures} would be a burst"))
                }
                None => (
                    "inconclusive",
                    format!("{length} have too few operations to show a burst"),
                ),
            };
            FindingAnswer {
                detectable: found.detectable,
                reason: format!("{nothing}; {more}"),
                ..blank(status)
            }
        }
    })
}

/// The times of the windows of a series.
pub(super) fn times(run: &Run, series: &Series) -> Times {
    Times::Windows {
        first_ns: run.identity.first_ns,
        length_ns: series.length.ns(),
    }
}
