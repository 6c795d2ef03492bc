//! Simulates what the statistics promise and prints it as one table: `-- [--full] [--seed N] [--only WORD]`.
//!
//! Seeds are drawn at run time and printed. Exit status 1 when a figure misses its bound, 2 on wrong usage.

mod builds;
mod comparison;
mod heap;
mod process;
mod series;
mod service;
mod speed;
mod table;

use process::{Process, Random};
use service::{Service, Simulator};
use soakbox_statistics::Status;
use std::process::ExitCode;
use table::Table;

/// What was typed.
struct Arguments {
    repetitions: usize,
    seed: u64,
    only: Option<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut parsed = Arguments {
        repetitions: 200,
        seed: drawn_seed(),
        only: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--full" => parsed.repetitions = 1000,
            "--repetitions" => parsed.repetitions = number(&value()?)? as usize,
            "--seed" => parsed.seed = number(&value()?)?,
            "--only" => parsed.only = Some(value()?),
            _ => {
                return Err(format!(
                    "{word} is unknown: use --full, --repetitions, --seed or --only"
                ));
            }
        }
    }
    Ok(parsed)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|error| format!("{text} is not a whole number: {error}"))
}

fn drawn_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |d| d.as_nanos() as u64 % 1_000_000_007)
}

/// Each figure draws from its own stream, so that `--only` repeats it alone.
pub(crate) fn stream(seed: u64, figure: &str) -> Random {
    let hash = figure
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Random::new(u128::from(seed) << 64 | u128::from(hash) | 1)
}

/// Runs `trials` repetitions in two threads with a stream each and adds up what they counted: the same sums however
/// the threads were scheduled.
fn counted<const K: usize>(
    seed: u64,
    figure: &str,
    trials: usize,
    work: impl Fn(&mut Simulator, usize, &mut Random) -> [usize; K] + Sync,
) -> [usize; K] {
    let half = |part: usize| {
        let mut random = stream(seed, &format!("{figure} part {part}"));
        work(&mut Simulator::new(), (trials + part) / 2, &mut random)
    };
    let (first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| half(1));
        (half(0), second.join().unwrap_or([0; K]))
    });
    std::array::from_fn(|i| first[i] + second[i])
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let mut table = Table::default();
    table.start(arguments.seed, arguments.repetitions);
    let wanted = |figure: &str| {
        arguments
            .only
            .as_ref()
            .is_none_or(|only| figure.contains(only))
    };
    alarms(&mut table, &arguments, &wanted);
    services(&mut table, &arguments, &wanted);
    power(&mut table, &arguments, &wanted);
    changes(&mut table, &arguments, &wanted);
    runs(&mut table, &arguments, &wanted);
    leaks(&mut table, &arguments, &wanted);
    rhythms(&mut table, &arguments, &wanted);
    speeds(&mut table, &arguments, &wanted);
    if table.end() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn alarms(table: &mut Table, arguments: &Arguments, wanted: &dyn Fn(&str) -> bool) {
    let asked = [
        Process::Ar(0.0),
        Process::Ar(0.5),
        Process::Ar(0.7),
        Process::Ar(0.9),
        Process::Average(10),
        Process::Periods(20.0),
        Process::Bursts(0.02, 0.1),
        Process::Bursts(0.05, 0.05),
        Process::Sawtooth(20.0),
        Process::Heavy(2.5),
        Process::ArHeavy(0.9),
        Process::Ar2,
        Process::Average(30),
        Process::Hidden,
        Process::Periods(2.5),
        Process::Bursts(0.005, 0.1),
        Process::Bursts(0.02, 0.02),
        Process::Levels(0.05),
        Process::Levels(0.02),
        Process::Spikes,
        Process::Cron,
        Process::Volatility,
    ];
    // Memory as long as the run itself: shown, since no single run can know it.
    let beyond = [
        Process::Ar(0.97),
        Process::Levels(0.005),
        Process::Long(0.2),
        Process::Long(0.4),
    ];
    let all = asked
        .iter()
        .map(|p| (*p, true))
        .chain(beyond.iter().map(|p| (*p, false)));
    for (process, asked) in all {
        for n in [200, 600, 2000] {
            let figure = format!("alarms {process:?} {n} windows");
            if !wanted(&figure) {
                continue;
            }
            // A level holds for 50 windows on average: a quarter of the shortest run.
            let asked = asked && !(process == Process::Levels(0.02) && n == 200);
            let trials = if asked {
                arguments.repetitions
            } else {
                arguments.repetitions.min(100)
            };
            let counts = counted(
                arguments.seed,
                &figure,
                trials,
                |simulator, trials, random| {
                    comparison::false_alarms(
                        simulator,
                        comparison::healthy(process),
                        n,
                        trials,
                        random,
                    )
                },
            );
            for (count, threshold) in counts.into_iter().zip(["0", "5%"]) {
                table.alarms(
                    &format!("{figure}, threshold {threshold}"),
                    count,
                    trials,
                    asked,
                );
            }
        }
    }
}

