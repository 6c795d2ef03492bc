//! The figures of the table: which ones there are, and in which order they are printed.

mod alarms;
mod leaks;
mod power;
mod self_tests;
mod series;
mod speed;

use crate::arguments::Arguments;
use crate::streams::{counted, stream};
use crate::table::Table;
use crate::trials::process::Random;
use crate::trials::service::Simulator;

/// The table and the arguments.
pub(crate) struct Figures {
    arguments: Arguments,
    table: Table,
}

impl Figures {
    pub(crate) fn new(arguments: Arguments) -> Figures {
        let table = Table::default();
        Figures { arguments, table }
    }

    /// Prints every figure that was asked for; true when each is within its bound.
    pub(crate) fn print_all(&mut self) -> bool {
        self.table
            .start(self.arguments.seed, self.arguments.repetitions);
        self.alarms();
        self.alarms_of_services();
        self.power();
        self.short_runs();
        self.passes();
        self.added_pairs();
        self.changes();
        self.runs();
        self.self_tests();
        self.leaks();
        self.periods();
        self.speed();
        self.table.end()
    }

    fn wanted(&self, figure: &str) -> bool {
        self.arguments.wanted(figure)
    }

    /// The figure's own random numbers.
    fn random(&self, figure: &str) -> Random {
        stream(self.arguments.seed, figure)
    }

    /// The counts of `work` in `trials` repetitions.
    fn counted<const K: usize>(
        &self,
        figure: &str,
        trials: usize,
        work: impl Fn(&mut Simulator, usize, &mut Random) -> [usize; K] + Sync,
    ) -> [usize; K] {
        counted(self.arguments.seed, figure, trials, work)
    }

    /// Prints the alarms at each threshold. `bounded` is false where no bound is set.
    fn alarms_at(
        &mut self,
        figure: &str,
        alarms: [usize; 2],
        thresholds: [&str; 2],
        trials: usize,
        bounded: bool,
    ) {
        for (count, threshold) in alarms.into_iter().zip(thresholds) {
            let row = format!("{figure}, threshold {threshold}");
            self.table.alarms(&row, count, trials, bounded);
        }
    }
}
