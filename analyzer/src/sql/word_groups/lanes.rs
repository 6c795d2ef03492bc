//! Loops that add rows to few groups. Successive rows often have one group, and an addition that
//! waits for the last one to reach memory is slow; so every fourth row is added to a state of its own,
//! and the states are put together at the end.

/// States that are filled at the same time.
const LANES: usize = 4;
/// Most groups with several states.
const FEW: usize = 64;

/// How many rows have each key, for keys below `number`.
pub(super) fn count_keys(keys: &[i32], number: usize) -> Vec<i64> {
    let mut counts = vec![0; number];
    if number > FEW {
        keys.iter().for_each(|&key| counts[key as usize] += 1);
        return counts;
    }
    let mut lanes = [[0_u32; FEW]; LANES];
    let (chunks, rest) = keys.as_chunks::<LANES>();
    for keys in chunks {
        for lane in 0..LANES {
            lanes[lane][keys[lane] as usize % FEW] += 1;
        }
    }
    rest.iter().for_each(|&key| counts[key as usize] += 1);
    for lane in lanes {
        counts
            .iter_mut()
            .zip(lane)
            .for_each(|(count, more)| *count += i64::from(more));
    }
    counts
}

/// Folds the values of each group from `empty`, and passes the states to `merge`, several of a group
/// and also empty ones. The groups are below `number`.
pub(super) fn fold<S: Copy>(
    (groups, number): (&[usize], usize),
    values: &[i64],
    empty: S,
    add: impl Fn(S, i64) -> S,
    mut merge: impl FnMut(usize, S),
) {
    if number > FEW {
        let rows = groups.iter().zip(values);
        return rows.for_each(|(&group, &value)| merge(group, add(empty, value)));
    }
    let mut lanes = [[empty; FEW]; LANES];
    let (of_chunks, of_rest) = groups.as_chunks::<LANES>();
    let (chunks, rest) = values.as_chunks::<LANES>();
    for (groups, values) in of_chunks.iter().zip(chunks) {
        for lane in 0..LANES {
            let state = &mut lanes[lane][groups[lane] % FEW];
            *state = add(*state, values[lane]);
        }
    }
    let rest = of_rest.iter().zip(rest);
    rest.for_each(|(&group, &value)| merge(group, add(empty, value)));
    for lane in lanes {
        let states = lane.into_iter().take(number).enumerate();
        states.for_each(|(group, state)| merge(group, state));
    }
}
