//! Binaries: from a probe and a file's bytes to the sites that the kernel probes.
//!
//! Pure over bytes: no I/O, no clock, except in `file` and `debug_file`, which open and read files.
//! A site that could crash, corrupt or change the target is never returned; it is replaced by
//! another one or refused with the reason. Attaching is the task of `kernel`.

pub mod begin;
mod callers;
mod clones;
pub mod control_flow;
mod cost_class;
mod debug_file;
pub mod debug_link;
pub mod demangle;
pub mod disassembly;
pub mod elf;
pub mod error;
pub mod exit_sites;
pub mod file;
mod function;
pub mod go;
pub mod hazards;
mod image;
mod list;
mod lookup;
pub mod lsda;
mod marker;
pub mod mini_debug_info;
pub mod pattern;
mod plt;
mod program;
mod references;
mod sites;
pub mod suggest;
mod tail_calls;
pub mod unwind;
pub mod usdt;

pub use control_flow::{LeadsTo, LeavingJump, ReturnUse};
pub use cost_class::{CostClass, Surveyed};
pub use debug_file::{DebugFile, SymbolSource};
pub use disassembly::Cost;
pub use error::{Choice, Reason, ResolveError};
pub use file::Binary;
pub use go::pattern::matches as go_matches;
pub use go::{ErrorPlace, GO_ERROR_HINT, GoFunction, GoListing, SurveyedGo};
pub use image::{Image, Symbols};
pub use list::{Listing, list};
pub use sites::{ExitSite, NotCarriedOut, Site, at_site, is_at};

use elf::Elf;

/// The part of a kernel's version that decides the cost and the safety of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// 6 of `6.18`.
    pub major: u32,
    /// 18 of `6.18`.
    pub minor: u32,
}

impl KernelVersion {
    /// Reads a release as `uname -r` prints it, such as `6.18.44-fc`.
    pub fn parse(release: &str) -> Option<Self> {
        let mut numbers = release.split(|character: char| !character.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }

    /// Whether the kernel executes nothing at a probe whose program has changed the instruction
    /// pointer, if it lets programs do so: a program can carry out a return instruction then.
    pub fn leaves_carried_out_returns(self) -> bool {
        let (major, minor) = (6, 18);
        self >= Self { major, minor }
    }
}

/// The ways in which a function that is asked for may finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finishing {
    /// Where every call of it ends, and nowhere else.
    Exactly(ReturnUse),
    /// Where that is refused because the function leaves by jumps that cannot be followed, at these
    /// jumps.
    AlsoAtJumps(ReturnUse),
    /// By a uretprobe, whatever the program could do: somebody vouches for it. Refused where it is
    /// certain to do harm.
    ByUretprobe,
}

/// How finishes of a function are observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// At each return instruction, or on the way to it.
    Returns {
        /// All return sites, cold parts included; the stack pointer there is the one at entry.
        sites: Vec<Site>,
        /// Cheaper places: every way out crosses exactly one of these, or none and ends at one of
        /// the `kept`.
        exits: Vec<ExitSite>,
        /// The return sites that need a probe of their own.
        kept: Vec<Site>,
        /// The reason against the cheaper uretprobe, and against jumps where there are too many, in
        /// words.
        why: String,
    },
    /// In its callers, at [`TailCalls::exits`], the instructions after the calls of it: it leaves by
    /// jumps that cannot be followed, and all of its callers are known. Their entries are
    /// [`TailCalls::begins`]: an operation that is in flight there was left.
    Callers {
        /// The reason why the jumps cannot be followed, in words.
        why: String,
    },
    /// By a uretprobe on the function's first instruction: nothing in the program unwinds.
    Uretprobe(Site),
}

/// The functions in which an operation goes on after its own function has jumped to one of them:
/// those that it tail-calls, and those that these tail-call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailCalls {
    /// The jumps, in the function and in these.
    pub jumps: Vec<ExitSite>,
    /// Names of the functions, in the order of [`Self::begins`]; the address where one has no name.
    pub functions: Vec<String>,
    /// Sites of their begins.
    pub begins: Vec<Site>,
    /// Their finishes on the way out.
    pub exits: Vec<ExitSite>,
    /// Their return sites that need a probe of their own.
    pub kept: Vec<Site>,
    /// Those of the `exits` that lead to code which cannot be followed.
    pub left_at: Vec<LeavingJump>,
}

/// A function with its sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The symbol that was found.
    pub symbol: String,
    /// All symbols of the same code, the found one among them.
    pub aliases: Vec<String>,
    /// Symbols of the copies, made by the compiler, that are observed with it.
    pub copies: Vec<String>,
    /// Virtual address of its first instruction.
    pub address: u64,
    /// Sites of its begin: one, and one for each copy.
    pub begins: Vec<Site>,
    /// Sites of its finish.
    pub finish: Finish,
    /// The functions that it ends in; empty with a uretprobe.
    pub tail_calls: TailCalls,
    /// Those of its own exits that lead to code which cannot be followed: what is executed there is
    /// not part of the operation.
    pub left_at: Vec<LeavingJump>,
    /// How the program could switch stacks, in words. `None` where it cannot: then a stack pointer
    /// above a frame proves that the frame was left.
    pub stack_switch: Option<String>,
    /// Why a uretprobe would not be used if nobody vouched for it; `None` where it is used without that,
    /// or not used.
    pub vouched: Option<String>,
}

