//! A Parquet file of the user's as a table of the session, for example one that a query wrote.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::datasource::TableType;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::Length;
use soakbox_cli::{Failure, Result, plain_io_error};

use super::files::{partitioned_file, scan};
use crate::recording::{BoundedFile, UNDECODABLE, caught, not_parquet};

/// The file, and what its footer has.
#[derive(Clone, Debug)]
pub struct UserFile {
    path: PathBuf,
    bytes: u64,
    columns: SchemaRef,
    metadata: Arc<ParquetMetaData>,
}

impl UserFile {
    /// Reads the footer.
    ///
    /// # Errors
    /// Where it is no Parquet file, or cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |reason: String| Failure::path(path, reason);
        if path.is_dir() {
            return Err(
                failed("is a directory, and --table takes a Parquet file".to_owned())
                    .hint("--as NAME=DIR opens a recording"),
            );
        }
        let file = BoundedFile::open(path).map_err(|error| failed(plain_io_error(&error)))?;
        let read = || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
        let contradictory = || failed(format!("corrupt Parquet file ({UNDECODABLE})"));
        let read = caught(read).ok_or_else(contradictory)?;
        let read = read.map_err(|error| failed(not_parquet(&error)))?;
        Ok(Self {
            path: path.to_owned(),
            bytes: file.len(),
            columns: read.schema().clone(),
            metadata: read.metadata().clone(),
        })
    }
}

#[async_trait]
impl TableProvider for UserFile {
    fn schema(&self) -> SchemaRef {
        self.columns.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = TableSchema::from(self.columns.clone());
        let file = partitioned_file(&self.path, self.bytes, Some(self.metadata.clone()));
        scan(&schema, vec![file], state, projection, limit)
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}
