//! Leaks beneath a sawtooth: found, absent, and inconclusive after too few periods.

use super::Figures;
use crate::trials::heap::{self, Unusual};
use soakbox_statistics::Status;

impl Figures {
    pub(super) fn leaks(&mut self) {
        let trials = self.arguments.repetitions;
        let figure = "leak 24 h, 2%/h from the middle on: found";
        if self.wanted(figure) {
            let found = heap::unusual(Unusual::LateLeak, trials, &mut self.random(figure));
            self.table.share(figure, found, trials, 0.95);
        }
        let figure = "leak 24 h, teeth grow fourfold on a flat floor: found";
        if self.wanted(figure) {
            let found = heap::unusual(Unusual::GrowingTeeth, trials, &mut self.random(figure));
            self.table.alarms(figure, found, trials, true);
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
