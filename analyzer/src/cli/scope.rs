//! The part of a recording that a command is about, as typed: a range of time, hosts, operations.

use chrono::DateTime;
use clap::Args;
use soakbox_cli::{Failure, Result};

use crate::changes::seconds;
use crate::sql::Scope;

/// Which rows are asked for; by default all of them.
#[derive(Debug, Args)]
pub(super) struct ScopeArguments {
    /// Only rows at or after this time: RFC 3339, a date with or without a time of day (UTC), or
    /// seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,
    /// Only rows before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,
    /// Only rows of this host; may be given several times
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Only rows of this operation; may be given several times
    #[arg(long, value_name = "NAME")]
    operation: Vec<String>,
}

impl ScopeArguments {
    /// A flag that is given besides those of operations.
    pub(super) fn besides_operations(&self) -> Option<&'static str> {
        let flags = [
            ("--from", self.from.is_some()),
            ("--to", self.to.is_some()),
            ("--host", !self.host.is_empty()),
        ];
        flags
            .into_iter()
            .find(|(_, is_given)| *is_given)
            .map(|(flag, _)| flag)
    }

    /// # Errors
    /// Where the range is empty.
    pub(super) fn scope(self) -> Result<Scope> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(Failure::new("--to", "is not after --from"));
        }
        Ok(Scope {
            from_ns: self.from,
            to_ns: self.to,
            hosts: self.host,
            operations: self.operation,
        })
    }
}

/// A time, ns UTC.
fn moment(text: &str) -> std::result::Result<i64, String> {
    let refused = "is no time: write 2026-11-24T08:00:00Z, 2026-11-24, or seconds since 1970";
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return time.timestamp_nanos_opt().ok_or_else(|| refused.to_owned());
    }
    if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("is a year: write {text}-01-01"));
    }
    let ns = seconds(text).map(|seconds| (seconds * 1e9).round());
    ns.filter(|ns| ns.abs() < i64::MAX as f64)
        .map(|ns| ns as i64)
        .ok_or_else(|| refused.to_owned())
}
