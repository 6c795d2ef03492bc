//! A test that keeps phrases that are hard to read out of comments and documents.
//!
//! The list has only phrases that are never right here. Write "is reported" for "is said", "next
//! to" for "beside", "folder" or "file" for "room", a number or a name for "so many", "is sent to"
//! for "handed to", "are added to" for "booked", "is trusted" for "is believed", "interface" for
//! "seam".

use crate::lexer::comments;
use std::fs;
use std::path::Path;

const PHRASES: [&str; 23] = [
    "is said",
    "are said",
    "was said",
    "were said",
    "be said",
    "and said",
    "so many",
    "rooms",
    "only room",
    "own room",
    "the house",
    "beside",
    "handed over",
    "handed to",
    "hands over",
    "unless told",
    "are told",
    "is believed",
    "booked",
    "in vain",
    "paid for",
    "what stands",
    "the seam",
];

/// The phrases in a text, by whole words, with the line of each, counted from 1.
fn found(text: &str) -> Vec<(usize, &'static str)> {
    let words: Vec<(usize, &str)> = (1..)
        .zip(text.lines())
        .flat_map(|(line, text)| {
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            let words = words.filter(|word| !word.is_empty());
            words.map(move |word| (line, word))
        })
        .collect();
    let mut found = Vec::new();
    for at in 0..words.len() {
        let begins = |phrase: &&&str| {
            let mut rest = words[at..].iter();
            phrase.split(' ').all(|part| {
                let next = rest.next();
                next.is_some_and(|(_, word)| word.eq_ignore_ascii_case(part))
            })
        };
        let phrases = PHRASES.iter().filter(begins);
        found.extend(phrases.map(|phrase| (words[at].0, *phrase)));
    }
    found
}

/// The text of a file that is prose, with everything else as empty lines. Code in backticks is no
/// prose.
fn prose(path: &str, text: &str) -> String {
    if path.ends_with(".rs") {
        return comments(text);
    }
    let mut fenced = false;
    let lines = text.lines().map(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if fenced || fence || line.starts_with("    ") {
            return String::new();
        }
        line.split('`').step_by(2).collect::<Vec<_>>().join("` `")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// All documents and Rust files below a folder, as paths from the root, without builds and hidden
/// folders.
fn files(root: &Path, folder: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}{name}");
        if name.starts_with('.') || ["target", "demo-output"].contains(&name.as_str()) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            files(root, &format!("{path}/"), found);
        } else if name.ends_with(".md") || name.ends_with(".rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_comment_or_document_has_a_phrase_that_is_hard_to_read() {
    let root = crate::root();
    let mut all = Vec::new();
    files(&root, "", &mut all);
    assert!(all.iter().any(|path| path == "README.md"), "{all:?}");
    let mut broken = Vec::new();
    for path in all {
        // This file has the phrases themselves.
        if path.ends_with("/words.rs") {
            continue;
        }
        let text = fs::read_to_string(root.join(&path)).unwrap();
        for (line, phrase) in found(&prose(&path, &text)) {
            broken.push(format!("{path}:{line}: \"{phrase}\""));
        }
    }
    crate::fail_with(&broken);
}

#[test]
fn a_phrase_is_found_in_prose_only() {
    let rust = "// Nothing is\n/// said: \"so many\"\nfn rooms() { \"beside\" } // roomside";
    let want = [(1, "is said"), (2, "so many")];
    assert_eq!(found(&prose("a.rs", rust)), want);
    let text = "Besides, `so many` is no prose, and it is\nsaid.\n\n    rooms\n```\nso many\n```\nThe House\n";
    let want = [(1, "is said"), (8, "the house")];
    assert_eq!(found(&prose("a.md", text)), want);
}
