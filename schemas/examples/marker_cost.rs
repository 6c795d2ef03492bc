//! Measures the cost of a marker while nobody records: the time of a begin and finish pair above
//! that of a pair of calls of empty functions, which every observable operation needs. Prints one
//! JSON line; exits with 1 above the promised 2 ns.
//!
//!     cargo run --release -p soakbox-schemas --example marker_cost

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use soakbox_schemas::marker;

marker!(MEASURED = "measured");

const PAIRS: u32 = 2_000_000;
const ROUNDS: usize = 15;
const PROMISED_NS: f64 = 2.0;

/// One instruction, `ret`: the least that a call can cost.
#[unsafe(naked)]
extern "C" fn empty_begin(_token: u64) {
    core::arch::naked_asm!("ret")
}

#[unsafe(naked)]
extern "C" fn empty_finish(_token: u64, _value: i64, _success: i32) {
    core::arch::naked_asm!("ret")
}

fn ns_per_pair(mut pair: impl FnMut(i64)) -> f64 {
    let start = Instant::now();
    for value in 0..PAIRS {
        pair(black_box(i64::from(value)));
    }
    start.elapsed().as_nanos() as f64 / f64::from(PAIRS)
}

fn main() -> ExitCode {
    let (mut marker, mut empty) = (f64::INFINITY, f64::INFINITY);
    // In turn, and the fastest round of each counts: other load on the machine only adds time.
    for _ in 0..ROUNDS {
        marker = marker.min(ns_per_pair(|value| MEASURED.begin().finish(value, true)));
        empty = empty.min(ns_per_pair(|value| {
            empty_begin(0);
            empty_finish(0, value, 1);
        }));
    }
    let over = marker - empty;
    println!(
        r#"{{"schema":"soakbox.marker_cost/1","marker_pair_ns":{marker:.2},"empty_calls_ns":{empty:.2},"over_ns":{over:.2}}}"#
    );
    if over <= PROMISED_NS {
        ExitCode::SUCCESS
    } else {
        eprintln!("marker_cost: {over:.2} ns over empty calls, {PROMISED_NS} ns were promised");
        ExitCode::FAILURE
    }
}
