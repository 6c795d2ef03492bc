//! One table of figures: the bound, the result, and whether it holds.

/// Prints each figure as soon as it is known, and remembers the figures that missed their bound.
#[derive(Default)]
pub(crate) struct Table {
    missed: Vec<String>,
    rows: usize,
}

impl Table {
    /// Prints the seed and the table's heading.
    pub(crate) fn start(&self, seed: u64, repetitions: usize) {
        println!("seed {seed} (repeat with --seed {seed}), {repetitions} repetitions per figure");
        println!("| figure | bound | observed | holds |");
        println!("| --- | --- | --- | --- |");
    }

    /// A figure with its bound as text. `holds` is `None` where no bound is set.
    pub(crate) fn row(&mut self, figure: &str, bound: &str, seen: &str, holds: Option<bool>) {
        let word = match holds {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "shown",
        };
        println!("| {figure} | {bound} | {seen} | {word} |");
        self.rows += 1;
        if holds == Some(false) {
            self.missed.push(figure.to_owned());
        }
    }

    /// A share for which no bound is set.
    pub(crate) fn shown(&mut self, figure: &str, hits: usize, trials: usize) {
        let seen = format!("{:.1}% of {trials}", hits as f64 / trials as f64 * 100.0);
        self.row(figure, "", &seen, None);
    }

    /// An alarm rate. Its bound is 5%, and it is accepted up to 3.3 standard errors above.
    /// `bounded` is false where no bound is set.
    pub(crate) fn alarms(&mut self, figure: &str, alarms: usize, trials: usize, bounded: bool) {
        let accepted = accepted_rate(0.05, trials);
        let rate = alarms as f64 / trials as f64;
        let bound = format!("≤ 5% (accepted {:.1}%)", accepted * 100.0);
        let seen = format!("{:.1}% of {trials}", rate * 100.0);
        self.row(figure, &bound, &seen, bounded.then_some(rate <= accepted));
    }

    /// A share that must reach `least`.
    pub(crate) fn share(&mut self, figure: &str, hits: usize, trials: usize, least: f64) {
        let rate = hits as f64 / trials as f64;
        let seen = format!("{:.1}% of {trials}", rate * 100.0);
        self.row(
            figure,
            &format!("≥ {:.0}%", least * 100.0),
            &seen,
            Some(rate >= least),
        );
    }

    /// True when every figure is within its bound. Prints those that are not.
    pub(crate) fn end(&self) -> bool {
        if self.rows == 0 {
            println!("no figure has that name");
            return false;
        }
        if self.missed.is_empty() {
            println!("every figure holds");
        } else {
            println!("missed: {}", self.missed.join("; "));
        }
        self.missed.is_empty()
    }
}

/// The largest observed rate that `trials` repetitions may show by chance when the true one is
/// `rate`: 3.3 standard errors above it.
pub(crate) fn accepted_rate(rate: f64, trials: usize) -> f64 {
    rate + 3.3 * (rate * (1.0 - rate) / trials as f64).sqrt()
}
