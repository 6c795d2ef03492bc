//! The power spectrum of a series, and how far each frequency stands out from those around it.
//!
//! `series::periods` decides which peak is a period.

/// Number of frequencies on each side of a peak that form its background.
const BACKGROUND: usize = 40;
/// Number of frequencies on each side of a peak that belong to it, because padding and tapering
/// widen it.
const LOBE: usize = 4;
/// Effective number of independent ordinates in the median of a background.
pub(crate) const INDEPENDENT_ORDINATES: f64 = 20.0;

/// The power at the frequencies `0, 1/padded, …` below one half, where `padded` is a power of two.
pub(crate) fn periodogram(series: &[f64], padded: usize) -> Vec<f64> {
    let mut real = series.to_vec();
    real.resize(padded, 0.0);
    let mut imaginary = vec![0.0; padded];
    transform(&mut real, &mut imaginary);
    (0..padded / 2)
        .map(|i| real[i] * real[i] + imaginary[i] * imaginary[i])
        .collect()
}

/// The fast Fourier transform, in place (Cooley and Tukey 1965). The length is a power of two.
fn transform(real: &mut [f64], imaginary: &mut [f64]) {
    let length = real.len();
    let bits = length.trailing_zeros();
    for index in 0..length {
        let mirrored = index.reverse_bits() >> (usize::BITS - bits);
        if index < mirrored {
            real.swap(index, mirrored);
            imaginary.swap(index, mirrored);
        }
    }
    let mut half = 1;
    while half < length {
        let step = -std::f64::consts::PI / half as f64;
        for offset in 0..half {
            let (sine, cosine) = (step * offset as f64).sin_cos();
            for low in (offset..length).step_by(2 * half) {
                let high = low + half;
                let rotated = (
                    real[high] * cosine - imaginary[high] * sine,
                    real[high] * sine + imaginary[high] * cosine,
                );
                (real[high], imaginary[high]) = (real[low] - rotated.0, imaginary[low] - rotated.1);
                real[low] += rotated.0;
                imaginary[low] += rotated.1;
            }
        }
        half *= 2;
    }
}

/// The mean of the background of each ordinate: the median of its neighbours ÷ ln 2. It is 0 below
/// the index `lowest`, and where the neighbours are too few.
pub(crate) fn backgrounds(power: &[f64], lowest: usize) -> Vec<f64> {
    let mut all = vec![0.0; power.len()];
    let mut background = Vec::with_capacity(2 * BACKGROUND);
    for index in lowest..power.len() {
        background.clear();
        let (from, to) = (
            index.saturating_sub(BACKGROUND),
            (index + 1 + BACKGROUND).min(power.len()),
        );
        background
            .extend_from_slice(&power[from.max(1)..index.saturating_sub(LOBE).max(from.max(1))]);
        background.extend_from_slice(&power[(index + 1 + LOBE).min(to)..to]);
        if background.len() < 8 {
            continue;
        }
        let middle = background.len() / 2;
        let (_, median, _) = background.select_nth_unstable_by(middle, f64::total_cmp);
        all[index] = *median / std::f64::consts::LN_2;
    }
    all
}

/// The series less its own first-order prediction, tapered at both ends (Hann). The prediction
/// makes the spectrum flat enough to have a background. The taper keeps a strong peak from leaking
/// into distant frequencies. The second number is the correlation of the prediction.
pub(crate) fn whitened(series: &[f64]) -> (Vec<f64>, f64) {
    let squares: f64 = series.iter().map(|v| v * v).sum();
    let products: f64 = series.windows(2).map(|w| w[0] * w[1]).sum();
    let correlation = (products / squares).clamp(0.0, 0.97);
    let residuals: Vec<f64> = series
        .windows(2)
        .map(|w| w[1] - correlation * w[0])
        .collect();
    let mean = residuals.iter().sum::<f64>() / residuals.len() as f64;
    let turn = std::f64::consts::TAU / residuals.len() as f64;
    let taper = |i: usize| 0.5 - 0.5 * (turn * (i as f64 + 0.5)).cos();
    let residuals = residuals.iter().enumerate();
    let white = residuals.map(|(i, v)| (v - mean) * taper(i));
    (white.collect(), correlation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_numpys() {
        // numpy.fft.fft([1, 2, 0, -1, 3, 0.5, 0, 1])[1] and [3].
        let mut real = vec![1.0, 2.0, 0.0, -1.0, 3.0, 0.5, 0.0, 1.0];
        let mut imaginary = vec![0.0; 8];
        transform(&mut real, &mut imaginary);
        let want = [
            (0.47487373415291634, 0.3535533905932738),
            (-4.474873734152917, 0.3535533905932738),
        ];
        for (index, (re, im)) in [1, 3].into_iter().zip(want) {
            assert!((real[index] - re).abs() < 1e-12 && (imaginary[index] - im).abs() < 1e-12);
        }
    }
}