impl Function {
    /// The finishes on its own ways out.
    pub fn exits(&self) -> &[ExitSite] {
        match &self.finish {
            Finish::Returns { exits, .. } => exits,
            Finish::Callers { .. } | Finish::Uretprobe(_) => &[],
        }
    }

    /// Leaves all return instructions to the kernel, which single-steps them.
    pub fn leave_returns_to_kernel(&mut self, by: NotCarriedOut) {
        let leave = |sites: &mut Vec<Site>| {
            sites.iter_mut().for_each(|site| site.leave_to_kernel(by));
        };
        if let Finish::Returns { sites, kept, .. } = &mut self.finish {
            leave(sites);
            leave(kept);
        }
        leave(&mut self.tail_calls.kept);
    }

    /// All jumps at which an operation finishes although it goes on in code that cannot be followed.
    pub fn all_left_at(&self) -> impl Iterator<Item = &LeavingJump> {
        self.left_at.iter().chain(&self.tail_calls.left_at)
    }
}

/// A marker with its sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Name without the suffixes of its halves.
    pub name: String,
    /// All sites of its begin: the token is the first argument.
    pub begins: Vec<Site>,
    /// All sites of its finish: token, value and success are the first three arguments.
    pub finishes: Vec<Site>,
}

/// A part of a file that can be observed, with what is known of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The function or marker with its sites.
    pub part: T,
    /// GNU build id of the file.
    pub build_id: Option<Vec<u8>>,
    /// Calls that will not be observed, in words for the person who asked.
    pub warnings: Vec<String>,
}

fn found<T>(elf: &Elf<'_>, part: T, warnings: Vec<String>) -> Found<T> {
    Found {
        part,
        build_id: elf.build_id().map(ToOwned::to_owned),
        warnings,
    }
}

/// Finds the sites of a function in its file's bytes, for the kernel that will observe it. `file`
/// is the name of the file for messages.
///
/// # Errors
/// Where there is none of that name, or observing it in the way of `finishing` could do harm or
/// would not be exact.
pub fn resolve_function<'a>(
    image: impl Into<Image<'a>>,
    file: &str,
    function: &str,
    kernel: KernelVersion,
    finishing: Finishing,
) -> Result<Found<Function>, Reason> {
    let elf = image.into().parse()?;
    let (part, warnings) = function::resolve(&elf, file, function, kernel, finishing)?;
    Ok(found(&elf, part, warnings))
}

/// Finds the sites of a Go function, like [`resolve_function`], and where it returns its error if
/// `error` asks for it.
///
/// # Errors
/// Where there is none of that name, or its begins or finishes are not certain, or its error is
/// asked for and not known.
pub fn resolve_go(
    bytes: &[u8],
    file: &str,
    function: &str,
    error: Option<ErrorPlace>,
    kernel: KernelVersion,
) -> Result<Found<GoFunction>, Reason> {
    let elf = Elf::parse(bytes)?;
    let mut part = go::Program::parse(&elf)?.resolve(file, function, error, kernel)?;
    let warnings = std::mem::take(&mut part.warnings);
    Ok(found(&elf, part, warnings))
}

/// The cost class of each function of a file, or why it cannot be observed; `carries_out_returns`
/// where programs can do that on this host. Takes seconds for thousands of functions.
///
/// # Errors
/// Where the file is no program.
pub fn survey<'a>(
    image: impl Into<Image<'a>>,
    kernel: KernelVersion,
    carries_out_returns: bool,
) -> Result<Vec<Surveyed<'a>>, Reason> {
    let elf = image.into().parse()?;
    Ok(function::survey(&elf, kernel, carries_out_returns))
}

/// The cost classes of the Go functions of a file, in the order of [`Listing::go`].
///
/// # Errors
/// Where the file is no program, or its Go functions cannot be read.
pub fn survey_go(
    bytes: &[u8],
    kernel: KernelVersion,
    carries_out_returns: bool,
) -> Result<Vec<SurveyedGo>, Reason> {
    let elf = Elf::parse(bytes)?;
    go::survey(&elf, kernel, carries_out_returns)
}

/// Finds the sites of a marker, like [`resolve_function`].
///
/// # Errors
/// Where there is none of that name, or one of its sites is not the code of a marker.
pub fn resolve_marker<'a>(
    image: impl Into<Image<'a>>,
    file: &str,
    marker: &str,
    kernel: KernelVersion,
) -> Result<Found<Marker>, Reason> {
    let elf = image.into().parse()?;
    let (begins, finishes) = marker::resolve(&elf, file, marker, kernel)?;
    let part = Marker {
        name: marker.to_owned(),
        begins,
        finishes,
    };
    Ok(found(&elf, part, Vec::new()))
}
