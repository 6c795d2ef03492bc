//! Gaps of a recording: stretches of time in which nothing, or not everything, was observed.

use serde::Serialize;
use soakbox_cli::Result;
use soakbox_schemas::tables::AnnotationKind;

use crate::sql::columns::Columns;
use crate::sql::{Session, queries};
use crate::units::serialize;

/// A stretch of time in which nothing, or not everything, was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Its start; RFC 3339 in JSON, as all times.
    #[serde(rename = "from", serialize_with = "serialize::time")]
    pub from_ns: i64,
    /// Its end; `None` where it did not end.
    #[serde(rename = "to", serialize_with = "serialize::optional_time")]
    pub to_ns: Option<i64>,
    /// `crash`, `file overwritten`, …
    pub cause: String,
}

impl Gap {
    /// Its length, ns; `None` where it did not end.
    pub fn length_ns(&self) -> Option<i64> {
        self.to_ns.map(|to_ns| to_ns.saturating_sub(self.from_ns))
    }
}

/// The gaps in order of their start.
pub(super) fn read(session: &Session) -> Result<Vec<Gap>> {
    let query = queries::fill(queries::GAPS, &[("gap", AnnotationKind::Gap.name())]);
    let Some(found) = Columns::new(&session.collect(&query)?)? else {
        return Ok(Vec::new());
    };
    let (from, until) = (found.times("at")?, found.times("until")?);
    let rows = from.into_iter().zip(until).zip(found.words("cause")?);
    Ok(rows
        .filter_map(|((from_ns, to_ns), cause)| {
            Some(Gap {
                from_ns: from_ns?,
                to_ns,
                cause,
            })
        })
        .collect())
}
