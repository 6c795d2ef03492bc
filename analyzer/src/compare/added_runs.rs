//! Comparisons to which runs are added until they are decided: which look at the data this one is.

use serde::Serialize;
use soakbox_cli::{Failure, Result};
use soakbox_statistics::Looks;

/// The plan of such a comparison, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddedRuns {
    /// Runs per side at the end.
    pub planned: usize,
    /// Runs per side at the look before this one; 0 at the first.
    pub looked: usize,
}

/// One look, as it is in the answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct LookAnswer {
    /// Runs per side at the end.
    pub(crate) planned: usize,
    /// Runs per side now.
    pub(crate) now: usize,
    /// Runs per side at the look before.
    pub(crate) before: usize,
    /// The share of the error rate that this look has.
    pub(crate) share: f64,
}

impl AddedRuns {
    /// The look at this number of runs on each side; of unequal numbers the smaller one counts.
    ///
    /// # Errors
    /// Where there are more runs than planned, or none was added since the look before.
    pub fn look(self, base: usize, candidate: usize) -> Result<Looks> {
        let now = base.min(candidate);
        if now > self.planned {
            let option = format!("--planned {}", self.planned);
            return Err(
                Failure::new(option, format_args!("there are {now} runs per side"))
                    .hint("the number is planned before the first comparison"),
            );
        }
        if now <= self.looked {
            let option = format!("--looked {}", self.looked);
            let reason = format!("there are {now} runs per side, and none was added since");
            return Err(Failure::new(option, reason)
                .hint("it is the number of runs per side at the comparison before this one"));
        }
        Ok(Looks {
            planned: self.planned,
            now,
            before: self.looked,
        })
    }
}

impl From<Looks> for LookAnswer {
    fn from(looks: Looks) -> Self {
        Self {
            planned: looks.planned,
            now: looks.now,
            before: looks.before,
            share: looks.share(),
        }
    }
}
