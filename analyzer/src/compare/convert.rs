//! The windows of one operation in one run as a run of `soakbox-statistics`.

use soakbox_cli::{Failure, Result};
use soakbox_schemas::tables::histogram;
use soakbox_statistics::{Histogram, Metric, Run, Window};

use crate::windows::{Series, Window as Sums, mean};

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
