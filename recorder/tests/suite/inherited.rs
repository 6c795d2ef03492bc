//! A command runs as it would without the recorder: every kind of state that a process inherits
//! from its caller is the same.

use crate::support;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::host;
use crate::support::place::Place;

/// A change that a caller makes before it starts a program. Runs in the forked child: allocates
/// nothing.
type Step = fn() -> io::Result<()>;

fn done(result: impl Into<i64>) -> io::Result<()> {
    if result.into() < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// By the system call itself, because the C library reserves signals 32 and 33.
fn ignore(signal: i32) -> io::Result<()> {
    let action: [usize; 4] = [libc::SIG_IGN, 0, 0, 0];
    let old: *mut usize = std::ptr::null_mut();
    // SAFETY: an action in the kernel's layout.
    done(unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), old, 8) })
}

fn ignore_all(signals: &[i32]) -> io::Result<()> {
    signals.iter().try_for_each(|&signal| ignore(signal))
}

fn block(set: u64) -> io::Result<()> {
    let old: *mut u64 = std::ptr::null_mut();
    // SAFETY: a set of the size that is passed along.
    done(unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_BLOCK,
            &raw const set,
            old,
            8,
        )
    })
}

fn close(fds: &[i32]) -> io::Result<()> {
    // SAFETY: nothing else uses them in the forked child.
    fds.iter()
        .try_for_each(|&fd| done(unsafe { libc::close(fd) }))
}

fn limit(resource: u32, soft: u64) -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a limit to be filled in and to be read.
    unsafe {
        done(libc::getrlimit(resource, &raw mut limit))?;
        limit.rlim_cur = soft.min(limit.rlim_max);
        done(libc::setrlimit(resource, &raw const limit))
    }
}

fn schedule(policy: u32, flags: u64, nice: i32, priority: u32) -> io::Result<()> {
    // SAFETY: all zero is an attribute set; its `size` is right.
    unsafe {
        let mut attributes: libc::sched_attr = std::mem::zeroed();
        attributes.size = size_of::<libc::sched_attr>() as u32;
        attributes.sched_policy = policy;
        attributes.sched_flags = flags;
        attributes.sched_nice = nice;
        attributes.sched_priority = priority;
        done(libc::syscall(
            libc::SYS_sched_setattr,
            0,
            &raw const attributes,
            0,
        ))
    }
}

fn prctl(option: i32, value: u64) -> io::Result<()> {
    // SAFETY: options that take numbers.
    done(unsafe { libc::prctl(option, value, 0, 0, 0) })
}

fn write(path: &std::ffi::CStr, text: &[u8]) -> io::Result<()> {
    // SAFETY: a string, and a buffer with its length.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        done(fd)?;
        done(libc::write(fd, text.as_ptr().cast(), text.len()) as i64)?;
        done(libc::close(fd))
    }
}

const ALL_SIGNALS: u64 = u64::MAX;

