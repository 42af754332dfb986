//! Memory for requests in flight, all senders together: a flood is turned away, not swallowed.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of account: finer would run into the semaphore's limits on 32-bit machines, coarser would waste.
const UNIT: usize = 1024;

/// All memory that may be in flight.
#[derive(Debug, Clone)]
pub struct MemoryLimiter {
    free: Arc<Semaphore>,
    units: usize,
}

/// No memory left at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests are being received; try again later")]
pub struct Exhausted;

/// The memory held by one request; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    memory: MemoryLimiter,
    permits: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl MemoryLimiter {
    /// At most this many bytes in hand.
    pub fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(units)), units }
    }

    /// A reservation of nothing yet.
    pub fn reservation(&self) -> Reservation {
        Reservation { memory: self.clone(), permits: None, bytes: 0 }
    }

    /// Whether nothing is in flight.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.free.available_permits() == self.units
    }
}

impl Reservation {
    /// Takes more memory, or says that there is none. A single request may always have the whole limit: what is larger
    /// is counted as the whole.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let units = |bytes: usize| bytes.div_ceil(UNIT).min(self.memory.units);
        let more = units(self.bytes + bytes) - units(self.bytes);
        if more > 0 {
            let more = u32::try_from(more).map_err(|_| Exhausted)?;
            let granted = Arc::clone(&self.memory.free).try_acquire_many_owned(more).map_err(|_| Exhausted)?;
            match &mut self.permits {
                Some(permits) => permits.merge(granted),
                none => *none = Some(granted),
            }
        }
        self.bytes += bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_with_the_request() {
        let memory = MemoryLimiter::new(10 * UNIT);
        let mut first = memory.reservation();
        first.grow(6 * UNIT).unwrap();
        let mut second = memory.reservation();
        assert_eq!(second.grow(5 * UNIT), Err(Exhausted));
        drop(first);
        second.grow(5 * UNIT).unwrap();
        drop(second);
        assert!(memory.is_idle());
    }

    #[test]
    fn many_small_pieces_count_by_their_sum() {
        let memory = MemoryLimiter::new(4 * UNIT);
        let mut one = memory.reservation();
        (0..4 * UNIT).for_each(|_| one.grow(1).unwrap());
        assert_eq!(memory.reservation().grow(1), Err(Exhausted));
    }

    #[test]
    fn a_request_alone_may_be_larger_than_the_limit() {
        let memory = MemoryLimiter::new(UNIT);
        memory.reservation().grow(100 * UNIT).unwrap();
        assert!(memory.is_idle());
    }
}
