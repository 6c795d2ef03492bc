//! What a thread inside the fence can and cannot do, on this kernel.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use super::*;

fn fence(root: &Path) -> Fence {
    let fence = Fence::new(root, Capabilities::NONE).unwrap();
    let required = std::env::var_os("SOAKBOX_REQUIRE_KERNEL").is_some_and(|value| value == "1");
    let missing = fence.missing();
    assert!(!required || missing.is_empty(), "{missing:?}");
    fence
}

fn is_refused<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// The value of a line of the calling thread's status.
fn status(name: &str) -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim_matches([':', '\t', ' ']).to_owned()
}

/// Effective capabilities and seccomp of a thread that cannot read them itself.
fn seen_from_outside(fence: &Fence, role: Role) -> (String, String) {
    let (tell, told) = crossbeam_channel::bounded(1);
    let (end, ended) = crossbeam_channel::bounded::<()>(1);
    thread::scope(|scope| {
        scope.spawn(move || {
            fence.within(role, move || {
                tell.send(rustix::thread::gettid()).unwrap();
                let _ = ended.recv();
            })
        });
        let path = format!("/proc/self/task/{}/status", told.recv().unwrap());
        let status = fs::read_to_string(path).unwrap();
        drop(end);
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim_matches([':', '\t', ' ']).to_owned()
        };
        (field("CapEff"), field("Seccomp"))
    })
}

#[test]
fn a_writing_thread_does_all_that_a_recording_needs_below_its_directory() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("recording");
    fs::create_dir_all(root.join("journal")).unwrap();
    let fence = fence(&root);
    let done = fence.within(Role::Write, || -> io::Result<u64> {
        let journal = root.join("journal/rows");
        let mut file = File::create_new(&journal)?;
        file.write_all(b"rows")?;
        file.sync_all()?;
        file.set_len(2)?;
        fs::create_dir(root.join("segments"))?;
        fs::rename(&journal, root.join("segments/rows"))?;
        fs::hard_link(root.join("segments/rows"), &journal)?;
        fs::remove_file(&journal)?;
        rustix::fs::statvfs(&root)?;
        // A thread of its own, as the writer starts one to seal.
        let size = thread::scope(|scope| {
            let reader = scope.spawn(|| fs::read(root.join("segments/rows")));
            reader.join().unwrap()
        })?;
        fs::remove_file(root.join("segments/rows"))?;
        fs::remove_dir(root.join("segments"))?;
        Ok(size.len() as u64)
    });
    assert_eq!(done.unwrap().unwrap(), 2);
}

#[test]
fn a_writing_thread_reaches_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let (root, outside) = (place.path().join("recording"), place.path().join("outside"));
    fs::create_dir(&root).unwrap();
    fs::write(&outside, "").unwrap();
    std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
    fs::write(root.join("own"), "").unwrap();
    let fence = fence(&root);
    let landlock = fence.landlock.is_some();
    fence
        .within(Role::Write, || {
            if landlock {
                for path in [&outside, &root.join("link"), &root.join("../outside")] {
                    assert!(is_refused(File::open(path)), "{path:?}");
                    assert!(
                        is_refused(File::options().append(true).open(path)),
                        "{path:?}"
                    );
                }
                assert!(is_refused(File::create(place.path().join("new"))));
                assert!(is_refused(fs::remove_file(&outside)));
                assert!(fs::rename(root.join("own"), place.path().join("own")).is_err());
                assert!(is_refused(File::open("/proc/self/mem")));
            }
            if fence.has_seccomp {
                assert!(is_refused(Command::new("/bin/true").status()));
                assert!(is_refused(std::net::UdpSocket::bind("127.0.0.1:0")));
                assert!(is_refused(std::os::unix::net::UnixDatagram::unbound()));
            }
        })
        .unwrap();
    assert!(outside.exists() && root.join("own").exists());
    // The fence is around that thread only.
    fs::remove_file(&outside).unwrap();
    assert!(Command::new("/bin/true").status().unwrap().success());
}

