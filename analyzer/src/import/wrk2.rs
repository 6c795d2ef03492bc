//! The latencies of wrk2: what `wrk2 -L` prints, with the detailed percentile spectrum of HdrHistogram
//! (`hdr_percentiles_print` in <https://github.com/giltene/wrk2>). A line has a latency in ms, a percentile,
//! and the number of requests up to there; so a request has the latency of the line that counts it.

use std::io::BufRead;

use super::decimal::scaled;
use super::lines::Lines;
use super::mapping::Operation;
use super::names::Names;
use super::refusal::Refusal;
use super::rows::{Row, shown};
use super::source::{KnownTimes, Source};
use super::spread::Spread;
use crate::units::duration_ns;

/// The most lines of a spectrum; wrk2 writes some hundred.
const MOST_LINES: usize = 100_000;
/// The operation where the text has no URL.
const OPERATION: &str = "operation";
/// Values are milliseconds.
const POWER: u32 = 6;
const SECOND_NS: u64 = 1_000_000_000;

/// The rows of a spectrum.
pub(super) struct Wrk2Rows {
    spread: Spread,
    names: Names,
    /// Whether the text has the time that its requests took.
    has_length: bool,
}

/// What was read so far.
#[derive(Default)]
struct Text {
    url: Option<String>,
    /// The length that was asked for, and how many requests there were in which time.
    planned_ns: Option<u64>,
    finished: Option<(u64, u64)>,
    spectrum: Spectrum,
    /// Latency in ns and the number of requests with it.
    buckets: Vec<(u64, u64)>,
    last: (u64, u64),
}

/// Which part of the first spectrum comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Spectrum {
    #[default]
    Before,
    Within,
    /// Its figures, which end with the number of requests.
    Figures,
    After,
}

impl Wrk2Rows {
    /// Of a text. The operation is its URL, or one name.
    ///
    /// # Errors
    /// Where it has no spectrum, or one that is none.
    pub(super) fn new(input: impl BufRead, operation: Option<&Operation>) -> Result<Self, Refusal> {
        let mut lines = Lines::new(input);
        let mut text = Text::default();
        while lines.advance()? {
            let read = text.read(lines.line());
            read.map_err(|refusal| refusal.at(|reason| lines.at_line(reason)))?;
        }
        if text.spectrum == Spectrum::Before {
            let refusal = Refusal::from("has no detailed percentile spectrum");
            return Err(refusal.hint("wrk2 -L prints it (--latency)"));
        }
        if text.spectrum != Spectrum::After || text.url.is_some() && text.finished.is_none() {
            let refusal = Refusal::from("is cut off");
            return Err(refusal.hint("the text ends with the requests per second of wrk2"));
        }
        let name = match operation {
            Some(Operation::Name(name)) => name.as_str(),
            Some(Operation::Column(_)) => {
                return Err(Refusal::from("has one operation").hint("--operation =NAME names it"));
            }
            None => text.url.as_deref().unwrap_or(OPERATION),
        };
        let mut names = Names::default();
        let operation = names.place(name.as_bytes())?;
        let (length_ns, has_length) = (text.length_ns(), text.finished.is_some());
        let spread = Spread::new(text.buckets, 0, length_ns, operation)?;
        Ok(Self {
            spread,
            names,
            has_length,
        })
    }
}

impl Text {
    /// The time of the requests of the spectrum, ns. In the first 10 s, and longer with many connections,
    /// wrk2 sends requests that it does not record: so the recorded ones have their share of the time
    /// of all, which leaves the rate as it was.
    fn length_ns(&self) -> u64 {
        let Some((requests, length_ns)) = self.finished else {
            return self.planned_ns.unwrap_or(SECOND_NS);
        };
        let recorded = u128::from(self.last.1.min(requests));
        let share = u128::from(length_ns) * recorded / u128::from(requests.max(1));
        u64::try_from(share).unwrap_or(length_ns)
    }

    fn read(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let words: Vec<&[u8]> = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .take(7)
            .collect();
        match (words.as_slice(), self.spectrum) {
            ([b"Running", length, b"test", b"@", url], _) => {
                self.planned_ns = time(length);
                self.url = Some(String::from_utf8_lossy(url).into_owned());
            }
            ([requests, b"requests", b"in", length, ..], _) => {
                let length = length.strip_suffix(b",").unwrap_or(length);
                self.finished = scaled(requests, 0).ok().zip(time(length));
            }
            ([b"Value", b"Percentile", b"TotalCount", ..], Spectrum::Before) => {
                self.spectrum = Spectrum::Within;
            }
            (
                [b"#[Max", _, _, b"Total", b"count", _, count],
                Spectrum::Within | Spectrum::Figures,
            ) => {
                let count = count.strip_suffix(b"]").unwrap_or(count);
                let all = scaled(count, 0);
                let all = all.map_err(|error| format!("the count {} {error}", shown(count)))?;
                if all != self.last.1 {
                    let found = self.last.1;
                    return Err(format!("has {all} requests and {found} in its spectrum").into());
                }
                self.spectrum = Spectrum::After;
            }
            ([first, ..], Spectrum::Within) if first.starts_with(b"#[") => {
                self.spectrum = Spectrum::Figures;
            }
            ([value, _, count, ..], Spectrum::Within) => self.add(value, count)?,
            (_, Spectrum::Within) => return Err("is no line of a spectrum".into()),
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, value: &[u8], count: &[u8]) -> Result<(), Refusal> {
        let number = |word: &[u8], power, what| {
            let number = scaled(word, power);
            number.map_err(|error| Refusal::from(format!("the {what} {} {error}", shown(word))))
        };
        let ns = number(value, POWER, "latency")?;
        let count = number(count, 0, "count")?;
        if ns < self.last.0 || count < self.last.1 {
            return Err("is below the line before".into());
        }
        if self.buckets.len() == MOST_LINES {
            return Err("is one line of a spectrum more than 100,000".into());
        }
        self.buckets.push((ns, count - self.last.1));
        self.last = (ns, count);
        Ok(())
    }
}

/// A time of wrk2, such as `30s`, `2m` or `1.50ms`, ns.
fn time(text: &[u8]) -> Option<u64> {
    let ns = duration_ns(std::str::from_utf8(text).ok()?)?;
    u64::try_from(ns).ok()
}

impl Source for Wrk2Rows {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        Ok(self.spread.next())
    }

    fn names(&self) -> &[String] {
        self.names.as_slice()
    }

    fn times(&self) -> KnownTimes {
        match self.has_length {
            true => KnownTimes::Intervals(1),
            false => KnownTimes::Nothing,
        }
    }

    fn without_rows(&self) -> Refusal {
        "has no request in its spectrum".into()
    }
}

#[cfg(test)]
mod tests;
