//! A disk of a file, with ext4 on it, that can fail as a whole.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::host;

/// A mounted disk, unmounted on drop.
pub(crate) struct Disk {
    place: tempfile::TempDir,
    path: PathBuf,
}

impl Disk {
    /// `None`, with a message, where this host does not allow it.
    pub(crate) fn mount() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let image = std::fs::File::create(place.path().join("image")).unwrap();
        image.set_len(64 << 20).unwrap();
        let path = place.path().join("mounted");
        std::fs::create_dir(&path).unwrap();
        let disk = Self { place, path };
        let made = run("mkfs.ext4", &["-q", "-F"], &[&disk.image()]).and_then(|()| disk.attach());
        let reason = made.as_ref().err().cloned().unwrap_or_default();
        host::may_mount(made.is_ok(), &reason).then_some(disk)
    }

    fn image(&self) -> PathBuf {
        self.place.path().join("image")
    }

    fn attach(&self) -> Result<(), String> {
        run("mount", &["-o", "loop"], &[&self.image(), &self.path])
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on the file system is read-only, also for open files: as after an error of the disk.
    pub(crate) fn fail(&self) {
        run("mount", &["-o", "remount,abort"], &[&self.path]).unwrap();
    }

    /// Writes wait until the guard is dropped, as on a disk that hangs. Drop it before whatever waits
    /// for a program that writes there.
    pub(crate) fn hang(&self) -> Hung<'_> {
        run("fsfreeze", &["--freeze"], &[&self.path]).unwrap();
        Hung(self)
    }

    /// Mounts the disk again, as after a repair.
    pub(crate) fn repair(&self) {
        run("umount", &[], &[&self.path]).unwrap();
        self.attach().unwrap();
    }
}

/// A disk that hangs.
pub(crate) struct Hung<'a>(&'a Disk);

impl Drop for Hung<'_> {
    fn drop(&mut self) {
        run("fsfreeze", &["--unfreeze"], &[&self.0.path]).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run("umount", &["--lazy"], &[&self.path]);
    }
}

fn run(program: &str, flags: &[&str], paths: &[&Path]) -> Result<(), String> {
    let output = Command::new(program).args(flags).args(paths).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    output
        .status
        .success()
        .then_some(())
        .ok_or_else(|| text.trim().to_owned())
}
