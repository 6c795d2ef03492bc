//! Teeth with few points, growth that is over, single points far off, periods and pauses: how often
//! each is found and how often what is not there. The seeds are drawn when the test runs.
#![allow(
    clippy::unwrap_used,
    reason = "helpers outside the test functions: a panic is a failed test"
)]

mod support;

use rand_distr::{Distribution, Poisson, StandardNormal};
use rand_pcg::Pcg64;
use soakbox_statistics::{
    Finding, SoakOptions, Status, Steadiness, bursts, outages, period, search_period, soak,
    steady_state,
};

/// Series of each kind.
const TRIALS: usize = 20;

fn drawn() -> (u64, Pcg64) {
    let seed = support::drawn();
    (seed, Pcg64::new(u128::from(seed) << 64 | 1, 1))
}

fn normal(random: &mut Pcg64) -> f64 {
    StandardNormal.sample(random)
}

fn leak(apart: f64, values: &[f64]) -> Finding {
    let times: Vec<f64> = (0..values.len()).map(|i| i as f64 * apart).collect();
    let [leak, _] = soak("memory", &times, values, &SoakOptions::default()).unwrap();
    leak
}

/// How many of the series are found to leak, and how many are free of leaks.
fn counted(
    random: &mut Pcg64,
    apart: f64,
    points: usize,
    value: impl Fn(usize, f64) -> f64,
) -> [usize; 2] {
    let mut counts = [0; 2];
    for _ in 0..TRIALS {
        let values: Vec<f64> = (0..points).map(|i| value(i, normal(random))).collect();
        let status = leak(apart, &values).status;
        counts[0] += usize::from(status == Status::Found);
        counts[1] += usize::from(status == Status::Absent);
    }
    counts
}

/// The mean of a tooth of 10 minutes over the window of a point: its height grows by `taller` in a
/// day.
fn tooth(index: usize, apart: f64, taller: f64) -> f64 {
    let parts = 16;
    let part = |k: usize| {
        let at = (index as f64 + (k as f64 + 0.5) / parts as f64) * apart;
        (at / 600.0 + 0.3).fract() * (1.0 + taller * at / 86_400.0)
    };
    (0..parts).map(part).sum::<f64>() / parts as f64
}

#[test]
fn teeth_that_grow_on_a_flat_floor_are_no_leak_however_few_points_they_have() {
    let (seed, mut random) = drawn();
    for apart in [10.0, 32.0, 60.0, 128.0, 256.0] {
        let points = (86_400.0 / apart) as usize;
        let level = |i: usize, noise: f64, taller: f64| {
            100.0 * (1.0 + 0.3 * tooth(i, apart, taller)) * (1.0 + 0.02 * noise)
        };
        let [healthy, absent] = counted(&mut random, apart, points, |i, n| level(i, n, 0.0));
        let [taller, _] = counted(&mut random, apart, points, |i, n| level(i, n, 3.0));
        let leaks = |i: usize, n: f64| level(i, n, 0.0) + i as f64 * apart / 3600.0;
        let [leaks, _] = counted(&mut random, apart, points, leaks);
        // The same without means over windows.
        let sampled = |i: usize, n: f64| {
            let at = i as f64 * apart;
            let taller = 1.0 + 3.0 * at / 86_400.0;
            100.0 * (1.0 + 0.3 * (at / 600.0).fract() * taller) * (1.0 + 0.02 * n)
        };
        let [sampled, _] = counted(&mut random, apart, points, sampled);
        let case = format!("seed {seed}, {apart} s: {healthy} {absent} {taller} {leaks} {sampled}");
        assert!(healthy <= 1 && taller <= 1 && sampled <= 1, "{case}");
        assert!(leaks >= 18, "{case}");
        if apart < 60.0 {
            assert!(absent >= 7, "{case}");
        }
    }
}

