//! A small service with two operations, for recordings. `rule_refresh` has a marker; it parses and
//! sorts a rule table. `traffic_control` is a plain function; it checks batches of packets against
//! the table.
//!
//! The work depends on a seed only. The service can be made slower, leaky and faulty. At
//! the end it prints its exact counts as one JSON line on standard output, so that tests can
//! compare a recording with them.

mod counts;
mod random;
mod rules;
mod schedule;
mod service;
mod traffic;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use schedule::Limits;
use service::Behaviour;

/// A small service with two operations, rule_refresh (a marker) and traffic_control (a function),
/// to be recorded.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Stop after this many seconds [default: 20, or none with --operations]
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Stop after this many operations, both kinds and all threads together
    #[arg(long, value_name = "N")]
    operations: Option<u64>,
    /// rule_refresh operations per second, all threads together
    #[arg(long, value_name = "PER_SECOND", default_value_t = 50.0, value_parser = rate)]
    refresh_rate: f64,
    /// traffic_control operations per second, all threads together
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1000.0, value_parser = rate)]
    traffic_rate: f64,
    /// Keep the order of the schedule, but never wait
    #[arg(long)]
    unpaced: bool,
    /// Threads that share the work
    #[arg(long, value_name = "T", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=256))]
    threads: u64,
    /// Give each operation this much more work: a latency regression
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    slow: f64,
    /// Leak this many bytes in each rule_refresh
    #[arg(long, value_name = "BYTES_PER_OP", default_value_t = 0)]
    leak: usize,
    /// Let this share of all operations fail
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = share)]
    fail: f64,
    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Wait for one line on standard input before the work starts, so that a recorder can attach
    #[arg(long)]
    wait: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.wait && !wait_for_line() {
        eprintln!("soakbox-workload: standard input ended before the line that starts the work");
        return ExitCode::from(2);
    }
    let limits = Limits {
        time: match (arguments.seconds, arguments.operations) {
            (None, None) => Some(Duration::from_secs(20)),
            (seconds, _) => seconds,
        },
        operations: arguments.operations,
        refresh_rate: arguments.refresh_rate,
        traffic_rate: arguments.traffic_rate,
        paced: !arguments.unpaced,
    };
    let behaviour = Behaviour {
        work: 1.0 + arguments.slow / 100.0,
        leak_bytes: arguments.leak,
        failure_share: arguments.fail / 100.0,
    };
    let counts = service::run(arguments.threads, limits, behaviour, arguments.seed);
    println!("{}", counts.to_json(arguments.seed));
    ExitCode::SUCCESS
}

fn wait_for_line() -> bool {
    let mut line = String::new();
    matches!(std::io::stdin().read_line(&mut line), Ok(1..))
}

fn number(text: &str, range: std::ops::RangeInclusive<f64>) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(format!(
            "a number from {} to {} is needed",
            range.start(),
            range.end()
        )),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    number(text, 0.0..=1e9).map(Duration::from_secs_f64)
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 0.001..=1e7)
}

fn percent(text: &str) -> Result<f64, String> {
    number(text, 0.0..=1e6)
}

fn share(text: &str) -> Result<f64, String> {
    number(text, 0.0..=100.0)
}
