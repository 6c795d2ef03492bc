//! A series summed over blocks of several lengths. `long_run_variance` computes the variance of a
//! mean from these sums.
//!
//! This file owns the sums, and that they are computed fast.

/// With fewer windows than this their variance is unknown.
pub const MIN_WINDOWS: usize = 12;
/// The largest number of blocks, except for single windows. More blocks cost time and add no
/// information.
const FINEST: usize = 256;

/// One time scale: the series is cut into `blocks` blocks of equal length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Number of blocks.
    pub(crate) blocks: usize,
    /// Sum of squares of the block means around the mean of the series.
    pub(crate) squares: f64,
    /// Sum of products of the means of neighbouring blocks, around the mean of the series.
    pub(crate) products: f64,
}

/// A series summed at every time scale: single windows first, then 6, 8, 12, 16, 32 … blocks.
#[derive(Debug, Clone)]
pub(crate) struct TimeScales {
    /// Number of values.
    pub(crate) length: usize,
    /// Mean of the values, in their unit.
    pub(crate) mean: f64,
    /// Never empty: the first one has a block per value.
    pub(crate) scales: Vec<Scale>,
}

impl TimeScales {
    /// Sums finite values. `None` when they are fewer than [`MIN_WINDOWS`] or too large to be
    /// squared.
    pub(crate) fn new(values: &[f64]) -> Option<TimeScales> {
        TimeScales::of_sum(values, sum(values))
    }

    /// As [`new`](TimeScales::new) for values whose sum is known already.
    pub(crate) fn of_sum(values: &[f64], sum: f64) -> Option<TimeScales> {
        let length = values.len();
        if length < MIN_WINDOWS {
            return None;
        }
        let mean = sum / length as f64;
        let mut centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
        let mut squares = product(&centred, &centred);
        if !squares.is_finite() {
            return None;
        }
        // The mean of a constant series is rounded, which leaves deviations of a few bits. They are
        // set to 0.
        if squares.sqrt() <= 1e-12 * mean.abs() * (length as f64).sqrt() {
            squares = 0.0;
            centred.fill(0.0);
        }
        let products = product(&centred[1..], &centred[..length - 1]);
        let mut scales = vec![Scale {
            blocks: length,
            squares,
            products,
        }];
        // Powers of two from the finest down: two blocks make one block of the next scale. The 6
        // and 12 blocks are computed separately.
        let twelve = block_sums(&centred, 12);
        let mut powers: Vec<Scale> = Vec::new();
        let finest = (length / 3)
            .min(FINEST)
            .checked_ilog2()
            .map_or(0, |power| 1_usize << power);
        let mut sums = block_sums(&centred, finest);
        while sums.len() >= 8 {
            powers.push(of_blocks(&sums, length));
            sums = merged_pairs(&sums);
        }
        if length >= 18 {
            scales.push(of_blocks(&merged_pairs(&twelve), length));
        }
        scales.extend(powers.pop());
        if length >= 36 {
            scales.push(of_blocks(&twelve, length));
        }
        scales.extend(powers.into_iter().rev());
        Some(TimeScales {
            length,
            mean,
            scales,
        })
    }

    /// The variance that the mean would have if windows were independent.
    pub(crate) fn independent_variance(&self) -> f64 {
        self.scales[0].squares / (self.length - 1) as f64 / self.length as f64
    }
}

/// The sum, in four lanes: a single chain of additions would be slow on a long series.
pub(crate) fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let chunks = values.chunks_exact(4);
    let rest: f64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes[0] + lanes[1] + (lanes[2] + lanes[3]) + rest
}

/// The sum of products, in four lanes.
fn product(left: &[f64], right: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (left, right) = (left.chunks_exact(4), right.chunks_exact(4));
    let rest: f64 = left
        .remainder()
        .iter()
        .zip(right.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (left, right) in left.zip(right) {
        for (lane, (a, b)) in lanes.iter_mut().zip(left.iter().zip(right)) {
            *lane += a * b;
        }
    }
    lanes[0] + lanes[1] + (lanes[2] + lanes[3]) + rest
}

/// Sums of `blocks` blocks whose lengths differ by at most one value.
fn block_sums(values: &[f64], blocks: usize) -> Vec<f64> {
    let (short, extra) = match blocks {
        0 => return Vec::new(),
        _ => (values.len() / blocks, values.len() % blocks),
    };
    // Block i ends at ⌊i · length / blocks⌋. `owed` saves a division for each block.
    let (mut start, mut owed) = (0, 0);
    let mut sums = Vec::with_capacity(blocks);
    for _ in 0..blocks {
        owed += extra;
        let longer = usize::from(owed >= blocks);
        owed -= longer * blocks;
        let end = start + short + longer;
        let block = &values[start..end];
        sums.push(if short < 16 {
            block.iter().sum()
        } else {
            sum(block)
        });
        start = end;
    }
    sums
}

/// Sums of half as many blocks, each made of two neighbours.
fn merged_pairs(sums: &[f64]) -> Vec<f64> {
    sums.chunks_exact(2).map(|pair| pair[0] + pair[1]).collect()
}

/// The scale of these block sums of `length` centred values.
fn of_blocks(sums: &[f64], length: usize) -> Scale {
    let blocks = sums.len();
    let (short, extra) = (length / blocks, length % blocks);
    let scale = [1.0 / short as f64, 1.0 / (short + 1) as f64];
    let (mut squares, mut products, mut last, mut owed) = (0.0, 0.0, 0.0, 0);
    for sum in sums {
        owed += extra;
        let longer = usize::from(owed >= blocks);
        owed -= longer * blocks;
        let mean = sum * scale[longer];
        squares += mean * mean;
        products += mean * last;
        last = mean;
    }
    Scale {
        blocks,
        squares,
        products,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sums_are_those_of_numpy() {
        // numpy: x = sin(arange(48)); b = x.reshape(6, 8).mean(1); ((b - b.mean())**2).sum()
        let values: Vec<f64> = (0..48).map(|i| f64::from(i).sin()).collect();
        let scales = TimeScales::new(&values).unwrap();
        let six = scales.scales.iter().find(|s| s.blocks == 6).unwrap();
        let means: Vec<f64> = values
            .chunks(8)
            .map(|c| c.iter().sum::<f64>() / 8.0)
            .collect();
        let centre = means.iter().sum::<f64>() / 6.0;
        let want: f64 = means.iter().map(|m| (m - centre).powi(2)).sum();
        assert!((six.squares - want).abs() < 1e-12);
    }
}
