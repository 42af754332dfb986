//! How many connections there may be, shared among the addresses that want some.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::answering::as_one;

#[derive(Debug, Clone)]
pub(super) struct Places {
    limit: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    /// Of each address its places, the oldest first.
    by_address: HashMap<IpAddr, Vec<(u64, CancellationToken)>>,
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: IpAddr,
    id: u64,
    needed: CancellationToken,
}

impl Places {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, taken: Arc::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection of this address. When all are taken, the address that has most of them gives its oldest
    /// away; `None` when no other has more than this one.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = as_one(address);
        let mut taken = self.taken();
        if taken.by_address.values().map(Vec::len).sum::<usize>() >= self.limit {
            let own = taken.by_address.get(&address).map_or(0, Vec::len);
            let most = taken.by_address.values_mut().max_by_key(|places| places.len())?;
            if most.len() <= own + 1 {
                return None;
            }
            let (_, needed) = most.remove(0);
            needed.cancel();
        }
        let id = taken.next;
        taken.next += 1;
        let needed = CancellationToken::new();
        taken.by_address.entry(address).or_default().push((id, needed.clone()));
        Some(Place { places: self.clone(), address, id, needed })
    }
}

impl Place {
    /// Cancelled when another address is to have it.
    pub(super) fn is_needed(&self) -> &CancellationToken {
        &self.needed
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(places) = taken.by_address.get_mut(&self.address) {
            places.retain(|(id, _)| *id != self.id);
            if places.is_empty() {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_network_share_its_places() {
        let places = Places::new(2);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let _held = ["2001:db8::1", "2001:db8::2"].map(|text| places.take(address(text)).unwrap());
        assert!(places.take(address("2001:db8::3")).is_none());
        assert!(places.take(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn an_address_with_most_of_the_places_gives_way_to_others() {
        let (greedy, modest) = (IpAddr::from([127, 0, 0, 2]), IpAddr::from([127, 0, 0, 3]));
        let places = Places::new(4);
        let held: Vec<Place> = (0..4).filter_map(|_| places.take(greedy)).collect();
        assert_eq!(held.len(), 4);
        assert!(places.take(greedy).is_none(), "nobody else has any to give");
        let first = places.take(modest).unwrap();
        assert_eq!(
            held.iter().map(|place| place.is_needed().is_cancelled()).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        let second = places.take(modest).unwrap();
        assert!(places.take(modest).is_none(), "each has two");
        drop((first, second, held));
        assert!(places.taken().by_address.is_empty());
    }
}
