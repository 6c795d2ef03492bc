//! Whether a program could switch stacks. Where it could, a stack pointer above a frame does not
//! prove that the frame was left.

use super::super::disassembly;
use super::super::elf::{Elf, Kind, Segment};
use super::{imports_any, memory};

/// Libraries that switch stacks only for a program that imports one of [`SWITCHES`].
const KNOWN_LIBRARIES: &[&str] = &[
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

/// The GNU C library's loader; any other could do anything.
const LOADER: &str = "ld-linux-x86-64.so.2";

/// Imports by which a program switches stacks, runs a handler on another one, or brings in code
/// that could. `sigaltstack` is among them: a handler's frames on the alternate stack have no order
/// with the interrupted ones (Rust's std imports it, so Rust programs pair by an equal stack
/// pointer only); `dlsym` finds all of them by name, and `syscall` can ask the kernel for any of
/// them.
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

/// How the program could switch stacks.
pub fn stack_switch(elf: &Elf<'_>) -> Option<String> {
    let go = elf.is_go();
    let go = go.then(|| "the Go runtime calls C on the stacks of its threads".to_owned());
    go.or_else(|| by_structure(elf))
        .or_else(|| imports_any(elf, SWITCHES).map(|name| format!("it imports {name}")))
        .or_else(|| by_code(elf))
}

/// By its kind, its loader, its memory or its libraries.
fn by_structure(elf: &Elf<'_>) -> Option<String> {
    match (elf.kind, elf.interpreter) {
        (Kind::Shared, _) => return Some("a library runs in programs that are not known".into()),
        (_, false) => {
            return Some("a static program contains the C library's own stack switches".into());
        }
        _ => {}
    }
    let loader = elf.interpreter_path.rsplit(|byte| *byte == b'/').next();
    if loader != Some(LOADER.as_bytes()) {
        return Some(format!("it is not loaded by {LOADER}"));
    }
    let mixed = |segment: &Segment| segment.executable && segment.writable;
    if !elf.non_executable_stack || elf.segments.iter().any(mixed) {
        return Some("it may generate code: memory that it writes to is executable".into());
    }
    if elf.section(".dynsym").is_none() {
        return Some("its imports are not known (no section headers)".into());
    }
    let mut libraries = elf.needed.iter();
    let library = libraries.find(|name| !KNOWN_LIBRARIES.contains(name))?;
    Some(format!("{library} could switch stacks"))
}

/// By an instruction, or by code that it generates.
fn by_code(elf: &Elf<'_>) -> Option<String> {
    let mut code = Vec::new();
    for section in elf.sections.iter().filter(|section| section.executable) {
        match disassembly::sweep(section.data, section.address) {
            Ok(instructions) => code.push(instructions),
            Err(at) => return Some(format!("code at {at:#x} cannot be read")),
        }
    }
    let mut instructions = code.iter().flatten();
    if let Some(found) = instructions.find(|instruction| instruction.switches_stack()) {
        let at = found.address;
        return Some(format!("the instruction at {at:#x} sets the stack pointer"));
    }
    let mut instructions = code.iter().flatten();
    if let Some(found) = instructions.find(|instruction| instruction.is_system_call()) {
        let at = found.address;
        return Some(format!("the instruction at {at:#x} is a system call"));
    }
    memory::may_generate_code(elf, &code).map(|name| format!("it may generate code by {name}"))
}
