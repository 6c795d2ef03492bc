//! The explanation of a resolved probe: the words and numbers that `check` shows. Each kind of
//! probe fills them in; these are plain values.

use serde::Serialize;
use soakbox_schemas::control::When;

use super::OpenFile;
use crate::binary::{Cost, ExitSite, Site, SymbolSource};

/// A resolved probe, described for people and programs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Explanation {
    /// The kind of probe, such as `function`.
    pub kind: &'static str,
    /// Path of the file as typed, made absolute; `None` for a probe without a file.
    pub file: Option<String>,
    /// Path of the opened file, if symbolic links in `file` lead to another path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_file: Option<String>,
    /// Path of the file that has the symbols of `file`, where that was stripped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbols_file: Option<String>,
    /// Section of the file that has names of functions, where it was stripped of its symbols.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbols_section: Option<&'static str>,
    /// The full readable name of the function; `None` where it is no function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Its symbol, where that is another text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// How finishes are observed, with the reason.
    pub finish: String,
    /// The proof that a begin will have no finish.
    pub abandonment: String,
    /// The success rule, or where success comes from without one.
    pub success: String,
    /// What the duration leaves out, in words; `None` where that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Where begins are observed.
    pub begins: Vec<Location>,
    /// Where finishes are observed.
    pub finishes: Vec<Location>,
    /// Other names of the same code: calls by these names count too.
    pub aliases: Vec<String>,
    /// Copies of the function that the compiler made: their calls count too.
    pub copies: Vec<String>,
    /// Why a uretprobe would not be used, had nobody vouched for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vouched: Option<String>,
    /// One sentence for each group of operations that will not be observed and each value that may
    /// be wrong.
    pub warnings: Vec<String>,
    /// The overhead, in a sentence.
    pub cost: String,
}

impl Explanation {
    /// The explanation of a probe on `file`, with all other fields empty.
    pub fn of_file(kind: &'static str, file: &OpenFile) -> Self {
        let (typed, opened) = (&file.typed_path, file.binary.path());
        let (symbols_file, symbols_section) = match file.debug.as_ref().map(|debug| &debug.source) {
            Some(SymbolSource::File(path)) => (Some(path.display().to_string()), None),
            Some(SymbolSource::Section(name)) => (None, Some(*name)),
            None => (None, None),
        };
        Self {
            kind,
            file: Some(typed.display().to_string()),
            resolved_file: (typed != opened).then(|| opened.display().to_string()),
            symbols_file,
            symbols_section,
            ..Self::default()
        }
    }

    /// Number of places whose instruction the kernel single-steps.
    pub fn stepped(&self) -> usize {
        let all = self.begins.iter().chain(&self.finishes);
        all.filter(|location| location.stepped).count()
    }

    /// The overhead as far as the probed instructions decide it, for a program that could have
    /// markers instead.
    pub fn cost_of_instructions(&self) -> String {
        let cost = self.cost_without_markers();
        match self.stepped() {
            0 => cost,
            _ => format!("{cost}; a marker is cheaper"),
        }
    }

    /// The overhead as far as the probed instructions decide it.
    pub fn cost_without_markers(&self) -> String {
        match self.stepped() {
            0 => "about 1 to 3 µs for each operation".to_owned(),
            stepped => format!(
                "probes on instructions that the kernel single-steps ({stepped}): 0.3 to 0.9 µs each on bare metal, about 11 µs in some virtual machines"
            ),
        }
    }
}

/// One place where a probe fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// Address in the file as linked, in hexadecimal digits, or a name.
    pub address: String,
    /// Offset in the file, bytes; `None` for a place outside of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_offset: Option<u64>,
    /// Whether the kernel single-steps the instruction, which costs more.
    pub stepped: bool,
    /// Whether the program of the probe carries out the instruction, a return.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub carried_out: bool,
    /// Of a conditional jump: `taken` or `not taken`, where only one of its ways counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<&'static str>,
}

impl From<&Site> for Location {
    fn from(site: &Site) -> Self {
        Self {
            address: format!("{:#x}", site.address),
            file_offset: Some(site.file_offset),
            stepped: matches!(site.cost, Cost::SingleStepped),
            carried_out: matches!(site.cost, Cost::CarriedOut),
            way: None,
        }
    }
}

impl From<&ExitSite> for Location {
    fn from(exit: &ExitSite) -> Self {
        Self {
            way: match exit.way_out.when {
                When::Always => None,
                When::Holds(_) => Some("taken"),
                When::HoldsNot(_) => Some("not taken"),
            },
            ..Self::from(&exit.site)
        }
    }
}
