//! Files that are cut off, changed, replaced or gone: one clear line, exit status 2, and never a
//! panic.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bad_queries::rounds;
use crate::program::{Place, analyzer, refused, text};
use crate::seed::drawn;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use soakbox_analyzer::figures::Reading;
use soakbox_analyzer::recording;
use soakbox_analyzer::sql::Session;
use soakbox_analyzer::windows::Cut;
use soakbox_schemas::tables::Table;
use soakbox_testing::{Recorder, Soak, concat};

/// A recording of one file of rows, and this file.
fn recording_in(place: &Path) -> PathBuf {
    let mut recorder = Recorder::new(place);
    recorder.seal_start();
    recorder.encodes = true;
    let soak = Soak {
        seconds: 20,
        ..Soak::default()
    };
    recorder.seal(Table::OPERATION_LOG, &concat(&soak.rows().log))
}

const QUERY: &str =
    "SELECT count(operation), sum(duration_ns), max(finished_at) FROM operation_log";

#[test]
fn a_file_that_is_cut_off_anywhere_is_named() {
    let place = Place::new();
    let path = recording_in(place.path());
    let whole = fs::read(&path).unwrap();
    let footer = whole[whole.len() - 8..whole.len() - 4].try_into().unwrap();
    let footer = u32::from_le_bytes(footer) as usize;
    let end = whole.len();
    for length in [
        0,
        3,
        4,
        7,
        8,
        12,
        end / 2,
        end - 8 - footer,
        end - 8 - footer / 2,
        end - 8,
        end - 4,
        end - 1,
    ] {
        fs::write(&path, &whole[..length]).unwrap();
        for arguments in [&["info", place.text()][..], &["sql", place.text(), QUERY]] {
            let line = refused(arguments);
            assert!(line.contains("corrupt Parquet file ("), "{length}: {line}");
            assert!(
                line.contains(path.file_name().unwrap().to_str().unwrap()),
                "{line}"
            );
        }
    }
    // A whole footer whose pages are not there.
    let without = [&whole[..4], &whole[end - 8 - footer..]].concat();
    fs::write(&path, without).unwrap();
    assert!(refused(&["info", place.text()]).contains("corrupt Parquet file ("));
    let line = refused(&["sql", place.text(), QUERY]);
    assert!(line.contains("query: a file is damaged ("), "{line}");
    assert!(line.contains("--skip-damaged leaves it out"), "{line}");
}

