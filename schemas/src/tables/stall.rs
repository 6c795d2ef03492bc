//! The note about counts that were not read before the kernel side used their slots again, because the
//! recorder or its host could not run: written by the recorder, read by the analyzer.

use std::fmt;

const BEFORE: &str = "counts were read late: those of ";
const UP_TO: &str = " earlier intervals are in those of later ones, up to interval ";

/// A stall: the text of its note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Number of intervals whose counts are in those of the intervals after them.
    pub merged: u64,
    /// The interval in which the stall ended: the last one that may have such counts.
    pub interval: u64,
}

impl Stall {
    /// What the text of a note tells; `None` where it is another one.
    pub fn of_note(text: &str) -> Option<Self> {
        let (merged, interval) = text.strip_prefix(BEFORE)?.split_once(UP_TO)?;
        Some(Self {
            merged: merged.parse().ok()?,
            interval: interval.parse().ok()?,
        })
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEFORE}{}{UP_TO}{}", self.merged, self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_no_other_is() {
        for (merged, interval) in [(1, 17), (45, 1_000_060), (u64::MAX, u64::MAX)] {
            let stall = Stall { merged, interval };
            let text = stall.to_string();
            assert_eq!(Stall::of_note(&text), Some(stall));
            assert_eq!(Stall::of_note(&format!("{text}.")), None);
        }
        let hostile = [format!("{BEFORE}-1{UP_TO}5"), format!("{BEFORE}1{UP_TO}")];
        for other in ["", BEFORE, UP_TO, &hostile[0], &hostile[1]] {
            assert_eq!(Stall::of_note(other), None);
        }
    }
}
