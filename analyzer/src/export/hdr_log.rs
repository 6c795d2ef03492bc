//! A log of HdrHistogram, version 1.3: a histogram of durations in ns per operation and interval. The
//! operation is the tag. Rows come in the order of time, so that one interval is in memory.

use std::collections::BTreeMap;
use std::fmt::Write;

use arrow::array::RecordBatch;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use soakbox_cli::{Failure, Result};

use super::columns::{Columns, amount, number, text};
use crate::hdr_histogram::Histogram;

/// What the largest value of a line is divided by, as in other logs of nanoseconds.
const IN_MILLISECONDS: f64 = 1e6;
const SECOND_NS: f64 = 1e9;

/// Writes the log.
pub struct HdrLog {
    every_ns: i64,
    /// The number of the interval, since 1970.
    interval: Option<i64>,
    /// By operation.
    histograms: BTreeMap<String, Histogram>,
    /// The names that a tag cannot have.
    renamed: BTreeMap<String, String>,
    rows: u64,
}

impl HdrLog {
    /// With intervals of this length, without rows so far.
    pub fn new(every_ns: u64) -> Self {
        Self {
            every_ns: i64::try_from(every_ns).unwrap_or(i64::MAX).max(1),
            interval: None,
            histograms: BTreeMap::new(),
            renamed: BTreeMap::new(),
            rows: 0,
        }
    }

    /// Appends rows, which come in the order of time.
    ///
    /// # Errors
    /// Where the columns are not those of the query.
    pub fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = Columns(batch);
        let (at, durations) = (columns.numbers("at_ns")?, columns.numbers("duration_ns")?);
        let weights = columns.numbers("sample_weight")?;
        let operations = columns.texts("operation")?;
        for row in 0..at.len() {
            let at_ns = number(&at, row).unwrap_or_default();
            let interval = at_ns.div_euclid(self.every_ns);
            if self.interval != Some(interval) {
                self.flush(out)?;
                self.interval = Some(interval);
            }
            self.rows += 1;
            let operation = text(&operations, row);
            let value = amount(&durations, row).unwrap_or_default();
            let weight = amount(&weights, row).unwrap_or(1);
            if let Some(known) = self.histograms.get_mut(operation) {
                known.add(value, weight);
                continue;
            }
            let mut histogram = new_histogram()?;
            histogram.add(value, weight);
            self.histograms.insert(operation.to_owned(), histogram);
        }
        Ok(())
    }

    /// Appends what was held back.
    ///
    /// # Errors
    /// Where a histogram cannot be encoded.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.interval.is_none() {
            head(0, out);
        }
        self.flush(out)
    }

    /// Rows so far.
    pub fn count(&self) -> u64 {
        self.rows
    }

    /// Names of operations that a tag cannot have, each with its tag.
    pub fn renamed(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.renamed.iter();
        let all = all.filter(|(name, tag)| name != tag);
        all.map(|(name, tag)| (name.as_str(), tag.as_str()))
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let Some(interval) = self.interval else {
            return Ok(());
        };
        let begin_ns = interval.saturating_mul(self.every_ns);
        if self.renamed.is_empty() {
            head(begin_ns, out);
        }
        let histograms = std::mem::take(&mut self.histograms);
        for (operation, histogram) in &histograms {
            let known = self.renamed.entry(operation.clone());
            let tag = known.or_insert_with(|| tag(operation));
            let bytes = histogram.encode();
            let bytes = bytes.map_err(|error| Failure::new("histogram", error))?;
            let line = format!(
                "Tag={tag},{:.3},{:.3},{:.3},{}\n",
                begin_ns as f64 / SECOND_NS,
                self.every_ns as f64 / SECOND_NS,
                histogram.largest() as f64 / IN_MILLISECONDS,
                STANDARD.encode(bytes),
            );
            out.extend(line.as_bytes());
        }
        Ok(())
    }
}

fn new_histogram() -> Result<Histogram> {
    Histogram::new().map_err(|reason| Failure::new("histogram", reason))
}

/// The lines before the first histogram. Begins are seconds since 1970, which every reader takes where
/// there is no base time.
fn head(begin_ns: i64, out: &mut Vec<u8>) {
    let text = format!(
        "#[Durations of operations in ns, exported by Soakbox {}]\n\
         #[Histogram log format version 1.3]\n\
         #[StartTime: {:.3} (seconds since epoch), exported]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        env!("CARGO_PKG_VERSION"),
        begin_ns as f64 / SECOND_NS,
    );
    out.extend(text.as_bytes());
}

/// The name as a tag, which has no comma, space or end of a line: these and `%` as `%2C`.
fn tag(name: &str) -> String {
    let mut tag = String::with_capacity(name.len());
    for letter in name.chars() {
        let is_plain =
            !matches!(letter, ',' | '%') && !letter.is_whitespace() && !letter.is_control();
        if is_plain {
            tag.push(letter);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in letter.encode_utf8(&mut bytes).bytes() {
            let _ = write!(tag, "%{byte:02X}");
        }
    }
    match tag.is_empty() {
        true => "%".to_owned(),
        false => tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_nothing_that_ends_it() {
        assert_eq!(tag("get"), "get");
        assert_eq!(tag("a,b c\n%é=\"\u{1b}"), "a%2Cb%20c%0A%25é=\"%1B");
        assert_eq!(tag("\u{2028}"), "%E2%80%A8");
        assert_eq!(tag(""), "%");
    }
}
