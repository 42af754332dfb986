//! The memory of one request.

use super::fair_pool::Permit;

/// Why a request gets no more memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Overrun {
    /// Others have it.
    #[error("too many requests are being received; try again later")]
    Busy,
    /// There is not so much for one request.
    #[error(
        "the request takes more than {limit} bytes of memory once it is read; send smaller batches or raise intake.otlp.max_in_flight_bytes"
    )]
    TooLarge { limit: usize },
}

/// The memory held by one request; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    permit: Permit,
    is_large: bool,
    used: usize,
    /// The most that it may use.
    limit: usize,
}

impl Reservation {
    pub(super) fn small(permit: Permit, limit: usize) -> Self {
        Self { permit, is_large: false, used: 0, limit }
    }

    pub(super) fn large(permit: Permit, limit: usize) -> Self {
        Self { permit, is_large: true, used: 0, limit }
    }

    /// Counts what is about to be built.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Overrun> {
        let used = self.used.saturating_add(bytes);
        if self.is_large {
            if used > self.limit {
                return Err(Overrun::TooLarge { limit: self.limit });
            }
        } else {
            let more = used.saturating_sub(self.permit.held());
            if used > self.limit || (more > 0 && !self.permit.grow(more)) {
                return Err(Overrun::Busy);
            }
        }
        self.used = used;
        Ok(())
    }

    /// Counts what was built and is gone.
    pub fn shrink(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Sets so many of its bytes apart, for a copy that is given up at another time.
    pub fn split_off(&mut self, bytes: usize) -> Permit {
        self.permit.split_off(bytes)
    }

    /// Gives back what was estimated and is not used.
    pub(super) fn shrink_to_used(&mut self) {
        if !self.is_large {
            self.permit.shrink_to(self.used);
        }
    }

    /// One of so many bytes, apart from all others.
    #[cfg(test)]
    pub fn of(bytes: usize) -> Self {
        use futures_util::FutureExt;
        let pool = super::fair_pool::FairPool::new(1, 1);
        let permit = pool.take(&super::Sender::Broker, 1, 1).now_or_never().flatten().unwrap();
        Self::large(permit, bytes)
    }

    /// One that is never used up.
    #[cfg(test)]
    pub fn endless() -> Self {
        Self::of(usize::MAX)
    }

    /// Bytes counted so far.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Whether it is one of those that go one by one.
    pub fn is_large(&self) -> bool {
        self.is_large
    }
}
