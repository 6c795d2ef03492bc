//! The recorder is two processes: one records, the other one attaches and detaches. Whichever of them
//! is killed, stopped or lied to, no breakpoint stays in the target, and what is recorded is sealed.

use std::fs;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::attacher;
use crate::support::code::{is_unchanged, wait_until_unchanged};
use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{self, Recorder, program};
use crate::support::recording::Recording;
use crate::support::targets::{self, Endless};

/// A number below `most` from a seed.
fn below(seed: &mut u64, most: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*seed >> 33) % most
}

/// Starts a target that calls `op` as often as it can, so that probes are switched all the time.
fn busy(place: &Place) -> Endless {
    Endless::start(&place.program, &["200000", "50", "50", "600", "0"])
}

fn wait_until_changed(target: &mut Endless, program: &Path) {
    while is_unchanged(target.pid(), program) {
        assert!(target.is_running());
    }
}

#[test]
fn a_recorder_that_is_killed_at_any_moment_leaves_no_breakpoint() {
    if !host::allows_bpf() {
        return;
    }
    let mut seed = host::seed();
    let place = Place::of("load.c");
    let other = Place::new();
    let mix = ["mix", "400", "3", "5", "7"];
    let alone = targets::run(&other.program, &mix);
    let mut target = busy(&place);
    let mut killed_while_attached = 0;
    for round in 0..12 {
        let root = place.path(&format!("recording-{round}"));
        let other_op = format!("other=uprobe:{}:op", other.program.display());
        let mut command = program();
        command.args(["record", "--max-overhead", "1%", "--op", &place.probe()]);
        command.args(["--op", &other_op, "-o"]).arg(&root);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        // A group of its own, all of which is killed in every second round.
        command.process_group(0);
        let mut child = command.spawn().unwrap();
        // While it measures, attaches, or (later) switches.
        let late = below(&mut seed, 2) == 0;
        let from = if late {
            wait_until_changed(&mut target, &place.program);
            0
        } else {
            200
        };
        std::thread::sleep(Duration::from_micros(
            (from + below(&mut seed, 900)) * 1_000,
        ));
        killed_while_attached += u32::from(!is_unchanged(target.pid(), &place.program));
        let group = if round % 2 == 0 { -1 } else { 1 };
        // SAFETY: our own child or its group, which has not been waited for.
        unsafe { libc::kill(child.id() as i32 * group, libc::SIGKILL) };
        child.wait().unwrap();
        assert_eq!(targets::run(&other.program, &mix), alone);
        wait_until_unchanged(&target, &place.program);
        assert!(target.is_running());
        if root.exists() {
            let report = recorder::json(&["recover", &root.display().to_string()]);
            assert_eq!(report["bytes_discarded"].as_u64(), Some(0), "{report}");
        }
    }
    eprintln!("killed with a breakpoint in the target: {killed_while_attached} of 12");
}

#[test]
fn what_is_recorded_is_sealed_when_the_attaching_process_is_killed() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = place.record("recording");
    place.calls("70");
    // The rows of these calls have left the ring.
    std::thread::sleep(Duration::from_millis(1_500));
    attacher::signal(attacher::of(recorder.pid()), libc::SIGKILL);
    let ended = recorder.wait();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap();
    assert!(
        last.contains("has ended, and nothing is observed any more: signal 9"),
        "{last}"
    );
    let recording = Recording::open(&place.root());
    assert_eq!(recording.checked("op").finished, 70);
    let gaps: Vec<String> = recording
        .gaps()
        .into_iter()
        .map(|(_, cause)| cause)
        .collect();
    assert_eq!(gaps, ["attaching process ended"]);
    assert!(
        !place.root().join("journal").exists() || {
            let left = fs::read_dir(place.root().join("journal")).unwrap().count();
            left == 0
        }
    );
}

#[test]
fn a_stopped_attaching_process_does_not_keep_the_recorder_and_detaches_when_it_goes_on() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("load.c");
    let mut target = Endless::start(&place.program, &["10", "50", "50", "600", "0"]);
    let recorder = place.record("recording");
    wait_until_changed(&mut target, &place.program);
    std::thread::sleep(Duration::from_millis(1_500));
    let attaching = attacher::of(recorder.pid());
    attacher::signal(attaching, libc::SIGSTOP);
    let started = Instant::now();
    let ended = recorder.stop_only();
    let took = started.elapsed();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(
        ended.stderr.contains("has not answered for"),
        "{}",
        ended.stderr
    );
    let last = ended.stderr.lines().last().unwrap();
    let hint = format!("kill -CONT {attaching}");
    assert!(
        last.contains("removes them as soon as it goes on") && last.contains(&hint),
        "{last}"
    );
    assert!(Recording::open(&place.root()).checked("op").finished > 0);
    assert!(!is_unchanged(target.pid(), &place.program), "it is stopped");
    attacher::signal(attaching, libc::SIGCONT);
    attacher::wait_for_end(attaching);
    assert!(is_unchanged(target.pid(), &place.program));
    assert!(target.is_running());
}

