//! Fewer points than pixels: the smallest and the largest value of each column of pixels, so that no
//! peak is lost. Pure.

/// A point: where it is, and its value; NaN is missing.
pub(super) type Point = (f64, f64);

/// The connected parts of a line: a missing value interrupts it.
pub(super) fn parts(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    let is_known = |point: &Point| point.1.is_finite();
    points
        .chunk_by(move |a, b| is_known(a) == is_known(b))
        .filter(move |part| part.first().is_some_and(is_known))
}

/// The points of a part on an axis from `low` to `high`, at most two per column: as they are if they
/// are few, otherwise the smallest and the largest of each column, in their order.
pub(super) fn reduced(points: &[Point], low: f64, high: f64, columns: usize) -> Vec<Point> {
    if points.len() <= columns {
        return points.to_vec();
    }
    let mut reduced = Vec::new();
    for part in
        points.chunk_by(|a, b| column(a.0, low, high, columns) == column(b.0, low, high, columns))
    {
        let by_value = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let smallest = part.iter().min_by(by_value);
        let largest = part.iter().max_by(by_value);
        let (Some(smallest), Some(largest)) = (smallest, largest) else {
            continue;
        };
        let mut ends = [*smallest, *largest];
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        reduced.extend_from_slice(if smallest == largest {
            &ends[..1]
        } else {
            &ends
        });
    }
    reduced
}

/// Ranges that share a column of pixels, or touch, as one.
pub(super) fn joined(
    ranges: &[(f64, f64)],
    low: f64,
    high: f64,
    columns: usize,
) -> Vec<(f64, f64)> {
    let at = |x| column(x, low, high, columns);
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for &(from, to) in ranges {
        match joined.last_mut() {
            Some(last) if at(from) <= at(last.1) => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// The smallest and the largest value of each column, as a band: its middle, both values.
pub(super) fn envelope(
    points: &[Point],
    low: f64,
    high: f64,
    columns: usize,
) -> Vec<(f64, f64, f64)> {
    let of = |part: &[Point]| {
        let values = part.iter().map(|point| point.1);
        let smallest = values.clone().fold(f64::INFINITY, f64::min);
        let largest = values.fold(f64::NEG_INFINITY, f64::max);
        let middle = (part[0].0 + part[part.len() - 1].0) / 2.0;
        (middle, smallest, largest)
    };
    let columns_of =
        points.chunk_by(|a, b| column(a.0, low, high, columns) == column(b.0, low, high, columns));
    columns_of.map(of).collect()
}

fn column(x: f64, low: f64, high: f64, columns: usize) -> i64 {
    ((x - low) / (high - low) * columns as f64).floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_points_become_few_and_keep_their_peaks() {
        let points: Vec<Point> = (0..100_000)
            .map(|index| {
                (
                    f64::from(index),
                    if index == 31_337 {
                        9.0
                    } else {
                        f64::from(index % 3)
                    },
                )
            })
            .collect();
        let few = reduced(&points, 0.0, 1e5, 400);
        assert!(few.len() <= 800, "{}", few.len());
        assert!(few.contains(&(31_337.0, 9.0)));
        assert!(few.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(reduced(&points[..400], 0.0, 1e5, 400), points[..400]);
    }

    #[test]
    fn a_missing_value_interrupts_a_line() {
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0), (3.0, 4.0)];
        let parts: Vec<&[Point]> = parts(&points).collect();
        assert_eq!(parts, [&points[..1], &points[2..]]);
    }

    #[test]
    fn ranges_in_one_column_are_joined() {
        let ranges = [(0.0, 1.0), (1.2, 1.5), (50.0, 51.0)];
        assert_eq!(joined(&ranges, 0.0, 100.0, 50), [(0.0, 1.5), (50.0, 51.0)]);
    }
}
