//! The thread that holds the limit of overhead: switches the operations' probes off and on as
//! `budget::Control` decides.
//!
//! Begins are observed from an exact moment to an exact moment, which the kernel side compares with
//! its own clock. The probes are attached before, and detached afterwards: first those of begins,
//! and those of finishes when the operations that are in flight have had time to finish.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::event::Event;
use super::reports::Reports;
use super::switch::{Cost, Ledger, Switch};
use super::wire::Told;
use crate::budget::{Change, Control, Cycle, Next, Seen, Spent, TargetCpu};
use crate::clock::{Clock, Stopwatch, thread_cpu_ns};
use crate::message;
use crate::random::SplitMix;

/// How often it is looked whether probes that are on cost too much.
const LOOK: Duration = Duration::from_millis(25);
/// As long as this the target's CPU time is not read again, in times of what reading it takes.
const READS_APART: u32 = 100;
/// Longest time between two looks: the counts of an interval stay a quarter of a second.
const LONGEST_LOOK: Duration = Duration::from_millis(100);
/// Time from a decision to the first begin that is observed, ns.
const MARGIN_NS: u64 = 100_000;
/// Until it is known: how long attaching takes, ns.
const FIRST_LEAD_NS: u64 = 20_000_000;
/// Time for operations in flight to finish: this many times their mean duration, within bounds, ns.
const DRAIN: (u64, u64, u64) = (5, 20_000_000, 1_000_000_000);

/// What it needs.
pub(super) struct Parts {
    pub(super) switch: Switch,
    pub(super) ledger: Ledger,
    pub(super) control: Control,
    pub(super) cpu: TargetCpu,
    /// Who learns when operations were observed.
    pub(super) reports: Reports,
    pub(super) operations: usize,
    pub(super) clock: Arc<dyn Clock>,
    /// The limit, as it is written.
    pub(super) limit: String,
}

/// The thread, until it is dropped. Then probes are attached or not; somebody else detaches them.
pub(super) struct Switching {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Switching {
    /// Starts it, with all probes attached; `ended` is set when it ends, for whatever reason.
    ///
    /// # Errors
    /// Where no thread can be created, or there are no random numbers.
    pub(super) fn start(parts: Parts, ended: &Arc<Event>) -> Result<Self> {
        let (stop, stopped) = bounded(0);
        let now_ns = parts.clock.now().boot_ns;
        let switcher = Switcher {
            is_on: vec![true; parts.operations],
            is_off: vec![false; parts.operations],
            random: SplitMix::new(seed()?),
            lead_ns: FIRST_LEAD_NS,
            drain_ns: DRAIN.1,
            added: Added {
                at_ns: now_ns,
                cpu_ns: 0,
            },
            switching_ns: 0,
            has_told: false,
            has_failed: false,
            stopped,
            parts,
        };
        let ended = ended.clone();
        let thread = thread::Builder::new()
            .name("soakbox-switch".into())
            .spawn(move || {
                let _ended = ended.set_on_drop();
                // An error is the end of the recording.
                let _ = switcher.run();
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Ends it.
    ///
    /// # Errors
    /// Where it has panicked.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.stop = None;
        let ended = self.thread.take().map(JoinHandle::join);
        ended
            .unwrap_or(Ok(()))
            .map_err(|_| anyhow!("the switching thread panicked"))
    }
}

impl Drop for Switching {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// A seed that no load can know.
fn seed() -> Result<u64> {
    let mut seed = [0; 8];
    // SAFETY: the kernel fills in as many bytes.
    let got = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), seed.len(), 0) };
    if got != seed.len() as isize {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(u64::from_ne_bytes(seed))
}

/// The recording ends.
struct Stopped;

/// The state when the control was last given figures.
struct Added {
    at_ns: u64,
    cpu_ns: u64,
}

struct Switcher {
    parts: Parts,
    /// By operation, whether its probes are attached.
    is_on: Vec<bool>,
    /// By operation, whether it is not observed, or not any more after a moment that is set.
    is_off: Vec<bool>,
    random: SplitMix,
    /// How long attaching takes.
    lead_ns: u64,
    /// How long operations in flight have to finish.
    drain_ns: u64,
    added: Added,
    /// CPU time for switching since then.
    switching_ns: u64,
    has_told: bool,
    has_failed: bool,
    stopped: Receiver<()>,
}

impl Switcher {
    fn run(mut self) -> Result<(), Stopped> {
        self.added.cpu_ns = self.parts.cpu.read();
        let mut look = LOOK;
        loop {
            match self.parts.control.next(&mut self.random) {
                Next::On => {
                    self.turn_on(|_| true);
                    self.wait_until(self.now() + look.as_nanos() as u64)?;
                    let reading = Stopwatch::start();
                    let observed = vec![self.elapsed(); self.parts.operations];
                    self.add(&observed);
                    look = LOOK.max(reading.elapsed() * READS_APART);
                }
                Next::Switched(cycle) => self.cycle(&cycle)?,
            }
        }
    }

