//! The tests of the analyzer, one file per subject, linked once. `make test` runs each subject in a
//! process of its own, `cargo test --workspace --test suite SUBJECT::` only one subject.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod bad_input;
mod bad_queries;
mod baseline;
mod baseline_files;
mod browser;
mod changes;
mod changes_parquet;
mod cli;
mod compare;
mod compare_arguments;
mod compare_readings;
mod deleted_rows;
mod descriptors;
mod hostile_text;
mod import_commands;
mod import_csv;
mod import_refused;
mod import_stream;
mod live;
mod lossy_verdicts;
mod lost_rows;
mod missing_rows;
mod outputs;
mod paths;
mod pictures;
mod power;
mod rates_alarms;
mod rates_found;
mod rates_series;
mod recordings;
mod shell;
mod soak;
mod soak_csv;
mod soak_import;
mod sql_files;
mod sql_formats;
mod sql_forms;
mod sql_functions;
mod sql_queries;
mod sql_scope;
mod sql_stop;
mod switched_probes;
mod unsealed;
mod verdict_forms;
mod verdict_words;
mod versions;
mod windows;

mod host;
mod lossy;
mod program;
mod rates;
