//! Messages about a recording: losses as they happen, and a summary at the end.

use std::path::PathBuf;

use rustix::process::Pid;
use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::tables::{OperationInfo, Table};

use super::inherited::inherited;
use super::supervise::Ending;
use super::write::RowCounts;
use crate::message;
use crate::sample::{Tick, in_flight};

/// Adds up the counts of a recording.
#[derive(Debug)]
pub(super) struct Report {
    operations: Vec<OperationInfo>,
    totals: Vec<CounterValues>,
    output: PathBuf,
    /// Limit of the processes that are followed at a time.
    processes: u32,
}

impl Report {
    pub(super) fn new(operations: Vec<OperationInfo>, output: PathBuf, processes: u32) -> Self {
        let totals = vec![CounterValues::default(); operations.len()];
        Self {
            operations,
            totals,
            output,
            processes,
        }
    }

    /// Names of the operations.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self
            .operations
            .iter()
            .map(|operation| operation.name.as_str())
            .collect();
        names.join(", ")
    }

    /// Adds the counts of a tick, and warns about losses.
    pub(super) fn tick(&mut self, tick: &Tick) {
        if let Some(length) = tick.suspended() {
            message::line(format_args!(
                "warning: the host was suspended for {:.1} s: a gap of the recording",
                length.as_secs_f64()
            ));
        } else if let Some(stall) = tick.stall() {
            message::line(format_args!("warning: {stall}"));
        }
        if tick.unfollowed > 0 {
            message::line(format_args!(
                "warning: the command has more processes than are followed: {} of them are not observed; hint: raise --processes above {}",
                tick.unfollowed, self.processes
            ));
        }
        if tick.events.dropped > 0 {
            message::line(format_args!(
                "warning: {} records of {} could not be read as events: their rows are missing; hint: this is a bug, please report it",
                tick.events.dropped, tick.events.received
            ));
        }
        for counts in &tick.counts {
            let mut lost = Vec::new();
            for ((total, counted), operation) in self
                .totals
                .iter_mut()
                .zip(&counts.counted)
                .zip(&self.operations)
            {
                *total += *counted;
                let without_row = without_row(counted);
                if without_row > 0 && !counts.is_late {
                    lost.push(format!(
                        "{without_row} of {} {}",
                        counted.finished, operation.name
                    ));
                }
            }
            if !lost.is_empty() {
                message::line(format_args!(
                    "warning: lost in one interval: {}; the counts are in operation_metrics",
                    lost.join(", ")
                ));
            }
        }
    }

    /// Reports the totals, once everything is sealed.
    pub(super) fn complete(&self, rows: &RowCounts, ending: &Ending, running: Option<Pid>) {
        for (operation, total) in self.operations.iter().zip(&self.totals) {
            let name = &operation.name;
            if total.begun == 0 && total.finished == 0 {
                message::line(format_args!(
                    "warning: {name}: attached, but no call was seen; hint: check that it is called, and not inlined everywhere (the symbol exists even then)"
                ));
                continue;
            }
            message::line(format_args!("{name}: {}", totals(total)));
        }
        message::line(format_args!(
            "sealed {} rows of operation_log into {}",
            rows.get(&Table::OPERATION_LOG).unwrap_or(&0),
            self.output.display()
        ));
        if let Ending::Command {
            status,
            success: false,
        } = ending
        {
            message::line(format_args!(
                "the command ended with {status}; the recording is complete"
            ));
        }
        report_running(running);
    }
}

/// The counts of an operation, in words. What a filter or sampling left out is named where they did.
fn totals(total: &CounterValues) -> String {
    let chosen = total.recorded + total.filtered + total.sampled_out;
    let lost = total.finished as i64 - chosen as i64;
    let mut text = format!("{} finished, {} recorded", total.finished, total.recorded);
    for (number, what) in [
        (total.filtered, "filtered"),
        (total.sampled_out, "sampled out"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    let (abandoned, in_flight) = (total.abandoned, in_flight(total));
    text.push_str(&format!(
        ", {lost} lost, {abandoned} abandoned, {in_flight} in flight"
    ));
    text
}

/// Reports how the command ended, for a recording that failed. The failure itself is reported last,
/// by `main`.
pub(super) fn incomplete(ending: &Ending, running: Option<Pid>) {
    if let Ending::Command { status, .. } = ending {
        message::line(format_args!("the command ended with {status}"));
    }
    report_running(running);
}

/// Reports a command that still runs: the recorder neither waits for it nor ends it.
fn report_running(command: Option<Pid>) {
    let Some(command) = command else { return };
    if inherited().ends_with_parent() {
        message::line(format_args!(
            "the command (process {command}) still runs: it ends with the recorder, as the recorder's caller asked (PR_SET_PDEATHSIG)"
        ));
    } else {
        message::line(format_args!(
            "the command (process {command}) runs on, unobserved from now on"
        ));
    }
}

/// Number of operations that finished and have no row, for any cause.
pub(super) fn without_row(counted: &CounterValues) -> u64 {
    let lost = counted
        .by_name()
        .filter(|(name, _)| name.starts_with("lost_"));
    lost.map(|(_, count)| count).sum()
}
