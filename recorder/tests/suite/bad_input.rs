//! Bad input is refused with one clear line and exit status 2, and leaves nothing behind.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::host;
use crate::support::recorder::{self, Recorder, refused};
use crate::support::recording::Recording;
use crate::support::targets;
use soakbox_recorder::limits::LIMITS;

#[test]
fn missing_files_and_names_are_refused_with_similar_names() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("recording").display().to_string();
    let program = targets::build("ops.c", &[]).display().to_string();
    let record = |probe: &str| refused(&["record", "-o", &output, "--op", probe]);
    assert!(record("op=uprobe:/does/not/exist:op").contains("/does/not/exist"));
    let unknown = record(&format!("op=uprobe:{program}:mian"));
    assert!(
        unknown.contains("has no function 'mian' (did you mean 'main'?)"),
        "{unknown}"
    );
    assert!(record(&format!("op=marker:{program}:op")).contains("marker"));
    assert!(record("op").contains("uprobe:FILE:FUNCTION"));
    assert!(record(&format!("op=uprobe:{program}:op,colour=red")).contains("colour"));
    let twice = format!("op=uprobe:{program}:op");
    let same = refused(&[
        "record",
        "-o",
        &output,
        "--op",
        &twice,
        "--op",
        &format!("b=uprobe:{program}:op"),
    ]);
    assert!(same.contains("same code"), "{same}");
    assert!(
        refused(&["record", "-o", &output, "--op", &twice, "--op", &twice])
            .contains("two operations")
    );
    assert!(refused(&["record", "-o", &output]).contains("--op"));
    assert!(
        refused(&["record", "-o", &output, "--op", &twice, "--pid", "4194304"]).contains("4194304")
    );
    assert!(
        refused(&[
            "record",
            "-o",
            &output,
            "--op",
            &twice,
            "--ring-bytes",
            "5000"
        ])
        .contains("power of two")
    );
    assert!(
        refused(&[
            "record",
            "-o",
            &output,
            "--op",
            &twice,
            "--duration",
            "soon"
        ])
        .contains("soon")
    );
    assert!(refused(&["recover", "/does/not/exist"]).contains("/does/not/exist"));
    assert!(
        !Path::new(&output).exists(),
        "a refused recording leaves nothing behind"
    );
}

#[test]
fn a_configuration_with_unknown_keys_is_refused_by_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("soak.toml");
    fs::write(&config, "output = 'x'\n[limits]\nring_byts = 4096\n").unwrap();
    let path = config.display().to_string();
    let line = refused(&["record", "--config", &path]);
    assert!(
        line.contains("soak.toml:3") && line.contains("ring_byts"),
        "{line}"
    );
    fs::write(&config, "output = \n").unwrap();
    assert!(refused(&["record", "--config", &path]).contains("soak.toml:1"));
    assert!(refused(&["record", "--config", "/does/not/exist.toml"]).contains("exist.toml"));
    let endless = refused(&["record", "--config", "/dev/zero"]);
    assert!(
        endless.contains("/dev/zero: it is larger than 16 MiB"),
        "{endless}"
    );
}

#[test]
fn a_configuration_does_what_the_flags_do() {
    if !host::allows_bpf() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let (root, config) = (
        directory.path().join("recording"),
        directory.path().join("soak.toml"),
    );
    let text = format!(
        "output = '{}'\nop = ['op=uprobe:{}:op']\nduration = '3s'\n[limits]\nring_bytes = 65536\n",
        root.display(),
        program.display()
    );
    fs::write(&config, text).unwrap();
    let recorder = Recorder::record([OsStr::new("--config"), config.as_os_str()]);
    assert!(
        targets::run(&program, &["calls", "100", "1", "0"])
            .status
            .success()
    );
    let ended = recorder.wait().check();
    let finished = Recording::open(&root).checked("op").finished;
    assert_eq!(finished, 100, "{}", ended.stderr);
}

