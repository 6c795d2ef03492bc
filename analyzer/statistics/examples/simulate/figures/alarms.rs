//! False alarms in comparisons of two runs of one service.

use super::Figures;
use crate::trials::comparison;
use crate::trials::process::Process;
use crate::trials::service::Service;

/// Noise under which the alarm rate must hold.
const BOUNDED: [Process; 22] = [
    Process::Ar(0.0),
    Process::Ar(0.5),
    Process::Ar(0.7),
    Process::Ar(0.9),
    Process::Average(10),
    Process::Periods(20.0),
    Process::Bursts(0.02, 0.1),
    Process::Bursts(0.05, 0.05),
    Process::Sawtooth(20.0),
    Process::Heavy(2.5),
    Process::ArHeavy(0.9),
    Process::Ar2,
    Process::Average(30),
    Process::Hidden,
    Process::Periods(2.5),
    Process::Bursts(0.005, 0.1),
    Process::Bursts(0.02, 0.02),
    Process::Levels(0.05),
    Process::Levels(0.02),
    Process::Spikes,
    Process::Cron,
    Process::Volatility,
];
/// Noise with a memory as long as the run, which a single run cannot reveal: the rate is shown
/// without a bound.
const UNBOUNDED: [Process; 7] = [
    Process::Ar(0.97),
    Process::Held(0.7, 4),
    Process::Held(0.9, 4),
    Process::Held(0.9, 13),
    Process::Levels(0.005),
    Process::Long(0.2),
    Process::Long(0.4),
];

impl Figures {
    pub(super) fn alarms(&mut self) {
        let bounded = BOUNDED.iter().map(|process| (*process, true));
        let shown = UNBOUNDED.iter().map(|process| (*process, false));
        for (process, bounded) in bounded.chain(shown) {
            for n in [200, 600, 2000] {
                let figure = format!("alarms {process:?} {n} windows");
                if !self.wanted(&figure) {
                    continue;
                }
                // No bound where a level lasts for a quarter of the run, 50 of 200 windows on
                // average.
                let bounded = bounded && !(process == Process::Levels(0.02) && n == 200);
                let repetitions = self.arguments.repetitions;
                let trials = if bounded {
                    repetitions
                } else {
                    repetitions.min(100)
                };
                let service = comparison::healthy(process);
                let alarms = self.counted(&figure, trials, |simulator, trials, random| {
                    comparison::false_alarms(simulator, service, n, trials, random)
                });
                self.alarms_at(&figure, alarms, ["0", "5%"], trials, bounded);
            }
        }
    }

    /// Services that are hard to compare for other reasons than the kind of their noise.
    pub(super) fn alarms_of_services(&mut self) {
        let trials = self.arguments.repetitions;
        for n in [200, 600] {
            for (name, service) in hard_services() {
                let figure = format!("alarms of a service, {name}, {n} windows");
                if self.wanted(&figure) {
                    let alarms = self.counted(&figure, trials, |simulator, trials, random| {
                        comparison::false_alarms(simulator, service, n, trials, random)
                    });
                    self.alarms_at(&figure, alarms, ["0", "5%"], trials, true);
                }
            }
            let figure = format!("alarms of a service, failure clusters, {n} windows");
            if self.wanted(&figure) {
                let alarms = self.counted(&figure, trials, |_, trials, random| {
                    comparison::rare_clusters(n, trials, random)
                });
                self.alarms_at(&figure, alarms, ["0", "0.1%"], trials, true);
            }
        }
    }
}

fn hard_services() -> [(&'static str, Service); 6] {
    let noisy = |process| Service {
        noise: 0.3,
        ..comparison::healthy(process)
    };
    let plain = comparison::healthy(Process::Hidden);
    let few_operations = Service {
        operations: 5,
        ..plain
    };
    let rare_failures = Service {
        failures: 2e-5,
        ..plain
    };
    let fixed_load = Service {
        random_load: false,
        failures: 0.0,
        ..plain
    };
    [
        ("noise 30%, Hidden", noisy(Process::Hidden)),
        (
            "noise 30%, Bursts(0.02, 0.1)",
            noisy(Process::Bursts(0.02, 0.1)),
        ),
        ("noise 30%, Ar(0.9)", noisy(Process::Ar(0.9))),
        ("5 operations a window", few_operations),
        ("rare failures", rare_failures),
        ("fixed load, no failures", fixed_load),
    ]
}
