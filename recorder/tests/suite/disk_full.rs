//! A file system that is really full: the recording ends, pauses or deletes its oldest files, as it
//! was asked to, and everything that was sealed stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use soakbox_schemas::recording::{Contents, Deletions};
use soakbox_schemas::tables::Table;

use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets;
use crate::support::tmpfs::Tmpfs;

struct Place {
    disk: Tmpfs,
    programs: tempfile::TempDir,
    program: PathBuf,
}

impl Place {
    /// A disk of 24 MiB; `None` where this host does not allow the test.
    fn new() -> Option<Self> {
        if !host::allows_bpf() {
            return None;
        }
        let disk = Tmpfs::mount("size=24m")?;
        let programs = tempfile::tempdir().unwrap();
        let program = targets::own_copy(&targets::build("ops.c", &[]), programs.path());
        Some(Self {
            disk,
            programs,
            program,
        })
    }

    fn root(&self) -> PathBuf {
        self.disk.path().join("recording")
    }

    fn record(&self, flags: &[&str]) -> Recorder {
        let probe = format!("op=uprobe:{}:op", self.program.display());
        // The ring holds all calls of a test but one, which takes seconds: rows are lost by the disk only.
        let ring = "--ring-bytes=67108864";
        let fixed = ["--op", &probe, "--flush-interval", "200ms", ring];
        Recorder::start(&self.root(), &[&fixed, flags].concat())
    }

    fn calls(&self, number: u32) {
        let number = number.to_string();
        let calls = targets::run(&self.program, &["calls", &number, "1", "0"]);
        assert!(calls.status.success());
        assert!(self.programs.path().exists());
        // Longer than rows wait in memory.
        std::thread::sleep(Duration::from_millis(500));
    }

    /// Fills the disk up to the last page, as another program does.
    fn fill(&self) -> PathBuf {
        let ballast = self.disk.path().join("ballast");
        let written = fs::write(&ballast, vec![0; 64 << 20]);
        assert!(written.is_err(), "the disk holds more than it should");
        ballast
    }
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn sealed(root: &Path, table: Table) -> Vec<PathBuf> {
    let segments = Contents::list(root).unwrap().segments.into_iter();
    let segments = segments.filter(|file| file.table == table);
    segments.map(|file| file.path).collect()
}

#[test]
fn a_recording_pauses_while_the_disk_is_full_and_its_gap_covers_what_is_lost() {
    let Some(place) = Place::new() else { return };
    let root = place.root();
    let mut recorder = place.record(&["--when-disk-full", "pause", "--rotate-after", "1s"]);
    place.calls(5_000);
    wait_for("sealed", || !sealed(&root, Table::OPERATION_LOG).is_empty());
    let before: Vec<_> = sealed(&root, Table::OPERATION_LOG);
    let before: Vec<_> = before
        .iter()
        .map(|path| (path, fs::read(path).unwrap()))
        .collect();
    let ballast = place.fill();
    place.calls(200_000);
    recorder.wait_for_line("the recording is paused");
    place.calls(3_000);
    fs::remove_file(ballast).unwrap();
    recorder.wait_for_line("the recording goes on");
    place.calls(7_000);
    let ended = recorder.stop().check();
    assert!(
        before
            .iter()
            .all(|(path, bytes)| fs::read(path).unwrap() == *bytes)
    );
    let recording = Recording::open(&root);
    let gaps = recording.gaps();
    assert!(
        !gaps.is_empty() && gaps.iter().all(|gap| gap.1 == "disk full"),
        "{gaps:?}"
    );
    let rows = recording.rows("operation_log");
    assert!(
        (12_000..212_000).contains(&rows),
        "{rows}: {}",
        ended.stderr
    );
    // What was lost is in the notes, exactly.
    let texts = recording.words("annotations", "text");
    let lost: u64 = texts
        .iter()
        .filter_map(|text| {
            let (before, _) = text.split_once(" of operation_log")?;
            before.rsplit(' ').next()?.parse::<u64>().ok()
        })
        .sum();
    assert_eq!(rows as u64 + lost, 215_000, "{texts:?}\n{}", ended.stderr);
    assert_eq!(fs::read_dir(root.join("journal")).unwrap().count(), 0);
}

#[test]
fn a_pause_until_the_end_is_a_gap_once_it_is_recovered() {
    let Some(place) = Place::new() else { return };
    let root = place.root();
    let mut recorder = place.record(&["--when-disk-full", "pause"]);
    place.calls(2_000);
    let ballast = place.fill();
    place.calls(400_000);
    recorder.wait_for_line("the recording is paused");
    let ended = recorder.stop();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    fs::remove_file(ballast).unwrap();
    let recovered = ["recover", &root.display().to_string()].map(str::to_owned);
    let (status, _, stderr) = crate::support::recorder::run(&recovered);
    assert!(status.success(), "{stderr}");
    let recording = Recording::open(&root);
    assert!(!recording.gaps().is_empty(), "{}", ended.stderr);
    assert!(recording.rows("operation_log") >= 2_000);
}

#[test]
fn the_oldest_files_make_room_where_that_is_asked_for() {
    let Some(place) = Place::new() else { return };
    let root = place.root();
    // Little room, so that it is soon used up.
    fs::write(place.disk.path().join("ballast"), vec![0; 15 << 20]).unwrap();
    let flags = ["--when-disk-full", "drop-oldest", "--rotate-after", "1s"];
    let recorder = place.record(&flags);
    let mut total = 0;
    let started = Instant::now();
    while Deletions::read(&root).unwrap().is_empty() {
        place.calls(100_000);
        total += 100_000;
        assert!(
            started.elapsed() < Duration::from_secs(300),
            "{total} calls"
        );
    }
    for _ in 0..3 {
        place.calls(100_000);
        total += 100_000;
    }
    let ended = recorder.stop().check();
    let recording = Recording::open(&root);
    let deletions = Deletions::read(&root).unwrap();
    let deleted = deletions.by_table()["operation_log"];
    let rows = recording.rows("operation_log") as u64;
    assert_eq!(rows + deleted.rows, total, "{}", ended.stderr);
    assert_eq!(recording.gaps(), [], "{}", ended.stderr);
    let oldest = recording
        .times("operation_log", "finished_at")
        .into_iter()
        .min();
    assert!(oldest.unwrap() >= deleted.until_ns);
    assert_eq!(fs::read_dir(root.join("journal")).unwrap().count(), 0);
}

#[test]
fn a_reserve_stays_free() {
    let Some(place) = Place::new() else { return };
    let flags = ["--when-disk-full", "pause", "--keep-free", "12MiB"];
    let mut recorder = place.record(&flags);
    let ballast = place.disk.path().join("ballast");
    fs::write(&ballast, vec![0; 16 << 20]).unwrap();
    recorder.wait_for_line("--keep-free is 12582912; the recording is paused");
    place.calls(1_000);
    fs::remove_file(ballast).unwrap();
    recorder.wait_for_line("the recording goes on");
    place.calls(500);
    recorder.stop().check();
    let recording = Recording::open(&place.root());
    assert_eq!(recording.rows("operation_log"), 500);
    assert_eq!(recording.gaps().len(), 1);
}

#[test]
fn by_default_a_reserve_that_is_used_up_ends_the_recording() {
    let Some(place) = Place::new() else { return };
    let recorder = place.record(&["--keep-free", "12MiB"]);
    place.calls(300);
    fs::write(place.disk.path().join("ballast"), vec![0; 16 << 20]).unwrap();
    let ended = recorder.wait();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("--keep-free"), "{}", ended.stderr);
}
