//! Seccomp: the system calls that the calling thread may still make. All others fail with EPERM and
//! are noted in the kernel's log (audit). They do not kill: a call that a later version of the C
//! library makes must not end a recording of weeks.

use std::io;
use std::mem::offset_of;

use libc::{c_long, c_uint, seccomp_data, sock_filter, sock_fprog};

use super::Role;

/// Memory, threads, time, and the descriptors that are open already: every thread of a recording.
const ALWAYS: [c_long; 39] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_eventfd2,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getpgrp,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_membarrier,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// To read files, wherever they are: Landlock limits the paths.
const READ: [c_long; 17] = [
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_access,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_readv,
    libc::SYS_fadvise64,
];

/// To write those of the recording.
const WRITE: [c_long; 21] = [
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_flock,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
    libc::SYS_umask,
];

/// The open sockets, the free space of a disk, a child's end.
const SPEAK: [c_long; 8] = [
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_waitid,
    libc::SYS_pread64,
];

/// To list a directory that is open, and its files; to end the attaching process.
const LIST: [c_long; 3] = [
    libc::SYS_getdents64,
    libc::SYS_newfstatat,
    libc::SYS_shutdown,
];

/// To find processes, and to answer the recording process.
const ATTACH: [c_long; 5] = [
    libc::SYS_pidfd_open,
    libc::SYS_signalfd4,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
];

/// Commands of `bpf` that the attaching process gives once its probes are attached: for the elements of
/// maps (1 to 4), `BPF_PROG_LOAD` for what the next build of a program needs, `BPF_LINK_CREATE`, a walk
/// over threads, and questions about what it has (`BPF_OBJ_GET_INFO_BY_FD`). It makes and pins nothing.
const ATTACHING: [u32; 8] = [1, 2, 3, 4, 5, 15, 28, CREATE_ITERATOR];

/// What may be done with a descriptor: to copy it, to ask and set its flags, and to lock its file. Not to
/// choose a process that gets its signals.
const DESCRIPTOR: [u32; 11] = [
    libc::F_DUPFD as u32,
    libc::F_DUPFD_CLOEXEC as u32,
    libc::F_GETFD as u32,
    libc::F_SETFD as u32,
    libc::F_GETFL as u32,
    libc::F_SETFL as u32,
    libc::F_SETLK as u32,
    libc::F_OFD_SETLK as u32,
    libc::F_OFD_GETLK as u32,
    libc::F_SETLEASE as u32,
    libc::F_GETLEASE as u32,
];

/// What would open a file for more than reading.
const WRITING: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32;

/// `BPF_ITER_CREATE`: a walk, over the operations in flight for example. It is the only command of `bpf` that the
/// collecting thread gives.
const CREATE_ITERATOR: u32 = 33;

/// Questions about the terminal: whether it is one, its size, its foreground.
const TERMINAL: [u32; 3] = [
    libc::TCGETS as u32,
    libc::TIOCGWINSZ as u32,
    libc::TIOCGPGRP as u32,
];

/// What is done with a perf event (`linux/perf_event.h`): switch it on and off, and set its program.
/// And whether a message goes to a terminal.
const PERF_EVENT: [u32; 4] = [0x2400, 0x2401, 0x4004_2408, TERMINAL[0]];

/// Names for a thread and for memory.
const NAMES: [u32; 2] = [libc::PR_SET_NAME as u32, libc::PR_SET_VMA as u32];

