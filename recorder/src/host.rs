//! Host name, kernel release and boot id, which a recording stores: read once per command, and only
//! here.

/// Names of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Kernel release as `uname -r` prints it, such as `6.18.2-cloud-amd64`.
    pub kernel: String,
    /// Boot id: it changes with each start of the host. Empty without /proc.
    pub boot_id: String,
}

impl Host {
    /// Reads the names of this host, in the namespaces of the recorder.
    pub fn read() -> Self {
        let system = rustix::system::uname();
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Self {
            name: system.nodename().to_string_lossy().into_owned(),
            kernel: system.release().to_string_lossy().into_owned(),
            boot_id: boot_id.unwrap_or_default().trim().to_owned(),
        }
    }
}
