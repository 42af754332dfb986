//! Work on one thing after another, of which one may panic or never end without harm to the others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::panics;
use crate::store::Damage;

type Made<T> = Result<T, Damage>;

/// Items worked on in a thread for blocking work. What takes longer than `limit` is left behind in its thread, which cannot be
/// stopped, and the next ones are worked on in another.
pub(super) struct Guarded<I, T> {
    waiting: Arc<Mutex<VecDeque<I>>>,
    work: Arc<dyn Fn(I) -> T + Send + Sync>,
    limit: Duration,
    left: usize,
    made: Option<UnboundedReceiver<Made<T>>>,
}

impl<I: Send + 'static, T: Send + 'static> Guarded<I, T> {
    pub(super) fn new(items: Vec<I>, limit: Duration, work: impl Fn(I) -> T + Send + Sync + 'static) -> Self {
        let left = items.len();
        Self { waiting: Arc::new(Mutex::new(items.into())), work: Arc::new(work), limit, left, made: None }
    }

    /// What was made of the next item, or how that failed; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Made<T>> {
        self.left = self.left.checked_sub(1)?;
        let (waiting, work) = (Arc::clone(&self.waiting), Arc::clone(&self.work));
        let made = self.made.get_or_insert_with(|| {
            let (sender, receiver) = unbounded_channel();
            // Not waited for: it may never end.
            drop(tokio::task::spawn_blocking(move || work_off(&waiting, work.as_ref(), &sender)));
            receiver
        });
        match timeout(self.limit, made.recv()).await {
            Ok(Some(one)) => Some(one),
            // The runtime starts no more work: it stops, and drops this task as well.
            Ok(None) => std::future::pending().await,
            Err(_) => {
                self.made = None;
                Some(Err(Damage::TookTooLong { seconds: self.limit.as_secs() }))
            }
        }
    }
}

fn work_off<I, T>(waiting: &Mutex<VecDeque<I>>, work: &dyn Fn(I) -> T, made: &UnboundedSender<Made<T>>) {
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(item) = next() {
        let one = panics::caught(|| work(item)).map_err(|place| Damage::Panicked { place });
        // What was left behind finds nobody waiting, and takes no more.
        if made.send(one).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    async fn all<T: Send + 'static>(mut guarded: Guarded<i32, T>) -> Vec<Made<T>> {
        let mut all = Vec::new();
        while let Some(made) = guarded.next().await {
            all.push(made);
        }
        all
    }

    #[tokio::test]
    async fn what_panics_harms_only_itself() {
        let work = |number| if number == 2 { panic!("a bug") } else { number * 10 };
        let made = all(Guarded::new(vec![1, 2, 3], Duration::from_mins(1), work)).await;
        assert_eq!((&made[0], &made[2], made.len()), (&Ok(10), &Ok(30), 3));
        assert_eq!(made[1].as_ref().map_err(Damage::code), Err("panicked"));
    }

    #[tokio::test]
    async fn what_never_ends_is_left_behind_and_takes_no_more_work() {
        let (release, held) = channel::<()>();
        let held = Mutex::new(held);
        let done = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&done);
        let made = all(Guarded::new(vec![1, 2, 3], Duration::from_secs(1), move |number| {
            if number == 2 {
                held.lock().unwrap().recv().unwrap_err();
            }
            noted.lock().unwrap().push(number);
            number
        }))
        .await;
        assert_eq!(made, [Ok(1), Err(Damage::TookTooLong { seconds: 1 }), Ok(3)]);
        drop(release);
        while done.lock().unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*done.lock().unwrap(), [1, 3, 2]);
    }
}
