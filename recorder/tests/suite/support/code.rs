//! The code of a running program: whether a breakpoint is in it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::targets::Endless;

/// By then a breakpoint is gone that will ever be.
const LONGEST: Duration = Duration::from_secs(60);

/// Whether the code of a running program is that of its file, also before it is in its memory.
pub(crate) fn is_unchanged(pid: u32, program: &Path) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let name = program.display().to_string();
    let line = maps
        .lines()
        .find(|line| line.ends_with(&name) && line.contains("r-xp"));
    let Some(line) = line else { return true };
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (start, end) = fields[0].split_once('-').unwrap();
    let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let length = (number(end) - number(start)) as usize;
    let (mut memory, mut file) = (vec![0; length], vec![0; length]);
    let opened = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    opened.read_exact_at(&mut memory, number(start)).unwrap();
    let opened = fs::File::open(program).unwrap();
    let read = opened.read_at(&mut file, number(fields[2])).unwrap();
    file.truncate(read);
    memory.truncate(read);
    read > 0 && memory == file
}

/// Waits until no breakpoint is in a running program.
pub(crate) fn wait_until_unchanged(target: &Endless, program: &Path) {
    let started = Instant::now();
    while !is_unchanged(target.pid(), program) {
        assert!(started.elapsed() < LONGEST, "a breakpoint stays");
        std::thread::sleep(Duration::from_millis(1));
    }
}
