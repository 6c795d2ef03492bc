//! Intervals whose counts are in those of other ones, because the recorder stalled for longer than the
//! kernel side counts intervals apart. Pure.

use std::sync::Arc;

use soakbox_schemas::counters::SLOTS;
use soakbox_schemas::tables::Stall;

/// Groups of intervals whose counts and rows agree only together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MergedIntervals(Arc<[Group]>);

/// The first and the last interval of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Whether all of its rows and counts are there.
    pub(super) is_complete: bool,
}

impl MergedIntervals {
    /// The kernel side uses its slots in turn: those of the merged intervals are the ones of all that can
    /// be in use at the end of the stall.
    pub(super) fn of(stalls: impl IntoIterator<Item = Stall>) -> Self {
        let group = |stall: Stall| {
            let shared = stall.merged.saturating_add(u64::from(SLOTS) - 1);
            Group {
                first: stall.interval.saturating_sub(shared),
                last: stall.interval,
                is_complete: true,
            }
        };
        let mut all: Vec<Group> = stalls.into_iter().map(group).collect();
        all.sort_unstable_by_key(|group| group.first);
        let mut groups: Vec<Group> = Vec::new();
        for group in all {
            match groups.last_mut() {
                Some(before) if group.first <= before.last => {
                    before.last = before.last.max(group.last);
                }
                _ => groups.push(group),
            }
        }
        Self(groups.into())
    }

    /// The same where some of a group may not be there.
    #[must_use]
    pub(super) fn with_incomplete(self, is_incomplete: impl Fn(Group) -> bool) -> Self {
        let groups = self.0.iter().map(|group| Group {
            is_complete: !is_incomplete(*group),
            ..*group
        });
        Self(groups.collect())
    }

    /// The group that an interval is in.
    pub(super) fn group_of(&self, interval: u64) -> Option<Group> {
        let next = self.0.partition_point(|group| group.last < interval);
        let group = self.0.get(next)?;
        (group.first <= interval).then_some(*group)
    }

    /// Whether one of these intervals is in a group.
    pub(super) fn touch(&self, first: u64, last: u64) -> bool {
        let next = self.0.partition_point(|group| group.last < first);
        self.0.get(next).is_some_and(|group| group.first <= last)
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;

    #[test]
    fn a_group_has_the_intervals_that_share_slots_and_groups_that_touch_are_one() {
        let group = |first, last| Group {
            first,
            last,
            is_complete: true,
        };
        let none = MergedIntervals::default();
        assert_eq!((none.group_of(5), none.touch(0, u64::MAX)), (None, false));
        // 101 to 144 were merged into 145 to 160.
        let stall = |merged, interval| Stall { merged, interval };
        let one = MergedIntervals::of([stall(44, 160)]);
        assert_eq!(one.groups(), [group(101, 160)]);
        for (interval, is_in) in [(100, false), (101, true), (160, true), (161, false)] {
            assert_eq!(one.group_of(interval).is_some(), is_in, "{interval}");
        }
        let touched = [(0, 100), (0, 101), (120, 130), (160, 200), (161, 200)];
        let touched = touched.map(|(first, last)| one.touch(first, last));
        assert_eq!(touched, [false, true, true, true, false]);
        let several = [stall(1, 500), stall(44, 160), stall(3, 170), stall(7, 9)];
        let several = MergedIntervals::of(several);
        let expected = [group(0, 9), group(101, 170), group(484, 500)];
        assert_eq!(several.groups(), expected);
        assert_eq!(several.group_of(9), Some(expected[0]));
        assert_eq!(several.group_of(490), Some(expected[2]));
        let some = several.with_incomplete(|group| group.first < 100);
        let complete = [5, 101, 500].map(|one| some.group_of(one).unwrap().is_complete);
        assert_eq!(complete, [false, true, true]);
        let all = MergedIntervals::of([stall(u64::MAX, u64::MAX)]);
        assert_eq!(all.groups(), [group(0, u64::MAX)]);
    }
}
