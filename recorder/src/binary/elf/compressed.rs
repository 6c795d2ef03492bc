//! Compressed sections, of which only those by zlib are read: marked by `SHF_COMPRESSED`, or by a
//! name like `.zdebug_info` (Go 1.18). Output is bounded, whatever the bytes are.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::Section;

/// Size of the header in front of the compressed bytes: type, padding, size, alignment.
const HEADER: usize = 24;
const ZLIB: [u8; 4] = [1, 0, 0, 0];
/// Start of the name of a section with the older header: these letters and the size.
const OLDER: &str = ".zdebug_";
const OLDER_ZLIB: &[u8] = b"ZLIB";
const OLDER_HEADER: usize = 12;

impl<'a> Section<'a> {
    /// The bytes of the section; `None` where they are damaged, compressed otherwise, or more than
    /// `largest`.
    pub fn decompressed(&self, largest: u64) -> Option<Cow<'a, [u8]>> {
        let (size, stream) = if self.name.starts_with(OLDER) {
            let (header, stream) = self.data.split_at_checked(OLDER_HEADER)?;
            let size = header.strip_prefix(OLDER_ZLIB)?.try_into().ok()?;
            (u64::from_be_bytes(size), stream)
        } else if self.compressed.is_empty() {
            return Some(Cow::Borrowed(self.data));
        } else {
            let (header, stream) = self.compressed.split_at_checked(HEADER)?;
            let size = header.starts_with(&ZLIB).then(|| header[8..16].try_into());
            (u64::from_le_bytes(size?.ok()?), stream)
        };
        if size > largest {
            return None;
        }
        let mut bytes = Vec::new();
        let mut decoder = ZlibDecoder::new(stream).take(size + 1);
        decoder.read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 == size).then_some(Cow::Owned(bytes))
    }
}
