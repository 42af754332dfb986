//! Memory for what is being taken in, for all ways in together and in the bytes that are built: a flood waits its turn.
//!
//! Small requests share a quarter of it. Anything else goes one by one, with the rest of the memory to itself, so that a request can
//! grow without ever waiting for another that waits for it.

mod fair_pool;
mod reservation;
mod sender;

use std::time::Duration;

use fair_pool::FairPool;

pub use reservation::{Overrun, Reservation};
pub use sender::Sender;

/// All memory for what is being taken in.
#[derive(Debug, Clone)]
pub struct Admission {
    small: FairPool,
    /// One place, not bytes.
    large: FairPool,
    limits: Limits,
    patience: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    small_request: usize,
    large_request: usize,
}

impl Admission {
    /// At most this many bytes; whoever waits for longer than `patience` is sent away.
    pub fn new(bytes: usize, patience: Duration) -> Self {
        let for_small = bytes / 4;
        Self {
            // Of six small requests one is always of somebody else.
            small: FairPool::new(for_small, for_small / 6 * 5),
            large: FairPool::new(1, 1),
            limits: Limits { small_request: for_small / 6, large_request: bytes - for_small },
            patience,
        }
    }

    /// Waits for its turn; `estimate` is what the request will take.
    pub async fn enter(&self, sender: &Sender, estimate: usize) -> Result<Reservation, Overrun> {
        if estimate > self.limits.small_request {
            return self.enter_large(sender, estimate).await;
        }
        let permit = self.in_time(self.small.take(sender, estimate, estimate)).await?;
        Ok(Reservation::small(permit, self.limits.small_request))
    }

    /// Waits for its turn among the large ones, whatever it will take.
    pub async fn enter_large(&self, sender: &Sender, estimate: usize) -> Result<Reservation, Overrun> {
        let permit = self.in_time(self.large.take(sender, 1, estimate)).await?;
        Ok(Reservation::large(permit, self.limits.large_request))
    }

    /// More for a request that is being received: one that was taken for small may turn out to be large.
    pub async fn extend(&self, reservation: &mut Reservation, sender: &Sender, more: usize) -> Result<(), Overrun> {
        match reservation.grow(more) {
            Err(Overrun::Busy) => {
                // Large ones wait for no small one, so that this one may keep its place meanwhile.
                let mut large = self.enter_large(sender, reservation.used() + more).await?;
                large.grow(reservation.used() + more)?;
                *reservation = large;
                Ok(())
            }
            result => result,
        }
    }

    /// Moves a large request that turned out to be small out of the way of others, if there is room at once.
    pub async fn settle(&self, reservation: &mut Reservation, sender: &Sender) {
        reservation.shrink_to_used();
        let used = reservation.used();
        if reservation.is_large() && used <= self.limits.small_request {
            let no_wait = tokio::time::timeout(Duration::ZERO, self.small.take(sender, used, used)).await;
            if let Ok(Some(permit)) = no_wait {
                let mut small = Reservation::small(permit, self.limits.small_request);
                if small.grow(used).is_ok() {
                    *reservation = small;
                }
            }
        }
    }

    async fn in_time<T>(&self, waiting: impl Future<Output = Option<T>>) -> Result<T, Overrun> {
        tokio::time::timeout(self.patience, waiting).await.ok().flatten().ok_or(Overrun::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn address(last: u8) -> Sender {
        Sender::Address(std::net::IpAddr::from([127, 0, 0, last]))
    }

    #[tokio::test]
    async fn a_large_request_has_the_memory_to_itself_and_small_ones_go_on_beside_it() {
        let admission = Admission::new(240 * KIB, Duration::from_millis(10));
        let (one, two) = (address(2), address(3));
        let mut large = admission.enter(&one, 100 * KIB).await.unwrap();
        large.grow(180 * KIB).unwrap();
        assert_eq!(large.grow(1), Err(Overrun::TooLarge { limit: 180 * KIB }));
        assert_eq!(admission.enter(&two, 100 * KIB).await.err(), Some(Overrun::Busy));
        let mut small = admission.enter(&two, 10 * KIB).await.unwrap();
        assert_eq!(small.grow(20 * KIB), Err(Overrun::Busy), "it is no small one any more");
        drop(large);
        admission.extend(&mut small, &two, 20 * KIB).await.unwrap();
        assert!(small.is_large());
    }

    #[tokio::test]
    async fn what_turned_out_to_be_small_makes_room() {
        let admission = Admission::new(240 * KIB, Duration::from_millis(10));
        let one = address(2);
        let mut first = admission.enter(&one, 100 * KIB).await.unwrap();
        first.grow(100 * KIB).unwrap();
        first.shrink(95 * KIB);
        admission.settle(&mut first, &one).await;
        assert!(!first.is_large());
        assert!(admission.enter(&one, 100 * KIB).await.is_ok());
    }
}
