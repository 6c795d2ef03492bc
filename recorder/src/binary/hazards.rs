//! What the target could do that makes a probe dangerous or a conclusion wrong: switch stacks, unwind, read its own
//! return address. When in doubt the answer is that it could.

use super::KernelVersion;
use super::disassembly;
use super::elf::{Elf, Kind, Segment};
use super::unwind::Unwind;

mod memory;
mod recursion;

pub use recursion::may_reenter;

/// Whether a user-level stack switch can be excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StackSwitch {
    /// Nothing in the closed world of this program switches stacks.
    Excluded,
    /// Something could; in words.
    Possible(String),
}

/// Whether a uretprobe is out of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// Nothing speaks against it.
    None,
    /// Something does; in words.
    Because(String),
}

/// Libraries that switch no stacks unless they are asked to, by an import that is looked for below.
const CLOSED_WORLD: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
    "linux-vdso.so.1",
    "libstdc++.so.6",
    "libgcc_s.so.1",
];

/// The C library's own loader: another one could be anything.
const LOADER: &str = "ld-linux-x86-64.so.2";

/// Imports by which a program switches stacks, runs a handler on another one, or brings in code that could.
/// `sigaltstack` is among them: a handler's frames on the alternate stack have no order with the interrupted ones
/// (Rust's std imports it, so Rust programs pair by equality only); `dlsym` finds all of them by name, and `syscall`
/// asks the kernel for any of them.
const SWITCHES: &[&str] = &[
    "swapcontext",
    "makecontext",
    "setcontext",
    "getcontext",
    "sigaltstack",
    "sigstack",
    "dlopen",
    "dlmopen",
    "dlsym",
    "dlvsym",
    "__libc_dlopen_mode",
    "__libc_dlsym",
    "clone",
    "__clone",
    "syscall",
    "pkey_mprotect",
    "personality",
    "shmat",
];

/// Imports by which a frame is left without returning, or by which return addresses are read. A handler set by
/// `sigaction` is given the interrupted registers and may change them; a `vfork` child runs on its parent's frames.
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

/// Judges whether the program could switch stacks.
pub fn stack_switch(elf: &Elf<'_>) -> StackSwitch {
    match possible_switch(elf) {
        Some(why) => StackSwitch::Possible(why),
        None => StackSwitch::Excluded,
    }
}

fn possible_switch(elf: &Elf<'_>) -> Option<String> {
    match (elf.kind, elf.interpreter) {
        (Kind::Shared, _) => return Some("a library runs in programs that are not known".into()),
        (_, false) => return Some("a static program contains the C library's own switches".into()),
        _ => {}
    }
    let loader = elf.interpreter_path.rsplit(|byte| *byte == b'/').next();
    if loader != Some(LOADER.as_bytes()) {
        return Some(format!("it is not loaded by {LOADER}"));
    }
    let mixed = |segment: &Segment| segment.executable && segment.writable;
    if !elf.plain_stack || elf.segments.iter().any(mixed) {
        return Some("it may make code: memory that it writes to is executable".into());
    }
    if elf.section(".dynsym").is_none() {
        return Some("what it imports is not known (no section headers)".into());
    }
    if let Some(library) = elf.needed.iter().find(|name| !CLOSED_WORLD.contains(name)) {
        return Some(format!("{library} could switch stacks"));
    }
    if let Some(name) = imports_any(elf, SWITCHES) {
        return Some(format!("it imports {name}"));
    }
    let mut code = Vec::new();
    for section in elf.sections.iter().filter(|section| section.executable) {
        match disassembly::sweep(section.data, section.address) {
            Ok(instructions) => code.push(instructions),
            Err(at) => return Some(format!("code at {at:#x} cannot be read")),
        }
    }
    if let Some(found) = code
        .iter()
        .flatten()
        .find(|instruction| instruction.switches_stack())
    {
        let at = found.address;
        return Some(format!("the instruction at {at:#x} sets the stack pointer"));
    }
    if let Some(found) = code
        .iter()
        .flatten()
        .find(|instruction| instruction.calls_kernel())
    {
        let at = found.address;
        return Some(format!("the instruction at {at:#x} is a system call"));
    }
    memory::may_make_code(elf, &code).map(|name| format!("it may make code by {name}"))
}

/// Judges whether a uretprobe must not be used.
pub fn uretprobe(
    elf: &Elf<'_>,
    unwind: &Unwind<'_>,
    switch: &StackSwitch,
    kernel: KernelVersion,
) -> Exclusion {
    if let StackSwitch::Possible(why) = switch {
        return Exclusion::Because(format!("stacks could be switched: {why}"));
    }
    if let Some(why) = possible_unwind(elf, unwind) {
        return Exclusion::Because(why);
    }
    let unaware = KernelVersion { major: 6, minor: 6 }..KernelVersion {
        major: 6,
        minor: 11,
    };
    if unaware.contains(&kernel) && elf.has_shadow_stack() {
        return Exclusion::Because(
            "it may run with a shadow stack, of which this kernel's uretprobe knows nothing".into(),
        );
    }
    let filtered = KernelVersion {
        major: 6,
        minor: 11,
    }..=KernelVersion {
        major: 6,
        minor: 13,
    };
    if filtered.contains(&kernel) {
        return Exclusion::Because(
            "this kernel returns through a system call that a seccomp filter may punish".into(),
        );
    }
    Exclusion::None
}

fn possible_unwind(elf: &Elf<'_>, unwind: &Unwind<'_>) -> Option<String> {
    let unwinding = ["libstdc++.so.6", "libgcc_s.so.1"];
    if let Some(library) = elf.needed.iter().find(|name| unwinding.contains(name)) {
        return Some(format!(
            "it uses {library}: an exception or panic could unwind through the probe"
        ));
    }
    if elf.section(".gcc_except_table").is_some() || unwind.has_personality {
        return Some("it has exception tables: something could unwind through the probe".into());
    }
    if !unwind.complete {
        return Some("its unwind table cannot be read".into());
    }
    if let Some(name) = imports_any(elf, UNWINDS) {
        return Some(format!("it imports {name}"));
    }
    let named = elf
        .imports
        .iter()
        .find(|name| name.starts_with("_Unwind_") || name.starts_with("unw_"));
    if let Some(name) = named {
        return Some(format!("it imports {name}"));
    }
    let comment = elf
        .section(".comment")
        .map(|section| section.data)
        .unwrap_or_default();
    if comment.windows(5).any(|window| window == b"rustc") {
        return Some("it contains Rust, where a panic could unwind through the probe".into());
    }
    None
}

fn imports_any(elf: &Elf<'_>, names: &[&'static str]) -> Option<&'static str> {
    names
        .iter()
        .copied()
        .find(|name| elf.imports.contains(name))
}
