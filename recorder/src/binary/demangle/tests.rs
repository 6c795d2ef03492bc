//! Tests of readable names: which names a symbol has, and which it does not have.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Symbols as compilers write them, with names that match them and names that do not.
const NAMES: &[(&str, &[&str], &[&str])] = &[
    (
        "_ZN3app5Store3getEv",
        &["app::Store::get", "app::Store::get()", "app::Store::get( )"],
        &[
            "get",
            "Store::get",
            "app::Store::get() const",
            "app::Store::get(int)",
            "app::Store::ge",
        ],
    ),
    (
        "_ZNK3app5Store3getEv",
        &[
            "app::Store::get",
            "app::Store::get() const",
            "app::Store::get()const",
        ],
        &["app::Store::get()", "app::Store::get const"],
    ),
    (
        "_ZNKR3app5Store3refEv",
        &["app::Store::ref", "app::Store::ref() const &"],
        &["app::Store::ref() &"],
    ),
    (
        "_ZNO3app5Store3refEv",
        &["app::Store::ref", "app::Store::ref() &&"],
        &["app::Store::ref() &"],
    ),
    (
        "_ZN3app5Store3getIiEET_S2_",
        &[
            "app::Store::get",
            "app::Store::get<int>",
            "app::Store::get<int>(int)",
            "int app::Store::get<int>(int)",
        ],
        &[
            "app::Store::get<long>",
            "app::Store::get(int)",
            "app::Store::get<int>()",
        ],
    ),
    (
        "_ZN3app3BoxIiE2asIdEET_v",
        &[
            "app::Box::as",
            "app::Box<int>::as",
            "app::Box<int>::as<double>",
            "app::Box<int>::as<double>()",
        ],
        &["app::Box<double>::as", "app::Box", "app::Box<int>"],
    ),
    (
        "_ZN3app3BoxINS0_IiEEE3getEv",
        &[
            "app::Box::get",
            "app::Box<app::Box<int> >::get",
            "app::Box<app::Box<int>>::get()",
        ],
        &["app::Box<int>::get"],
    ),
    (
        "_ZN3app5Store4nameB5cxx11Ev",
        &[
            "app::Store::name",
            "app::Store::name()",
            "app::Store::name[abi:cxx11]()",
        ],
        &["app::Store::name[abi:other]"],
    ),
    (
        "_ZN3app5StoreC1Ei",
        &["app::Store::Store", "app::Store::Store(int)"],
        &["app::Store", "app::Store::~Store"],
    ),
    (
        "_ZN3app5StoreD0Ev",
        &["app::Store::~Store", "app::Store::~Store()"],
        &["app::Store::Store"],
    ),
    (
        "_ZNK3app5StoreclEi",
        &[
            "app::Store::operator()",
            "app::Store::operator()(int) const",
        ],
        &["app::Store::operator"],
    ),
    (
        "_ZNK3app5StoreltERKS0_",
        &["app::Store::operator<"],
        &["app::Store::operator<<"],
    ),
    (
        "_ZNK3app5StorelsEi",
        &[
            "app::Store::operator<<",
            "app::Store::operator<<(int) const",
        ],
        &["app::Store::operator<"],
    ),
    (
        "_ZNK3app5StoressEi",
        &["app::Store::operator<=>"],
        &["app::Store::operator<="],
    ),
    (
        "_ZN3app5StoreptEv",
        &["app::Store::operator->", "app::Store::operator->()"],
        &[],
    ),
    (
        "_ZN3app5StorenaEm",
        &["app::Store::operator new[]"],
        &["app::Store::operator new"],
    ),
    (
        "_ZN3applsIiEERiT_",
        &["app::operator<<", "app::operator<< <int>"],
        &["app::operator<"],
    ),
    (
        "_ZNK3app5StorecvbEv",
        &["app::Store::operator bool"],
        &["app::Store::operator int"],
    ),
    (
        "_ZN3app12_GLOBAL__N_16helperEv",
        &["app::(anonymous namespace)::helper"],
        &["app::helper"],
    ),
    ("_ZN3appL4statEv", &["app::stat", "app::stat()"], &[]),
    (
        "_Z4workid",
        &["work", "work(int, double)", "work(int,double)"],
        &["work(int)", "wor"],
    ),
    (
        "_ZZN3app5outerEvENKUliE_clEi",
        &[
            "app::outer()::{lambda(int)#1}::operator()(int) const",
            "app::outer()::{lambda(int)#1}::operator()",
        ],
        &["app::outer", "app::outer()"],
    ),
    (
        "_ZN3app5applyIPFiiEEEiT_",
        &[
            "app::apply",
            "app::apply<int (*)(int)>",
            "int app::apply<int (*)(int)>(int (*)(int))",
        ],
        &[],
    ),
    (
        "_ZN3app3minISt6vectorIiSaIiEEEET_S4_S4_",
        &[
            "app::min",
            "app::min<std::vector<int, std::allocator<int> > >",
        ],
        &["app::min<std::vector<int>>"],
    ),
    (
        "_ZN3app6filledILj8EEEiv",
        &["app::filled", "app::filled<8u>", "app::filled<8u>()"],
        &["app::filled<8>", "app::filled<8ul>"],
    ),
    (
        "_ZN3app6filledILm8EEEiv",
        &["app::filled", "app::filled<8ul>"],
        &["app::filled<8u>"],
    ),
    (
        "_ZN3app4packIiJEEEvT_DpT0_",
        &["app::pack", "app::pack<int>", "app::pack<int>(int)"],
        &["app::pack<int, >"],
    ),
    // A thunk is not the function that it calls.
    ("_ZThn16_N3app1D1fEv", &[], &["app::D::f", "app::D::f()"]),
    (
        "_ZN5tokio7runtime4task3raw8schedule17h58283b0d59863309E",
        &["tokio::runtime::task::raw::schedule"],
        &["schedule", "tokio::runtime::task::raw"],
    ),
    (
        "_ZN1r5store14Store$LT$T$GT$4conv17hbac836bf40abff96E",
        &["r::store::Store<T>::conv", "r::store::Store::conv"],
        &["r::store::Store<u8>::conv"],
    ),
    (
        "_RINvMNtCs6GmmlP4bgsG_1r5storeINtB3_5StorehE4convyEB5_",
        &[
            "<r::store::Store<u8>>::conv::<u64>",
            "r::store::Store<u8>::conv::<u64>",
            "r::store::Store<u8>::conv",
            "r::store::Store::conv",
        ],
        &[
            "r::store::Store<u16>::conv",
            "r::store::Store<u8>::conv::<i8>",
        ],
    ),
    (
        "_RINvNtCs6GmmlP4bgsG_1r5store3genReEB4_",
        &["r::store::gen", "r::store::gen::<&str>"],
        &["r::store::gen::<str>"],
    ),
    (
        "_ZN59_$LT$r..store..Store$LT$u8$GT$$u20$as$u20$r..store..Get$GT$3get17h8d438af54569a364E",
        &[
            "<r::store::Store<u8> as r::store::Get>::get",
            "<r::store::Store as r::store::Get>::get",
        ],
        &["r::store::Store::get"],
    ),
    (
        "_RNvXs2_NtCs6GmmlP4bgsG_1r5storeINtB5_5StorehENtB5_3Get3get",
        &[
            "<r::store::Store<u8> as r::store::Get>::get",
            "<r::store::Store as r::store::Get>::get",
        ],
        &["r::store::Store::get"],
    ),
    (
        "_ZN1r5store16_$ufc$n$uef$code17haff7cb6ba1fac094E",
        &["r::store::ünïcode"],
        &[],
    ),
    (
        "_RNvNtCs6GmmlP4bgsG_1r5storeu11ncode_cta3g",
        &["r::store::ünïcode"],
        &[],
    ),
    (
        "_RNvNtCs4fqI2P2rA04_7mycrate6module5_9lead",
        &["mycrate::module::9lead"],
        &[],
    ),
    (
        "_RNCNvCs1_7mycrate3foo0B3_",
        &["mycrate::foo::{closure#0}"],
        &["mycrate::foo"],
    ),
    // Symbols that are not mangled.
    ("main", &[], &["main"]),
    ("_ZN", &[], &["", "_ZN"]),
    ("_Z99x", &[], &["x"]),
    ("_RNv", &[], &[""]),
    ("", &[], &[""]),
];

