//! Traces that panic or do not end, for tests of what becomes of the others. Outside tests there are none.

#[cfg(test)]
pub(super) use harm::{Poison, poison, provoke};

#[cfg(not(test))]
use crate::store::TraceRecords;

/// Does nothing.
#[cfg(not(test))]
#[inline]
pub(super) fn provoke(_records: &TraceRecords) {}

#[cfg(test)]
mod harm {
    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError, Weak};
    use std::time::Duration;

    use crate::model::{Span, TraceId};
    use crate::store::TraceRecords;

    /// What reading a trace does.
    #[derive(Clone)]
    pub(in super::super) enum Poison {
        Panic,
        /// It does not end while the test holds this.
        Hang(Weak<()>),
    }

    static POISON: Mutex<Option<HashMap<TraceId, Poison>>> = Mutex::new(None);

    /// Called by whatever reads the records of a trace.
    pub(in super::super) fn provoke(records: &TraceRecords) {
        let poison = {
            let poison = POISON.lock().unwrap_or_else(PoisonError::into_inner);
            let of = |span: &Span| poison.as_ref()?.get(&span.trace_id).cloned();
            records.spans.first().and_then(of)
        };
        match poison {
            Some(Poison::Panic) => panic!("a bug, about what the trace says"),
            Some(Poison::Hang(held)) => {
                while held.strong_count() > 0 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            None => {}
        }
    }

    /// Poisons a trace, or heals it.
    pub(in super::super) fn poison(trace: TraceId, how: Option<Poison>) {
        let mut poison = POISON.lock().unwrap_or_else(PoisonError::into_inner);
        let all = poison.get_or_insert_default();
        match how {
            Some(how) => all.insert(trace, how),
            None => all.remove(&trace),
        };
    }
}
