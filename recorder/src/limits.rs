//! The limits of a recording, each declared once: name, unit, default, bounds and meaning. The
//! flags of `record`, the keys of the configuration file, the errors and the table in
//! docs/configuration.md follow from the declarations. No I/O, and no import of another part of the
//! recorder.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::error::Error;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

const SECOND_NS: u64 = 1_000_000_000;
const HOUR_NS: u64 = 3_600 * SECOND_NS;
/// The largest limit that is a time: far below the point where a sum of times overflows.
const TEN_YEARS_NS: u64 = 10 * 8_766 * HOUR_NS;

/// A limit of a recording.
#[derive(Debug)]
pub struct Limit {
    /// Its flag, without the dashes at its start. Its key has underscores in place of dashes.
    pub flag: &'static str,
    /// Whether the key is in the table `[limits]`.
    pub in_limits: bool,
    /// Unit of the value, and how it is written.
    pub unit: Unit,
    /// Value where neither a flag nor a key sets it; `None` for no limit.
    pub default: Option<u64>,
    /// Lowest value.
    pub least: u64,
    /// Highest value.
    pub most: u64,
    /// Meaning, without a full stop at its end.
    pub help: &'static str,
}

/// Unit of a limit's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes: a whole number, or one with `KiB`, `MiB`, `GiB` or `TiB`.
    Bytes,
    /// Bytes of a ring buffer: a power of two, and at least a page of memory.
    RingBytes,
    /// A whole number of things.
    Number,
    /// Nanoseconds; written with a unit, such as `90s`.
    Time,
    /// Millionths of a whole; written in percent, such as `1%` or `0.5%`.
    Share,
}

/// Time after which the recording stops.
pub const DURATION: Limit = Limit {
    flag: "duration",
    in_limits: false,
    unit: Unit::Time,
    default: None,
    least: SECOND_NS / 1_000,
    most: TEN_YEARS_NS,
    help: "Stop after this long, such as 90s or 8h",
};

/// Time for which no observed process runs before the recording stops.
pub const UNTIL_EXIT: Limit = Limit {
    flag: "until-exit",
    in_limits: false,
    unit: Unit::Time,
    default: None,
    least: SECOND_NS / 1_000,
    most: TEN_YEARS_NS,
    help: "Stop when no observed process has run for this long (1s if no time is given): all \
           descendants of a command, or all processes that run the observed files, one of which \
           must run at the start",
};
/// Its value where the flag has none.
const UNTIL_EXIT_ALONE: &str = "1s";

/// Time that is kept in memory until a trigger.
pub const KEEP_LAST: Limit = Limit {
    flag: "keep-last",
    in_limits: false,
    unit: Unit::Time,
    default: None,
    least: SECOND_NS,
    most: 24 * HOUR_NS,
    help: "Keep the last rows of this long in memory, and write them only on a trigger (SIGUSR2, or \
           --trigger), with those of as long after it, at most a minute",
};

/// Memory for what is kept until a trigger.
pub const KEEP_LAST_BYTES: Limit = Limit {
    flag: "keep-last-bytes",
    in_limits: true,
    unit: Unit::Bytes,
    default: Some(64 << 20),
    least: 1 << 20,
    most: 1 << 40,
    help: "Most memory for --keep-last; the oldest rows are dropped first",
};

/// The share of the target's CPU time that probes may cost.
pub const MAX_OVERHEAD: Limit = Limit {
    flag: "max-overhead",
    in_limits: false,
    unit: Unit::Share,
    default: None,
    least: 100,
    most: 1_000_000,
    help: "Switch probes off and on so that they cost at most this part of the target's CPU time, such \
           as 1%",
};

/// Length of the periods that segments cover.
pub const ROTATE_AFTER: Limit = Limit {
    flag: "rotate-after",
    in_limits: false,
    unit: Unit::Time,
    default: Some(600 * SECOND_NS),
    least: SECOND_NS / 1_000,
    most: TEN_YEARS_NS,
    help: "Seal files at each multiple of this time since midnight (UTC), and at midnight",
};

/// Rows at which a segment ends.
pub const ROTATE_ROWS: Limit = Limit {
    flag: "rotate-rows",
    in_limits: false,
    unit: Unit::Number,
    default: None,
    least: 1,
    most: 1 << 40,
    help: "Seal a file when it has this many rows",
};

/// Age at which the sealed rows of a table are deleted.
pub const KEEP_FOR: Limit = Limit {
    flag: "keep-for",
    in_limits: false,
    unit: Unit::Time,
    default: None,
    least: SECOND_NS,
    most: TEN_YEARS_NS,
    help: "Delete sealed files whose rows are older than this, such as 30days",
};

