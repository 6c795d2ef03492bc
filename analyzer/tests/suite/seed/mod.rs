//! Seeds that are drawn when a test runs, so that no test depends on one of them.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// A seed that is drawn and printed, with room above it for others; `SOAKBOX_SEED` repeats one.
pub(crate) fn drawn() -> u64 {
    let seed = match std::env::var("SOAKBOX_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => RandomState::new().hash_one(0) >> 8,
    };
    println!("SOAKBOX_SEED={seed}");
    seed
}
