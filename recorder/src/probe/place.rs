//! `FILE:NAME`, the syntax that several kinds of probe share: a name in a file.

use std::fmt;

use super::escape::{escape_file, escape_name, split_file, unescape};
use super::{Kind, Refusal};

/// A name in a program or shared library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path as typed.
    pub file: String,
    /// Name of a function, a marker and the like.
    pub name: String,
}

impl Place {
    /// Reads the text after the kind's colon.
    ///
    /// # Errors
    /// Where a part is missing, with the kind's syntax as hint.
    pub fn parse(kind: &dyn Kind, text: &str) -> Result<Self, Refusal> {
        let word = kind.name();
        let refuse = |reason| Refusal::new(reason, format!("write {}", kind.syntax()));
        let (file, name) = split_file(text)
            .ok_or_else(|| refuse(format!("the {word} probe names no file and function")))?;
        let (file, name) = (unescape(file), unescape(name));
        if file.is_empty() {
            return Err(refuse(format!("the {word} probe names no file")));
        }
        if name.is_empty() {
            return Err(refuse(format!("the {word} probe names nothing in {file}")));
        }
        Ok(Self { file, name })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, name) = (escape_file(&self.file), escape_name(&self.name));
        write!(f, "{file}:{name}")
    }
}
