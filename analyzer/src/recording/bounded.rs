//! A file for the Parquet reader. It is never read beyond its end: a damaged footer may claim any
//! range. Only regular files are opened.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use rustix::io::Errno;

/// An open file and its size.
pub struct BoundedFile {
    file: File,
    bytes: u64,
}

impl BoundedFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be opened, or is not a regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Without waiting: a FIFO would wait for a writer.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let bytes = metadata.len();
        Ok(Self { file, bytes })
    }

    /// Reads a range.
    ///
    /// # Errors
    /// Where it is not in the file or cannot be read.
    pub fn read(&self, range: Range<u64>) -> ParquetResult<Bytes> {
        if range.end > self.bytes || range.start > range.end {
            return Err(ParquetError::EOF(format!("{range:?} is not in the file")));
        }
        let length = usize::try_from(range.end - range.start)?;
        // Many megabytes are read; they are not filled with zeros before.
        let mut bytes = Vec::with_capacity(length.max(1));
        while bytes.len() < length {
            let at = range.start + bytes.len() as u64;
            match rustix::io::pread(&self.file, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(ParquetError::EOF(format!("{range:?} is cut off"))),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        bytes.truncate(length);
        Ok(bytes.into())
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read_to_end(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or(0));
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Length for BoundedFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for BoundedFile {
    type T = BufReader<io::Take<File>>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(file.take(self.bytes.saturating_sub(start))))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let end = start.saturating_add(length as u64);
        self.read(start..end)
    }
}
