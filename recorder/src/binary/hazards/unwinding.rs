//! Whether a uretprobe would harm a program: anything that unwinds or reads return addresses meets
//! the address that a uretprobe puts in place of the function's own.

use super::super::KernelVersion;
use super::super::elf::Elf;
use super::super::unwind::Unwind;
use super::{imports_any, libraries};

/// Imports by which a frame is left without returning, or by which return addresses are read. A
/// handler set by `sigaction` receives the interrupted registers and may change them; a `vfork`
/// child runs on its parent's frames.
const UNWINDS: &[&str] = &[
    "longjmp",
    "_longjmp",
    "siglongjmp",
    "__longjmp_chk",
    "__libc_longjmp",
    "__libc_siglongjmp",
    "sigaction",
    "vfork",
    "pthread_cancel",
    "pthread_exit",
    "thrd_exit",
    "backtrace",
    "mcount",
    "_mcount",
    "__fentry__",
    "__cyg_profile_func_enter",
];

/// Why a uretprobe must not be used; `stack_switch` is how the program could switch stacks.
pub fn uretprobe(
    elf: &Elf<'_>,
    unwind: &Unwind<'_>,
    stack_switch: Option<&str>,
    kernel: KernelVersion,
) -> Option<String> {
    if let Some(why) = stack_switch {
        return Some(format!("stacks could be switched: {why}"));
    }
    possible_unwind(elf, unwind).or_else(|| by_kernel(elf, kernel))
}

/// Defects of uretprobes in some kernels.
pub(super) fn by_kernel(elf: &Elf<'_>, kernel: KernelVersion) -> Option<String> {
    let version = |minor| KernelVersion { major: 6, minor };
    if (version(6)..version(11)).contains(&kernel) && elf.has_shadow_stack() {
        return Some(
            "it may run with a shadow stack, which this kernel's uretprobes do not support".into(),
        );
    }
    if (version(11)..=version(13)).contains(&kernel) {
        return Some(
            "this kernel's uretprobes return by a system call, for which a seccomp filter may kill the program".into(),
        );
    }
    None
}

fn possible_unwind(elf: &Elf<'_>, unwind: &Unwind<'_>) -> Option<String> {
    if let Some(why) = libraries::unwinder(elf, unwind) {
        return Some(why);
    }
    let mut imports = elf.imports.iter().copied();
    let unwinder = imports_any(elf, UNWINDS)
        .or_else(|| imports.find(|name| name.starts_with("_Unwind_") || name.starts_with("unw_")));
    unwinder.map(|name| format!("it imports {name}"))
}
