//! Errors of the kernel side: the kernel's answer, and the next step, which depends on the errno.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use aya::maps::MapError;
use aya::programs::ProgramError;
use rustix::io::Errno;
use soakbox_cli::error_chain;
use thiserror::Error;

use super::KERNEL_BTF;
use crate::plan::ProgramId;

const RIGHTS: &str = "run as root, or with CAP_BPF and CAP_PERFMON";
const OTHER_OBJECT: &str = "was the BPF object built from these sources? (`make ebpf`)";

/// Why the kernel side could not be used.
#[derive(Debug, Error)]
pub enum KernelError {
    /// The kernel has no BTF, or one that cannot be read.
    #[error(
        "{KERNEL_BTF}: {0}; hint: soakbox needs a kernel built with CONFIG_DEBUG_INFO_BTF (5.17 or later)"
    )]
    NoBtf(#[source] io::Error),
    /// A file of /proc or /sys could not be read.
    #[error("{path}: {source}; hint: is /proc mounted?")]
    Proc {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The kernel refused a program, or all of them.
    #[error("cannot load the BPF {thing}: {reason}; hint: {hint}")]
    Load {
        /// `programs`, or one program by its name.
        thing: String,
        /// The kernel's answer.
        reason: String,
        /// The next step.
        hint: &'static str,
    },
    /// The kernel refused a probe.
    #[error("cannot attach to {place}: {reason}; hint: {hint}")]
    Attach {
        /// The attach point.
        place: String,
        /// The kernel's answer.
        reason: String,
        /// The next step.
        hint: &'static str,
    },
    /// The kernel does not measure its BPF programs.
    #[error("the kernel does not measure its BPF programs: {reason}; hint: {hint}")]
    Statistics {
        /// The kernel's answer.
        reason: String,
        /// The next step.
        hint: &'static str,
    },
    /// A map of the kernel side could not be used.
    #[error("cannot use the BPF map {name}: {reason}; hint: {hint}")]
    Map {
        /// Its name.
        name: &'static str,
        /// The reason.
        reason: String,
        /// The next step.
        hint: &'static str,
    },
}

/// The error for a refused program, or for the whole object where `program` is `None`.
pub(super) fn load_error(program: Option<ProgramId>, error: &(dyn Error + 'static)) -> KernelError {
    let hint = match errno(error) {
        Some(Errno::PERM | Errno::ACCESS) if !is_verifier_rejection(error) => RIGHTS,
        Some(errno) if let Some(hint) = exhausted(errno) => hint,
        _ => "soakbox needs Linux 5.17 or later with BPF and BTF",
    };
    KernelError::Load {
        thing: match program {
            Some(program) => format!("program {}", program.name()),
            None => "programs".to_owned(),
        },
        reason: chain(error),
        hint,
    }
}

/// The error for a refused probe at `place`.
pub(super) fn attach_error(place: &dyn Display, error: &(dyn Error + 'static)) -> KernelError {
    let hint = match errno(error) {
        Some(Errno::PERM | Errno::ACCESS) => RIGHTS,
        Some(Errno::SRCH) => "is the process still running?",
        Some(errno) if let Some(hint) = exhausted(errno) => hint,
        _ => {
            "the file must lie on a file system that the kernel can probe (not in the upper layer of another mount's overlay)"
        }
    };
    KernelError::Attach {
        place: place.to_string(),
        reason: chain(error),
        hint,
    }
}

/// The error where the kernel does not measure its programs.
pub(super) fn statistics_error(error: &(dyn Error + 'static)) -> KernelError {
    KernelError::Statistics {
        reason: chain(error),
        hint: match errno(error) {
            Some(Errno::PERM) => "it needs CAP_SYS_ADMIN, or record without --bpf-statistics",
            Some(errno) if let Some(hint) = exhausted(errno) => hint,
            _ => "it needs Linux 5.8, or record without --bpf-statistics",
        },
    }
}

/// The next step where the system has no more of something.
fn exhausted(errno: Errno) -> Option<&'static str> {
    match errno {
        Errno::MFILE => Some("raise the limit of open files (`ulimit -n`)"),
        Errno::NFILE => Some("raise the limit of open files of all processes (fs.file-max)"),
        Errno::NOMEM => {
            Some("free memory, or raise the memory limit of the recorder's control group")
        }
        _ => None,
    }
}

/// The error for a map that could not be opened, read or changed.
pub(super) fn map_error<E: Error + 'static>(name: &'static str) -> impl Fn(E) -> KernelError {
    move |error| KernelError::Map {
        name,
        reason: chain(&error),
        hint: errno(&error).and_then(exhausted).unwrap_or(OTHER_OBJECT),
    }
}

/// The error for a map of an object that was not built from these sources.
pub(super) fn other_object(name: &'static str, reason: String) -> KernelError {
    KernelError::Map {
        name,
        reason,
        hint: OTHER_OBJECT,
    }
}

/// The error for a name that the object does not have.
pub(super) fn missing(name: &'static str) -> KernelError {
    other_object(name, "not in the object".to_owned())
}

/// An error and its causes.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Whether the verifier rejected the program: then EACCES is not a lack of rights.
fn is_verifier_rejection(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| match error.downcast_ref() {
        Some(ProgramError::LoadError { verifier_log, .. }) => !verifier_log.to_string().is_empty(),
        _ => false,
    })
}

/// The errno of the system call that failed, where `error` is caused by one.
fn errno(error: &(dyn Error + 'static)) -> Option<Errno> {
    causes(error)
        .filter_map(io_error)
        .find_map(Errno::from_io_error)
}

/// The I/O error that `error` is or wraps: the source of aya's transparent variants is the cause of
/// the wrapped error, not the wrapped error itself.
fn io_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let of_map = |error: &'a MapError| match error {
        MapError::IoError(error) => Some(error),
        _ => None,
    };
    match error.downcast_ref() {
        Some(ProgramError::IOError(error)) => return Some(error),
        Some(ProgramError::MapError(error)) => return of_map(error),
        _ => {}
    }
    let of_map = error.downcast_ref().and_then(of_map);
    of_map.or_else(|| error.downcast_ref())
}

