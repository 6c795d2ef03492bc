//! Buckets of a histogram over time: from cumulative counts to the operations between two samples.

use std::collections::BTreeMap;

use super::super::decimal::scaled;
use super::super::mapping::Unit;
use super::super::refusal::Refusal;
use super::super::rows::shown;
use super::super::spread::Spread;
use super::moment;

/// The bound that is none: all operations are below it.
const INFINITE: &str = "+Inf";

/// By upper bound, ns: the counts by time, ns.
pub(super) type Bounds = BTreeMap<u64, BTreeMap<u64, f64>>;

/// Adds the series of a bucket.
///
/// # Errors
/// Where its bound or a count is no number.
pub(super) fn add(
    bounds: &mut Bounds,
    bound: &str,
    unit: Unit,
    values: Vec<(f64, String)>,
) -> Result<(), Refusal> {
    let bound_ns = match bound {
        INFINITE => u64::MAX,
        bound => {
            let ns = scaled(bound.as_bytes(), unit.power());
            ns.map_err(|error| format!("the bound {} {error}", shown(bound.as_bytes())))?
        }
    };
    let counts = bounds.entry(bound_ns).or_default();
    for (at, value) in values {
        let count = value
            .parse()
            .ok()
            .filter(|count: &f64| count.is_finite() && *count >= 0.0);
        let count =
            count.ok_or_else(|| format!("the count {} is none", shown(value.as_bytes())))?;
        if counts.insert(moment(at)?, count).is_some() {
            let refusal = Refusal::from("has a second count of the same bucket and time");
            return Err(
                refusal.hint("sum by (le, LABEL) in the query, or name a label with --operation")
            );
        }
    }
    Ok(())
}

/// The operations between each sample and the next one. A histogram of which a count falls began again:
/// then all its counts grew from 0.
///
/// # Errors
/// Where a sample lacks a bucket, or there are more operations than a histogram may have.
pub(super) fn histograms(bounds: &Bounds, operation: u16) -> Result<Vec<Spread>, Refusal> {
    if !bounds.contains_key(&u64::MAX) {
        return Err("have none with le=\"+Inf\"".into());
    }
    let times: Vec<u64> = bounds
        .values()
        .next()
        .into_iter()
        .flatten()
        .map(|(at, _)| *at)
        .collect();
    let is_same = |counts: &BTreeMap<u64, f64>| counts.keys().copied().eq(times.iter().copied());
    if !bounds.values().all(is_same) {
        return Err("have not the same times".into());
    }
    let mut found = Vec::new();
    for pair in times.windows(2) {
        let &[before, at] = pair else { continue };
        let count =
            |counts: &BTreeMap<u64, f64>, at: u64| counts.get(&at).copied().unwrap_or_default();
        let is_falling = |counts| count(counts, at) < count(counts, before);
        let is_new = bounds.values().any(is_falling);
        let mut buckets = Vec::new();
        let (mut lower_ns, mut below) = (0u64, 0u64);
        for (&upper_ns, counts) in bounds {
            let earlier = if is_new { 0.0 } else { count(counts, before) };
            let more = count(counts, at) - earlier;
            // Counts are whole; a query of several servers may give a little less of a wider bucket.
            let all = (more.round() as u64).max(below);
            // Of those above all bounds only the highest bound is known.
            let middle = match upper_ns {
                u64::MAX => lower_ns,
                upper_ns => lower_ns + (upper_ns - lower_ns) / 2,
            };
            buckets.push((middle, all - below));
            (lower_ns, below) = (upper_ns, all);
        }
        found.push(Spread::new(buckets, before, at - before, operation)?);
    }
    Ok(found)
}
