//! Work that has nothing to do with each other, on all processors.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Items that a thread takes at once: one by one they would wait for each other.
const BATCH: usize = 8;

/// What `work` makes of each item, in the order of the items. A panic of `work` is passed on.
pub(super) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len().div_ceil(BATCH));
    if threads < 2 {
        return items.into_iter().map(work).collect();
    }
    let left = Mutex::new(items.into_iter().enumerate());
    let take =
        || -> Vec<(usize, T)> { left.lock().unwrap_or_else(PoisonError::into_inner).by_ref().take(BATCH).collect() };
    let worker = || {
        let mut done = Vec::new();
        loop {
            let batch = take();
            if batch.is_empty() {
                return done;
            }
            done.extend(batch.into_iter().map(|(place, item)| (place, work(item))));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let joined =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        for number in [0, 1, BATCH, 1_000] {
            let items: Vec<usize> = (0..number).collect();
            let expected: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(map(items, |item| item * 2), expected);
        }
    }
}
