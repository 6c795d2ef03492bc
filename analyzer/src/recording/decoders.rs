//! Panics of the Parquet decoders: damaged pages and footers can make them panic. They are caught,
//! and end in one line about the file like all other damage.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a decoder has panicked since the program began.
static HAS_PANICKED: AtomicBool = AtomicBool::new(false);
/// Parts of the paths of their sources.
const SOURCES: [&str; 3] = ["parquet-", "arrow-", "bytes-"];
/// What is reported.
pub(crate) const UNDECODABLE: &str = "its content contradicts itself";

/// From now on, panics of decoders write nothing to stderr.
pub fn quiet_decoders() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |location| location.file());
        let directories = file.split('/');
        let is_decoder = directories
            .into_iter()
            .any(|one| SOURCES.iter().any(|source| one.starts_with(source)));
        if is_decoder {
            HAS_PANICKED.store(true, Ordering::Relaxed);
        } else {
            usual(panic);
        }
    }));
}

/// Whether one has panicked: a query that ends in a panic then has read a damaged file.
pub fn has_panicked() -> bool {
    HAS_PANICKED.load(Ordering::Relaxed)
}

/// The result of `decode`; `None` where it panics.
pub(crate) fn caught<T>(decode: impl FnOnce() -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(decode)).ok()
}
