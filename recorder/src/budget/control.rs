//! Decides how long probes are on and off, from what they have cost so far. Pure: the caller gives
//! times, costs and random numbers.
//!
//! Probes are off and on in cycles. Each cycle has one time on, of a length that was decided before
//! the cycle, at a place in it that is chosen at random; the length of the cycle is random too. What
//! happens in a cycle changes only later ones. So the time on is a fair sample of all time: neither
//! a load with a period nor one that comes in bursts is seen more, or less, than it is there.

use crate::random::SplitMix;

/// ns
const SECOND: f64 = 1e9;
/// The cost that is not worth switching for: 0.01% of a CPU.
const LEAST_RATE: f64 = 1e-4;
/// The cost above the limit, ns, below which nothing is switched.
const LEAST_DEBT_NS: f64 = 1e6;
/// The share of a second's budget that may be exceeded before probes are switched.
const SLACK: f64 = 0.5;
/// What was not spent in this time may be spent later.
const CREDIT_NS: f64 = 5.0 * SECOND;
/// What was spent too much is saved in about this time, …
const REPAID_IN_NS: f64 = 20.0 * SECOND;
/// … with at most this part of the budget: something must be seen meanwhile.
const MOST_REPAID: f64 = 0.5;
/// Time in which the target's use of the CPU is averaged.
const CPU_AVERAGED_NS: f64 = 5.0 * SECOND;
/// Time after which a smaller cost counts; a larger one does at once.
const SMALLER_COST_NS: f64 = 10.0 * SECOND;
/// The shortest time on: rare operations must be seen.
const LEAST_ON_NS: f64 = 10e6;
/// Longest cycle, s: as long as the target has been known to run, but within these bounds.
const LONGEST_CYCLE: (f64, f64) = (4.0, 60.0);
/// The largest part of a cycle that is on.
const MOST_ON: f64 = 0.8;
/// The part of the budget that operations may cost together that stay on all the time.
const CHEAP: f64 = 0.2;
/// Probes stay on again when this part of the budget was enough for this number of cycles.
const CALM: (f64, u32) = (0.7, 3);
/// Before the first cycle: time that probes cost before and after they are observed.
const ASIDE_NS: f64 = 15e6;

/// What was spent since the last time.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// Time that has passed, ns.
    pub elapsed_ns: u64,
    /// CPU time of the target in it, ns.
    pub cpu_ns: u64,
    /// CPU time that the kernel took to attach and detach probes in it, ns.
    pub switching_ns: u64,
    /// By operation.
    pub operations: Vec<Seen>,
}

/// What the probes of one operation cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Observed time, ns.
    pub observed_ns: u64,
    /// Cost in it, ns.
    pub cost_ns: u64,
    /// Cost of probes outside of it, ns: until the kernel has removed them.
    pub aside_ns: u64,
}

/// A cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    /// Its length, ns.
    pub length_ns: u64,
    /// Begin of the observed time, from that of the cycle, ns.
    pub on_after_ns: u64,
    /// Length of the observed time, ns.
    pub on_ns: u64,
    /// The operations that are switched. The others are observed all the time.
    pub switched: Vec<bool>,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// All operations are observed until somebody asks again.
    On,
    /// Some are observed in a part of the time.
    Switched(Cycle),
}

/// The decisions of one recording.
#[derive(Debug)]
pub struct Control {
    share: f64,
    /// Cost above the limit so far, ns; negative where less was spent.
    debt_ns: f64,
    /// Weighted sums of the target's CPU time, and of the time since it has used any.
    cpu: (f64, f64),
    /// All of that time, ns.
    used_for_ns: f64,
    /// Cost per time on, by operation.
    rates: Vec<f64>,
    /// Cost of a cycle besides its observed time, ns.
    aside_ns: Option<f64>,
    /// By operation, as in the last cycle; `None` where all are on.
    switched: Option<Vec<bool>>,
    calm_cycles: u32,
}

impl Control {
    /// `share`: the limit, as a part of the target's CPU time.
    pub fn new(share: f64, operations: usize) -> Self {
        Self {
            share,
            debt_ns: 0.0,
            cpu: (0.0, 0.0),
            used_for_ns: 0.0,
            rates: vec![0.0; operations],
            aside_ns: None,
            switched: None,
            calm_cycles: 0,
        }
    }

