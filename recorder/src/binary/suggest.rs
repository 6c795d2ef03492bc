//! Suggestions for a name that does not exist.

/// Most names that are suggested.
const MOST: usize = 4;

/// Names close to `wanted`, the closest first.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let folded = wanted.to_lowercase();
    let mut scored: Vec<(u32, &str)> = names
        .filter_map(|name| score(&folded, name).map(|score| (score, name)))
        .collect();
    scored.sort_unstable();
    scored.dedup_by_key(|(_, name)| *name);
    scored
        .into_iter()
        .take(MOST)
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// The nearest names, or the first few where none is near.
pub fn nearest_or_all<'a>(
    wanted: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Vec<String> {
    let near = nearest(wanted, names.clone());
    if near.is_empty() {
        names.take(MOST).map(ToOwned::to_owned).collect()
    } else {
        near
    }
}

/// Lower is nearer; `None` is too far.
fn score(wanted: &str, name: &str) -> Option<u32> {
    let name = name.to_lowercase();
    if wanted.is_empty() || name.is_empty() {
        return None;
    }
    if name == wanted {
        return Some(0);
    }
    // The lengths are a cheap bound: the distance is computed only where it can be near.
    let spread = name.len().abs_diff(wanted.len());
    let allowed = wanted.len() / 3 + 1;
    if spread <= allowed {
        let distance = strsim::osa_distance(wanted, &name);
        if distance <= allowed {
            return u32::try_from(distance).ok();
        }
    }
    // A part of a longer (mangled) name.
    (wanted.len() >= 3 && name.contains(wanted))
        .then(|| 100 + u32::try_from(spread).unwrap_or(u32::MAX - 100))
}
