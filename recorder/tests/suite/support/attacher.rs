//! The process that attaches, as a test finds it.

use std::fs;
use std::time::{Duration, Instant};

/// Name of that process.
const NAME: &str = "soakbox-attach";

/// The number of the process that attaches for `recorder`.
pub(crate) fn of(recorder: u32) -> u32 {
    let started = Instant::now();
    loop {
        if let Some(found) = find(recorder) {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "none");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn find(recorder: u32) -> Option<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.into_iter().find(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((name, fields)) = stat.rsplit_once(") ") else {
            return false;
        };
        let parent = fields.split_ascii_whitespace().nth(1);
        name.ends_with(NAME) && parent == Some(&recorder.to_string())
    })
}

/// Sends it a signal.
pub(crate) fn signal(pid: u32, signal: i32) {
    // SAFETY: takes numbers; a child of a recorder that the test has started.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

/// Waits until a process, which is not our child, has ended.
pub(crate) fn wait_for_end(pid: u32) {
    let started = Instant::now();
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .map(|(_, fields)| fields.starts_with('Z'));
        state == Some(false)
    };
    while runs() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{pid} still runs"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}
