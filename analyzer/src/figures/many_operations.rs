//! The same warning about many operations, as one: a list of fifty lines hides the others.

use std::collections::BTreeMap;

use super::Warning;
use crate::units::count;

/// The most operations that have a warning of their own.
const MOST: usize = 4;
/// The operations that are named where there are more.
const NAMED: usize = 3;

/// Warnings of one kind, each about one operation; of many, the one about all of them.
pub(super) fn together(warnings: impl Iterator<Item = Warning>) -> Vec<Warning> {
    let warnings: Vec<Warning> = warnings.collect();
    if warnings.len() <= MOST {
        return warnings;
    }
    let names: Vec<String> = warnings.iter().filter_map(operation).cloned().collect();
    let named = names[..NAMED.min(names.len())].join(", ");
    let number = count(names.len() as u64);
    let more = count(names.len().saturating_sub(NAMED) as u64);
    let all = format!("{number} operations ({named} and {more} more)");
    let merged = warnings.into_iter().reduce(merged);
    merged.map(|one| renamed(one, all)).into_iter().collect()
}

fn operation(warning: &Warning) -> Option<&String> {
    match warning {
        Warning::Loss { operation, .. }
        | Warning::Filtered { operation, .. }
        | Warning::Stuck { operation, .. }
        | Warning::Disagreement { operation } => Some(operation),
        _ => None,
    }
}

fn renamed(mut warning: Warning, name: String) -> Warning {
    match &mut warning {
        Warning::Loss { operation, .. }
        | Warning::Filtered { operation, .. }
        | Warning::Stuck { operation, .. }
        | Warning::Disagreement { operation } => *operation = name,
        _ => {}
    }
    warning
}

/// The sum of two of the same kind, under the name of the first.
fn merged(mut one: Warning, other: Warning) -> Warning {
    match (&mut one, other) {
        (
            Warning::Loss {
                lost,
                finished,
                causes,
                ..
            },
            Warning::Loss {
                lost: more_lost,
                finished: more_finished,
                causes: more_causes,
                ..
            },
        ) => {
            *lost = lost.saturating_add(more_lost);
            *finished = finished.saturating_add(more_finished);
            let mut all = BTreeMap::new();
            for (cause, number) in causes.iter().copied().chain(more_causes) {
                let sum: &mut u64 = all.entry(cause).or_default();
                *sum = sum.saturating_add(number);
            }
            *causes = all.into_iter().collect();
        }
        (
            Warning::Filtered {
                filtered, finished, ..
            },
            Warning::Filtered {
                filtered: more_filtered,
                finished: more_finished,
                ..
            },
        ) => {
            *filtered = filtered.saturating_add(more_filtered);
            *finished = finished.saturating_add(more_finished);
        }
        (
            Warning::Stuck {
                in_flight,
                oldest_ns,
                ..
            },
            Warning::Stuck {
                in_flight: more,
                oldest_ns: other_ns,
                ..
            },
        ) => {
            *in_flight = in_flight.saturating_add(more);
            *oldest_ns = other_ns.max(*oldest_ns);
        }
        _ => {}
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(index: u64) -> Warning {
        Warning::Loss {
            operation: format!("operation_{index}"),
            lost: index,
            finished: 10,
            causes: vec![(
                if index.is_multiple_of(2) {
                    "ring_full"
                } else {
                    "write"
                },
                index,
            )],
        }
    }

    fn lines(warnings: Vec<Warning>) -> Vec<String> {
        warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn many_are_one_line_with_their_sums_and_few_are_lines_of_their_own() {
        assert_eq!(
            together((1..5).map(loss)),
            (1..5).map(loss).collect::<Vec<_>>()
        );
        assert_eq!(
            lines(together((1..=6).map(loss))),
            [
                "6 operations (operation_1, operation_2, operation_3 and 3 more): 21 of 60 finished \
                 operations were lost (35.0 %): ring full 12, write 9"
            ]
        );
        let stuck = |index: u64| Warning::Stuck {
            operation: format!("o{index}"),
            in_flight: 2,
            oldest_ns: index * 1_000_000_000,
        };
        let line = &lines(together((10..15).map(stuck)))[0];
        assert!(
            line.contains("10 in flight at the end, the oldest for 14"),
            "{line}"
        );
        let names = |index: u64| Warning::Disagreement {
            operation: format!("o{index}"),
        };
        let line = &lines(together((0..1_234).map(names)))[0];
        assert!(
            line.starts_with("1,234 operations (o0, o1, o2 and 1,231 more): "),
            "{line}"
        );
        assert!(together((0..0).map(names)).is_empty());
    }
}
