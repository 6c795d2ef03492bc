//! Kinds of refusals by the kernel, found by error number in the chain of an error's sources. Never by the text of a
//! message, which changes with the library and the locale.

use std::error::Error;
use std::io;

use aya::maps::MapError;
use aya::programs::ProgramError;
use rustix::io::Errno;

/// The error of the system call at the bottom of `error`, where there is one.
fn system_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut found = chain.filter_map(io_error);
    found.find(|error| error.raw_os_error().is_some())
}

/// `error` itself, or the one that it stands for: aya's transparent variants show their content's source, not their
/// content.
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
    let map = error.downcast_ref().and_then(of_map);
    map.or_else(|| error.downcast_ref())
}

/// Whether the kernel refused for want of rights. The verifier's refusal of a program has the same error number, but
/// comes with the verifier's reasons: rights do not cure it.
pub(super) fn is_permission(error: &(dyn Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |error| error.source());
    let is_verifier = |error: &(dyn Error + 'static)| match error.downcast_ref() {
        Some(ProgramError::LoadError { verifier_log, .. }) => {
            !verifier_log.to_string().trim().is_empty()
        }
        _ => false,
    };
    system_error(error).is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        && !chain.any(is_verifier)
}

/// Whether the process that a probe is for is not there.
pub(super) fn is_no_such_process(error: &(dyn Error + 'static)) -> bool {
    system_error(error)
        .and_then(Errno::from_io_error)
        .is_some_and(|errno| errno == Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use aya::EbpfError;
    use aya::programs::uprobe::UProbeError;
    use aya::sys::SyscallError;

    use super::*;

    fn os(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    /// The errors that loading and attaching answer with, each around the same system call's error.
    fn wrapped(errno: Errno) -> Vec<Box<dyn Error + 'static>> {
        let call = || SyscallError {
            call: "bpf_prog_load",
            io_error: os(errno),
        };
        let file = UProbeError::FileError {
            filename: "/proc/self/exe".into(),
            io_error: os(errno),
        };
        vec![
            Box::new(os(errno)),
            Box::new(io::Error::other(call())),
            Box::new(call()),
            Box::new(ProgramError::from(call())),
            Box::new(ProgramError::from(file)),
            Box::new(EbpfError::from(ProgramError::from(call()))),
            Box::new(ProgramError::from(os(errno))),
            Box::new(ProgramError::from(MapError::from(os(errno)))),
            Box::new(EbpfError::from(MapError::from(call()))),
        ]
    }

    #[test]
    fn a_refusal_is_known_by_its_number_however_deep_it_lies() {
        for (errno, permission, process) in [
            (Errno::PERM, true, false),
            (Errno::ACCESS, true, false),
            (Errno::SRCH, false, true),
            (Errno::INVAL, false, false),
            (Errno::NOMEM, false, false),
        ] {
            for error in wrapped(errno) {
                assert_eq!(is_permission(error.as_ref()), permission, "{error:?}");
                assert_eq!(is_no_such_process(error.as_ref()), process, "{error:?}");
            }
        }
    }

    #[test]
    fn a_text_that_speaks_of_permission_is_none() {
        for text in ["Permission denied", "not permitted", "No such process"] {
            let error = io::Error::other(text);
            assert!(!is_permission(&error) && !is_no_such_process(&error));
        }
        assert!(!is_permission(&ProgramError::NotLoaded));
    }
}