/// Every kind of state, by name. Those with the same number are tested together.
const STEPS: &[(usize, &str, Step)] = &[
    (0, "nothing", || Ok(())),
    (1, "SIGPIPE ignored", || ignore(libc::SIGPIPE)),
    (2, "SIGINT and SIGQUIT ignored", || {
        ignore_all(&[libc::SIGINT, libc::SIGQUIT])
    }),
    (3, "SIGTERM and SIGHUP ignored", || {
        ignore_all(&[libc::SIGTERM, libc::SIGHUP])
    }),
    (4, "SIGCHLD ignored", || ignore(libc::SIGCHLD)),
    (5, "every signal ignored", || {
        let can = |signal: &i32| ![libc::SIGKILL, libc::SIGSTOP].contains(signal);
        (1..=64).filter(can).try_for_each(ignore)
    }),
    (1, "SIGTERM blocked", || block(1 << (libc::SIGTERM - 1))),
    (2, "SIGINT, SIGCHLD and a real-time signal blocked", || {
        block(1 << (libc::SIGINT - 1) | 1 << (libc::SIGCHLD - 1) | 1 << 39)
    }),
    (6, "every signal blocked", || block(ALL_SIGNALS)),
    (1, "stdin closed", || close(&[0])),
    (2, "stdout closed", || close(&[1])),
    (3, "stderr closed", || close(&[2])),
    (4, "stdin and stdout closed", || close(&[0, 1])),
    (5, "all three closed", || close(&[0, 1, 2])),
    (6, "further descriptors", || {
        // SAFETY: descriptors 2 and 1 are open or this fails.
        unsafe {
            done(libc::dup2(2, 3))?;
            done(libc::dup2(2, 4))?;
            done(libc::dup2(1, 77))
        }
    }),
    // SAFETY: takes a number.
    (1, "umask 077", || done(unsafe { libc::umask(0o077) })),
    (2, "umask 0", || done(unsafe { libc::umask(0) })),
    (1, "few open files", || limit(libc::RLIMIT_NOFILE, 100)),
    (2, "no core, a small stack, large files", || {
        limit(libc::RLIMIT_CORE, 0)?;
        limit(libc::RLIMIT_STACK, 1 << 20)?;
        limit(libc::RLIMIT_FSIZE, 1 << 30)
    }),
    // SAFETY: takes numbers.
    (1, "nice 7", || {
        done(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 7) })
    }),
    (5, "nice -3", || {
        done(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -3) })
    }),
    // SAFETY: takes numbers.
    (2, "idle I/O", || {
        done(unsafe { libc::syscall(libc::SYS_ioprio_set, 1, 0, 3 << 13) })
    }),
    (3, "batch", || schedule(libc::SCHED_BATCH as u32, 0, 2, 0)),
    (4, "real time until the next fork", || {
        schedule(
            libc::SCHED_FIFO as u32,
            libc::SCHED_FLAG_RESET_ON_FORK as u64,
            0,
            3,
        )
    }),
    (4, "one CPU", || {
        // SAFETY: a set of CPUs with its size.
        unsafe {
            let mut cpus: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(0, &mut cpus);
            done(libc::sched_setaffinity(
                0,
                size_of::<libc::cpu_set_t>(),
                &raw const cpus,
            ))
        }
    }),
    // SAFETY: these take numbers or nothing.
    (1, "a session of its own", || {
        done(unsafe { libc::setsid() })
    }),
    (2, "a group of its own", || {
        done(unsafe { libc::setpgid(0, 0) })
    }),
    (3, "another directory", || {
        done(unsafe { libc::chdir(c"/usr/lib".as_ptr()) })
    }),
    (3, "an end with the parent", || {
        prctl(libc::PR_SET_PDEATHSIG, libc::SIGUSR1 as u64)
    }),
    (4, "no new privileges", || {
        prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
    }),
    (2, "a reaper of orphans", || {
        prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
    }),
    (4, "a timer slack", || {
        prctl(libc::PR_SET_TIMERSLACK, 123_456)
    }),
    (5, "fewer capabilities", || prctl(libc::PR_CAPBSET_DROP, 25)),
    (5, "no huge pages", || prctl(libc::PR_SET_THP_DISABLE, 1)),
    (5, "killed first", || {
        write(c"/proc/self/oom_score_adj", b"500")
    }),
    (5, "other core dumps", || {
        write(c"/proc/self/coredump_filter", b"0x7")
    }),
    (3, "timers", || {
        let timer = libc::itimerval {
            it_interval: libc::timeval {
                tv_sec: 0,
                tv_usec: 0,
            },
            it_value: libc::timeval {
                tv_sec: 1_000,
                tv_usec: 0,
            },
        };
        let old: *mut libc::itimerval = std::ptr::null_mut();
        [0, 1, 2].into_iter().try_for_each(|which| {
            // SAFETY: a timer to be read.
            done(unsafe { libc::syscall(libc::SYS_setitimer, which, &raw const timer, old) })
        })
    }),
];

/// A directory with a target, in which it writes its output.
impl Place {
    /// Starts the target after `steps`, by the recorder where `recorded`; returns its output.
    fn run(&self, steps: &[Step], recorded: bool, change: impl Fn(&mut Command)) -> String {
        let output = self.path("printed");
        let target = [self.program.as_os_str(), output.as_os_str()];
        let arguments = [
            OsStr::new("a b"),
            OsStr::from_bytes(b"\xff\n"),
            OsStr::new("--"),
        ];
        let mut command = if recorded {
            let mut probe = std::ffi::OsString::from("op=uprobe:");
            probe.push(&self.program);
            probe.push(":op");
            let mut recorder = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"));
            let recording = self.path("recording");
            recorder.args(["record", "-o"]).arg(recording);
            recorder.arg("--op").arg(probe).arg("--").args(target);
            recorder
        } else {
            let mut alone = Command::new(target[0]);
            alone.arg(target[1]);
            alone
        };
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let stderr = fs::File::create(self.path("stderr")).unwrap();
        command.stderr(stderr);
        change(&mut command);
        let steps = steps.to_vec();
        // SAFETY: each step makes system calls only.
        unsafe { command.pre_exec(move || steps.iter().try_for_each(|step| step())) };
        let status = command.status().unwrap();
        let stderr = fs::read_to_string(self.path("stderr")).unwrap();
        assert!(status.success(), "{status}: {stderr}");
        let printed = String::from_utf8_lossy(&fs::read(&output).unwrap()).into_owned();
        fs::remove_file(&output).unwrap();
        printed
    }

    fn compare_all(&self, chosen: &[&(usize, &str, Step)]) {
        let names: Vec<_> = chosen.iter().map(|(_, name, _)| *name).collect();
        let steps: Vec<Step> = chosen.iter().map(|(.., step)| *step).collect();
        self.compare(&names.join(", "), &steps, |_| {});
    }

