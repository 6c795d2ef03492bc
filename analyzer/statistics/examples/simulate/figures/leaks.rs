//! Leaks beneath a sawtooth: found, absent, and inconclusive after too few periods.

use super::Figures;
use crate::trials::heap::{self, HEALTHY, Heap};
use soakbox_statistics::Status;

/// The heaps that are judged. Those that grow must be found and never be absent; the others must
/// not be found. A leak in a process that restarts need not be found where the restarts are not
/// given, but it must not be absent.
const LEAKS: [(&str, Heap); 20] = [
    (
        "24 h, 2%/h from the middle on",
        Heap {
            growth: 0.02,
            begin: 0.5,
            ..HEALTHY
        },
    ),
    (
        "24 h, 5%/h from three quarters on",
        Heap {
            growth: 0.05,
            begin: 0.75,
            ..HEALTHY
        },
    ),
    (
        "24 h, 5%/h from four fifths on",
        Heap {
            growth: 0.05,
            begin: 0.8,
            ..HEALTHY
        },
    ),
    (
        "24 h, teeth grow fourfold on a flat floor",
        Heap {
            taller: 4.0,
            ..HEALTHY
        },
    ),
    (
        "24 h, restart every 6 h, healthy",
        Heap {
            life: Some(6.0),
            ..HEALTHY
        },
    ),
    (
        "24 h, restart every 6 h, 1%/h",
        Heap {
            growth: 0.01,
            life: Some(6.0),
            ..HEALTHY
        },
    ),
    (
        "24 h, restart every 6 h, 5%/h",
        Heap {
            growth: 0.05,
            life: Some(6.0),
            ..HEALTHY
        },
    ),
    (
        "72 h, restart every 6 h, 1%/h",
        Heap {
            hours: 72.0,
            growth: 0.01,
            life: Some(6.0),
            ..HEALTHY
        },
    ),
    (
        "24 h, restart every 6 h, not given, 5%/h",
        Heap {
            growth: 0.05,
            life: Some(6.0),
            restarts_given: false,
            ..HEALTHY
        },
    ),
    (
        "72 h without teeth, restart every 6 h, not given, 1%/h",
        Heap {
            hours: 72.0,
            growth: 0.01,
            life: Some(6.0),
            restarts_given: false,
            teeth: 0.0,
            ..HEALTHY
        },
    ),
    (
        "72 h without teeth, restart every 2 h, not given, 2%/h",
        Heap {
            hours: 72.0,
            growth: 0.02,
            life: Some(2.0),
            restarts_given: false,
            teeth: 0.0,
            ..HEALTHY
        },
    ),
    (
        "72 h without teeth, healthy",
        Heap {
            hours: 72.0,
            teeth: 0.0,
            ..HEALTHY
        },
    ),
    (
        "72 h without teeth, 2%/h from the middle on",
        Heap {
            hours: 72.0,
            growth: 0.02,
            begin: 0.5,
            teeth: 0.0,
            ..HEALTHY
        },
    ),
    (
        "24 h without teeth, 20%/h from 40% on",
        Heap {
            growth: 0.2,
            begin: 0.4,
            teeth: 0.0,
            ..HEALTHY
        },
    ),
    (
        "24 h, a day of ± 10%, healthy",
        Heap {
            day: 0.1,
            ..HEALTHY
        },
    ),
    (
        "72 h, a day of ± 10%, healthy",
        Heap {
            hours: 72.0,
            day: 0.1,
            ..HEALTHY
        },
    ),
    (
        "72 h, a day of ± 10%, 1%/h",
        Heap {
            hours: 72.0,
            growth: 0.01,
            day: 0.1,
            ..HEALTHY
        },
    ),
    (
        "72 h, a day of ± 10%, 5%/h from the middle on",
        Heap {
            hours: 72.0,
            growth: 0.05,
            begin: 0.5,
            day: 0.1,
            ..HEALTHY
        },
    ),
    (
        "72 h, a day of ± 10%, 5%/h from 70% on",
        Heap {
            hours: 72.0,
            growth: 0.05,
            begin: 0.7,
            day: 0.1,
            ..HEALTHY
        },
    ),
    (
        "20 h, a day of ± 10%, healthy",
        Heap {
            hours: 20.0,
            day: 0.1,
            ..HEALTHY
        },
    ),
];

impl Figures {
    fn heap(&mut self, name: &str, heap: Heap, trials: usize) {
        let figure = format!("leak {name}");
        if !self.wanted(&figure) {
            return;
        }
        let [found, absent] = heap.statuses(trials, &mut self.random(&figure));
        let row = format!("{figure}: found");
        // In a run shorter than the day its rise cannot be distinguished from growth.
        let unknown = heap.day > 0.0 && heap.hours < 24.0;
        if !heap.restarts_given {
            self.table.shown(&row, found, trials);
        } else if heap.growth > 0.0 {
            self.table.share(&row, found, trials, 0.95);
        } else {
            self.table.alarms(&row, found, trials, !unknown);
        }
        let row = format!("{figure}: absent");
        if heap.growth > 0.0 || unknown {
            let seen = format!("{absent} of {trials}");
            self.table.row(&row, "0", &seen, Some(absent == 0));
        } else {
            self.table.shown(&row, absent, trials);
        }
    }

    pub(super) fn leaks(&mut self) {
        let trials = self.arguments.repetitions;
        for (name, heap) in LEAKS {
            self.heap(name, heap, trials);
        }
        for n in [100, 200, 600, 8640] {
            let figure = format!("leak AR(0.9) {n} points without teeth: found");
            if self.wanted(&figure) {
                let found = heap::noise_found(0.9, n, 0.05, trials, &mut self.random(&figure));
                self.table.alarms(&figure, found, trials, true);
            }
        }
        for (phi, n) in [(0.5, 24), (0.5, 64), (0.9, 24), (0.9, 64), (0.9, 240)] {
            for rate in [0.05, 0.001] {
                let figure = format!("leak AR({phi}) {n} points, a rate of {rate}: found");
                if self.wanted(&figure) {
                    let found = heap::noise_found(phi, n, rate, trials, &mut self.random(&figure));
                    self.table.shown(&figure, found, trials);
                }
            }
        }
        for ragged in [false, true] {
            let teeth = if ragged { "ragged teeth" } else { "even teeth" };
            let figure = format!("leak 24 h, {teeth}");
            if !self.wanted(&figure) {
                continue;
            }
            let mut random = self.random(&figure);
            let mut count = |status, hours, growth| {
                heap::count(status, hours, growth, ragged, trials, &mut random)
            };
            let found = count(Status::Found, 24.0, 0.01);
            let row = format!("{figure}: 1%/h found");
            self.table.share(&row, found, trials, 0.95);
            let alarms = count(Status::Found, 24.0, 0.0);
            let row = format!("{figure}: healthy, found");
            self.table.alarms(&row, alarms, trials, true);
            let absent = count(Status::Absent, 24.0, 0.0);
            let row = format!("{figure}: healthy, absent");
            self.table.shown(&row, absent, trials);
            if !ragged {
                for periods in [1.5, 2.5, 3.5, 4.8] {
                    let inconclusive = count(Status::Inconclusive, periods / 6.0, 0.01);
                    let row = format!("leak, {periods} periods seen: inconclusive");
                    self.table.share(&row, inconclusive, trials, 1.0);
                }
            }
        }
    }
}
