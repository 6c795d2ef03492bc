//! The runs of both sides, operation by operation, in windows of one length.

use std::collections::BTreeSet;
use std::time::Duration;

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Run as StatisticsRun, window_length};

use super::convert::without_rates;
use super::statistics_run;
use crate::windows::{Run, Series, WindowLength};

/// One operation with the runs of both sides. A side of which no run has the operation is empty.
#[derive(Debug)]
pub(super) struct OperationSides {
    /// The operation's name.
    pub(super) name: String,
    /// Runs of the base.
    pub(super) base: Vec<StatisticsRun>,
    /// Runs of the candidate.
    pub(super) candidate: Vec<StatisticsRun>,
}

/// The names of the operations of both sides, or only those in `wanted` if it is not empty.
///
/// # Errors
/// Where a wanted operation is in no run.
pub(super) fn names<'a>(
    base: &'a [Run],
    candidate: &'a [Run],
    wanted: &[String],
) -> Result<Vec<&'a String>> {
    let runs = base.iter().chain(candidate);
    let names: BTreeSet<&String> = runs.flat_map(|run| run.operations.keys()).collect();
    if let Some(missing) = wanted.iter().find(|name| !names.contains(name)) {
        return Err(
            Failure::new(format_args!("--operation {missing}"), "no run has it")
                .hint("`soakbox-analyzer info DIR` lists the operations of a recording"),
        );
    }
    let chosen = names.into_iter();
    let chosen = chosen.filter(|name| wanted.is_empty() || wanted.contains(name));
    Ok(chosen.collect())
}

/// An operation of both sides. `pairs` has the number of the pair of each run.
///
/// # Errors
/// Where the statistics refuse its windows.
pub(super) fn operation(
    base: &[Run],
    candidate: &[Run],
    pairs: Option<&(Vec<u64>, Vec<u64>)>,
    name: &str,
) -> Result<OperationSides> {
    let runs = base.iter().chain(candidate);
    let length = window_length_for(runs.filter_map(|run| run.operations.get(name)));
    // A rate has no meaning where the length of a run was made up.
    let mut both = base.iter().chain(candidate);
    let has_rates = both.all(|run| run.identity.has_length());
    let convert = |series: &Series| -> Result<StatisticsRun> {
        let run = statistics_run(&series.merged(length))?;
        Ok(match has_rates {
            true => run,
            false => without_rates(run),
        })
    };
    let of_base = || side(base, name, &convert, pairs.map(|pairs| &pairs.0[..]));
    let of_candidate = || side(candidate, name, &convert, pairs.map(|pairs| &pairs.1[..]));
    let (base, candidate) = std::thread::scope(|scope| {
        let base = scope.spawn(of_base);
        let candidate = of_candidate();
        let stopped = |_| Err(Failure::new("comparing thread", "ended unexpectedly"));
        (base.join().unwrap_or_else(stopped), candidate)
    });
    Ok(OperationSides {
        name: name.to_owned(),
        base: base?,
        candidate: candidate?,
    })
}

/// The runs of one side; none if the side observed other operations only. Otherwise a run that does
/// not have the operation is a run without data, so that it is named and nothing passes without it.
/// So are all runs of a side of which nothing was observed: it is not known whether they have it.
fn side(
    runs: &[Run],
    operation: &str,
    convert: &impl Fn(&Series) -> Result<StatisticsRun>,
    pairs: Option<&[u64]>,
) -> Result<Vec<StatisticsRun>> {
    let has = |run: &Run| run.operations.contains_key(operation);
    let observed_any = runs.iter().any(|run| !run.operations.is_empty());
    if observed_any && !runs.iter().any(has) {
        return Ok(Vec::new());
    }
    let converted = runs.iter().enumerate().map(|(index, run)| {
        let converted = match run.operations.get(operation) {
            Some(series) => convert(series)?,
            None => StatisticsRun::default(),
        };
        let named = converted.named(run.identity.name.clone());
        Ok(match pairs {
            Some(pairs) => named.in_pair(pairs[index]),
            None => named,
        })
    });
    converted.collect()
}

