//! How many bytes the recognisers looked at, so that a test can hold the time of redaction to the length of its text
//! without a clock. Outside tests nothing is counted.

#[cfg(test)]
pub(crate) use counted::taken;

/// Counts `bytes` looked at.
#[cfg(not(test))]
#[inline]
pub(super) fn looked_at(_bytes: usize) {}

/// Counts `bytes` looked at.
#[cfg(test)]
pub(super) fn looked_at(bytes: usize) {
    counted::add(bytes);
}

#[cfg(test)]
mod counted {
    use std::cell::Cell;

    thread_local! {
        static LOOKED_AT: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn add(bytes: usize) {
        LOOKED_AT.with(|count| count.set(count.get() + bytes as u64));
    }

    /// How many bytes this thread looked at since the last call.
    pub(crate) fn taken() -> u64 {
        LOOKED_AT.with(|count| count.replace(0))
    }
}
