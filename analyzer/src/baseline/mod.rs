//! Baselines: the windows of good runs in one small file, good for years without the recordings.
//! The file is Parquet, so that other programs read it too; `docs/baseline.md` has its columns.
//! Reading and writing of files is in `file`, what the bytes mean in `rows`.

mod contents;
mod file;
mod list;
mod rows;

pub use contents::{Contents, OperationContents};
pub use file::{BaselineFile, is_baseline, shorten};
pub use list::{BaselineDiff, Baselines};
