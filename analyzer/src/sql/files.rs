//! Reads sealed files by their paths. DataFusion itself names files by URL, which does not work for
//! every path: a recording whose path has a tab or a byte that is not UTF-8 would be unreadable.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::object_store::{ObjectMeta, path::Path as ObjectPath};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

/// The path of a file, carried by its [`PartitionedFile`].
#[derive(Debug)]
struct FilePath(PathBuf);

/// The file at `path`, for a scan. DataFusion gets a name for its messages, and never opens it.
pub(super) fn partitioned_file(path: &Path, bytes: u64) -> PartitionedFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = PartitionedFile::new_from_meta(ObjectMeta {
        location: ObjectPath::from(name.as_ref()),
        last_modified: chrono::DateTime::UNIX_EPOCH,
        size: bytes,
        e_tag: None,
        version: None,
    });
    file.with_extension(FilePath(path.to_owned()))
}

/// Opens the files of a scan.
#[derive(Debug)]
pub(super) struct FileReaders;

impl ParquetFileReaderFactory for FileReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let name = file.object_meta.location.as_ref();
        let metrics = ParquetFileMetrics::new(partition_index, name, metrics);
        let Some(FilePath(path)) = file.extension::<FilePath>() else {
            return internal_err!("{name} has no path");
        };
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Box::new(FileReader {
            file,
            bytes,
            metrics,
        }))
    }
}

/// One open file. Reads block the calling thread, which is fine for a local file.
struct FileReader {
    file: File,
    bytes: u64,
    metrics: ParquetFileMetrics,
}

impl FileReader {
    fn read(&self, range: Range<u64>) -> ParquetResult<Bytes> {
        // A damaged footer may claim any range.
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
        self.metrics.bytes_scanned.add(length);
        Ok(bytes.into())
    }
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        futures::future::ready(self.read(range)).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
        let metadata = reader.parse_and_finish(&self.file).map(Arc::new);
        futures::future::ready(metadata).boxed()
    }
}
