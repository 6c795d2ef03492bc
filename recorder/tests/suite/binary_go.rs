//! Go programs as the machine's Go builds them, compared with what `go tool nm` and `objdump` read.

use crate::binary_support;
use crate::support::{targets, toolchains};

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binary_support::KERNEL;
use soakbox_recorder::binary::elf::Elf;
use soakbox_recorder::binary::{
    Finishing, GoFunction, GoListing, Reason, ReturnUse, list, resolve_function, resolve_go,
};

/// Ways of linking: by Go and by the C linker, at a fixed address and not, with and without names.
const WAYS: [&[&str]; 6] = [
    &[],
    &["-ldflags=-s -w"],
    &["-buildmode=pie"],
    &["-buildmode=pie", "-ldflags=-s -w"],
    &["-ldflags=-linkmode=external"],
    &["-buildmode=pie", "-ldflags=-linkmode=external -s -w"],
];

/// A program that is removed with the value.
pub(crate) struct Built(pub(crate) PathBuf);

impl Built {
    fn new(flags: &[&str]) -> Self {
        Self(targets::build_go("goroutines", flags, None))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(&self.0).unwrap()
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn output(program: &str, arguments: &[&str], file: &Path) -> String {
    let mut command = Command::new(program);
    let output = command.args(arguments).arg(file).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn listed(bytes: &[u8]) -> GoListing<'_> {
    list(bytes).unwrap().go.unwrap().unwrap()
}

/// Names and sizes by address.
pub(crate) fn functions(listing: &GoListing<'_>) -> BTreeMap<u64, (String, u64)> {
    let functions = listing.functions.iter();
    functions
        .map(|(name, address, size)| (*address, (name.to_string(), *size)))
        .collect()
}

#[test]
fn every_function_has_the_name_address_and_size_that_nm_gives_it() {
    for flags in [WAYS[0], WAYS[2], WAYS[4]] {
        let built = Built::new(flags);
        let bytes = built.bytes();
        let found = functions(&listed(&bytes));
        let (mut compared, mut sizes) = (0, 0);
        for line in output("go", &["tool", "nm", "-size"], &built.0).lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [address, size, "T" | "t", name] = words[..] else {
                continue;
            };
            let address = u64::from_str_radix(address, 16).unwrap();
            let size: u64 = size.parse().unwrap();
            // Symbols that mark a place have no size.
            let known = found.get(&address).filter(|_| size > 0);
            if let Some((found, listed)) = known {
                assert_eq!(*listed, size, "{flags:?}: {name} is {found}");
                sizes += 1;
            }
            if !name.starts_with("main.") {
                continue;
            }
            // Functions in assembly are not listed.
            let Some((found, _)) = known else {
                assert!(name.starts_with("main.assembly"), "{flags:?}: {name}");
                continue;
            };
            // Up to Go 1.20 the tables have `[...]` for type arguments.
            let (start, end) = found.split_once("[...]").unwrap_or((found, ""));
            assert!(
                found == name || (name.starts_with(start) && name.ends_with(end) && found != start),
                "{flags:?}: {found} is not {name}"
            );
            compared += 1;
        }
        assert!(compared > 20, "{flags:?}: {compared}");
        assert!(sizes > 1000, "{flags:?}: {sizes}");
    }
}

#[test]
fn stripped_programs_have_the_same_functions() {
    for (whole, stripped) in [(WAYS[0], WAYS[1]), (WAYS[2], WAYS[3])] {
        let (whole, stripped) = (Built::new(whole).bytes(), Built::new(stripped).bytes());
        let (whole, stripped) = (listed(&whole), listed(&stripped));
        assert_eq!(whole.functions, stripped.functions);
        assert_eq!(whole.version, stripped.version);
    }
}

#[test]
fn the_version_is_that_of_the_compiler() {
    let installed = output("go", &["env", "GOVERSION"], Path::new("GOOS"));
    let bytes = Built::new(&[]).bytes();
    assert_eq!(
        listed(&bytes).version.text,
        installed.lines().next().unwrap()
    );
}

pub(crate) fn resolved(bytes: &[u8], name: &str) -> Result<GoFunction, Reason> {
    resolve_go(bytes, "./program", name, None, KERNEL).map(|found| found.part)
}

/// Instructions of a function by `objdump`: address and mnemonic with operands.
fn instructions(file: &Path, symbol: &str) -> Vec<(u64, String)> {
    let symbol = format!("--disassemble={symbol}");
    let text = output("objdump", &["-d", "--no-show-raw-insn", &symbol], file);
    let lines = text.lines().filter_map(|line| {
        let (address, code) = line.trim().split_once(":\t")?;
        let address = u64::from_str_radix(address, 16).ok()?;
        Some((
            address,
            code.split_whitespace().collect::<Vec<_>>().join(" "),
        ))
    });
    lines.collect()
}

#[test]
fn functions_begin_after_the_stack_check_and_finish_at_each_return() {
    for flags in [WAYS[0], WAYS[2], WAYS[4]] {
        let built = Built::new(flags);
        let bytes = built.bytes();
        for (name, checked) in [
            ("main.op", true),
            ("main.panics", true),
            ("main.op_recovers", true),
            ("main.large", true),
            ("main.main", true),
            ("main.leaf", false),
            ("main.(*inner).get", false),
            ("main.main.func1", true),
        ] {
            let code = instructions(&built.0, name);
            let found = resolved(&bytes, name);
            let returns: Vec<u64> = code
                .iter()
                .filter(|(_, code)| code.starts_with("ret"))
                .map(|(address, _)| *address)
                .collect();
            let found = found.unwrap_or_else(|reason| panic!("{name} {flags:?}: {reason}"));
            assert_eq!(found.name, name);
            let addresses: Vec<u64> = found.returns.iter().map(|site| site.address).collect();
            assert_eq!(addresses, returns, "{name} {flags:?}");
            let check = code
                .iter()
                .position(|(_, code)| code.contains("0x10(%r14)"));
            let begin = match check {
                Some(check) => {
                    assert!(code[check + 1].1.starts_with("jbe"), "{name}: {code:?}");
                    code[check + 2].0
                }
                None => code[0].0,
            };
            assert_eq!(check.is_some(), checked, "{name}: {code:?}");
            let begins: Vec<_> = found
                .begins
                .iter()
                .map(|site| (site.address, site.stack_delta))
                .collect();
            assert_eq!(begins, [(begin, 0)], "{name} {flags:?}");
        }
    }
}

#[test]
fn a_switch_is_followed_and_a_generic_function_has_each_of_its_bodies() {
    for flags in WAYS {
        let bytes = Built::new(flags).bytes();
        assert!(resolved(&bytes, "main.choose").unwrap().returns.len() > 5);
        for name in [
            "main.sum[...]",
            "main.sum",
            "main.(*list[...]).push",
            "main.(*list).push",
        ] {
            let found = resolved(&bytes, name).unwrap();
            let begins: BTreeSet<u64> = found.begins.iter().map(|site| site.address).collect();
            assert_eq!(begins.len(), 2, "{name}: one for int, one for string");
        }
    }
}

/// Offsets of a goroutine's id by the minor version of Go, from the debug information of programs that
/// these versions built.
const ID_OFFSETS: [(u32, u16); 5] = [(19, 0x98), (21, 0x98), (23, 0xa0), (24, 0xa0), (26, 0x98)];

fn the_place_of_the_id_is_known(versions: &[&'static str]) {
    for version in versions {
        let built = Built(targets::build_go(
            "goroutines",
            &["-ldflags=-s -w"],
            Some(version),
        ));
        let bytes = built.bytes();
        let minor = listed(&bytes).version.minor;
        let offset = ID_OFFSETS.iter().find(|(known, _)| *known == minor);
        // The installed version may be a later one.
        if let Some((_, offset)) = offset {
            let found = resolved(&bytes, "main.op").unwrap().goroutine_id_offset;
            assert_eq!(found, *offset, "{version}");
        }
    }
}

#[test]
fn the_place_of_a_goroutines_id_is_that_of_its_version() {
    the_place_of_the_id_is_known(&["local"]);
    the_place_of_the_id_is_known(&toolchains::available(&toolchains::OTHERS));
}

#[test]
#[ignore = "downloads toolchains"]
fn the_place_of_a_goroutines_id_is_that_of_more_versions() {
    the_place_of_the_id_is_known(&toolchains::available(&toolchains::MORE));
}

#[test]
fn refusals_say_why() {
    let bytes = Built::new(&[]).bytes();
    let refused = |name: &str| {
        let reason = resolved(&bytes, name).unwrap_err();
        format!("{reason}; hint: {}", reason.hint())
    };
    assert!(refused("runtime.memmove").contains("written in assembly"));
    assert!(refused("main.po").contains("did you mean"));
    assert!(refused("main.Map[int]").contains("type arguments are written [...]"));
    assert!(refused("bytealg.IndexByteString").contains("written in assembly"));
    let has_module = listed(&bytes).version.minor >= 24;
    if has_module {
        let checksum = refused("crypto/internal/fips140/sha256.(*Digest).Write");
        assert!(checksum.contains("checksum"), "{checksum}");
    }
    let c = resolve_function(
        &bytes,
        "./program",
        "main.main",
        KERNEL,
        Finishing::Exactly(ReturnUse::RECORDED),
    )
    .unwrap_err();
    assert!(c.hint().contains("go:FILE:FUNCTION"), "{}", c.hint());
    let own = fs::read("/proc/self/exe").unwrap();
    assert!(matches!(
        resolve_go(&own, "p", "main.main", None, KERNEL),
        Err(Reason::NotGo)
    ));
}

/// Random numbers below a bound.
pub(crate) fn random() -> impl FnMut(usize) -> usize {
    let mut seed = binary_support::host::seed();
    move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    }
}

#[test]
fn damaged_tables_are_refused_or_read_but_never_a_panic() {
    let bytes = Built::new(&["-ldflags=-s -w"]).bytes();
    let elf = Elf::parse(&bytes).unwrap();
    let place = |name: &str| elf.file_offset(elf.section(name).unwrap().address).unwrap() as usize;
    let mut random = random();
    for round in 0..60 {
        let mut damaged = bytes.clone();
        let (start, length) = match round % 3 {
            0 => (place(".gopclntab"), 72),
            1 => (place(".gopclntab"), 60_000),
            _ => (place(".go.buildinfo"), 200),
        };
        for _ in 0..1 + random(if length > 100 { 3_000 } else { 3 }) {
            let at = start + random(length);
            damaged[at] = random(256) as u8;
        }
        let _ = list(&damaged);
        let _ = resolved(&damaged, "main.op");
        let _ = list(&damaged[..start + random(length)]);
    }
}
