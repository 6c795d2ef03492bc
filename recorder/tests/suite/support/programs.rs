//! The BPF programs that this process holds. Other tests load programs of the same names meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::programs::ProgramInfo;

/// Only one test of a process at a time may load programs in it, since they are counted.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the descriptors of this process. The kernel keeps at most 15 bytes of a program's name.
pub(crate) fn held() -> Vec<ProgramInfo> {
    let descriptors = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let ids: BTreeSet<u32> = descriptors
        .filter_map(|descriptor| {
            let text = fs::read_to_string(descriptor.path()).ok()?;
            let id = text
                .lines()
                .find_map(|line| line.strip_prefix("prog_id:"))?;
            id.trim().parse().ok()
        })
        .collect();
    let programs = aya::programs::loaded_programs().filter_map(Result::ok);
    programs
        .filter(|program| ids.contains(&program.id()))
        .collect()
}

/// The machine code of a program, with that of its functions.
pub(crate) fn machine_code(program: &ProgramInfo) -> Vec<u8> {
    // Of `struct bpf_prog_info`: the length of the machine code, and the address of a buffer for it.
    const LENGTH: usize = 16;
    const BUFFER: usize = 24;
    #[repr(C)]
    struct Request {
        program: u32,
        length: u32,
        info: u64,
    }
    let descriptor = program.fd().unwrap();
    let ask = |info: &mut [u8; 232]| {
        const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;
        let request = Request {
            program: descriptor.as_fd().as_raw_fd() as u32,
            length: info.len() as u32,
            info: info.as_mut_ptr() as u64,
        };
        // SAFETY: the kernel writes to `info`, and to the buffer whose address and length it has.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                BPF_OBJ_GET_INFO_BY_FD,
                &raw const request,
                size_of::<Request>(),
            )
        };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    };
    let mut info = [0; 232];
    ask(&mut info);
    let length = u32::from_ne_bytes(info[LENGTH..][..4].try_into().unwrap());
    let mut code = vec![0u8; length as usize];
    let mut info = [0; 232];
    info[LENGTH..][..4].copy_from_slice(&length.to_ne_bytes());
    info[BUFFER..][..8].copy_from_slice(&(code.as_mut_ptr() as u64).to_ne_bytes());
    ask(&mut info);
    code
}
