//! Reads sealed files by their paths. DataFusion itself names files by URL, which does not work for
//! every path: a recording whose path has a tab or a byte that is not UTF-8 would be unreadable.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::catalog::Session;
use datafusion::common::config::TableParquetOptions;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, ParquetFileMetrics, ParquetFileReaderFactory, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::{ObjectMeta, path::Path as ObjectPath};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use soakbox_cli::{escaped_path, plain_io_error};

use crate::recording::BoundedFile;

/// What a [`PartitionedFile`] carries.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    /// The metadata that were read when the recording was opened, unless it has very many files.
    metadata: Option<Arc<ParquetMetaData>>,
}

/// A file of that many bytes, for a scan. DataFusion gets a name for its messages, and never opens it.
pub(super) fn partitioned_file(
    path: &Path,
    bytes: u64,
    metadata: Option<Arc<ParquetMetaData>>,
) -> PartitionedFile {
    let name = path.file_name().unwrap_or_default();
    let file = PartitionedFile::new_from_meta(ObjectMeta {
        location: ObjectPath::from(name.to_string_lossy().as_ref()),
        last_modified: chrono::DateTime::UNIX_EPOCH,
        size: bytes,
        e_tag: None,
        version: None,
    });
    file.with_extension(Place {
        path: path.to_owned(),
        metadata,
    })
}

/// Reads files with the columns of `schema`. DataFusion's optimizer passes filters to the source, which
/// prunes files and row groups.
pub(super) fn scan(
    schema: &TableSchema,
    files: Vec<PartitionedFile>,
    state: &dyn Session,
    projection: Option<&Vec<usize>>,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let source = ParquetSource::new(schema.clone())
        .with_parquet_file_reader_factory(Arc::new(FileReaders))
        .with_table_parquet_options(TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        });
    let threads = state.config().target_partitions();
    let groups = FileGroup::new(files).split_files(threads);
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
        .with_file_groups(groups)
        .with_projection_indices(projection.cloned())?
        .with_limit(limit)
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// Opens the files of a scan.
#[derive(Debug)]
struct FileReaders;

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
        let Some(Place { path, metadata }) = file.extension::<Place>() else {
            return internal_err!("{name} has no path");
        };
        Ok(Box::new(FileReader {
            file: BoundedFile::open(path).map_err(|error| unopened(path, &error))?,
            metadata: metadata.clone(),
            metrics,
        }))
    }
}

/// A file that could be read when the recording was opened.
fn unopened(path: &Path, error: &io::Error) -> DataFusionError {
    let path = escaped_path(path);
    let reason = plain_io_error(error);
    DataFusionError::IoError(io::Error::new(error.kind(), format!("{path}: {reason}")))
}

/// One open file. Reads block the calling thread, which is fine for a local file.
struct FileReader {
    file: BoundedFile,
    metadata: Option<Arc<ParquetMetaData>>,
    metrics: ParquetFileMetrics,
}

impl FileReader {
    fn read(&self, range: Range<u64>) -> ParquetResult<Bytes> {
        let bytes = self.file.read(range)?;
        self.metrics.bytes_scanned.add(bytes.len());
        Ok(bytes)
    }

    fn metadata(
        &self,
        options: Option<&ArrowReaderOptions>,
    ) -> ParquetResult<Arc<ParquetMetaData>> {
        let Some(known) = &self.metadata else {
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            return reader.parse_and_finish(&self.file).map(Arc::new);
        };
        let policies =
            |one: &ArrowReaderOptions| (one.column_index_policy(), one.offset_index_policy());
        let (columns, offsets) = options.map_or_else(Default::default, policies);
        if (columns, offsets) == (PageIndexPolicy::Skip, PageIndexPolicy::Skip) {
            return Ok(known.clone());
        }
        // The indexes of pages are not read when a recording is opened.
        let mut reader = ParquetMetaDataReader::new_with_metadata(ParquetMetaData::clone(known))
            .with_column_index_policy(columns)
            .with_offset_index_policy(offsets);
        reader.read_page_indexes(&self.file)?;
        reader.finish().map(Arc::new)
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
        futures::future::ready(self.metadata(options)).boxed()
    }
}
