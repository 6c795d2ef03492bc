//! Logs of HdrHistogram: a histogram per line with the begin and the length of its interval, and
//! possibly a tag. `HistogramLogWriter` of <https://github.com/HdrHistogram/HdrHistogram> defines them
//! (format versions 1.2 and 1.3), and its reader how the begin is meant.

use std::io::BufRead;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::decimal::scaled;
use super::lines::Lines;
use super::mapping::{Operation, Unit};
use super::names::Names;
use super::refusal::Refusal;
use super::rows::{Row, shown};
use super::source::{KnownTimes, Source};
use super::spread::Spread;
use crate::hdr_histogram::{Bucket, buckets};

/// The operation of lines without a tag.
const UNTAGGED: &str = "operation";
/// Begins that are earlier than the start of the log by more than this are relative to it, as in the
/// reader of HdrHistogram, s.
const RELATIVE_NS: u64 = 365 * 86_400 * 1_000_000_000;

/// What a log is.
const HINT: &str =
    "a log of HdrHistogram has a line per interval: [Tag=NAME,]begin,length,max,HIST…";
/// How the text of a histogram of numbers with a point begins.
const DOUBLE: &[u8] = b"DHIST";

/// The rows of a log.
pub(super) struct HdrRows<R> {
    lines: Lines<R>,
    unit: Unit,
    names: Names,
    /// The name of all operations, if it is given.
    name: Option<String>,
    start_ns: Option<u64>,
    base_ns: Option<u64>,
    spread: Option<Spread>,
    /// Intervals that begin later than all before them, and when the last one does, ns: several may be
    /// of the same time, each with a tag.
    intervals: u64,
    latest_ns: Option<u64>,
}

/// A line with a histogram.
struct Interval<'a> {
    tag: Option<&'a [u8]>,
    /// ns.
    begin: u64,
    length: u64,
    histogram: &'a [u8],
}

impl<R: BufRead> HdrRows<R> {
    /// Of a log whose values have this unit. The operations are the tags, or have one name.
    ///
    /// # Errors
    /// Where `operation` is no name.
    pub(super) fn new(
        input: R,
        unit: Unit,
        operation: Option<&Operation>,
    ) -> Result<Self, Refusal> {
        let name = match operation {
            None => None,
            Some(Operation::Name(name)) => Some(name.clone()),
            Some(Operation::Column(_)) => {
                let refusal = Refusal::from("has its operations in its tags");
                return Err(refusal.hint("--operation =NAME gives all one name"));
            }
        };
        Ok(Self {
            lines: Lines::new(input),
            unit,
            names: Names::default(),
            name,
            start_ns: None,
            base_ns: None,
            spread: None,
            intervals: 0,
            latest_ns: None,
        })
    }

    /// Reads a line; an interval becomes the rows that are given next.
    fn read(&mut self) -> Result<(), Refusal> {
        let line = self.lines.line();
        if let Some(comment) = line.strip_prefix(b"#") {
            if let Some(at_ns) = header(comment, b"[StartTime: ")? {
                self.start_ns = Some(at_ns);
            } else if let Some(at_ns) = header(comment, b"[BaseTime: ")? {
                self.base_ns = Some(at_ns);
            }
            return Ok(());
        }
        if line.starts_with(b"\"StartTimestamp\"") {
            return Ok(());
        }
        let interval = Interval::of(line).map_err(|refusal| refusal.hint(HINT))?;
        if interval.histogram.starts_with(DOUBLE) {
            let refusal = Refusal::from("the histogram is a DoubleHistogram, which has fractions");
            return Err(refusal.hint("log a Histogram of whole numbers, such as nanoseconds"));
        }
        let tag = interval.tag.unwrap_or(UNTAGGED.as_bytes());
        let name = self.name.as_ref().map_or(tag, |name| name.as_bytes());
        let operation = self.names.place(name)?;
        let start_ns = *self.start_ns.get_or_insert(interval.begin);
        let base_ns = self.base_ns.unwrap_or({
            let is_relative = interval.begin < start_ns.saturating_sub(RELATIVE_NS);
            if is_relative { start_ns } else { 0 }
        });
        let bytes = STANDARD.decode(interval.histogram);
        let bytes = bytes.map_err(|_| "the histogram is no base64")?;
        let found = buckets(&bytes).map_err(|reason| format!("the histogram {reason}"))?;
        let factor = 10u64.pow(self.unit.power());
        let in_ns = |bucket: Bucket| {
            let ns = bucket.middle.checked_mul(factor);
            let ns = ns.filter(|ns| i64::try_from(*ns).is_ok());
            let ns = ns.ok_or("the histogram has durations above 292 years")?;
            Ok((ns, bucket.count))
        };
        let found: Result<Vec<_>, Refusal> = found.into_iter().map(in_ns).collect();
        let begin_ns = base_ns.saturating_add(interval.begin);
        if self.latest_ns < Some(begin_ns) {
            self.latest_ns = Some(begin_ns);
            self.intervals += 1;
        }
        self.spread = Some(Spread::new(found?, begin_ns, interval.length, operation)?);
        Ok(())
    }
}

impl<R: BufRead> Source for HdrRows<R> {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        loop {
            if let Some(row) = self.spread.as_mut().and_then(Spread::next) {
                return Ok(Some(row));
            }
            if !self.lines.advance()? {
                return Ok(None);
            }
            let read = self.read();
            read.map_err(|refusal| refusal.at(|reason| self.lines.at_line(reason)))?;
        }
    }

    fn names(&self) -> &[String] {
        self.names.as_slice()
    }

    fn times(&self) -> KnownTimes {
        KnownTimes::Intervals(self.intervals)
    }

    fn without_rows(&self) -> Refusal {
        Refusal::from("has no values").hint(HINT)
    }
}

impl<'a> Interval<'a> {
    fn of(line: &'a [u8]) -> Result<Self, Refusal> {
        let mut cells = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let mut cell = || cells.next().ok_or("has fewer cells than an interval");
        let mut first = cell()?;
        let tag = first.strip_prefix(b"Tag=");
        if tag.is_some() {
            first = cell()?;
        }
        let begin = seconds(first, "begin")?;
        let length = seconds(cell()?, "length")?;
        // The largest value, which the histogram has too.
        cell()?;
        let histogram = cell()?;
        match cells.next() {
            Some(_) => Err("has more cells than an interval".into()),
            None => Ok(Self {
                tag,
                begin,
                length,
                histogram,
            }),
        }
    }
}

/// The time of a comment such as `#[StartTime: 1441812279.474 (seconds since epoch), …]`.
fn header(comment: &[u8], name: &[u8]) -> Result<Option<u64>, Refusal> {
    let Some(rest) = comment.strip_prefix(name) else {
        return Ok(None);
    };
    let number = rest.split(|byte| *byte == b' ').next();
    seconds(number.unwrap_or_default(), "time").map(Some)
}

/// A number of seconds in ns.
fn seconds(cell: &[u8], what: &str) -> Result<u64, Refusal> {
    scaled(cell, 9).map_err(|error| format!("the {what} {} {error}", shown(cell)).into())
}

#[cfg(test)]
mod tests;
