//! Samples of Criterion: the file `new/sample.json` of a benchmark, a directory with several of them
//! (`target/criterion`), or what `cargo criterion --message-format=json` prints, as
//! <https://bheisler.github.io/criterion.rs/book/cargo_criterion/external_tools.html> defines it. A sample is
//! a number of iterations and the time that they took together.

mod files;

use std::collections::VecDeque;
use std::io::BufRead;

use serde::Deserialize;

use super::benchmark::{Per, Sequence};
use super::lines::{Lines, json};
use super::names::Names;
use super::refusal::Refusal;
use super::rows::Row;
use super::source::Source;

pub(super) use files::{files, without_files};

/// What may be given.
const HINT: &str = "give target/criterion, a sample.json in it, or what \
    `cargo criterion --message-format=json` prints";

/// The rows of one file or of all of them.
pub(super) struct CriterionRows {
    per: Per,
    /// Operation, ns of a sample and its iterations.
    samples: VecDeque<(u16, f64, f64)>,
    names: Names,
    sequence: Sequence,
}

/// A line: a sample file, or a message of cargo-criterion.
#[derive(Deserialize)]
struct Line {
    // Of a sample file.
    #[serde(default)]
    iters: Option<Vec<f64>>,
    #[serde(default)]
    times: Option<Vec<f64>>,
    // Of a message.
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    iteration_count: Option<Vec<f64>>,
    #[serde(default)]
    measured_values: Option<Vec<f64>>,
    #[serde(default)]
    unit: Option<String>,
}

impl CriterionRows {
    /// Without samples so far. Durations stand for `per` operations.
    pub(super) fn new(per: Per) -> Self {
        Self {
            per,
            samples: VecDeque::new(),
            names: Names::default(),
            sequence: Sequence::default(),
        }
    }

    /// Adds the samples of a file; `name` is the benchmark of a sample file.
    ///
    /// # Errors
    /// Where it has none, which is not left out.
    pub(super) fn add(&mut self, input: impl BufRead, name: &str) -> Result<(), Refusal> {
        let before = self.samples.len();
        let mut lines = Lines::new(input);
        while lines.advance()? {
            let added = self.line(lines.line(), name);
            added.map_err(|refusal| refusal.at(|reason| lines.at_line(reason)))?;
        }
        if self.samples.len() == before {
            return Err(without_sample());
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], name: &str) -> Result<(), Refusal> {
        let line: Line = json(line, "Criterion", HINT)?;
        match (line.iters.zip(line.times), line.reason.as_deref()) {
            (Some((iterations, times)), _) => self.benchmark(name, iterations, times),
            (None, Some("benchmark-complete")) => {
                let unit = line.unit.unwrap_or_default();
                if unit != "ns" {
                    let reason = format!("its values are {unit:?}, and no times in ns");
                    return Err(reason.into());
                }
                let parts = line.id.zip(line.iteration_count.zip(line.measured_values));
                let (id, (iterations, times)) =
                    parts.ok_or("has no id, iteration_count and measured_values")?;
                self.benchmark(&id, iterations, times)
            }
            (None, Some(_)) => Ok(()),
            (None, None) => {
                Err(Refusal::from("has neither iters and times nor a reason").hint(HINT))
            }
        }
    }

    fn benchmark(
        &mut self,
        name: &str,
        iterations: Vec<f64>,
        times: Vec<f64>,
    ) -> Result<(), Refusal> {
        if iterations.len() != times.len() {
            let (a, b) = (iterations.len(), times.len());
            return Err(format!("has {a} numbers of iterations and {b} times").into());
        }
        let operation = self
            .names
            .place(self.per.name(name.to_owned()).as_bytes())?;
        for (number, (iterations, ns)) in (1..).zip(iterations.into_iter().zip(times)) {
            let is_sound = iterations >= 1.0 && iterations.is_finite() && ns >= 0.0;
            if !is_sound {
                return Err(format!("sample {number}: {ns} ns for {iterations} iterations").into());
            }
            self.samples.push_back((operation, ns, iterations));
        }
        Ok(())
    }
}

impl Source for CriterionRows {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        let Some((operation, ns, iterations)) = self.samples.pop_front() else {
            return Ok(None);
        };
        let duration_ns = self.per.duration_of(ns / iterations)?;
        self.sequence.row(operation, duration_ns).map(Some)
    }

    fn names(&self) -> &[String] {
        self.names.as_slice()
    }

    fn without_rows(&self) -> Refusal {
        without_sample()
    }
}

fn without_sample() -> Refusal {
    Refusal::from("has no sample").hint(HINT)
}

#[cfg(test)]
mod tests;
