//! The tests of the recorder, one file per subject, linked once. `cargo test --workspace --test
//! suite SUBJECT::` runs one subject; `make test` runs each subject in a process of its own.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod answers;
mod bad_input;
mod binary_callers;
mod binary_damage;
mod binary_exits;
mod binary_functions;
mod binary_go;
mod binary_go_c;
mod binary_go_errors;
mod binary_hazards;
mod binary_markers;
mod binary_names;
mod binary_objdump;
mod binary_system;
mod binary_table_ends;
mod binary_tables;
mod binary_tail_calls;
mod binary_unwinders;
mod check;
mod config_digest;
mod configuration;
mod crash;
mod endurance;
mod etcd;
mod following;
mod go_commands;
mod health;
mod hostile_host;
mod inherited;
mod kernel_counts;
mod kernel_exits;
mod kernel_go;
mod kernel_go_cpu;
mod kernel_harm;
mod kernel_leaves;
mod kernel_links;
mod kernel_markers;
mod kernel_measures;
mod kernel_names;
mod kernel_namespace;
mod kernel_pairs;
mod kernel_returns;
mod kernel_tail_calls;
mod kernel_vouched;
mod kernel_whole_binaries;
mod leaving;
mod loaded_programs;
mod odd_paths;
mod patterns;
mod postgresql;
mod probe_kinds;
mod real_comparisons;
mod redis;
mod refused_probes;
mod replaced;
mod rotation;
mod runs;
mod samplers;
mod segment_failure;
mod segment_recording;
mod segment_tables;
mod settings_in_kernel;
mod signals;
mod special_files;
mod start_up;
mod survey;
mod symbols_apart;

mod binary_support;
#[path = "../../../schemas/tests/distinct_rows/mod.rs"]
mod distinct_rows;
#[path = "../segments/segment_support/mod.rs"]
mod segment_support;
mod support;