/// Services that are hard for other reasons than their process.
fn services(table: &mut Table, arguments: &Arguments, wanted: &dyn Fn(&str) -> bool) {
    let plain = comparison::healthy(Process::Hidden);
    let services = [
        (
            "noise 30%, Hidden",
            Service {
                noise: 0.3,
                ..plain
            },
        ),
        (
            "noise 30%, Bursts(0.02, 0.1)",
            Service {
                noise: 0.3,
                ..comparison::healthy(Process::Bursts(0.02, 0.1))
            },
        ),
        (
            "noise 30%, Ar(0.9)",
            Service {
                noise: 0.3,
                ..comparison::healthy(Process::Ar(0.9))
            },
        ),
        (
            "5 operations a window",
            Service {
                operations: 5,
                ..plain
            },
        ),
        (
            "rare failures",
            Service {
                failures: 2e-5,
                ..plain
            },
        ),
        (
            "fixed load, no failures",
            Service {
                random_load: false,
                failures: 0.0,
                ..plain
            },
        ),
    ];
    let trials = arguments.repetitions;
    for n in [200, 600] {
        for (name, service) in services {
            let figure = format!("alarms of a service, {name}, {n} windows");
            if wanted(&figure) {
                let counts = counted(
                    arguments.seed,
                    &figure,
                    trials,
                    |simulator, trials, random| {
                        comparison::false_alarms(simulator, service, n, trials, random)
                    },
                );
                for (count, threshold) in counts.into_iter().zip(["0", "5%"]) {
                    table.alarms(
                        &format!("{figure}, threshold {threshold}"),
                        count,
                        trials,
                        true,
                    );
                }
            }
        }
        let figure = format!("alarms of a service, failure clusters, {n} windows");
        if wanted(&figure) {
            let counts = counted(arguments.seed, &figure, trials, |_, trials, random| {
                comparison::rare_clusters(n, trials, random)
            });
            for (count, threshold) in counts.into_iter().zip(["0", "0.1%"]) {
                table.alarms(
                    &format!("{figure}, threshold {threshold}"),
                    count,
                    trials,
                    true,
                );
            }
        }
    }
}

fn power(table: &mut Table, arguments: &Arguments, wanted: &dyn Fn(&str) -> bool) {
    for (n, phi) in [(600, 0.7), (2000, 0.9)] {
        let figure = format!("power {n} windows φ={phi}");
        if wanted(&figure) {
            let trials = arguments.repetitions;
            let hits = counted(
                arguments.seed,
                &figure,
                trials,
                |simulator, trials, random| comparison::power(simulator, phi, n, trials, random),
            );
            table.share(
                &format!("{figure}: slower tail, p99 regressed"),
                hits[0],
                trials,
                0.95,
            );
            table.share(
                &format!("{figure}: unshifted, p99 pass"),
                hits[1],
                trials,
                0.90,
            );
        }
    }
}

fn changes(table: &mut Table, arguments: &Arguments, wanted: &dyn Fn(&str) -> bool) {
    let trials = arguments.repetitions.max(1000);
    for phi in [0.0, 0.5, 0.7, 0.9] {
        for n in [100, 200, 600, 2000] {
            let figure = format!("changes φ={phi} {n} points");
            if wanted(&figure) {
                let mut random = stream(arguments.seed, &figure);
                let count = series::false_changes(Process::Ar(phi), n, trials, &mut random);
                table.alarms(&figure, count, trials, true);
            }
        }
    }
    let others = [
        Process::Hidden,
        Process::ArHeavy(0.9),
        Process::Heavy(2.5),
        Process::Ar2,
        Process::Average(10),
        Process::Periods(20.0),
        Process::Sawtooth(20.0),
        Process::Bursts(0.05, 0.05),
        Process::Volatility,
        Process::Cron,
    ];
    for process in others {
        for n in [200, 2000] {
            let figure = format!("changes {process:?} {n} points");
            if wanted(&figure) {
                let mut random = stream(arguments.seed, &figure);
                let count = series::false_changes(process, n, trials, &mut random);
                table.alarms(&figure, count, trials, false);
            }
        }
    }
    for phi in [0.0, 0.5, 0.7, 0.9] {
        let figure = format!("changes step φ={phi}");
        if wanted(&figure) {
            let mut random = stream(arguments.seed, &figure);
            let [found, placed] = series::steps(phi, trials, &mut random);
            table.share(&format!("{figure}: found"), found, trials, 0.95);
            table.share(&format!("{figure}: within 5 points"), placed, trials, 0.80);
            let [step, outlier] = series::lone_points(phi, trials, &mut random);
            let figure = format!("changes outlier of 10 sd φ={phi}");
            table.row(
                &format!("{figure}: a step"),
                "0",
                &format!("{step} of {trials}"),
                Some(step == 0),
            );
            let seen = format!("{:.1}% of {trials}", outlier as f64 / trials as f64 * 100.0);
            table.row(&format!("{figure}: found"), "", &seen, None);
        }
    }
}

