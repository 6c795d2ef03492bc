//! The digest of the configuration covers the settings that decide which operations are recorded
//! and how, and nothing else.

use crate::support::targets;
use clap::Parser;
use soakbox_recorder::cli::{Cli, Command};
use soakbox_recorder::resolve;

fn digest(arguments: &[&str]) -> String {
    let words = ["soakbox-recorder", "record"].iter().chain(arguments);
    let Command::Record(arguments) = Cli::try_parse_from(words).unwrap().command else {
        panic!("not a recording");
    };
    resolve::record(&arguments).unwrap().config_digest
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
