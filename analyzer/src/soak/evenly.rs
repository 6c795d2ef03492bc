//! Points that are evenly spaced in time, as a series with equal distances.

/// The largest distance of a point from its place, as a share of the distance of two places.
const JITTER: f64 = 0.05;
/// The largest number of places for each point.
const MOST_PLACES: usize = 4;

/// The values at equal distances, NaN where one is missing, and the distance in seconds. `None`
/// where the times are not evenly spaced.
pub(super) fn evenly_spaced(times: &[f64], values: &[f64]) -> Option<(Vec<f64>, f64)> {
    let (first, last) = (*times.first()?, *times.last()?);
    let mut distances: Vec<f64> = times.windows(2).map(|two| two[1] - two[0]).collect();
    distances.sort_by(f64::total_cmp);
    let usual = *distances.get(distances.len() / 2)?;
    let places = ((last - first) / usual).round();
    if !(1.0..=(MOST_PLACES * times.len()) as f64).contains(&places) {
        return None;
    }
    let step = (last - first) / places;
    let mut even = vec![f64::NAN; places as usize + 1];
    for (time, value) in times.iter().zip(values) {
        let place = (time - first) / step;
        let nearest = place.round();
        let cell = even.get_mut(nearest as usize)?;
        if (place - nearest).abs() > JITTER || !cell.is_nan() {
            return None;
        }
        *cell = *value;
    }
    Some((even, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_evenly_spaced_with_holes_and_little_jitter() {
        let times = [100.0, 160.5, 219.0, 340.0, 400.0];
        let (values, step) = evenly_spaced(&times, &[1.0, 2.0, 3.0, 5.0, 6.0]).unwrap();
        assert!((step - 60.0).abs() < 0.1);
        assert_eq!(values[..3], [1.0, 2.0, 3.0]);
        assert!(values[3].is_nan() && values.len() == 6);
        for times in [
            vec![0.0, 1.0, 2.0, 3.5, 4.0],
            vec![0.0, 0.0, 1.0, 2.0, 3.0],
            vec![0.0, 0.0, 0.0, 0.0, 9.0],
            vec![0.0, 1.0, 2.0, 3.0, 1e9],
        ] {
            assert_eq!(evenly_spaced(&times, &[1.0; 5]), None, "{times:?}");
        }
        assert_eq!(evenly_spaced(&[], &[]), None);
        assert_eq!(evenly_spaced(&[5.0], &[1.0]), None);
    }
}
