//! A file under observation as a footer names it, with its path kept byte for byte: Linux allows
//! any bytes in a path, JSON only text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A file under observation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObservedFile {
    /// Its path as it was typed.
    pub path: StoredPath,
    /// Path of the file that this led to, without symbolic links.
    pub file: StoredPath,
    /// Its build id, where it has one.
    pub build_id: Option<String>,
}

/// A path, byte for byte.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredPath(Vec<u8>);

impl StoredPath {
    /// The path of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for StoredPath {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

#[cfg(unix)]
impl From<&std::path::Path> for StoredPath {
    fn from(path: &std::path::Path) -> Self {
        use std::os::unix::ffi::OsStrExt;
        Self::new(path.as_os_str().as_bytes())
    }
}

/// For people: bytes that are not UTF-8 are shown as U+FFFD.
impl fmt::Display for StoredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for StoredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// An element of the list: each path as text, and where it is not UTF-8, also its bytes as hex
/// digits.
#[derive(Serialize, Deserialize)]
struct Element {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    file: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_bytes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build_id: Option<String>,
}

/// The list as JSON.
pub(super) fn to_json(files: &[ObservedFile]) -> String {
    let elements = files.iter().map(|file| Element {
        path: file.path.to_string(),
        path_bytes: hex_if_not_utf8(&file.path),
        file: file.file.to_string(),
        file_bytes: hex_if_not_utf8(&file.file),
        build_id: file.build_id.clone(),
    });
    super::json(&elements.collect::<Vec<_>>())
}

/// The list from JSON; `None` where it is not one.
pub(super) fn from_json(text: &str) -> Option<Vec<ObservedFile>> {
    let elements: Vec<Element> = serde_json::from_str(text).ok()?;
    let files = elements.into_iter().map(|element| {
        Some(ObservedFile {
            path: stored(element.path, element.path_bytes)?,
            file: stored(element.file, element.file_bytes)?,
            build_id: element.build_id,
        })
    });
    files.collect()
}

/// Paths and build ids with `:` between them.
pub(super) fn to_joined(files: &[ObservedFile]) -> (String, String) {
    let paths = files.iter().map(|file| file.file.to_string());
    let build_ids = files.iter().map(|file| file.build_id.as_deref());
    (
        paths.collect::<Vec<_>>().join(":"),
        build_ids
            .map(Option::unwrap_or_default)
            .collect::<Vec<_>>()
            .join(":"),
    )
}

/// The list from the joined form, for a file that has nothing else. Its paths are absolute, so that
/// a `:` separates two paths where a `/` follows it.
pub(super) fn from_joined(paths: &str, build_ids: &str) -> Vec<ObservedFile> {
    if paths.is_empty() {
        return Vec::new();
    }
    let mut ends: Vec<usize> = paths.match_indices(":/").map(|(end, _)| end).collect();
    ends.push(paths.len());
    let mut build_ids = build_ids.split(':');
    let mut start = 0;
    let files = ends.into_iter().map(|end| {
        let path = StoredPath::from(&paths[start..end]);
        start = end + 1;
        ObservedFile {
            file: path.clone(),
            path,
            build_id: build_ids
                .next()
                .filter(|build_id| !build_id.is_empty())
                .map(str::to_owned),
        }
    });
    files.collect()
}

fn hex_if_not_utf8(path: &StoredPath) -> Option<String> {
    std::str::from_utf8(&path.0).is_err().then(|| {
        let digits = path.0.iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    })
}

fn stored(text: String, hex: Option<String>) -> Option<StoredPath> {
    let Some(hex) = hex else {
        return Some(StoredPath::new(text));
    };
    if hex.len() % 2 != 0 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let bytes = (0..hex.len()).step_by(2);
    let bytes = bytes.map(|start| u8::from_str_radix(&hex[start..start + 2], 16).ok());
    bytes.collect::<Option<Vec<u8>>>().map(StoredPath)
}
