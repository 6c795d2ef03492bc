//! The metadata of each file of a recording, as a value: which segment it is, who recorded it and
//! how, and the extent of a segment. The text of each key is formatted and parsed only here. No
//! I/O.

mod cpu;
mod exported;
mod keys;
mod observed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use cpu::Cpu;
pub use exported::Exported;
pub use keys::*;
pub use observed::{ObservedFile, StoredPath};

use super::roll_up::Place;
use super::{FORMAT_VERSION, JournalName};
use crate::tables::{Declaration, Table};

/// The metadata of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Which segment it is, or will be.
    pub name: JournalName,
    /// Who recorded it, where and how: the same in all files of a recorder's run.
    pub provenance: Provenance,
    /// Of a segment; `None` for a journal, whose frames are written before its extent is known.
    pub extent: Option<Extent>,
    /// Bytes of the journal that were damaged and left out.
    pub damaged_bytes: u64,
    /// Where the segment has what its rows add up to; `None` where it does not.
    pub roll_up: Option<Place>,
    /// Notes on the columns, in segments of versions that write them.
    pub columns: Vec<ColumnNote>,
    /// Keys of Soakbox that this version does not know, kept unchanged.
    pub others: BTreeMap<String, String>,
}

/// Who made a recording, where and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Version of the recorder.
    pub recorder_version: String,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// Boot id.
    pub boot_id: String,
    /// The host's processors; unknown in files of older versions.
    pub cpu: Cpu,
    /// Length of an interval, ns; 0 where the file does not have it.
    pub interval_ns: u64,
    /// The observed files.
    pub observed: Vec<ObservedFile>,
    /// Digest of the effective configuration.
    pub config_digest: String,
    /// The effective configuration that it covers: the value of each setting by name. Empty in files
    /// of older versions.
    pub settings: BTreeMap<String, String>,
    /// How the rows were obtained: [`IMPORT`]; `None` where a recorder measured them.
    pub source: Option<String>,
    /// Which times an import made up: [`MADE_UP`] or [`EVEN`]; `None` where each row has its time.
    pub times: Option<String>,
    /// The intervals within which times are even, as far as the file's writer knew them.
    pub time_intervals: Option<u64>,
    /// The operations that were asked for and left out, because they cannot be observed.
    pub left_out: Vec<LeftOut>,
    /// The operations that were finished by a uretprobe because the person vouched for it.
    pub vouched: Vec<Vouched>,
    /// What each operation is and how it was observed; empty in files of older versions.
    pub operations: Vec<ObservedOperation>,
    /// How `cpu_ns` was measured; `None` where it was not.
    pub cpu_method: Option<String>,
    /// How user and system time were measured.
    pub cpu_split_method: Option<String>,
    /// How resident memory was measured.
    pub memory_method: Option<String>,
    /// Its largest error, bytes.
    pub memory_error_bytes: Option<u64>,
}

/// An operation that was asked for and is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub operation: String,
    /// Why it cannot be observed.
    #[serde(default)]
    pub reason: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.reason)
    }
}

/// An operation that was finished by a uretprobe because the person vouched for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vouched {
    /// Its name.
    pub operation: String,
    /// Why it would not have been finished so otherwise.
    #[serde(default)]
    pub risk: String,
}

/// What an operation is, and how it was observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObservedOperation {
    /// Its name.
    pub operation: String,
    /// Its probe with its rules, as it was typed or as its pattern stands for it.
    #[serde(default)]
    pub probe: String,
    /// The full readable name of its function; absent where it is not a function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What its duration leaves out, in words; absent where that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// Number, times and order of a segment's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Number of rows.
    pub rows: u64,
    /// Earliest time of a row, ns UTC.
    pub first_at_ns: i64,
    /// Latest time of a row, ns UTC.
    pub last_at_ns: i64,
    /// Whether the rows are in order of time.
    pub sorted: bool,
}

/// The meaning of a column, for readers of the file that do not have the declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnNote {
    /// Its name.
    pub name: String,
    /// The meaning of a value.
    #[serde(default)]
    pub description: String,
    /// The unit of a value; empty where it has none.
    #[serde(default)]
    pub unit: String,
    /// Where a value comes from.
    #[serde(default)]
    pub source: String,
}

impl Provenance {
    /// Whether the rows come from another program's measurements: nothing was counted, so that
    /// nothing is known to be lost.
    pub fn is_import(&self) -> bool {
        self.source.as_deref() == Some(IMPORT)
    }
}

impl ColumnNote {
    /// The notes on a table's columns.
    pub fn of(declaration: &Declaration) -> Vec<Self> {
        let columns = declaration.columns.iter().map(|column| Self {
            name: column.name.to_owned(),
            description: column.description(),
            unit: column.unit.to_owned(),
            source: column.source.to_owned(),
        });
        columns.collect()
    }
}