/// An error with its causes, in one line. A verifier's log is long, and ends with the reason.
fn chain(error: &(dyn Error + 'static)) -> String {
    one_line(&error_chain(error))
}

fn one_line(text: &str) -> String {
    /// What aya writes between the error and the log.
    const LOG: &str = ". Verifier output: ";
    /// How the lines of figures begin that follow the reason.
    const FIGURES: [&str; 3] = ["processed ", "verification time ", "stack depth "];
    let Some((error, log)) = text.split_once(LOG) else {
        return text.lines().next().unwrap_or_default().to_owned();
    };
    let is_figures = |line: &&str| FIGURES.iter().any(|figures| line.starts_with(figures));
    let lines = log.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !is_figures(line));
    match lines.next_back() {
        Some(reason) => format!("{error}: {reason}"),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aya::EbpfError;
    use aya::sys::SyscallError;

    use super::*;

    fn syscall(number: i32) -> SyscallError {
        SyscallError {
            call: "bpf_link_create",
            io_error: io::Error::from_raw_os_error(number),
        }
    }

    #[test]
    fn the_reason_of_a_verifier_is_at_the_end_of_its_log() {
        let log = "the BPF_PROG_LOAD syscall returned Invalid argument (os error 22). Verifier \
                   output: reg type unsupported for arg#0\n525: (79) r5 = *(u64 *)(r3 +0)\n\
                   Type 'atomic_long_t' is not a struct\nverification time 6035 usec\n\
                   stack depth 184+0\nprocessed 161 insns (limit 1000000)\n";
        assert_eq!(
            one_line(log),
            "the BPF_PROG_LOAD syscall returned Invalid argument (os error 22): Type \
             'atomic_long_t' is not a struct"
        );
        assert_eq!(one_line("first\nsecond"), "first");
        assert_eq!(one_line("no log. Verifier output: "), "no log");
        assert_eq!(one_line(""), "");
    }

    #[test]
    fn a_refusal_is_classified_by_its_number_whatever_its_text() {
        let (perm, access, search, invalid) = (1, 13, 3, 22);
        let hint = |error: KernelError| match error {
            KernelError::Load { hint, .. }
            | KernelError::Attach { hint, .. }
            | KernelError::Map { hint, .. } => hint,
            other => panic!("{other}"),
        };
        for number in [perm, access] {
            let os = || io::Error::from_raw_os_error(number);
            let errors: [Box<dyn Error>; 7] = [
                Box::new(os()),
                Box::new(io::Error::other(syscall(number))),
                Box::new(ProgramError::IOError(os())),
                Box::new(ProgramError::MapError(MapError::IoError(os()))),
                Box::new(ProgramError::SyscallError(syscall(number))),
                Box::new(EbpfError::MapError(MapError::SyscallError(syscall(number)))),
                Box::new(EbpfError::ProgramError(ProgramError::SyscallError(
                    syscall(number),
                ))),
            ];
            for error in errors {
                assert_eq!(hint(load_error(None, &*error)), RIGHTS, "{error:?}");
                assert_eq!(hint(attach_error(&"/x", &*error)), RIGHTS, "{error:?}");
            }
        }
        let gone = ProgramError::SyscallError(syscall(search));
        assert!(hint(attach_error(&"/x", &gone)).contains("still running"));
        for (number, step) in [(24, "ulimit -n"), (23, "fs.file-max"), (12, "free memory")] {
            let full = ProgramError::SyscallError(syscall(number));
            assert!(hint(load_error(None, &full)).contains(step), "{number}");
            assert!(hint(attach_error(&"/x", &full)).contains(step), "{number}");
            let full = io::Error::from_raw_os_error(number);
            assert!(hint(map_error("X")(full)).contains(step), "{number}");
            let full = MapError::SyscallError(syscall(number));
            assert!(hint(map_error("X")(full)).contains(step), "{number}");
        }
        let other = map_error("X")(MapError::SyscallError(syscall(invalid)));
        assert_eq!(hint(other), OTHER_OBJECT);
        let other = ProgramError::SyscallError(syscall(invalid));
        assert!(hint(load_error(None, &other)).contains("needs Linux"));
        let other = io::Error::other("Permission denied, in the text only");
        assert_ne!(
            hint(load_error(None, &other)),
            RIGHTS,
            "the text decides nothing"
        );
    }
}
