//! The streams of random numbers, and repetitions in two threads.

use crate::trials::process::Random;
use crate::trials::service::Simulator;

/// The random numbers of one figure. Each figure has its own, so that `--only` gives the same
/// result.
pub(crate) fn stream(seed: u64, figure: &str) -> Random {
    let hash = figure
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Random::new(u128::from(seed) << 64 | u128::from(hash) | 1)
}

/// Runs `trials` repetitions in two threads, which have a stream each, and adds up their counts.
/// The sums do not depend on how the threads were scheduled.
pub(crate) fn counted<const K: usize>(
    seed: u64,
    figure: &str,
    trials: usize,
    work: impl Fn(&mut Simulator, usize, &mut Random) -> [usize; K] + Sync,
) -> [usize; K] {
    let half = |part: usize| {
        let mut random = stream(seed, &format!("{figure} part {part}"));
        work(&mut Simulator::new(), (trials + part) / 2, &mut random)
    };
    let (first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| half(1));
        (half(0), second.join().unwrap_or([0; K]))
    });
    std::array::from_fn(|i| first[i] + second[i])
}
