//! Reading files of /proc that stay open: the fence lets none be opened later.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// What is read of a file. All that is asked for is there.
const MOST: usize = 1024;

/// The beginning of the file's text, as the kernel makes it now.
pub(super) fn beginning(file: &File) -> Option<String> {
    let mut bytes = [0; MOST];
    let read = file.read_at(&mut bytes, 0).ok()?;
    Some(String::from_utf8_lossy(bytes.get(..read)?).into_owned())
}
