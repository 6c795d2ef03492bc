//! The sources of a journal's bytes: memory, or a file, of which one frame at a time is in memory.

use std::convert::Infallible;

/// Bytes that can be read at any offset.
pub trait ReadAt {
    /// The reason for a read that failed.
    type Error;

    /// The `length` bytes at `offset`: copied into `buffer`, or borrowed where they are in memory
    /// already. The caller stays inside the length of the journal.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn read_at<'a>(
        &'a self,
        offset: u64,
        length: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Self::Error>;
}

/// Bytes in memory, borrowed or shared.
#[derive(Debug)]
pub(super) struct Memory<B>(pub(super) B);

impl<B: AsRef<[u8]>> ReadAt for Memory<B> {
    type Error = Infallible;

    fn read_at<'a>(
        &'a self,
        offset: u64,
        length: usize,
        _buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Infallible> {
        let bytes = self.0.as_ref();
        let start = usize::try_from(offset).map_or(bytes.len(), |start| start.min(bytes.len()));
        let end = start.saturating_add(length).min(bytes.len());
        Ok(&bytes[start..end])
    }
}

#[cfg(unix)]
impl ReadAt for std::fs::File {
    type Error = std::io::Error;

    fn read_at<'a>(
        &'a self,
        offset: u64,
        length: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], std::io::Error> {
        buffer.resize(length, 0);
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)?;
        Ok(buffer)
    }
}
