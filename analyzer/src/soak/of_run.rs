//! The findings of a run besides those of its series: failures in bursts, and gaps.

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Metric, bursts};

use super::{FALSE_ALARM, FindingAnswer};
use crate::changes::Times;
use crate::windows::{Run, Series};

/// Failures in bursts per operation, and the gaps of the run. `name` is part of the subjects if it is
/// not empty.
///
/// # Errors
/// Where the statistics refuse the windows.
pub fn of_run(run: &Run, name: &str, operations: &[String]) -> Result<Vec<FindingAnswer>> {
    let mut findings = Vec::new();
    for (operation, series) in run.chosen(operations) {
        if series.any(|window| window.with_outcome) {
            let subject = [name, operation, "failures"].join(" ").trim().to_owned();
            findings.push(failures(run, series, &subject)?);
        }
    }
    if let Some(series) = run.operations.values().next() {
        findings.push(gaps(run, series, name));
    }
    Ok(findings)
}

fn failures(run: &Run, series: &Series, subject: &str) -> Result<FindingAnswer> {
    let failed = series.column(|window| window.failures);
    let known = series.column(|window| window.with_outcome);
    let found =
        bursts(&failed, &known, FALSE_ALARM).map_err(|error| Failure::new(subject, error))?;
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
                "{} bursts with {:.0}% of the failures; the largest has {:.0} where {:.1} are usual",
                found.bursts.len(),
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

/// The windows that are missing: all operations of a run have the same gaps.
fn gaps(run: &Run, series: &Series, name: &str) -> FindingAnswer {
    let subject = if name.is_empty() { "run" } else { name };
    let blank = |status| FindingAnswer::new("gap", subject, &Metric::Rate, status);
    let missing: Vec<usize> = (0..series.windows.len())
        .filter(|i| series.windows[*i].is_none())
        .collect();
    let (Some(first), Some(last)) = (missing.first(), missing.last()) else {
        return FindingAnswer {
            unit: String::new(),
            reason: "every window was observed".to_owned(),
            ..blank("absent")
        };
    };
    let pieces = 1 + missing
        .windows(2)
        .filter(|two| two[1] != two[0] + 1)
        .count();
    let seconds = missing.len() as f64 * series.length.duration().as_secs_f64();
    let times = times(run, series);
    FindingAnswer {
        unit: String::new(),
        from: times.text(*first),
        to: times.text(last + 1),
        reason: format!("{pieces} gaps, {seconds:.1} s in all"),
        ..blank("found")
    }
}

fn times(run: &Run, series: &Series) -> Times {
    Times::Windows {
        first_ns: run.identity.first_ns,
        length_ns: series.length.ns(),
    }
}
