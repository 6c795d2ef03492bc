//! Counts per bucket in the form that needs least memory: a list of buckets while there are few
//! values, pairs of bucket and count after a merge of small ones, a dense array otherwise. Pure.
//! `span` is the first and the last bucket of all values, those that are added included.

/// A list of at most this many values is always kept; a longer one only while it is smaller than
/// dense counts.
const FEW: usize = 64;
/// Most values of a list.
const MOST_LISTED: usize = 4096;
/// A count up to this is listed as single values, which need no more bytes than a pair.
const LISTED: u64 = 4;
/// Dense counts grow by whole blocks of this many buckets, one power of two.
const BLOCK: i16 = 64;

/// A bucket and its count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    key: i16,
    count: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Counts {
    /// The bucket of each value, in any order.
    List(Vec<i16>),
    /// Buckets with their counts, in order. `work` are the pairs that were moved or searched: counts
    /// that change often become dense.
    Pairs { pairs: Vec<Pair>, work: u16 },
    /// Counts of the buckets from `first` on.
    Dense { first: i16, counts: Vec<u64> },
}

impl Default for Counts {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Counts {
    /// Counts a value if that needs no further memory; false where nothing was counted.
    #[inline]
    pub(super) fn add_in_place(&mut self, key: i16) -> bool {
        match self {
            Self::Dense { first, counts } => {
                let index = usize::try_from(i32::from(key) - i32::from(*first));
                match index.ok().and_then(|index| counts.get_mut(index)) {
                    Some(count) => {
                        *count += 1;
                        true
                    }
                    None => false,
                }
            }
            Self::List(keys) if keys.len() < keys.capacity() => {
                keys.push(key);
                true
            }
            _ => false,
        }
    }

    /// Counts `count` values.
    pub(super) fn add(&mut self, key: i16, count: u64, span: (i16, i16)) {
        let mut left = count;
        if let Self::List(keys) = self {
            while count <= LISTED && left > 0 && has_room(keys, keys.capacity(), span) {
                keys.push(key);
                left -= 1;
            }
            if left == 0 {
                return;
            }
            if count > LISTED && keys.len() <= FEW {
                let pairs = pairs_of(keys, span);
                *self = Self::Pairs { pairs, work: 0 };
            }
        }
        if let Self::Pairs { pairs, work } = self
            && let Ok(short) = u32::try_from(left)
        {
            match pairs.binary_search_by_key(&key, |pair| pair.key) {
                Ok(at) if is_worth(work, 8) => {
                    if let Some(sum) = pairs[at].count.checked_add(short) {
                        pairs[at].count = sum;
                        return;
                    }
                }
                Err(at) if is_worth(work, 8 + pairs.len()) => {
                    pairs.insert(at, Pair { key, count: short });
                    return;
                }
                _ => {}
            }
        }
        self.add_dense(key, left, span);
    }

    /// Counts all `others`, which are in the order of their keys.
    pub(super) fn add_sorted(&mut self, others: &[(i16, u64)], span: (i16, i16)) {
        let values = others
            .iter()
            .fold(0u64, |all, (_, count)| all.saturating_add(*count));
        match self {
            Self::List(keys) if keys.len() as u64 + values <= FEW as u64 => {
                for &(key, count) in others {
                    keys.extend(std::iter::repeat_n(key, count as usize));
                }
                return;
            }
            Self::List(keys) => {
                if let Some(pairs) = merged(&pairs_of(keys, span), others, span) {
                    *self = Self::Pairs { pairs, work: 0 };
                    return;
                }
            }
            Self::Pairs { pairs, work } => {
                if is_worth(work, pairs.len() + others.len())
                    && let Some(merged) = merged(pairs, others, span)
                {
                    *pairs = merged;
                    return;
                }
            }
            Self::Dense { .. } => {}
        }
        for &(key, count) in others {
            self.add_dense(key, count, span);
        }
    }

    fn add_dense(&mut self, key: i16, count: u64, span: (i16, i16)) {
        if let Self::Dense { first, counts } = self {
            let index = usize::try_from(i32::from(key) - i32::from(*first));
            if let Some(place) = index.ok().and_then(|index| counts.get_mut(index)) {
                *place += count;
                return;
            }
        }
        *self = self.dense(span);
        self.add_dense(key, count, span);
    }

