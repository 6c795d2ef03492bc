//! Writes recordings as the recorder does: sealed segments with their footers, journals, in the
//! layout of `schemas`. The data are synthetic, from a fixed seed, so that every figure in the
//! tests is the same on each run.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test ends where it fails"
)]

mod foreign_texts;
mod load;
mod recorder;
mod soak;

use arrow::array::RecordBatch;
use soakbox_schemas::tables::{Annotation, AnnotationKind};

pub use foreign_texts::{ForeignTexts, HOSTILE_TEXTS};
pub use load::Load;
pub use recorder::{Recorder, write_parquet};
pub use soak::{Rows, Soak, plan};

/// 2026-11-24T08:00:00Z.
pub const START_NS: i64 = 1_795_507_200_000_000_000;
pub const SECOND: i64 = 1_000_000_000;
pub const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000001";

pub fn annotation(second: i64, until: Option<i64>, kind: AnnotationKind, text: &str) -> Annotation {
    Annotation {
        at_ns: START_NS + second * SECOND,
        until_ns: until.map(|second| START_NS + second * SECOND),
        kind,
        text: text.to_owned(),
    }
}

pub fn concat(batches: &[RecordBatch]) -> RecordBatch {
    arrow::compute::concat_batches(&batches[0].schema(), batches).unwrap()
}
