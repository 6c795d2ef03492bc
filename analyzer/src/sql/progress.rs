//! How far a query has read its files.

use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

/// Parts of files; a large file has several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Parts that were read or passed over.
    pub read: usize,
    /// All parts.
    pub all: usize,
}

/// A query that runs.
pub struct Running<'a>(pub(super) &'a Arc<dyn ExecutionPlan>);

impl Running<'_> {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress::of(self.0)
    }
}

impl Progress {
    fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let own = plan.downcast_ref::<DataSourceExec>().and_then(|scan| {
            let files = scan.data_source().downcast_ref::<FileScanConfig>()?;
            let all = files.file_groups.iter().map(|group| group.len()).sum();
            let counted = plan.metrics()?.sum_by_name("files_processed");
            let read = counted.map_or(0, |counted| counted.as_usize());
            Some(Self { read, all })
        });
        let parts = plan.children().into_iter().map(Self::of);
        parts.fold(own.unwrap_or_default(), |sum, part| Self {
            read: sum.read + part.read,
            all: sum.all + part.all,
        })
    }
}