#[test]
fn a_symbol_has_the_names_that_a_person_may_write_and_no_others() {
    for (symbol, names, others) in NAMES {
        for name in *names {
            assert!(Wanted::new(name).matches(symbol), "{name} is {symbol}");
        }
        for name in *others {
            assert!(!Wanted::new(name).matches(symbol), "{name} is not {symbol}");
        }
    }
}

#[test]
fn a_demangled_name_matches_its_symbol() {
    for (symbol, names, _) in NAMES.iter().filter(|(_, names, _)| !names.is_empty()) {
        let (path, signature) = (path(symbol).unwrap(), signature(symbol).unwrap());
        assert!(names.contains(&path.as_str()), "{path}");
        for name in [path, signature] {
            assert!(Wanted::new(&name).matches(symbol), "{name} is {symbol}");
        }
    }
}

#[test]
fn the_suffixes_of_copies_and_parts_are_not_in_a_name() {
    for symbol in [
        "_ZN3app5Store3getEv",
        "_ZN5tokio7runtime4task3raw8schedule17h58283b0d59863309E",
        "_ZN59_$LT$r..store..Store$LT$u8$GT$$u20$as$u20$r..store..Get$GT$3get17h8d438af54569a364E",
        "_RNvNtCs6GmmlP4bgsG_1r5store5plain",
    ] {
        for suffix in ["", ".cold", ".constprop.0", ".isra.0.part.1", ".llvm.8123"] {
            let symbol_and_suffix = format!("{symbol}{suffix}");
            assert_eq!(base(&symbol_and_suffix), Some(symbol));
            assert_eq!(signature(&symbol_and_suffix), signature(symbol));
        }
    }
    for symbol in ["main", "op.constprop.0", "", "_start", "__Z3foov"] {
        assert_eq!(base(symbol), None);
    }
}

