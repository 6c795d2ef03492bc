//! Changes and periods of one series: false ones, and true ones that are found.

use super::Figures;
use crate::trials::process::Process;
use crate::trials::{series, steps};

/// Correlations of neighbouring windows.
const PHI: [f64; 4] = [0.0, 0.5, 0.7, 0.9];
/// Noise for which no bound is set.
const UNBOUNDED: [Process; 10] = [
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

impl Figures {
    pub(super) fn changes(&mut self) {
        let trials = self.arguments.repetitions.max(1000);
        for phi in PHI {
            for n in [100, 200, 600, 2000] {
                let figure = format!("changes φ={phi} {n} points");
                self.false_changes(&figure, Process::Ar(phi), n, trials, true);
            }
        }
        for process in UNBOUNDED {
            for n in [200, 2000] {
                let figure = format!("changes {process:?} {n} points");
                self.false_changes(&figure, process, n, trials, false);
            }
        }
        self.rare_events(trials);
        for phi in PHI {
            self.true_changes(phi, trials);
        }
        for (phi, least) in [(0.0, Some(0.95)), (0.5, Some(0.85)), (0.9, None)] {
            for n in [365, 1000] {
                for count in [2, 3, 5, 8] {
                    self.several_steps(phi, least, n, count);
                }
            }
        }
    }

    /// The share of several steps that is found, and the share of reports that are steps. `least`
    /// is the bound of the first.
    fn several_steps(&mut self, phi: f64, least: Option<f64>, n: usize, count: usize) {
        let figure = format!("changes {count} steps φ={phi} {n} points");
        if !self.wanted(&figure) {
            return;
        }
        let trials = self.arguments.repetitions;
        let mut random = self.random(&figure);
        let steps = steps::several(Process::Ar(phi), n, count, trials, &mut random);
        let row = format!("{figure}: found within 5 points");
        match least {
            Some(least) => self.table.share(&row, steps.found, steps.given, least),
            None => self.table.shown(&row, steps.found, steps.given),
        }
        let row = format!("{figure}: reports that are steps");
        self.table.shown(&row, steps.found, steps.reported);
    }

    /// Series that are nearly always 0.
    fn rare_events(&mut self, trials: usize) {
        for n in [100, 365, 1000, 2000] {
            for probability in [0.01, 0.03, 0.1, 0.3] {
                let figure = format!("changes of rare events, {probability} of {n} points");
                if self.wanted(&figure) {
                    let mut random = self.random(&figure);
                    let any = series::rare_changes(probability, n, trials, &mut random);
                    self.table.alarms(&figure, any, trials, true);
                }
            }
        }
        for between in [[0.03, 0.3], [0.03, 0.15], [0.1, 0.3]] {
            let [before, after] = between;
            let figure =
                format!("changes of rare events, a step from {before} to {after}, 365 points");
            if self.wanted(&figure) {
                let mut random = self.random(&figure);
                let found = series::rare_steps(between, 365, trials, &mut random);
                self.table.shown(&figure, found, trials);
            }
        }
    }

    fn false_changes(
        &mut self,
        figure: &str,
        process: Process,
        n: usize,
        trials: usize,
        bounded: bool,
    ) {
        if self.wanted(figure) {
            let count = series::false_changes(process, n, trials, &mut self.random(figure));
            self.table.alarms(figure, count, trials, bounded);
        }
    }

    fn true_changes(&mut self, phi: f64, trials: usize) {
        let figure = format!("changes step φ={phi}");
        if !self.wanted(&figure) {
            return;
        }
        let mut random = self.random(&figure);
        let [found, placed] = series::steps(phi, trials, &mut random);
        let row = format!("{figure}: found");
        self.table.share(&row, found, trials, 0.95);
        let row = format!("{figure}: within 5 points");
        self.table.share(&row, placed, trials, 0.80);
        let [step, outlier] = series::lone_points(phi, trials, &mut random);
        let figure = format!("changes outlier of 10 sd φ={phi}");
        let seen = format!("{step} of {trials}");
        let row = format!("{figure}: a step");
        self.table.row(&row, "0", &seen, Some(step == 0));
        let row = format!("{figure}: found");
        self.table.shown(&row, outlier, trials);
    }

    pub(super) fn periods(&mut self) {
        let trials = self.arguments.repetitions;
        for phi in [0.0, 0.7, 0.9] {
            for n in [200, 2000] {
                let figure = format!("period φ={phi} {n} windows");
                if self.wanted(&figure) {
                    let mut random = self.random(&figure);
                    let count = series::false_periods(Process::Ar(phi), n, trials, &mut random);
                    self.table.alarms(&figure, count, trials, true);
                }
            }
        }
        for (n, size) in [(200, 30.0), (1000, 30.0), (1000, 1000.0), (4000, 1000.0)] {
            let figure = format!("period of growth by {size} sd, {n} windows");
            if self.wanted(&figure) {
                let mut random = self.random(&figure);
                let count = series::periods_of_growth(n, size, trials, &mut random);
                self.table.alarms(&figure, count, trials, true);
            }
        }
        for n in [200, 1000, 4000] {
            for seen in [1.0, 1.5, 2.5] {
                let figure = format!("period of a wave of 10 sd, seen {seen} times, {n} windows");
                if self.wanted(&figure) {
                    let mut random = self.random(&figure);
                    let count = series::periods_of_waves(n, seen, trials, &mut random);
                    self.table.alarms(&figure, count, trials, true);
                }
            }
        }
        let figure = "period of a job every 60 of 3,600 windows, 3 sd for 3 windows";
        if self.wanted(figure) {
            let found = series::jobs_found(trials, &mut self.random(figure));
            let row = format!("{figure}: found ± 1%");
            self.table.share(&row, found, trials, 0.95);
        }
    }
}