    fn now(&self) -> u64 {
        self.parts.clock.now().boot_ns
    }

    /// Time since figures were last added.
    fn elapsed(&self) -> u64 {
        self.now().saturating_sub(self.added.at_ns)
    }

    /// Waits, and looks at the counters meanwhile.
    fn wait_until(&mut self, at_ns: u64) -> Result<(), Stopped> {
        loop {
            let now_ns = self.now();
            self.parts.ledger.look(now_ns);
            let left = Duration::from_nanos(at_ns.saturating_sub(now_ns));
            if left.is_zero() {
                return Ok(());
            }
            match self.stopped.recv_timeout(left.min(LONGEST_LOOK)) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return Err(Stopped),
            }
        }
    }

    /// Gives the control what was spent. `observed`: by operation, ns.
    fn add(&mut self, observed: &[u64]) {
        let now_ns = self.now();
        self.parts.ledger.look(now_ns);
        let cpu_ns = self.parts.cpu.read();
        let costs = self.parts.ledger.take();
        let operations = costs.iter().zip(observed).map(|(cost, &observed_ns)| Seen {
            observed_ns,
            cost_ns: cost.observed_ns,
            aside_ns: cost.unobserved_ns,
        });
        self.parts.control.add(&Spent {
            elapsed_ns: now_ns.saturating_sub(self.added.at_ns),
            cpu_ns: cpu_ns.saturating_sub(self.added.cpu_ns),
            switching_ns: std::mem::take(&mut self.switching_ns),
            operations: operations.collect(),
        });
        self.added = Added {
            at_ns: now_ns,
            cpu_ns,
        };
    }

    /// One cycle: some operations are observed in a part of it, the others all the time.
    fn cycle(&mut self, cycle: &Cycle) -> Result<(), Stopped> {
        if !self.has_told {
            self.has_told = true;
            message::line(format_args!(
                "the probes cost more than {} of the target's CPU time: from now on they are switched off and on",
                self.parts.limit
            ));
        }
        let begin_ns = self.added.at_ns;
        let is_switched = |operation: u16| cycle.switched[operation as usize];
        self.turn_off(is_switched)?;
        self.turn_on(|operation| !is_switched(operation));
        let open_ns = begin_ns + cycle.on_after_ns;
        self.wait_until(open_ns.saturating_sub(self.lead_ns))?;
        let mut on_ns = 0;
        if self.attach(is_switched) {
            let from_ns = open_ns.max(self.now() + MARGIN_NS);
            let until_ns = from_ns + cycle.on_ns;
            for operation in self.each(is_switched) {
                let times = self.parts.switch.times();
                times.observe(operation as u32, from_ns, Some(until_ns));
                self.change(
                    operation,
                    Change::OnFor {
                        from_ns,
                        until_ns,
                        length_ns: cycle.length_ns,
                    },
                );
            }
            on_ns = cycle.on_ns;
            self.wait_until(until_ns)?;
            self.turn_off(is_switched)?;
        }
        self.wait_until(begin_ns + cycle.length_ns)?;
        let elapsed_ns = self.elapsed();
        let switched = cycle.switched.iter();
        let observed: Vec<u64> = switched
            .map(|&switched| if switched { on_ns } else { elapsed_ns })
            .collect();
        self.add(&observed);
        Ok(())
    }

