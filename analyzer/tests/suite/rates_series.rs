//! How often `changes` and `soak` report what is not there, and how often they find what is.

use rand_distr::{Distribution, StandardNormal};

use crate::rates::Figures;
use crate::rates::process::{Process, Random, uniform};
use crate::rates::series::{Columns, Found};

/// Correlations of neighbouring points.
const PHI: [f64; 4] = [0.0, 0.5, 0.7, 0.9];

/// Reports of any change in series without one.
fn false_changes(figures: &mut Figures, phi: f64, points: usize) {
    let figure = format!("changes, φ={phi}, {points} points: any report");
    if !figures.wanted(&figure) {
        return;
    }
    let mut random = figures.random(&figure);
    let place = Columns::new();
    let mut reports = 0;
    for _ in 0..figures.repetitions {
        let values = Process::Ar(phi).series(points, &mut random);
        reports += usize::from(!place.changes(&values).is_empty());
    }
    figures.alarms(&figure, reports);
}

/// A step of 2 long-run deviations after 100 of 200 points.
fn steps(figures: &mut Figures, phi: f64) {
    let figure = format!("changes, φ={phi}, a step of 2 long-run deviations");
    if !figures.wanted(&figure) {
        return;
    }
    let mut random = figures.random(&figure);
    let place = Columns::new();
    let height = 2.0 * f64::sqrt((1.0 + phi) / (1.0 - phi));
    let (mut found, mut placed) = (0, 0);
    for _ in 0..figures.repetitions {
        let mut values = Process::Ar(phi).series(200, &mut random);
        values[100..].iter_mut().for_each(|v| *v += height);
        let changes = place.changes(&values);
        let steps: Vec<&Found> = changes.iter().filter(|c| c.kind == "step").collect();
        found += usize::from(!steps.is_empty());
        placed += usize::from(steps.iter().any(|step| step.index.abs_diff(100) <= 5));
    }
    figures.found(&format!("{figure}: found"), found, 0.95);
    figures.found(&format!("{figure}: within 5 points"), placed, 0.80);
}

/// One point that is 10 deviations off.
fn outliers(figures: &mut Figures, phi: f64) {
    let figure = format!("changes, φ={phi}, an outlier of 10 deviations");
    if !figures.wanted(&figure) {
        return;
    }
    let mut random = figures.random(&figure);
    let place = Columns::new();
    let (mut steps, mut found) = (0, 0);
    for _ in 0..figures.repetitions {
        let mut values = Process::Ar(phi).series(200, &mut random);
        let at = (200.0 * uniform(&mut random)) as usize;
        values[at] += 10.0;
        let changes = place.changes(&values);
        let near = |kind: &str| {
            changes
                .iter()
                .any(|c| c.kind == kind && c.index.abs_diff(at) <= 1)
        };
        steps += usize::from(near("step"));
        // The last point is new.
        found += usize::from(near("outlier") || near("new"));
    }
    figures.never(&format!("{figure}: a step"), steps);
    figures.shown(&format!("{figure}: found"), found);
}

/// Seconds between the points of a heap.
const APART: f64 = 10.0;
/// Seconds between its collections.
const PERIOD: f64 = 600.0;

/// The size of a heap over `hours` that grows by `growth` of its level per hour: a sawtooth of 30%,
/// noise of 2%.
fn heap(hours: f64, growth: f64, random: &mut Random) -> Vec<f64> {
    let phase = uniform(random);
    let points = (hours * 3_600.0 / APART) as usize;
    let value = |index: usize| {
        let time = index as f64 * APART;
        let noise: f64 = StandardNormal.sample(random);
        let tooth = (time / PERIOD + phase).fract();
        1e9 * (1.0 + growth * time / 3_600.0 + 0.3 * tooth + 0.02 * noise)
    };
    (0..points).map(value).collect()
}

/// How many heaps have this status of their leak, and how many a false finding of another kind.
fn leaks(figures: &mut Figures, name: &str, hours: f64, growth: f64, status: &str) -> [usize; 3] {
    let mut random = figures.random(name);
    let place = Columns::new();
    let mut counts = [0; 3];
    for _ in 0..figures.repetitions {
        let answer = place.soak(&heap(hours, growth, &mut random), APART);
        counts[0] += usize::from(answer.status("leak") == status);
        counts[1] += usize::from(answer.status("leak") == "absent");
        let moved = ["drift", "unsteady"].map(|kind| answer.status(kind) == "found");
        counts[2] += usize::from(moved.contains(&true));
    }
    counts
}

fn leak_found(figures: &mut Figures) {
    let figure = "leak, 24 h, 1%/h: found";
    if !figures.wanted(figure) {
        return;
    }
    let [found, ..] = leaks(figures, figure, 24.0, 0.01, "found");
    figures.found(figure, found, 0.95);
}

fn healthy_heap(figures: &mut Figures) {
    let figure = "leak, 24 h, healthy: found";
    if !figures.wanted(figure) {
        return;
    }
    let [alarms, absent, moved] = leaks(figures, figure, 24.0, 0.0, "found");
    figures.alarms(figure, alarms);
    figures.shown("leak, 24 h, healthy: absent", absent);
    figures.alarms("leak, 24 h, healthy: drift or unsteady found", moved);
}

fn too_few_teeth(figures: &mut Figures, teeth: f64) {
    for growth in [0.0, 0.01] {
        let figure = format!("leak, {teeth} teeth seen, {growth} per hour: inconclusive");
        if !figures.wanted(&figure) {
            continue;
        }
        let [open, ..] = leaks(figures, &figure, teeth / 6.0, growth, "inconclusive");
        figures.found(&figure, open, 1.0);
    }
}

#[test]
fn changes_and_leaks_are_found_and_noise_is_neither() {
    let mut figures = Figures::new(200);
    false_changes(&mut figures, 0.0, 200);
    false_changes(&mut figures, 0.9, 200);
    steps(&mut figures, 0.7);
    outliers(&mut figures, 0.0);
    figures.repetitions = 40;
    leak_found(&mut figures);
    healthy_heap(&mut figures);
    too_few_teeth(&mut figures, 4.8);
    figures.end();
}

#[test]
#[ignore = "minutes; run by `make endurance`"]
fn rates_of_changes() {
    let mut figures = Figures::all();
    for phi in PHI {
        for points in [100, 200, 600, 2_000] {
            false_changes(&mut figures, phi, points);
        }
        steps(&mut figures, phi);
        outliers(&mut figures, phi);
    }
    figures.end();
}

#[test]
#[ignore = "minutes; run by `make endurance`"]
fn rates_of_leaks() {
    let mut figures = Figures::all();
    leak_found(&mut figures);
    healthy_heap(&mut figures);
    for teeth in [1.5, 2.5, 3.5, 4.8] {
        too_few_teeth(&mut figures, teeth);
    }
    figures.end();
}
