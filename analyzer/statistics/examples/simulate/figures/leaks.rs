//! Leaks beneath a sawtooth: found, absent, and inconclusive after too few periods.

use super::Figures;
use crate::trials::heap::{self, HEALTHY, Heap};
use soakbox_statistics::Status;

/// The heaps that are judged. Those that grow must be found, the others must not.
const LEAKS: [(&str, Heap); 11] = [
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
];

impl Figures {
    fn heap(&mut self, name: &str, heap: Heap, trials: usize) {
        let figure = format!("leak {name}");
        if !self.wanted(&figure) {
            return;
        }
        let [found, absent] = heap.statuses(trials, &mut self.random(&figure));
        let row = format!("{figure}: found");
        if heap.growth > 0.0 {
            self.table.share(&row, found, trials, 0.95);
        } else {
            self.table.alarms(&row, found, trials, true);
        }
        self.table
            .shown(&format!("{figure}: absent"), absent, trials);
    }

    pub(super) fn leaks(&mut self) {
        let trials = self.arguments.repetitions;
        for (name, heap) in LEAKS {
            self.heap(name, heap, trials);
        }
        for n in [600, 8640] {
            let figure = format!("leak AR(0.9) {n} points without teeth: found");
            if self.wanted(&figure) {
                let found = heap::noise_found(n, trials, &mut self.random(&figure));
                self.table.alarms(&figure, found, trials, true);
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