    /// Reports when an operation is observed.
    fn change(&mut self, operation: usize, change: Change) {
        self.is_off[operation] = !matches!(change, Change::On { .. });
        let operation = operation as u16;
        self.parts
            .reports
            .tell(Told::Observed { operation, change });
    }

    fn each(&self, is_chosen: impl Fn(u16) -> bool) -> Vec<usize> {
        let operations = 0..self.parts.operations;
        operations
            .filter(|&operation| is_chosen(operation as u16))
            .collect()
    }

    /// Observes operations that are not observed all the time.
    fn turn_on(&mut self, is_chosen: impl Fn(u16) -> bool) {
        let is_on = self.is_on.clone();
        let is_off = |operation: u16| is_chosen(operation) && !is_on[operation as usize];
        if !self.each(is_off).is_empty() && self.attach(is_off) {
            let from_ns = self.now() + MARGIN_NS;
            for operation in self.each(is_off) {
                let times = self.parts.switch.times();
                times.observe(operation as u32, from_ns, None);
                self.change(operation, Change::On { from_ns });
            }
        }
    }

    /// Attaches the probes of operations that have none; `false` where the kernel refuses, because
    /// the process has ended, for example.
    fn attach(&mut self, is_chosen: impl Fn(u16) -> bool) -> bool {
        let (begin_ns, cpu_ns) = (self.now(), thread_cpu_ns());
        let attached = self.parts.switch.attach(&is_chosen);
        // Detaching takes about as much.
        self.switching_ns += 2 * thread_cpu_ns().saturating_sub(cpu_ns);
        let took_ns = self.now().saturating_sub(begin_ns);
        self.lead_ns = (self.lead_ns + took_ns * 3 / 2) / 2;
        for operation in self.each(&is_chosen) {
            self.is_on[operation] = attached.is_ok();
        }
        if let Err(error) = &attached
            && !std::mem::replace(&mut self.has_failed, true)
        {
            message::line(format_args!(
                "warning: probes cannot be attached again, and their operations are not observed: {error}"
            ));
        }
        attached.is_ok()
    }

    /// Removes the probes of operations that have some.
    fn turn_off(&mut self, is_chosen: impl Fn(u16) -> bool) -> Result<(), Stopped> {
        let is_on = self.is_on.clone();
        let is_on = |operation: u16| is_chosen(operation) && is_on[operation as usize];
        let chosen = self.each(is_on);
        if chosen.is_empty() {
            return Ok(());
        }
        let end_ns = self.now();
        for &operation in &chosen {
            // The end of a time that was set before is not moved.
            if !self.is_off[operation] {
                self.parts.switch.times().end(operation as u32, end_ns);
                self.change(operation, Change::Off { at_ns: end_ns });
            }
        }
        self.parts.switch.detach_begins(is_on);
        self.parts.ledger.look(self.now());
        let seen = self.parts.ledger.so_far();
        let longest = chosen.iter().filter_map(|&one| Cost::mean_ns(&seen[one]));
        if let Some(longest_ns) = longest.max() {
            let (times, least, most) = DRAIN;
            self.drain_ns = longest_ns.saturating_mul(times).clamp(least, most);
        }
        self.wait_until(end_ns + self.drain_ns)?;
        let now_ns = self.now();
        for &operation in &chosen {
            let times = self.parts.switch.times();
            times.miss_finishes(operation as u32, now_ns);
            self.is_on[operation] = false;
        }
        self.parts.switch.detach_finishes(is_on);
        Ok(())
    }
}