#[test]
fn a_mistyped_command_line_is_refused_in_one_line() {
    assert!(refused(&["record", "--queue-batche", "4"]).contains("'--queue-batches'"));
    assert!(refused(&["recrod"]).contains("'record'"));
    assert!(refused(&["replay"]).contains("--synthetic <SEED> --output <DIR>"));
    assert!(refused(&["record", "--pid", "0"]).contains("record --help"));
    assert!(refused(&[]).contains("soakbox-recorder --help"));
    for asked in ["--help", "--version"] {
        let (status, stdout, stderr) = recorder::run(&[asked]);
        assert!(status.success() && stderr.is_empty(), "{stderr}");
        assert!(stdout.contains("soakbox-recorder"), "{stdout}");
    }
}

#[test]
fn values_out_of_bounds_are_refused_by_their_flag() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("recording").display().to_string();
    let probe = format!("op=uprobe:{}:op", targets::build("ops.c", &[]).display());
    for (flag, value) in [
        ("--queue-batches", "99999999999"),
        ("--queue-batches", "0"),
        ("--in-flight", "1048577"),
        ("--in-flight", "0"),
        ("--journal-bytes", "0"),
        ("--flush-interval", "1ms"),
        ("--ring-bytes", "0"),
    ] {
        let line = refused(&["record", "-o", &output, "--op", &probe, flag, value]);
        assert!(line.contains(flag), "{line}");
    }
    for limit in LIMITS {
        let (flag, bounds) = (format!("--{}", limit.flag), limit.allowed());
        for value in [
            "",
            "0",
            "-1",
            "1e9",
            "1 GB",
            "18446744073709551616",
            "10M",
            "soon",
        ] {
            let typed = format!("{flag}={value}");
            let line = refused(&["record", "-o", &output, "--op", &probe, &typed]);
            assert!(line.contains(&flag) && line.contains(&bounds), "{line}");
        }
    }
    let config = directory.path().join("soak.toml");
    let path = config.display().to_string();
    let configured = ["record", "-o", &output, "--op", &probe, "--config", &path];
    fs::write(&config, "[limits]\njournal_bytes = 0\n").unwrap();
    assert!(refused(&configured).contains("journal-bytes"));
    fs::write(&config, "pid = 0\n").unwrap();
    assert!(refused(&configured).contains("pid is 0"));
    assert!(!Path::new(&output).exists());
}

#[test]
fn an_output_that_cannot_hold_a_recording_is_refused() {
    let program = targets::build("ops.c", &[]);
    let probe = format!("op=uprobe:{}:op", program.display());
    let file = program.display().to_string();
    assert!(refused(&["record", "-o", &file, "--op", &probe]).contains("is not a directory"));
    assert!(refused(&["replay", "--synthetic", "1", "-o", &file]).contains("is not a directory"));
    let recovering = refused(&["recover", &file]);
    assert!(!recovering.contains("-o"), "{recovering}");
    if !host::allows_bpf() {
        return;
    }
    // mkdir fails with ENOENT there, although the parent directory exists.
    let line = refused(&["record", "-o", "/proc/x", "--op", &probe]);
    assert!(line.contains("/proc/x"), "{line}");
}

#[test]
fn a_command_that_cannot_start_leaves_no_recording() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("recording").display().to_string();
    let probe = format!("op=uprobe:{}:op", targets::build("ops.c", &[]).display());
    let text = directory.path().join("text");
    fs::write(&text, "no program").unwrap();
    for command in ["./nonexist", "no-such-program", &text.display().to_string()] {
        let line = refused(&["record", "-o", &output, "--op", &probe, "--", command]);
        assert!(line.contains(command), "{line}");
    }
    assert!(!Path::new(&output).exists());
}

#[test]
fn an_empty_command_is_refused_and_leaves_no_recording() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("recording").display().to_string();
    let probe = format!("op=uprobe:{}:op", targets::build("ops.c", &[]).display());
    for before in [
        &["record", "-o", &output, "--op", &probe][..],
        &["record", "-o", &output],
        &["record", "--op", &probe, "-o", &output],
        &["record"],
    ] {
        let line = refused(&[before, &["--"]].concat());
        assert!(line.contains("the command after -- is empty"), "{line}");
    }
    let configured = ["record", "-o", &output, "--op", &probe];
    for words in [&["--", ""][..], &["--", "", "argument"]] {
        let line = refused(&[&configured, words].concat());
        assert!(line.contains("the command after -- is empty"), "{line}");
    }
    // A command whose last argument is `--` is not empty.
    let line = refused(&["record", "-o", &output, "--", "no-such-program", "--"]);
    assert!(
        line.contains("no-such-program") || line.contains("--op"),
        "{line}"
    );
    assert!(!Path::new(&output).exists());
}

