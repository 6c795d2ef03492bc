//! A test that a kind of probe is one file: no other file of the programs names its types, its word
//! or its kernel programs.

use crate::imports::code;
use crate::lexer::{Placed, Token};
use crate::rules::Source;

/// The folder of the kinds, one file each. Its `mod.rs` lists them.
const KINDS: &str = "recorder/src/probe/kind";

/// The names that belong to one kind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    /// Types that its file declares.
    types: Vec<String>,
    /// The word for it at the start of a probe, and the kernel programs that it attaches.
    texts: Vec<String>,
}

/// Mentions of a kind outside its own file.
fn mentions(sources: &[Source]) -> Vec<String> {
    let folder = format!("{KINDS}/");
    let list = format!("{KINDS}/mod.rs");
    let files: Vec<(&str, Vec<Placed>)> = sources
        .iter()
        .filter(|source| source.path != list)
        .map(|source| (source.path.as_str(), code(&source.text)))
        .collect();
    let mut found = Vec::new();
    for (kind, tokens) in files.iter().filter(|(path, _)| path.starts_with(&folder)) {
        let names = names(tokens);
        if names.types.is_empty() || names.texts.is_empty() {
            found.push(format!("{kind}:1: no type of the kind, or no name"));
        }
        let others = files.iter().filter(|(path, _)| path != kind);
        for (path, tokens) in others {
            for (token, line) in tokens {
                let named = match token {
                    Token::Word(word) => names.types.contains(word),
                    Token::Text(text) => names.texts.iter().any(|name| is_of_kind(text, name)),
                    Token::Path | Token::Mark(_) => false,
                };
                if named {
                    found.push(format!("{path}:{line}: {token:?} belongs to {kind}"));
                }
            }
        }
    }
    found
}

/// True for the name itself, and for a probe's text that begins with it.
fn is_of_kind(text: &str, name: &str) -> bool {
    text.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

fn names(tokens: &[Placed]) -> Names {
    let mut names = Names::default();
    for (at, (token, _)) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let next = |ahead: usize| tokens.get(at + ahead).map(|(token, _)| token);
        match (word.as_str(), next(1)) {
            ("struct" | "enum", Some(Token::Word(name))) => names.types.push(name.clone()),
            ("fn", Some(Token::Word(name))) if name == "name" => {
                let text = tokens[at..].iter().find_map(|(token, _)| match token {
                    Token::Text(text) => Some(text.clone()),
                    _ => None,
                });
                names.texts.extend(text);
            }
            ("ProgramId", Some(Token::Path)) => {
                if let Some(Token::Text(text)) = next(4) {
                    names.texts.push(text.clone());
                }
            }
            _ => {}
        }
    }
    names
}

#[test]
fn a_kind_of_probe_is_named_in_its_own_file_only() {
    let mut sources = crate::sources("recorder/src");
    sources.extend(crate::sources("analyzer/src"));
    let kinds = sources
        .iter()
        .filter(|source| source.path.starts_with(KINDS));
    assert!(kinds.count() >= 3, "{KINDS} has no kinds");
    crate::fail_with(&mentions(&sources));
}

#[test]
fn a_mention_elsewhere_fails_with_its_place() {
    let source = |path: &str, text: &str| Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let kind = "const BEGIN: ProgramId = ProgramId::new(\"usdt_begin\");
        pub(super) struct UsdtKind;
        impl Kind for UsdtKind { fn name(&self) -> &'static str { \"usdt\" } }
        struct UsdtProbe(Place);";
    let mentions = |text: &str| {
        mentions(&[
            source("recorder/src/probe/kind/usdt.rs", kind),
            source(
                "recorder/src/probe/kind/mod.rs",
                "mod usdt; use usdt::UsdtKind;",
            ),
            source("recorder/src/kernel/attach.rs", text),
        ])
    };
    let harmless =
        "// UsdtKind, \"usdt\"\nfn usdt() { f(\"usdts\", \"a usdt\", \"usdt_beginning\") }";
    assert_eq!(mentions(harmless), [""; 0]);
    for mention in [
        "f(\"usdt\")",
        "f(\"usdt:{file}\")",
        "f(\"usdt_begin\")",
        "UsdtKind",
        "a::UsdtProbe",
    ] {
        let found = mentions(&format!("fn g() {{\n{mention};\n}}"));
        assert_eq!(found.len(), 1, "{mention}: {found:?}");
        assert!(
            found[0].starts_with("recorder/src/kernel/attach.rs:2: "),
            "{found:?}"
        );
    }
}
