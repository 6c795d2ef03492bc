//! The functions of one row as SQL knows them: names, arguments, types, descriptions. Each computes a
//! column from columns.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use super::described::described;

/// Computes a column from the arguments, which have the same length.
pub(super) type Compute = Arc<dyn Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync>;

/// The types that arguments of these types are cast to, and the type of the result; `None` where they
/// do not fit.
pub(super) type TypesOf = fn(&[DataType]) -> Option<(Vec<DataType>, DataType)>;

/// A function of one row.
pub(super) struct Scalar {
    pub(super) name: &'static str,
    pub(super) syntax: &'static str,
    pub(super) description: &'static str,
    pub(super) types: TypesOf,
    pub(super) compute: Compute,
}

impl Scalar {
    pub(super) fn function(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(Function {
            name: self.name,
            types: Types(self.types),
            compute: Computed(self.compute),
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: described(self.syntax, self.description),
        })
    }
}

/// Two functions of a session are the same if they have the same name.
macro_rules! equal_by_name {
    ($type:ident) => {
        impl PartialEq for $type {
            fn eq(&self, _: &Self) -> bool {
                true
            }
        }
        impl Eq for $type {}
        impl Hash for $type {
            fn hash<H: Hasher>(&self, _: &mut H) {}
        }
        impl Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($type))
            }
        }
    };
}

struct Types(TypesOf);
struct Computed(Compute);
equal_by_name!(Types);
equal_by_name!(Computed);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    name: &'static str,
    types: Types,
    compute: Computed,
    signature: Signature,
    documentation: Documentation,
}

impl Function {
    fn types(&self, arg_types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
        if let Some(types) = (self.types.0)(arg_types) {
            return Ok(types);
        }
        let given: Vec<String> = arg_types.iter().map(DataType::to_string).collect();
        plan_err!(
            "{}: it is called as {}, not with ({})",
            self.name,
            self.documentation.syntax_example,
            given.join(", ")
        )
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.types(arg_types)?.0)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.types(arg_types)?.1)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let are_constant = args.args.iter().all(is_constant);
        let rows = if are_constant { 1 } else { args.number_rows };
        let columns = args.args.iter().map(|value| value.to_array(rows));
        let column = (self.compute.0)(&columns.collect::<Result<Vec<ArrayRef>>>()?)?;
        Ok(match are_constant && column.len() == 1 {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?),
            false => ColumnarValue::Array(column),
        })
    }
}
