//! How many bytes the recognisers looked at, so that a test can hold the time of redaction to the length of its text
//! without a clock. Outside tests nothing is counted.

#[cfg(test)]
thread_local! {
    static LOOKED_AT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts `bytes` looked at.
#[inline]
pub(super) fn looked_at(bytes: usize) {
    #[cfg(test)]
    LOOKED_AT.with(|count| count.set(count.get() + bytes as u64));
    #[cfg(not(test))]
    let _: usize = bytes;
}

/// How many bytes this thread looked at since the last call.
#[cfg(test)]
pub(crate) fn taken() -> u64 {
    LOOKED_AT.with(|count| count.replace(0))
}
