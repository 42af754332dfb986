//! What is in hand of the partitions that this worker reads, and how far each of them is finished.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::pipeline::intake::progress::Progress;

/// Records in hand beyond which nothing more is taken, and bytes of them.
const RECORDS: usize = 64;
const BYTES: usize = 32 * 1024 * 1024;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
}

/// Records that the broker removed before they were read: from the first offset to before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// Shared between the reader and the tasks that work its records off.
#[derive(Debug, Default)]
pub(super) struct Books {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pages: BTreeMap<Place, Page>,
    /// Of the last page: a partition that went and came again has another.
    number: u64,
    records: usize,
    bytes: usize,
}

/// One partition, from its assignment to its revocation.
#[derive(Debug)]
struct Page {
    number: u64,
    progress: Progress,
    under_way: usize,
    /// The position that the broker was told last.
    told: Option<u64>,
    /// Not in the ledger yet: telling a position would forget it.
    lost: Option<Lost>,
}

/// A record that is in hand until the ticket is dropped. It counts as read once it is finished.
#[derive(Debug)]
pub(super) struct Ticket {
    books: Arc<Books>,
    place: Place,
    number: u64,
    offset: u64,
    bytes: usize,
    is_finished: bool,
}

impl Ticket {
    pub(super) fn finish(mut self) {
        self.is_finished = true;
    }

    /// Whether its partition is another worker's by now.
    pub(super) fn is_left(&self) -> bool {
        self.books.state().page(&self.place, self.number).is_none()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.books.state();
        state.records -= 1;
        state.bytes -= self.bytes;
        if let Some(page) = state.page(&self.place, self.number) {
            page.under_way -= 1;
            if self.is_finished {
                page.progress.end(self.offset);
            }
        }
        drop(state);
        self.books.changed.notify_all();
    }
}

impl State {
    fn page(&mut self, place: &Place, number: u64) -> Option<&mut Page> {
        self.pages.get_mut(place).filter(|page| page.number == number)
    }

    fn is_full(&self) -> bool {
        self.records >= RECORDS || self.bytes >= BYTES
    }
}

impl Books {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition is this worker's from `start` on; `told` is the position that the broker has of it.
    pub(super) fn assign(&self, place: Place, start: u64, told: Option<u64>, lost: Option<Lost>) {
        let mut state = self.state();
        state.number += 1;
        let number = state.number;
        state.pages.insert(place, Page { number, progress: Progress::at(Some(start)), under_way: 0, told, lost });
    }

