//! The gaps of a run: the windows that are missing in all of its operations, and those of one
//! operation, whose own rows and counts disagree there.

use std::ops::Range;

use soakbox_statistics::Metric;

use super::of_run::times;
use super::{FindingAnswer, SoakRun, counted};
use crate::windows::{Run, Series};

/// The finding of the run, and one for each chosen operation that misses more than the run.
pub(super) fn gaps(run: &SoakRun<'_>, operations: &[String]) -> Vec<FindingAnswer> {
    let all: Vec<&Series> = run.run.operations.values().collect();
    let observed = all.iter().filter(|series| !series.windows.is_empty());
    // Operations of a baseline may have windows of different lengths: the shortest ones show most.
    let Some(&finest) = observed.min_by_key(|series| series.length.ns()) else {
        return Vec::new();
    };
    let is_shared = |i: &usize| {
        let window = range(finest, *i);
        all.iter().all(|series| misses(series, &window))
    };
    let shared: Vec<usize> = missing(finest).filter(is_shared).collect();
    let subject = if run.name.is_empty() { "run" } else { run.name };
    let mut findings = vec![gap(run.run, finest, subject, &shared)];
    for (operation, series) in run.run.chosen(operations) {
        let is_own = |i: &usize| {
            let window = range(series, *i);
            let mut shared = shared.iter().map(|i| range(finest, *i));
            !shared.any(|gap| gap.start < window.end && window.start < gap.end)
        };
        let own: Vec<usize> = missing(series).filter(is_own).collect();
        if !own.is_empty() {
            let subject = match run.name {
                "" => operation.clone(),
                name => format!("{name} {operation}"),
            };
            findings.push(gap(run.run, series, &subject, &own));
        }
    }
    findings
}

fn missing(series: &Series) -> impl Iterator<Item = usize> {
    (0..series.windows.len()).filter(|i| series.windows[*i].is_none())
}

/// The time of a window since the begin of the run, ns.
fn range(series: &Series, index: usize) -> Range<i64> {
    let length = series.length.ns();
    let begin = length.saturating_mul(i64::try_from(index).unwrap_or(i64::MAX));
    begin..begin.saturating_add(length)
}

/// Whether no window of the series in this time was observed.
fn misses(series: &Series, time: &Range<i64>) -> bool {
    let length = series.length.ns();
    let indices = time.start / length..=(time.end - 1) / length;
    indices.into_iter().all(|index| {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        series.windows.get(index).is_none_or(Option::is_none)
    })
}

/// The finding on the missing windows of a series, in order.
fn gap(run: &Run, series: &Series, subject: &str, missing: &[usize]) -> FindingAnswer {
    let blank = |status| FindingAnswer {
        unit: String::new(),
        ..FindingAnswer::new("gap", subject, &Metric::Rate, status)
    };
    let (Some(first), Some(last)) = (missing.first(), missing.last()) else {
        return FindingAnswer {
            reason: "every window was observed".to_owned(),
            ..blank("absent")
        };
    };
    let neighbours = missing.windows(2);
    let pieces = 1 + neighbours.filter(|two| two[1] != two[0] + 1).count();
    let seconds = missing.len() as f64 * series.length.duration().as_secs_f64();
    let times = times(run, series);
    FindingAnswer {
        from: times.text(*first),
        to: times.text(last + 1),
        reason: format!("{}, {seconds:.1} s in all", counted(pieces, "gap")),
        ..blank("found")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::{RunIdentity, Window, WindowLength};

    fn series(seconds: i64, pattern: &str) -> Series {
        let length = WindowLength::exactly(seconds * 1_000_000_000).unwrap();
        let windows = pattern.chars().map(|c| (c == '+').then(Window::default));
        Series {
            length,
            windows: windows.collect(),
        }
    }

    /// The findings of a run with these operations: subject, status and reason.
    fn found(operations: &[(&str, Series)]) -> Vec<String> {
        let operations = operations.iter().cloned();
        let operations = operations.map(|(name, series)| (name.to_owned(), series));
        let run = Run {
            restarts_ns: Vec::new(),
            identity: RunIdentity::default(),
            operations: operations.collect(),
        };
        let run = SoakRun {
            run: &run,
            name: "",
        };
        let findings = gaps(&run, &[]);
        let line = |one: &FindingAnswer| format!("{} {}: {}", one.subject, one.status, one.reason);
        findings.iter().map(line).collect()
    }

    #[test]
    fn the_run_has_what_all_miss_and_each_operation_the_rest() {
        let all = found(&[
            ("a", series(1, "++..++++.+")),
            ("b", series(1, "++..++++++")),
            ("c", series(1, ".+...+++++")),
        ]);
        let expected = [
            "run found: 1 gap, 2.0 s in all",
            "a found: 1 gap, 1.0 s in all",
            "c found: 2 gaps, 2.0 s in all",
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn windows_of_other_lengths_do_not_repeat_the_gap_of_the_run() {
        let all = found(&[
            ("a", series(1, "+++++..+++++")),
            ("b", series(4, "+.+")),
            ("c", series(4, "...")),
        ]);
        // The second window of b has the gap of the run; c misses two windows more.
        let expected = [
            "run found: 1 gap, 2.0 s in all",
            "c found: 2 gaps, 8.0 s in all",
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn without_operations_there_is_nothing_to_tell() {
        assert_eq!(found(&[]), [""; 0]);
        assert_eq!(found(&[("a", series(1, ""))]), [""; 0]);
        let complete = found(&[("a", series(1, "++"))]);
        assert_eq!(complete, ["run absent: every window was observed"]);
    }
}
