//! The cost of a probe on an instruction, and whether the kernel accepts one, from the
//! instruction's bytes alone.
//!
//! Follows the kernel's tables (arch/x86/kernel/uprobes.c); an instruction that they do not plainly
//! allow is refused.

use super::super::KernelVersion;

/// The cost of one probe to the thread that executes the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// The kernel emulates the instruction: under a microsecond.
    Emulated,
    /// The program carries out the instruction, a return: as cheap.
    CarriedOut,
    /// The kernel single-steps a copy of the instruction: two traps.
    SingleStepped,
}

/// The cost of a probe on the instruction at the start of `code`; `None` where the kernel refuses
/// it or we do not know.
pub fn probe_cost(code: &[u8], kernel: KernelVersion) -> Option<Cost> {
    let optimises_nop5 = kernel
        >= KernelVersion {
            major: 6,
            minor: 18,
        };
    if optimises_nop5 && is_nop5(code) {
        return None;
    }
    let mut rest = code;
    let mut prefixes = 0;
    let mut operand_size = false;
    while let Some((byte, after)) = rest.split_first() {
        match byte {
            // With a segment override other than fs and gs, or with lock, every instruction is
            // refused.
            0x26 | 0x2e | 0x36 | 0x3e | 0xf0 => return None,
            0x66 => operand_size = true,
            0x64 | 0x65 | 0x67 | 0xf2 | 0xf3 => {}
            _ => break,
        }
        prefixes += 1;
        if prefixes > 14 {
            return None;
        }
        rest = after;
    }
    let rex = rest.first().is_some_and(|byte| byte & 0xf0 == 0x40);
    let opcode = &rest[usize::from(rex)..];
    match *opcode {
        [0x50..=0x57, ..] if prefixes == 0 => Some(Cost::Emulated),
        [0x90, ..] if !rex => Some(Cost::Emulated),
        [0xe8 | 0xe9 | 0xeb | 0x70..=0x7f, ..] | [0x0f, 0x80..=0x8f, ..]
            if !operand_size && prefixes == 0 && !rex =>
        {
            Some(Cost::Emulated)
        }
        // VEX, EVEX and XOP are not in the kernel's table.
        [0x62 | 0xc4 | 0xc5, ..] => None,
        [0x8f, second, ..] if second & 0x38 != 0 => None,
        // System calls, traps, port and privileged instructions, far control flow.
        [
            0x0f,
            0x05 | 0x07 | 0x0b | 0x34 | 0x35 | 0x01 | 0x00 | 0x06 | 0x08 | 0x09,
            ..,
        ] => None,
        [0x0f, 0x20..=0x23 | 0x30 | 0x32 | 0x33 | 0x37, ..] => None,
        [
            0xcc..=0xcf
            | 0xca
            | 0xcb
            | 0x6c..=0x6f
            | 0xe4..=0xe7
            | 0xec..=0xef
            | 0xf1
            | 0xf4
            | 0xfa
            | 0xfb
            | 0xd4..=0xd6
            | 0x9a
            | 0xea
            | 0x06
            | 0x07
            | 0x0e
            | 0x16
            | 0x17
            | 0x1e
            | 0x1f
            | 0x27
            | 0x2f
            | 0x37
            | 0x3f
            | 0x60
            | 0x61
            | 0x82,
            ..,
        ] => None,
        [_, ..] => Some(Cost::SingleStepped),
        [] => None,
    }
}

/// The cost of a probe on the return instruction at the start of `code`, on a kernel that lets the
/// program at a plain return carry it out.
///
/// `may_follow_call`: a call may return right there. Then the program cannot tell whether another
/// program has carried it out.
pub fn return_cost(code: &[u8], may_follow_call: bool) -> Cost {
    let is_plain = matches!(code, [0xc3, ..] | [0xf3, 0xc3, ..]);
    if is_plain && !may_follow_call {
        Cost::CarriedOut
    } else {
        Cost::SingleStepped
    }
}

/// Checks that the bytes are the code of a marker: a 1-byte nop (the site of the probe), the 5-byte
/// nop, a return.
///
/// # Errors
/// The difference, in words.
pub fn check_marker_site(code: &[u8]) -> Result<(), &'static str> {
    match code {
        [0x90, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0xc3, ..] => Ok(()),
        [0x90, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0xf3, 0xc3, ..] => Ok(()),
        [0x90, 0x0f, 0x1f, 0x44, 0x00, 0x00, ..] => {
            Err("it was inlined: no return follows the nops")
        }
        [0x0f, 0x1f, 0x44, 0x00, 0x00, ..] => Err("no 1-byte nop precedes the 5-byte one"),
        [0xcc, ..] => Err("a breakpoint is written there"),
        _ => Err("other code is there"),
    }
}

/// Whether the code starts with a nop of five bytes, in any encoding. Kernels from 6.18 on turn a
/// probed one into a call into a page that they map for it: the call writes below the stack
/// pointer, and a forked child inherits the call but not the page, so that it crashes.
pub fn is_nop5(code: &[u8]) -> bool {
    let mut decoder = iced_x86::Decoder::new(64, code, iced_x86::DecoderOptions::NONE);
    let decoded = decoder.decode();
    decoded.mnemonic() == iced_x86::Mnemonic::Nop && decoded.len() == 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_returns_are_carried_out_except_after_calls() {
        for code in [&[0xc3][..], &[0xc3, 0x90], &[0xf3, 0xc3]] {
            assert_eq!(return_cost(code, false), Cost::CarriedOut, "{code:x?}");
            assert_eq!(return_cost(code, true), Cost::SingleStepped, "{code:x?}");
        }
    }

    #[test]
    fn other_returns_are_left_to_the_kernel() {
        // `ret 8`, `bnd ret`, `lock ret`, a far return, `ret` with an operand size, another one.
        for code in [
            &[0xc2, 0x08, 0x00][..],
            &[0xf2, 0xc3],
            &[0xf0, 0xc3],
            &[0xcb],
            &[0x66, 0xc3],
            &[0x48, 0xc3],
            &[],
        ] {
            assert_eq!(return_cost(code, false), Cost::SingleStepped, "{code:x?}");
        }
    }

    #[test]
    fn returns_are_left_alone_from_linux_6_18_on() {
        for (release, expected) in [
            ("5.17.0", false),
            ("6.12.74+deb13-amd64", false),
            ("6.17.13", false),
            ("6.18.0-rc1", true),
            ("6.19.6+deb13-cloud-amd64", true),
            ("7.0.0", true),
        ] {
            let kernel = KernelVersion::parse(release).unwrap();
            assert_eq!(kernel.leaves_carried_out_returns(), expected, "{release}");
        }
    }
}
