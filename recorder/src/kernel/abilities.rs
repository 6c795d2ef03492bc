//! Abilities of the running kernel that its version does not tell.

use std::io;

use aya_obj::generated::{bpf_cmd, bpf_prog_type};

use super::system_call::{LoadProgram, call};

/// Whether the kernel loads programs that write the registers of a process. It does not tell
/// whether it then leaves the instruction at the probe alone (Linux 6.18).
///
/// # Errors
/// Where the trial says nothing about it: no rights, or no memory.
pub fn lets_programs_write_registers() -> io::Result<bool> {
    let request = LoadProgram {
        kind: bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32,
        instruction_count: WRITES_A_REGISTER.len() as u32,
        instructions: WRITES_A_REGISTER.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        name: *b"soakbox_trial\0\0\0",
        ..LoadProgram::default()
    };
    let load = || {
        // SAFETY: the instructions and the license are static.
        unsafe { call(bpf_cmd::BPF_PROG_LOAD, &request) }
    };
    // A signal interrupts the check of a program with `EAGAIN`.
    let mut attempts = std::iter::repeat_with(load).take(MOST_ATTEMPTS);
    let loaded = attempts.find(|loaded| error_number(loaded) != Some(libc::EAGAIN));
    match loaded.unwrap_or_else(load) {
        Ok(_) => Ok(true),
        refused if error_number(&refused).is_some_and(|number| REFUSED.contains(&number)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn error_number<T>(result: &io::Result<T>) -> Option<i32> {
    result.as_ref().err()?.raw_os_error()
}

/// As often as libbpf tries.
const MOST_ATTEMPTS: usize = 5;

/// The kernel's answers to a program that does what programs may not do.
const REFUSED: [i32; 2] = [libc::EACCES, libc::EINVAL];

/// A program that reads the instruction pointer and writes it back. Nothing runs it.
static WRITES_A_REGISTER: [[u8; 8]; 4] = [
    // r2 = *(u64 *)(r1 + 128)
    [0x79, 0x12, 0x80, 0, 0, 0, 0, 0],
    // *(u64 *)(r1 + 128) = r2
    [0x7b, 0x21, 0x80, 0, 0, 0, 0, 0],
    // r0 = 0
    [0xb7, 0, 0, 0, 0, 0, 0, 0],
    // exit
    [0x95, 0, 0, 0, 0, 0, 0, 0],
];
