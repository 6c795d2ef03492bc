//! What happens when the disk is full, or less than the reserve is free: the recording ends, the
//! oldest sealed segments are deleted, or rows are lost until there is room again. Lost rows are
//! counted, and their time is a gap. What is sealed or in a journal stays.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use soakbox_schemas::tables::{Annotation, AnnotationKind, Table};

use crate::clock::ClockPair;
use crate::message;
use crate::plan::{Room, WhenFull};
use crate::sample::Rows;
use crate::segment::{RecordingWriter, SegmentError, Summary};

/// Free bytes beyond the reserve at which a pause ends: room for some seconds, so that a pause does
/// not end and begin with each file that somebody else removes.
const RESUME_BYTES: u64 = 4 << 20;
/// The cause of the gap.
const CAUSE: &str = "disk full";

/// Writes rows as long as there is room.
pub(super) struct DiskRoom {
    room: Room,
    /// The moment up to which all rows are durable.
    durable: ClockPair,
    pause: Option<Pause>,
}

/// A time in which rows are lost.
struct Pause {
    /// When it began, or the time of the earliest row that was lost, ns UTC.
    from_ns: i64,
    lost: BTreeMap<Table, u64>,
}

impl DiskRoom {
    pub(super) fn new(room: Room, now: ClockPair) -> Self {
        Self {
            room,
            durable: now,
            pause: None,
        }
    }

    /// Writes rows, or counts them as lost. Returns whether they are written.
    ///
    /// # Errors
    /// Where they cannot be written for another reason, or the recording is to end when the disk is
    /// full.
    pub(super) fn append(
        &mut self,
        writer: &mut RecordingWriter,
        Rows(table, batch): &Rows,
        now: ClockPair,
    ) -> Result<bool> {
        if self.pause.is_none() {
            match self.try_append(writer, *table, batch, now) {
                Ok(()) => return Ok(true),
                Err(error) => self.full(error, now)?,
            }
        }
        if let Some(pause) = &mut self.pause {
            *pause.lost.entry(*table).or_default() += batch.num_rows() as u64;
            let mut rows = Summary::default();
            rows.add(batch);
            pause.from_ns = pause.from_ns.min(rows.first_at_ns);
        }
        Ok(false)
    }

    fn try_append(
        &self,
        writer: &mut RecordingWriter,
        table: Table,
        batch: &arrow::array::RecordBatch,
        now: ClockPair,
    ) -> Result<(), SegmentError> {
        let appended = writer.append(table, batch, now);
        match appended {
            Err(error) if error.is_disk_full() && self.makes_room(writer)? => {
                writer.append(table, batch, now)
            }
            appended => appended,
        }
    }

    /// Deletes the oldest segments where that is asked for; returns whether there is room then.
    fn makes_room(&self, writer: &RecordingWriter) -> Result<bool, SegmentError> {
        if self.room.when_full != WhenFull::DropOldest {
            return Ok(false);
        }
        let wanted = self.room.keep_free.saturating_add(RESUME_BYTES);
        match writer.make_room(wanted) {
            // What is deleted cannot even be counted.
            Err(error) if error.is_disk_full() => Ok(false),
            made => made,
        }
    }

    /// Begins a pause, unless the recording is to end.
    fn full(&mut self, error: SegmentError, now: ClockPair) -> Result<()> {
        if self.room.when_full == WhenFull::Stop || !error.is_disk_full() {
            return Err(error.into());
        }
        self.begin_pause(&error.to_string(), now);
        Ok(())
    }

    fn begin_pause(&mut self, reason: &str, since: ClockPair) {
        if self.pause.is_none() {
            message::line(format_args!(
                "warning: {reason}; the recording is paused, and rows are lost until there is room"
            ));
            let lost = BTreeMap::new();
            self.pause = Some(Pause {
                from_ns: since.utc_ns,
                lost,
            });
        }
    }

    /// Whether rows are lost at the moment.
    pub(super) fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// Makes all rows durable, and looks for room. Call it in each flush interval.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(super) fn flush(&mut self, writer: &mut RecordingWriter, now: ClockPair) -> Result<()> {
        match writer.flush() {
            Ok(()) => self.durable = now,
            // It is not known which rows since the last flush are durable.
            Err(error) => self.full(error, self.durable)?,
        }
        if self.pause.is_some() {
            self.resume(writer, now);
        } else if self.room.keep_free > 0 {
            self.check_reserve(writer, now)?;
        }
        Ok(())
    }

    fn check_reserve(&mut self, writer: &RecordingWriter, now: ClockPair) -> Result<()> {
        let keep_free = self.room.keep_free;
        let free = writer.free_bytes()?;
        if free >= keep_free || self.makes_room(writer)? {
            return Ok(());
        }
        let reason = format!(
            "{free} bytes are free for {}, and --keep-free is {keep_free}",
            writer.root().display()
        );
        if self.room.when_full == WhenFull::Stop {
            bail!("{reason}; hint: make room, or choose --when-disk-full pause or drop-oldest");
        }
        self.begin_pause(&reason, now);
        Ok(())
    }

    /// Ends a pause where there is room again. The gap is written first: where it cannot be, the
    /// pause lasts on.
    fn resume(&mut self, writer: &mut RecordingWriter, now: ClockPair) {
        let wanted = self.room.keep_free.saturating_add(RESUME_BYTES);
        let has_room = writer.free_bytes().is_ok_and(|free| free >= wanted)
            || self.makes_room(writer).unwrap_or(false);
        if has_room && self.write_gap(writer, now).is_ok() {
            self.pause = None;
        }
    }

    fn write_gap(&self, writer: &mut RecordingWriter, now: ClockPair) -> Result<()> {
        let Some(pause) = &self.pause else {
            return Ok(());
        };
        let lost: Vec<String> = pause
            .lost
            .iter()
            .map(|(table, rows)| format!("{rows} of {}", table.name()))
            .collect();
        let lost = if lost.is_empty() {
            vec!["none".to_owned()]
        } else {
            lost
        };
        let lost = format!("rows lost while the disk was full: {}", lost.join(", "));
        let row = |until_ns, kind, text: &str| Annotation {
            at_ns: pause.from_ns,
            until_ns,
            kind,
            text: text.to_owned(),
        };
        let rows = [
            row(
                Some(now.utc_ns.max(pause.from_ns)),
                AnnotationKind::Gap,
                CAUSE,
            ),
            row(None, AnnotationKind::Note, &lost),
        ];
        writer.append(Table::ANNOTATIONS, &Annotation::batch(&rows)?, now)?;
        writer.flush()?;
        message::line(format_args!("the recording goes on; {lost}"));
        Ok(())
    }

    /// Ends the recording's last pause, whatever room there is.
    ///
    /// # Errors
    /// Where the gap cannot be written: the recording must not look complete then.
    pub(super) fn finish(self, writer: &mut RecordingWriter, now: ClockPair) -> Result<()> {
        self.write_gap(writer, now)
    }
}