    /// Adds what was spent since the last call: in a cycle, or in some time with all probes on.
    pub fn add(&mut self, spent: &Spent) {
        let elapsed_ns = spent.elapsed_ns as f64;
        if spent.cpu_ns > 0 || self.used_for_ns > 0.0 {
            let kept = (-elapsed_ns / CPU_AVERAGED_NS).exp();
            self.cpu.0 = self.cpu.0 * kept + spent.cpu_ns as f64;
            self.cpu.1 = self.cpu.1 * kept + elapsed_ns;
            self.used_for_ns += elapsed_ns;
        }
        let mut cost_ns = spent.switching_ns as f64;
        let mut aside_ns = spent.switching_ns as f64;
        let fades = 1.0 - (-elapsed_ns / SMALLER_COST_NS).exp();
        for (operation, seen) in spent.operations.iter().enumerate() {
            cost_ns += (seen.cost_ns + seen.aside_ns) as f64;
            aside_ns += seen.aside_ns as f64;
            if seen.observed_ns > 0 {
                let rate = seen.cost_ns as f64 / seen.observed_ns as f64;
                let known = &mut self.rates[operation];
                *known = rate.max(*known + (rate - *known) * fades);
            }
        }
        if self.switched.is_some() {
            let known = self.aside_ns.unwrap_or(aside_ns);
            self.aside_ns = Some((known + aside_ns) / 2.0);
        }
        let allowed_ns = (self.share * spent.cpu_ns as f64).max(LEAST_RATE * elapsed_ns);
        let credit_ns = self.budget() * CREDIT_NS;
        self.debt_ns = (self.debt_ns + cost_ns - allowed_ns).max(-credit_ns);
    }

    /// What the probes may cost per time.
    fn budget(&self) -> f64 {
        let (cpu, time) = self.cpu;
        let used = if time > 0.0 { cpu / time } else { 0.0 };
        (self.share * used).max(LEAST_RATE)
    }

    /// What comes after the time that was added last.
    pub fn next(&mut self, random: &mut SplitMix) -> Next {
        let budget = self.budget();
        let full: f64 = self.rates.iter().sum();
        if self.switched.is_none() {
            if self.debt_ns <= (SLACK * budget * SECOND).max(LEAST_DEBT_NS) {
                return Next::On;
            }
            self.calm_cycles = 0;
        } else {
            let is_calm = full <= CALM.0 * budget && self.debt_ns <= 0.0;
            self.calm_cycles = if is_calm { self.calm_cycles + 1 } else { 0 };
            if self.calm_cycles >= CALM.1 {
                self.switched = None;
                return Next::On;
            }
        }
        let switched = self.expensive(budget);
        let cycle = self.cycle(budget, &switched, random);
        self.switched = Some(switched.clone());
        Next::Switched(Cycle { switched, ..cycle })
    }

    /// The operations that are switched: all but the cheapest, which together cost little. One that
    /// was switched has to become cheaper still before it is not.
    fn expensive(&self, budget: f64) -> Vec<bool> {
        let mut order: Vec<usize> = (0..self.rates.len()).collect();
        order.sort_by(|&one, &other| self.rates[one].total_cmp(&self.rates[other]));
        let mut switched = vec![true; self.rates.len()];
        let was = |operation: usize| {
            let before = self.switched.as_ref();
            before.is_some_and(|before| before[operation])
        };
        let mut sum = 0.0;
        // The most expensive one is always switched.
        order.pop();
        for operation in order {
            sum += self.rates[operation];
            let most = if was(operation) { CHEAP / 2.0 } else { CHEAP };
            if sum > most * budget {
                break;
            }
            switched[operation] = false;
        }
        switched
    }

    /// The shortest cycle whose budget is enough for the time that its probes cost before and after
    /// they are observed, and for half as much observed time.
    fn cycle(&self, budget: f64, switched: &[bool], random: &mut SplitMix) -> Cycle {
        let of = |is_switched: bool| -> f64 {
            let rates = self.rates.iter().zip(switched);
            rates
                .filter(|(_, switched)| **switched == is_switched)
                .map(|(rate, _)| rate)
                .sum()
        };
        let (rate, others) = (of(true).max(LEAST_RATE * LEAST_RATE), of(false));
        let aside_ns = self.aside_ns.unwrap_or(rate * ASIDE_NS);
        let (mut length_ns, mut on_ns) = (0.0, LEAST_ON_NS);
        let (least, most) = LONGEST_CYCLE;
        let longest = (self.used_for_ns / SECOND).clamp(least, most) as u32;
        for seconds in 1..=longest {
            length_ns = f64::from(seconds) * SECOND;
            let repaid_ns = self.debt_ns * (length_ns / REPAID_IN_NS).min(1.0);
            let repaid_ns = repaid_ns.min(MOST_REPAID * budget * length_ns);
            let allowed_ns = (budget - others) * length_ns - repaid_ns - aside_ns;
            let affordable_ns = allowed_ns / rate;
            if affordable_ns >= LEAST_ON_NS.max(aside_ns / rate / 2.0) {
                on_ns = affordable_ns;
                break;
            }
        }
        let mut jitter = || 0.75 + 0.5 * random.unit();
        length_ns *= jitter();
        on_ns = (on_ns * jitter()).min(MOST_ON * length_ns);
        let on_after_ns = random.unit() * (length_ns - on_ns);
        Cycle {
            length_ns: length_ns as u64,
            on_after_ns: on_after_ns as u64,
            on_ns: on_ns as u64,
            switched: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
