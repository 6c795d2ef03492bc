//! The findings of one series: growth (or decay, where a lower number is worse), a period, a steady
//! state.

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{
    Error, Finding, FindingKind, MIN_EFFECTIVE_SIZE, MIN_PERIOD_WINDOWS, MIN_WINDOWS, Metric,
    SoakOptions, Status, Steadiness, Trend, search_period, soak, steady_state,
};

use super::evenly::evenly_spaced;
use super::of_run::IDLE;
use super::{FindingAnswer, SoakSeries, SoakSettings, counted};
use crate::changes::{NumberSeries, Times};
use crate::units::{bytes, duration, significant};
use crate::windows::MADE_UP;

/// How many findings of a series are searched.
pub(super) fn searches(one: &SoakSeries) -> usize {
    if one.series.not_searched.is_some() {
        return 0;
    }
    let growth = if may_leak(&one.series.metric) { 2 } else { 1 };
    growth + 2 - usize::from(one.series.is_even)
}

/// The findings of a series whose points have times. A limit of the settings is that of this
/// series. `share` is the false-alarm rate of each.
///
/// # Errors
/// Where the times of the points are not known or descend, or an option is impossible.
pub(super) fn of_series(
    one: &SoakSeries,
    settings: &SoakSettings,
    share: f64,
) -> Result<Vec<FindingAnswer>> {
    let series = &one.series;
    let falling = series.metric.lower_is_worse();
    let reference = settings.reference.as_ref();
    let good = reference.map(|reference| one.same(reference));
    let options = SoakOptions {
        limit: settings
            .options
            .limit
            .map(|limit| if falling { -limit } else { limit }),
        false_alarm: share,
        ..settings.options.clone()
    };
    let found = lines(one, &options)?;
    let of_reference = match good {
        Some(Some(good)) => {
            let alone = SoakOptions {
                limit: None,
                ..options.clone()
            };
            Some(lines(good, &alone)?)
        }
        _ => None,
    };
    let mut findings = Vec::new();
    for finding in found {
        if finding.kind == FindingKind::Leak && !may_leak(&series.metric) {
            continue;
        }
        let line = of_reference.as_ref().and_then(|lines| {
            let same = lines.iter().find(|other| other.kind == finding.kind);
            same.and_then(|other| other.whole)
        });
        let note = match (good, line) {
            (Some(None), _) => "; the reference has no such series",
            (Some(Some(_)), None) => "; the reference has too few points for a slope",
            _ => "",
        };
        let finding = match line {
            Some(line) => against(one, &options, finding.kind, line)?,
            None => finding,
        };
        let mut answer = growth(&finding, series, falling);
        answer.reason.push_str(note);
        if one.stopped {
            answer.reason.push_str(", until the operation stopped");
        }
        if one.interrupted {
            answer.reason.push_str(", outside of its outages");
        }
        findings.push(answer);
    }
    let refused = |error: Error| Failure::new(&series.name, error);
    findings.push(repeating(series, share).map_err(refused)?);
    findings.push(steady(series, share).map_err(refused)?);
    let undecided = one.series.not_searched.or(one.idle.then_some(IDLE));
    if let Some(reason) = undecided {
        let nothing = |finding: FindingAnswer| FindingAnswer {
            reason: reason.to_owned(),
            ..FindingAnswer::new(finding.kind, &series.name, &series.metric, "inconclusive")
        };
        findings = findings.into_iter().map(nothing).collect();
    }
    let whole = series.name.strip_suffix(series.metric.name());
    let operation = whole.filter(|_| !series.operation.is_empty());
    for finding in &mut findings {
        finding.operation = operation.unwrap_or_default().trim_end().to_owned();
        finding.durations_of = series.durations_of;
    }
    Ok(findings)
}

/// Only memory has troughs that must not rise; what a column of a file is, is not known.
fn may_leak(metric: &Metric) -> bool {
    matches!(metric, Metric::Memory | Metric::Other(_))
}

/// The leak and the drift of a series, with up as worse.
fn lines(one: &SoakSeries, options: &SoakOptions) -> Result<[Finding; 2]> {
    let series = &one.series;
    let no_times = || Failure::new(&series.name, "the times of its points are not known");
    let times = series.times.seconds(series.values.len());
    let times = times.ok_or_else(no_times)?;
    let values: Vec<f64> = match series.metric.lower_is_worse() {
        true => series.values.iter().map(|value| -value).collect(),
        false => series.values.clone(),
    };
    let options = SoakOptions {
        restarts: one.restarts.clone(),
        restarts_known: one.restarts_known,
        ..options.clone()
    };
    let found = soak(&series.name, &times, &values, &options);
    found.map_err(|error| Failure::new(&series.name, error))
}

/// The finding of this kind, beyond the line of a known-good run.
fn against(
    one: &SoakSeries,
    options: &SoakOptions,
    kind: FindingKind,
    line: Trend,
) -> Result<Finding> {
    let options = SoakOptions {
        reference: Some(line),
        ..options.clone()
    };
    let [leak, drift] = lines(one, &options)?;
    Ok(if kind == FindingKind::Leak {
        leak
    } else {
        drift
    })
}

