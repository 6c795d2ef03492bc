//! Catalog and schema of the tables, in full `soakbox.recording.TABLE`. Both are the defaults, so
//! that no query needs them.

pub(super) const CATALOG: &str = "soakbox";
pub(super) const SCHEMA: &str = "recording";
