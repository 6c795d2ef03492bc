//! Operations announced by Rust markers (`marker!`), `op`; compiled by rustc alone, with the
//! source of the marker ABI. Exits with 7 when all is well.
//!
//!   [--wait] mix N THREADS     on each thread N rounds of: one finished with the round's number,
//!                              as failed where that is odd; one whose guard an early return
//!                              drops; two inside one another that a panic unwinds; one with a
//!                              token whose guard moves to another thread, which finishes it as
//!                              succeeded, or drops it where the number is odd
//!
//! An operation that is finished by the drop of its guard has failed, with the value 0. Prints the
//! keys of target.h.

#[path = "../../../schemas/src/marker.rs"]
pub mod marker;
mod target;

use std::hint::black_box;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

marker!(OP = "op");

#[derive(Default)]
struct Counts {
    begun: u64,
    finished: u64,
    failures: u64,
}

impl Counts {
    fn add(&mut self, operations: u64, failures: u64) {
        self.begun += operations;
        self.finished += operations;
        self.failures += failures;
    }
}

fn finished(round: u64) {
    let operation = OP.begin();
    operation.finish(round as i64, round % 2 == 0);
}

fn returns_early(round: u64) -> Option<u64> {
    let operation = OP.begin();
    let value = black_box(round).checked_add(1).filter(|value| *value == 0)?;
    operation.finish(value as i64, true);
    Some(value)
}

fn unwinds(round: u64) {
    let _outer = OP.begin();
    let _inner = OP.begin();
    if black_box(round) != u64::MAX {
        panic!("round {round}");
    }
}

fn run(thread: u64, rounds: u64) -> Counts {
    let mut counts = Counts::default();
    let (send, receive) = mpsc::channel::<(marker::Operation, u64)>();
    let other = thread::spawn(move || {
        for (operation, round) in receive {
            if round % 2 == 0 {
                operation.finish(round as i64, true);
            }
        }
    });
    for round in 0..rounds {
        let odd = round % 2;
        finished(round);
        counts.add(1, odd);
        assert_eq!(returns_early(round), None);
        counts.add(1, 1);
        assert!(catch_unwind(|| unwinds(round)).is_err());
        counts.add(2, 2);
        let token = thread * rounds + round + 1;
        send.send((OP.begin_token(token), round)).unwrap();
        counts.add(1, odd);
    }
    drop(send);
    other.join().unwrap();
    counts
}

fn main() -> ExitCode {
    let Some(arguments) = target::arguments() else {
        return ExitCode::from(3);
    };
    let numbers = match arguments.as_slice() {
        [mode, rounds, threads] if mode == "mix" => (rounds.parse(), threads.parse::<u64>()),
        _ => {
            eprintln!("markers: [--wait] mix N THREADS");
            return ExitCode::from(2);
        }
    };
    let (Ok(rounds), Ok(threads)) = numbers else {
        eprintln!("markers: N and THREADS are numbers");
        return ExitCode::from(2);
    };
    std::panic::set_hook(Box::new(|_| {}));
    let threads: Vec<_> = (0..threads)
        .map(|index| thread::spawn(move || run(index, rounds)))
        .collect();
    let mut sum = Counts::default();
    for thread in threads {
        let counts = thread.join().unwrap();
        sum.begun += counts.begun;
        sum.finished += counts.finished;
        sum.failures += counts.failures;
    }
    let Counts {
        begun,
        finished,
        failures,
    } = sum;
    println!(
        "{{\"begun\":{begun},\"finished\":{finished},\"failures\":{failures},\"abandoned\":0,\"unmatched\":0}}"
    );
    ExitCode::from(7)
}
