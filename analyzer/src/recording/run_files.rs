//! The files of each run of a recording, so that a recording of many runs is looked through once.

use std::collections::BTreeMap;

use soakbox_schemas::recording::Provenance;
use soakbox_schemas::recording::footer::EVEN;
use soakbox_schemas::tables::Table;

use super::{Journal, Recording, Segment, TimeRange};

/// The files of one run, in the order of the recording.
#[derive(Clone, Debug, Default)]
pub struct RunFiles<'a> {
    /// Sealed ones.
    pub segments: Vec<&'a Segment>,
    /// Those that are not sealed.
    pub journals: Vec<&'a Journal>,
}

impl Recording {
    /// The files by recorder.
    pub fn runs(&self) -> BTreeMap<&str, RunFiles<'_>> {
        let mut runs: BTreeMap<&str, RunFiles<'_>> = BTreeMap::new();
        for segment in &self.segments {
            let run = runs.entry(&segment.origin.recorder).or_default();
            run.segments.push(segment);
        }
        for journal in &self.journals {
            let run = runs.entry(&journal.origin.recorder).or_default();
            run.journals.push(journal);
        }
        runs
    }
}

impl<'a> RunFiles<'a> {
    /// Segments of one table.
    pub fn segments(&self, table: Table) -> impl Iterator<Item = &'a Segment> {
        let segments = self.segments.iter().copied();
        segments.filter(move |segment| segment.table == table)
    }

    /// Journals of one table.
    pub fn journals(&self, table: Table) -> impl Iterator<Item = &'a Journal> {
        let journals = self.journals.iter().copied();
        journals.filter(move |journal| journal.table == table)
    }

    /// From the first to the last row of a table; `None` without rows.
    pub fn range_of(&self, table: Table) -> Option<TimeRange> {
        let segments = self.segments(table).filter_map(|segment| segment.range);
        let journals = self.journals(table).filter_map(|journal| journal.range);
        segments.chain(journals).reduce(TimeRange::union)
    }

    /// Who recorded it, from any of its files.
    pub fn provenance(&self) -> Option<&'a Provenance> {
        let segments = self.segments.iter().map(|segment| segment.provenance());
        let journals = self.journals.iter();
        let journals = journals.filter_map(|journal| Some(&journal.footer.as_ref()?.provenance));
        segments.chain(journals).next()
    }

    /// Of an import that made up times: the intervals of which begin and end are known, 0 where none is.
    pub fn known_intervals(&self) -> Option<u64> {
        let segments = self.segments.iter().map(|segment| segment.provenance());
        let of_files = segments.filter_map(|one| Some((one.times.as_deref()?, one.time_intervals)));
        let known = of_files.map(|(times, intervals)| match times {
            EVEN => intervals.unwrap_or(1),
            _ => 0,
        });
        known.max()
    }

    /// Whether the rows are another program's, of which no recorder observed a start.
    pub fn is_import(&self) -> bool {
        let mut segments = self.segments.iter();
        segments.any(|segment| segment.provenance().is_import())
    }
}
