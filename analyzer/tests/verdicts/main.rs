//! Windows, baselines and verdicts, in one program: each links the query engine.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "../program/mod.rs"]
mod program;

mod baseline;
mod compare;
mod forms;
mod windows;
