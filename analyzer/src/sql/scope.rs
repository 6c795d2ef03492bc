//! The part of a recording that a session shows: a range of time, hosts, operations. It is a filter
//! below each table, so that files and row groups outside of it are skipped.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::Result;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident, lit};
use datafusion::scalar::ScalarValue;
use soakbox_schemas::tables::{AnnotationKind, ORIGIN_COLUMNS};

use crate::recording::TimeRange;

/// Which rows are shown; by default all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Rows at or after this moment, ns UTC.
    pub from_ns: Option<i64>,
    /// Rows before this moment, ns UTC.
    pub to_ns: Option<i64>,
    /// Rows of these hosts; all of them if it is empty.
    pub hosts: Vec<String>,
    /// Rows of these operations; all of them if it is empty.
    pub operations: Vec<String>,
}

/// The end of a row that is a period.
const UNTIL: &str = "until";
const KIND: &str = "kind";
const OPERATION: &str = "operation";

impl Scope {
    /// `table`, with the rows of this scope only.
    pub(super) fn of(
        &self,
        name: &str,
        table: Arc<dyn TableProvider>,
    ) -> Result<Arc<dyn TableProvider>> {
        let conditions = self.conditions(&table.schema());
        let Some(filter) = conditions.into_iter().reduce(Expr::and) else {
            return Ok(table);
        };
        let rows = LogicalPlanBuilder::scan(name, provider_as_source(table), None)?;
        let plan = rows.filter(filter)?.build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }

    /// Whether its rows may be of this host.
    pub(super) fn has_host(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|of_scope| of_scope == host)
    }

    /// Whether a period reaches into its time.
    pub(super) fn reaches(&self, period: TimeRange) -> bool {
        let begins = self.to_ns.is_none_or(|to_ns| period.first_ns < to_ns);
        begins && self.from_ns.is_none_or(|from_ns| period.last_ns >= from_ns)
    }

    fn conditions(&self, schema: &Schema) -> Vec<Expr> {
        let [_, host] = ORIGIN_COLUMNS;
        let has = |name: &str| schema.field_with_name(name).is_ok();
        let mut conditions = Vec::new();
        // The first column of every table is its time.
        let first = schema.fields().first();
        let is_time = |kind: &DataType| matches!(kind, DataType::Timestamp(..));
        if let Some(first) = first.filter(|field| is_time(field.data_type())) {
            let at = || ident(first.name());
            if let Some(to) = self.to_ns {
                conditions.push(at().lt(moment(to)));
            }
            if let Some(from) = self.from_ns {
                let begins = at().gt_eq(moment(from));
                conditions.push(if has(UNTIL) && has(KIND) {
                    // A gap without an end lasted to the end.
                    let is_gap = ident(KIND).eq(lit(AnnotationKind::Gap.name()));
                    let is_open = ident(UNTIL).is_null().and(is_gap);
                    begins.or(ident(UNTIL).gt_eq(moment(from))).or(is_open)
                } else {
                    begins
                });
            }
        }
        for (name, values) in [(host, &self.hosts), (OPERATION, &self.operations)] {
            if has(name) && !values.is_empty() {
                let values = values.iter().map(|value| lit(value.as_str()));
                conditions.push(ident(name).in_list(values.collect(), false));
            }
        }
        conditions
    }
}

fn moment(ns: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(
        Some(ns),
        Some("UTC".into()),
    ))
}