fn growth(finding: &Finding, series: &NumberSeries, falling: bool) -> FindingAnswer {
    let kind = match (finding.kind, falling) {
        (FindingKind::Leak, _) => "leak",
        (FindingKind::Drift, false) => "drift",
        (FindingKind::Drift, true) => "decay",
    };
    let signed = |value: Option<f64>| value.map(|value| if falling { -value } else { value });
    let (low, high) = match falling {
        true => (finding.high, finding.low),
        false => (finding.low, finding.high),
    };
    let first = series.times.seconds(series.values.len());
    let first = first.and_then(|times| times.first().copied());
    let mut reason = finding.reason.clone();
    if finding.status == Status::Absent && finding.detectable.is_none() && is_constant(series) {
        reason.push_str("; the values do not change, and any growth would have been seen");
    }
    FindingAnswer {
        slope_per_hour: signed(finding.slope_per_hour),
        low: signed(low),
        high: signed(high),
        time_to_limit_s: finding.time_to_limit_s,
        limit_reached: finding
            .limit_reached
            .and_then(|at_s| at(&series.times, at_s)),
        detectable: signed(finding.detectable),
        from: finding.since.and_then(|since| at(&series.times, since)),
        of_all: finding.since == first,
        reason,
        ..FindingAnswer::new(kind, &series.name, &series.metric, finding.status.name())
    }
}

/// Whether all values that are known are the same.
fn is_constant(series: &NumberSeries) -> bool {
    let mut known = series.values.iter().filter(|value| value.is_finite());
    let first = known.next();
    first.is_some_and(|first| known.all(|value| value == first))
}

/// A number of the metric's unit, for a reason.
fn in_words(metric: &Metric, value: f64) -> String {
    match metric {
        metric if metric.is_duration() => duration(value),
        Metric::Cpu => duration(value),
        Metric::Memory => bytes(value),
        Metric::BytesRate => format!("{}/s", bytes(value)),
        Metric::FailureRate => format!("{} pp", significant(100.0 * value)),
        metric => format!("{} {}", significant(value), metric.unit())
            .trim_end()
            .to_owned(),
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

fn repeating(series: &NumberSeries, share: f64) -> std::result::Result<FindingAnswer, Error> {
    let blank = |status| FindingAnswer::new("period", &series.name, &series.metric, status);
    if series.is_even {
        return Ok(FindingAnswer {
            reason: MADE_UP.to_owned(),
            ..blank("inconclusive")
        });
    }
    let even = match &series.times {
        Times::Windows { length_ns, .. } => Some((series.values.clone(), *length_ns as f64 / 1e9)),
        times => {
            let times = times.seconds(series.values.len()).unwrap_or_default();
            evenly_spaced(&times, &series.values)
        }
    };
    let Some((values, seconds)) = even else {
        return Ok(FindingAnswer {
            reason: "a period needs points at equal distances in time".to_owned(),
            ..blank("inconclusive")
        });
    };
    let search = search_period(&values, share)?;
    let longest = duration(seconds * search.longest * 1e9);
    Ok(match (search.found, search.detectable) {
        (Some(found), _) => FindingAnswer {
            period_s: Some(found.windows * seconds),
            reason: format!(
                "it explains {:.0}% of the variance around the line",
                found.strength * 100.0
            ),
            ..blank("found")
        },
        _ if search.windows < MIN_PERIOD_WINDOWS => FindingAnswer {
            reason: format!(
                "{} only: a period needs {MIN_PERIOD_WINDOWS}",
                counted(search.windows, "point")
            ),
            ..blank("inconclusive")
        },
        (None, Some(amplitude)) => FindingAnswer {
            detectable: Some(amplitude),
            reason: format!(
                "a period of up to {longest}, a fifth of the series, that swings by ± {} would have \
                 been seen",
                in_words(&series.metric, amplitude)
            ),
            ..blank("absent")
        },
        (None, None) if is_constant(series) => FindingAnswer {
            reason: format!(
                "the values do not change: any period of up to {longest} would have been seen"
            ),
            ..blank("absent")
        },
        (None, None) => FindingAnswer {
            reason: "nothing is left around the line in which a period could be seen".to_owned(),
            ..blank("inconclusive")
        },
    })
}

fn steady(series: &NumberSeries, share: f64) -> std::result::Result<FindingAnswer, Error> {
    let state = steady_state(&series.values, share)?;
    let (status, reason) = match state.steadiness {
        Steadiness::Steady => (
            "absent",
            match state.detectable {
                Some(step) if step > 0.0 => format!(
                    "steady from there on; a late step of {} would have been seen",
                    in_words(&series.metric, step)
                ),
                _ => {
                    "it stays the same from there on; any late step would have been seen".to_owned()
                }
            },
        ),
        Steadiness::Moving => (
            "found",
            format!(
                "{}; the level still moved in the second half",
                match state.changes {
                    1 => "1 step or drift".to_owned(),
                    several => format!("{several} steps or drifts"),
                }
            ),
        ),
        Steadiness::Inconclusive => (
            "inconclusive",
            match series
                .values
                .iter()
                .filter(|value| value.is_finite())
                .count()
            {
                points if points < MIN_WINDOWS => {
                    format!(
                        "{} only: a level needs {MIN_WINDOWS}",
                        counted(points, "point")
                    )
                }
                points => format!(
                    "{} that depend on each other like {:.0} independent ones: it takes \
                     {MIN_EFFECTIVE_SIZE:.0}",
                    counted(points, "point"),
                    state.effective_size
                ),
            },
        ),
    };
    Ok(FindingAnswer {
        from: series.times.text(state.from),
        of_all: state.from == 0,
        detectable: state
            .detectable
            .filter(|step| status == "absent" && *step > 0.0),
        reason,
        ..FindingAnswer::new("unsteady", &series.name, &series.metric, status)
    })
}
