//! The findings of a run besides those of its series: operations that stopped, failures in bursts,
//! and gaps.

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Metric, Stop, bursts, stop};

use super::gaps::gaps;
use super::{FindingAnswer, SoakRun, SoakSettings, counted};
use crate::changes::Times;
use crate::units::duration;
use crate::windows::{Run, Series};

/// How many of the findings of a run can be false alarms: all but the gaps.
pub(super) fn searches(run: &SoakRun<'_>, settings: &SoakSettings) -> usize {
    let operations = run.run.chosen(&settings.operations);
    operations
        .map(|(_, series)| {
            usize::from(has_outcomes(series, settings))
                + usize::from(pause(series, settings).is_some())
        })
        .sum()
}

/// Stops and failures in bursts per operation, and the gaps of the run. `share` is the false-alarm
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
        let named = |end: &str| {
            let parts = [run.name, operation, end];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            parts.join(" ")
        };
        if let Some(pause) = pause(series, settings) {
            findings.push(stopped(run.run, series, &named(""), pause, share));
        }
        if has_outcomes(series, settings) {
            findings.push(failures(run.run, series, &named("failures"), share)?);
        }
    }
    findings.extend(gaps(run, &settings.operations));
    Ok(findings)
}

fn has_outcomes(series: &Series, settings: &SoakSettings) -> bool {
    settings.wants(&Metric::FailureRate) && series.any(|window| window.with_outcome)
}

/// The pause at the end; `None` where no operation was observed, or the rate is not asked for.
fn pause(series: &Series, settings: &SoakSettings) -> Option<Stop> {
    let finished = series.column(|window| window.count.saturating_add(window.lost));
    settings.wants(&Metric::Rate).then(|| stop(&finished))?
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
        None => FindingAnswer {
            reason: match failed.iter().any(|failures| *failures > 0.0) {
                true => "no window has more failures than chance gives".to_owned(),
                false => "nothing failed".to_owned(),
            },
            ..blank("absent")
        },
    })
}

/// The times of the windows of a series.
pub(super) fn times(run: &Run, series: &Series) -> Times {
    Times::Windows {
        first_ns: run.identity.first_ns,
        length_ns: series.length.ns(),
    }
}
