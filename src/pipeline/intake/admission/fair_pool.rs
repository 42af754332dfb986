//! A pool that is given out in a fair order: who has had less comes first, however much others ask for.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng 1997): a request starts, in virtual time, where its sender's last one ended, or
//! now; the earliest start is served first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::sender::Sender;

#[derive(Debug, Clone)]
pub(super) struct FairPool(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// The most that one sender holds, so that there is something left for another.
    share: usize,
    /// The start of what was served last.
    now: u64,
    arrivals: u64,
    senders: HashMap<Sender, Account>,
    waiting: Vec<Waiting>,
}

#[derive(Debug, Default)]
struct Account {
    /// Where the last request of this sender ends.
    end: u64,
    held: usize,
}

#[derive(Debug)]
struct Waiting {
    start: u64,
    arrival: u64,
    sender: Sender,
    hold: usize,
    grant: oneshot::Sender<Permit>,
}

/// A part of the pool, given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    pool: FairPool,
    sender: Sender,
    hold: usize,
}

impl FairPool {
    /// A pool of which one sender holds at most `share`.
    pub(super) fn new(capacity: usize, share: usize) -> Self {
        let (senders, waiting) = (HashMap::new(), Vec::new());
        Self(Arc::new(Mutex::new(State { free: capacity, share, now: 0, arrivals: 0, senders, waiting })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn and for `hold` to be free; `cost` is what it counts in the order.
    pub(super) async fn take(&self, sender: &Sender, hold: usize, cost: usize) -> Option<Permit> {
        let (grant, granted) = oneshot::channel();
        self.state().arrive(sender.clone(), hold, cost, grant);
        self.serve();
        granted.await.ok()
    }

    /// Gives out what can be given.
    fn serve(&self) {
        let mut granted = Vec::new();
        let mut state = self.state();
        while let Some(waiting) = state.next() {
            let Waiting { sender, hold, grant, .. } = waiting;
            granted.push((grant, Permit { pool: self.clone(), sender, hold }));
        }
        // A permit whose receiver is gone comes back at once, which locks.
        drop(state);
        for (grant, permit) in granted {
            drop(grant.send(permit));
        }
    }
}

impl State {
    fn arrive(&mut self, sender: Sender, hold: usize, cost: usize, grant: oneshot::Sender<Permit>) {
        let account = self.senders.entry(sender.clone()).or_default();
        let start = account.end.max(self.now);
        account.end = start.saturating_add(cost as u64);
        self.waiting.push(Waiting { start, arrival: self.arrivals, sender, hold, grant });
        self.arrivals += 1;
    }

    /// Takes the next one out, if there is room for it. Nobody passes it: large ones would wait for ever.
    fn next(&mut self) -> Option<Waiting> {
        self.waiting.retain(|waiting| !waiting.grant.is_closed());
        let held = |sender: &Sender| self.senders.get(sender).map_or(0, |account| account.held);
        let may = |waiting: &Waiting| {
            let held = held(&waiting.sender);
            held == 0 || held + waiting.hold <= self.share
        };
        let candidates = self.waiting.iter().enumerate().filter(|(_, waiting)| may(waiting));
        let (index, _) = candidates.min_by_key(|(_, waiting)| (waiting.start, waiting.arrival))?;
        if self.waiting[index].hold > self.free {
            return None;
        }
        let next = self.waiting.swap_remove(index);
        self.now = self.now.max(next.start);
        self.take(&next.sender, next.hold);
        Some(next)
    }

    fn take(&mut self, sender: &Sender, amount: usize) {
        self.free -= amount;
        // Who waited for long may have been forgotten.
        self.senders.entry(sender.clone()).or_default().held += amount;
    }

    fn give_back(&mut self, sender: &Sender, amount: usize) {
        self.free += amount;
        if let Some(account) = self.senders.get_mut(sender) {
            account.held -= amount;
        }
        // Who holds nothing and is owed no patience is forgotten.
        let (now, is_idle) = (self.now, self.waiting.is_empty());
        self.senders.retain(|_, account| account.held > 0 || (account.end > now && !is_idle));
    }
}

impl Permit {
    pub(super) fn held(&self) -> usize {
        self.hold
    }

    /// Takes more without waiting; false when there is none.
    pub(super) fn grow(&mut self, more: usize) -> bool {
        let mut state = self.pool.state();
        if more > state.free {
            return false;
        }
        state.take(&self.sender, more);
        drop(state);
        self.hold += more;
        true
    }

    /// Gives back all but `hold`.
    pub(super) fn shrink_to(&mut self, hold: usize) {
        let less = self.hold.saturating_sub(hold);
        if less > 0 {
            self.hold -= less;
            self.pool.state().give_back(&self.sender, less);
            self.pool.serve();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pool.state().give_back(&self.sender, self.hold);
        self.pool.serve();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;

    fn address(last: u8) -> Sender {
        Sender::Address(std::net::IpAddr::from([127, 0, 0, last]))
    }

    fn asks<'a>(pool: &'a FairPool, sender: &'a Sender, hold: usize) -> BoxFuture<'a, Option<Permit>> {
        let mut asking = pool.take(sender, hold, hold).boxed();
        // It stands in the queue from its first poll on.
        match (&mut asking).now_or_never() {
            Some(granted) => std::future::ready(granted).boxed(),
            None => asking,
        }
    }

    #[test]
    fn whoever_has_had_less_comes_before_a_queue_of_others() {
        let (greedy, modest) = (address(2), address(3));
        let pool = FairPool::new(10, 10);
        let first = asks(&pool, &greedy, 10).now_or_never().unwrap();
        let mut queued: Vec<_> = (0..5).map(|_| asks(&pool, &greedy, 10)).collect();
        let mut late = asks(&pool, &modest, 1);
        assert!((&mut late).now_or_never().is_none());
        drop(first);
        assert!((&mut late).now_or_never().is_some(), "its turn came before those that had waited longer");
        drop(late);
        assert!((&mut queued[0]).now_or_never().is_some());
    }

    #[test]
    fn a_sender_leaves_something_for_others() {
        let pool = FairPool::new(10, 7);
        let (greedy, modest) = (address(2), address(3));
        let held: Vec<_> = (0..7).map(|_| asks(&pool, &greedy, 1).now_or_never().unwrap()).collect();
        assert!(asks(&pool, &greedy, 1).now_or_never().is_none());
        assert!(asks(&pool, &modest, 3).now_or_never().is_some());
        drop(held);
        assert!(pool.state().senders.is_empty() && pool.state().free == 10);
    }

    #[test]
    fn who_goes_away_while_waiting_takes_nothing_with_them() {
        let pool = FairPool::new(1, 1);
        let (one, two) = (address(2), address(3));
        let held = asks(&pool, &one, 1).now_or_never().unwrap();
        drop(asks(&pool, &two, 1));
        drop(held);
        assert!(asks(&pool, &one, 1).now_or_never().is_some());
    }

    proptest::proptest! {
        /// Whatever is asked for, grown, shrunk and given back in whatever order, the sum of what is held and free stays.
        #[test]
        fn nothing_is_lost_and_nothing_is_made(steps in proptest::collection::vec((0u8..5, 0u8..4, 1usize..40), 0..120)) {
            let pool = FairPool::new(100, 60);
            let senders: Vec<Sender> = (0..4).map(address).collect();
            let (mut held, mut waiting) = (Vec::<Permit>::new(), Vec::new());
            for (what, who, amount) in steps {
                match what {
                    0 | 1 => waiting.push(asks(&pool, &senders[usize::from(who)], amount)),
                    2 => { if !held.is_empty() { drop(held.swap_remove(amount % held.len())); } }
                    3 => { if let Some(permit) = held.last_mut() { permit.grow(amount); } }
                    _ => { if let Some(permit) = held.last_mut() { permit.shrink_to(amount); } }
                }
                let mut index = 0;
                while index < waiting.len() {
                    match (&mut waiting[index]).now_or_never() {
                        Some(granted) => { held.extend(granted); drop(waiting.swap_remove(index)); }
                        None => index += 1,
                    }
                }
                let sum: usize = held.iter().map(Permit::held).sum();
                proptest::prop_assert_eq!(sum + pool.state().free, 100);
            }
            waiting.clear();
            held.clear();
            proptest::prop_assert_eq!(pool.state().free, 100);
        }
    }
}
