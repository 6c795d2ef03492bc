//! Whether a real change is found: between two runs, and between several runs per side.

use super::Figures;
use crate::trials::{builds, comparison};

impl Figures {
    pub(super) fn power(&mut self) {
        let trials = self.arguments.repetitions;
        for (n, phi) in [(600, 0.7), (2000, 0.9)] {
            let figure = format!("power {n} windows φ={phi}");
            if !self.wanted(&figure) {
                continue;
            }
            let [found, passed] = self.counted(&figure, trials, |simulator, trials, random| {
                comparison::power(simulator, phi, n, trials, random)
            });
            let row = format!("{figure}: slower tail, p99 regressed");
            self.table.share(&row, found, trials, 0.95);
            let row = format!("{figure}: unshifted, p99 pass");
            self.table.share(&row, passed, trials, 0.90);
        }
    }

    pub(super) fn runs(&mut self) {
        let figure = "runs 5 + 5, effect 3%";
        if !self.wanted(figure) {
            return;
        }
        let trials = self.arguments.repetitions;
        let [at_zero, at_five, found] = self.counted(figure, trials, builds::several);
        for (alarms, threshold) in [(at_zero, "0"), (at_five, "5%")] {
            let row = format!("{figure}: alarms at threshold {threshold}");
            self.table.alarms(&row, alarms, trials, true);
        }
        let row = format!("{figure}: × 1.15, p50 regressed");
        self.table.share(&row, found, trials, 0.95);
        let [warned] = self.counted("runs 1 + 1", trials, |simulator, trials, random| {
            [builds::single(simulator, trials, random)]
        });
        let row = "runs 1 + 1: reports that it is not valid for the builds";
        self.table.share(row, warned, trials, 1.0);
    }
}