#[test]
fn what_is_over_and_a_single_point_far_off_hide_nothing() {
    let (seed, mut random) = drawn();
    let warm = |i: usize, n: f64| 200.0 - 100.0 * (-(i as f64) / 60.0).exp() + n;
    let step = |i: usize, n: f64| if i < 700 { 100.0 } else { 105.0 } + n;
    let spike = |i: usize, n: f64| if i == 1437 { 1000.0 } else { 100.0 } + n;
    let count = |i: usize, _: f64| f64::from(i > 700);
    type Case<'a> = (&'a str, &'a dyn Fn(usize, f64) -> f64);
    let all: [Case<'_>; 4] = [
        ("warm-up", &warm),
        ("step", &step),
        ("spike", &spike),
        ("one descriptor", &count),
    ];
    for (name, value) in all {
        let [found, absent] = counted(&mut random, 60.0, 1440, value);
        let case = format!("seed {seed}, {name}: {found} {absent}");
        assert!(found <= 2 && absent >= 14, "{case}");
        let grows = |i: usize, n: f64| value(i, n) + 2.0 * i as f64 / 60.0;
        let [found, _] = counted(&mut random, 60.0, 1440, grows);
        assert!(found >= 17, "{case}: {found}");
    }
    // What is decided and what could have been seen are those of one part.
    let values: Vec<f64> = (0..1440).map(|i| f64::from(i > 700)).collect();
    let leak = leak(60.0, &values);
    let (low, high) = (leak.low.unwrap(), leak.high.unwrap());
    assert!(low <= 0.0 && high <= leak.detectable.unwrap(), "{leak:?}");
}

#[test]
fn a_leak_without_teeth_says_which_teeth_would_not_be_seen() {
    let (seed, mut random) = drawn();
    // The noise grows with the level, as it does in a process that leaks.
    let grows = |i: usize, n: f64| 100.0 * (1.0 + 0.01 * i as f64 / 60.0) * (1.0 + 0.05 * n);
    let mut found = 0;
    for _ in 0..TRIALS {
        let values: Vec<f64> = (0..1440).map(|i| grows(i, normal(&mut random))).collect();
        let leak = leak(60.0, &values);
        // By chance the noise may look like teeth that grow.
        if leak.status == Status::Found {
            found += 1;
            assert!(leak.reason.contains("less than 120 s"), "{leak:?}");
        }
    }
    assert!(found >= 17, "seed {seed}: {found}");
}

#[test]
fn one_swing_is_called_one_swing() {
    let (seed, mut random) = drawn();
    for _ in 0..TRIALS {
        let turn = std::f64::consts::TAU / 1440.0;
        let day = |i: usize| 100.0 + 10.0 * (turn * i as f64).sin();
        let values: Vec<f64> = (0..1440).map(|i| day(i) + normal(&mut random)).collect();
        let leak = leak(60.0, &values);
        assert_eq!(leak.status, Status::Inconclusive, "seed {seed}: {leak:?}");
        assert!(!leak.reason.contains("1.0 periods"), "{leak:?}");
    }
}

#[test]
fn a_period_is_no_multiple_of_itself() {
    let (seed, mut random) = drawn();
    let saw = |i: usize, apart: f64| 30.0 * tooth(i, apart, 0.0);
    let spike = |i: usize| 10.0 * f64::from(i.is_multiple_of(10));
    let slow = |i: usize| (0..8).filter(|k| (8 * i + k) % 60 < 5).count() as f64;
    type Case<'a> = (&'a str, f64, &'a dyn Fn(usize) -> f64);
    let all: [Case<'_>; 5] = [
        ("teeth of 4.7 points", 600.0 / 128.0, &|i| saw(i, 128.0)),
        ("teeth of 2.3 points", 600.0 / 256.0, &|i| saw(i, 256.0)),
        ("teeth of 18.75 points", 600.0 / 32.0, &|i| saw(i, 32.0)),
        ("a spike every 10 points", 10.0, &|i| spike(i)),
        ("5 s of 60 in points of 8 s", 7.5, &|i| 5.0 * slow(i)),
    ];
    for (name, every, value) in all {
        let mut right = 0;
        for _ in 0..TRIALS {
            let values: Vec<f64> = (0..900).map(|i| value(i) + normal(&mut random)).collect();
            let found = period(&values, 0.01).unwrap();
            right += usize::from(found.is_some_and(|one| (one.windows / every - 1.0).abs() < 0.01));
        }
        assert!(right >= 15, "seed {seed}, {name}: {right}");
    }
}

