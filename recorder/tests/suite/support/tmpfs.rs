//! A small file system for tests that need one of their own: full, or read-only.

use std::path::Path;
use std::process::Command;

use super::host;

/// A mounted tmpfs, unmounted on drop.
pub(crate) struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// `None`, with a message, where this host does not allow it.
    pub(crate) fn mount(options: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "soakbox-test"])
            .arg(directory.path())
            .output();
        let (mounted, reason) = match mounted {
            Ok(output) => (output.status.success(), output.stderr),
            Err(error) => (false, error.to_string().into_bytes()),
        };
        let reason = String::from_utf8_lossy(&reason);
        host::may_mount(mounted, reason.trim()).then(|| Self(directory))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount")
            .args(["-o", &options])
            .arg(self.path())
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
    }
}
