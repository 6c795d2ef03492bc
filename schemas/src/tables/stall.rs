//! The note about a recorder that could not run for longer than the kernel side counts intervals
//! apart: written by the recorder, read by the analyzer.

use std::fmt;

const BEFORE: &str = "the recorder stalled: the counts of ";
const AFTER: &str = " earlier intervals are in those of later ones";

/// A stall that ended when its note was written: the text of the note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Number of intervals whose counts are in those of the intervals after them.
    pub merged: u64,
}

impl Stall {
    /// What the text of a note tells; `None` where it is another one.
    pub fn of_note(text: &str) -> Option<Self> {
        let merged = text.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
        let merged = merged.parse().ok()?;
        Some(Self { merged })
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEFORE}{}{AFTER}", self.merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_no_other_is() {
        for merged in [1, 45, u64::MAX] {
            let text = Stall { merged }.to_string();
            assert_eq!(Stall::of_note(&text), Some(Stall { merged }));
            assert_eq!(Stall::of_note(&format!("{text}.")), None);
        }
        for other in ["", BEFORE, AFTER, &format!("{BEFORE}-1{AFTER}")] {
            assert_eq!(Stall::of_note(other), None);
        }
    }
}
