//! The durations of whole recordings, for spectrum and ECDF.

use super::heatmap::buckets;
use super::shown::Shown;
use crate::chart::{Distribution, Ecdf, OperationDistributions, Spectrum};
use crate::figures::Reading;

/// The percentile spectrum of recordings that were read as a whole.
pub fn spectrum(readings: &[Reading], shown: &Shown) -> Spectrum {
    Spectrum {
        recordings: names(readings),
        operations: operations(readings, shown),
        left_out: shown.left_out,
    }
}

/// The distribution of the same.
pub fn ecdf(readings: &[Reading], shown: &Shown) -> Ecdf {
    Ecdf {
        recordings: names(readings),
        operations: operations(readings, shown),
        left_out: shown.left_out,
    }
}

/// The names of the recordings; equal ones have their number.
fn names(readings: &[Reading]) -> Vec<String> {
    let names: Vec<String> = readings.iter().map(|one| one.recording.name()).collect();
    let is_twice = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    let numbered = names.iter().enumerate();
    numbered
        .map(|(index, name)| match is_twice(name) {
            true => format!("{name} ({})", index + 1),
            false => name.clone(),
        })
        .collect()
}

fn operations(readings: &[Reading], shown: &Shown) -> Vec<OperationDistributions> {
    let recordings = names(readings);
    let operations = shown.operations.iter().map(|name| {
        let sides = readings.iter().zip(&recordings).enumerate();
        let sides = sides.filter_map(|(number, (reading, recording))| {
            let totals = reading.totals.iter().find(|one| one.operation == *name)?;
            let of_finished = totals.finished_durations.is_some();
            let durations = match &totals.finished_durations {
                Some(durations) => buckets(durations),
                None => buckets(&totals.whole.histogram()),
            };
            let distribution = Distribution {
                recording: recording.clone(),
                buckets: durations,
                of_finished,
            };
            Some((number, distribution))
        });
        OperationDistributions {
            name: name.clone(),
            sides: sides.collect(),
        }
    });
    operations.collect()
}
