//! `info` and `summary` as a person reads them in a terminal.

use std::io::IsTerminal;

use soakbox_schemas::tables::LOSS_CAUSES;

use super::Table;
use super::figures::{Figure, MISSING, figures};
use super::units::{bytes, count, duration};
use crate::counting::OperationCounts;
use crate::info::Info;
use crate::summary::Summary;

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
        return "  no operation was seen yet\n".to_owned();
    }
    let mut text = table.render(styled());
    let cut_off = |operation: &&OperationCounts| {
        operation.identity_ok == Some(true) && operation.recorded != operation.rows
    };
    if info.operations.iter().filter(cut_off).count() > 0 {
        text.push_str("  Intervals that a gap or the running end cut off are not compared.\n");
    }
    text
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
    let rows: Vec<Vec<Figure>> = summary.operations.iter().map(figures).collect();
    let shown = |column: usize| {
        // A column that is missing throughout would only take room.
        rows.iter().any(|row| row[column].text != MISSING)
    };
    let columns: Vec<usize> = (0..rows.first().map_or(0, Vec::len))
        .filter(|&column| shown(column))
        .collect();
    let mut headings = vec!["operation".to_owned()];
    headings.extend(
        columns
            .iter()
            .map(|&column| format!(">{}", rows[0][column].name)),
    );
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings);
    for (operation, row) in summary.operations.iter().zip(&rows) {
        let mut cells = vec![operation.operation.clone()];
        cells.extend(columns.iter().map(|&column| row[column].text.clone()));
        table.row(cells);
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
