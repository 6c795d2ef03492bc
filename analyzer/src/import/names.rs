//! The names of the operations of a recording that is imported, and their limits. Pure.

use std::collections::HashMap;

use super::refusal::Refusal;
use super::rows::shown;
use crate::units::count;

/// The most operations of a recording: every command keeps some thousand windows of each in memory.
pub(super) const MOST_OPERATIONS: usize = 1000;
/// The longest name of an operation, bytes.
pub(super) const LONGEST_NAME: usize = 4096;

/// The names so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<String>,
    places: HashMap<Vec<u8>, u16>,
    /// The operation of the last row, which the next one often has too.
    last: u16,
}

impl Names {
    /// With this name, whose place is 0.
    pub(super) fn with(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            places: HashMap::from([(name.as_bytes().to_owned(), 0)]),
            last: 0,
        }
    }

    /// The names, by their places.
    pub(super) fn as_slice(&self) -> &[String] {
        &self.names
    }

    /// The place of a name, which is added if it is new.
    ///
    /// # Errors
    /// Where it is empty, no UTF-8 or too long, or one more than a recording may have.
    #[inline]
    pub(super) fn place(&mut self, name: &[u8]) -> Result<u16, Refusal> {
        let last = self.names.get(usize::from(self.last));
        if last.is_none_or(|last| last.as_bytes() != name) {
            self.last = match self.places.get(name) {
                Some(place) => *place,
                None => self.add(name)?,
            };
        }
        Ok(self.last)
    }

    fn add(&mut self, name: &[u8]) -> Result<u16, Refusal> {
        let text = std::str::from_utf8(name).map_err(|_| "the operation is not UTF-8")?;
        if text.is_empty() {
            return Err("the operation is missing".into());
        }
        if name.len() > LONGEST_NAME {
            let most = count(LONGEST_NAME as u64);
            return Err(format!("the operation has more than {most} bytes").into());
        }
        if self.names.len() == MOST_OPERATIONS {
            let most = count(MOST_OPERATIONS as u64);
            let reason = format!("{} is one operation more than {most}", shown(name));
            return Err(Refusal::from(reason).hint(
                "name a column with fewer operations, or give all rows one name: --operation =NAME",
            ));
        }
        let place = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        self.names.push(text.to_owned());
        self.places.insert(name.to_owned(), place);
        Ok(place)
    }
}
