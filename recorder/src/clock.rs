//! The two clocks of a recording, read together: the boot clock, which never goes back and counts
//! while the machine is suspended, and UTC, which can be stepped. Everything that needs the time is
//! given a [`ClockPair`] or a [`Clock`], so that a test can step it back. A [`Stopwatch`] measures
//! how long something takes, and a [`Timer`] is a moment to wait for. Nothing else in the recorder
//! reads a clock.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockPair {
    /// `CLOCK_BOOTTIME`, ns.
    pub boot_ns: u64,
    /// UTC, ns since 1970.
    pub utc_ns: i64,
}

impl ClockPair {
    /// UTC minus boot clock: added to a time of the kernel, it gives UTC.
    pub fn offset_ns(self) -> i64 {
        self.utc_ns.wrapping_sub_unsigned(self.boot_ns)
    }

    /// The moment that was earlier by `time`.
    pub fn before(self, time: Duration) -> Self {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self {
            boot_ns: self.boot_ns.saturating_sub(ns),
            utc_ns: self.utc_ns.saturating_sub_unsigned(ns),
        }
    }

    /// UTC of a moment of the boot clock, by this pair.
    pub fn utc_of(self, boot_ns: u64) -> i64 {
        self.offset_ns().saturating_add_unsigned(boot_ns)
    }
}

/// A source of the time: the machine's, or one that a test sets.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Both clocks, as close together as can be.
    fn now(&self) -> ClockPair;

    /// For how long the machine has been suspended since it was booted, ns.
    fn suspended_ns(&self) -> u64 {
        0
    }
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// Attempts at reading one clock between two close readings of another one.
const READINGS: usize = 3;

impl Clock for SystemClock {
    fn now(&self) -> ClockPair {
        let (boot_ns, utc_ns) = together(boot_ns, || nanoseconds(clock_gettime(ClockId::Realtime)));
        ClockPair { boot_ns, utc_ns }
    }

    /// The monotonic clock stands still meanwhile, the boot clock does not.
    fn suspended_ns(&self) -> u64 {
        let (monotonic_ns, boot_ns) = together(monotonic_ns, boot_ns);
        boot_ns.saturating_sub(monotonic_ns)
    }
}

/// Two clocks at one moment. The second one is read between two readings of the first one and belongs to
/// their middle; of a few attempts the one with the shortest distance counts, so that being preempted in
/// between does not shift the pair.
fn together<T>(first: impl Fn() -> u64, second: impl Fn() -> T) -> (u64, T) {
    let read = || {
        let before = first();
        let between = second();
        let distance = first().saturating_sub(before);
        (distance, (before + distance / 2, between))
    };
    let mut best = read();
    for _ in 1..READINGS {
        let next = read();
        if next.0 < best.0 {
            best = next;
        }
    }
    best.1
}

fn monotonic_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic)).cast_unsigned()
}

fn boot_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Boottime)).cast_unsigned()
}

/// CPU time of the current thread, ns.
pub fn thread_cpu_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime)).cast_unsigned()
}

fn nanoseconds(time: Timespec) -> i64 {
    time.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec)
}

/// Measures how long something takes.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// A moment to wait for.
#[derive(Clone, Copy, Debug)]
pub struct Timer(Instant);

impl Timer {
    /// `duration` from now.
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// The time until then; zero afterwards.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether the moment has come.
    pub fn is_over(self) -> bool {
        self.remaining().is_zero()
    }
}

/// A clock that only moves when it is set, and whose UTC can be stepped: for tests and synthetic
/// recordings.
#[derive(Debug, Default)]
pub struct ManualClock {
    boot_ns: AtomicU64,
    offset_ns: AtomicI64,
    suspended_ns: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: ClockPair) -> Self {
        Self {
            boot_ns: AtomicU64::new(start.boot_ns),
            offset_ns: AtomicI64::new(start.offset_ns()),
            suspended_ns: AtomicU64::default(),
        }
    }

    /// Lets `ns` pass on both clocks.
    pub fn advance(&self, ns: u64) {
        self.boot_ns.fetch_add(ns, Ordering::SeqCst);
    }

    /// Lets `ns` pass while the machine is suspended.
    pub fn suspend(&self, ns: u64) {
        self.advance(ns);
        self.suspended_ns.fetch_add(ns, Ordering::SeqCst);
    }

    /// Steps UTC by `ns` (back where negative); the boot clock stays.
    pub fn step_utc(&self, ns: i64) {
        self.offset_ns.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> ClockPair {
        let boot_ns = self.boot_ns.load(Ordering::SeqCst);
        ClockPair {
            boot_ns,
            utc_ns: self
                .offset_ns
                .load(Ordering::SeqCst)
                .saturating_add_unsigned(boot_ns),
        }
    }

    fn suspended_ns(&self) -> u64 {
        self.suspended_ns.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_never_goes_back_and_the_pair_converts() {
        let first = SystemClock.now();
        let second = SystemClock.now();
        assert!(second.boot_ns >= first.boot_ns);
        assert_eq!(first.utc_of(first.boot_ns), first.utc_ns);
        assert!(first.utc_ns > 1_600_000_000_000_000_000);
        // Nobody suspends the machine during a test.
        let suspended_ns = SystemClock.suspended_ns();
        std::thread::sleep(Duration::from_millis(20));
        let more_ns = SystemClock.suspended_ns().abs_diff(suspended_ns);
        assert!(
            suspended_ns <= second.boot_ns && more_ns < 10_000_000,
            "{more_ns}"
        );
    }

    #[test]
    fn a_manual_clock_steps_utc_alone() {
        let clock = ManualClock::new(ClockPair {
            boot_ns: 5,
            utc_ns: 1_000,
        });
        clock.advance(10);
        clock.step_utc(-600);
        let expected = ClockPair {
            boot_ns: 15,
            utc_ns: 410,
        };
        assert_eq!(clock.now(), expected);
    }
}
