//! Functions of whole programs that finish at jumps on the way out, or at jumps that cannot be
//! followed: begins and finishes equal the executions of the functions' first and last instructions,
//! which perf events count in the same run, and the programs' output and status are those without a
//! recorder.
//!
//! Each run observes some of the functions, chosen at random; with `SOAKBOX_ROUNDS=100` it observes
//! all of them in turn. Of the C library, those that the programs import come first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use soakbox_recorder::binary::control_flow::{self, Extent};
use soakbox_recorder::binary::elf::{Elf, Symbol};
use soakbox_recorder::binary::unwind::Unwind;
use soakbox_recorder::binary::{
    Finish, Finishing, KernelVersion, Reason, ReturnUse, resolve_function,
};
use soakbox_schemas::control::When;

use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::uprobe_counts::UprobeCounts;
use crate::support::{host, targets};

const PYTHON: &str = "/usr/bin/python3.11";
const LIBC: &str = "/lib/x86_64-linux-gnu/libc.so.6";
/// Functions per round. One recording takes at most 64; each counter takes time to detach.
const PER_ROUND: usize = 20;

/// A function that finishes at jumps, at least on some of its ways out.
struct Jumping {
    name: String,
    entry: u64,
    returns: Vec<u64>,
    /// One of the jumps is its begin.
    at_begin: bool,
    /// The rules of its probe.
    rules: &'static str,
}

fn kernel() -> KernelVersion {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    KernelVersion::parse(&release).unwrap()
}

/// The symbols of functions that have no other name, of names that only one function has.
fn plain_functions<'a>(elf: &Elf<'a>) -> Vec<Symbol<'a>> {
    // Versions of a symbol have one name and several addresses.
    let mut addresses: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for symbol in &elf.symbols {
        let of_name = addresses.entry(symbol.name).or_default();
        of_name.insert(symbol.address);
    }
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for symbol in &elf.symbols {
        let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        // Of several names, some may have a version in parentheses.
        if symbol.size == 0 || symbol.indirect || !is_plain(symbol.name) {
            continue;
        }
        if addresses[symbol.name].len() == 1 && seen.insert(symbol.address) {
            found.push(*symbol);
        }
    }
    found
}

fn jumping(file: &Path) -> Vec<Jumping> {
    let bytes = std::fs::read(file).unwrap();
    let elf = Elf::parse(&bytes).unwrap();
    let unwind = Unwind::parse(&elf);
    let mut found = Vec::new();
    for symbol in plain_functions(&elf) {
        let extent = Extent::of(&elf, &symbol);
        let Ok(body) = control_flow::analyse(&elf, &unwind, &extent, kernel()) else {
            continue;
        };
        let offset = |address: &u64| elf.file_offset(*address).unwrap();
        // A tail call finishes at the returns of another function, which others call too.
        let jumps = body.exits(ReturnUse::RECORDED).jumps;
        if body.tail_jumps.is_empty() && !jumps.is_empty() {
            found.push(Jumping {
                name: symbol.name.to_owned(),
                entry: offset(&symbol.address),
                returns: body.returns.iter().map(offset).collect(),
                at_begin: jumps.iter().any(|jump| jump.address == body.begin.address),
                rules: "",
            });
        }
    }
    found
}

/// Some of the functions that finish at jumps which cannot be followed and at returns.
fn leaving(file: &Path, most: usize, seed: u64) -> Vec<Jumping> {
    let bytes = std::fs::read(file).unwrap();
    let elf = Elf::parse(&bytes).unwrap();
    let mut symbols = plain_functions(&elf);
    shuffle(&mut symbols, seed);
    let value = ReturnUse::RECORDED;
    let left_by_jumps = symbols.into_iter().filter_map(|symbol| {
        let name = symbol.name;
        let exact = resolve_function(
            bytes.as_slice(),
            "",
            name,
            kernel(),
            Finishing::Exactly(value),
        );
        exact.err().filter(Reason::is_at_jump)?;
        let found = resolve_function(
            bytes.as_slice(),
            "",
            name,
            kernel(),
            Finishing::AlsoAtJumps(value),
        );
        let function = found.ok()?.part;
        let Finish::Returns { sites, .. } = &function.finish else {
            return None;
        };
        // A count at a conditional jump does not tell where it led.
        let mut jumps = function.left_at.iter();
        let always = jumps.all(|jump| jump.when == When::Always);
        if !always || !function.tail_calls.jumps.is_empty() {
            return None;
        }
        let jumps = function.left_at.iter();
        let jumps = jumps.map(|jump| elf.file_offset(jump.address).unwrap());
        let returns = sites.iter().map(|site| site.file_offset);
        Some(Jumping {
            name: name.to_owned(),
            entry: elf.file_offset(symbol.address).unwrap(),
            returns: returns.chain(jumps).collect(),
            at_begin: false,
            rules: ",finish=jump",
        })
    });
    left_by_jumps.take(most).collect()
}

fn rounds() -> usize {
    let rounds = std::env::var("SOAKBOX_ROUNDS").ok();
    rounds.map_or(1, |rounds| rounds.parse().unwrap())
}

fn shuffle<T>(all: &mut [T], mut seed: u64) {
    for last in (1..all.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        all.swap(last, (seed >> 33) as usize % (last + 1));
    }
}

