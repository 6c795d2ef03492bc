//! A readable name stands for exactly one function, or is refused with all functions that it could
//! stand for.

use std::collections::BTreeSet;

use crate::binary_support::{Workshop, function as support_function, host};
use soakbox_recorder::binary::{Choice, Function, Reason};
use soakbox_recorder::binary::{demangle, pattern};

fn function(bytes: &[u8], name: &str) -> Result<Function, Reason> {
    support_function(bytes, name).map_err(|error| {
        let text = error.to_string();
        assert!(
            text.contains("; hint: ") && text.lines().count() == 1,
            "{text}"
        );
        error.reason
    })
}

fn address(bytes: &[u8], name: &str) -> u64 {
    match function(bytes, name) {
        Ok(function) => function.address,
        Err(reason) => panic!("{name}: {reason}"),
    }
}

fn choices(bytes: &[u8], name: &str) -> Vec<Choice> {
    match function(bytes, name) {
        Err(Reason::Ambiguous { choices, .. }) => choices,
        other => panic!("{name}: {other:?}"),
    }
}

/// The name is refused with exactly the functions of these signatures, and each signature or symbol
/// selects its own function.
fn assert_refused_with(bytes: &[u8], name: &str, signatures: &[&str]) {
    let choices = choices(bytes, name);
    let listed: Vec<&str> = choices
        .iter()
        .map(|choice| choice.signature.as_deref().unwrap())
        .collect();
    let sorted = |names: &[&str]| {
        let mut names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
        names.sort();
        names
    };
    assert_eq!(sorted(&listed), sorted(signatures), "{name}");
    let addresses: BTreeSet<u64> = choices.iter().map(|choice| choice.address).collect();
    assert_eq!(addresses.len(), choices.len(), "{name}");
    let reason = function(bytes, name).unwrap_err();
    let (text, hint) = (reason.to_string(), reason.hint());
    assert!(
        text.contains(&format!(
            "'{name}' is the name of {} functions",
            choices.len()
        )),
        "{text}"
    );
    for choice in &choices {
        assert!(hint.contains(&choice.symbol), "{hint}");
        assert_eq!(address(bytes, &choice.symbol), choice.address);
    }
    let unique = |signature: &str| signatures.iter().filter(|one| **one == signature).count() == 1;
    for choice in &choices {
        let signature = choice.signature.as_deref().unwrap();
        if unique(signature) {
            assert_eq!(address(bytes, signature), choice.address, "{signature}");
        } else {
            assert!(choices_of(bytes, signature) > 1, "{signature}");
        }
    }
}

fn choices_of(bytes: &[u8], name: &str) -> usize {
    choices(bytes, name).len()
}

const OVERLOADS: &[(&str, &[&str])] = &[
    (
        "app::Store::get",
        &["app::Store::get()", "app::Store::get() const"],
    ),
    (
        "app::Store::fetch",
        &["app::Store::fetch(int)", "app::Store::fetch(long)"],
    ),
    (
        "app::Store::find",
        &[
            "app::Store::find()",
            "app::Store::find<int>(int)",
            "app::Store::find<long>(long)",
        ],
    ),
    (
        "app::Store::take",
        &[
            "app::Store::take() &",
            "app::Store::take() &&",
            "app::Store::take() const &",
        ],
    ),
    (
        "app::Store::operator<",
        &[
            "app::Store::operator<(int) const",
            "app::Store::operator<(long) const",
        ],
    ),
    (
        "app::Store::operator()",
        &["app::Store::operator()()", "app::Store::operator()() const"],
    ),
    (
        "app::Box::open",
        &["app::Box<int>::open()", "app::Box<long>::open()"],
    ),
    (
        "app::Box::as",
        &[
            "app::Box<int>::as<double>()",
            "app::Box<int>::as<long>()",
            "app::Box<long>::as<long>()",
        ],
    ),
    (
        "app::Box<int>::as",
        &["app::Box<int>::as<double>()", "app::Box<int>::as<long>()"],
    ),
    (
        "app::scaled",
        &["app::scaled<int>(int)", "app::scaled<long>(long)"],
    ),
    ("app::filled", &["app::filled<1>()", "app::filled<2>()"]),
    (
        "app::version",
        &["app::version[abi:v1]()", "app::version(int)"],
    ),
    (
        "app::(anonymous namespace)::hidden",
        &[
            "app::(anonymous namespace)::hidden()",
            "app::(anonymous namespace)::hidden(int)",
        ],
    ),
    ("app::inside", &["app::inside(int)", "app::inside(long)"]),
    ("top", &["top(int)", "top(long)"]),
];

