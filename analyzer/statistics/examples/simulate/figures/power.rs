//! Whether a real change is found: between two runs, and between several runs per side.

use super::Figures;
use crate::trials::process::Random;
use crate::trials::service::Simulator;
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

    /// Runs of CI jobs, which last a minute.
    pub(super) fn short_runs(&mut self) {
        let trials = self.arguments.repetitions;
        for n in [30, 60, 120] {
            let figure = format!("short runs 5 + 5 of {n} windows, effect 1%");
            if !self.wanted(&figure) {
                continue;
            }
            let counts = self.counted(&figure, trials, |simulator, trials, random| {
                builds::short(simulator, n, trials, random)
            });
            self.alarms_at(&figure, [counts[0], counts[1]], ["0", "5%"], trials, true);
            let row = format!("{figure}: × 1.10, p50 regressed");
            self.table.share(&row, counts[2], trials, 0.90);
            let row = format!("{figure}: unchanged, the comparison passes");
            self.table.shown(&row, counts[3], trials);
        }
        for n in [60, 120, 800] {
            let figure = format!("short pair of {n} windows");
            if !self.wanted(&figure) {
                continue;
            }
            let [found, small] = self.counted(&figure, trials, |simulator, trials, random| {
                builds::short_pair(simulator, n, trials, random)
            });
            self.table.share(
                &format!("{figure}: × 1.25, p50 regressed"),
                found,
                trials,
                0.80,
            );
            self.table
                .shown(&format!("{figure}: × 1.10, p50 regressed"), small, trials);
        }
    }

    /// Pairs that are added until the comparison is decided.
    pub(super) fn added_pairs(&mut self) {
        let figure = "pairs added until decided, at most 10, effect 3%";
        if !self.wanted(figure) {
            return;
        }
        let trials = self.arguments.repetitions;
        let [at_zero, at_five, found, pairs] = self.counted(figure, trials, builds::added);
        self.alarms_at(figure, [at_zero, at_five], ["0", "5%"], trials, true);
        let row = format!("{figure}: × 1.15, regressed");
        self.table.share(&row, found, trials, 0.95);
        let seen = format!("{:.1} pairs", pairs as f64 / trials as f64);
        self.table
            .row(&format!("{figure}: × 1.15, pairs used"), "", &seen, None);
    }

    /// How often a healthy pair passes as a whole.
    pub(super) fn passes(&mut self) {
        let trials = self.arguments.repetitions;
        for (n, phi) in [(200, 0.0), (200, 0.7), (600, 0.0), (600, 0.7), (2000, 0.9)] {
            let figure = format!("passes: a healthy pair of {n} windows, φ={phi}");
            if self.wanted(&figure) {
                let [passed] = self.counted(&figure, trials, |simulator, trials, random| {
                    [comparison::passes(simulator, phi, n, trials, random)]
                });
                self.table.shown(&figure, passed, trials);
            }
        }
    }

    pub(super) fn runs(&mut self) {
        self.several_runs("runs 5 + 5, effect 3%", builds::several);
        for (name, common) in [("nothing", 0.0), ("half", 0.5), ("nine tenths", 0.9)] {
            let figure = format!("runs 5 + 5 in turn, effect 3%, of which pairs share {name}");
            self.several_runs(&figure, |simulator, trials, random| {
                builds::in_turn(simulator, common, trials, random)
            });
        }
        let trials = self.arguments.repetitions;
        for (paired, how) in [(false, "5 + 5"), (true, "5 + 5 in turn")] {
            let figure = format!("runs {how} that grow alike, effect 3%");
            if !self.wanted(&figure) {
                continue;
            }
            let [zero, five, found] = self.counted(&figure, trials, |_, trials, random| {
                builds::common_course(paired, trials, random)
            });
            for (alarms, threshold) in [(zero, "0"), (five, "5%")] {
                let row = format!("{figure}: 60% on both sides, alarms at threshold {threshold}");
                self.table.alarms(&row, alarms, trials, true);
            }
            let row = format!("{figure}: 30% in the candidate, memory regressed");
            self.table.share(&row, found, trials, 0.95);
        }
        if self.wanted("runs 1 + 1") {
            let [warned] = self.counted("runs 1 + 1", trials, |simulator, trials, random| {
                [builds::single(simulator, trials, random)]
            });
            let row = "runs 1 + 1: reports that it is not valid for the builds";
            self.table.share(row, warned, trials, 1.0);
        }
    }

    fn several_runs(
        &mut self,
        figure: &str,
        work: impl Fn(&mut Simulator, usize, &mut Random) -> [usize; 3] + Sync,
    ) {
        if !self.wanted(figure) {
            return;
        }
        let trials = self.arguments.repetitions;
        let [at_zero, at_five, found] = self.counted(figure, trials, work);
        for (alarms, threshold) in [(at_zero, "0"), (at_five, "5%")] {
            let row = format!("{figure}: alarms at threshold {threshold}");
            self.table.alarms(&row, alarms, trials, true);
        }
        let row = format!("{figure}: × 1.15, p50 regressed");
        self.table.share(&row, found, trials, 0.95);
    }
}
