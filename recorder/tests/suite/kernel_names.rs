//! Several functions of one readable name: each is recorded by its signature or symbol with exactly
//! its own calls; the name alone is refused.

use std::path::Path;

use crate::support::recorder::{self, Recorder, refused};
use crate::support::recording::Recording;
use crate::support::{host, targets};

/// The key under which the target prints its count, the function's signature, its symbol.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("get", "app::Store::get()", "_ZN3app5Store3getEv"),
    (
        "get_const",
        "app::Store::get() const",
        "_ZNK3app5Store3getEv",
    ),
    (
        "fetch_int",
        "app::Store::fetch(int)",
        "_ZN3app5Store5fetchEi",
    ),
    (
        "fetch_long",
        "app::Store::fetch(long)",
        "_ZN3app5Store5fetchEl",
    ),
    (
        "find_int",
        "app::Store::find<int>",
        "_ZN3app5Store4findIiEET_S2_",
    ),
    (
        "find_long",
        "app::Store::find<long>(long)",
        "_ZN3app5Store4findIlEET_S2_",
    ),
    ("take_left", "app::Store::take() &", "_ZNR3app5Store4takeEv"),
    (
        "take_right",
        "app::Store::take() &&",
        "_ZNO3app5Store4takeEv",
    ),
    ("only", "app::Store::only", "_ZN3app5Store4onlyEv"),
    ("constructed", "app::Store::Store", "_ZN3app5StoreC2Ei"),
];

fn operations(program: &Path, name: impl Fn(&(&str, &str, &str)) -> String) -> Vec<String> {
    let probe = |function: &(&str, &str, &str)| {
        format!(
            "{}=uprobe:{}:{}",
            function.0,
            program.display(),
            name(function)
        )
    };
    let operations = FUNCTIONS.iter().map(probe);
    operations
        .flat_map(|probe| ["--op".into(), probe])
        .collect()
}

#[test]
fn each_function_of_a_shared_name_is_recorded_with_its_own_calls() {
    if !host::allows_bpf() {
        return;
    }
    let rounds = 50 + host::seed() % 50;
    let source = targets::build("overloads.cpp", &[]);
    for by_symbol in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let program = targets::own_copy(&source, directory.path());
        let root = directory.path().join("recording");
        let operations = operations(&program, |(_, signature, symbol)| {
            if by_symbol { symbol } else { signature }.to_string()
        });
        let recorder = Recorder::start(&root, &operations);
        let outcome = targets::run(&program, &[rounds.to_string()]);
        recorder.stop().check();
        let counts = outcome.counts();
        let recording = Recording::open(&root);
        for (key, name, _) in FUNCTIONS {
            let totals = recording.checked(key);
            assert_eq!(totals.lost, 0, "{name}");
            assert_eq!(totals.finished, counts.all[*key], "{name}");
        }
        assert_eq!(counts.all["get_const"], 2 * rounds as i64);
        assert_eq!(counts.all["constructed"], 1 + 10 * rounds as i64);
    }
}

#[test]
fn a_name_of_several_functions_is_refused_with_the_symbols_to_write() {
    let program = targets::build("overloads.cpp", &[]).display().to_string();
    for (name, count) in [
        ("app::Store::get", 2),
        ("app::Store::fetch", 2),
        ("app::Store::find", 2),
        ("app::Store::take", 2),
    ] {
        let probe = format!("op=uprobe:{program}:{name}");
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("recording").display().to_string();
        let record = ["record", "-o", &root, "--op", &probe, "--", &program, "1"];
        for arguments in [&["check", "--op", &probe][..], &record] {
            let line = refused(arguments);
            assert!(
                line.contains(&format!("is the name of {count} functions")),
                "{line}"
            );
            let symbols = FUNCTIONS
                .iter()
                .filter(|(_, signature, _)| signature.starts_with(name));
            for (_, _, symbol) in symbols.take(count) {
                assert!(line.contains(symbol), "{line}");
            }
        }
        assert!(!Path::new(&root).exists());
    }
    let probe = format!("op=uprobe:{program}:app::Store::Store");
    if host::allows_bpf() {
        let answer = recorder::json(&["check", "--op", &probe]);
        assert_eq!(
            answer["probes"][0]["aliases"].as_array().unwrap().len(),
            1,
            "{answer}"
        );
    }
}

#[test]
fn probes_lists_each_symbol_with_its_readable_name() {
    let program = targets::build("overloads.cpp", &[]).display().to_string();
    let answer = recorder::json(&["probes", &program]);
    let (status, table, _) = recorder::run(&["probes", &program]);
    assert!(status.success());
    for (_, signature, symbol) in FUNCTIONS.iter().filter(|(_, name, _)| name.contains('(')) {
        let functions = answer["functions"].as_array().unwrap();
        let listed = functions
            .iter()
            .find(|function| function["name"] == *symbol)
            .unwrap();
        assert_eq!(listed["signature"], *signature);
        let line = table.lines().find(|line| line.contains(symbol)).unwrap();
        assert!(line.ends_with(signature), "{line}");
    }
    let main = answer["functions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|function| function["name"] == "main");
    assert!(main.unwrap().get("signature").is_none());
}
