//! Abilities of the running kernel that its version does not tell.

use aya_obj::generated::{bpf_cmd, bpf_prog_type};

use super::system_call::{LoadProgram, call};

/// Whether the kernel loads programs that write the registers of a process. It does not tell
/// whether it then leaves the instruction at the probe alone (Linux 6.18).
pub fn lets_programs_write_registers() -> bool {
    let request = LoadProgram {
        kind: bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32,
        instruction_count: WRITES_A_REGISTER.len() as u32,
        instructions: WRITES_A_REGISTER.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        name: *b"soakbox_trial\0\0\0",
        ..LoadProgram::default()
    };
    // SAFETY: the instructions and the license are static.
    unsafe { call(bpf_cmd::BPF_PROG_LOAD, &request) }.is_ok()
}

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
