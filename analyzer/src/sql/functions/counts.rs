//! Counts per bucket in the form that needs least memory: a list of buckets while there are few
//! values, pairs of bucket and count after a merge of small ones, a dense array otherwise. Pure.

/// A list of at most this many values is always kept; a longer one only while it is smaller than
/// dense counts.
const FEW: usize = 64;
/// Most values of a list. Sorting a longer one takes longer than counting.
const MOST_LISTED: usize = 4096;
/// A count up to this is so many entries of a list: no more bytes than a pair.
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
    pub(super) fn add(&mut self, key: i16, count: u64) {
        if let Self::List(keys) = self {
            let mut left = count;
            while count <= LISTED && left > 0 && has_room(keys) {
                keys.push(key);
                left -= 1;
            }
            if left == 0 {
                return;
            }
            *self = match count <= LISTED {
                // The list has grown to the size of dense counts.
                true => self.dense(),
                false => self.paired(),
            };
            return self.add(key, left);
        }
        if let Self::Pairs { pairs, work } = self {
            let found = pairs.binary_search_by_key(&key, |pair| pair.key);
            let short = u32::try_from(count).ok();
            match (found, short) {
                (Ok(at), Some(short)) if is_worth(work, 8) => {
                    if let Some(sum) = pairs[at].count.checked_add(short) {
                        pairs[at].count = sum;
                        return;
                    }
                }
                (Err(at), Some(short)) if is_worth(work, pairs.len()) => {
                    pairs.insert(at, Pair { key, count: short });
                    return;
                }
                _ => {}
            }
            *self = self.dense();
        }
        self.add_dense(key, count);
    }

    /// Counts all `others`, which are in the order of their keys.
    pub(super) fn add_sorted(&mut self, others: &[(i16, u64)]) {
        let values = others
            .iter()
            .fold(0u64, |all, (_, count)| all.saturating_add(*count));
        match self {
            Self::Dense { .. } => {}
            Self::List(keys) if keys.len() as u64 + values <= FEW as u64 => {
                for &(key, count) in others {
                    keys.extend(std::iter::repeat_n(key, count as usize));
                }
                return;
            }
            Self::List(_) => *self = self.paired(),
            Self::Pairs { .. } => {}
        }
        if let Self::Pairs { pairs, work } = self {
            if is_worth(work, pairs.len() + others.len())
                && let Some(merged) = merged(pairs, others)
            {
                *pairs = merged;
            } else {
                *self = self.dense();
            }
        }
        if matches!(self, Self::Dense { .. }) {
            for &(key, count) in others {
                self.add_dense(key, count);
            }
        }
    }

    fn add_dense(&mut self, key: i16, count: u64) {
        let Self::Dense { first, counts } = self else {
            return;
        };
        if key < *first {
            let start = key.div_euclid(BLOCK) * BLOCK;
            let added = (*first - start) as usize;
            counts.splice(0..0, std::iter::repeat_n(0, added));
            *first = start;
        }
        let index = (key - *first) as usize;
        if index >= counts.len() {
            let length = (index / BLOCK as usize + 1) * BLOCK as usize;
            counts.reserve_exact(length - counts.len());
            counts.resize(length, 0);
        }
        counts[index] += count;
    }

    /// Buckets with their counts, in order.
    pub(super) fn entries(&self) -> Vec<(i16, u64)> {
        match self {
            Self::List(keys) => {
                let mut keys = keys.clone();
                keys.sort_unstable();
                keys.chunk_by(|a, b| a == b)
                    .map(|equal| (equal[0], equal.len() as u64))
                    .collect()
            }
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

    /// The same counts as an array.
    fn dense(&self) -> Self {
        let entries = self.entries();
        let (Some(&(least, _)), Some(&(most, _))) = (entries.first(), entries.last()) else {
            return Self::Dense {
                first: 0,
                counts: Vec::new(),
            };
        };
        let first = least.div_euclid(BLOCK) * BLOCK;
        let mut counts = vec![0; blocks(least, most) * BLOCK as usize];
        for (key, count) in entries {
            counts[(key - first) as usize] = count;
        }
        Self::Dense { first, counts }
    }

    /// The counts of a list as pairs.
    fn paired(&self) -> Self {
        let entries = self.entries();
        let pairs = match entries.is_empty() {
            true => Some(Vec::new()),
            false => merged(&[], &entries),
        };
        match pairs {
            Some(pairs) => Self::Pairs { pairs, work: 0 },
            None => self.dense(),
        }
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

/// Blocks of dense counts from one bucket to another.
fn blocks(least: i16, most: i16) -> usize {
    usize::try_from(most.div_euclid(BLOCK) - least.div_euclid(BLOCK)).unwrap_or(0) + 1
}

fn dense_bytes(least: i16, most: i16) -> usize {
    blocks(least, most) * BLOCK as usize * size_of::<u64>()
}

/// Whether another value is listed: a longer list must be smaller than dense counts.
fn has_room(keys: &[i16]) -> bool {
    let length = keys.len();
    // Only where the list would double.
    if length < FEW || !length.is_power_of_two() {
        return true;
    }
    let extremes = keys.iter().min().zip(keys.iter().max());
    length < MOST_LISTED
        && extremes
            .is_some_and(|(&least, &most)| 2 * length * size_of::<i16>() < dense_bytes(least, most))
}

/// Whether a change of pairs may be this expensive. What dense counts would have saved is bounded.
fn is_worth(work: &mut u16, pairs: usize) -> bool {
    let more = u16::try_from(pairs).unwrap_or(u16::MAX);
    *work = work.saturating_add(more);
    *work < u16::MAX
}

/// Both together, in order; `None` where dense counts are no larger, or a count is too large.
fn merged(pairs: &[Pair], others: &[(i16, u64)]) -> Option<Vec<Pair>> {
    let mut merged: Vec<Pair> = Vec::with_capacity(pairs.len() + others.len());
    let mut rest = pairs;
    for &(key, count) in others {
        let before = rest.partition_point(|pair| pair.key < key);
        merged.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        let mut sum = count;
        if let Some((pair, after)) = rest.split_first()
            && pair.key == key
        {
            sum = sum.checked_add(u64::from(pair.count))?;
            rest = after;
        }
        let count = u32::try_from(sum).ok()?;
        merged.push(Pair { key, count });
    }
    merged.extend_from_slice(rest);
    let (first, last) = (merged.first()?, merged.last()?);
    (merged.len() * size_of::<Pair>() < dense_bytes(first.key, last.key)).then(|| {
        merged.shrink_to_fit();
        merged
    })
}