#[test]
fn code_cannot_be_made_and_other_commands_of_bpf_cannot_be_given() {
    let place = tempfile::tempdir().unwrap();
    let fence = fence(place.path());
    if !fence.has_seccomp {
        return;
    }
    let map = |protection: i32| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, which nobody uses.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
        start != libc::MAP_FAILED
    };
    // SAFETY: there is no attribute to be read.
    let bpf = |command: i32| unsafe {
        let none: *const u8 = std::ptr::null();
        let failed = libc::syscall(libc::SYS_bpf, command, none, 0) < 0;
        failed.then(|| *libc::__errno_location())
    };
    for role in [Role::Record, Role::Collect, Role::Write, Role::Signals] {
        fence
            .within(role, || {
                assert!(map(libc::PROT_READ | libc::PROT_WRITE), "{role:?}");
                assert!(!map(libc::PROT_READ | libc::PROT_EXEC), "{role:?}");
                // BPF_PROG_LOAD
                assert_eq!(bpf(5), Some(libc::EPERM), "{role:?}");
                let iterates = bpf(33) != Some(libc::EPERM);
                assert_eq!(iterates, role == Role::Collect, "{role:?}");
                // SAFETY: takes numbers; signal 0 is none.
                let sent = unsafe { libc::kill(libc::getppid(), 0) };
                assert_eq!(sent, -1, "{role:?}");
            })
            .unwrap();
    }
}

/// The error number of a system call with these arguments, or 0.
fn error_of(call: libc::c_long, arguments: &[usize]) -> i32 {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    let [a, b, c, d, e, f] = all;
    // SAFETY: the callers give what the call reads, and calls that would do no harm.
    let answer = unsafe { libc::syscall(call, a, b, c, d, e, f) };
    if answer == -1 {
        io::Error::last_os_error().raw_os_error().unwrap_or(0)
    } else {
        0
    }
}

/// Asks for what no thread of a recorder may do to the process or by itself.
fn assert_harmless(role: Role, pid: u32) {
    let pid = pid as usize;
    let byte = [0_u8; 8];
    let part = libc::iovec {
        iov_base: byte.as_ptr().cast_mut().cast(),
        iov_len: 0,
    };
    let part = &raw const part as usize;
    let attributes = [0_u8; 136];
    let attributes = attributes.as_ptr() as usize;
    // BPF_MAP_CREATE, BPF_OBJ_PIN, BPF_OBJ_GET, BPF_RAW_TRACEPOINT_OPEN, BPF_BTF_LOAD
    for command in [0, 6, 7, 17, 18] {
        let error = error_of(libc::SYS_bpf, &[command, attributes, 64]);
        assert_eq!(error, libc::EPERM, "{role:?}: bpf {command}");
    }
    let seize = libc::PTRACE_SEIZE as usize;
    // F_SETSIG, for which libc has no name.
    let (owner, signal) = (libc::F_SETOWN as usize, 10);
    let cpu = libc::RLIMIT_CPU as usize;
    let calls: [(libc::c_long, &[usize]); 16] = [
        (libc::SYS_fcntl, &[0, owner, pid]),
        (libc::SYS_fcntl, &[0, signal, 9]),
        (libc::SYS_prlimit64, &[pid, cpu]),
        (libc::SYS_ptrace, &[seize, pid]),
        (libc::SYS_process_vm_writev, &[pid, part, 1, part, 1]),
        (libc::SYS_process_vm_readv, &[pid, part, 1, part, 1]),
        (libc::SYS_pidfd_getfd, &[]),
        (libc::SYS_pidfd_send_signal, &[]),
        (libc::SYS_setns, &[]),
        (libc::SYS_kill, &[pid]),
        (libc::SYS_tgkill, &[pid, pid]),
        (libc::SYS_rt_sigqueueinfo, &[pid]),
        (libc::SYS_socket, &[1, 1]),
        (libc::SYS_execve, &[]),
        (libc::SYS_unshare, &[]),
        (libc::SYS_setsid, &[]),
    ];
    for (call, arguments) in calls {
        let error = error_of(call, arguments);
        assert_eq!(error, libc::EPERM, "{role:?}: call {call}");
    }
}

/// Whether perf events may be made and used, which ask for more than uprobes.
fn may_use_perf_events() -> bool {
    let attributes = [0_u8; 136];
    let attributes = attributes.as_ptr() as usize;
    // Neither the flags nor the descriptor exist, and PERF_EVENT_IOC_ENABLE has no name in libc.
    let event = [attributes, 0, usize::MAX, usize::MAX, usize::MAX];
    let answers = [
        error_of(libc::SYS_perf_event_open, &event),
        error_of(libc::SYS_ioctl, &[usize::MAX, 0x2400]),
    ];
    assert!(
        answers == [libc::EPERM; 2] || answers == [libc::EINVAL, libc::EBADF],
        "{answers:?}"
    );
    answers != [libc::EPERM; 2]
}