/// Size of all sealed files of a recording from which on the oldest are deleted.
pub const KEEP_BYTES: Limit = Limit {
    flag: "keep-bytes",
    in_limits: false,
    unit: Unit::Bytes,
    default: None,
    least: 1 << 20,
    most: 1 << 60,
    help: "Delete the oldest sealed files when all of them together are larger than this",
};

/// Bytes that stay free on the file system of the recording.
pub const KEEP_FREE: Limit = Limit {
    flag: "keep-free",
    in_limits: false,
    unit: Unit::Bytes,
    default: None,
    least: 1 << 20,
    most: 1 << 60,
    help: "Treat the disk as full when less than this is free on it",
};

/// The longest time that a row exists only in memory.
pub const FLUSH_INTERVAL: Limit = Limit {
    flag: "flush-interval",
    in_limits: false,
    unit: Unit::Time,
    default: Some(SECOND_NS),
    least: SECOND_NS / 100,
    most: HOUR_NS,
    help: "Rows become durable at most this long after they reached the recorder",
};

/// Size of the kernel's ring buffer.
pub const RING_BYTES: Limit = Limit {
    flag: "ring-bytes",
    in_limits: true,
    unit: Unit::RingBytes,
    default: Some(8 << 20),
    least: 4096,
    most: 1 << 30,
    help: "Size of the kernel's ring buffer of finished operations, a power of two",
};

/// The largest journal.
pub const JOURNAL_BYTES: Limit = Limit {
    flag: "journal-bytes",
    in_limits: true,
    unit: Unit::Bytes,
    default: Some(64 << 20),
    least: 4096,
    most: 1 << 40,
    help: "Seal a file when its journal reaches this size",
};

/// Entries of the kernel's map of operations that belong to a process rather than a thread.
pub const IN_FLIGHT: Limit = Limit {
    flag: "in-flight",
    in_limits: true,
    unit: Unit::Number,
    default: Some(16_384),
    least: 1,
    most: 1 << 20,
    help: "Largest number of operations in flight with a token or on a stack that may be switched",
};

/// Entries of the kernel's map of followed processes.
pub const PROCESSES: Limit = Limit {
    flag: "processes",
    in_limits: true,
    unit: Unit::Number,
    default: Some(16_384),
    least: 1,
    // As many as 64-bit Linux has process ids (/proc/sys/kernel/pid_max).
    most: 1 << 22,
    help: "Largest number of processes of the command that are followed at a time",
};

/// Capacity of the channel between the recorder's threads.
pub const QUEUE_BATCHES: Limit = Limit {
    flag: "queue-batches",
    in_limits: true,
    unit: Unit::Number,
    default: Some(128),
    least: 1,
    most: 4096,
    help: "Largest number of batches that wait to be written",
};

/// Every limit, in the order of the help text and the documentation.
pub const LIMITS: [&Limit; 16] = [
    &DURATION,
    &UNTIL_EXIT,
    &MAX_OVERHEAD,
    &ROTATE_AFTER,
    &ROTATE_ROWS,
    &KEEP_FOR,
    &KEEP_BYTES,
    &KEEP_FREE,
    &KEEP_LAST,
    &FLUSH_INTERVAL,
    &RING_BYTES,
    &JOURNAL_BYTES,
    &IN_FLIGHT,
    &PROCESSES,
    &QUEUE_BATCHES,
    &KEEP_LAST_BYTES,
];

impl Limit {
    /// Its key within its table, such as `ring_bytes`.
    pub fn name(&self) -> String {
        self.flag.replace('-', "_")
    }

    /// Its key with its table, such as `limits.ring_bytes`.
    pub fn key(&self) -> String {
        let table = if self.in_limits { "limits." } else { "" };
        format!("{table}{}", self.name())
    }

    /// A value as it is written on a command line.
    pub fn write(&self, value: u64) -> String {
        match self.unit {
            Unit::Time => humantime::format_duration(Duration::from_nanos(value)).to_string(),
            Unit::Bytes | Unit::RingBytes | Unit::Number => value.to_string(),
            Unit::Share => format!("{}%", value as f64 / 10_000.0),
        }
    }

