//! What was typed before, in a file of the user's state directory. Without such a file, or where it
//! cannot be written, the history is that of this shell only.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Most entries that are kept.
const MOST_ENTRIES: usize = 1_000;
/// Longest entry that is kept, and the longest file that is read, bytes.
const LONGEST_ENTRY: usize = 64 << 10;
const LONGEST_FILE: u64 = 16 << 20;

/// Entries, the oldest first.
pub(super) struct History {
    entries: Vec<String>,
    path: Option<PathBuf>,
}

impl History {
    /// The history of this user.
    pub(super) fn load() -> Self {
        let path = path();
        let is_read = |path: &PathBuf| {
            let is_short = |file: fs::Metadata| file.is_file() && file.len() <= LONGEST_FILE;
            fs::metadata(path).is_ok_and(is_short)
        };
        let text = path.as_ref().filter(|path| is_read(path));
        let text = text.and_then(|path| fs::read_to_string(path).ok());
        let mut entries: Vec<String> = text
            .iter()
            .flat_map(|text| text.lines())
            .map(plain)
            .collect();
        if entries.len() > 2 * MOST_ENTRIES {
            entries.drain(..entries.len() - MOST_ENTRIES);
            let lines: String = entries.iter().map(|entry| line(entry)).collect();
            let _ = path.as_ref().map(|path| fs::write(path, lines));
        }
        Self { entries, path }
    }

    pub(super) fn entries(&self) -> &[String] {
        &self.entries
    }

    /// Adds an entry, unless it is the one before again.
    pub(super) fn add(&mut self, entry: &str) {
        let entry = entry.trim_end();
        let is_last = self.entries.last().is_some_and(|last| last == entry);
        if entry.is_empty() || entry.len() > LONGEST_ENTRY || is_last {
            return;
        }
        self.entries.push(entry.to_owned());
        // A history that cannot be written is no failure of the shell.
        let _ = self.append(entry);
    }

    fn append(&self, entry: &str) -> std::io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut options = File::options();
        let mut file = options.append(true).create(true).mode(0o600).open(path)?;
        file.write_all(line(entry).as_bytes())
    }
}

/// `$XDG_STATE_HOME/soakbox/sql-history`, by default below `~/.local/state`.
fn path() -> Option<PathBuf> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME");
    let state = state.or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("soakbox/sql-history"))
}

/// An entry as a line of the file.
fn line(entry: &str) -> String {
    format!("{}\n", entry.replace('\\', "\\\\").replace('\n', "\\n"))
}

fn plain(line: &str) -> String {
    let mut entry = String::with_capacity(line.len());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        entry.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some(other) => other,
                None => '\\',
            },
            other if other.is_control() => ' ',
            other => other,
        });
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_several_lines_is_a_line_of_the_file() {
        for entry in ["SELECT 1;", "SELECT '\\n',\n  2;", "\\d"] {
            let line = line(entry);
            assert_eq!(line.lines().count(), 1);
            assert_eq!(plain(line.trim_end_matches('\n')), entry);
        }
        assert_eq!(plain("\u{1b}[2Jx"), " [2Jx");
    }
}
