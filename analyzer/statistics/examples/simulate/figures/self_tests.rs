//! The reports of self-tests.

use super::Figures;
use crate::trials::self_tests::{self, COMPARISONS, RUNS, Reports};
use soakbox_statistics::binomial_interval;

impl Figures {
    pub(super) fn self_tests(&mut self) {
        let trials = self.arguments.repetitions;
        let figure = format!("self-test of {RUNS} runs, effect 3%, 1 per side, threshold 0");
        if self.wanted(&figure) {
            let counts = self.counted(&figure, trials, |_, trials, random| {
                self_tests::reports(trials, random)
            });
            self.report(&figure, &Reports::of(counts), trials);
        }
        let figure = "thresholds that 10 runs propose, effect 3%, 5 + 5 others of the build";
        if self.wanted(figure) {
            let [gates, passes] = self.counted(figure, trials, |_, trials, random| {
                self_tests::proposed(trials, random)
            });
            self.table
                .shown(&format!("{figure}: must pass"), gates, trials);
            self.table
                .share(&format!("{figure}: passes"), passes, trials, 0.8);
        }
    }

    fn report(&mut self, figure: &str, reports: &Reports, trials: usize) {
        let comparisons = trials * COMPARISONS;
        let by_alarms = || reports.by_alarms.iter().enumerate();
        let alarms: usize = by_alarms().map(|(alarms, tests)| alarms * tests).sum();
        let rate = alarms as f64 / comparisons as f64;
        let covers = |alarms: usize| {
            let interval = binomial_interval(alarms as u64, COMPARISONS as u64, 0.95);
            interval.is_some_and(|(low, high)| low <= rate && rate <= high)
        };
        let covered = by_alarms().filter(|(alarms, _)| covers(*alarms));
        let covered = covered.map(|(_, tests)| tests).sum();
        let row = format!("{figure}: the interval has the rate of alarms");
        self.table.share(&row, covered, trials, 0.95);
        let [shared_alarms, squares, shared] = reports.shared;
        self.table
            .shown(&format!("{figure}: alarms"), alarms, comparisons);
        let row = format!("{figure}: alarms of comparisons that share runs");
        self.table.shown(&row, shared_alarms, shared);
        // The scatter of the share from self-test to self-test.
        let of_one = shared as f64 / trials as f64;
        let mean = shared_alarms as f64 / trials as f64;
        let scatter = (squares as f64 / trials as f64 - mean * mean).sqrt() / of_one;
        let spread = by_alarms().map(|(alarms, tests)| alarms * alarms * tests);
        let spread = spread.sum::<usize>() as f64 / trials as f64;
        let mean = alarms as f64 / trials as f64;
        let separate = (spread - mean * mean).sqrt() / COMPARISONS as f64;
        let seen = format!("{:.1} and {:.1} points", 100.0 * separate, 100.0 * scatter);
        let row = format!("{figure}: deviation of both shares");
        self.table.row(&row, "", &seen, None);
    }
}