const BUILDS: &[(&str, &[&str])] = &[
    ("g++", &["-O0"]),
    ("g++", &["-O2"]),
    ("g++", &["-O2", "-no-pie", "-fno-pie"]),
    ("clang++", &["-O0"]),
    ("clang++", &["-O2"]),
];

#[test]
fn overloads_are_refused_together_and_each_is_selected_by_its_signature_or_symbol() {
    let workshop = Workshop::new();
    for (compiler, flags) in BUILDS {
        if *compiler == "clang++" && !host::has_tool(compiler) {
            continue;
        }
        let bytes = workshop.build(compiler, "names.cpp", flags);
        for (name, signatures) in OVERLOADS {
            assert_refused_with(&bytes, name, signatures);
        }
        // A function that is the only one of its name is selected by its path alone.
        let only = address(&bytes, "app::Store::only");
        assert_eq!(only, address(&bytes, "_ZNK3app5Store4onlyEi"));
        assert_eq!(only, address(&bytes, "app::Store::only(int) const"));
        assert!(function(&bytes, "app::Store::only(int)").is_err());
        address(&bytes, "app::Store::operator bool");
        address(&bytes, "app::Box<int>::open");
        address(&bytes, "app::scaled<long>");
        assert_eq!(
            address(&bytes, "app::version()"),
            address(&bytes, "_ZN3app7versionB2v1Ev")
        );
    }
}

#[test]
fn constructors_at_one_address_are_one_function_and_others_are_not() {
    let workshop = Workshop::new();
    let bytes = workshop.build("g++", "names.cpp", &["-O2"]);
    let built = function(&bytes, "app::Store::Store(int)").unwrap();
    assert_eq!(built.aliases, ["_ZN3app5StoreC1Ei", "_ZN3app5StoreC2Ei"]);
    let destroyed = function(&bytes, "app::Store::~Store").unwrap();
    assert_eq!(
        destroyed.aliases,
        ["_ZN3app5StoreD1Ev", "_ZN3app5StoreD2Ev"]
    );
    assert_refused_with(
        &bytes,
        "app::Store::Store",
        &[
            "app::Store::Store(int)",
            "app::Store::Store(app::Store const&)",
        ],
    );
    for (compiler, flags) in BUILDS {
        if *compiler == "clang++" && !host::has_tool(compiler) {
            continue;
        }
        let bytes = workshop.build(compiler, "names.cpp", flags);
        let symbols: Vec<String> = choices(&bytes, "app::Shared::Shared")
            .into_iter()
            .map(|choice| choice.symbol)
            .collect();
        let symbols: BTreeSet<&str> = symbols.iter().map(String::as_str).collect();
        assert_eq!(
            symbols,
            BTreeSet::from(["_ZN3app6SharedC1Ev", "_ZN3app6SharedC2Ev"])
        );
    }
}

