//! The variance of a mean of autocorrelated windows, with honest degrees of freedom.
//!
//! It owns the long-run variance and nothing else: no thresholds, no verdicts.
//!
//! At each of several time scales (single windows, then the series cut into 6, 8, 12, 16, 32 … blocks) the
//! variance of block means is extended by the block means' own lag-one correlation, (1 + ρ) / (1 − ρ), with ρ
//! corrected for its bias; the largest of them counts. The fine scales know AR noise well, the coarse ones see
//! bursts, cycles and anything slow. ρ is never taken below 0, so rhythm never makes a mean look more certain than
//! its own spread. Sources: batch means, Conway 1963 and Flegal and Jones 2010; the AR(1) form and the bias
//! (1 + 3ρ) / n, Kendall 1954; degrees of freedom, Welch 1947 and Satterthwaite 1946, with m (1 − ρ) / (1 + ρ)
//! effective blocks. Taking the largest scale is our own choice (docs/decisions): conservative for short memory,
//! not enough for long memory (fractional d ≥ 0.2), which no single run can reveal.

/// Fewer windows than this say nothing about their own variance.
pub const MIN_WINDOWS: usize = 12;
/// Block means are extended by their correlation from this many blocks on; fewer are taken as they are.
const CORRECTED_BLOCKS: usize = 16;
/// Below this length each side's own correlation counts, from 8 blocks on, and the rougher of two sides speaks for
/// both: short series hide their slow part.
const SHORT: usize = 400;
/// Two sides are compared with no more degrees of freedom than one per so many windows: noise may stay that long.
const WINDOWS_PER_DEGREE: f64 = 20.0;
/// Blocks whose correlation limits the degrees of freedom of a comparison.
const SLOW: usize = 16;
/// Most blocks of a scale between single windows and the coarse ones: more are costly and tell nothing new.
const FINEST: usize = 256;
const MAX_CORRELATION: f64 = 0.97;
const MAX_DEGREES: f64 = 12.0;

/// Sums of one time scale.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// Number of blocks.
    blocks: usize,
    /// Sum of squares of the block means around their mean.
    squares: f64,
    /// Sum of products of neighbouring block means.
    products: f64,
}

/// A series summed at every time scale.
#[derive(Debug, Clone)]
pub(crate) struct Scales {
    length: usize,
    mean: f64,
    scales: Vec<Scale>,
}

/// Variances of the means of several series, all taken at the scale at which their weighted sum is largest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Combined {
    pub(crate) variances: Vec<f64>,
    pub(crate) degrees: f64,
}

/// The mean of a series of windows and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanOfWindows {
    /// Windows present.
    pub windows: usize,
    /// Their mean, in the data's unit.
    pub mean: f64,
    /// Standard error of the mean under autocorrelation, in the data's unit.
    pub standard_error: f64,
    /// Degrees of freedom of that standard error, at most 12.
    pub degrees_of_freedom: f64,
    /// How many independent windows would tell as much; at most `windows`.
    pub effective_size: f64,
}

/// Mean, standard error and effective size of one series; windows that are NaN or infinite are missing.
///
/// Assumes that the series is stationary and that its memory is short against its length; neighbours across a
/// missing window are taken as neighbours. `None` when fewer than [`MIN_WINDOWS`] are present. Method and sources
/// at the top of this file.
pub fn mean_of_windows(values: &[f64]) -> Option<MeanOfWindows> {
    let present: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let scales = Scales::new(&present)?;
    let combined = combine(&[(&scales, 1.0)])?;
    let variance = combined.variances[0];
    let single = scales.scales[0].squares / (present.len() - 1) as f64;
    let effective = if variance > 0.0 {
        single / variance
    } else {
        present.len() as f64
    };
    Some(MeanOfWindows {
        windows: present.len(),
        mean: scales.mean,
        standard_error: variance.sqrt(),
        degrees_of_freedom: combined.degrees,
        effective_size: effective.min(present.len() as f64),
    })
}

impl Scales {
    /// Of finite values only; `None` when there are too few, or when they are too large to be squared.
    pub(crate) fn new(values: &[f64]) -> Option<Scales> {
        Scales::of_sum(values, sum(values))
    }

