//! Whether this host can run a test at all. A skipped test is reported on the real stderr, which
//! cargo does not capture (`.ci/run` lists the skips). It is a failure where `SOAKBOX_REQUIRE_…=1`
//! forbids it. All test files of this package use this file to skip.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

const KERNEL: &str = "SOAKBOX_REQUIRE_KERNEL";
const TOOLS: &str = "SOAKBOX_REQUIRE_TOOLS";

/// `false`, with a message, where this host does not allow BPF programs.
pub(crate) fn allows_bpf() -> bool {
    static CHECKED: OnceLock<(bool, String)> = OnceLock::new();
    let (allowed, reason) = CHECKED.get_or_init(|| {
        let check = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"))
            .arg("check")
            .output();
        let output = check.expect("the recorder runs");
        let reason = String::from_utf8_lossy(&output.stderr);
        (output.status.success(), reason.trim().to_owned())
    });
    allow(KERNEL, *allowed, "BPF", reason)
}

/// `false`, with a message, where this is a PID namespace in another one: the kernel side counts no
/// target's CPU time there, because /proc has other numbers for processes than it.
pub(crate) fn counts_target_cpu() -> bool {
    /// The inode number of the namespace that a host begins with.
    const FIRST: &str = "pid:[4026531836]";
    let own = std::fs::read_link("/proc/self/ns/pid");
    let is_first = own.is_ok_and(|own| own == Path::new(FIRST));
    allow(
        KERNEL,
        is_first,
        "the host's own PID namespace",
        "this is another one",
    )
}

/// `false`, with a message, where `program` is not installed.
pub(crate) fn has_tool(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(program).exists());
    allow(TOOLS, found, program, "not installed")
}

/// `false`, with a message, where there is no such file (a program or library of the system).
pub(crate) fn has_file(path: &str) -> bool {
    allow(TOOLS, Path::new(path).exists(), path, "not there")
}

/// `false`, with a message, where something could not be downloaded.
pub(crate) fn can_download(downloaded: bool, what: &str, reason: &str) -> bool {
    allow(TOOLS, downloaded, what, reason)
}

/// `false`, with a message, where a small file system cannot be mounted.
pub(crate) fn may_mount(mounted: bool, reason: &str) -> bool {
    allow(TOOLS, mounted, "a mount", reason)
}

/// `false`, with a message, where a PID namespace with a /proc of its own cannot be created (for
/// example in a chroot without a mounted /proc).
pub(crate) fn has_pid_namespaces() -> bool {
    let made = in_pid_namespace("true").output();
    let made = made.is_ok_and(|output| output.status.success());
    allow(
        TOOLS,
        made,
        "a PID namespace",
        "unshare or the mount of /proc is refused",
    )
}

/// Runs `script` in a PID namespace with a /proc of its own; processes that it leaves behind end
/// with it. Without `--mount-proc` of unshare, which makes / private: in a chroot, / is not a mount
/// point. To make /proc private is enough to keep the new one from showing outside.
pub(crate) fn in_pid_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "unchanged"])
        .args(["--pid", "--fork", "--kill-child", "sh", "-c"])
        .arg(format!(
            "mount --make-private /proc && mount -t proc proc /proc || exit 92\n{script}"
        ));
    command
}

fn allow(variable: &str, allowed: bool, what: &str, reason: &str) -> bool {
    if !allowed {
        let required = std::env::var_os(variable).is_some_and(|value| value == "1");
        assert!(!required, "{variable}=1, but no {what}: {reason}");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or_default();
        // Not eprintln: libtest does not show the output of a test that passes.
        let line = format!("skipped: {test} needs {what}: {reason}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    allowed
}

/// A seed that is drawn when the test runs, and printed; `SOAKBOX_SEED` repeats one.
pub(crate) fn seed() -> u64 {
    let seed = match std::env::var("SOAKBOX_SEED") {
        Ok(seed) => seed.parse().expect("SOAKBOX_SEED is a number"),
        Err(_) => drawn(),
    };
    eprintln!("SOAKBOX_SEED={seed}");
    seed
}

fn drawn() -> u64 {
    let bytes = std::fs::read("/proc/sys/kernel/random/uuid").expect("a random uuid");
    bytes.iter().fold(0u64, |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    })
}
