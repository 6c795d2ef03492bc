//! The limits of a recording: a flag overrides the configuration, which overrides the default.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{keep, last};
use crate::cli;
use crate::config::Config;
use crate::limits::{
    DURATION, FLUSH_INTERVAL, IN_FLIGHT, JOURNAL_BYTES, KEEP_BYTES, KEEP_FOR, KEEP_FREE, KEEP_LAST,
    KEEP_LAST_BYTES, LIMITS, Limit, MAX_OVERHEAD, PROCESSES, QUEUE_BATCHES, RING_BYTES,
    ROTATE_AFTER, ROTATE_ROWS, UNTIL_EXIT,
};
use crate::plan::{Keep, KeepLast, Limits, Room, SegmentLimits};

/// Flags of the limits that do not change which operations are recorded, or how: when the recorder
/// stops, and what is kept.
const NOT_COVERED: [&str; 6] = [
    KEEP_LAST_BYTES.flag,
    DURATION.flag,
    UNTIL_EXIT.flag,
    KEEP_FOR.flag,
    KEEP_BYTES.flag,
    KEEP_FREE.flag,
];

/// The limits that result from the flags and the configuration file.
pub(super) struct Effective<'a> {
    arguments: &'a cli::Record,
    config: &'a Config,
}

impl<'a> Effective<'a> {
    pub(super) fn new(arguments: &'a cli::Record, config: &'a Config) -> Self {
        Self { arguments, config }
    }

