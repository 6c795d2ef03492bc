//! The description of a function, which `\h` of the shell and `information_schema.routines` show.

use datafusion::logical_expr::{DocSection, Documentation};

pub(super) fn described(syntax: &str, description: &str) -> Documentation {
    Documentation::builder(DocSection::default(), description, syntax).build()
}
