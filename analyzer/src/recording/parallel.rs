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
    let parts = in_parts(items, least, |part| -> Vec<R> {
        let mut state = state();
        part.iter().map(|item| each(&mut state, item)).collect()
    });
    parts.into_iter().flatten().collect()
}

/// The results of `each` for the parts of a list, in their order: one part per CPU, of `least` items
/// or more.
pub(crate) fn in_parts<T: Sync, R: Send>(
    items: &[T],
    least: usize,
    each: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let part = items.len().div_ceil(threads).max(least).max(1);
    let mut parts = items.chunks(part);
    let Some(first) = parts.next() else {
        return Vec::new();
    };
    std::thread::scope(|scope| {
        let each = &each;
        let others: Vec<_> = parts.map(|part| scope.spawn(move || each(part))).collect();
        let mut results = vec![each(first)];
        for thread in others {
            match thread.join() {
                Ok(more) => results.push(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}