    /// The same where their sum is known already.
    pub(crate) fn of_sum(values: &[f64], sum: f64) -> Option<Scales> {
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
        // A constant whose mean rounds leaves a spread of a few bits: it has none.
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
        // 6 and 12 blocks, then powers of two from the finest down: each pair of blocks is one of the next scale.
        let twelve = block_sums(&centred, 12);
        let mut powers: Vec<Scale> = Vec::new();
        let finest = (length / 3)
            .min(FINEST)
            .checked_ilog2()
            .map_or(0, |power| 1_usize << power);
        let mut sums = block_sums(&centred, finest);
        while sums.len() >= 8 {
            powers.push(of_blocks(&sums, length));
            sums = paired(&sums);
        }
        if length >= 18 {
            scales.push(of_blocks(&paired(&twelve), length));
        }
        scales.extend(powers.pop());
        if length >= 36 {
            scales.push(of_blocks(&twelve, length));
        }
        scales.extend(powers.into_iter().rev());
        Some(Scales {
            length,
            mean,
            scales,
        })
    }

    /// Number of values.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Variance of the mean if windows were independent.
    pub(crate) fn naive(&self) -> f64 {
        self.scales[0].squares / (self.length - 1) as f64 / self.length as f64
    }
}

/// Sum in four lanes, which is what limits a long series.
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

/// Sum of products in four lanes.
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

