//! Where the named columns are in the records of a file. Pure.

use std::io::Read;

use soakbox_cli::{Failure, Result};

use super::mapping::{Finish, Mapping, Operation, Step, TimeForm, Unit};
use super::records::Records;

/// The most names of columns that a message lists.
const MOST_NAMED: usize = 30;

/// The places of the columns that are read, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Number of cells of each record.
    pub(super) count: usize,
    pub(super) duration: (usize, Unit),
    pub(super) finish: FinishPlace,
    pub(super) operation: OperationPlace,
    pub(super) success: Option<usize>,
    pub(super) memory: Option<usize>,
    pub(super) bytes: Option<usize>,
}

/// Where the times are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinishPlace {
    Column(usize, TimeForm),
    Every(Step),
}

/// Where the names of operations are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OperationPlace {
    Column(usize),
    Name(String),
}

impl Columns {
    /// Finds the columns in the first record, the header. `failed` makes a failure about the file.
    pub(super) fn find<R: Read>(
        records: &mut Records<R>,
        mapping: &Mapping,
        failed: impl Fn(String) -> Failure,
    ) -> Result<Self> {
        if !records.advance().map_err(&failed)? {
            let failure = failed("is empty".to_owned());
            return Err(failure.hint("its first row has the names of the columns"));
        }
        let header = (0..records.count()).map(|index| std::str::from_utf8(records.cell(index)));
        let header = header.collect::<std::result::Result<Vec<&str>, _>>();
        let header = header.map_err(|_| {
            let failure = failed(records.at_line("the names of the columns are not UTF-8"));
            failure.hint("save the file as UTF-8")
        })?;
        let place = |name: &str| {
            let mut places = (0..header.len()).filter(|index| header[*index] == name);
            let missing = || failed(format!("has no column {name}")).hint(known(&header));
            let place = places.next().ok_or_else(missing)?;
            match places.next() {
                Some(_) => Err(failed(format!("has the column {name} twice"))),
                None => Ok(place),
            }
        };
        let optional = |name: &Option<String>| name.as_deref().map(&place).transpose();
        Ok(Self {
            count: header.len(),
            duration: (place(&mapping.duration.name)?, mapping.duration.unit),
            finish: match &mapping.finish {
                Finish::Column(column) => FinishPlace::Column(place(&column.name)?, column.form),
                Finish::Every(step) => FinishPlace::Every(*step),
            },
            operation: match &mapping.operation {
                Operation::Column(name) => OperationPlace::Column(place(name)?),
                Operation::Name(name) => OperationPlace::Name(name.clone()),
            },
            success: optional(&mapping.success)?,
            memory: optional(&mapping.memory)?,
            bytes: optional(&mapping.bytes)?,
        })
    }
}

pub(super) fn known(header: &[&str]) -> String {
    let named = header.iter().take(MOST_NAMED).copied();
    let named = named.collect::<Vec<_>>().join(", ");
    match header.len().saturating_sub(MOST_NAMED) {
        0 => format!("it has {named}"),
        more => format!("it has {named} and {more} more"),
    }
}
