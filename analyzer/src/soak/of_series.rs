//! The findings of one series: growth (or decay, where a lower number is worse), a period, a steady
//! state.

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{
    Finding, FindingKind, Metric, SoakOptions, Steadiness, Trend, period, soak, steady_state,
};

use super::{FALSE_ALARM, FindingAnswer, SoakSettings};
use crate::changes::{NumberSeries, Times};

/// The findings of a series whose points have times. A limit of the settings is that of this series.
///
/// # Errors
/// Where the times of the points are not known or descend, or an option is impossible.
pub fn of_series(series: &NumberSeries, settings: &SoakSettings) -> Result<Vec<FindingAnswer>> {
    let no_times = || Failure::new(&series.name, "the times of its points are not known");
    let times = series
        .times
        .seconds(series.values.len())
        .ok_or_else(no_times)?;
    let falling = series.metric.lower_is_worse();
    let values: Vec<f64> = match falling {
        true => series.values.iter().map(|value| -value).collect(),
        false => series.values.clone(),
    };
    let reference = settings
        .reference
        .iter()
        .find(|one| one.name == series.name);
    let options = SoakOptions {
        reference: reference.and_then(trend_of),
        limit: settings
            .options
            .limit
            .map(|limit| if falling { -limit } else { limit }),
        ..settings.options.clone()
    };
    let refused = |error: soakbox_statistics::Error| Failure::new(&series.name, error);
    let found = soak(&series.name, &times, &values, &options).map_err(refused)?;
    let grows = found.iter().filter(|finding| {
        // Only memory has troughs that must not rise; of a file it is not known what it is.
        let may_leak = matches!(series.metric, Metric::Memory | Metric::Other(_));
        finding.kind == FindingKind::Drift || may_leak
    });
    let mut findings: Vec<FindingAnswer> = grows.map(|one| growth(one, series, falling)).collect();
    findings.push(repeating(series).map_err(refused)?);
    findings.push(steady(series).map_err(refused)?);
    Ok(findings)
}

/// The line of a known-good run.
fn trend_of(reference: &NumberSeries) -> Option<Trend> {
    let times = reference.times.seconds(reference.values.len())?;
    let found = soak(
        &reference.name,
        &times,
        &reference.values,
        &SoakOptions::default(),
    )
    .ok()?;
    found.into_iter().find_map(|finding| finding.trend)
}

fn growth(finding: &Finding, series: &NumberSeries, falling: bool) -> FindingAnswer {
    let kind = match (finding.kind, falling) {
        (FindingKind::Leak, _) => "leak",
        (FindingKind::Drift, false) => "drift",
        (FindingKind::Drift, true) => "decay",
    };
    let turned = |value: Option<f64>| value.map(|value| if falling { -value } else { value });
    let (low, high) = match falling {
        true => (finding.high, finding.low),
        false => (finding.low, finding.high),
    };
    FindingAnswer {
        slope_per_hour: turned(finding.slope_per_hour),
        low: turned(low),
        high: turned(high),
        time_to_limit_s: finding.time_to_limit_s,
        detectable: turned(finding.detectable),
        from: finding.since.and_then(|since| at(&series.times, since)),
        reason: finding.reason.clone(),
        ..FindingAnswer::new(kind, &series.name, &series.metric, finding.status.name())
    }
}

/// The time of a point by its seconds.
fn at(times: &Times, seconds: f64) -> Option<String> {
    match times {
        Times::Order => None,
        Times::Windows { length_ns, .. } => {
            let index = (seconds * 1e9 / *length_ns as f64).round();
            times.text(index as usize)
        }
        Times::Points(points) => {
            let found = points.iter().find(|(at, _)| *at >= seconds);
            found.map(|(_, text)| text.clone())
        }
    }
}

fn repeating(
    series: &NumberSeries,
) -> std::result::Result<FindingAnswer, soakbox_statistics::Error> {
    let blank = |status| FindingAnswer::new("period", &series.name, &series.metric, status);
    // A period is one of evenly spaced points.
    let Times::Windows { length_ns, .. } = series.times else {
        return Ok(FindingAnswer {
            reason: "periods are searched for in windows of equal length only".to_owned(),
            ..blank("inconclusive")
        });
    };
    let seconds = length_ns as f64 / 1e9;
    Ok(match period(&series.values, FALSE_ALARM)? {
        Some(found) => FindingAnswer {
            period_s: Some(found.windows * seconds),
            reason: format!("it explains {:.0}% of the variance", found.strength * 100.0),
            ..blank("found")
        },
        None if series.values.len() < 32 => FindingAnswer {
            reason: "fewer than 32 windows".to_owned(),
            ..blank("inconclusive")
        },
        None => FindingAnswer {
            reason: format!(
                "no period up to {:.0} s, a quarter of the series",
                seconds * series.values.len() as f64 / 4.0
            ),
            ..blank("absent")
        },
    })
}

fn steady(series: &NumberSeries) -> std::result::Result<FindingAnswer, soakbox_statistics::Error> {
    let state = steady_state(&series.values, FALSE_ALARM)?;
    let (status, reason) = match state.steadiness {
        Steadiness::Steady => ("absent", "the level is steady from there on".to_owned()),
        Steadiness::Moving => (
            "found",
            format!(
                "{} steps or drifts, the last one in the second half, or a drift",
                state.changes
            ),
        ),
        Steadiness::Inconclusive => (
            "inconclusive",
            format!(
                "as many as {:.0} independent points only",
                state.effective_size
            ),
        ),
    };
    Ok(FindingAnswer {
        from: series.times.text(state.from),
        reason,
        ..FindingAnswer::new("unsteady", &series.name, &series.metric, status)
    })
}
