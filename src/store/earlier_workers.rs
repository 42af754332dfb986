//! The releases whose workers share the database: what the earliest of them cannot read is not written meanwhile.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use sqlx::PgPool;

/// What a connection to PostgreSQL says it is. The number rises when a release writes what those before it cannot read.
pub(super) const APPLICATION_NAME: &str = "judged/7";
/// The number in [`APPLICATION_NAME`].
const THIS_RELEASE: u32 = 7;
/// The name of the releases that had no number.
const UNNUMBERED: &str = "judged";

/// How often it is asked which workers are connected.
const ASK_AGAIN_MS: i64 = 30_000;

/// What every worker that is connected must know before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// Records name their resource instead of carrying it.
    ResourcesApart = 2,
    /// Scores are delivered under the judged span's resource.
    ScoresOfSpans = 3,
    /// A judge that declined ends an evaluation as `refused`.
    Refusals = 4,
    /// Rubrics say in a block of their own what a decision model is asked.
    Decisions = 5,
    /// The audit log names what was forgotten.
    Forgetting = 6,
    /// What a judge is asked for again is told apart from anchors.
    Repeats = 7,
}

/// What was found out last.
#[derive(Debug, Default)]
pub(super) struct EarlierWorkers {
    /// The number of the earliest release that is connected.
    pub(super) earliest: AtomicU32,
    /// Milliseconds since the Unix epoch; 0 before the first time.
    pub(super) asked_at_ms: AtomicI64,
}

impl EarlierWorkers {
    /// The number of the earliest release that is connected, as of the last half minute.
    pub(super) async fn earliest(&self, pool: &PgPool, now_ms: i64) -> Result<u32, sqlx::Error> {
        let asked_at_ms = self.asked_at_ms.load(Ordering::Relaxed);
        if asked_at_ms == 0 || !(asked_at_ms..asked_at_ms + ASK_AGAIN_MS).contains(&now_ms) {
            let names = connected(pool).await?;
            let earliest = names.iter().filter_map(|name| release_of(name)).min().unwrap_or(THIS_RELEASE);
            self.earliest.store(earliest, Ordering::Relaxed);
            self.asked_at_ms.store(now_ms, Ordering::Relaxed);
        }
        Ok(self.earliest.load(Ordering::Relaxed))
    }
}

/// What the connections to the database call themselves, where that may be a name of judged's.
pub(super) async fn connected(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    const QUERY: &str = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() \
                         AND application_name LIKE 'judged%'";
    sqlx::query_scalar(QUERY).fetch_all(pool).await
}

/// The number of the release that goes by this name; `None` of a name that no release has.
fn release_of(application_name: &str) -> Option<u32> {
    match application_name.strip_prefix(UNNUMBERED)? {
        "" => Some(1),
        numbered => numbered.strip_prefix('/')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_connection_tells_the_release() {
        assert_eq!(release_of(APPLICATION_NAME), Some(THIS_RELEASE));
        assert_eq!(release_of("judged"), Some(1));
        assert_eq!(release_of("judged/2"), Some(2));
        assert_eq!((release_of("judged-report"), release_of("psql"), release_of("judged/x")), (None, None, None));
    }
}