/// Puts functions that begin and finish at one jump and others in turn.
fn alternating(functions: Vec<Jumping>) -> Vec<Jumping> {
    let is_at_begin = |function: &Jumping| function.at_begin;
    let (at_begin, others): (Vec<_>, Vec<_>) = functions.into_iter().partition(is_at_begin);
    let (mut at_begin, mut others) = (at_begin.into_iter(), others.into_iter());
    let mut all = Vec::new();
    loop {
        let pair = [at_begin.next(), others.next()];
        if pair.iter().all(Option::is_none) {
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

/// Records the functions of `file` while `command` runs. Returns how many of them were called.
fn compare(file: &Path, functions: &[Jumping], command: &[String], forks: bool) -> usize {
    let program = Path::new("/usr/bin/env");
    let silent = targets::run(program, command);
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let probes: Vec<String> = functions
        .iter()
        .map(|function| {
            let Jumping { name, rules, .. } = function;
            format!("{name}=uprobe:{}:{name}{rules}", file.display())
        })
        .collect();
    // With the symbols of a debug file, some turn out to be no functions that can be observed.
    let mut arguments = vec!["--skip-refused"];
    arguments.extend(probes.iter().flat_map(|probe| ["--op", probe]));

    let mut offsets = Vec::new();
    for function in functions {
        offsets.push(function.entry);
        offsets.extend_from_slice(&function.returns);
    }
    let counts = UprobeCounts::open(file, &offsets);
    let recorder = Recorder::start(&root, &arguments);
    let outcome = targets::run(program, command);
    recorder.stop().check();
    let counts = counts.read();
    assert_eq!(outcome, silent);

    let recording = Recording::open(&root);
    let (mut called, mut refused) = (0, 0);
    let mut rest = &counts[..];
    for Jumping { name, returns, .. } in functions {
        let (own, others) = rest.split_at(1 + returns.len());
        rest = others;
        if recording.intervals(name).is_empty() {
            refused += 1;
            continue;
        }
        let (entered, returned) = (own[0], own[1..].iter().sum::<i64>());
        let totals = recording.checked(name);
        let place = format!("{name}: {entered} entered, {returned} returned, {totals:?}");
        assert_eq!(totals.begun, entered, "begins, {place}");
        assert_eq!(totals.finished + totals.unmatched, returned, "{place}");
        assert_eq!(totals.begun, totals.finished + totals.abandoned, "{place}");
        // A child of a fork returns from functions that its parent called.
        assert!(forks || totals.unmatched == 0, "{place}");
        called += usize::from(entered > 0);
    }
    assert!(10 * refused <= functions.len(), "{refused} refused");
    called
}

fn compare_all(file: &Path, commands: &[(Vec<String>, bool)], first: &BTreeSet<String>) {
    let mut functions = jumping(file);
    assert!(functions.iter().any(|function| function.at_begin));
    let seed = host::seed();
    shuffle(&mut functions, seed);
    functions.sort_by_key(|function| !first.contains(&function.name));
    compare_rounds(file, commands, &alternating(functions));
    let functions = leaving(file, (rounds() + 2) * PER_ROUND, seed);
    assert!(!functions.is_empty());
    compare_rounds(file, commands, &functions);
}

fn compare_rounds(file: &Path, commands: &[(Vec<String>, bool)], functions: &[Jumping]) {
    let mut called = 0;
    let chunks = functions.chunks(PER_ROUND).zip(commands.iter().cycle());
    for (round, (chunk, (command, forks))) in chunks.enumerate() {
        // Of a round, none may be called: one in 300 times, where a quarter of all are.
        if round >= rounds() && called > 0 {
            break;
        }
        called += compare(file, chunk, command, *forks);
    }
    println!(
        "{}: {} functions with jumps, {called} of the tried ones called",
        file.display(),
        functions.len()
    );
    assert!(called > 0);
}

fn script() -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let script = tests.join("targets/standard_library.py");
    script.to_str().unwrap().to_owned()
}

/// The names that the programs import from their libraries.
fn imports(programs: &[&str]) -> BTreeSet<String> {
    let nm = ["--dynamic", "--undefined-only", "--format=just-symbols"];
    let output = Command::new("nm").args(nm).args(programs).output().unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let bare = |name: &str| name.split('@').next().unwrap().to_owned();
    names.lines().map(bare).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn functions_of_python_equal_a_second_count() {
    if !host::allows_bpf() || !host::has_file(PYTHON) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let python = targets::own_copy(Path::new(PYTHON), directory.path());
    let program = python.to_str().unwrap();
    let environment = ["PYTHONHOME=/usr", "PYTHONHASHSEED=0", program, "-S", "-B"];
    let script = script();
    let command = |more: &[&str]| words(&[&environment[..], &[&script], more].concat());
    let commands = [(command(&["forks"]), true), (command(&[]), false)];
    compare_all(&python, &commands, &BTreeSet::new());
}

#[test]
fn functions_of_libc_equal_a_second_count() {
    if !host::allows_bpf() || !host::has_tool("nm") {
        return;
    }
    if !host::has_file(LIBC) || !host::has_file(PYTHON) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let libc = targets::own_copy(Path::new(LIBC), directory.path());
    let library_path = format!("LD_LIBRARY_PATH={}", directory.path().display());
    let commands = format!(
        "PYTHONHASHSEED=0 {PYTHON} -S -B {} forks; echo $?; \
         seq 1 400 | sort -rn | sed -n 's/9/n/p' | awk '{{ s += length($1); print $1 }} END {{ print s }}' | tail -5; \
         date -u -d @1000000000; printf '%s %5.2f\\n' a 2.5; ls /etc/passwd /no; exit 5",
        script()
    );
    let command = words(&[&*library_path, "LC_ALL=C", "TZ=UTC", "sh", "-c", &commands]);
    let programs = [PYTHON, "/bin/sh", "/usr/bin/sort", "/usr/bin/sed"];
    compare_all(&libc, &[(command, true)], &imports(&programs));
}