    /// Parses a value.
    ///
    /// # Errors
    /// The allowed values, as a hint, where the text is not one of them.
    pub fn parse(&self, text: &str) -> Result<u64, String> {
        let value = match self.unit {
            // In humantime `M` is a month; a person who writes `10M` hardly means that.
            Unit::Time if text.contains('M') => None,
            Unit::Time => humantime::parse_duration(text)
                .ok()
                .and_then(|time| u64::try_from(time.as_nanos()).ok()),
            Unit::Bytes | Unit::RingBytes => bytes(text),
            Unit::Share => share(text),
            // Rust's parser also accepts a sign.
            _ if text.starts_with('+') => None,
            _ => text.parse().ok(),
        };
        let value = value.filter(|value| (self.lowest()..=self.most).contains(value));
        let value = value.filter(|value| self.unit != Unit::RingBytes || value.is_power_of_two());
        value.ok_or_else(|| self.allowed())
    }

    /// The allowed values, as a hint.
    pub fn allowed(&self) -> String {
        let bounds = format!(
            "from {} to {}",
            self.write(self.lowest()),
            self.write(self.most)
        );
        match self.unit {
            Unit::Bytes => format!("write a number of bytes {bounds}, such as 67108864 or 64MiB"),
            Unit::RingBytes => format!("write a power of two {bounds}"),
            Unit::Number => format!("write a number {bounds}"),
            Unit::Time => format!("write a time {bounds}, such as {}", self.times()),
            Unit::Share => format!("write a percentage {bounds}, such as 1%"),
        }
    }

    /// Times within the bounds, as examples.
    fn times(&self) -> String {
        const EXAMPLES: [(&str, u64); 5] = [
            ("500ms", 500),
            ("90s", 90_000),
            ("10m", 600_000),
            ("8h", 28_800_000),
            ("30days", 2_592_000_000),
        ];
        let milliseconds = |value: u64| Duration::from_nanos(value).as_millis();
        let bounds = milliseconds(self.lowest())..=milliseconds(self.most);
        let fitting = EXAMPLES
            .iter()
            .filter(|(_, example)| bounds.contains(&u128::from(*example)));
        let texts: Vec<&str> = fitting.map(|(text, _)| *text).collect();
        texts.join(" or ")
    }

    /// Whether a value may be text in the configuration file.
    pub fn is_text(&self) -> bool {
        self.unit != Unit::Number
    }

    /// The lowest value on this host.
    fn lowest(&self) -> u64 {
        match self.unit {
            Unit::RingBytes => self.least.max(rustix::param::page_size() as u64),
            Unit::Bytes | Unit::Number | Unit::Time | Unit::Share => self.least,
        }
    }

    fn argument(&'static self) -> Arg {
        let default = self.default.map(|value| self.write(value));
        let default = default.map_or_else(String::new, |value| format!(" [default: {value}]"));
        let aliases = if self.flag == DURATION.flag {
            &["for"][..]
        } else {
            &[]
        };
        let argument = Arg::new(self.flag)
            .long(self.flag)
            .visible_aliases(aliases.iter().copied())
            .value_name(match self.unit {
                Unit::Bytes | Unit::RingBytes => "BYTES",
                Unit::Number => "NUMBER",
                Unit::Time => "TIME",
                Unit::Share => "PERCENT",
            })
            .help(format!("{}{default}", self.help))
            // A negative number is a value outside the bounds, not an unknown flag.
            .allow_negative_numbers(true)
            .value_parser(move |text: &str| self.parse(text));
        if self.flag != UNTIL_EXIT.flag {
            return argument;
        }
        argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(UNTIL_EXIT_ALONE)
    }
}

/// Millionths, from a number of percent with at most four digits after the point.
fn share(text: &str) -> Option<u64> {
    let number = text.strip_suffix('%')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 4 {
        return None;
    }
    let part: u64 = format!("{part:0<4}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(10_000)?
        .checked_add(part)
}

/// A number of bytes, with or without a unit.
fn bytes(text: &str) -> Option<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let (digits, shift) = units
        .into_iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))
        .unwrap_or((text, 0));
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = is_number.then(|| digits.parse().ok()).flatten()?;
    number.checked_mul(1 << shift)
}

/// The limits that were set, by flags or by a configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetLimits(BTreeMap<&'static str, u64>);

impl SetLimits {
    /// The value of `limit`, where it was set.
    pub fn get(&self, limit: &Limit) -> Option<u64> {
        self.0.get(limit.flag).copied()
    }

    /// Sets `limit`.
    pub fn set(&mut self, limit: &Limit, value: u64) {
        self.0.insert(limit.flag, value);
    }
}

impl Args for SetLimits {
    fn augment_args(command: Command) -> Command {
        command.args(LIMITS.map(Limit::argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SetLimits {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut set = Self::default();
        set.update_from_arg_matches(matches)?;
        Ok(set)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for limit in LIMITS {
            if let Some(value) = matches.get_one(limit.flag) {
                self.set(limit, *value);
            }
        }
        Ok(())
    }
}