/// The reason why metadata is not that of a file of Soakbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FooterError {
    /// It has no format.
    #[error("foreign Parquet file: its footer is not Soakbox's")]
    Foreign,
    /// It has another version of the format.
    #[error("has format {0}; the newest that this version reads is {FORMAT_VERSION}")]
    Version(String),
    /// A key is missing that every file must have.
    #[error("its footer has no {0}")]
    Missing(&'static str),
    /// A value is not valid for its key.
    #[error("its footer's {0} is {1:?}")]
    Value(&'static str, String),
}

impl FooterError {
    /// Whether the file has a format that is newer than [`FORMAT_VERSION`].
    pub fn is_newer(&self) -> bool {
        let number = |text: &str| text.parse::<u64>().unwrap_or(0);
        matches!(self, Self::Version(format) if number(format) > number(FORMAT_VERSION))
    }
}

impl Footer {
    /// The metadata of a journal's frames.
    pub fn of_journal(name: JournalName, provenance: Provenance) -> Self {
        Self {
            name,
            provenance,
            extent: None,
            damaged_bytes: 0,
            roll_up: None,
            columns: Vec::new(),
            others: BTreeMap::new(),
        }
    }

    /// The metadata as text: a value for each key, in order of the keys.
    pub fn to_pairs(&self) -> BTreeMap<String, String> {
        let Provenance {
            recorder_version,
            host,
            kernel,
            boot_id,
            cpu,
            interval_ns,
            observed,
            config_digest,
            settings,
            source,
            times,
            time_intervals,
            left_out,
            vouched,
            operations,
            cpu_method,
            cpu_split_method,
            memory_method,
            memory_error_bytes,
        } = &self.provenance;
        let (paths, build_ids) = observed::to_joined(observed);
        let mut pairs = self.others.clone();
        let mut set = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                pairs.insert(key.to_owned(), value);
            }
        };
        set(FORMAT, Some(FORMAT_VERSION.to_owned()));
        set(TABLE, Some(self.name.table.name().to_owned()));
        set(RECORDER_UUID, Some(self.name.uuid.clone()));
        set(SEQUENCE, Some(self.name.sequence.to_string()));
        set(RECORDER_VERSION, Some(recorder_version.clone()));
        set(HOST, Some(host.clone()));
        set(KERNEL, Some(kernel.clone()));
        set(BOOT_ID, Some(boot_id.clone()));
        set(CPU_MODEL, cpu.model.clone());
        set(CPUS, cpu.count.map(|count| count.to_string()));
        set(INTERVAL_NS, Some(interval_ns.to_string()));
        set(TARGETS, Some(observed::to_json(observed)));
        set(TARGET, Some(paths));
        set(TARGET_BUILD_ID, Some(build_ids));
        set(CONFIG_DIGEST, Some(config_digest.clone()));
        set(SETTINGS, (!settings.is_empty()).then(|| json(settings)));
        set(SOURCE, source.clone());
        set(TIMES, times.clone());
        set(
            TIME_INTERVALS,
            time_intervals.map(|count| count.to_string()),
        );
        set(LEFT_OUT, (!left_out.is_empty()).then(|| json(left_out)));
        set(VOUCHED, (!vouched.is_empty()).then(|| json(vouched)));
        set(
            OPERATIONS,
            (!operations.is_empty()).then(|| json(operations)),
        );
        set(CPU_METHOD, cpu_method.clone());
        set(CPU_SPLIT_METHOD, cpu_split_method.clone());
        set(MEMORY_METHOD, memory_method.clone());
        set(
            MEMORY_ERROR_BYTES,
            memory_error_bytes.map(|bytes| bytes.to_string()),
        );
        if let Some(extent) = self.extent {
            set(ROWS, Some(extent.rows.to_string()));
            set(FIRST_AT_NS, Some(extent.first_at_ns.to_string()));
            set(LAST_AT_NS, Some(extent.last_at_ns.to_string()));
            set(SORTED, Some(extent.sorted.to_string()));
        }
        let damaged = (self.damaged_bytes > 0).then_some(self.damaged_bytes);
        set(DAMAGED_BYTES, damaged.map(|bytes| bytes.to_string()));
        set(ROLL_UP, self.roll_up.map(Place::to_text));
        set(
            COLUMNS,
            (!self.columns.is_empty()).then(|| json(&self.columns)),
        );
        pairs
    }

    /// Reads the metadata from text. Keys without the prefix of Soakbox are ignored; unknown keys
    /// with it are kept. If a key is there twice, the last value counts.
    ///
    /// # Errors
    /// Where it is not the metadata of a file of this format.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, FooterError> {
        let ours = pairs.into_iter().filter(|(key, _)| key.starts_with(PREFIX));
        let mut pairs = Pairs(
            ours.map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        );
        match pairs.take(FORMAT) {
            Some(format) if format == FORMAT_VERSION => {}
            Some(format) => return Err(FooterError::Version(format)),
            None => return Err(FooterError::Foreign),
        }
        let name = JournalName {
            uuid: pairs.required(RECORDER_UUID)?,
            table: pairs.table()?,
            sequence: pairs
                .number(SEQUENCE)?
                .ok_or(FooterError::Missing(SEQUENCE))?,
        };
        let provenance = Provenance {
            recorder_version: pairs.text(RECORDER_VERSION),
            host: pairs.text(HOST),
            kernel: pairs.text(KERNEL),
            boot_id: pairs.text(BOOT_ID),
            cpu: Cpu {
                model: pairs.take(CPU_MODEL),
                count: pairs.number(CPUS)?,
            },
            interval_ns: pairs.number(INTERVAL_NS)?.unwrap_or(0),
            observed: pairs.observed()?,
            config_digest: pairs.text(CONFIG_DIGEST),
            settings: pairs.list(SETTINGS)?,
            source: pairs.take(SOURCE),
            times: pairs.take(TIMES),
            time_intervals: pairs.number(TIME_INTERVALS)?,
            left_out: pairs.list(LEFT_OUT)?,
            vouched: pairs.list(VOUCHED)?,
            operations: pairs.list(OPERATIONS)?,
            cpu_method: pairs.take(CPU_METHOD),
            cpu_split_method: pairs.take(CPU_SPLIT_METHOD),
            memory_method: pairs.take(MEMORY_METHOD),
            memory_error_bytes: pairs.number(MEMORY_ERROR_BYTES)?,
        };
        Ok(Self {
            name,
            provenance,
            extent: pairs.extent()?,
            damaged_bytes: pairs.number(DAMAGED_BYTES)?.unwrap_or(0),
            // Whatever it is, the rows can be read.
            roll_up: pairs.take(ROLL_UP).and_then(|text| Place::from_text(&text)),
            columns: pairs.list(COLUMNS)?,
            others: pairs.0,
        })
    }
}

