//! Windows, baselines and verdicts, in one program: each links the query engine.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "../program/mod.rs"]
mod program;

mod baseline;
mod changes;
mod compare;
mod forms;
mod soak;
mod windows;

/// The text with one space where a column was padded: the width of a path differs by machine.
fn one_space(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.join(" ") + "\n"
    });
    lines.collect()
}
