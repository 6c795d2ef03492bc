//! How often a comparison of two runs of one service is an alarm.

use crate::rates::comparison::{AT_FIVE, AT_ZERO, Comparisons, Order, compare};
use crate::rates::noise::{AUTOREGRESSIVE, LONG, OTHER, OUTSIDE};
use crate::rates::service::{BASE, Cut, Service};
use crate::rates::{Figures, Noise};

/// The lengths of the runs.
const SECONDS: [usize; 3] = [200, 600, 2_000];

fn service(noise: Noise) -> Service {
    Service {
        noise,
        size: 0.05,
        operations: 100,
        random_load: true,
        failures: 0.005,
    }
}

/// Whether a bound holds for this figure: a wave or a state that is longer than the run is a
/// difference between the runs that nothing in them shows.
type Bounded = fn(&str, usize) -> bool;

const ALWAYS: Bounded = |_, _| true;

/// The alarms at thresholds 0 and 5% of pairs with this noise.
fn pairs(
    figures: &mut Figures,
    noises: &[(&str, Noise)],
    seconds: &[usize],
    cut: Cut,
    bounded: Bounded,
) {
    let place = Comparisons::new();
    let order = Order::OneAfterTheOther;
    for (name, noise) in noises {
        for seconds in seconds.iter().copied() {
            let figure = format!("alarms, {name}, {seconds} s, cut {}", cut.name());
            if !figures.wanted(&figure) {
                continue;
            }
            let mut random = figures.random(&figure);
            let mut alarms = [0, 0];
            for _ in 0..figures.repetitions {
                let mut run = || vec![service(*noise).run(seconds, cut, BASE, &mut random)];
                let base = place.base(run(), order);
                let candidate = place.candidate("candidate", run(), order);
                for (count, threshold) in alarms.iter_mut().zip([AT_ZERO, AT_FIVE]) {
                    *count += usize::from(compare(&base, &candidate, threshold).is_alarm());
                }
            }
            for (count, threshold) in alarms.into_iter().zip(["0", "5%"]) {
                let row = format!("{figure}, threshold {threshold}");
                if bounded(name, seconds) {
                    figures.alarms(&row, count);
                } else {
                    figures.shown(&row, count);
                }
            }
        }
    }
}

#[test]
fn equal_runs_raise_few_alarms() {
    let mut figures = Figures::new(200);
    pairs(
        &mut figures,
        &AUTOREGRESSIVE[3..],
        &[200],
        Cut::AsRecorded,
        ALWAYS,
    );
    figures.end();
}

#[test]
#[ignore = "minutes; run by `make endurance`"]
fn alarms_in_autoregressive_noise_as_recorded() {
    let mut figures = Figures::all();
    pairs(
        &mut figures,
        &AUTOREGRESSIVE,
        &SECONDS,
        Cut::AsRecorded,
        ALWAYS,
    );
    figures.end();
}

#[test]
#[ignore = "minutes; run by `make endurance`"]
fn alarms_in_autoregressive_noise_of_windows() {
    let mut figures = Figures::all();
    pairs(
        &mut figures,
        &AUTOREGRESSIVE,
        &SECONDS,
        Cut::Seconds,
        ALWAYS,
    );
    figures.end();
}

#[test]
#[ignore = "minutes; run by `make endurance`"]
fn alarms_in_other_noise() {
    let mut figures = Figures::all();
    // A third of the wave: its level is another one in each run.
    pairs(
        &mut figures,
        &OTHER,
        &SECONDS,
        Cut::Seconds,
        |name, seconds| !(name == "a period of 10 minutes" && seconds < 600),
    );
    figures.end();
}

#[test]
#[ignore = "minutes; run by `make endurance`"]
fn alarms_in_noise_that_the_simulation_lacks() {
    let mut figures = Figures::all();
    pairs(&mut figures, &OUTSIDE, &SECONDS, Cut::Seconds, ALWAYS);
    pairs(&mut figures, &LONG, &SECONDS, Cut::Seconds, |_, _| false);
    figures.end();
}
