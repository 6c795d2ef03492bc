//! Work on many files, on all CPUs.

use std::num::NonZero;

/// Fewer footers or small files than this are no work for a thread.
pub(crate) const FOOTERS: usize = 32;

/// The results of `each` for all items, in their order. Each thread has one part of the list, of
/// `least` items or more, and a state of its own, which is made by `state`.
pub(crate) fn on_all_cpus<T: Sync, R: Send, S>(
    items: &[T],
    least: usize,
    state: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let part = items.len().div_ceil(threads).max(least).max(1);
    let one_part = |items: &[T]| -> Vec<R> {
        let mut state = state();
        items.iter().map(|item| each(&mut state, item)).collect()
    };
    let mut parts = items.chunks(part);
    let first = parts.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let one_part = &one_part;
        let others: Vec<_> = parts
            .map(|part| scope.spawn(move || one_part(part)))
            .collect();
        let mut results = one_part(first);
        for thread in others {
            match thread.join() {
                Ok(more) => results.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}
