//! Searches and effects that could not be decided, as a person reads them: those that have the same
//! reason are one sentence with their number, so that a reason is read once.

use crate::compare::EffectAnswer;
use crate::soak::FindingAnswer;
use crate::units::count;

use super::finding_words::reason;

/// The most names in a sentence; more would hide the reason.
const MOST_NAMED: usize = 3;

/// A search or an effect that could not be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undecided {
    /// What several of them are called.
    things: &'static str,
    /// The kind of a search, the metric of an effect.
    kind: String,
    /// What it is about.
    subject: String,
    /// The operation; empty where it is not about one.
    operation: String,
    reason: String,
    /// The sentence that it has alone, without the reason.
    alone: String,
}

impl Undecided {
    pub(crate) fn search(finding: &FindingAnswer) -> Self {
        Self {
            things: "searches",
            kind: finding.kind.to_owned(),
            subject: finding.subject.clone(),
            operation: finding.operation.clone(),
            reason: reason(finding),
            alone: format!("{}, {}", finding.subject, finding.kind),
        }
    }

    pub(crate) fn effect(effect: &EffectAnswer) -> Self {
        Self {
            things: "effects",
            kind: effect.metric.clone(),
            subject: effect.operation.clone(),
            operation: effect.operation.clone(),
            reason: effect.own_reason.clone(),
            alone: format!("{} {}", effect.operation, effect.metric),
        }
    }
}

/// Those that have one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SameReason(Vec<Undecided>);

impl SameReason {
    /// Groups by the reason: the largest first, and equal ones in the order of their first members.
    pub(crate) fn of(all: impl Iterator<Item = Undecided>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for one in all {
            match groups
                .iter_mut()
                .find(|group| group.0[0].reason == one.reason)
            {
                Some(group) => group.0.push(one),
                None => groups.push(Self(vec![one])),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.0.len()));
        groups
    }

    /// Whether no other one has its reason.
    pub(crate) fn is_single(&self) -> bool {
        self.0.len() == 1
    }

    /// Their reason.
    pub(crate) fn reason(&self) -> &str {
        &self.0[0].reason
    }

    /// The subject, the kind and the reason of the first one.
    pub(crate) fn cells(&self) -> Vec<String> {
        let first = &self.0[0];
        vec![
            first.subject.clone(),
            first.kind.clone(),
            first.reason.clone(),
        ]
    }

    /// How many there are, of what, and their reason.
    pub(crate) fn sentence(&self) -> String {
        let first = &self.0[0];
        if self.is_single() {
            return format!("{}: {}", first.alone, first.reason);
        }
        let kinds = distinct(self.0.iter().map(|one| &*one.kind)).join(", ");
        let number = count(self.0.len() as u64);
        let (things, reason) = (first.things, &first.reason);
        format!("{number} {things} of {} ({kinds}): {reason}", self.names())
    }

    /// The subjects if they are few, otherwise the operations, and the subjects that are none.
    fn names(&self) -> String {
        let subjects = distinct(self.0.iter().map(|one| &*one.subject));
        let names = match subjects.len() <= MOST_NAMED {
            true => subjects,
            false => distinct(self.0.iter().map(|one| match one.operation.is_empty() {
                true => &*one.subject,
                false => &*one.operation,
            })),
        };
        let more = names.len().saturating_sub(MOST_NAMED);
        match names.as_slice() {
            [only] => (*only).to_owned(),
            [others @ .., last] if more == 0 => format!("{} and {last}", others.join(", ")),
            _ => {
                let named = names[..MOST_NAMED].join(", ");
                format!("{named} and {} more", count(more as u64))
            }
        }
    }
}

/// Each name once, in the order of the first ones.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(kind: &str, operation: &str, metric: &str, reason: &str) -> Undecided {
        let subject = format!("{operation} {metric}").trim().to_owned();
        Undecided {
            things: "searches",
            kind: kind.to_owned(),
            alone: format!("{subject}, {kind}"),
            subject,
            operation: operation.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn sentences(all: &[Undecided]) -> Vec<String> {
        let groups = SameReason::of(all.iter().cloned());
        groups.iter().map(SameReason::sentence).collect()
    }

    #[test]
    fn a_reason_of_many_is_one_sentence_with_their_number() {
        let operations = (0..41).map(|index| format!("o{index}"));
        let all = operations.flat_map(|operation| {
            ["drift", "period"].map(|kind| search(kind, &operation, "cpu", "made up"))
        });
        let mut all: Vec<Undecided> = all.collect();
        all.insert(7, search("gap", "", "run", "made up"));
        all.push(search("drift", "a", "cpu", "too few"));
        assert_eq!(
            sentences(&all),
            [
                "83 searches of o0, o1, o2 and 39 more (drift, period, gap): made up",
                "a cpu, drift: too few",
            ]
        );
    }

    #[test]
    fn few_subjects_are_named_and_large_groups_are_first() {
        let all = [
            search("drift", "", "rss", "alone"),
            search("drift", "a", "cpu", "short"),
            search("period", "a", "cpu", "short"),
            search("drift", "b", "rate", "short"),
            search("drift", "", "x", "flat"),
            search("drift", "", "y", "flat"),
        ];
        assert_eq!(
            sentences(&all),
            [
                "3 searches of a cpu and b rate (drift, period): short",
                "2 searches of x and y (drift): flat",
                "rss, drift: alone",
            ]
        );
    }

    #[test]
    fn columns_of_a_file_are_no_operations() {
        let columns = ["a", "b", "c", "d", "e"].map(|name| search("drift", "", name, "short"));
        assert_eq!(
            sentences(&columns),
            ["5 searches of a, b, c and 2 more (drift): short"]
        );
        assert_eq!(sentences(&[]), [""; 0]);
        let four = ["a", "b", "c", "d"].map(|name| search("drift", name, "cpu", "short"));
        assert_eq!(
            sentences(&four),
            ["4 searches of a, b, c and 1 more (drift): short"]
        );
    }
}
