//! Tests the promises of the statistics on simulated data and prints the results as one table.
//! Arguments: `[--full] [--repetitions N] [--seed N] [--only WORD]`.
//!
//! The seed is drawn at run time and printed. Exit status 1 when a figure misses its bound, 2 on
//! wrong usage.

mod arguments;
mod figures;
mod streams;
mod table;
mod trials;

use arguments::Arguments;
use figures::Figures;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    if Figures::new(arguments).print_all() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}