fn runs(table: &mut Table, arguments: &Arguments, wanted: &dyn Fn(&str) -> bool) {
    let figure = "runs 5 + 5, effect 3%";
    if !wanted(figure) {
        return;
    }
    let trials = arguments.repetitions;
    let [at_zero, at_five, found] = counted(arguments.seed, figure, trials, builds::several);
    table.alarms(
        &format!("{figure}: alarms at threshold 0"),
        at_zero,
        trials,
        true,
    );
    table.alarms(
        &format!("{figure}: alarms at threshold 5%"),
        at_five,
        trials,
        true,
    );
    table.share(
        &format!("{figure}: × 1.15, p50 regressed"),
        found,
        trials,
        0.95,
    );
    let [said] = counted(
        arguments.seed,
        "runs 1 + 1",
        trials,
        |simulator, trials, random| [builds::single(simulator, trials, random)],
    );
    table.share(
        "runs 1 + 1: says that it cannot speak for the builds",
        said,
        trials,
        1.0,
    );
}

fn leaks(table: &mut Table, arguments: &Arguments, wanted: &dyn Fn(&str) -> bool) {
    let trials = arguments.repetitions;
    for ragged in [false, true] {
        let teeth = if ragged { "ragged teeth" } else { "even teeth" };
        let figure = format!("leak 24 h, {teeth}");
        if !wanted(&figure) {
            continue;
        }
        let mut random = stream(arguments.seed, &figure);
        let mut count =
            |wanted, hours, growth| heap::count(wanted, hours, growth, ragged, trials, &mut random);
        let found = count(Status::Found, 24.0, 0.01);
        table.share(&format!("{figure}: 1%/h found"), found, trials, 0.95);
        let alarms = count(Status::Found, 24.0, 0.0);
        table.alarms(&format!("{figure}: healthy, found"), alarms, trials, true);
        let absent = count(Status::Absent, 24.0, 0.0);
        let seen = format!("{:.1}% of {trials}", absent as f64 / trials as f64 * 100.0);
        table.row(&format!("{figure}: healthy, absent"), "", &seen, None);
        if !ragged {
            for periods in [1.5, 2.5, 3.5, 4.8] {
                let unsure = count(Status::Inconclusive, periods / 6.0, 0.01);
                let figure = format!("leak, {periods} periods seen: inconclusive");
                table.share(&figure, unsure, trials, 1.0);
            }
        }
    }
}

fn rhythms(table: &mut Table, arguments: &Arguments, wanted: &dyn Fn(&str) -> bool) {
    let trials = arguments.repetitions;
    for phi in [0.0, 0.7, 0.9] {
        for n in [200, 2000] {
            let figure = format!("period φ={phi} {n} windows");
            if wanted(&figure) {
                let mut random = stream(arguments.seed, &figure);
                let count = series::false_periods(Process::Ar(phi), n, trials, &mut random);
                table.alarms(&figure, count, trials, true);
            }
        }
    }
    let figure = "period of a job every 60 of 3,600 windows, 3 sd for 3 windows";
    if wanted(figure) {
        let mut random = stream(arguments.seed, figure);
        let found = series::jobs_found(trials, &mut random);
        table.share(&format!("{figure}: found ± 1%"), found, trials, 0.95);
    }
}

fn speeds(table: &mut Table, arguments: &Arguments, wanted: &dyn Fn(&str) -> bool) {
    if !wanted("speed") {
        return;
    }
    let mut random = stream(arguments.seed, "speed");
    let shown = |took: f64| format!("{took:.0} ms");
    let took = speed::from_values(&mut random);
    let figure = "speed 20 operations × 8 metrics, 2 × 5 runs × 3,600 windows";
    table.row(figure, "≤ 50 ms", &shown(took), Some(took <= 50.0));
    let took = speed::of_changes(&mut random);
    table.row(
        "speed changes on 100,000 points",
        "≤ 1,000 ms",
        &shown(took),
        Some(took <= 1e3),
    );
    let took = speed::from_histograms(&mut Simulator::new(), &mut random);
    table.row("speed the same from histograms", "", &shown(took), None);
}