#[test]
fn code_that_the_linker_or_compiler_merged_is_one_function() {
    let workshop = Workshop::new();
    let text = "
        struct Store {
            int value;
            __attribute__((noinline, used)) int get() { return value; }
            __attribute__((alias(\"_ZN5Store3getEv\"))) int get() const;
        };
        int main() { Store store{1}; const Store &constant = store; return store.get() + constant.get(); }
    ";
    let bytes = workshop.build_text("g++", "cpp", text, &[]);
    let found = function(&bytes, "Store::get").unwrap();
    assert_eq!(found.aliases, ["_ZN5Store3getEv", "_ZNK5Store3getEv"]);
}

#[test]
fn functions_of_one_symbol_are_told_apart_by_their_addresses() {
    let workshop = Workshop::new();
    let other = workshop.path().join("other.cpp");
    let unit = |value: u32, next: &str| {
        format!(
            "namespace app {{ static __attribute__((noinline)) int op() {{ volatile int x = {value}; return x; }} }}
             int {next}() {{ return app::op() + 1; }}\n"
        )
    };
    std::fs::write(&other, unit(1, "second")).unwrap();
    let text = unit(2, "first") + "int second(); int main() { return first() + second(); }";
    let bytes = workshop.build_text("g++", "cpp", &text, &[&other.display().to_string()]);
    for name in ["app::op", "app::op()", "_ZN3appL2opEv"] {
        assert_eq!(choices_of(&bytes, name), 2);
        let hint = function(&bytes, name).unwrap_err().hint();
        for choice in choices(&bytes, name) {
            let symbol = format!("_ZN3appL2opEv@{:#x}", choice.address);
            assert!(hint.contains(&symbol), "{hint}");
            for named in [&symbol, &format!("{name}@{:#x}", choice.address)] {
                assert_eq!(address(&bytes, named), choice.address);
            }
        }
        for unknown in ["0x1", "0xfffffffffffffffff", "0x"] {
            assert!(function(&bytes, &format!("{name}@{unknown}")).is_err());
        }
    }
    let found = pattern::matches(&bytes, "program", "app::o?");
    let found = found.unwrap().unwrap();
    assert_eq!(found.len(), 2);
    let addresses: Vec<u64> = found
        .iter()
        .map(|found| address(&bytes, &found.symbol))
        .collect();
    assert_ne!(addresses[0], addresses[1]);
}

/// A program with these symbols, each a function of its own, and main.
fn with_symbols(workshop: &Workshop, symbols: &[&str]) -> Vec<u8> {
    let mut text = String::from(".text\n.globl main\nmain:\n");
    for name in symbols {
        text += &format!(
            ".type \"{name}\", @function\n\"{name}\":\npush %rbp\npop %rbp\nret\n.size \"{name}\", . - \"{name}\"\n"
        );
    }
    text += ".section .note.GNU-stack,\"\",@progbits\n";
    workshop.build_text("gcc", "s", &text, &[])
}

#[test]
fn copies_and_parts_are_not_functions_of_their_own() {
    let workshop = Workshop::new();
    for (base, name) in [
        ("_ZN3app2opEi", "app::op"),
        ("_RNvCs1_3app2op", "app::op"),
        ("_ZN3app2op17h58283b0d59863309E", "app::op"),
    ] {
        let symbol = |suffix: &str| format!("{base}{suffix}");
        let [cold, part, copy, other] =
            [".cold", ".part.0", ".constprop.0", ".llvm.12"].map(symbol);
        let bytes = with_symbols(&workshop, &[base, &cold, &part, &copy, &other]);
        for written in [base, name] {
            let found = function(&bytes, written).unwrap();
            assert_eq!(found.symbol, base);
            assert_eq!(found.copies, [copy.as_str(), other.as_str()]);
            assert_eq!(found.begins.len(), 3);
        }
        // Only copies are left.
        let bytes = with_symbols(&workshop, &[&cold, &copy, &other]);
        for written in [base, name] {
            let found = function(&bytes, written).unwrap();
            assert_eq!(found.symbol, copy);
            assert_eq!(found.copies, [other.as_str()]);
            assert_eq!(found.begins.len(), 2);
        }
    }
    // Copies of two overloads are two functions.
    let bytes = with_symbols(
        &workshop,
        &["_ZN3app2opEi.constprop.0", "_ZN3app2opEl.isra.0"],
    );
    assert_eq!(choices_of(&bytes, "app::op"), 2);
}

#[test]
fn a_symbol_of_exactly_that_name_takes_precedence() {
    let workshop = Workshop::new();
    let bytes = with_symbols(&workshop, &["op", "_Z2opi", "_Z2opl"]);
    assert_eq!(function(&bytes, "op").unwrap().symbol, "op");
    assert_eq!(function(&bytes, "op(int)").unwrap().symbol, "_Z2opi");
    // The symbol of a copy is not exactly the name.
    let bytes = with_symbols(&workshop, &["op.constprop.0", "_Z2opi"]);
    assert_eq!(choices_of(&bytes, "op"), 2);
}

#[test]
fn a_mangled_name_that_cannot_be_read_stays_a_choice() {
    let workshop = Workshop::new();
    // A constraint of C++20.
    let unread = "_ZN3app5Store3getITkSt8integraliEET_S2_";
    assert_eq!(demangle::signature(unread), None);
    let bytes = with_symbols(&workshop, &["_ZN3app5Store3getEv", unread]);
    assert_eq!(choices_of(&bytes, "app::Store::get"), 2);
    assert_eq!(
        function(&bytes, "app::Store::get()").unwrap().symbol,
        "_ZN3app5Store3getEv"
    );
    assert_eq!(function(&bytes, unread).unwrap().symbol, unread);
    // Alone it is only suggested, never guessed.
    let bytes = with_symbols(&workshop, &[unread]);
    let reason = function(&bytes, "app::Store::get").unwrap_err().to_string();
    assert!(
        reason.contains(&format!("did you mean '{unread}'?")),
        "{reason}"
    );
}

#[test]
fn an_unknown_name_is_answered_with_similar_readable_names() {
    let workshop = Workshop::new();
    let bytes = workshop.build("g++", "names.cpp", &["-O1"]);
    let reason = |name: &str| function(&bytes, name).unwrap_err().to_string();
    let near = reason("app::Store::onyl");
    assert!(
        near.contains("did you mean one of app::Store::only, "),
        "{near}"
    );
    let near = reason("_ZNK3app5Store4onylEi");
    assert!(
        near.contains("did you mean one of _ZNK3app5Store4onlyEi, "),
        "{near}"
    );
    let text = "#include <exception>\nint main(int count, char **) { if (count > 1) std::terminate(); return 0; }";
    let bytes = workshop.build_text("g++", "cpp", text, &[]);
    for name in ["std::terminate", "std::terminate()", "_ZSt9terminatev"] {
        assert!(
            matches!(function(&bytes, name), Err(Reason::Imported { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_long_list_is_cut() {
    let workshop = Workshop::new();
    let symbols: Vec<String> = (1..=20)
        .map(|at| format!("_ZN3app2opILi{at}EEEvv"))
        .collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let reason = function(&with_symbols(&workshop, &symbols), "app::op").unwrap_err();
    let (text, hint) = (reason.to_string(), reason.hint());
    assert!(
        text.contains("20 functions") && text.ends_with("and 12 more"),
        "{text}"
    );
    assert!(
        hint.contains(symbols[7]) && !hint.contains(symbols[8]),
        "{hint}"
    );
}

#[test]
fn instances_of_a_generic_rust_function_are_refused_together() {
    let workshop = Workshop::new();
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    for scheme in ["default", "v0"] {
        for level in ["0", "2"] {
            let level = format!("-Copt-level={level}");
            let mut flags = vec!["--edition=2024", "--crate-name=names", level.as_str()];
            if scheme != "default" {
                flags.push("-Csymbol-mangling-version=v0");
            }
            let bytes = workshop.build(&rustc, "names.rs", &flags);
            for (name, count) in [
                ("names::shown", 3),
                ("names::sum", 2),
                ("names::Store::show", 3),
                ("names::Store::as_default", 2),
                ("<names::Store as names::Get>::get", 2),
            ] {
                let choices = choices(&bytes, name);
                assert_eq!(choices.len(), count, "{name} {flags:?}: {choices:?}");
                for choice in choices {
                    assert_eq!(address(&bytes, &choice.symbol), choice.address);
                }
            }
            for name in [
                "names::Plain::only",
                "<names::Plain as names::Get>::get",
                "<names::Store<u8> as names::Get>::get",
                "names::größe",
            ] {
                address(&bytes, name);
            }
            if scheme == "v0" {
                address(&bytes, "names::shown::<&str>");
                address(&bytes, "names::sum::<2>");
                address(&bytes, "<names::Store<u8>>::show");
                address(&bytes, "names::Store<u8>::show");
            }
        }
    }
}