#[test]
fn what_could_have_been_seen_is_seen() {
    let (seed, mut random) = drawn();
    for (points, correlation) in [(200, 0.0), (1000, 0.0), (1000, 0.7)] {
        let (mut sines, mut steps) = (0, 0);
        for trial in 0..2 * TRIALS {
            let mut last = 0.0;
            let mut next = || {
                last = correlation * last + normal(&mut random);
                last
            };
            let values: Vec<f64> = (0..points).map(|_| next()).collect();
            let amplitude = search_period(&values, 0.01).unwrap().detectable.unwrap();
            let every = points as f64 / [5.1, 6.3, 12.2][trial % 3];
            let sine = |i: usize| (std::f64::consts::TAU * i as f64 / every + trial as f64).sin();
            let with = values.iter().enumerate();
            let with: Vec<f64> = with.map(|(i, v)| v + amplitude * sine(i)).collect();
            let found = period(&with, 0.01).unwrap();
            sines += usize::from(found.is_some_and(|one| (one.windows / every - 1.0).abs() < 0.06));
            let size = steady_state(&values, 0.01).unwrap().detectable.unwrap();
            let with = values.iter().enumerate();
            let step = |i: usize| if 4 * i >= 3 * points { size } else { 0.0 };
            let with: Vec<f64> = with.map(|(i, v)| v + step(i)).collect();
            let state = steady_state(&with, 0.01).unwrap();
            steps += usize::from(state.steadiness == Steadiness::Moving);
        }
        // 80% of 40, less what chance takes.
        let case = format!("seed {seed}, {points} {correlation}: {sines} {steps}");
        assert!(sines >= 26 && steps >= 26, "{case}");
    }
    let failures: Vec<f64> = (0..600).map(|i| f64::from(i % 50 == 0)).collect();
    let usual = bursts(&failures, &[1000.0; 600], 0.01).unwrap();
    assert!(usual.bursts.is_empty());
    let least = usual.detectable.unwrap();
    for (size, number) in [(least, 1), (least - 1.0, 0)] {
        let mut more = failures.clone();
        more[301] = size;
        let found = bursts(&more, &[1000.0; 600], 0.01).unwrap();
        assert_eq!(found.bursts.len(), number, "{size}");
    }
    let nothing = bursts(&[0.0; 600], &[1000.0; 600], 0.01).unwrap();
    assert!((1.0..=5.0).contains(&nothing.detectable.unwrap()));
    assert_eq!(bursts(&[0.0], &[1000.0], 0.01).unwrap().detectable, None);
}

#[test]
fn a_period_is_not_judged_in_few_points() {
    let mut values = vec![f64::NAN; 1000];
    let search = search_period(&values, 0.05).unwrap();
    assert_eq!((search.windows, search.detectable), (0, None));
    for (i, value) in values.iter_mut().enumerate().take(31) {
        *value = (i % 2) as f64;
    }
    assert_eq!(search_period(&values, 0.05).unwrap().found, None);
}

#[test]
fn random_operations_have_no_outage_and_outages_are_found() {
    let (seed, mut random) = drawn();
    for windows in [240, 2000] {
        for rate in [0.3, 2.0, 50.0] {
            let (mut alarms, mut found, mut several) = (0, 0, 0);
            for _ in 0..200 {
                let poisson = Poisson::new(rate).unwrap();
                let mut counts: Vec<f64> =
                    (0..windows).map(|_| poisson.sample(&mut random)).collect();
                let number = |counts: &[f64]| {
                    let found = outages(counts, 0.01).unwrap();
                    found.map_or(0, |one| one.outages.len())
                };
                alarms += usize::from(number(&counts) > 0);
                let long = windows / 4;
                let at = windows / 3;
                counts[at..at + long].fill(0.0);
                found += usize::from(number(&counts) == 1);
                counts[at + 1..at + long].fill(rate.ceil());
                for at in [windows / 10, windows / 2, windows * 3 / 4] {
                    counts[at..at + windows / 8].fill(0.0);
                }
                several += usize::from(number(&counts) == 3);
            }
            let case = format!("seed {seed}, {windows} of {rate}: {alarms} {found} {several}");
            assert!(alarms <= 8, "{case}");
            if windows == 2000 || rate > 1.0 {
                assert!(found >= 190 && several >= 190, "{case}");
            }
        }
    }
}