/// The length of the windows of an operation in these runs: what a comparison of them needs, and at
/// least that of the longest windows which a run was cut into.
pub fn window_length_for<'a>(runs: impl IntoIterator<Item = &'a Series>) -> WindowLength {
    let (mut longest, mut fewest, mut shortest) = (None, None, None);
    for series in runs {
        longest = longest.max(Some(series.length));
        let Some(span) = span(series) else {
            continue;
        };
        shortest = Some(shortest.map_or(span, |so_far: Duration| so_far.min(span)));
        // A run without operations does not show how long the windows must be.
        let count = series.timed();
        if count > 0 {
            fewest = Some(fewest.map_or(count, |so_far: u64| so_far.min(count)));
        }
    }
    let wanted = window_length(shortest.unwrap_or_default(), fewest.unwrap_or(0));
    let wanted = WindowLength::at_most(wanted);
    longest.map_or(wanted, |longest| longest.max(wanted))
}

/// The shortest length that [`window_length_for`] gives for a run with this number of operations,
/// whatever it is compared with, if no run is shorter than `shortest`.
pub fn least_window_length(shortest: Duration, operations: u64) -> WindowLength {
    // A run without operations does not show how long the windows must be.
    let operations = if operations == 0 {
        u64::MAX
    } else {
        operations
    };
    WindowLength::at_most(window_length(shortest, operations))
}

/// The time that each operation of a run covers; those of which nothing was observed are left out.
pub fn spans(run: &Run) -> Vec<Duration> {
    let series = run.operations.values();
    series.filter_map(span).collect()
}

/// The time that windows cover; `None` without windows, as of a run of a baseline in which nothing
/// was observed.
fn span(series: &Series) -> Option<Duration> {
    let windows = u32::try_from(series.windows.len()).unwrap_or(u32::MAX);
    let span = series.length.duration().saturating_mul(windows);
    (windows > 0).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::Window;
    use proptest::prelude::*;

    fn series(length: WindowLength, windows: usize, count: u64) -> Series {
        let window = Window {
            count,
            ..Window::default()
        };
        Series {
            length,
            windows: vec![Some(window); windows],
        }
    }

    #[test]
    fn windows_are_as_short_as_the_smaller_run_allows() {
        let ms = |ms| WindowLength::at_most(Duration::from_millis(ms));
        let fine = series(ms(16), 3_840, 10);
        // 60 s with 38,400 operations: 800 windows are enough.
        assert_eq!(window_length_for([&fine]), ms(63));
        // 240 operations: two in each window.
        let few = series(ms(250), 240, 1);
        assert_eq!(window_length_for([&fine, &few]), ms(500));
        let rare = series(WindowLength::SECOND, 60, 1);
        assert_eq!(window_length_for([&fine, &rare]), WindowLength::SECOND);
        let idle = series(ms(16), 3_840, 0);
        assert_eq!(window_length_for([&fine, &idle]), ms(63));
        assert_eq!(window_length_for([&idle]), WindowLength::SECOND);
        let nothing = series(ms(16), 0, 0);
        assert_eq!(window_length_for([&fine, &nothing]), ms(63));
    }

    proptest! {
        #[test]
        fn no_comparison_needs_shorter_windows_than_each_run_keeps(
            runs in proptest::collection::vec((2i64..400, 0u64..5_000), 1..5),
        ) {
            let finest = |seconds: i64| WindowLength::finest(seconds * 1_000_000_000);
            let all: Vec<Series> = runs
                .iter()
                .map(|(seconds, count)| {
                    let length = finest(*seconds);
                    let windows = (seconds * 1_000_000_000 / length.ns()) as usize;
                    let mut all = vec![Some(Window::default()); windows];
                    all[0].as_mut().unwrap().count = *count;
                    Series { length, windows: all }
                })
                .collect();
            let shortest = all.iter().filter_map(span).min().unwrap();
            let least = |series: &Series| least_window_length(shortest, series.count());
            let kept: Vec<Series> = all
                .iter()
                .map(|series| series.merged(least(series)).into_owned())
                .collect();
            prop_assert_eq!(window_length_for(&kept), window_length_for(&all));
        }
    }
}
