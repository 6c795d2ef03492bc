//! Gaps of a recording: stretches of time in which nothing, or not everything, was observed.

use serde::Serialize;

use crate::failure::Result;
use crate::output::units::rfc3339;
use crate::sql::columns::Columns;
use crate::sql::{Session, queries};

/// A stretch of time in which nothing, or not everything, was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// From when, RFC 3339.
    pub from: String,
    /// Until when; null where it did not end.
    pub to: Option<String>,
    /// Why.
    pub cause: String,
    /// The same in ns UTC, for charts.
    #[serde(skip)]
    pub from_ns: i64,
    /// The same in ns UTC.
    #[serde(skip)]
    pub to_ns: Option<i64>,
}

/// Gaps of a recording, in order.
///
/// # Errors
/// Where the query fails.
pub fn read(session: &Session) -> Result<Vec<Gap>> {
    let Some(found) = Columns::new(&session.collect(queries::GAPS)?)? else {
        return Ok(Vec::new());
    };
    let (from, until, causes) = (
        found.times("at")?,
        found.times("until")?,
        found.words("cause")?,
    );
    let rows = from.into_iter().zip(until).zip(causes);
    Ok(rows
        .filter_map(|((from, to_ns), cause)| {
            let from_ns = from?;
            Some(Gap {
                from: rfc3339(from_ns),
                to: to_ns.map(rfc3339),
                cause,
                from_ns,
                to_ns,
            })
        })
        .collect())
}
