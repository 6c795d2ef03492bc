//! The bounds of a recording: defaults, what was asked for, and how far one may go.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cli;
use crate::config::Config;
use crate::plan::Limits;

const MAX_RING_BYTES: u32 = 1 << 30;
const MAX_IN_FLIGHT: u32 = 1 << 20;
/// As many as 64-bit Linux has process ids (/proc/sys/kernel/pid_max).
const MAX_PROCESSES: u32 = 1 << 22;
const MAX_QUEUE_BATCHES: usize = 4096;
const MIN_JOURNAL_BYTES: u64 = 4096;

/// Every bound of a recording.
///
/// # Errors
/// Where one is out of its own bounds.
pub(super) fn limits(arguments: &cli::Record, config: &Config) -> Result<Limits> {
    let defaults = Limits::default();
    let ring_bytes = arguments
        .ring_bytes
        .or(config.limits.ring_bytes)
        .unwrap_or(defaults.ring_bytes);
    let page = rustix::param::page_size() as u32;
    if !ring_bytes.is_power_of_two() || !(page..=MAX_RING_BYTES).contains(&ring_bytes) {
        bail!("--ring-bytes is {ring_bytes}; hint: a power of two from {page} to {MAX_RING_BYTES}");
    }
    let in_flight = bounded(
        "--in-flight",
        arguments.in_flight.or(config.limits.in_flight),
        defaults.in_flight,
        MAX_IN_FLIGHT,
    )?;
    let processes = bounded(
        "--processes",
        arguments.processes.or(config.limits.processes),
        defaults.processes,
        MAX_PROCESSES,
    )?;
    let queue_batches = bounded(
        "--queue-batches",
        arguments.queue_batches.or(config.limits.queue_batches),
        defaults.queue_batches,
        MAX_QUEUE_BATCHES,
    )?;
    let mut segment = defaults.segment;
    if let Some(bytes) = arguments.journal_bytes.or(config.limits.journal_bytes) {
        if bytes < MIN_JOURNAL_BYTES {
            bail!("--journal-bytes is {bytes}; hint: at least {MIN_JOURNAL_BYTES}");
        }
        segment.max_bytes = bytes;
    }
    if let Some(age) = time(
        &arguments.rotate_after,
        &config.rotate_after,
        "--rotate-after",
    )? {
        segment.max_age_ns = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
    }
    Ok(Limits {
        ring_bytes,
        in_flight,
        processes,
        queue_batches,
        segment,
    })
}

/// A number of things, at least one.
fn bounded<T: PartialOrd + From<u8> + Display>(
    flag: &str,
    asked: Option<T>,
    default: T,
    most: T,
) -> Result<T> {
    match asked {
        Some(number) if number < T::from(1) || number > most => {
            bail!("{flag} is {number}; hint: from 1 to {most}, {default} without it")
        }
        asked => Ok(asked.unwrap_or(default)),
    }
}

/// A time such as `90s` or `8h`; a flag wins over the configuration.
pub(super) fn time(
    flag: &Option<String>,
    configured: &Option<String>,
    name: &str,
) -> Result<Option<Duration>> {
    let Some(text) = flag.as_ref().or(configured.as_ref()) else {
        return Ok(None);
    };
    let time = humantime::parse_duration(text).map_err(|error| {
        anyhow::anyhow!("{name}: '{text}': {error}; hint: write 500ms, 90s, 10m or 8h")
    })?;
    if time.is_zero() {
        bail!("{name} is zero; hint: write 500ms, 90s, 10m or 8h");
    }
    Ok(Some(time))
}