#[test]
fn a_symbol_that_cannot_be_read_could_have_each_path_that_it_spells() {
    // Constraints of C++20, which the demangler does not know.
    for (symbol, could, could_not) in [
        (
            "_ZN3app5Store3getITkSt8integraliEET_S2_",
            &["app::Store::get"][..],
            &[
                "app::Store::get(int)",
                "app::Store::put",
                "get",
                "Store::get",
            ][..],
        ),
        (
            "_Z3getITkSt8integraliET_S1_",
            &["get"],
            &["app::get", "integral"],
        ),
        (
            "_ZNK3app3BoxITkSt8integraliE3getEv",
            &["app::Box::get"],
            &["app::get::Box"],
        ),
        (
            "_ZNSt6vectorITkSt8integraliE3getEv",
            &["std::vector::get"],
            &["std::get"],
        ),
    ] {
        assert_eq!(
            signature(symbol),
            None,
            "{symbol}: the demangler reads it now"
        );
        for name in could {
            assert!(Wanted::new(name).could_match(symbol), "{name}, {symbol}");
        }
        for name in could_not {
            assert!(!Wanted::new(name).could_match(symbol), "{name}, {symbol}");
        }
    }
    assert!(!Wanted::new("app::Store::get").could_match("_ZN3app5Store3getEv"));
}

#[test]
fn short_symbols_of_endless_names_are_not_read() {
    // Each argument is a pair of the one before, so the name doubles with each step.
    let mut symbol = "_Z1f1aS_".to_owned();
    let digits: Vec<char> = ('0'..='9').chain('A'..='Z').collect();
    for last in digits.iter().take(30) {
        symbol += &format!("1pIS{last}_S{last}_E");
    }
    let _ = signature(&symbol);
    let rust = format!("_RNvC1a1f{}", "INvB_1f".repeat(10_000));
    assert_eq!(signature(&rust), None);
    let deep = format!("_Z1f{}i", "P".repeat(60_000));
    let _ = signature(&deep);
    assert_eq!(
        signature(&format!("_Z1f{}i", "P".repeat(LONGEST_SYMBOL))),
        None
    );
}

fn pieces() -> BTreeSet<&'static str> {
    let symbols = NAMES.iter().map(|(symbol, ..)| *symbol);
    let names = NAMES.iter().flat_map(|(_, names, _)| names.iter().copied());
    let pieces = symbols.chain(names).flat_map(|text| {
        let middle = (0..=text.len() / 2)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap();
        [text, &text[..middle], &text[middle..]]
    });
    pieces
        .chain([
            "<", ">", "(", ")", "::", "->", "'", "operator", "[abi:", "]", " ", "ü",
        ])
        .collect()
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(
        parts in proptest::collection::vec(proptest::sample::select(pieces().into_iter().collect::<Vec<_>>()), 0..6),
        other in proptest::collection::vec(proptest::sample::select(pieces().into_iter().collect::<Vec<_>>()), 0..6),
    ) {
        let (symbol, name) = (parts.concat(), other.concat());
        let _ = (signature(&symbol), path(&symbol));
        let wanted = Wanted::new(&name);
        let _ = (wanted.matches(&symbol), wanted.could_match(&symbol));
    }
}
