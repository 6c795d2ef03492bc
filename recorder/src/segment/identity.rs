//! What every file of this recorder says of where it comes from, as far as this host alone tells
//! it.

use soakbox_schemas::recording::Provenance;

/// Recorder version, host, kernel and boot id; what is observed, and how it is measured, is left
/// empty.
pub fn of_this_host() -> Provenance {
    let system = rustix::system::uname();
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    Provenance {
        recorder_version: env!("CARGO_PKG_VERSION").to_owned(),
        host: system.nodename().to_string_lossy().into_owned(),
        kernel: system.release().to_string_lossy().into_owned(),
        boot_id: boot_id.unwrap_or_default().trim().to_owned(),
        ..Provenance::default()
    }
}
