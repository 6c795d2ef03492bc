//! Histograms of HdrHistogram in their compressed V2 form, read and written. Pure.
//!
//! <https://github.com/HdrHistogram/HdrHistogram>, `encodeIntoCompressedByteBuffer`: big-endian numbers;
//! a cookie, a length and zlib data; in these a cookie, the length of the counts, an offset, the number
//! of digits, the lowest and the highest value, a ratio, and the counts as zigzag LEB128 of at most 9
//! bytes, where a negative number is a run of empty buckets.

mod layout;
mod read;
mod write;

pub(crate) use read::{Bucket, buckets};
pub(crate) use write::Histogram;