/// A footer does not show that pages are damaged: `--skip-damaged` finds that out.
#[test]
fn files_with_damaged_pages_are_left_out() {
    let place = Place::new();
    let damaged = recording_in(place.path());
    let rows = Soak::default().rows();
    let recorder = Recorder::new(place.path());
    recorder.seal_as(Table::OPERATION_LOG, &concat(&rows.log[..7]), 9);
    let mut bytes = fs::read(&damaged).unwrap();
    let end = bytes.len();
    let footer = u32::from_le_bytes(bytes[end - 8..end - 4].try_into().unwrap()) as usize;
    bytes[4..end - 8 - footer].fill(0xff);
    fs::write(&damaged, bytes).unwrap();
    let name = damaged.file_name().unwrap().to_str().unwrap();
    for arguments in [&["info", place.text()][..], &["summary", place.text()]] {
        let line = refused(arguments);
        assert!(
            line.contains(name) && line.contains("hint: --skip-damaged"),
            "{line}"
        );
        let output = analyzer(&[arguments, &["--skip-damaged"]].concat());
        // `summary` reports it below its table.
        let warnings = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{warnings}");
        assert!(
            warnings.contains("left out ") && warnings.contains(name),
            "{warnings}"
        );
    }
    let query = "SELECT count(*) AS n FROM operation_log";
    let output = analyzer(&[
        "sql",
        place.text(),
        query,
        "--skip-damaged",
        "--format",
        "csv",
    ]);
    assert_eq!(text(&output.stdout), "n\n490\n");
    assert!(
        text(&output.stderr).contains(name),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_is_no_file_is_named() {
    type Replace = fn(&Path);
    let kinds: [(&str, Replace); 5] = [
        ("is not a regular file", |path| {
            fs::create_dir(path).unwrap()
        }),
        ("is not a regular file", |path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("is not a regular file", |path| {
            symlink("/nonexistent", path).unwrap()
        }),
        ("is not a regular file", |path| {
            symlink("/dev/zero", path).unwrap()
        }),
        ("Too many levels of symbolic links", |path| {
            symlink(path.file_name().unwrap(), path).unwrap()
        }),
    ];
    for (reason, replace) in kinds {
        let place = Place::new();
        let path = recording_in(place.path());
        fs::remove_file(&path).unwrap();
        replace(&path);
        for arguments in [&["info", place.text()][..], &["sql", place.text(), QUERY]] {
            let line = refused(arguments);
            assert!(line.contains(reason), "{line}");
            assert!(
                line.contains(path.file_name().unwrap().to_str().unwrap()),
                "{line}"
            );
        }
    }
}

#[test]
fn a_file_that_goes_after_it_was_opened_is_named() {
    type Replace = fn(&Path);
    let kinds: [(&str, Replace); 3] = [
        ("no such file or directory", |_| {}),
        ("not a regular file", |path| fs::create_dir(path).unwrap()),
        ("not a regular file", |path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
    ];
    for (reason, replace) in kinds {
        let place = Place::new();
        let path = recording_in(place.path());
        let recording = recording::open(place.path(), false).unwrap();
        let session = Session::new(&recording).unwrap();
        let query = session.prepare(QUERY).unwrap();
        fs::remove_file(&path).unwrap();
        replace(&path);
        let failure = query.run(|_| Ok(())).unwrap_err().to_string();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            failure.contains(reason) && failure.contains(name),
            "{failure}"
        );
    }
}

/// Changes bytes of a file, most often in its footer or in the header of a page.
fn change(bytes: &mut Vec<u8>, random: &mut Pcg64Mcg) {
    let mut below = |most: usize| (random.next_u64() % most.max(1) as u64) as usize;
    let footer = bytes.len().saturating_sub(8 + 4_000);
    for _ in 0..=below(8) {
        let at = match below(3) {
            0 => below(bytes.len()),
            1 => footer + below(bytes.len() - footer),
            _ => below(bytes.len().min(400)),
        };
        match below(4) {
            0 => bytes[at] ^= 1 << below(8),
            1 => bytes[at] = [0, 0x7f, 0x80, 0xff][below(4)],
            2 => bytes[at] = below(256) as u8,
            // Ends of the file stay, so that the footer is found.
            _ => drop(bytes.remove(at.min(bytes.len() - 9))),
        }
    }
}

#[test]
fn no_change_of_a_file_makes_the_reading_panic() {
    recording::quiet_decoders();
    let place = Place::new();
    let path = recording_in(place.path());
    let whole = fs::read(&path).unwrap();
    let seed = drawn();
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let (mut opened, mut scanned) = (0, 0);
    for round in 0..rounds(400) {
        let mut bytes = whole.clone();
        change(&mut bytes, &mut random);
        fs::write(&path, &bytes).unwrap();
        let case = format!("seed {seed}, round {round}");
        let Ok(recording) = recording::open(place.path(), false) else {
            continue;
        };
        opened += 1;
        let _ = Reading::open(place.path(), false, Cut::WHOLE);
        let session = Session::new(&recording).unwrap();
        let query = session.prepare("SELECT * FROM operation_log");
        let query = query.unwrap_or_else(|error| panic!("{case}: {error}"));
        match query.run(|_| Ok(())) {
            Ok(()) => scanned += 1,
            Err(error) => {
                let error = error.to_string();
                assert!(!error.contains("query engine"), "{case}: {error}");
            }
        }
    }
    assert!(opened > 0 && scanned > 0, "seed {seed}: {opened} {scanned}");
}
