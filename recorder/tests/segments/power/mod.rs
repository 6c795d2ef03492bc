//! Power cuts: a virtual machine records on a disk that loses whatever was not flushed. After a cut
//! behind any request of the disk, every sealed file opens and nothing that was durable is missing.

mod disk;
mod guest;
mod nbd;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::crash::{assert_clean, recovered};
use crate::segment_support::role::Test;
use crate::segment_support::{Random, batches, counters, footer_of};
use crate::{always, in_endurance};
use guest::Outcome;
use soakbox_schemas::recording::Contents;

const DISK_BYTES: u64 = 32 << 20;
/// Rows that are durable when the machine is ended.
const ROWS: u64 = 12_000;

pub(crate) const TESTS: &[Test] = &[
    (
        "power::a_cut_keeps_what_was_flushed",
        always,
        disk::a_cut_keeps_what_was_flushed,
    ),
    (
        "power::twenty_cuts_lose_nothing_that_was_durable",
        guest::is_possible,
        || cuts(20),
    ),
    (
        "power::a_thousand_cuts_lose_nothing_that_was_durable",
        in_endurance,
        || cuts(1_000),
    ),
];

fn cuts(number: usize) {
    let mut random = Random::drawn();
    let place = tempfile::tempdir().unwrap();
    let outcome = guest::record(place.path(), formatted(place.path()), ROWS);
    let requests = outcome.disk.requests() as u64;
    let (mut runs, mut in_journals) = (0, 0);
    for cut in 0..number {
        let requests = random.below(requests + 1) as usize;
        let context = format!("cut {cut}, after {requests} requests");
        let root = match dumped(place.path(), &outcome, requests, &mut random) {
            Some(root) => root,
            None => {
                assert_eq!(durable(&outcome, requests), 0, "{context}");
                continue;
            }
        };
        let sealed = counters(&root).len();
        runs += 1;
        in_journals += usize::from(check(&root, durable(&outcome, requests), &context) > sealed);
    }
    eprintln!(
        "{number} cuts of {requests} requests: {runs} had a recording, {in_journals} of them rows in journals"
    );
    // Most cuts are in the middle of a run.
    assert!(
        runs * 2 > number && in_journals * 4 > number,
        "{runs} {in_journals}"
    );
}

/// The rows that were durable before any further request.
fn durable(outcome: &Outcome, requests: usize) -> u64 {
    let reported = outcome.durable.iter();
    let before = reported.take_while(|(at, _)| *at <= requests);
    before.last().map_or(0, |(_, end)| *end)
}

/// An empty file system.
fn formatted(place: &Path) -> Vec<u8> {
    let image = place.join("empty");
    let file = fs::File::create(&image).unwrap();
    file.set_len(DISK_BYTES).unwrap();
    let options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard";
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-E", options])
        .arg(&image)
        .output();
    assert_success(&made.unwrap());
    fs::read(&image).unwrap()
}

/// The recording on the disk after a power cut, in a directory of this host; `None` where there is
/// none yet. The file system is brought in order as at a boot.
fn dumped(
    place: &Path,
    outcome: &Outcome,
    requests: usize,
    random: &mut Random,
) -> Option<PathBuf> {
    let image = place.join("cut");
    fs::write(&image, outcome.disk.after_cut(requests, random)).unwrap();
    let checked = Command::new("e2fsck").args(["-fy"]).arg(&image).output();
    let checked = checked.unwrap();
    // 1: errors were corrected, such as a journal that was not replayed.
    assert!(matches!(checked.status.code(), Some(0 | 1)), "{checked:?}");
    let target = place.join("dumped");
    let _ = fs::remove_dir_all(&target);
    fs::create_dir(&target).unwrap();
    let dump = Command::new("debugfs")
        .args(["-R", &format!("rdump /recording {}", target.display())])
        .arg(&image)
        .output();
    assert_success(&dump.unwrap());
    let root = target.join("recording");
    root.exists().then_some(root)
}

/// Checks a recording before and after its recovery; the number of its rows.
fn check(root: &Path, durable: u64, context: &str) -> usize {
    let opened = || {
        for file in Contents::list(root).unwrap().segments {
            let rows: usize = batches(&file.path).iter().map(|one| one.num_rows()).sum();
            let expected = &footer_of(&file.path)["soakbox.rows"];
            assert_eq!(rows.to_string(), *expected, "{context}: {file:?}");
        }
    };
    opened();
    recovered(root, context);
    opened();
    assert_clean(root, context);
    let found = counters(root);
    let is_unique = found.windows(2).all(|two| two[0] < two[1]);
    assert!(is_unique, "{context}: a row is there twice");
    let kept = found.iter().take_while(|row| **row < durable as i64);
    assert_eq!(
        kept.count() as u64,
        durable,
        "{context}: durable rows are missing"
    );
    found.len()
}

fn assert_success(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}