#[test]
fn check_refuses_what_record_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&targets::build("ops.c", &[]), directory.path());
    let link = directory.path().join("link");
    fs::hard_link(&program, &link).unwrap();
    let (program, link) = (program.display(), link.display());
    let a = format!("a=uprobe:{program}:op");
    for b in [
        format!("b=uprobe:{program}:op"),
        format!("b=uprobe:{link}:op"),
    ] {
        assert!(refused(&["check", "--op", &a, "--op", &b]).contains("same code"));
    }
    let config = directory.path().join("soak.toml");
    let path = config.display().to_string();
    fs::write(&config, "pid = 4194304\n").unwrap();
    assert!(refused(&["check", "--config", &path, "--op", &a]).contains("4194304"));
}

#[test]
fn check_never_attaches_to_the_programs_that_it_explains() {
    if !host::allows_bpf() {
        return;
    }
    let program = targets::build("ops.c", &[]);
    let probe = format!("op=uprobe:{}:op", program.display());
    let check = recorder::json(&["check", "--op", &probe]);
    let begin = check["probes"][0]["begins"][0]["file_offset"].as_u64();
    let waiting = targets::start_waiting(&program, &["calls", "10", "1", "0"]);
    let first_byte = || code_at(waiting.pid(), &program, begin.unwrap());
    // The program is mapped a moment after its process exists.
    let original = loop {
        match first_byte() {
            Some(byte) => break byte,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    assert_ne!(original, BREAKPOINT);

    let mut recorder = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"));
    let mut checking = recorder
        .args(["check", "--op", &probe])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut looked = 0;
    let status = loop {
        assert_eq!(first_byte(), Some(original));
        looked += 1;
        if let Some(status) = checking.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(status.success() && looked > 20, "{status}, {looked}");

    // A recording's breakpoint is seen in the same way.
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("recording");
    let recorder = Recorder::start(&recording, &["--op", &probe]);
    assert_eq!(first_byte(), Some(BREAKPOINT));
    recorder.stop();
    assert_eq!(first_byte(), Some(original));
    assert_eq!(waiting.go().counts().finished, 10);
}

/// The instruction that the kernel puts in place of a probed one.
const BREAKPOINT: u8 = 0xcc;

/// The byte of a process's code that is at `offset` of its program; `None` before it is mapped.
fn code_at(pid: u32, program: &Path, offset: u64) -> Option<u8> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let hexadecimal = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let address = maps.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (start, end) = fields[0].split_once('-').unwrap();
        let (start, end, first) = (hexadecimal(start), hexadecimal(end), hexadecimal(fields[2]));
        let is_there = fields.last() == Some(&program.to_str().unwrap())
            && (first..first + (end - start)).contains(&offset);
        is_there.then(|| start + (offset - first))
    });
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut byte = [0];
    memory.read_exact_at(&mut byte, address?).unwrap();
    Some(byte[0])
}

#[test]
fn probes_lists_the_functions_and_markers_of_a_file() {
    let program = targets::build("ops_marker.c", &[]).display().to_string();
    let (status, table, stderr) = recorder::run(&["probes", &program]);
    assert!(status.success(), "{stderr}");
    assert!(table.contains("marker    op\n"), "{table}");
    let (_, json, _) = recorder::run(&["probes", &program, "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(answer["schema"], "soakbox.probes/1");
    let functions = answer["functions"].as_array().unwrap();
    let main = functions.iter().find(|function| function["name"] == "main");
    assert!(main.unwrap()["size"].as_u64().unwrap() > 0, "{json}");
    assert!(refused(&["probes", "/etc/passwd"]).contains("ELF"));
    assert!(refused(&["probes", "/does/not/exist"]).contains("cannot read"));
}
