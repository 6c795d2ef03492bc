//! Who recorded what, where and how: the metadata that every file of a recording carries. In a journal it is the
//! metadata of each batch's schema, so that recovery can write a segment's footer without the recorder.

use std::collections::{BTreeMap, HashMap};

use soakbox_schemas::recording::{FORMAT_VERSION, footer};
use soakbox_schemas::tables::Table;

/// What all keys of ours begin with.
const PREFIX: &str = "soakbox.";

/// The metadata that is the same in all files of one recorder's run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileIdentity {
    /// Version of the recorder.
    pub recorder_version: String,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// Boot id.
    pub boot_id: String,
    /// Length of an interval, ns.
    pub interval_ns: u64,
    /// Paths of the observed binaries.
    pub targets: Vec<String>,
    /// Their build ids, in the same order; empty where there is none.
    pub target_build_ids: Vec<String>,
    /// Digest of the effective configuration.
    pub config_digest: String,
    /// How `cpu_ns` was measured; `None` where it was not.
    pub cpu_method: Option<String>,
    /// How user and system time were measured.
    pub cpu_split_method: Option<String>,
    /// How resident memory was measured.
    pub memory_method: Option<String>,
    /// Its largest error, bytes.
    pub memory_error_bytes: Option<u64>,
}

impl FileIdentity {
    /// What this host says of itself; the target's part is left empty.
    pub fn of_this_host() -> Self {
        let system = rustix::system::uname();
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Self {
            recorder_version: env!("CARGO_PKG_VERSION").to_owned(),
            host: system.nodename().to_string_lossy().into_owned(),
            kernel: system.release().to_string_lossy().into_owned(),
            boot_id: boot_id.unwrap_or_default().trim().to_owned(),
            ..Self::default()
        }
    }

    /// As metadata of the segment `sequence` of `table`, made by the recorder `uuid`.
    pub fn metadata(&self, uuid: &str, table: Table, sequence: u64) -> Metadata {
        let known = [
            (footer::FORMAT, FORMAT_VERSION.to_owned()),
            (footer::TABLE, table.name().to_owned()),
            (footer::SEQUENCE, sequence.to_string()),
            (footer::RECORDER_UUID, uuid.to_owned()),
            (footer::RECORDER_VERSION, self.recorder_version.clone()),
            (footer::HOST, self.host.clone()),
            (footer::KERNEL, self.kernel.clone()),
            (footer::BOOT_ID, self.boot_id.clone()),
            (footer::INTERVAL_NS, self.interval_ns.to_string()),
            (footer::TARGET, self.targets.join(":")),
            (footer::TARGET_BUILD_ID, self.target_build_ids.join(":")),
            (footer::CONFIG_DIGEST, self.config_digest.clone()),
        ];
        let measured = [
            (footer::CPU_METHOD, self.cpu_method.clone()),
            (footer::CPU_SPLIT_METHOD, self.cpu_split_method.clone()),
            (footer::MEMORY_METHOD, self.memory_method.clone()),
            (
                footer::MEMORY_ERROR_BYTES,
                self.memory_error_bytes.map(|bytes| bytes.to_string()),
            ),
        ];
        let measured = measured
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        Metadata(
            known
                .into_iter()
                .chain(measured)
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }
}

/// Metadata of one file, in order of its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// Our part of a schema's metadata.
    pub fn of_schema(metadata: &HashMap<String, String>) -> Self {
        let ours = metadata.iter().filter(|(key, _)| key.starts_with(PREFIX));
        Self(
            ours.map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets `key`.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.0.insert(key.to_owned(), value.to_string());
    }

    /// Every pair.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// As a schema's metadata.
    pub fn to_schema(&self) -> HashMap<String, String> {
        self.0.clone().into_iter().collect()
    }
}
