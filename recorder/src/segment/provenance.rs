//! The provenance of every file of this recorder, as far as it is known from the host alone.

use soakbox_schemas::recording::Provenance;

use crate::host::Host;

/// Recorder version, host, kernel, boot id and processors; the observed files and the measuring methods are
/// left empty.
pub fn of_host(host: &Host) -> Provenance {
    Provenance {
        recorder_version: env!("CARGO_PKG_VERSION").to_owned(),
        host: host.name.clone(),
        kernel: host.kernel.clone(),
        boot_id: host.boot_id.clone(),
        cpu: host.cpu.clone(),
        ..Provenance::default()
    }
}
