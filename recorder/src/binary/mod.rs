//! What is to be observed, resolved to addresses: from a probe and a file's bytes to the sites that the kernel watches.
//!
//! Pure over bytes: no I/O, no clock, except in `file`, which opens and reads. A site that could crash, corrupt or change the target is never returned; it is
//! replaced by another one or refused with the reason. Attaching is for the kernel side.

pub mod begin;
mod clones;
pub mod control_flow;
pub mod demangle;
pub mod disassembly;
pub mod elf;
pub mod error;
pub mod file;
mod function;
pub mod hazards;
mod list;
pub mod lsda;
mod marker;
mod plt;
pub mod suggest;
pub mod unwind;
pub mod usdt;

pub use disassembly::Cost;
pub use error::{Reason, ResolveError};
pub use file::Binary;
pub use list::{Listing, list};

use elf::Elf;

/// A kernel version, as far as it decides what a probe costs or may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
}

impl KernelVersion {
    /// Reads `uname -r`, such as `6.18.44-fc`.
    pub fn parse(release: &str) -> Option<Self> {
        let mut numbers = release.split(|character: char| !character.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

/// One place in a file for a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Virtual address as linked.
    pub address: u64,
    /// Offset in the file: where the kernel attaches.
    pub file_offset: u64,
    /// What to add to the stack pointer there to get the one at the function's entry.
    pub stack_delta: i16,
    /// What the probe costs.
    pub cost: Cost,
}

impl Site {
    fn at(elf: &Elf<'_>, address: u64, stack_delta: i16, cost: Cost) -> Option<Self> {
        let file_offset = elf.file_offset(address)?;
        Some(Self {
            address,
            file_offset,
            stack_delta,
            cost,
        })
    }
}

/// How finishes of a function are observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// At each return instruction; why not by the cheaper uretprobe.
    Returns {
        /// All return sites, cold parts included; the stack pointer there is the one at entry.
        sites: Vec<Site>,
        /// The reason, in words.
        why: String,
    },
    /// By a uretprobe on the function's first instruction (a closed world in which nothing unwinds).
    Uretprobe(Site),
}

/// What proves that a begin will never finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Stacks are never switched: a frame is gone when the stack pointer has risen above it.
    StackOrder,
    /// A stack switch cannot be excluded: only an equal stack pointer, or the end of the process or of the
    /// program (exec), proves it.
    EqualOnly {
        /// What could switch stacks.
        why: String,
    },
}

/// A function, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The symbol that was asked for.
    pub symbol: String,
    /// All names of the same code.
    pub aliases: Vec<String>,
    /// Copies made by the compiler that are observed with it.
    pub copies: Vec<String>,
    /// Virtual address of its first instruction.
    pub address: u64,
    /// Where its begin is observed.
    pub begins: Vec<Site>,
    /// How its finish is observed.
    pub finish: Finish,
    /// What proves abandonment.
    pub order: Order,
}

/// A marker, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Its name.
    pub name: String,
    /// All sites of its begin: token in the first argument.
    pub begins: Vec<Site>,
    /// All sites of its finish: token, value, success in the first three.
    pub finishes: Vec<Site>,
}

/// A part of a file that can be observed, with what is known of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The function or marker with its sites.
    pub part: T,
    /// GNU build id of the file.
    pub build_id: Option<Vec<u8>>,
    /// What will not be seen, in words for the person who asked.
    pub warnings: Vec<String>,
}

/// Finds the sites of a function in its file's bytes, for the kernel that will observe it. `file` is
/// the name of the file for messages.
///
/// # Errors
/// Where there is none of that name, or observing it could do harm.
pub fn resolve_function(
    bytes: &[u8],
    file: &str,
    function: &str,
    kernel: KernelVersion,
) -> Result<Found<Function>, Reason> {
    let elf = Elf::parse(bytes)?;
    let (part, warnings) = function::resolve(&elf, file, function, kernel)?;
    Ok(Found {
        part,
        build_id: elf.build_id.map(ToOwned::to_owned),
        warnings,
    })
}

/// Finds the sites of a marker, like [`resolve_function`].
///
/// # Errors
/// Where there is none of that name, or one of its sites is not the code of a marker.
pub fn resolve_marker(
    bytes: &[u8],
    file: &str,
    marker: &str,
    kernel: KernelVersion,
) -> Result<Found<Marker>, Reason> {
    let elf = Elf::parse(bytes)?;
    let (begins, finishes) = marker::resolve(&elf, file, marker, kernel)?;
    Ok(Found {
        part: Marker {
            name: marker.to_owned(),
            begins,
            finishes,
        },
        build_id: elf.build_id.map(ToOwned::to_owned),
        warnings: Vec::new(),
    })
}
