//! A pool that is given out in a fair order: who has had less comes first, however much others ask for.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng 1997): a request starts, in virtual time, where its sender's last one ended, or when
//! it came; the earliest start is served first. It counts when it is served, so that giving up costs nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::sender::Sender;

/// Requests of one sender that wait at a time: as many as the messages in hand of two queues.
const WAITING_OF_ONE: usize = 128;

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
}

#[derive(Debug, Default)]
struct Account {
    /// Where the last request that was served ends.
    end: u64,
    held: usize,
    /// In the order of their arrival.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// When it came, in virtual time.
    came: u64,
    arrival: u64,
    hold: usize,
    cost: usize,
    grant: oneshot::Sender<Permit>,
}

/// A part of the pool, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    pool: FairPool,
    sender: Sender,
    hold: usize,
}

impl FairPool {
    /// A pool of which one sender holds at most `share`.
    pub(super) fn new(capacity: usize, share: usize) -> Self {
        let senders = HashMap::new();
        Self(Arc::new(Mutex::new(State { free: capacity, share, now: 0, arrivals: 0, senders })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn and for `hold` to be free; `cost` is what it counts in the order. `None` when too many of this sender wait.
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
        while let Some((sender, Waiting { hold, grant, .. })) = state.next() {
            granted.push((grant, Permit { pool: self.clone(), sender, hold }));
        }
        state.forget();
        // A permit whose receiver is gone comes back at once, which locks.
        drop(state);
        for (grant, permit) in granted {
            drop(grant.send(permit));
        }
    }
}

impl State {
    fn arrive(&mut self, sender: Sender, hold: usize, cost: usize, grant: oneshot::Sender<Permit>) {
        let waiting = &mut self.senders.entry(sender).or_default().waiting;
        if waiting.len() >= WAITING_OF_ONE {
            waiting.retain(|waiting| !waiting.grant.is_closed());
        }
        if waiting.len() < WAITING_OF_ONE {
            waiting.push_back(Waiting { came: self.now, arrival: self.arrivals, hold, cost, grant });
            self.arrivals += 1;
        }
    }

    /// Takes the next one out, if there is room for it. Nobody passes it: large ones would wait for ever.
    fn next(&mut self) -> Option<(Sender, Waiting)> {
        let mut first: Option<((u64, u64), &Sender)> = None;
        for (sender, account) in &mut self.senders {
            while account.waiting.pop_front_if(|waiting| waiting.grant.is_closed()).is_some() {}
            let Some(waiting) = account.waiting.front() else { continue };
            let turn = (account.end.max(waiting.came), waiting.arrival);
            let may = account.held == 0 || account.held + waiting.hold <= self.share;
            if may && first.is_none_or(|(earliest, _)| turn < earliest) {
                first = Some((turn, sender));
            }
        }
        let ((start, _), sender) = first?;
        let (free, sender) = (self.free, sender.clone());
        let account = self.senders.get_mut(&sender)?;
        let next = account.waiting.pop_front_if(|waiting| waiting.hold <= free)?;
        account.end = start.saturating_add(next.cost as u64);
        account.held += next.hold;
        self.free -= next.hold;
        self.now = self.now.max(start);
        Some((sender, next))
    }

    /// Takes more for a sender that holds something; false when there is no more, or not for one sender.
    fn grow(&mut self, sender: &Sender, more: usize) -> bool {
        let (free, share) = (self.free, self.share);
        let Some(account) = self.senders.get_mut(sender) else { return false };
        if more > free || account.held + more > share {
            return false;
        }
        account.held += more;
        self.free -= more;
        true
    }

    fn give_back(&mut self, sender: &Sender, amount: usize) {
        self.free += amount;
        if let Some(account) = self.senders.get_mut(sender) {
            account.held -= amount;
        }
    }

    /// Who holds nothing, wants nothing and is owed no patience is forgotten.
    fn forget(&mut self) {
        let (now, is_idle) = (self.now, self.senders.values().all(|account| account.waiting.is_empty()));
        self.senders
            .retain(|_, account| account.held > 0 || !account.waiting.is_empty() || (account.end > now && !is_idle));
    }
}

impl Permit {
    pub(super) fn held(&self) -> usize {
        self.hold
    }

    /// Takes more without waiting; false when there is none, or the sender has its share.
    pub(super) fn grow(&mut self, more: usize) -> bool {
        let is_given = self.pool.state().grow(&self.sender, more);
        if is_given {
            self.hold += more;
        }
        is_given
    }

    /// A permit of its own for a part of it, or for all where it has no more.
    pub(super) fn split_off(&mut self, hold: usize) -> Self {
        let hold = hold.min(self.hold);
        self.hold -= hold;
        Self { pool: self.pool.clone(), sender: self.sender.clone(), hold }
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

    #[test]
    fn giving_up_costs_a_sender_nothing() {
        let (hasty, patient) = (address(2), address(3));
        let pool = FairPool::new(10, 10);
        let held = asks(&pool, &patient, 10).now_or_never().unwrap();
        (0..5).for_each(|_| drop(asks(&pool, &hasty, 10)));
        let (mut second, mut third) = (asks(&pool, &patient, 10), asks(&pool, &hasty, 10));
        drop(held);
        assert!((&mut third).now_or_never().is_some(), "it has had nothing so far");
        drop(third);
        assert!((&mut second).now_or_never().is_some());
    }

    #[test]
    fn nobody_grows_beyond_their_share() {
        let pool = FairPool::new(10, 7);
        let mut permit = asks(&pool, &address(2), 5).now_or_never().flatten().unwrap();
        assert!(permit.grow(2) && !permit.grow(1));
        assert!(asks(&pool, &address(3), 3).now_or_never().flatten().is_some());
    }

    #[test]
    fn a_sender_whose_queue_is_full_is_sent_away_at_once() {
        let (one, two) = (address(2), address(3));
        let pool = FairPool::new(1, 1);
        let _held = asks(&pool, &two, 1).now_or_never().flatten().unwrap();
        let mut queued: Vec<_> = (0..WAITING_OF_ONE).map(|_| asks(&pool, &one, 1)).collect();
        assert!(asks(&pool, &one, 1).now_or_never().is_some_and(|refused| refused.is_none()));
        assert!(asks(&pool, &two, 1).now_or_never().is_none(), "others wait as before");
        queued.pop();
        assert!(asks(&pool, &one, 1).now_or_never().is_none(), "there is room again");
    }

    proptest::proptest! {
        /// Whatever is asked for, grown, shrunk and given back in whatever order, the sum of what is held and free stays.
        #[test]
        fn nothing_is_lost_and_nothing_is_made(steps in proptest::collection::vec((0u8..6, 0u8..4, 1usize..40), 0..120)) {
            let pool = FairPool::new(100, 60);
            let senders: Vec<Sender> = (0..4).map(address).collect();
            let (mut held, mut waiting) = (Vec::<Permit>::new(), Vec::new());
            for (what, who, amount) in steps {
                match what {
                    0 | 1 => waiting.push(asks(&pool, &senders[usize::from(who)], amount)),
                    2 => { if !held.is_empty() { drop(held.swap_remove(amount % held.len())); } }
                    3 => { if let Some(permit) = held.last_mut() { permit.grow(amount); } }
                    4 => { if let Some(permit) = held.last_mut() { permit.shrink_to(amount); } }
                    _ => { let part = held.last_mut().map(|permit| permit.split_off(amount)); held.extend(part); }
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