    /// Buckets with their counts, in order.
    pub(super) fn entries(&self, span: (i16, i16)) -> Vec<(i16, u64)> {
        match self {
            Self::List(keys) => entries_of_list(keys, span),
            Self::Pairs { pairs, .. } => pairs
                .iter()
                .map(|pair| (pair.key, u64::from(pair.count)))
                .collect(),
            Self::Dense { first, counts } => (*first..)
                .zip(counts)
                .filter_map(|(key, &count)| (count > 0).then_some((key, count)))
                .collect(),
        }
    }

    /// The same counts as an array with places for the span.
    fn dense(&self, (least, most): (i16, i16)) -> Self {
        let first = least.div_euclid(BLOCK) * BLOCK;
        let place = |key: i16| (i32::from(key) - i32::from(first)) as usize;
        let mut counts = vec![0; blocks(least, most) * BLOCK as usize];
        match self {
            Self::List(keys) => keys.iter().for_each(|&key| counts[place(key)] += 1),
            Self::Pairs { pairs, .. } => pairs
                .iter()
                .for_each(|pair| counts[place(pair.key)] = u64::from(pair.count)),
            Self::Dense {
                first: start,
                counts: old,
            } => counts[place(*start)..][..old.len()].copy_from_slice(old),
        }
        Self::Dense { first, counts }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::List(keys) => keys.capacity() * size_of::<i16>(),
            Self::Pairs { pairs, .. } => pairs.capacity() * size_of::<Pair>(),
            Self::Dense { counts, .. } => counts.capacity() * size_of::<u64>(),
        }
    }
}

/// The values of a list as pairs.
fn pairs_of(keys: &[i16], span: (i16, i16)) -> Vec<Pair> {
    let entries = entries_of_list(keys, span).into_iter();
    let pair = |(key, count)| Pair {
        key,
        count: count as u32,
    };
    entries.map(pair).collect()
}

/// The buckets of a list with their counts, in order. Counting a long list is faster than sorting it.
fn entries_of_list(keys: &[i16], (first, last): (i16, i16)) -> Vec<(i16, u64)> {
    if keys.len() <= FEW {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        let equal = keys.chunk_by(|a, b| a == b);
        return equal.map(|equal| (equal[0], equal.len() as u64)).collect();
    }
    let place = |key: i16| (i32::from(key) - i32::from(first)) as usize;
    // A list has at most 4096 values.
    let mut counts = vec![0u16; place(last) + 1];
    for &key in keys {
        counts[place(key)] += 1;
    }
    let counted = (first..=last).zip(counts);
    counted
        .filter_map(|(key, count)| (count > 0).then_some((key, u64::from(count))))
        .collect()
}

/// Blocks of dense counts from one bucket to another.
fn blocks(least: i16, most: i16) -> usize {
    usize::try_from(most.div_euclid(BLOCK) - least.div_euclid(BLOCK)).unwrap_or(0) + 1
}

fn dense_bytes((least, most): (i16, i16)) -> usize {
    blocks(least, most) * BLOCK as usize * size_of::<u64>()
}

/// Whether another value is listed: where the list would grow, it must stay smaller than dense counts.
fn has_room(keys: &[i16], capacity: usize, span: (i16, i16)) -> bool {
    let length = keys.len();
    let is_smaller = || 2 * length * size_of::<i16>() < dense_bytes(span);
    length < FEW || length < capacity || (2 * length <= MOST_LISTED && is_smaller())
}

/// Whether a change of pairs may be this expensive. What dense counts would have saved is bounded.
fn is_worth(work: &mut u16, pairs: usize) -> bool {
    let more = u16::try_from(pairs).unwrap_or(u16::MAX);
    *work = work.saturating_add(more);
    *work < u16::MAX
}

/// Both together, in order; `None` where they may need half as much memory as dense counts, or a
/// count is too large.
fn merged(pairs: &[Pair], others: &[(i16, u64)], span: (i16, i16)) -> Option<Vec<Pair>> {
    let number = pairs.len() + others.len();
    if 2 * number * size_of::<Pair>() >= dense_bytes(span) {
        return None;
    }
    let mut merged: Vec<Pair> = Vec::with_capacity(number);
    let mut rest = pairs;
    for &(key, count) in others {
        let mut sum = count;
        while let Some((pair, after)) = rest.split_first()
            && pair.key <= key
        {
            rest = after;
            if pair.key == key {
                sum = sum.checked_add(u64::from(pair.count))?;
            } else {
                merged.push(*pair);
            }
        }
        let count = u32::try_from(sum).ok()?;
        merged.push(Pair { key, count });
    }
    merged.extend_from_slice(rest);
    merged.shrink_to_fit();
    Some(merged)
}
