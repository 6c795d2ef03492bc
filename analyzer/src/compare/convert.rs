//! The windows of one operation in one run as a run of `soakbox-statistics`.

use soakbox_cli::{Failure, Result};
use soakbox_schemas::tables::histogram;
use soakbox_statistics::{Histogram, Metric, Run, Window};

use crate::windows::{DurationsOf, RunIdentity, Series, Window as Sums, mean};

/// The run of these windows. A metric that no operation has is absent; one that only some
/// operations have is a mean over those.
///
/// # Errors
/// Where the statistics refuse the windows.
pub fn statistics_run(series: &Series) -> Result<Run> {
    let refused = |error: soakbox_statistics::Error| Failure::new("windows", error);
    let any = |number| series.any(number);
    let has_cpu = any(|window| window.with_cpu);
    let has_bytes = any(|window| window.with_bytes);
    let windows = series.windows.iter().map(|window| {
        let sums = window.as_ref()?;
        Some(Window {
            count: sums.count,
            failures: sums.failures,
            lost: sums.lost,
            duration_ns: Some(sums.duration_sum()),
            cpu_ns: has_cpu.then_some(sums.cpu_ns as f64),
            memory_bytes: mean(sums.memory_bytes, sums.with_memory),
            bytes: has_bytes.then_some(sums.bytes as f64),
            durations: Some(durations(sums)),
        })
    });
    let mut run =
        Run::from_owned_windows(series.length.duration(), windows.collect()).map_err(refused)?;
    let column = |number| series.column(number);
    let timed = column(|w| w.of_finished().timed);
    run = run
        .with_counts(Metric::DurationMean, duration_sums(series), timed)
        .map_err(refused)?;
    if has_cpu {
        let (sums, counts) = (column(|w| w.cpu_ns), column(|w| w.with_cpu));
        run = run
            .with_counts(Metric::Cpu, sums, counts)
            .map_err(refused)?;
    }
    run = if any(|window| window.with_outcome) {
        let (sums, counts) = (column(|w| w.failures), column(|w| w.with_outcome));
        let rate = run.with_counts(Metric::FailureRate, sums, counts);
        rate.map_err(refused)?
    } else {
        run.without(&Metric::FailureRate)
    };
    let run = with_losses(run, series).map_err(refused)?;
    of_observed_time(run, series).map_err(refused)
}

/// As [`statistics_run`], without rates where the length of the run was made up.
///
/// # Errors
/// Where the statistics refuse the windows.
pub fn known_run(identity: &RunIdentity, series: &Series) -> Result<Run> {
    let run = statistics_run(series)?;
    Ok(match identity.has_length() {
        true => run,
        false => without_rates(run),
    })
}

pub(super) fn without_rates(run: Run) -> Run {
    run.without(&Metric::Rate).without(&Metric::BytesRate)
}

/// The run with rates for the time that was observed, where that is a part only.
fn of_observed_time(
    mut run: Run,
    series: &Series,
) -> std::result::Result<Run, soakbox_statistics::Error> {
    if !series.any(|window| u64::from(window.represented.is_some())) {
        return Ok(run);
    }
    let seconds = series.length.duration().as_secs_f64();
    let of = |rate: &dyn Fn(&Sums) -> f64| -> Vec<f64> {
        let windows = series.windows.iter().map(Option::as_ref);
        windows
            .map(|window| window.map_or(f64::NAN, rate))
            .collect()
    };
    run = run.with(Metric::Rate, of(&|window| window.rate(seconds)))?;
    if series.any(|window| window.with_bytes) {
        let bytes = |window: &Sums| window.bytes as f64 * window.per_second(seconds);
        run = run.with(Metric::BytesRate, of(&bytes))?;
    }
    Ok(run)
}

fn duration_sums(series: &Series) -> Vec<f64> {
    let windows = series.windows.iter().map(Option::as_ref);
    windows
        .map(|window| window.map_or(f64::NAN, Sums::duration_sum))
        .collect()
}

/// The run with the losses of what is known of all finished operations, also of those without a row.
fn with_losses(
    mut run: Run,
    series: &Series,
) -> std::result::Result<Run, soakbox_statistics::Error> {
    if series.durations_of() == DurationsOf::Rows {
        return Ok(run);
    }
    let all = series.sum(|window| window.of_finished().all);
    let unknown = all.saturating_sub(series.timed()) as f64 / all.max(1) as f64;
    // Rows alone cannot have more numbers than there are rows.
    let is_of_all = |number: fn(&Sums) -> u64| series.sum(number) > series.count();
    let known = Metric::ALL.into_iter().filter(|metric| match metric {
        Metric::Cpu => is_of_all(|window| window.with_cpu),
        Metric::FailureRate => is_of_all(|window| window.with_outcome),
        metric => metric.is_duration(),
    });
    for metric in known {
        run = run.with_lost_fraction_of(metric, unknown)?;
    }
    Ok(run)
}

/// The durations, which are never negative. Bytes that are no histogram, which only a damaged file
/// can have, are read as an empty one; the readers of files refuse them.
fn durations(sums: &Sums) -> Histogram {
    // Most buckets are two bytes.
    let mut durations = Histogram::with_capacity(sums.durations.len() / 2);
    let read = histogram::decode(&sums.durations, |key, count| {
        durations.push(usize::try_from(key).unwrap_or(0), count);
    });
    match read {
        Ok(_) => durations,
        Err(_) => Histogram::default(),
    }
}
