//! A recording can be opened under any path: with any byte that a path can have, by every command,
//! as it was typed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::text;
use soakbox_schemas::tables::Table;
use soakbox_testing::{Recorder, Soak, concat};

/// Names of directories, each unusual in its own way.
const NAMES: [&[u8]; 24] = [
    b"plain",
    b"sp ace",
    b" around ",
    b"tab\there",
    b"new\nline",
    b"return\r",
    b"per%cent",
    b"per%20cent",
    b"ha#sh",
    b"ques?tion",
    b"st*ar",
    b"[brackets]{braces}",
    b"quote'\"`",
    b"back\\slash",
    b"semi;colon:colon",
    b"a=b&c|d<e>f",
    b"~",
    b"...",
    b"file:",
    b"escape\x1b[31m",
    b"\xff\xfe not UTF-8 \xc3",
    b"\xe2\x80\xae backwards",
    "日本語 ünï 😀".as_bytes(),
    b"\x01\x7f\xc2\x9b",
];

fn run(place: &Path, arguments: &[&OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
        .args(arguments)
        .current_dir(place)
        .output()
        .unwrap()
}

fn answered(place: &Path, arguments: &[&OsStr]) -> String {
    let output = run(place, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    text(&output.stdout)
}

/// Writes a recording with a sealed part and a part in a journal, both of which must be read.
fn recording(root: &Path) -> Recorder {
    let rows = Soak {
        seconds: 4,
        ..Soak::default()
    };
    let rows = rows.rows();
    let mut recorder = Recorder::new(root);
    recorder.seal_start();
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log[..2]));
    recorder.journal(Table::OPERATION_LOG, &rows.log[2..]);
    recorder
}

/// The path relative to the directory `place`.
fn relative(root: &Path, place: &Path) -> OsString {
    let mut relative = OsString::from("./");
    relative.push(root.strip_prefix(place).unwrap());
    relative
}

#[test]
fn a_recording_under_any_name_answers_and_is_drawn_next_to_itself() {
    let place = tempfile::tempdir().unwrap();
    let word = OsStr::new;
    for name in NAMES {
        let name = OsStr::from_bytes(name);
        let root = place.path().join(name).join("in").join(name);
        let _recorder = recording(&root);
        let query = word("SELECT count(*) AS n, sum(duration_ns) > 0 AS ok FROM operation_log");
        let arguments = [word("sql"), root.as_os_str(), query, word("--format=csv")];
        assert_eq!(answered(place.path(), &arguments), "n,ok\n280,true\n");
        let relative = relative(&root, place.path());
        let mut output = relative.clone();
        output.push(".svg");
        let arguments = [word("chart"), &relative, word("-o"), &output];
        assert_eq!(answered(place.path(), &arguments), "", "{name:?}");
        let drawn = fs::read(place.path().join(&output)).unwrap();
        assert!(drawn.len() > 1000, "{name:?}");
    }
}

/// All names above in one, for the other commands.
#[test]
fn every_command_opens_a_recording_under_a_name_with_everything() {
    let place = tempfile::tempdir().unwrap();
    let word = OsStr::new;
    let name = NAMES.concat();
    let (first, second) = name.split_at(name.len() / 2);
    let root = place.path().join(OsStr::from_bytes(first));
    let root = root.join(OsStr::from_bytes(second));
    let _recorder = recording(&root);
    let info = answered(place.path(), &[word("info"), root.as_os_str()]);
    assert!(info.contains("operation_log       280"), "{info}");
    let arguments = [word("summary"), root.as_os_str(), word("--format=json")];
    let summary = answered(place.path(), &arguments);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["operations"][1]["count"], 200);
    let arguments = [word("report"), root.as_os_str(), word("-o"), word("-")];
    assert!(answered(place.path(), &arguments).ends_with("</html>\n"));
}

/// A path that cannot be opened is named on one line, escaped.
#[test]
fn a_failure_names_any_path_on_one_line() {
    let place = tempfile::tempdir().unwrap();
    for name in NAMES {
        let output = run(place.path(), &[OsStr::new("info"), OsStr::from_bytes(name)]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let line = text(&output.stderr);
        assert_eq!(line.lines().count(), 1, "{line:?}");
        let line = line.trim_end_matches('\n');
        assert!(
            !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{line:?}"
        );
        assert!(line.contains("no such file or directory"), "{line:?}");
    }
}
