//! `info` and `summary` as a person reads them in a terminal.

use std::io::IsTerminal;

use soakbox_schemas::tables::LOSS_CAUSES;

use super::Table;
use super::units::{bytes, count, duration, percent, rate};
use crate::info::Info;
use crate::summary::Summary;

/// Stands for what could not be measured.
const MISSING: &str = "–";

fn styled() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::stdout().is_terminal()
}

/// `info` as text.
pub fn info_text(info: &Info) -> String {
    let mut text = format!("{}\n\n", info.recording);
    let span = info.from.as_deref().zip(info.to.as_deref());
    let mut facts = vec![("time", span.map(|(from, to)| format!("{from} to {to}")))];
    let list = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    facts.push(("host", list(&info.hosts)));
    facts.push(("target", list(&info.targets)));
    facts.push(("recorder", list(&info.recorder_versions)));
    facts.push(("runs", list(&info.recorders)));
    let live = (info.journals > 0).then(|| {
        format!("{} not sealed: the recorder runs, or crashed and `soakbox-recorder recover` has not run", info.journals)
    });
    facts.push(("journals", live));
    for (name, value) in facts {
        if let Some(value) = value {
            text.push_str(&format!("  {name:<9} {value}\n"));
        }
    }
    text.push('\n');
    let mut tables = Table::new(&["table", ">rows", ">files", ">size"]);
    for (name, table) in &info.tables {
        tables.row(vec![
            (*name).to_owned(),
            count(table.rows),
            count(table.files),
            bytes(table.bytes as f64),
        ]);
    }
    text.push_str(&tables.render(styled()));
    text.push('\n');
    text.push_str(&operations(info));
    if !info.gaps.is_empty() {
        text.push('\n');
        let mut gaps = Table::new(&["gap from", "to", ">length", "cause"]);
        for gap in &info.gaps {
            let length = gap.to_ns.map(|to| duration((to - gap.from_ns) as f64));
            gaps.row(vec![
                gap.from.clone(),
                gap.to.clone().unwrap_or_else(|| MISSING.to_owned()),
                length.unwrap_or_else(|| MISSING.to_owned()),
                gap.cause.clone(),
            ]);
        }
        text.push_str(&gaps.render(styled()));
    }
    text
}

fn operations(info: &Info) -> String {
    let causes: Vec<&str> = LOSS_CAUSES
        .into_iter()
        .filter(|cause| {
            info.operations
                .iter()
                .any(|o| o.lost.get(cause).is_some_and(|n| *n > 0))
        })
        .collect();
    let mut headings = vec![
        "operation".to_owned(),
        ">begun".to_owned(),
        ">finished".to_owned(),
        ">recorded".to_owned(),
        ">filtered".to_owned(),
        ">sampled out".to_owned(),
        ">lost".to_owned(),
    ];
    headings.extend(
        causes
            .iter()
            .map(|cause| format!(">({})", cause.replace('_', " "))),
    );
    headings.extend(
        [
            ">abandoned",
            ">in flight",
            ">unmatched",
            ">rows",
            "counts agree",
        ]
        .map(str::to_owned),
    );
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings);
    for operation in &info.operations {
        let known = operation.identity_ok.is_some();
        let counted = |value: u64| {
            if known {
                count(value)
            } else {
                MISSING.to_owned()
            }
        };
        let mut cells = vec![
            operation.operation.clone(),
            counted(operation.begun),
            counted(operation.finished),
            counted(operation.recorded),
            counted(operation.filtered),
            counted(operation.sampled_out),
            counted(operation.lost()),
        ];
        cells.extend(causes.iter().map(|cause| counted(operation.lost[cause])));
        cells.push(counted(operation.abandoned));
        cells.push(if known {
            operation.in_flight.to_string()
        } else {
            MISSING.to_owned()
        });
        cells.push(counted(operation.unmatched));
        cells.push(count(operation.rows));
        cells.push(
            match operation.identity_ok {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "not counted",
            }
            .to_owned(),
        );
        table.row(cells);
    }
    if table.is_empty() {
        "  no operation was seen yet\n".to_owned()
    } else {
        table.render(styled())
    }
}

/// `summary` as text.
pub fn summary_text(summary: &Summary) -> String {
    let mut text = summary.recording.clone();
    if let (Some(from), Some(to), Some(observed)) = (&summary.from, &summary.to, summary.observed_s)
    {
        text.push_str(&format!(
            "\n{from} to {to}, {} observed",
            duration(observed * 1e9)
        ));
    }
    text.push_str("\n\n");
    let mut table = Table::new(&[
        "operation",
        ">count",
        ">rate",
        ">failures",
        ">p50",
        ">p90",
        ">p95",
        ">p99",
        ">p99.9",
        ">max",
        ">CPU",
        ">user",
        ">system",
        ">memory",
        ">lost",
    ]);
    let missing = || MISSING.to_owned();
    for operation in &summary.operations {
        let time = |value: Option<i64>| value.map_or_else(missing, |ns| duration(ns as f64));
        let failures = operation.failures.zip(operation.failure_rate);
        table.row(vec![
            operation.operation.clone(),
            count(operation.count),
            operation.rate_per_s.map_or_else(missing, rate),
            failures.map_or_else(missing, |(failures, share)| match failures {
                0 => "0".to_owned(),
                _ => format!("{} ({})", count(failures), percent(share)),
            }),
            time(operation.p50_ns),
            time(operation.p90_ns),
            time(operation.p95_ns),
            time(operation.p99_ns),
            time(operation.p999_ns),
            time(operation.max_ns),
            time(operation.cpu_ns),
            time(operation.cpu_user_ns),
            time(operation.cpu_system_ns),
            operation
                .memory_bytes
                .map_or_else(missing, |memory| bytes(memory as f64)),
            operation.lost.map_or_else(missing, count),
        ]);
    }
    if table.is_empty() {
        text.push_str("  no operation was seen yet\n");
    } else {
        text.push_str(&table.render(styled()));
    }
    if !summary.complete {
        text.push_str("\n  INCOMPLETE: this recording does not hold everything that happened\n");
        for warning in &summary.warnings {
            text.push_str(&format!("  - {warning}\n"));
        }
    }
    text
}
