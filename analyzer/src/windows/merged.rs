//! Intervals whose counts are in those of other ones, because the recorder stalled for longer than the
//! kernel side counts intervals apart. Pure.

use std::sync::Arc;

use soakbox_schemas::counters::SLOTS;

/// Groups of intervals whose counts and rows agree only together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MergedIntervals(Arc<[Group]>);

/// The first and the last interval of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl MergedIntervals {
    /// `stalls`: the newest interval with counts at the end of each stall, and how many were merged.
    pub(super) fn of(stalls: impl IntoIterator<Item = (u64, u64)>) -> Self {
        // The kernel side uses its slots in turn. When a stall is noted, one or two intervals may have
        // begun after the newest that is over, or be there already.
        let group = |(newest, merged): (u64, u64)| Group {
            first: newest.saturating_sub(merged.saturating_add(u64::from(SLOTS))),
            last: newest.saturating_add(2),
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
    use super::*;

    #[test]
    fn a_group_has_the_intervals_that_share_slots_and_groups_that_touch_are_one() {
        let group = |first, last| Group { first, last };
        let none = MergedIntervals::default();
        assert_eq!((none.group_of(5), none.touch(0, u64::MAX)), (None, false));
        // 101 to 144 were merged into 145 to 160.
        let one = MergedIntervals::of([(160, 44)]);
        assert_eq!(one.groups(), [group(100, 162)]);
        for (interval, is_in) in [(99, false), (100, true), (162, true), (163, false)] {
            assert_eq!(one.group_of(interval).is_some(), is_in, "{interval}");
        }
        let touched = [(0, 99), (0, 100), (120, 130), (162, 200), (163, 200)];
        let touched = touched.map(|(first, last)| one.touch(first, last));
        assert_eq!(touched, [false, true, true, true, false]);
        let several = MergedIntervals::of([(500, 1), (160, 44), (170, 3), (0, 7)]);
        let expected = [group(0, 2), group(100, 172), group(483, 502)];
        assert_eq!(several.groups(), expected);
        assert_eq!(several.group_of(2), Some(expected[0]));
        assert_eq!(several.group_of(490), Some(expected[2]));
        let all = MergedIntervals::of([(u64::MAX, u64::MAX)]);
        assert_eq!(all.groups(), [group(0, u64::MAX)]);
    }
}
