//! A directory may have any name that the file system allows: a recording in it is found again, and
//! each message stays one line of text.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::recording::Recording;
use crate::support::{host, targets};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use soakbox_schemas::recording::footer;

const NAMES: [&[u8]; 9] = [
    b"tab\there",
    b"line\nbreak",
    b"\x1b[31mred",
    b"not \xff\xfe UTF-8",
    b"a:b,c=d%e",
    b"back\\slash \"quoted\" 'too'",
    "bidi \u{202e}txt".as_bytes(),
    b" leading and trailing ",
    b"-starts-like-a-flag",
];

fn recorder(arguments: &[&OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The messages. Each line must begin as messages do and hold nothing that controls a terminal.
fn messages(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    for line in text.lines() {
        assert!(line.starts_with("soakbox-recorder: "), "{text:?}");
        assert!(
            !line.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{text:?}"
        );
    }
    text
}

fn words<'a>(words: &[&'a str]) -> Vec<&'a OsStr> {
    words.iter().map(|word| OsStr::new(*word)).collect()
}

fn with_output<'a>(command: &[&'a str], root: &'a Path) -> Vec<&'a OsStr> {
    let mut all = words(command);
    all.extend([OsStr::new("-o"), root.as_os_str()]);
    all
}

#[test]
fn a_synthetic_recording_is_written_and_recovered_under_any_name() {
    let directory = tempfile::tempdir().unwrap();
    for name in NAMES {
        let root = directory.path().join(OsStr::from_bytes(name));
        let replay = ["replay", "--synthetic", "1", "--seconds", "2"];
        let output = recorder(&with_output(&replay, &root));
        let stderr = messages(&output);
        assert!(output.status.success(), "{stderr}");
        let rows = Recording::open(&root).batches("operation_log");
        assert!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>() > 0);
        let output = recorder(&[OsStr::new("recover"), root.as_os_str()]);
        let stderr = messages(&output);
        assert!(output.status.success(), "{stderr}");
    }
}

#[test]
fn a_refusal_is_one_line_whatever_the_name() {
    let directory = tempfile::tempdir().unwrap();
    let probe = format!("op=uprobe:{}:op", targets::build("ops.c", &[]).display());
    for name in NAMES {
        let path = directory.path().join(OsStr::from_bytes(name));
        std::fs::write(&path, "a file").unwrap();
        let missing = directory
            .path()
            .join(OsString::from_vec([b"missing ", name].concat()));
        let replay = with_output(&["replay", "--synthetic", "1"], &path);
        let record = with_output(&["record", "--op", &probe], &path);
        let mut command = with_output(&["record", "--op", &probe], &missing);
        command.extend([OsStr::new("--"), path.as_os_str()]);
        for arguments in [
            replay,
            record,
            command,
            vec![OsStr::new("recover"), missing.as_os_str()],
            vec![OsStr::new("probes"), path.as_os_str()],
            vec![
                OsStr::new("check"),
                OsStr::new("--config"),
                path.as_os_str(),
            ],
            vec![
                OsStr::new("check"),
                OsStr::new("--config"),
                missing.as_os_str(),
            ],
        ] {
            let output = recorder(&arguments);
            let stderr = messages(&output);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
        assert!(!missing.exists());
    }
}

#[test]
fn an_observed_program_is_recorded_under_any_name() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let probe = format!("op=uprobe:{}:op", program.display());
    for name in NAMES {
        let root = directory.path().join(OsStr::from_bytes(name));
        let mut arguments = with_output(&["record", "--op", &probe], &root);
        arguments.push(OsStr::new("--"));
        arguments.push(program.as_os_str());
        arguments.extend(words(&["calls", "100", "1", "0"]));
        let output = recorder(&arguments);
        let stderr = messages(&output);
        assert!(output.status.success(), "{stderr}");
        assert_eq!(
            Recording::open(&root).checked("op").finished,
            100,
            "{stderr}"
        );
    }
}

/// The `soakbox.targets` of the first sealed file.
fn observed(root: &Path) -> serde_json::Value {
    let file = Recording::open(root).files("operation_metrics").remove(0);
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let pair = pairs
        .unwrap()
        .iter()
        .find(|pair| pair.key == footer::TARGETS);
    serde_json::from_str(pair.unwrap().value.as_deref().unwrap()).unwrap()
}

#[test]
fn a_symbolic_link_is_recorded_as_typed_with_the_file_that_it_leads_to() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("a,b");
    std::fs::create_dir(&place).unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), &place);
    let link = place.join("server");
    std::os::unix::fs::symlink(&program, &link).unwrap();
    let inside = format!(
        "op=uprobe:{}:op",
        link.display().to_string().replace(',', r"\,")
    );
    let relative = "op=uprobe:./server:op".to_owned();
    for (number, (probe, from)) in [(inside, directory.path()), (relative, &place)]
        .into_iter()
        .enumerate()
    {
        let root = directory.path().join(number.to_string());
        let recorded = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"))
            .args(["record", "--op", &probe, "-o"])
            .arg(&root)
            .args(["--duration", "1ms"])
            .current_dir(from)
            .output()
            .unwrap();
        assert!(recorded.status.success(), "{}", messages(&recorded));
        let observed = observed(&root);
        assert_eq!(observed.as_array().unwrap().len(), 1, "{observed}");
        assert_eq!(observed[0]["path"], link.display().to_string());
        assert_eq!(observed[0]["file"], program.display().to_string());
    }
}
