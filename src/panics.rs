//! A panic is a bug, and its message may quote what was being read: only its place is told.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

thread_local! {
    /// Where this thread panicked last.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Places that were told: many records may meet one bug.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on the log says where the process panicked, each place once, and nothing prints the message.
pub fn tell_places_only() {
    set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        if TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone()) {
            tracing::error!(place, "a bug: please report the place");
        }
        PLACE.set(Some(place));
    }));
}

/// What `work` returns, or where it panicked. What it was changing must be dropped then.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| PLACE.take().unwrap_or_else(|| "an unknown place".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_at_its_edge() {
        assert_eq!(caught(|| 1), Ok(1));
        let empty: Vec<u8> = Vec::new();
        assert!(caught(|| empty[empty.len()]).is_err());
    }
}
