//! CPU time over time: on a CPU from the windows of a recording, its parts from a query on the rows.

use std::collections::BTreeMap;

use soakbox_cli::Result;
use soakbox_statistics::Metric;

use super::Changes;
use super::observed::ObservedWindows;
use super::queried::Queried;
use super::shown::{Shown, span};
use crate::chart::{Cpu, OperationCpu, Span, Track};
use crate::figures::{OperationWindows, Reading};
use crate::sql::{Session, queries};
use crate::windows::Window;

/// The chart of these operations of a recording that was read for a timeline; `None` where the CPU time
/// of none of them was measured. `session` is of the same recording.
///
/// # Errors
/// Where the query fails.
pub fn cpu(
    reading: &Reading,
    session: &Session,
    shown: &Shown,
    changes: &Changes,
) -> Result<Option<Cpu>> {
    let Some(range) = reading.coverage.range else {
        return Ok(None);
    };
    let span = span(reading, range);
    let mut operations = Vec::new();
    let mut parts_by_width: BTreeMap<i64, Parts> = BTreeMap::new();
    for name in &shown.operations {
        let found = OperationWindows::of(name, range, &reading.runs);
        let measured = found.windows.values().any(|window| window.with_cpu > 0);
        if !measured {
            continue;
        }
        let width = found.width_ns;
        let parts = match parts_by_width.get(&width) {
            Some(parts) => parts,
            None => {
                let parts = Parts::read(session, width)?;
                parts_by_width.entry(width).or_insert(parts)
            }
        };
        let windows = found.windows.iter();
        let on_cpu = windows
            .map(|(at, window)| (*at, window.cpu_ns as f64))
            .collect();
        let track = |name: &str, ns| track(name, ns, &found, &span);
        let mut tracks = vec![track("on CPU", &on_cpu)];
        if let Some([user, system]) = parts.0.get(name) {
            tracks.push(track("user", user));
            tracks.push(track("system", system));
        }
        let lost = found.windows.iter().filter(|(_, window)| window.lost > 0);
        operations.push(OperationCpu {
            name: name.clone(),
            window_ns: width,
            tracks,
            lost: lost.map(|(at, _)| *at).collect(),
            changes: changes.of_metrics(name, &[Metric::Cpu]),
        });
    }
    Ok((!operations.is_empty()).then(|| Cpu {
        recording: reading.recording.name(),
        operations,
        left_out: shown.left_out,
        span,
    }))
}

/// User and system time of operations by window, ns; an operation whose parts were not measured is
/// absent.
struct Parts(BTreeMap<String, [BTreeMap<i64, f64>; 2]>);

impl Parts {
    fn read(session: &Session, width_ns: i64) -> Result<Self> {
        let batches = session.collect(&queries::cpu_parts(width_ns))?;
        let rows = Queried(&batches);
        let (names, at) = (rows.texts(0)?, rows.integers(1)?);
        let (user, system) = (rows.numbers(2)?, rows.numbers(3)?);
        let mut parts: BTreeMap<String, [BTreeMap<i64, f64>; 2]> = BTreeMap::new();
        for (index, name) in names.into_iter().enumerate() {
            if user[index].is_finite() && system[index].is_finite() {
                let [of_user, of_system] = parts.entry(name).or_default();
                of_user.insert(at[index], user[index]);
                of_system.insert(at[index], system[index]);
            }
        }
        Ok(Self(parts))
    }
}

/// CPU time per second, of all operations that the observed ones stand for.
fn track(name: &str, ns: &BTreeMap<i64, f64>, found: &OperationWindows, span: &Span) -> Track {
    let windows = ObservedWindows::new(span, found.width_ns);
    let empty = Window::default();
    let points = windows.seconds().map(|(at, seconds)| {
        let ns = ns.get(&at).copied().unwrap_or(0.0);
        let window = found.windows.get(&at).unwrap_or(&empty);
        let per_second = window.sum_per_second(ns / 1e9, seconds);
        (windows.middle(at), per_second + 0.0 * seconds)
    });
    Track {
        name: name.to_owned(),
        points: points.collect(),
    }
}
