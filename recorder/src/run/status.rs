//! The state of a recording in a line: operations per second, losses, memory and disk. Pure: the
//! caller gives the measures.

use std::fmt::Write;

use soakbox_schemas::counters::CounterValues;

use super::report::without_row;
use crate::sample::Tick;

/// Sums over the recording.
#[derive(Debug, Default)]
pub(super) struct Status {
    lost: u64,
    /// The boot clock at the last tick, ns.
    last_ns: Option<u64>,
}

/// Measures of the recorder and its disk, bytes; `None` where one is not known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measures {
    pub(super) memory: Option<u64>,
    pub(super) free: Option<u64>,
}

impl Status {
    /// The state after a tick.
    pub(super) fn after(&mut self, tick: &Tick, measures: Measures) -> String {
        let all = || tick.counts.iter().flat_map(|counts| &counts.counted);
        let finished: u64 = all().map(|counted: &CounterValues| counted.finished).sum();
        self.lost += all().map(without_row).sum::<u64>();
        let before = self.last_ns.replace(tick.now.boot_ns);
        let elapsed_ns = before.map(|before| tick.now.boot_ns.saturating_sub(before));
        let mut text = match elapsed_ns.filter(|elapsed| *elapsed > 0) {
            Some(elapsed) => {
                let rate = finished as f64 * 1e9 / elapsed as f64;
                format!("{rate:.0} operations/s")
            }
            None => format!("{finished} operations"),
        };
        let _ = write!(text, ", {} lost", self.lost);
        if let Some(memory) = measures.memory {
            let _ = write!(text, ", memory {}", bytes(memory));
        }
        if let Some(free) = measures.free {
            let _ = write!(text, ", disk {} free", bytes(free));
        }
        text
    }
}

/// As a person writes it, such as `34.5 MiB`.
fn bytes(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} bytes"),
        _ => format!("{value:.1} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ClockPair;
    use crate::sample::IntervalCounts;

    #[test]
    fn the_line_has_rate_losses_memory_and_disk() {
        let tick = |boot_ns, finished, lost_ring_full| Tick {
            now: ClockPair { boot_ns, utc_ns: 0 },
            counts: vec![IntervalCounts {
                interval: 0,
                at_ns: 0,
                counted: vec![CounterValues {
                    finished,
                    lost_ring_full,
                    ..CounterValues::default()
                }],
                durations: Vec::new(),
                oldest_in_flight_ns: Vec::new(),
                is_late: false,
            }],
            ..Tick::default()
        };
        let mut status = Status::default();
        let nothing = Measures::default();
        assert_eq!(
            status.after(&tick(5, 7, 1), nothing),
            "7 operations, 1 lost"
        );
        let measures = Measures {
            memory: Some(35 << 20),
            free: Some(12_348_030_000),
        };
        assert_eq!(
            status.after(&tick(2_000_000_005, 500, 2), measures),
            "250 operations/s, 3 lost, memory 35.0 MiB, disk 11.5 GiB free"
        );
        assert_eq!(bytes(1023), "1023 bytes");
    }
}
