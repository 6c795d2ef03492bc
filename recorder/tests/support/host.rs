//! Whether this host can run a test at all. A skip is loud, and forbidden where `SOAKBOX_REQUIRE_…` is set.

use std::path::Path;
use std::process::Command;

/// `false`, loudly, where this host does not allow BPF programs.
pub(crate) fn allows_bpf() -> bool {
    let check = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"))
        .arg("check")
        .output();
    let output = check.expect("the recorder runs");
    let reason = String::from_utf8_lossy(&output.stderr);
    allow(
        "BPF",
        "SOAKBOX_REQUIRE_KERNEL",
        output.status.success(),
        reason.trim(),
    )
}

/// `false`, loudly, where `program` is not installed.
pub(crate) fn has_tool(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(program).exists())
        || Path::new(program).is_absolute() && Path::new(program).exists();
    allow(program, "SOAKBOX_REQUIRE_TOOLS", found, "not installed")
}

/// `false`, loudly, where a PID namespace with a /proc of its own cannot be made (in a chroot without a mounted /proc,
/// for one).
pub(crate) fn has_pid_namespaces() -> bool {
    let made = in_pid_namespace("true").output();
    let made = made.is_ok_and(|output| output.status.success());
    allow(
        "a PID namespace",
        "SOAKBOX_REQUIRE_TOOLS",
        made,
        "unshare or the mount of /proc is refused",
    )
}

/// Runs `script` in a PID namespace with a /proc of its own; what it leaves behind ends with it. Not by unshare's
/// `--mount-proc`, which wants to make / private, and that is no mount point in a chroot: /proc is enough, or the new
/// one would show outside.
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

fn allow(what: &str, variable: &str, allowed: bool, reason: &str) -> bool {
    if !allowed {
        assert!(
            std::env::var_os(variable).is_none(),
            "{variable} is set, but {what}: {reason}"
        );
        eprintln!("SKIPPED: needs {what}: {reason}");
    }
    allowed
}

/// A seed drawn now, printed so that a failure can be told from another.
pub(crate) fn seed() -> u64 {
    let bytes = std::fs::read("/proc/sys/kernel/random/uuid").expect("a random uuid");
    let seed = bytes.iter().fold(0u64, |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    eprintln!("seed {seed}");
    seed
}