/// What somebody would try who runs code of their own in a recording process.
#[test]
fn no_thread_of_the_recording_process_reaches_other_processes_or_files() {
    let place = tempfile::tempdir().unwrap();
    let fence = fence(place.path());
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = child.id();
    for role in [Role::Record, Role::Collect, Role::Write, Role::Signals] {
        fence
            .within(role, || {
                if fence.landlock.is_some() || fence.has_seccomp {
                    for path in [
                        "/etc/shadow",
                        "/etc/passwd",
                        "/proc/self/mem",
                        "/proc/self/maps",
                    ] {
                        assert!(is_refused(File::open(path)), "{role:?}: {path}");
                    }
                    assert!(
                        is_refused(File::open(format!("/proc/{pid}/mem"))),
                        "{role:?}"
                    );
                    assert!(is_refused(fs::read_dir("/")), "{role:?}");
                }
                if !fence.has_seccomp {
                    return;
                }
                assert_harmless(role, pid);
                let attributes = [0_u8; 136];
                let attributes = attributes.as_ptr() as usize;
                let error = error_of(libc::SYS_pidfd_open, &[pid as usize]);
                assert_eq!(error, libc::EPERM, "{role:?}");
                // BPF_LINK_CREATE
                let error = error_of(libc::SYS_bpf, &[28, attributes, 64]);
                assert_eq!(error, libc::EPERM, "{role:?}");
                let event = [attributes, 0, usize::MAX, usize::MAX];
                let error = error_of(libc::SYS_perf_event_open, &event);
                assert_eq!(error, libc::EPERM, "{role:?}");
            })
            .unwrap();
    }
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A process whose program is in its memory: it has answered.
fn running_cat() -> std::process::Child {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    child
}

/// It has CAP_SYS_PTRACE, by which it could write into each process of the host.
#[test]
fn the_attaching_process_reads_and_attaches_and_can_do_nothing_else_to_a_process_or_file() {
    let place = tempfile::tempdir().unwrap();
    let fence = fence(place.path());
    let mut child = running_cat();
    let pid = child.id();
    let path = place.path().join("file");
    fs::write(&path, "as it was").unwrap();
    for role in [Role::Attach, Role::AttachSingly] {
        fence
            .within(role, || {
                let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
                assert!(maps.contains("/cat"), "{maps}");
                assert!(fs::read_dir("/proc").unwrap().count() > 0);
                assert_eq!(fs::read_to_string(&path).unwrap(), "as it was");
                if !fence.has_seccomp {
                    return;
                }
                assert_harmless(role, pid);
                assert_eq!(may_use_perf_events(), role == Role::AttachSingly);
                for file in [&path, &Path::new("/proc").join(pid.to_string()).join("mem")] {
                    for options in [
                        File::options().write(true),
                        File::options().read(true).write(true),
                        File::options().append(true),
                        File::options().write(true).truncate(true),
                    ] {
                        assert!(is_refused(options.open(file)), "{file:?}: {options:?}");
                    }
                }
                assert!(is_refused(File::create_new(place.path().join("new"))));
                assert!(is_refused(fs::remove_file(&path)));
                assert!(is_refused(fs::rename(&path, place.path().join("new"))));
                assert!(is_refused(Command::new("/bin/true").status()));
            })
            .unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "as it was");
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn each_role_has_the_capabilities_and_the_reach_that_are_documented() {
    let place = tempfile::tempdir().unwrap();
    let fence = fence(place.path());
    let own = u64::from_str_radix(&status("CapPrm"), 16).unwrap();
    // By number: LEASE, PERFMON, BPF, SYS_PTRACE, DAC_READ_SEARCH.
    let attach: u64 = [28, 38, 39, 19, 2]
        .iter()
        .map(|number| 1_u64 << number)
        .sum();
    const SYS_ADMIN: u64 = 1 << 21;
    for (role, kept) in [
        (Role::Attach, attach),
        (Role::AttachSingly, attach | SYS_ADMIN),
    ] {
        let seen = fence.within(role, || {
            let sets =
                ["CapEff", "CapPrm"].map(|name| u64::from_str_radix(&status(name), 16).unwrap());
            (sets, status("NoNewPrivs"), status("Seccomp"))
        });
        let (sets, no_new_privs, seccomp) = seen.unwrap();
        assert_eq!(sets, [own & kept; 2], "{role:?}");
        let filtered = if fence.has_seccomp { "2" } else { "0" };
        assert_eq!((no_new_privs.as_str(), seccomp.as_str()), ("1", filtered));
    }
    for role in [Role::Record, Role::Signals] {
        let (effective, seccomp) = seen_from_outside(&fence, role);
        assert_eq!(u64::from_str_radix(&effective, 16), Ok(0));
        assert_eq!(seccomp, if fence.has_seccomp { "2" } else { "0" });
    }
    if fence.landlock.is_some() {
        let path = place.path().join("file");
        fence
            .within(Role::Signals, || assert!(is_refused(File::create(&path))))
            .unwrap();
        let read = fence.within(Role::Collect, || File::open("/proc/self/status").is_err());
        assert!(read.unwrap());
    }
}
