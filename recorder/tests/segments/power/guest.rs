//! A virtual machine that records on a disk until it loses its power. Its only program is this test
//! binary, in a role; what it prints comes over the serial line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::nbd;
use crate::host;

/// Emulated, so that no hardware help is needed; a machine boots in ten seconds; a host may be busy.
const PATIENCE: Duration = Duration::from_secs(400);
/// Drivers of the disk, each behind those that it needs.
const MODULES: [&str; 6] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
];

/// What a machine did before it lost its power.
pub(crate) struct Outcome {
    pub(crate) disk: Disk,
    /// The rows that it reported as durable, each with the number of requests that its disk had got
    /// by then at the latest.
    pub(crate) durable: Vec<(usize, u64)>,
}

/// Whether a machine can be started; otherwise the reason is reported.
pub(crate) fn is_possible() -> bool {
    let tools = [
        "qemu-system-x86_64",
        "busybox",
        "cpio",
        "mkfs.ext4",
        "e2fsck",
        "debugfs",
    ];
    tools.into_iter().all(host::has_tool) && kernel().is_some()
}

/// A directory with a kernel; `None`, with a message, where it cannot be downloaded.
fn kernel() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest_kernel.sh");
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let output = Command::new(script).arg(place).output().unwrap();
    let reason = String::from_utf8_lossy(&output.stderr);
    let done = host::can_download(
        output.status.success(),
        "a kernel for a guest",
        reason.trim(),
    );
    done.then(|| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Records in a machine until `rows` are durable on its disk, and cuts its power.
pub(crate) fn record(place: &Path, disk: Vec<u8>, rows: u64) -> Outcome {
    let kernel = kernel().unwrap();
    let initrd = initrd(place, &kernel);
    let socket = place.join("disk.socket");
    let disk = Arc::new(Mutex::new(Disk::new(disk)));
    let serving = nbd::serve(&socket, disk.clone());
    let drive = format!(
        "file=nbd+unix:///?socket={},format=raw,if=virtio,cache=writeback",
        socket.display()
    );
    let mut machine = Command::new("qemu-system-x86_64")
        .args(["-accel", "tcg", "-cpu", "max", "-m", "1G"])
        .args([
            "-nographic",
            "-no-reboot",
            "-nodefaults",
            "-serial",
            "stdio",
        ])
        .arg("-kernel")
        .arg(kernel.join("vmlinuz"))
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", "console=ttyS0 quiet panic=-1", "-drive", &drive])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    let lines = BufReader::new(machine.stdout.take().unwrap()).split(b'\n');
    let (mut durable, mut console) = (Vec::new(), Vec::new());
    for line in lines.map_while(Result::ok) {
        let requests = disk.lock().unwrap().requests();
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        match line.strip_prefix("durable ").map(str::parse) {
            Some(Ok(end)) => durable.push((requests, end)),
            _ => console.push(line),
        }
        let is_enough = durable.last().is_some_and(|(_, end)| *end >= rows);
        if is_enough || Instant::now() > deadline {
            break;
        }
    }
    machine.kill().unwrap();
    let rest = machine.wait_with_output().unwrap();
    // A machine that did not start has not connected.
    drop(UnixStream::connect(&socket));
    serving.join().unwrap();
    let reached = durable.last().is_some_and(|(_, end)| *end >= rows);
    assert!(
        reached,
        "{durable:?}; the console:\n{}\n{}",
        console.join("\n"),
        String::from_utf8_lossy(&rest.stderr)
    );
    let disk = disk.lock().unwrap().clone();
    Outcome { disk, durable }
}

/// The first file system of the machine: busybox, this program with its libraries, drivers.
fn initrd(place: &Path, kernel: &Path) -> PathBuf {
    let root = place.join("initrd");
    for directory in ["bin", "proc", "sys", "dev", "disk", "modules", "tmp"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let program = std::env::current_exe().unwrap();
    fs::copy(&program, root.join("bin/test")).unwrap();
    let busybox = Command::new("sh")
        .args(["-c", "command -v busybox"])
        .output();
    let busybox = String::from_utf8(busybox.unwrap().stdout).unwrap();
    fs::copy(busybox.trim(), root.join("bin/busybox")).unwrap();
    let mut files = vec![program.clone(), PathBuf::from(busybox.trim())];
    while let Some(file) = files.pop() {
        for library in libraries(&file) {
            let copy = root.join(library.strip_prefix("/").unwrap());
            if !copy.exists() {
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::copy(&library, &copy).unwrap();
            }
        }
    }
    for module in MODULES {
        let file = format!("{module}.ko");
        let from = kernel.join("modules").join(&file);
        // A kernel may have it built in.
        if from.exists() {
            fs::copy(from, root.join("modules").join(file)).unwrap();
        }
    }
    let modules = MODULES.join(" ");
    let init = format!(
        "#!/bin/busybox sh\n\
         b=/bin/busybox\n\
         $b mount -t proc proc /proc\n\
         $b mount -t sysfs sys /sys\n\
         $b mount -t devtmpfs dev /dev\n\
         for m in {modules}; do [ ! -e /modules/$m.ko ] || $b insmod /modules/$m.ko; done\n\
         $b mount -t ext4 /dev/vda /disk || $b poweroff -f\n\
         export SOAKBOX_TEST_ROLE='record durably' SOAKBOX_TEST_ROOT=/disk/recording SOAKBOX_TEST_FIRST=0\n\
         /bin/test 2>&1\n\
         echo the recorder ended with $?\n\
         $b poweroff -f\n"
    );
    fs::write(root.join("init"), init).unwrap();
    let archive = place.join("initrd.cpio");
    let pack = "chmod +x init && find . | cpio -o -H newc --quiet >../initrd.cpio";
    let packed = Command::new("sh")
        .args(["-c", pack])
        .current_dir(&root)
        .status();
    assert!(packed.unwrap().success());
    archive
}

/// The libraries that the loader needs for a program, itself included; none of a static one.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.split_whitespace();
    let paths = words.filter(|word| word.starts_with('/') && !word.ends_with(':'));
    paths.map(PathBuf::from).collect()
}