fn block_sums(values: &[f64], blocks: usize) -> Vec<f64> {
    let (short, extra) = match blocks {
        0 => return Vec::new(),
        _ => (values.len() / blocks, values.len() % blocks),
    };
    // Block i ends at ⌊i · length / blocks⌋, without a division for each.
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

/// Sums of half as many blocks; their ends coincide.
fn paired(sums: &[f64]) -> Vec<f64> {
    sums.chunks_exact(2).map(|pair| pair[0] + pair[1]).collect()
}

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

/// The variance of each series' mean, at the scale where `Σ weight · variance` is largest.
///
/// `weight` turns a variance into the common scale of the comparison. `None` without series.
pub(crate) fn combine(sides: &[(&Scales, f64)]) -> Option<Combined> {
    let shortest = sides.iter().map(|(side, _)| side.length).min()?;
    let own = shortest < SHORT;
    let corrected_from = if own { 8 } else { CORRECTED_BLOCKS };
    let mut most_degrees = MAX_DEGREES;
    if sides.len() > 1 {
        most_degrees = most_degrees
            .min(shortest as f64 / WINDOWS_PER_DEGREE)
            .max(1.0);
    }
    largest(
        sides,
        Care {
            own,
            corrected_from,
            most_degrees,
        },
    )
}

/// As [`combine`] for the residuals of one fitted series, where a large effect is looked for at a strict level.
pub(crate) fn of_residuals(scales: &Scales) -> Option<(f64, f64)> {
    let care = Care {
        own: false,
        corrected_from: 16,
        most_degrees: 30.0,
    };
    let combined = largest(&[(scales, 1.0)], care)?;
    Some((combined.variances[0], combined.degrees))
}

#[derive(Debug, Clone, Copy)]
struct Care {
    /// Each side's own correlation, and the rougher side's variance for both.
    own: bool,
    /// Blocks from which on their means are extended by their correlation.
    corrected_from: usize,
    most_degrees: f64,
}

fn largest(sides: &[(&Scales, f64)], care: Care) -> Option<Combined> {
    let Care {
        own,
        corrected_from,
        most_degrees,
    } = care;
    let common = sides.iter().map(|(side, _)| side.scales.len()).min()?;
    let mut best: Option<(f64, Combined)> = None;
    let mut effective = f64::INFINITY;
    for index in 0..common {
        let weighed = |part: fn(&Scale) -> f64| -> f64 {
            let sum = sides
                .iter()
                .map(|(side, weight)| weight * part(&side.scales[index]));
            sum.sum()
        };
        let pooled = ratio(weighed(|s| s.products), weighed(|s| s.squares));
        if sides.len() > 1
            && sides
                .iter()
                .all(|(side, _)| side.scales[index].blocks == SLOW)
        {
            // Sixteenths of a run that still go together: few of them are worth counting, at any scale.
            let correlation = pooled + (1.0 + 3.0 * pooled) / SLOW as f64;
            let correlation = correlation.clamp(0.0, MAX_CORRELATION);
            effective = SLOW as f64 * (1.0 - correlation) / (1.0 + correlation) - 1.0;
        }
        let (mut total, mut spread) = (0.0, 0.0);
        let mut variances = Vec::with_capacity(sides.len());
        for (side, weight) in sides {
            let scale = &side.scales[index];
            let blocks = scale.blocks as f64;
            let mut correlation = if own {
                ratio(scale.products, scale.squares)
            } else {
                pooled
            };
            correlation += (1.0 + 3.0 * correlation) / blocks;
            correlation = correlation.clamp(0.0, MAX_CORRELATION);
            if scale.blocks < corrected_from {
                correlation = 0.0;
            }
            let stretch = (1.0 + correlation) / (1.0 - correlation);
            let variance = scale.squares / (blocks - 1.0) / blocks * stretch;
            let degrees = (blocks / stretch - 1.0).max(1.0);
            total += weight * variance;
            spread += (weight * variance).powi(2) / degrees;
            variances.push(variance);
        }
        let summed = total;
        if own && sides.len() > 1 {
            // Too short for either side to know its own slow part: the rougher side speaks for both.
            let roughest = sides
                .iter()
                .zip(&variances)
                .map(|((side, weight), variance)| weight * variance * side.length as f64);
            let roughest = roughest.fold(0.0, f64::max);
            total = 0.0;
            for ((side, weight), variance) in sides.iter().zip(&mut variances) {
                let equal = roughest / side.length as f64;
                total += equal;
                if *weight > 0.0 {
                    *variance = equal / weight;
                }
            }
        }
        let degrees = if spread > 0.0 {
            (summed * summed / spread).min(most_degrees)
        } else {
            most_degrees
        };
        if best.as_ref().is_none_or(|(largest, _)| total > *largest) {
            best = Some((total, Combined { variances, degrees }));
        }
    }
    let (_, mut combined) = best?;
    combined.degrees = combined.degrees.min(effective.max(1.0));
    Some(combined)
}

fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 {
        numerator / denominator
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_constant_has_no_spread() {
        let known = mean_of_windows(&[0.1; 100]).unwrap();
        assert!((known.mean - 0.1).abs() < 1e-15);
        assert_eq!(known.standard_error, 0.0);
        assert_eq!(known.effective_size, 100.0);
    }

    #[test]
    fn too_few_windows_are_none() {
        assert_eq!(mean_of_windows(&[1.0; MIN_WINDOWS - 1]), None);
        assert_eq!(mean_of_windows(&[f64::NAN; 100]), None);
        assert_eq!(mean_of_windows(&[]), None);
    }

    #[test]
    fn the_error_is_never_below_the_independent_one() {
        // An alternating series: its mean is known much better than 1/√n says, which is not used.
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let known = mean_of_windows(&values).unwrap();
        assert!(known.standard_error >= (0.25 / 400.0_f64).sqrt());
    }

    #[test]
    fn block_sums_are_those_of_numpy() {
        // numpy: x = sin(arange(48)); b = x.reshape(6, 8).mean(1); ((b - b.mean())**2).sum()
        let values: Vec<f64> = (0..48).map(|i| f64::from(i).sin()).collect();
        let scales = Scales::new(&values).unwrap();
        let six = scales.scales.iter().find(|s| s.blocks == 6).unwrap();
        let means: Vec<f64> = values
            .chunks(8)
            .map(|c| c.iter().sum::<f64>() / 8.0)
            .collect();
        let centre = means.iter().sum::<f64>() / 6.0;
        let want: f64 = means.iter().map(|m| (m - centre).powi(2)).sum();
        assert!((six.squares - want).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn nothing_panics(values in proptest::collection::vec(any::<f64>(), 0..80)) {
            let _ = mean_of_windows(&values);
        }

        #[test]
        fn scale_and_shift_carry_over(values in proptest::collection::vec(-1.0..1.0f64, 60..80)) {
            let plain = mean_of_windows(&values).unwrap();
            let moved: Vec<f64> = values.iter().map(|v| 3.0 * v + 5.0).collect();
            let moved = mean_of_windows(&moved).unwrap();
            prop_assert!((moved.mean - (3.0 * plain.mean + 5.0)).abs() < 1e-9);
            prop_assert!((moved.standard_error - 3.0 * plain.standard_error).abs() < 1e-9);
        }
    }
}