    /// The bounds of rings, maps, queues and files.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            ring_bytes: self.small(&RING_BYTES),
            in_flight: self.small(&IN_FLIGHT),
            processes: self.small(&PROCESSES),
            queue_batches: self.small(&QUEUE_BATCHES) as usize,
            segment: SegmentLimits {
                max_bytes: self.number(&JOURNAL_BYTES),
                max_rows: self.value(&ROTATE_ROWS),
                period_ns: self.number(&ROTATE_AFTER),
            },
        }
    }

    /// The part of the target's CPU time that probes may cost; `None` for no limit.
    pub(super) fn max_overhead(&self) -> Option<f64> {
        Some(self.value(&MAX_OVERHEAD)? as f64 / 1e6)
    }

    /// What is kept of the sealed rows.
    ///
    /// # Errors
    /// Where the limits of single tables are not valid.
    pub(super) fn keep(&self) -> anyhow::Result<Keep> {
        let all = Keep {
            for_ns: self.value(&KEEP_FOR),
            bytes: self.value(&KEEP_BYTES),
            ..Keep::default()
        };
        let typed = &self.arguments.keep;
        let written = &self.config.keep;
        keep::of_tables(all, if typed.is_empty() { written } else { typed })
    }

    /// What is kept in memory until a trigger; `operations` are the names of the operations.
    ///
    /// # Errors
    /// Where a trigger is not valid.
    pub(super) fn keep_last(&self, operations: &[&str]) -> anyhow::Result<Option<KeepLast>> {
        let before = self.value(&KEEP_LAST).map(Duration::from_nanos);
        let typed = &self.arguments.trigger;
        let written = &self.config.trigger;
        let triggers = if typed.is_empty() { written } else { typed };
        last::keep_last(before, self.number(&KEEP_LAST_BYTES), triggers, operations)
    }

    /// Room on the disk.
    pub(super) fn room(&self) -> Room {
        let when_full = self.arguments.when_disk_full;
        Room {
            when_full: when_full.or(self.config.when_disk_full).unwrap_or_default(),
            keep_free: self.value(&KEEP_FREE).unwrap_or(0),
        }
    }

    /// Longest time that rows exist only in memory.
    pub(super) fn flush_interval(&self) -> Duration {
        Duration::from_nanos(self.number(&FLUSH_INTERVAL))
    }

    /// Time after which the recorder stops; `None` where it stops only by a signal or the end of
    /// the command.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.value(&DURATION).map(Duration::from_nanos)
    }

    /// Time for which no observed process runs before the recorder stops; `None` where it does not
    /// stop for that reason.
    pub(super) fn until_exit(&self) -> Option<Duration> {
        self.value(&UNTIL_EXIT).map(Duration::from_nanos)
    }

    /// The limits that are not at their defaults, by name. Those that do not change which
    /// operations are recorded, or how, are left out.
    pub(super) fn changed(&self) -> BTreeMap<&'static str, u64> {
        self.covered()
            .filter(|(limit, value)| Some(*value) != limit.default)
            .map(|(limit, value)| (limit.flag, value))
            .collect()
    }

    /// The limits that [`changed`](Self::changed) covers, also those at their defaults, as they are
    /// written.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.covered()
            .map(|(limit, value)| (limit.flag, limit.write(value)))
    }

    fn covered(&self) -> impl Iterator<Item = (&'static Limit, u64)> {
        let limits = LIMITS
            .into_iter()
            .filter(|limit| !NOT_COVERED.contains(&limit.flag));
        limits.filter_map(|limit| Some((limit, self.value(limit)?)))
    }

    fn value(&self, limit: &Limit) -> Option<u64> {
        let set = self.arguments.limits.get(limit);
        set.or(self.config.limits.get(limit)).or(limit.default)
    }

    /// The value of a limit that has a default.
    fn number(&self, limit: &Limit) -> u64 {
        self.value(limit).unwrap_or(limit.most)
    }

    /// The value of a limit whose bounds fit into 32 bits.
    fn small(&self, limit: &Limit) -> u32 {
        u32::try_from(self.number(limit)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::limits::Unit;

    type Found = (Limits, Duration, Duration, Keep, Room, Option<f64>);

    fn effective(flags: &[(&Limit, u64)], keys: &[(&Limit, u64)]) -> Found {
        let flags = flags.iter();
        let flags = flags.map(|(limit, value)| format!("--{}={}", limit.flag, limit.write(*value)));
        let words = ["soakbox-recorder", "record"].map(str::to_owned);
        let Command::Record(arguments) = Cli::parse_from(words.into_iter().chain(flags)).command
        else {
            panic!("record was typed")
        };
        let mut config = Config::default();
        for (limit, value) in keys {
            config.limits.set(limit, *value);
        }
        let effective = Effective::new(&arguments, &config);
        let duration = effective.duration().unwrap_or_default();
        let keep = effective.keep().unwrap();
        (
            effective.limits(),
            effective.flush_interval(),
            duration,
            keep,
            effective.room(),
            effective.max_overhead(),
        )
    }

    /// A different value for each limit.
    fn distinct(step: u64) -> Vec<(&'static Limit, u64)> {
        let places = LIMITS.into_iter().zip(0..);
        places
            .map(|(limit, place)| match limit.unit {
                Unit::RingBytes => (limit, limit.least << (1 + step)),
                _ => (limit, limit.least + 2 * place + step),
            })
            .collect()
    }

    #[test]
    fn each_flag_and_each_key_sets_its_own_limit() {
        let values = distinct(0);
        let of = |limit: &Limit| {
            values
                .iter()
                .find(|(one, _)| one.flag == limit.flag)
                .unwrap()
                .1
        };
        for (limits, flush_interval, duration, keep, room, share) in
            [effective(&values, &[]), effective(&[], &values)]
        {
            assert_eq!(u64::from(limits.ring_bytes), of(&RING_BYTES));
            assert_eq!(u64::from(limits.in_flight), of(&IN_FLIGHT));
            assert_eq!(u64::from(limits.processes), of(&PROCESSES));
            assert_eq!(limits.queue_batches as u64, of(&QUEUE_BATCHES));
            assert_eq!(limits.segment.max_bytes, of(&JOURNAL_BYTES));
            assert_eq!(limits.segment.max_rows, Some(of(&ROTATE_ROWS)));
            assert_eq!(limits.segment.period_ns, of(&ROTATE_AFTER));
            assert_eq!(flush_interval.as_nanos(), u128::from(of(&FLUSH_INTERVAL)));
            assert_eq!(duration.as_nanos(), u128::from(of(&DURATION)));
            assert_eq!(keep.for_ns, Some(of(&KEEP_FOR)));
            assert_eq!(keep.bytes, Some(of(&KEEP_BYTES)));
            assert_eq!(room.keep_free, of(&KEEP_FREE));
            assert_eq!(share, Some(of(&MAX_OVERHEAD) as f64 / 1e6));
        }
    }

    #[test]
    fn only_limits_that_are_not_at_their_defaults_are_named() {
        let changed = |flags: &[String]| {
            let words = ["soakbox-recorder", "record"].map(str::to_owned);
            let words = words.into_iter().chain(flags.iter().cloned());
            let Command::Record(arguments) = Cli::parse_from(words).command else {
                panic!("record was typed")
            };
            Effective::new(&arguments, &Config::default()).changed()
        };
        assert!(changed(&[]).is_empty());
        for (limit, value) in distinct(0) {
            let flag = |value| format!("--{}={}", limit.flag, limit.write(value));
            let expected: Vec<_> = [(limit.flag, value)]
                .into_iter()
                .filter(|(name, _)| !NOT_COVERED.contains(name))
                .collect();
            assert_eq!(Vec::from_iter(changed(&[flag(value)])), expected);
            if let Some(default) = limit.default {
                assert!(changed(&[flag(default)]).is_empty(), "{}", limit.flag);
            }
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let (typed, written) = (distinct(0), distinct(1));
        assert_eq!(effective(&typed, &written), effective(&typed, &[]));
        assert_ne!(effective(&[], &written), effective(&[], &[]));
        let (limits, flush_interval, duration, keep, room, share) = effective(&[], &[]);
        assert_eq!(share, None);
        assert!(keep.is_everything());
        assert_eq!(room, Room::default());
        assert_eq!(limits.segment, SegmentLimits::default());
        assert_eq!(limits.ring_bytes, 8 << 20);
        assert_eq!(
            (flush_interval, duration),
            (Duration::from_secs(1), Duration::ZERO)
        );
    }
}
