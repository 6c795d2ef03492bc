//! Results of Go's benchmarks: what `go test -bench` prints, as
//! <https://go.googlesource.com/proposal/+/master/design/14313-benchmark-format.md> defines it. A line with
//! a result is a name, a number of iterations, and pairs of a value and its unit; others are comments,
//! but for `pkg: PATH`.

use std::io::BufRead;

use super::benchmark::{Per, Sequence};
use super::decimal::scaled;
use super::lines::Lines;
use super::names::Names;
use super::refusal::Refusal;
use super::rows::{Row, shown};
use super::source::Source;

/// The unit of the durations.
const UNIT: &[u8] = b"ns/op";
/// The begin of a line with a result.
const BEGIN: &[u8] = b"Benchmark";
/// Begins of lines which show that results are missing: a benchmark, a package and a process that failed.
const FAILED: [&[u8]; 3] = [b"--- FAIL:", b"FAIL\t", b"panic:"];
/// The whole line with which a text ends whose packages did not all pass.
const ALL_FAILED: &[u8] = b"FAIL";

/// The rows of a text.
pub(super) struct GoBenchRows<R> {
    lines: Lines<R>,
    results: Results,
}

/// What the lines before tell about the next one.
struct Results {
    per: Per,
    package: String,
    names: Names,
    sequence: Sequence,
}

impl<R: BufRead> GoBenchRows<R> {
    /// Of a text, whose durations stand for `per` operations.
    pub(super) fn new(input: R, per: Per) -> Self {
        Self {
            lines: Lines::new(input),
            results: Results {
                per,
                package: String::new(),
                names: Names::default(),
                sequence: Sequence::default(),
            },
        }
    }
}

impl Results {
    /// The row of the next line; `None` if it has no result.
    fn row(&mut self, line: &[u8]) -> Result<Option<Row>, Refusal> {
        if let Some(package) = line.strip_prefix(b"pkg:") {
            let package = std::str::from_utf8(package.trim_ascii());
            package
                .map_err(|_| "the package is not UTF-8")?
                .clone_into(&mut self.package);
            return Ok(None);
        }
        if line == ALL_FAILED || FAILED.iter().any(|begin| line.starts_with(begin)) {
            let refusal = Refusal::from(format!("{} shows that results are missing", shown(line)));
            return Err(refusal.hint("run the benchmarks until they pass, or remove this line"));
        }
        if !line.starts_with(BEGIN) {
            return Ok(None);
        }
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let (name, Some(iterations)) = (words.next().unwrap_or_default(), words.next()) else {
            // The name of one that begins, of `go test -v`.
            return Ok(None);
        };
        if scaled(iterations, 0).is_err() {
            // Something that the benchmark itself printed.
            return Ok(None);
        }
        let mut duration = None;
        while let Some(value) = words.next() {
            let Some(unit) = words.next() else {
                return Err(format!("{} has no unit", shown(value)).into());
            };
            if unit == UNIT && duration.replace(value).is_some() {
                return Err("has two values in ns/op".into());
            }
        }
        let Some(duration) = duration else {
            let refusal = Refusal::from(format!("{} has no value in ns/op", shown(name)));
            return Err(refusal.hint("a benchmark without it has no duration: remove its lines"));
        };
        let duration_ns = self.per.duration(duration, 0)?;
        let name = std::str::from_utf8(name).map_err(|_| "the name is not UTF-8")?;
        let name = match self.package.as_str() {
            "" => name.to_owned(),
            package => format!("{package}.{name}"),
        };
        let operation = self.names.place(self.per.name(name).as_bytes())?;
        let row = self.sequence.row(operation, duration_ns)?;
        Ok(Some(row))
    }
}

impl<R: BufRead> Source for GoBenchRows<R> {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        self.lines.row(|line| self.results.row(line))
    }

    fn names(&self) -> &[String] {
        self.results.names.as_slice()
    }

    fn without_rows(&self) -> Refusal {
        Refusal::from("has no result of a benchmark")
            .hint("`go test -bench . -count 200 > FILE` writes such a file")
    }
}

#[cfg(test)]
mod tests;
