//! A file to be written: made before the long run, so that a bad path fails at once, and renamed into place at its
//! end, so that a failed run leaves what was there before.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result, plain_io};

/// Where a command's result goes.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Stdout,
    /// A device or a pipe: written in place.
    Special(File),
    /// Written beside, then renamed.
    Beside(File, PathBuf),
}

impl OutputFile {
    /// Prepares to write `path`; `-` is stdout.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Failure::path(path, format!("cannot be written: {}", plain_io(&error)))
                .hint("give a file in a directory that exists and that you may write to")
        };
        let target = if path == Path::new("-") {
            Target::Stdout
        } else if path.is_dir() {
            return Err(Failure::path(path, "cannot be written: is a directory")
                .hint("give a file's name in it"));
        } else if path.exists() && !path.is_file() {
            let file = File::options().write(true).open(path).map_err(failed)?;
            Target::Special(file)
        } else {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}.part", std::process::id()));
            let beside = path.with_file_name(name);
            Target::Beside(File::create(&beside).map_err(failed)?, beside)
        };
        Ok(Self {
            path: path.to_owned(),
            target,
        })
    }

    /// Writes all of it and puts it into place.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(mut self, content: &[u8]) -> Result<()> {
        let written = match &mut self.target {
            Target::Stdout => {
                let mut out = std::io::stdout().lock();
                out.write_all(content).and_then(|()| out.flush())
            }
            Target::Special(file) => file.write_all(content),
            Target::Beside(file, beside) => file
                .write_all(content)
                .and_then(|()| std::fs::rename(&*beside, &self.path)),
        };
        written.map_err(|error| Failure::output(self.path.display(), &error))
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Target::Beside(_, beside) = &self.target {
            // Gone already where it was put into place.
            let _ = std::fs::remove_file(beside);
        }
    }
}
