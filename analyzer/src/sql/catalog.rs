//! Names under which SQL knows a recording's tables, in full `soakbox.recording.TABLE`.

pub(super) const CATALOG: &str = "soakbox";
pub(super) const SCHEMA: &str = "recording";
