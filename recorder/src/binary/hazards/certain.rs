//! Whether a uretprobe is certain to harm a program, whoever vouches for it: functions that use their
//! own return address, and kernels that end programs.

use super::super::KernelVersion;
use super::super::elf::Elf;
use super::unwinding;

/// Functions that return again to a place in the frame of their caller.
pub(in crate::binary) const RETURN_TWICE: &[&str] = &[
    "setjmp",
    "_setjmp",
    "__setjmp",
    "sigsetjmp",
    "__sigsetjmp",
    "getcontext",
    "swapcontext",
    "vfork",
    "__vfork",
    "__libc_vfork",
];

/// Others that unwind from their own frame, or find their caller by their return address.
const USE_THEIR_RETURN_ADDRESS: &[&str] = &[
    "backtrace",
    "__cxa_throw",
    "__cxa_rethrow",
    "dlopen",
    "dlmopen",
    "dlsym",
    "dlvsym",
    "mcount",
    "_mcount",
    "__fentry__",
    "__morestack",
];

/// Why a uretprobe on the function of these names must never be used.
pub fn certain_harm(elf: &Elf<'_>, names: &[&str], kernel: KernelVersion) -> Option<String> {
    let uses = |name: &&&str| {
        let plain = name.split('@').next().unwrap_or(name);
        RETURN_TWICE.contains(&plain)
            || USE_THEIR_RETURN_ADDRESS.contains(&plain)
            || plain.starts_with("_Unwind_")
    };
    if let Some(name) = names.iter().find(uses) {
        return Some(format!("{name} uses its own return address"));
    }
    unwinding::by_kernel(elf, kernel)
}
