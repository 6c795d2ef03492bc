//! Catalog and schema of the tables, in full `soakbox.recording.TABLE`. Both are the defaults, so
//! that no query needs them.

pub(super) const CATALOG: &str = "soakbox";
/// The schema of the recording that has no name of its own.
pub const SCHEMA: &str = "recording";
