//! Whether a call of a function could lead to another call of it before it returns: the kernel
//! follows at most 64 nested returns of a uretprobe.
//!
//! Follows every instruction that the function leads to within the program. A call that
//! cannot be followed (through a pointer, or of a C library function that calls back) counts as one
//! that leads back.

use std::collections::BTreeSet;

use super::super::disassembly::{self, Instruction, Next};
use super::super::elf::Elf;
use super::super::plt;
use super::super::unwind::Unwind;

/// Functions of the C library that call functions of the program.
const CALLS_BACK: &[&str] = &[
    "bsearch",
    "qsort",
    "qsort_r",
    "lfind",
    "lsearch",
    "tsearch",
    "tfind",
    "tdelete",
    "twalk",
    "twalk_r",
    "tdestroy",
    "pthread_once",
    "__pthread_once",
    "call_once",
    "ftw",
    "ftw64",
    "nftw",
    "nftw64",
    "fts_open",
    "fts64_open",
    "scandir",
    "scandir64",
    "scandirat",
    "scandirat64",
    "glob",
    "glob64",
    "argp_parse",
    "error",
    "error_at_line",
    "dl_iterate_phdr",
    "_obstack_newchunk",
    "_obstack_begin",
    "_obstack_begin_1",
    "raise",
    "gsignal",
    "kill",
    "tgkill",
    "pthread_kill",
    "pthread_sigqueue",
    "sigqueue",
];

/// Imports after which any function of the C library may call back.
const MAKES_CALLBACKS: &[&str] = &[
    "fopencookie",
    "register_printf_function",
    "register_printf_specifier",
    "register_printf_modifier",
    "__malloc_hook",
    "__realloc_hook",
    "__free_hook",
];

/// Functions of the C library that do not return.
const ENDS: &[&str] = &[
    "abort",
    "exit",
    "_exit",
    "_Exit",
    "quick_exit",
    "__stack_chk_fail",
    "__chk_fail",
    "__assert_fail",
];

/// Most instructions that are followed.
const MOST: usize = 1 << 18;

/// How the function at `start` could be entered again while it runs, in words; `None` where it
/// cannot.
pub fn may_reenter(elf: &Elf<'_>, unwind: &Unwind<'_>, start: u64) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut pending = vec![start];
    while let Some(mut at) = pending.pop() {
        while seen.insert(at) {
            if seen.len() > MOST {
                return Some("it leads to too much code to follow".into());
            }
            let decoded = elf
                .is_code(at)
                .then(|| elf.bytes_from(at))
                .flatten()
                .and_then(|code| disassembly::first(code, at));
            let Some(instruction) = decoded else {
                return Some(format!("it leads to {at:#x}, which cannot be read"));
            };
            let goes_on = match step(elf, &instruction) {
                // A jump back to its first instruction is no call, but the uretprobe would take it
                // for one.
                Ok(Step::To { target, .. }) if target == start => {
                    return Some(format!("it is entered again at {at:#x} while it runs"));
                }
                Ok(Step::To { target, goes_on }) => {
                    pending.push(target);
                    goes_on
                }
                Ok(Step::On) => true,
                Ok(Step::Ends) => false,
                Err(why) => return Some(why),
            };
            let called = matches!(instruction.next, Next::Calls(_));
            // A call that ends a function does not return.
            if !goes_on || called && !in_one_function(unwind, instruction.end, at) {
                break;
            }
            at = instruction.end;
        }
    }
    None
}

enum Step {
    On,
    To { target: u64, goes_on: bool },
    Ends,
}

fn step(elf: &Elf<'_>, instruction: &Instruction) -> Result<Step, String> {
    let at = instruction.address;
    let (target, goes_on) = match instruction.next {
        Next::Falls => return Ok(Step::On),
        Next::Returns | Next::Stops => return Ok(Step::Ends),
        Next::Jumps(target) => (target, false),
        Next::Branches(target) => (target, true),
        Next::Calls(Some(target)) => (target, true),
        Next::Calls(None) | Next::JumpsIndirectly => {
            let slot = instruction.rip_relative_address();
            let name = slot.and_then(|slot| plt::import_of_slot(elf, slot));
            let calls = matches!(instruction.next, Next::Calls(_));
            return import(elf, at, name, calls);
        }
    };
    match plt::import_at(elf, target) {
        Some(name) => import(elf, at, name, goes_on),
        None => Ok(Step::To { target, goes_on }),
    }
}

/// Follows the use of an import at `at`; `name` is `None` where it is not an import.
fn import(elf: &Elf<'_>, at: u64, name: Option<&str>, goes_on: bool) -> Result<Step, String> {
    let Some(name) = name.filter(|name| elf.imports.contains(name)) else {
        return Err(format!("it leads to a call through a pointer at {at:#x}"));
    };
    if ENDS.contains(&name) {
        return Ok(Step::Ends);
    }
    if CALLS_BACK.contains(&name) {
        return Err(format!("it leads to {name}, which may call back"));
    }
    if let Some(maker) = MAKES_CALLBACKS
        .iter()
        .find(|maker| elf.imports.contains(*maker))
    {
        return Err(format!(
            "it leads to {name}, which may call back (the program imports {maker})"
        ));
    }
    // A function that the program exports may replace one that the C library calls, such as malloc.
    if let Some(exported) = elf.exported {
        return Err(format!(
            "it leads to {name}, and libraries may call the functions that the program exports, such as {exported}"
        ));
    }
    Ok(if goes_on { Step::On } else { Step::Ends })
}

/// Whether the two addresses are of one function, as far as the unwind table tells.
fn in_one_function(unwind: &Unwind<'_>, one: u64, other: u64) -> bool {
    unwind.fde_at(one).map(|fde| fde.start) == unwind.fde_at(other).map(|fde| fde.start)
}