/// The pairs that are not read yet.
struct Pairs(BTreeMap<String, String>);

impl Pairs {
    fn take(&mut self, key: &'static str) -> Option<String> {
        self.0.remove(key)
    }

    /// An optional text, empty where the file does not have it.
    fn text(&mut self, key: &'static str) -> String {
        self.take(key).unwrap_or_default()
    }

    fn required(&mut self, key: &'static str) -> Result<String, FooterError> {
        self.take(key).ok_or(FooterError::Missing(key))
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, FooterError> {
        let Some(text) = self.take(key) else {
            return Ok(None);
        };
        match read(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(FooterError::Value(key, text)),
        }
    }

    /// A JSON list or object, empty where the file does not have it.
    fn list<T>(&mut self, key: &'static str) -> Result<T, FooterError>
    where
        T: DeserializeOwned + Default,
    {
        let found = self.read(key, |text| serde_json::from_str(text).ok())?;
        Ok(found.unwrap_or_default())
    }

    fn number<T: std::str::FromStr>(
        &mut self,
        key: &'static str,
    ) -> Result<Option<T>, FooterError> {
        self.read(key, |text| text.parse().ok())
    }

    fn table(&mut self) -> Result<Table, FooterError> {
        self.read(TABLE, Table::from_name)?
            .ok_or(FooterError::Missing(TABLE))
    }

    fn observed(&mut self) -> Result<Vec<ObservedFile>, FooterError> {
        let (paths, build_ids) = (self.text(TARGET), self.text(TARGET_BUILD_ID));
        let listed = self.read(TARGETS, observed::from_json)?;
        Ok(listed.unwrap_or_else(|| observed::from_joined(&paths, &build_ids)))
    }

    fn extent(&mut self) -> Result<Option<Extent>, FooterError> {
        let rows = self.number(ROWS)?;
        let (first, last) = (self.number(FIRST_AT_NS)?, self.number(LAST_AT_NS)?);
        let sorted = self.read(SORTED, |text| text.parse().ok())?;
        let Some(rows) = rows else {
            return Ok(None);
        };
        Ok(Some(Extent {
            rows,
            first_at_ns: first.ok_or(FooterError::Missing(FIRST_AT_NS))?,
            last_at_ns: last.ok_or(FooterError::Missing(LAST_AT_NS))?,
            sorted: sorted.unwrap_or(false),
        }))
    }
}

fn json(value: &impl Serialize) -> String {
    // Texts only: JSON can hold each of them.
    serde_json::to_string(value).unwrap_or_default()
}
