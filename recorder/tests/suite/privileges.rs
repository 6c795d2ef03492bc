//! What each thread of a recorder may still ask of the kernel, as /proc shows it and as it works out;
//! and that a recorder needs no more than that.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::attacher;
use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{Recorder, program};
use crate::support::recording::{Recording, wait_for_rows};
use soakbox_schemas::tables::Table;

/// LEASE, PERFMON, BPF, SYS_PTRACE, DAC_READ_SEARCH, by number.
const KEPT: [u32; 5] = [28, 38, 39, 19, 2];

/// Effective capabilities, no_new_privs and seccomp of each thread, by its name.
fn threads(pid: u32) -> BTreeMap<String, (u64, String, String)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let threads = tasks.filter_map(|task| {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).ok();
        let (name, status) = (read("comm")?, read("status")?);
        let field = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key));
            value.unwrap().trim_start_matches([':', '\t']).to_owned()
        };
        let effective = u64::from_str_radix(&field("CapEff"), 16).unwrap();
        let fence = (effective, field("NoNewPrivs"), field("Seccomp"));
        Some((name.trim().to_owned(), fence))
    });
    threads.collect()
}

/// The threads of a process and their fences are these, or soon will be.
fn assert_becomes<const N: usize>(pid: u32, expected: [(&str, (u64, String, String)); N]) {
    let expected = expected.map(|(name, fence)| (name.to_owned(), fence));
    let expected = BTreeMap::from(expected);
    for _ in 0..600 {
        if threads(pid) == expected {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(threads(pid), expected);
}

/// The writing thread has these capabilities and no others, or soon will have.
fn assert_writer_keeps(pid: u32, capabilities: u64) {
    let kept = || threads(pid).get("soakbox-write").map(|fence| fence.0);
    for _ in 0..600 {
        if kept() == Some(capabilities) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(kept(), Some(capabilities));
}

fn assert_complete(root: &Path, calls: i64) {
    let recording = Recording::open(root);
    assert_eq!(recording.checked("op").finished, calls);
    assert_eq!(recording.gaps(), []);
}

fn notes(root: &Path) -> Vec<String> {
    let recording = Recording::open(root);
    let texts = recording.words("annotations", "text");
    texts
        .into_iter()
        .filter(|text| text.contains("fenced"))
        .collect()
}

#[test]
fn each_thread_has_what_is_documented_and_no_more() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let recorder = place.record("recording");
    let attaching = attacher::of(recorder.pid());
    let kept: u64 = KEPT.iter().map(|number| 1_u64 << number).sum();
    let fence =
        |capabilities: u64, seccomp: &str| (capabilities, "1".to_owned(), seccomp.to_owned());
    let expected = [
        ("soakbox-recorde", fence(0, "2")),
        ("soakbox-record", fence(0, "2")),
        ("soakbox-hear", fence(0, "2")),
        ("soakbox-collect", fence(0, "2")),
        ("soakbox-write", fence(0, "2")),
        ("soakbox-seal", fence(0, "2")),
    ];
    // The thread that records gives up its privileges when the command would have been started.
    assert_becomes(recorder.pid(), expected);
    let expected = [
        ("soakbox-attach", fence(kept, "2")),
        ("soakbox-files", fence(kept, "2")),
        ("soakbox-reports", fence(0, "2")),
    ];
    assert_becomes(attaching, expected);
    place.calls("50");
    let stderr = recorder.stop().check().stderr;
    assert!(!stderr.contains("fenced"), "{stderr}");
    assert_complete(&place.root(), 50);
    assert_eq!(notes(&place.root()), [""; 0]);
}

#[test]
fn the_capabilities_that_are_kept_are_enough_to_attach_and_record() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let mut command = program();
    command.args(["record", "--op", &place.probe(), "-o"]);
    command
        .arg(place.root())
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    // SAFETY: prctl is async-signal-safe. Root gets the capabilities of this set by exec.
    unsafe {
        command.pre_exec(|| {
            for number in (0..64).filter(|number| !KEPT.contains(number)) {
                libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0);
            }
            Ok(())
        });
    }
    let recorder = Recorder::spawn(command);
    // The program is started, ends, and is started again.
    place.calls("50");
    place.calls("70");
    recorder.stop().check();
    assert_complete(&place.root(), 120);
}

#[test]
fn they_are_enough_to_record_a_command() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let mut command = program();
    command.args(["record", "--op", &place.probe(), "-o"]);
    command.arg(place.root()).arg("--").arg(&place.program);
    command.args(["calls", "50", "1", "0"]);
    // SAFETY: as above.
    unsafe {
        command.pre_exec(|| {
            for number in (0..64).filter(|number| !KEPT.contains(number)) {
                libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0);
            }
            Ok(())
        });
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_complete(&place.root(), 50);
}

#[test]
fn another_user_with_these_capabilities_can_record() {
    records_as_another_user(true);
}

