//! The expressions between words and codes: rows are grouped by small numbers and not by text.

use std::fmt::{Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Schema, UInt32Type};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;

use super::words::Words;

/// An expression: the codes of a column of words.
#[derive(Clone, Debug)]
pub(super) struct CodeOf {
    pub(super) words: Arc<Words>,
    pub(super) column: Arc<dyn PhysicalExpr>,
}

/// An expression: the words of a column of codes, as the column `field`.
#[derive(Clone, Debug)]
pub(super) struct WordOf {
    pub(super) words: Arc<Words>,
    pub(super) codes: Arc<dyn PhysicalExpr>,
    pub(super) field: FieldRef,
}

impl PhysicalExpr for CodeOf {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::UInt32)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.column.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let column = self.column.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(Arc::new(self.words.encode(&column)?)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.column]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let (Some(column), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("a code has one column");
        };
        let words = self.words.clone();
        Ok(Arc::new(Self { words, column }))
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.column.fmt_sql(f)
    }
}

impl PhysicalExpr for WordOf {
    fn return_field(&self, _: &Schema) -> Result<FieldRef> {
        Ok(self.field.clone())
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let codes = self.codes.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some(codes) = codes.as_primitive_opt::<UInt32Type>() else {
            return internal_err!("{} are no codes", codes.data_type());
        };
        let words = self.words.decode(codes)?;
        Ok(ColumnarValue::Array(cast(&words, self.field.data_type())?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.codes]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let (Some(codes), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("a word has one code");
        };
        Ok(Arc::new(Self {
            codes,
            ..Self::clone(&self)
        }))
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.codes.fmt_sql(f)
    }
}

impl Display for CodeOf {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "code({})", self.column)
    }
}

impl Display for WordOf {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "word({})", self.codes)
    }
}

impl PartialEq for CodeOf {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.words, &other.words) && self.column.eq(&other.column)
    }
}

impl Eq for CodeOf {}

impl Hash for CodeOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.column.hash(state);
    }
}

impl PartialEq for WordOf {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.words, &other.words)
            && self.codes.eq(&other.codes)
            && self.field == other.field
    }
}

impl Eq for WordOf {}

impl Hash for WordOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.codes.hash(state);
        self.field.hash(state);
    }
}
