//! `import csv` of what cannot be imported: each mistake is one line, and nothing is left.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{Place, analyzer, count, printed, refused, text};

/// The entries of a directory, by name.
pub(crate) fn entries(directory: &Path) -> Vec<String> {
    let listing = fs::read_dir(directory).unwrap();
    let names = listing.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn mistakes_get_one_clear_line_and_nothing_is_left() {
    let place = Place::new();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let mut many = "ms,op\n".to_owned();
    for operation in 0..10_000 {
        many.push_str(&format!("1,/users/{operation}\n"));
    }
    let wide = format!("ms,{}", vec!["c"; 40].join(","));
    let files: &[(&str, &[u8])] = &[
        (
            "good.csv",
            b"ms,at,op,ok,rss\n1,2026-11-24T08:00:00Z,a,1,5\n",
        ),
        ("empty.csv", b""),
        ("header.csv", b"ms,op\n"),
        ("lines.csv", b"\n\r\n\n"),
        ("twice.csv", b"ms,op,ms\n1,a,2\n"),
        ("wide.csv", wide.as_bytes()),
        ("semicolon.csv", b"ms;op\n1;a\n"),
        ("short.csv", b"ms,op\n1,a\n\n2\n"),
        ("long.csv", b"ms,op\r\n1,\"a\r\nb\"\r\n2,a,c\r\n"),
        ("quote.csv", b"ms,op\n1,a\n2,\"b\n3,c\n"),
        ("nan.csv", b"ms,op\n1,a\nNaN,a\n"),
        ("inf.csv", b"ms,op\ninf,a\n"),
        ("negative.csv", b"ms,op\n1,a\n-0.001,a\n"),
        ("huge.csv", b"ms,op\n1e300,a\n"),
        ("missing.csv", b"ms,op\n1,a\n,a\n"),
        ("word.csv", b"ms,op\n\x1b[31mred,a\n"),
        ("nameless.csv", b"ms,op\n1,\n"),
        ("bytes.csv", b"ms,op\n1,\xff\xfe\n"),
        ("utf16.csv", b"\xff\xfem\0s\0\n\0"),
        ("many.csv", many.as_bytes()),
        ("noon.csv", b"ms,at,op\n1,noon,a\n"),
        ("early.csv", b"ms,at,op\n1,1969-12-31T23:59:59Z,a\n"),
        ("late.csv", b"ms,at,op\n1,9999-01-01T00:00:00Z,a\n"),
        ("outcome.csv", b"ms,op,ok\n1,a,1\n1,a,maybe\n"),
        ("memory.csv", b"ms,op,rss\n1,a,1k\n"),
    ];
    for (name, content) in files {
        fs::write(at(name), content).unwrap();
    }
    fs::create_dir(at("directory.csv")).unwrap();
    fs::write(at("taken"), "x").unwrap();
    let (output, missing) = (at("recording"), at("missing/recording"));
    let import = |name: &str, more: &[&str]| {
        let file = at(name);
        let mut words = vec!["import", "csv", &file, "-o", &output, "--duration", "ms:ms"];
        words.extend(more);
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        words
    };
    let names = files.iter().map(|(name, _)| *name);
    let with_operation = names.filter(|name| *name != "good.csv" && *name != "lines.csv");
    let mut cases: Vec<Vec<String>> = with_operation
        .map(|name| {
            let more: &[&str] = match name {
                "noon.csv" | "early.csv" | "late.csv" => &["--finished-at", "at:rfc3339"],
                "outcome.csv" => &["--success", "ok"],
                "memory.csv" => &["--memory", "rss"],
                _ => &[],
            };
            import(name, &[&["--operation", "op"], more].concat())
        })
        .collect();
    cases.push(import("lines.csv", &[]));
    cases.push(import("directory.csv", &[]));
    cases.push(import("nosuch.csv", &[]));
    cases.push(import("good.csv", &["--operation", "name"]));
    cases.push(import("good.csv", &["--finished-at", "at"]));
    cases.push(import("good.csv", &["--finished-at", "at:ms"]));
    cases.push(import(
        "good.csv",
        &["--every", "1ms", "--finished-at", "at:rfc3339"],
    ));
    cases.push(import("good.csv", &["--every", "1"]));
    cases.push(import("good.csv", &["--every", "0s"]));
    cases.push(import("good.csv", &["--every", "292y"]));
    cases.push(import("good.csv", &["--operation", "="]));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let (good, taken) = (at("good.csv"), at("taken"));
    cases.push(words(&["import"]));
    cases.push(words(&["import", "csv", &good]));
    cases.push(words(&[
        "import",
        "csv",
        &good,
        "-o",
        &output,
        "--duration",
        "ms",
    ]));
    for output in [&taken, &missing, "-", "/", "/proc/recording"] {
        let all = ["import", "csv", &good, "-o", output, "--duration", "ms:ms"];
        cases.push(words(&all));
    }
    let before = entries(place.path());
    let mut transcript = String::new();
    for case in &cases {
        let arguments: Vec<&str> = case.iter().map(String::as_str).collect();
        let command = arguments.join(" ");
        transcript.push_str(&format!("$ {command}\n{}\n", refused(&arguments)));
        assert_eq!(entries(place.path()), before, "{command}");
    }
    insta::assert_snapshot!("import_mistakes", place.plain(&transcript));
}

#[test]
fn a_pipe_a_fifo_and_a_device_are_files_too() {
    let place = Place::new();
    let fifo = place.path().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let output = place.path().join("run");
    let writer = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::write(fifo, "us\n1\n2\n3\n").unwrap()
    });
    let root = output.to_str().unwrap();
    printed(&[
        "import",
        "csv",
        fifo.to_str().unwrap(),
        "-o",
        root,
        "--duration",
        "us:us",
    ]);
    writer.join().unwrap();
    assert_eq!(count(root, "operation_log"), 3);
    for (device, reason) in [
        (
            "/dev/null",
            "/dev/null: is empty; hint: its first row has the names of the columns",
        ),
        (
            "/dev/zero",
            "/dev/zero: line 1: is longer than 1048576 bytes",
        ),
    ] {
        let other = place.path().join("other");
        let failure = refused(&[
            "import",
            "csv",
            device,
            "-o",
            other.to_str().unwrap(),
            "--duration",
            "us:us",
        ]);
        assert!(failure.contains(reason), "{failure}");
        assert!(!other.exists());
    }
    let help = analyzer(&["import", "csv", "--help"]);
    assert!(
        text(&help.stdout).contains("[default: =operation]"),
        "{}",
        text(&help.stdout)
    );
}

#[test]
fn a_recording_that_cannot_be_written_leaves_nothing() {
    let place = Place::new();
    let file = place.path().join("some.csv");
    fs::write(&file, "us\n1\n").unwrap();
    // Files of at most 512 bytes: like a full disk, but for this process only.
    let limited = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let ended = Command::new("sh")
        .args([
            "-c",
            limited,
            env!("CARGO_BIN_EXE_soakbox-analyzer"),
            "import",
            "csv",
        ])
        .arg(&file)
        .arg("-o")
        .arg(place.path().join("run"))
        .args(["--duration", "us:us"])
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(
        place.plain(&text(&ended.stderr)),
        "error: [DIR]/run: cannot be written: file too large\n"
    );
    assert_eq!(entries(place.path()), ["some.csv"]);
}
