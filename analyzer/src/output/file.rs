//! The file that a command writes. It is prepared before the command reads a recording, so that a
//! bad path fails at once. It is put into place at the end, so that a failed command leaves the
//! earlier content.
//!
//! A symbolic link is kept: the file that it leads to is written. A regular file is replaced by a
//! rename, with its owner and mode; where that is impossible (another owner, further hard links, a
//! directory without write permission), it is overwritten. Devices, pipes and descriptors
//! (`/dev/stdout`) are written as they are.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, BufWriter, IsTerminal, Seek, StdoutLock, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use soakbox_cli::{Failure, Result, answer, escaped_path, plain_io_error};
use tempfile::NamedTempFile;

/// Stands for stdout on the command line.
const STDOUT: &str = "-";
/// Most symbolic links that are followed for one path; Linux allows 40.
const MAX_LINKS: usize = 40;
/// Mode of a new file, before the umask is applied.
const NEW_FILE_MODE: u32 = 0o666;

/// Where a command's result goes.
#[derive(Debug)]
pub struct OutputFile {
    /// The path as typed, for messages.
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Stdout,
    /// A device, a pipe, or a descriptor of this process.
    Open(File),
    /// A regular file that is overwritten.
    InPlace(File),
    /// A new file, or one to be replaced.
    Replaced {
        temporary: NamedTempFile,
        path: PathBuf,
    },
}

impl OutputFile {
    /// Prepares to write `path`; `-` is stdout.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        if path.is_dir() && path != Path::new(STDOUT) {
            return Err(Failure::path(path, "cannot be written: is a directory")
                .hint("give a file's name in it"));
        }
        let target = open(path).map_err(|error| {
            let reason = format!("cannot be written: {}", plain_io_error(&error));
            Failure::path(path, reason)
                .hint("give a file in a directory that exists and that you may write to")
        })?;
        Ok(Self {
            path: path.to_owned(),
            target,
        })
    }

    /// The path as typed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether both are one file, or stdout.
    pub fn is_that_of(&self, other: &Self) -> bool {
        use Target::{InPlace, Open, Replaced, Stdout};
        let number = |file: &File| file.metadata().ok().map(|one| (one.dev(), one.ino()));
        match (&self.target, &other.target) {
            (Stdout, Stdout) => true,
            (Replaced { path, .. }, Replaced { path: other, .. }) => {
                let directory = |path| std::fs::canonicalize(directory_of(path)).ok();
                path.file_name() == other.file_name() && directory(path) == directory(other)
            }
            (Open(file) | InPlace(file), Open(other) | InPlace(other)) => {
                number(file) == number(other) && file.metadata().is_ok_and(|one| one.is_file())
            }
            _ => false,
        }
    }

    /// Whether what is written is shown on a terminal.
    pub fn is_terminal(&self) -> bool {
        match &self.target {
            Target::Stdout => io::stdout().is_terminal(),
            Target::Open(file) => file.is_terminal(),
            Target::InPlace(_) | Target::Replaced { .. } => false,
        }
    }

    /// To write the content part by part.
    ///
    /// # Errors
    /// Where there is no room for what is written before it is put into place.
    pub fn writer(self) -> Result<OutputWriter> {
        let path = self.path;
        let sink = match self.target {
            Target::Stdout => Sink::Stdout(BufWriter::new(io::stdout().lock())),
            Target::Open(file) => Sink::Open(file),
            Target::InPlace(file) => {
                let spool = tempfile::tempfile().map_err(|error| {
                    let reason = format!("cannot be made: {}", plain_io_error(&error));
                    Failure::new("temporary file", reason)
                })?;
                Sink::InPlace { file, spool }
            }
            Target::Replaced {
                temporary,
                path: end,
            } => Sink::Replaced {
                temporary,
                path: end,
            },
        };
        Ok(OutputWriter { path, sink })
    }

    /// Writes the whole content and puts the file into place.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(self, content: &[u8]) -> Result<()> {
        let failed = |error: io::Error| Failure::output(escaped_path(&self.path), &error);
        match self.target {
            Target::Stdout => answer::write(|out| out.write_all(content)),
            Target::Open(mut file) => file.write_all(content).map_err(failed),
            Target::InPlace(mut file) => file
                .set_len(0)
                .and_then(|()| file.write_all(content))
                .map_err(failed),
            Target::Replaced {
                mut temporary,
                path,
            } => temporary
                .write_all(content)
                .and_then(|()| synced(temporary.as_file()))
                .and_then(|()| temporary.persist(path).map_err(|error| error.error))
                .map(drop)
                .map_err(failed),
        }
    }
}

