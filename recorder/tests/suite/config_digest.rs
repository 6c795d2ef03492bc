//! The digest of the configuration covers the settings that decide which operations are recorded
//! and how, and nothing else.

use crate::support::targets;
use clap::Parser;
use soakbox_recorder::cli::{Cli, Command};
use soakbox_recorder::plan::RecordPlan;
use soakbox_recorder::resolve;

fn digest(arguments: &[&str]) -> String {
    plan(arguments).config_digest
}

fn plan(arguments: &[&str]) -> RecordPlan {
    let words = ["soakbox-recorder", "record"].iter().chain(arguments);
    let Command::Record(arguments) = Cli::try_parse_from(words).unwrap().command else {
        panic!("not a recording");
    };
    resolve::record(&arguments).unwrap()
}

#[test]
fn recordings_with_the_same_settings_have_the_same_digest_and_others_do_not() {
    let program = targets::build("ops.c", &[]).display().to_string();
    let probe = format!("op=uprobe:{program}:op");
    let typed = format!("{probe},type=2");
    let own = std::process::id().to_string();
    let first = digest(&["-o", "/tmp/a", "--op", &probe]);
    assert_eq!(first.len(), 16, "{first}");
    let elsewhere = ["-o", "/tmp/b", "--duration", "1h", "--op", &probe];
    assert_eq!(digest(&elsewhere), first, "where and how long are no part");
    let by_pid = ["-o", "/tmp/a", "--op", &probe, "--pid", &own];
    let of_pid = digest(&by_pid);
    let _held = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(digest(&by_pid), of_pid, "nor is a descriptor's number");
    let mut digests = vec![first, of_pid];
    for other in [
        &["--op", &typed][..],
        &["--op", &probe, "--ring-bytes", "65536"],
        &["--op", &probe, "--flush-interval", "2s"],
        &["--op", &probe, "--rotate-after", "1h"],
        &["--op", &probe, "--", "true"],
        &["--op", &probe, "--", "false"],
    ] {
        let words: Vec<&str> = ["-o", "/tmp/a"].iter().chain(other).copied().collect();
        digests.push(digest(&words));
    }
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count, "{digests:?}");
}

#[test]
fn the_settings_that_make_another_digest_are_named_with_their_values() {
    let program = targets::build("ops.c", &[]).display().to_string();
    let probe = format!("op=uprobe:{program}:op");
    let first = plan(&["-o", "/tmp/a", "--op", &probe]).settings;
    let names: Vec<&str> = first.keys().map(String::as_str).collect();
    for name in [
        "op.op",
        "observed",
        "processes",
        "ring-bytes",
        "flush-interval",
        "rotate-after",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(!names.contains(&"duration"), "{names:?}");
    let elsewhere = ["-o", "/tmp/b", "--duration", "1h", "--op", &probe];
    assert_eq!(plan(&elsewhere).settings, first);
    for (name, value, other) in [
        (
            "op.op",
            format!("uprobe:{program}:op,type=2"),
            &["--op", &format!("{probe},type=2")][..],
        ),
        (
            "ring-bytes",
            "65536".to_owned(),
            &["--op", &probe, "--ring-bytes", "65536"],
        ),
        (
            "flush-interval",
            "2s".to_owned(),
            &["--op", &probe, "--flush-interval", "2s"],
        ),
        (
            "observed",
            "command \"true\"".to_owned(),
            &["--op", &probe, "--", "true"],
        ),
    ] {
        let words: Vec<&str> = ["-o", "/tmp/a"].iter().chain(other).copied().collect();
        let mut expected = first.clone();
        expected.insert(name.to_owned(), value);
        assert_eq!(plan(&words).settings, expected);
    }
}