/// As in a system whose / only root may enter.
#[test]
fn another_user_can_record_below_a_directory_that_these_capabilities_open() {
    records_as_another_user(false);
}

fn records_as_another_user(may_enter: bool) {
    if !host::allows_bpf() || !rustix::process::geteuid().is_root() {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.root()).unwrap();
    std::os::unix::fs::chown(place.root(), Some(4242), Some(4242)).unwrap();
    let above = place.root().parent().unwrap().to_owned();
    if may_enter {
        std::os::unix::fs::chown(above, Some(4242), Some(4242)).unwrap();
    } else {
        fs::set_permissions(above, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mut command = program();
    command.args(["record", "--op", &place.probe(), "-o"]);
    command
        .arg(place.root())
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    // As systemd does it for `User=` with `AmbientCapabilities=` and `NoNewPrivileges=`.
    // SAFETY: only system calls.
    unsafe {
        command.pre_exec(|| {
            use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
            let kept = KEPT.iter().fold(0, |set, number| set | 1_u64 << number);
            let kept = CapabilitySet::from_bits_retain(kept);
            libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0);
            libc::setgroups(0, std::ptr::null());
            if libc::setresgid(4242, 4242, 4242) != 0 || libc::setresuid(4242, 4242, 4242) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            let sets = CapabilitySets {
                effective: kept,
                permitted: kept,
                inheritable: kept,
            };
            set_capabilities(None, sets)?;
            for number in KEPT {
                libc::prctl(
                    libc::PR_CAP_AMBIENT,
                    libc::PR_CAP_AMBIENT_RAISE,
                    number,
                    0,
                    0,
                );
            }
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            Ok(())
        });
    }
    let recorder = Recorder::spawn(command);
    place.calls("50");
    if !may_enter {
        // DAC_READ_SEARCH.
        assert_writer_keeps(recorder.pid(), 1 << 2);
    }
    let stderr = recorder.stop().check().stderr;
    // The program is another user's: CAP_LEASE is what lets it be guarded.
    assert!(!stderr.contains("no lease"), "{stderr}");
    assert_complete(&place.root(), 50);
}

#[test]
fn a_command_has_all_privileges_that_it_would_have_without_the_recorder() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let script = "grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status";
    let alone = Command::new("sh").args(["-c", script]).output().unwrap();
    let mut command = program();
    command
        .args(["record", "--op", &place.probe(), "-o"])
        .arg(place.root());
    let recorded = command.args(["--", "sh", "-c", script]).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert_eq!(text(recorded.stdout), text(alone.stdout));
}

#[test]
fn what_is_sealed_never_leaves_the_directory_of_the_recording() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let (root, outside) = (place.root(), place.path("outside"));
    fs::create_dir(&outside).unwrap();
    let mut recorder = place.record("recording");
    place.calls("50");
    // Somebody puts a link in the place of the directory that the next segment goes into.
    std::os::unix::fs::symlink(&outside, root.join("operation_log")).unwrap();
    wait_for_rows(&root, Table::OPERATION_LOG);
    recorder.signal(libc::SIGUSR1);
    recorder.wait_for_line("Permission denied");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    fs::remove_file(root.join("operation_log")).unwrap();
    place.calls("20");
    recorder.stop().check();
    assert_complete(&root, 70);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn the_directory_of_another_user_is_written_as_before() {
    if !host::allows_bpf() || !rustix::process::geteuid().is_root() {
        return;
    }
    let place = Place::new();
    let home = place.path("home");
    let root = home.join("recording");
    fs::create_dir_all(&root).unwrap();
    for path in [&home, &root] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(path, Some(4242), Some(4242)).unwrap();
    }
    let recorder = Recorder::start(&root, &["--op", &place.probe()]);
    place.calls("50");
    // DAC_OVERRIDE, and that only below the directory.
    assert_writer_keeps(recorder.pid(), 1 << 1);
    recorder.stop().check();
    assert_complete(&root, 50);
}

#[test]
fn a_kernel_without_landlock_or_seccomp_is_reported_and_noted() {
    if !host::allows_bpf() || !host::has_tool("strace") {
        return;
    }
    for (call, error, part) in [
        ("landlock_create_ruleset", "ENOSYS", "Landlock: "),
        ("landlock_restrict_self", "EOPNOTSUPP", "Landlock: "),
        ("seccomp", "EINVAL", "seccomp: "),
    ] {
        let place = Place::new();
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e"]);
        command.args([&format!("trace={call}"), "-e"]);
        command.arg(format!("inject={call}:error={error}"));
        command.arg(program().get_program());
        command
            .args(["record", "--op", &place.probe(), "-o"])
            .arg(place.root());
        let output = command
            .args(["--for", "2s"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{call}: {stderr}");
        assert_eq!(stderr.matches("less fenced").count(), 1, "{call}: {stderr}");
        let notes = notes(&place.root());
        assert!(
            notes.len() == 1 && notes[0].contains(part),
            "{call}: {notes:?}"
        );
        assert_complete(&place.root(), 0);
    }
}
