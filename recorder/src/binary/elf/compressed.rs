//! Compressed sections (`SHF_COMPRESSED`), of which only those by zlib are read. Output is bounded,
//! whatever the bytes are.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::Section;

/// Size of the header in front of the compressed bytes: type, padding, size, alignment.
const HEADER: usize = 24;
const ZLIB: [u8; 4] = [1, 0, 0, 0];

impl<'a> Section<'a> {
    /// The bytes of the section; `None` where they are damaged, compressed otherwise, or more than
    /// `largest`.
    pub fn decompressed(&self, largest: u64) -> Option<Cow<'a, [u8]>> {
        if self.compressed.is_empty() {
            return Some(Cow::Borrowed(self.data));
        }
        let (header, rest) = self.compressed.split_at_checked(HEADER)?;
        let size = u64::from_le_bytes(header[8..16].try_into().ok()?);
        if !header.starts_with(&ZLIB) || size > largest {
            return None;
        }
        let mut bytes = Vec::new();
        let mut decoder = ZlibDecoder::new(rest).take(size + 1);
        decoder.read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 == size).then_some(Cow::Owned(bytes))
    }
}
