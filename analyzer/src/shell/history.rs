//! What was typed before, in a file of the user's state directory. Without such a file, or where it
//! cannot be written, the history is that of this shell only.

use std::fs;
use std::path::{Path, PathBuf};

use rustyline::config::Configurer;
use rustyline::history::History;
use rustyline::{Editor, Helper};

/// Most entries that are kept.
const MOST_ENTRIES: usize = 1_000;
/// Longest entry that is kept, and the longest file that is read, bytes.
const LONGEST_ENTRY: usize = 64 << 10;
const LONGEST_FILE: u64 = 16 << 20;

/// Loads the history of this user.
pub(super) fn load(editor: &mut Editor<impl Helper, impl History>) {
    let _ = editor.set_max_history_size(MOST_ENTRIES);
    let _ = editor.set_history_ignore_dups(true);
    // A pipe in its place would never end.
    let is_short = |file: fs::Metadata| file.is_file() && file.len() <= LONGEST_FILE;
    if let Some(path) = path()
        && fs::metadata(&path).is_ok_and(is_short)
    {
        let _ = editor.load_history(&path);
    }
}

/// Adds an entry. A history that cannot be written is no failure of the shell.
pub(super) fn add(editor: &mut Editor<impl Helper, impl History>, entry: &str) {
    let is_new = entry.len() <= LONGEST_ENTRY && editor.add_history_entry(entry).unwrap_or(false);
    if is_new && let Some(path) = path() {
        let _ = path.parent().map(fs::create_dir_all);
        let is_file = |path: &Path| fs::metadata(path).map_or(true, |file| file.is_file());
        if is_file(&path) {
            let _ = editor.append_history(&path);
        }
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