/// An output that is written part by part. Without [`OutputWriter::finish`] the earlier content of
/// a file stays.
pub struct OutputWriter {
    /// The path as typed, for messages.
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Stdout(BufWriter<StdoutLock<'static>>),
    Open(File),
    /// A file that is overwritten at the end, from a temporary one.
    InPlace {
        file: File,
        spool: File,
    },
    Replaced {
        temporary: NamedTempFile,
        path: PathBuf,
    },
}

impl OutputWriter {
    /// Appends a part.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&mut self, part: &[u8]) -> Result<()> {
        let failed = |error: io::Error| Failure::output(escaped_path(&self.path), &error);
        match &mut self.sink {
            Sink::Stdout(out) => out
                .write_all(part)
                .map_err(|error| answer::unwritable(&error)),
            Sink::Open(file) => file.write_all(part).map_err(failed),
            Sink::InPlace { spool, .. } => spool.write_all(part).map_err(failed),
            Sink::Replaced { temporary, .. } => temporary.write_all(part).map_err(failed),
        }
    }

    /// Puts what was written into place.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(self) -> Result<()> {
        let failed = |error: io::Error| Failure::output(escaped_path(&self.path), &error);
        match self.sink {
            Sink::Stdout(mut out) => out.flush().map_err(|error| answer::unwritable(&error)),
            Sink::Open(_) => Ok(()),
            Sink::InPlace {
                mut file,
                mut spool,
            } => spool
                .rewind()
                .and_then(|()| file.set_len(0))
                .and_then(|()| io::copy(&mut spool, &mut file))
                .map(drop)
                .map_err(failed),
            Sink::Replaced { temporary, path } => synced(temporary.as_file())
                .and_then(|()| temporary.persist(path).map_err(|error| error.error))
                .map(drop)
                .map_err(failed),
        }
    }
}

/// Flushes the file to disk, so that after a power cut the renamed file is never empty. Some file
/// systems do not support this.
fn synced(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

fn open(path: &Path) -> io::Result<Target> {
    if path == Path::new(STDOUT) {
        return Ok(Target::Stdout);
    }
    let path = match follow(path.to_owned())? {
        End::Stdout => return Ok(Target::Stdout),
        // Appended to the earlier content, as a write through the descriptor would be.
        End::Descriptor(path) => {
            let file = File::options().append(true).open(path)?;
            return Ok(Target::Open(file));
        }
        End::Path(path) => path,
    };
    let earlier = match std::fs::metadata(&path) {
        Ok(earlier) => earlier,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let temporary = temporary_for(&path, NEW_FILE_MODE)?;
            return Ok(Target::Replaced { temporary, path });
        }
        Err(error) => return Err(error),
    };
    // A user who may not write the file may not replace it either.
    let file = open_to_write(&path)?;
    if !earlier.is_file() {
        return Ok(Target::Open(file));
    }
    Ok(match replacement(&path, &earlier) {
        Ok(temporary) => Target::Replaced { temporary, path },
        Err(_) => Target::InPlace(file),
    })
}

fn open_to_write(path: &Path) -> io::Result<File> {
    File::options().write(true).open(path)
}

/// The end of a chain of symbolic links.
enum End {
    Stdout,
    /// An open descriptor by its name under `/proc`.
    Descriptor(PathBuf),
    /// A path that is no symbolic link; it may not exist yet.
    Path(PathBuf),
}

fn follow(mut path: PathBuf) -> io::Result<End> {
    for _ in 0..MAX_LINKS {
        let link = match std::fs::read_link(&path) {
            Ok(link) => link,
            Err(_) => return Ok(End::Path(path)),
        };
        let directory = directory_of(&path);
        // Links under /proc only look like paths: the file may have another name by now, or none.
        let real = std::fs::canonicalize(directory)?;
        if real.starts_with("/proc") {
            let is_own = std::fs::canonicalize("/proc/self/fd").is_ok_and(|own| own == real);
            return Ok(
                if is_own && path.file_name().is_some_and(|name| name == "1") {
                    End::Stdout
                } else {
                    End::Descriptor(path)
                },
            );
        }
        path = directory.join(link);
    }
    Err(io::Error::other("too many symbolic links"))
}

/// The directory that contains `path`.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn temporary_for(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".soakbox-")
        .suffix(".part")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory_of(path))
}

/// A file to be renamed over the one at `path`, with its owner and mode.
fn replacement(path: &Path, earlier: &Metadata) -> io::Result<NamedTempFile> {
    if earlier.nlink() > 1 {
        return Err(io::Error::other(
            "its other names would keep the earlier content",
        ));
    }
    let temporary = temporary_for(path, 0o600)?;
    let made = temporary.as_file().metadata()?;
    if (made.uid(), made.gid()) != (earlier.uid(), earlier.gid()) {
        let (user, group) = (Some(earlier.uid()), Some(earlier.gid()));
        std::os::unix::fs::fchown(temporary.as_file(), user, group)?;
    }
    temporary.as_file().set_permissions(earlier.permissions())?;
    Ok(temporary)
}
