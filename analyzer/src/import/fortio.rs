//! The result of Fortio: `fortio load -json FILE`, one JSON object with a histogram of all durations in
//! seconds (`DurationHistogram`), when the run began (`StartTime`) and its length in ns
//! (`ActualDuration`), as <https://github.com/fortio/fortio> defines in `periodic` and `stats`.

use std::io::BufRead;

use serde::Deserialize;

use super::decimal::scaled;
use super::lines::json;
use super::mapping::{Operation, TimeForm};
use super::names::Names;
use super::refusal::Refusal;
use super::rows::{Row, time};
use super::source::{KnownTimes, Source};
use super::spread::Spread;
use super::whole::whole;

/// How such a file is written.
const HINT: &str = "`fortio load -json FILE URL` writes one";
/// The longest file. A result has some hundred buckets.
const LONGEST: u64 = 4 << 20;
/// The name of the operation where the result has none.
const OPERATION: &str = "operation";

/// The rows of a result of Fortio.
#[derive(Debug)]
pub(super) struct FortioRows {
    spread: Spread,
    names: Names,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(default)]
    labels: String,
    start_time: String,
    actual_duration: u64,
    duration_histogram: Histogram,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Histogram {
    count: u64,
    data: Vec<Bucket>,
}

/// A range of durations, s.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Bucket {
    start: f64,
    end: f64,
    count: u64,
}

impl FortioRows {
    /// Of one JSON object. The operation is Fortio's `Labels`, or one name.
    ///
    /// # Errors
    /// Where it is none of Fortio's.
    pub(super) fn new(input: impl BufRead, operation: Option<&Operation>) -> Result<Self, Refusal> {
        let text = whole(input, LONGEST)?;
        let document: Document = json(&text, "fortio load", HINT)?;
        let name = match operation {
            Some(Operation::Name(name)) => name.as_str(),
            Some(Operation::Column(_)) => {
                return Err(Refusal::from("has one operation").hint("--operation =NAME names it"));
            }
            None => match document.labels.trim() {
                "" => OPERATION,
                labels => labels,
            },
        };
        let mut names = Names::default();
        let operation = names.place(name.as_bytes())?;
        let histogram = document.duration_histogram;
        let buckets: Result<Vec<_>, Refusal> = (1..).zip(&histogram.data).map(middle).collect();
        let buckets = buckets?;
        let found = buckets
            .iter()
            .fold(0u64, |sum, (_, count)| sum.saturating_add(*count));
        if found != histogram.count {
            let reason = format!(
                "has {} durations and {found} in its buckets",
                histogram.count
            );
            return Err(reason.into());
        }
        let begin_ns = time(document.start_time.as_bytes(), TimeForm::Rfc3339)?;
        let spread = Spread::new(buckets, begin_ns, document.actual_duration, operation)?;
        Ok(Self { spread, names })
    }
}

/// The middle of a bucket, ns, and its count.
fn middle((number, bucket): (usize, &Bucket)) -> Result<(u64, u64), Refusal> {
    let refused = |reason: &str| Refusal::from(format!("bucket {number}: {reason}"));
    if bucket.start > bucket.end {
        return Err(refused("ends before its start"));
    }
    let middle = bucket.start + (bucket.end - bucket.start) / 2.0;
    let middle = scaled(middle.to_string().as_bytes(), 9);
    let middle = middle.map_err(|error| refused(&format!("its duration {error}")))?;
    Ok((middle, bucket.count))
}

impl Source for FortioRows {
    fn next(&mut self) -> Result<Option<Row>, Refusal> {
        Ok(self.spread.next())
    }

    fn names(&self) -> &[String] {
        self.names.as_slice()
    }

    fn times(&self) -> KnownTimes {
        KnownTimes::Intervals(1)
    }

    fn without_rows(&self) -> Refusal {
        "has no durations".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RESULT: &str = r#"{"RunType": "HTTP", "Labels": "host , edge", "StartTime": "2026-11-24T08:00:00.5Z",
 "RequestedQPS": "8", "ActualDuration": 1000000000,
 "DurationHistogram": {"Count": 4, "Min": 0.001, "Max": 0.0035, "Sum": 0.009, "Avg": 0.00225, "StdDev": 0.0008,
  "Data": [{"Start": 0.001, "End": 0.002, "Percent": 50, "Count": 2}, {"Start": 0.002, "End": 0.003, "Percent": 75, "Count": 1},
           {"Start": 0.003, "End": 0.0035, "Percent": 100, "Count": 1}],
  "Percentiles": [{"Percentile": 50, "Value": 0.002}]}, "Exactly": 0}
"#;

    fn all(text: &[u8]) -> Result<Vec<Row>, Refusal> {
        let mut source = FortioRows::new(text, None)?;
        assert_eq!(source.names().len(), 1);
        let mut rows = Vec::new();
        while let Some(row) = source.next()? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn each_duration_is_a_row_in_the_middle_of_its_bucket() {
        let rows = all(RESULT.as_bytes()).unwrap();
        let mut durations: Vec<u64> = rows.iter().map(|row| row.duration_ns).collect();
        durations.sort_unstable();
        assert_eq!(durations, [1_500_000, 1_500_000, 2_500_000, 3_250_000]);
        let times = rows
            .iter()
            .map(|row| row.finished_at_ns - 1_795_507_200_000_000_000);
        let expected = [750_000_000, 1_000_000_000, 1_250_000_000, 1_500_000_000];
        assert_eq!(times.collect::<Vec<_>>(), expected);
        let name = |operation: &str| {
            let operation = operation.parse().unwrap();
            let rows = FortioRows::new(RESULT.as_bytes(), Some(&operation));
            rows.map(|rows| rows.names().to_vec())
        };
        assert_eq!(name("=x").unwrap(), ["x"]);
        assert!(name("x").is_err());
        let rows = FortioRows::new(RESULT.as_bytes(), None).unwrap();
        assert_eq!(rows.names(), ["host , edge"]);
    }

    #[test]
    fn what_is_no_result_is_refused() {
        for (from, to, expected) in [
            ("", "", "is no JSON of fortio load (EOF"),
            (
                "\"Count\": 4",
                "\"Count\": 5",
                "has 5 durations and 4 in its buckets",
            ),
            (
                "0.0035, \"Percent\"",
                "0.0001, \"Percent\"",
                "bucket 3: ends before its start",
            ),
            (
                "\"Start\": 0.001",
                "\"Start\": -1",
                "bucket 1: its duration is negative",
            ),
            (
                "2026-11-24",
                "1066-11-24",
                "\"1066-11-24T08:00:00.5Z\" is no time",
            ),
            (
                "\"Count\": 2}",
                "\"Count\": -2}",
                "is no JSON of fortio load (invalid value",
            ),
        ] {
            let text = match from {
                "" => RESULT[..300].to_owned(),
                from => RESULT.replace(from, to),
            };
            let found = all(text.as_bytes()).unwrap_err().reason;
            assert!(found.starts_with(expected), "{found}\n{expected}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0usize..600, byte: u8, end in 0usize..700) {
            let mut bytes = RESULT.as_bytes().to_vec();
            let last = bytes.len() - 1;
            bytes[at.min(last)] = byte;
            bytes.truncate(end);
            if let Ok(mut source) = FortioRows::new(&bytes[..], None) {
                for _ in 0..10 {
                    let _ = source.next();
                }
            }
        }
    }
}
