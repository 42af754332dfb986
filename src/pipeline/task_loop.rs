//! The loops of a stage, which live and end together.

use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::store::StoreError;

/// Waits until all have ended. One that fails stops the others; one that panics takes the stage, and so the process, with
/// it: a stage that went on without one of its loops would leave work undone without a word.
pub(super) async fn ended(
    mut loops: JoinSet<Result<(), StoreError>>,
    soft: &CancellationToken,
) -> Result<(), StoreError> {
    let mut result = Ok(());
    while let Some(ended) = loops.join_next().await {
        if let Some(Err(error)) = not_panicked(ended) {
            soft.cancel();
            result = Err(error);
        }
    }
    result
}

/// Starts a task without which the loops must not go on: they would call judges, say, and nobody would store what these
/// answer. Its end, a panic too, stops them.
pub(super) fn spawn_vital<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
    soft: &CancellationToken,
) -> JoinHandle<T> {
    let stop = soft.clone().drop_guard();
    tokio::spawn(async move {
        let _stop = stop;
        task.await
    })
}

/// What a task returned; none when it was aborted. Its panic goes on here.
pub(super) fn not_panicked<T>(ended: Result<T, JoinError>) -> Option<T> {
    match ended {
        Ok(value) => Some(value),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_fails_stops_the_others() {
        let soft = CancellationToken::new();
        let mut loops = JoinSet::new();
        let stop = soft.clone();
        loops.spawn(async move {
            stop.cancelled().await;
            Ok(())
        });
        loops.spawn(async { Err(StoreError::Url("nowhere".into())) });
        assert!(ended(loops, &soft).await.is_err());
    }

    #[tokio::test]
    async fn a_vital_task_that_panics_stops_the_loops() {
        let soft = CancellationToken::new();
        let task = spawn_vital(async { panic!("a bug") }, &soft);
        soft.cancelled().await;
        assert!(task.await.is_err_and(|error| error.is_panic()));
    }

    #[tokio::test]
    #[should_panic(expected = "a bug")]
    async fn a_loop_that_panics_is_not_overlooked() {
        let mut loops: JoinSet<Result<(), StoreError>> = JoinSet::new();
        loops.spawn(async { panic!("a bug") });
        drop(ended(loops, &CancellationToken::new()).await);
    }
}
