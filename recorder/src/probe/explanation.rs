//! How a probe explains itself: the words and numbers that `check` shows. Each kind fills them in;
//! these are plain values.

use serde::Serialize;

use super::OpenFile;
use crate::binary::{Cost, Site};

/// A resolved probe, for people and programs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Explanation {
    /// The kind in a word, such as `function`.
    pub kind: &'static str,
    /// The file as it was typed, made absolute, where there is one.
    pub file: Option<String>,
    /// The file that this led to, where that is another path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_file: Option<String>,
    /// How finishes are seen, with the reason.
    pub finish: String,
    /// The proof that a begin will never finish.
    pub abandonment: String,
    /// How success is known.
    pub success: String,
    /// Where begins are seen.
    pub begins: Vec<Location>,
    /// Where finishes are seen.
    pub finishes: Vec<Location>,
    /// Other names of the same code: calls of these count too.
    pub aliases: Vec<String>,
    /// Copies made by the compiler that count too.
    pub copies: Vec<String>,
    /// Operations that will not be seen and values that may be wrong, a sentence each.
    pub warnings: Vec<String>,
    /// The time that it costs, in a sentence.
    pub cost: String,
}

impl Explanation {
    /// The explanation of a probe on `file`, with all other fields empty.
    pub fn of_file(kind: &'static str, file: &OpenFile) -> Self {
        let (typed, opened) = (&file.typed_path, file.binary.path());
        Self {
            kind,
            file: Some(typed.display().to_string()),
            resolved_file: (typed != opened).then(|| opened.display().to_string()),
            ..Self::default()
        }
    }

    /// How many places are on instructions that the kernel single-steps.
    pub fn stepped(&self) -> usize {
        let all = self.begins.iter().chain(&self.finishes);
        all.filter(|location| location.stepped).count()
    }

    /// The cost of probes on instructions, as far as it follows from the instructions alone.
    pub fn cost_of_instructions(&self) -> String {
        match self.stepped() {
            0 => "about 1 to 3 µs for each operation".to_owned(),
            stepped => format!(
                "probes on instructions that the kernel single-steps ({stepped}): 0.3 to 0.9 µs each on bare metal, about 11 µs in some virtual machines; a marker is cheaper"
            ),
        }
    }
}

/// One place of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// Address in the file as linked, in hexadecimal digits, or a name.
    pub address: String,
    /// Offset in the file, bytes, where there is a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_offset: Option<u64>,
    /// Whether the kernel single-steps the instruction, which costs more.
    pub stepped: bool,
}

impl From<&Site> for Location {
    fn from(site: &Site) -> Self {
        Self {
            address: format!("{:#x}", site.address),
            file_offset: Some(site.file_offset),
            stepped: matches!(site.cost, Cost::SingleStepped),
        }
    }
}