    fn compare(&self, name: &str, steps: &[Step], change: impl Fn(&mut Command)) {
        let alone = self.run(steps, false, &change);
        let recorded = self.run(steps, true, &change);
        assert!(alone.lines().count() > 60, "{alone}");
        let differences: Vec<String> = alone
            .lines()
            .filter(|line| !recorded.lines().any(|other| other == *line))
            .map(|line| format!("without a recorder: {line}"))
            .chain(
                recorded
                    .lines()
                    .filter(|line| !alone.lines().any(|other| other == *line))
                    .map(|line| format!("with a recorder: {line}")),
            )
            .collect();
        assert!(alone == recorded, "{name}: {differences:#?}");
    }
}

#[test]
fn a_command_inherits_the_same_state_as_without_the_recorder() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("inherits.c");
    let last = STEPS.iter().map(|(group, ..)| *group).max().unwrap();
    for group in 0..=last {
        let chosen: Vec<_> = STEPS.iter().filter(|step| step.0 == group).collect();
        place.compare_all(&chosen);
    }
}

#[test]
fn it_inherits_the_same_state_in_random_combinations() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("inherits.c");
    let mut seed = host::seed();
    for _ in 0..3 {
        // The steps that close descriptors come last, because another step copies descriptors.
        let mut chosen: Vec<_> = STEPS
            .iter()
            .filter(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                seed >> 62 == 0
            })
            .collect();
        let closes = |name: &str| name.contains("closed");
        chosen.sort_by_key(|(_, name, _)| closes(name));
        // Only one of them is kept: a descriptor can be closed only once.
        if let Some(first) = chosen.iter().position(|(_, name, _)| closes(name)) {
            chosen.truncate(first + 1);
        }
        // The leader of a session cannot change its group.
        let own_session = chosen.iter().any(|step| step.1 == "a session of its own");
        chosen.retain(|step| !own_session || step.1 != "a group of its own");
        place.compare_all(&chosen);
    }
}

#[test]
fn the_environment_is_the_same_byte_for_byte() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("inherits.c");
    place.compare("none", &[], |command| {
        command.env_clear();
    });
    place.compare("odd", &[], |command| {
        command.env_clear();
        command.env("EMPTY", "").env("SPACE", " = \t");
        command.env(OsStr::from_bytes(b"\xff\xfe"), OsStr::from_bytes(b"\x80"));
        command.env("LISTEN_PID", "1").env("LISTEN_FDS", "2");
        command.env("PATH", "/nowhere");
    });
}

#[test]
fn variables_that_named_the_recorder_name_the_command() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("inherits.c");
    let script = |run: &str| {
        format!(
            "export LISTEN_PID=$$ LISTEN_FDS=0 WATCHDOG_PID=1 SYSTEMD_EXEC_PID=$$; exec {run} sh -c \
             'echo $(($LISTEN_PID == $$)) $(($SYSTEMD_EXEC_PID == $$)) $WATCHDOG_PID >{}'",
            place.path("printed").display()
        )
    };
    let record = format!(
        "{} record -o {} --op op=uprobe:{}:op --",
        env!("CARGO_BIN_EXE_soakbox-recorder"),
        place.path("recording").display(),
        place.program.display()
    );
    for run in ["", &record] {
        let status = Command::new("sh")
            .args(["-c", &script(run)])
            .status()
            .unwrap();
        assert!(status.success());
        let printed = fs::read_to_string(place.path("printed")).unwrap();
        assert_eq!(printed, "1 1 1\n", "{run}");
    }
}

#[test]
fn a_terminal_stays_the_commands_own() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("inherits.c");
    let (mut leader, mut follower) = (0, 0);
    // SAFETY: two descriptors to be filled in; nothing is read.
    let opened = unsafe {
        libc::openpty(
            &raw mut leader,
            &raw mut follower,
            std::ptr::null_mut(),
            std::ptr::null(),
            std::ptr::null(),
        )
    };
    assert_eq!(opened, 0);
    // SAFETY: descriptors of our own from here on.
    let follower = unsafe { fs::File::from_raw_fd(follower) };
    // SAFETY: as above.
    let _leader = unsafe { fs::File::from_raw_fd(leader) };
    place.compare(
        "terminal",
        &[
            // SAFETY: takes nothing.
            || done(unsafe { libc::setsid() }),
            // SAFETY: takes a descriptor and a number.
            || done(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 1) }),
        ],
        |command| {
            command.stdin(follower.try_clone().unwrap());
        },
    );
}

#[test]
fn a_script_without_an_interpreter_line_runs_as_exec_runs_it() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("inherits.c");
    let script = place.path("script");
    fs::write(&script, "exit 7\n").unwrap();
    assert!(
        Command::new("chmod")
            .arg("+x")
            .arg(&script)
            .status()
            .unwrap()
            .success()
    );
    let probe = format!("op=uprobe:{}:op", place.program.display());
    let recording = place.path("recording");
    let (status, _, stderr) = support::recorder::run(&[
        Path::new("record"),
        Path::new("-o"),
        &recording,
        Path::new("--op"),
        Path::new(&probe),
        Path::new("--"),
        &script,
    ]);
    assert!(status.success(), "{stderr}");
    assert!(
        stderr.contains("the command ended with exit status 7"),
        "{stderr}"
    );
}