    /// Partitions are another worker's from now on.
    pub(super) fn revoke<'a>(&self, places: impl IntoIterator<Item = &'a Place>) {
        let mut state = self.state();
        places.into_iter().for_each(|place| drop(state.pages.remove(place)));
    }

    /// A record of a partition that is this worker's is in hand.
    pub(super) fn take(self: &Arc<Self>, place: Place, offset: u64, bytes: usize) -> Option<Ticket> {
        let mut state = self.state();
        let page = state.pages.get_mut(&place)?;
        page.progress.begin(offset);
        page.under_way += 1;
        let number = page.number;
        state.records += 1;
        state.bytes += bytes;
        Some(Ticket { books: Arc::clone(self), place, number, offset, bytes, is_finished: false })
    }

    /// Waits for room; false when there is none in time.
    pub(super) fn wait_for_room(&self, longest: Duration) -> bool {
        self.wait(longest, |state| !state.is_full())
    }

    /// Waits until nothing of these partitions is in hand; false when something still is after so long.
    pub(super) fn wait_until_drained(&self, places: &[Place], longest: Duration) -> bool {
        self.wait(longest, |state| {
            places.iter().all(|place| state.pages.get(place).is_none_or(|page| page.under_way == 0))
        })
    }

    fn wait(&self, longest: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), longest, |state| !is_so(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        is_so(&state)
    }

    pub(super) fn places(&self) -> Vec<Place> {
        self.state().pages.keys().cloned().collect()
    }

    /// Positions that the broker does not know yet. They count as told.
    pub(super) fn positions_to_tell(&self) -> Vec<(Place, u64)> {
        let mut to_tell = Vec::new();
        for (place, page) in &mut self.state().pages {
            let position = page.progress.committed();
            if page.lost.is_none() && position != page.told {
                page.told = position;
                to_tell.extend(position.map(|position| (place.clone(), position)));
            }
        }
        to_tell
    }

    /// What was told did not reach the broker: it is told again.
    pub(super) fn tell_again(&self) {
        self.state().pages.values_mut().for_each(|page| page.told = None);
    }

    /// Losses that are not in the ledger yet.
    pub(super) fn losses(&self) -> Vec<(Place, Lost)> {
        self.state().pages.iter().filter_map(|(place, page)| Some((place.clone(), page.lost?))).collect()
    }

    /// A loss is in the ledger.
    pub(super) fn loss_is_noted(&self, place: &Place) {
        if let Some(page) = self.state().pages.get_mut(place) {
            page.lost = None;
        }
    }

    /// Records behind the position of a partition whose last record stands before `end`.
    pub(super) fn lag(&self, place: &Place, end: u64) -> Option<u64> {
        Some(end.saturating_sub(self.state().pages.get(place)?.progress.committed()?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn place(partition: i32) -> Place {
        Place { topic: "otlp_spans".into(), partition }
    }

    fn books() -> Arc<Books> {
        let books = Arc::<Books>::default();
        books.assign(place(0), 10, Some(10), None);
        books
    }

    #[test]
    fn a_position_is_told_once_and_again_when_it_did_not_arrive() {
        let books = books();
        assert_eq!(books.positions_to_tell(), []);
        let (first, second) = (books.take(place(0), 10, 1).unwrap(), books.take(place(0), 11, 1).unwrap());
        second.finish();
        assert_eq!(books.positions_to_tell(), [], "the first is not finished");
        first.finish();
        assert_eq!(books.positions_to_tell(), [(place(0), 12)]);
        assert_eq!(books.positions_to_tell(), []);
        books.tell_again();
        assert_eq!(books.positions_to_tell(), [(place(0), 12)]);
    }

    #[test]
    fn a_record_that_is_left_is_read_again_by_the_next_worker() {
        let books = books();
        drop(books.take(place(0), 10, 1).unwrap());
        books.take(place(0), 11, 1).unwrap().finish();
        assert!(books.wait_until_drained(&[place(0)], Duration::ZERO));
        books.tell_again();
        assert_eq!(books.positions_to_tell(), [(place(0), 10)]);
    }

    #[test]
    fn what_was_taken_before_a_revocation_does_not_count_after_it() {
        let books = books();
        let earlier = books.take(place(0), 10, 1).unwrap();
        assert!(!earlier.is_left() && !books.wait_until_drained(&[place(0)], Duration::ZERO));
        books.revoke([&place(0)]);
        assert!(books.take(place(0), 11, 1).is_none());
        books.assign(place(0), 10, None, None);
        let again = books.take(place(0), 10, 1).unwrap();
        assert!(earlier.is_left() && !again.is_left());
        earlier.finish();
        assert_eq!(books.positions_to_tell(), [(place(0), 10)]);
    }

    #[test]
    fn there_is_room_for_so_many_records_and_bytes() {
        let books = books();
        let mut held: Vec<_> = (0..RECORDS as u64).map(|offset| books.take(place(0), offset, 1).unwrap()).collect();
        assert!(books.state().is_full() && !books.wait_for_room(Duration::ZERO));
        held.pop();
        assert!(books.wait_for_room(Duration::ZERO));
        held.clear();
        let _large = books.take(place(0), 100, BYTES).unwrap();
        assert!(books.state().is_full());
    }

    #[test]
    fn nothing_is_told_of_a_partition_whose_loss_is_not_in_the_ledger() {
        let books = Arc::<Books>::default();
        let lost = Lost { from: 3, to: 10 };
        books.assign(place(0), 10, Some(3), Some(lost));
        assert_eq!((books.positions_to_tell(), books.losses()), (vec![], vec![(place(0), lost)]));
        books.loss_is_noted(&place(0));
        assert_eq!((books.positions_to_tell(), books.losses()), (vec![(place(0), 10)], vec![]));
    }

    proptest::proptest! {
        /// Whatever is taken, finished and left in whatever order, no record before the position is unfinished, and all room comes back.
        #[test]
        fn the_position_passes_no_record_that_is_not_finished(order in proptest::collection::vec((0usize..20, proptest::bool::ANY), 0..40)) {
            let books = books();
            let mut held: Vec<_> = (10..30).map(|offset| books.take(place(0), offset, 1)).collect();
            let mut unfinished: BTreeSet<u64> = (10..30).collect();
            for (index, finishes) in order {
                let Some(ticket) = held[index].take() else { continue };
                if finishes {
                    unfinished.remove(&ticket.offset);
                    ticket.finish();
                }
                books.tell_again();
                let told = books.positions_to_tell()[0].1;
                proptest::prop_assert_eq!(told, unfinished.first().copied().unwrap_or(30));
            }
            held.clear();
            let state = books.state();
            proptest::prop_assert_eq!((state.records, state.bytes), (0, 0));
        }
    }
}
