//! Stationary noise of the kinds that services and textbooks have. The windows of the simulations
//! are drawn from it.
//!
//! Every process has a mean near 0, a standard deviation near 1 and no trend.

use rand_distr::{Distribution, Exp1, Normal, StandardNormal, StudentT, Uniform};
use rand_pcg::Pcg64Mcg;

/// The generator of all simulations.
pub(crate) type Random = Pcg64Mcg;

/// One way in which windows of a healthy service vary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Process {
    /// Autoregressive, order 1.
    Ar(f64),
    /// Autoregressive, order 1, with Student-t noise of 3 degrees of freedom.
    ArHeavy(f64),
    /// Autoregressive, order 2, with complex roots: it is nearly periodic.
    Ar2,
    /// Moving average over this number of windows.
    Average(usize),
    /// A sine with this number of periods in the run, random phase, and white noise.
    Periods(f64),
    /// A sawtooth with this number of periods in the run, random phase, and little noise.
    Sawtooth(f64),
    /// Two states, with these probabilities per window to enter and to leave the burst.
    Bursts(f64, f64),
    /// Independent Student-t noise with this number of degrees of freedom.
    Heavy(f64),
    /// The level jumps to a new value with this probability per window.
    Levels(f64),
    /// Rare exponential spikes that decay over some windows: collector pauses, cron jobs.
    Spikes,
    /// A job that starts every `n / 17.3` windows and takes three windows.
    Cron,
    /// Periods of small noise and periods of large noise (stochastic volatility); the values
    /// themselves are not correlated.
    Volatility,
    /// AR(0.9) noise with a standard deviation of 0.65, plus white noise with one of 0.76. A
    /// percentile per window looks like this.
    Hidden,
    /// [`Ar`](Process::Ar) noise that each of this number of neighbouring windows shares: a run
    /// that is cut more finely than its noise changes.
    Held(f64, usize),
    /// Fractionally integrated noise of order `d`: long memory.
    Long(f64),
}

fn draw<D: Distribution<f64>>(distribution: D, random: &mut Random) -> f64 {
    distribution.sample(random)
}

fn normal(random: &mut Random) -> f64 {
    draw(StandardNormal, random)
}

/// Uniform on 0..1.
pub(crate) fn uniform(random: &mut Random) -> f64 {
    Uniform::new(0.0, 1.0).map_or(0.5, |d| d.sample(random))
}

fn autoregressive(n: usize, phi: f64, mut noise: impl FnMut() -> f64) -> Vec<f64> {
    let scale = (1.0 - phi * phi).sqrt();
    let mut value = noise();
    (0..n + 100)
        .map(|_| {
            value = phi * value + scale * noise();
            value
        })
        .skip(100)
        .collect()
}

impl Process {
    /// `n` windows of the process.
    pub(crate) fn series(self, n: usize, random: &mut Random) -> Vec<f64> {
        let turn = std::f64::consts::TAU;
        match self {
            Process::Ar(phi) => autoregressive(n, phi, || normal(random)),
            Process::ArHeavy(phi) => {
                autoregressive(n, phi, || Process::heavy(3.0, random) / 3.0_f64.sqrt())
            }
            Process::Ar2 => {
                let (mut one, mut two) = (0.0, 0.0);
                let all = (0..n + 200).map(|_| {
                    let next = 1.5 * one - 0.7 * two + 0.35 * normal(random);
                    (two, one) = (one, next);
                    next
                });
                all.skip(200).collect()
            }
            Process::Average(width) => {
                let noise: Vec<f64> = (0..n + width).map(|_| normal(random)).collect();
                let scale = 1.0 / (width as f64).sqrt();
                (0..n)
                    .map(|i| noise[i..i + width].iter().sum::<f64>() * scale)
                    .collect()
            }
            Process::Periods(count) => {
                let phase = uniform(random);
                let at = |i: usize| turn * (i as f64 * count / n as f64 + phase);
                (0..n)
                    .map(|i| 1.3 * at(i).sin() + 0.4 * normal(random))
                    .collect()
            }
            Process::Sawtooth(count) => {
                let phase = uniform(random);
                let at = |i: usize| (i as f64 * count / n as f64 + phase).fract() - 0.5;
                (0..n).map(|i| 3.3 * at(i) + 0.3 * normal(random)).collect()
            }
            Process::Bursts(enter, leave) => {
                let share = enter / (enter + leave);
                let mut busy = uniform(random) < share;
                (0..n)
                    .map(|_| {
                        let change = uniform(random) < if busy { leave } else { enter };
                        busy ^= change;
                        let height = if busy { 1.0 - share } else { -share };
                        height / (share * (1.0 - share)).sqrt() + 0.4 * normal(random)
                    })
                    .collect()
            }
            Process::Heavy(degrees) => (0..n)
                .map(|_| Process::heavy(degrees, random) / 2.0)
                .collect(),
            Process::Levels(chance) => {
                let mut level = normal(random);
                (0..n)
                    .map(|_| {
                        if uniform(random) < chance {
                            level = normal(random);
                        }
                        level + 0.3 * normal(random)
                    })
                    .collect()
            }
            Process::Spikes => {
                let mut height = 0.0;
                (0..n)
                    .map(|_| {
                        height *= 0.6;
                        if uniform(random) < 0.01 {
                            height += 6.0 * draw(Exp1, random);
                        }
                        height - 0.15 + 0.5 * normal(random)
                    })
                    .collect()
            }
            Process::Cron => {
                let every = (n as f64 / 17.3).max(5.0);
                let phase = uniform(random) * every;
                let busy = |i: usize| {
                    if (i as f64 + phase) % every < 3.0 {
                        3.0
                    } else {
                        -0.3
                    }
                };
                (0..n).map(|i| busy(i) + 0.5 * normal(random)).collect()
            }
            Process::Volatility => {
                let rough = autoregressive(n, 0.95, || normal(random));
                rough
                    .iter()
                    .map(|v| (0.7 * v).exp() * normal(random) / 1.3)
                    .collect()
            }
            Process::Hidden => {
                let slow = autoregressive(n, 0.9, || normal(random));
                slow.iter()
                    .map(|v| 0.65 * v + 0.76 * normal(random))
                    .collect()
            }
            Process::Held(phi, windows) => {
                let values = Process::Ar(phi).series(n.div_ceil(windows), random);
                (0..n).map(|i| values[i / windows]).collect()
            }
            Process::Long(d) => Process::fractional(n, d, random),
        }
    }

    fn heavy(degrees: f64, random: &mut Random) -> f64 {
        StudentT::new(degrees)
            .map_or(0.0, |t| draw(t, random))
            .clamp(-1e3, 1e3)
    }

    /// Durbin–Levinson recursion for ARFIMA(0, d, 0): exact, O(n²).
    fn fractional(n: usize, d: f64, random: &mut Random) -> Vec<f64> {
        let mut values: Vec<f64> = Vec::with_capacity(n);
        let mut weights: Vec<f64> = Vec::new();
        let mut variance = 1.0;
        for t in 0..n {
            if t > 0 {
                let last = d / (t as f64 - d);
                let before = weights.clone();
                for (j, weight) in weights.iter_mut().enumerate() {
                    *weight = before[j] - last * before[t - 2 - j];
                }
                weights.push(last);
                variance *= 1.0 - last * last;
            }
            let mean: f64 = weights
                .iter()
                .zip(values.iter().rev())
                .map(|(w, v)| w * v)
                .sum();
            let spread = Normal::new(mean, f64::sqrt(variance)).map_or(mean, |d| draw(d, random));
            values.push(spread);
        }
        values
    }
}