#[test]
fn a_stopped_recorder_delays_no_writer_of_an_observed_file() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = place.record("recording");
    place.calls("30");
    recorder.signal(libc::SIGSTOP);
    let started = Instant::now();
    fs::File::options()
        .append(true)
        .open(&place.program)
        .unwrap();
    let waited = started.elapsed();
    // The kernel lets it go on after 45 s at the latest.
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    recorder.signal(libc::SIGCONT);
    let ended = recorder.stop().check();
    assert!(
        ended.stderr.contains("opened for writing"),
        "{}",
        ended.stderr
    );
    let recording = Recording::open(&place.root());
    assert_eq!(recording.checked("op").finished, 30);
    let gaps: Vec<String> = recording
        .gaps()
        .into_iter()
        .map(|(_, cause)| cause)
        .collect();
    assert_eq!(gaps, ["file overwritten"]);
}

/// A stopped one would otherwise keep a lock for ever.
#[test]
fn the_attaching_process_keeps_nothing_that_the_recorder_inherited() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let file = fs::File::create(place.path("inherited")).unwrap();
    let mut command = program();
    command.args(["record", "--op", &place.probe(), "-o"]);
    command.arg(place.root()).stdin(Stdio::null());
    command
        .stdout(file.try_clone().unwrap())
        .stderr(Stdio::piped());
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    // SAFETY: dup2 is async-signal-safe, and clears the flag by which exec closes a descriptor.
    unsafe {
        command.pre_exec(move || {
            libc::dup2(number, 77);
            Ok(())
        });
    }
    let recorder = Recorder::spawn(command);
    let has_it = |pid: u32| {
        let listing = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let paths = listing.filter_map(|entry| fs::read_link(entry.path()).ok());
        paths.filter(|path| path.ends_with("inherited")).count()
    };
    assert_eq!(has_it(recorder.pid()), 2);
    assert_eq!(has_it(attacher::of(recorder.pid())), 0);
    place.calls("20");
    recorder.stop().check();
    assert_eq!(Recording::open(&place.root()).checked("op").finished, 20);
}

/// The recorder's own end of the socket between its processes, as somebody has it who runs code of
/// their own in the recording process.
fn socket_of(recorder: u32) -> OwnedFd {
    let listing = fs::read_dir(format!("/proc/{recorder}/fd"))
        .unwrap()
        .flatten();
    let numbers = listing.filter(|entry| {
        let to = fs::read_link(entry.path()).unwrap_or_default();
        to.display().to_string().starts_with("socket:")
    });
    let numbers: Vec<i32> = numbers
        .map(|entry| entry.file_name().to_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(numbers.len(), 1, "it has one socket");
    // SAFETY: takes numbers; the kernel opens new descriptors.
    unsafe {
        let process = libc::syscall(libc::SYS_pidfd_open, recorder, 0);
        assert!(process >= 0);
        let process = OwnedFd::from_raw_fd(process as i32);
        let process = std::os::fd::AsRawFd::as_raw_fd(&process);
        let socket = libc::syscall(libc::SYS_pidfd_getfd, process, numbers[0], 0);
        assert!(socket >= 0, "{}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(socket as i32)
    }
}

#[test]
fn whatever_is_asked_that_may_not_be_asked_has_everything_detached() {
    if !host::allows_bpf() || !rustix::process::geteuid().is_root() {
        return;
    }
    let mut seed = host::seed();
    let random: Vec<u8> = (0..1 + below(&mut seed, 300))
        .map(|_| below(&mut seed, 256) as u8)
        .collect();
    let asked: [&[u8]; 6] = [
        &random,
        // At the wrong time; of a thread of another process; longer than any request; more than one.
        b"\"Attach\"",
        b"{\"Follow\":1}",
        &[b' '; 200],
        b"\"Detach\"\"Detach\"",
        b"{\"Attach\":{\"path\":\"/bin/sh\",\"offset\":64}}",
    ];
    let place = Place::of("load.c");
    for (round, bytes) in asked.into_iter().enumerate() {
        let mut target = Endless::start(&place.program, &["10", "50", "50", "600", "0"]);
        let recorder = place.record(&format!("recording-{round}"));
        wait_until_changed(&mut target, &place.program);
        let attaching = attacher::of(recorder.pid());
        let socket = socket_of(recorder.pid());
        // SAFETY: the bytes outlive the call.
        let sent = unsafe {
            let socket = std::os::fd::AsRawFd::as_raw_fd(&socket);
            libc::send(socket, bytes.as_ptr().cast(), bytes.len(), 0)
        };
        assert_eq!(sent, bytes.len() as isize);
        drop(socket);
        attacher::wait_for_end(attaching);
        assert!(is_unchanged(target.pid(), &place.program), "{round}");
        let ended = recorder.wait();
        assert_eq!(ended.status.code(), Some(2), "{round}: {}", ended.stderr);
        let last = ended.stderr.lines().last().unwrap();
        assert!(last.contains("request"), "{round}: {last}");
        assert!(target.is_running());
    }
}
