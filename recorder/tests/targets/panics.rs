//! Rust panics around an operation, `op`; compiled by rustc alone. Exits with 7 when all is well.
//!
//!   [--wait] inside N     panics and catches inside the operation: all finish
//!            above N      panics through the operation, caught above it: all abandoned
//!            nested N     an operation that catches the panic of an operation inside it
//!            mixed N      N of each in turn, with N that return normally
//!
//! The printed line has the keys of target.h, then `caught` and `drops`.

mod target;

use std::hint::black_box;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static CAUGHT: AtomicU64 = AtomicU64::new(0);
static DROPS: AtomicU64 = AtomicU64::new(0);

struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        DROPS.fetch_add(1, Relaxed);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Returns,
    PanicsInside,
    Panics,
    CatchesInner,
}

#[derive(Default)]
struct Counts {
    begun: u64,
    finished: u64,
    failures: u64,
    abandoned: u64,
}

#[inline(never)]
fn fail(index: u64) -> i64 {
    if black_box(index) != u64::MAX {
        panic!("operation {index}");
    }
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
fn op(index: u64, how: How) -> i64 {
    let _leaving = Leaving;
    let result = match how {
        How::Returns => (index % 1000) as i64,
        How::PanicsInside => catch(|| fail(index)).unwrap_or(-1),
        How::Panics => fail(index),
        How::CatchesInner => catch(|| op(index, How::Panics)).unwrap_or(1),
    };
    black_box(result)
}

fn catch(body: impl FnOnce() -> i64 + std::panic::UnwindSafe) -> Option<i64> {
    let result = catch_unwind(body).ok();
    if result.is_none() {
        CAUGHT.fetch_add(1, Relaxed);
    }
    result
}

fn once(counts: &mut Counts, index: u64, how: How) {
    let inner = u64::from(how == How::CatchesInner);
    counts.begun += 1 + inner;
    counts.abandoned += inner;
    match catch(|| op(index, how)) {
        Some(result) => {
            counts.finished += 1;
            counts.failures += u64::from(result < 0);
        }
        None => counts.abandoned += 1,
    }
}

fn main() -> ExitCode {
    let Some(arguments) = target::arguments() else {
        return ExitCode::from(3);
    };
    let [mode, calls] = arguments.as_slice() else {
        eprintln!("panics: [--wait] MODE N");
        return ExitCode::from(2);
    };
    let hows: &[How] = match mode.as_str() {
        "inside" => &[How::PanicsInside],
        "above" => &[How::Panics],
        "nested" => &[How::CatchesInner],
        "mixed" => &[
            How::Returns,
            How::PanicsInside,
            How::Panics,
            How::CatchesInner,
        ],
        _ => {
            eprintln!("panics: unknown mode; the head of the source lists them");
            return ExitCode::from(2);
        }
    };
    let Ok(calls) = calls.parse::<u64>() else {
        eprintln!("panics: '{calls}' is no number");
        return ExitCode::from(2);
    };
    std::panic::set_hook(Box::new(|_| {}));
    let mut counts = Counts::default();
    for index in 0..calls {
        for how in hows {
            once(&mut counts, index, *how);
        }
    }
    let Counts {
        begun,
        finished,
        failures,
        abandoned,
    } = counts;
    println!(
        "{{\"begun\":{begun},\"finished\":{finished},\"failures\":{failures},\"abandoned\":{abandoned},\
         \"unmatched\":0,\"caught\":{},\"drops\":{}}}",
        CAUGHT.load(Relaxed),
        DROPS.load(Relaxed)
    );
    ExitCode::from(7)
}
