//! One table of figures: what was asked, what was seen, whether it holds.

/// Collects figures and prints each as soon as it is known.
#[derive(Default)]
pub(crate) struct Table {
    missed: Vec<String>,
    rows: usize,
}

impl Table {
    /// Prints the heading.
    pub(crate) fn start(&self, seed: u64, repetitions: usize) {
        println!("seed {seed} (repeat with --seed {seed}), {repetitions} repetitions a figure");
        println!("| figure | bound | seen | holds |");
        println!("| --- | --- | --- | --- |");
    }

    /// A figure with its bound in words; `holds` None marks one that is shown without being asked for.
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

    /// An alarm rate: at most 5%, accepted up to 3.3 standard errors above.
    pub(crate) fn alarms(&mut self, figure: &str, alarms: usize, trials: usize, asked: bool) {
        let accepted = accepted_rate(0.05, trials);
        let rate = alarms as f64 / trials as f64;
        let bound = format!("≤ 5% (accepted {:.1}%)", accepted * 100.0);
        let seen = format!("{:.1}% of {trials}", rate * 100.0);
        self.row(figure, &bound, &seen, asked.then_some(rate <= accepted));
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

    /// True when every figure held; prints those that did not.
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

/// The observed rate up to which `trials` repetitions are consistent with `rate`: 3.3 standard errors above it.
pub(crate) fn accepted_rate(rate: f64, trials: usize) -> f64 {
    rate + 3.3 * (rate * (1.0 - rate) / trials as f64).sqrt()
}