/// A condition on the lower half of an argument.
#[derive(Clone, Copy)]
enum When {
    OneOf(&'static [u32]),
    Equal(u32),
    /// One of these bits is set.
    AnyOf(u32),
    /// None of these bits is set.
    NoneOf(u32),
}

/// Instructions of a filter (`linux/filter.h`).
const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_ANY: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// AUDIT_ARCH_X86_64. A call by another interface of the kernel has other numbers.
const ARCHITECTURE: u32 = 0xC000_003E;

const DENY: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

/// The filter of a role.
pub(super) struct Filter(Vec<sock_filter>);

impl Filter {
    pub(super) fn of(role: Role) -> Self {
        let mut filter = Self::begin();
        match role {
            Role::Attach | Role::AttachSingly => {
                filter.allow(&READ);
                filter.allow(&ATTACH);
                filter.allow_if(libc::SYS_bpf, 0, When::OneOf(&ATTACHING));
                filter.allow_if(libc::SYS_open, 1, When::NoneOf(WRITING));
                filter.allow_if(libc::SYS_openat, 2, When::NoneOf(WRITING));
                if role == Role::AttachSingly {
                    filter.allow(&[libc::SYS_perf_event_open]);
                }
            }
            Role::Collect => filter.allow_if(libc::SYS_bpf, 0, When::Equal(CREATE_ITERATOR)),
            Role::Write => {
                filter.allow(&READ);
                filter.allow(&WRITE);
            }
            Role::Record => filter.allow(&SPEAK),
            Role::Signals => filter.allow(&LIST),
        }
        filter.allow(&ALWAYS);
        let devices: &[u32] = match role {
            Role::AttachSingly => &PERF_EVENT,
            _ => &TERMINAL,
        };
        filter.allow_if(libc::SYS_ioctl, 1, When::OneOf(devices));
        filter.allow_if(libc::SYS_prctl, 0, When::OneOf(&NAMES));
        filter.allow_if(libc::SYS_fcntl, 1, When::OneOf(&DESCRIPTOR));
        // Limits of its own process: those of another one would end it.
        filter.allow_if(libc::SYS_prlimit64, 0, When::Equal(0));
        for map in [libc::SYS_mmap, libc::SYS_mprotect] {
            filter.allow_if(map, 2, When::NoneOf(libc::PROT_EXEC as u32));
        }
        // Threads, and no processes. The C library goes on with `clone` where `clone3` is missing,
        // whose arguments no filter can see.
        filter.allow_if(libc::SYS_clone, 0, When::AnyOf(libc::CLONE_THREAD as u32));
        filter.refuse(libc::SYS_clone3, libc::ENOSYS);
        // An abort.
        filter.allow_if(libc::SYS_tgkill, 0, When::Equal(std::process::id()));
        filter.add(RETURN, DENY, 0, 0);
        filter
    }

    fn begin() -> Self {
        let mut filter = Self(Vec::new());
        filter.add(LOAD, offset_of!(seccomp_data, arch) as u32, 0, 0);
        filter.add(IF_EQUAL, ARCHITECTURE, 1, 0);
        filter.add(RETURN, DENY, 0, 0);
        filter.add(LOAD, offset_of!(seccomp_data, nr) as u32, 0, 0);
        filter
    }

    /// Adds an instruction; `yes` and `no` are how many a condition skips.
    fn add(&mut self, code: u16, k: u32, yes: u8, no: u8) {
        self.0.push(sock_filter {
            code,
            jt: yes,
            jf: no,
            k,
        });
    }

    fn allow(&mut self, calls: &[c_long]) {
        for &call in calls {
            self.add(IF_EQUAL, call as u32, 0, 1);
            self.add(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
        }
    }

    fn refuse(&mut self, call: c_long, error: i32) {
        self.add(IF_EQUAL, call as u32, 0, 1);
        self.add(RETURN, libc::SECCOMP_RET_ERRNO | error as u32, 0, 0);
    }

    /// Allows `call` where this holds for its argument at `index`.
    fn allow_if(&mut self, call: c_long, index: usize, when: When) {
        let argument = offset_of!(seccomp_data, args) + index * size_of::<u64>();
        // Each a condition, and how many instructions it skips where it holds and where not.
        let conditions = match when {
            When::OneOf(values) => values
                .iter()
                .map(|value| (IF_EQUAL, *value, 0, 1))
                .collect(),
            When::Equal(value) => vec![(IF_EQUAL, value, 0, 1)],
            When::AnyOf(bits) => vec![(IF_ANY, bits, 0, 1)],
            When::NoneOf(bits) => vec![(IF_ANY, bits, 1, 0)],
        };
        // A load, two for each condition, and the refusal.
        let all = 2 + 2 * conditions.len() as u8;
        self.add(IF_EQUAL, call as u32, 0, all);
        // x86-64 is little-endian: the lower half comes first.
        self.add(LOAD, argument as u32, 0, 0);
        for (code, value, yes, no) in conditions {
            self.add(code, value, yes, no);
            self.add(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
        }
        self.add(RETURN, DENY, 0, 0);
    }

    /// Puts the filter up around the calling thread and all that it starts, for good. It must have
    /// no_new_privs.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub(super) fn install(mut self) -> io::Result<()> {
        let program = sock_fprog {
            len: self.0.len() as u16,
            filter: self.0.as_mut_ptr(),
        };
        // The threads share their memory anyway, so that nothing is won by slower branches.
        let flags =
            (libc::SECCOMP_FILTER_FLAG_LOG | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW) as c_uint;
        // SAFETY: a program in the kernel's layout, which it copies.
        let result = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                flags,
                &raw const program,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}
