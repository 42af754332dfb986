//! The account of what weakened evaluations: counted when subjects are planned, by code, service and instrumentation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Store, StoreError, read};
use crate::model::{Emitter, ProblemCode, Subject};

/// Subjects that had one kind of problem, of one instrumentation in one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemCount {
    /// The code; one of a newer release may be unknown here.
    pub code: String,
    /// `service.name`; empty where unstated.
    pub service: String,
    /// The instrumentation, as the table of content switches names it.
    pub instrumentation: String,
    /// Subjects; each revision counts, and one subject once for each code.
    pub subjects: i64,
}

/// Characters of a service's name that are kept.
const MAX_SERVICE: usize = 200;

/// What is counted of newly planned subjects, in an order that keeps workers from deadlock.
pub(super) fn counted<'a>(subjects: impl Iterator<Item = &'a Subject>) -> BTreeMap<(Emitter, ProblemCode), i64> {
    let mut counts = BTreeMap::new();
    for subject in subjects {
        let own = subject.problems.iter().filter(|found| !found.is_repeated);
        let kinds: std::collections::BTreeSet<_> = own.map(|found| (&found.emitter, found.problem.code)).collect();
        for (emitter, code) in kinds {
            let service = emitter.service.chars().take(MAX_SERVICE).collect();
            *counts.entry((Emitter { service, ..emitter.clone() }, code)).or_default() += 1;
        }
    }
    counts
}

/// Adds to the account, within the transaction that plans the subjects.
macro_rules! account_problems {
    ($store:expr, $tx:ident, $now_ms:expr, $counts:expr) => {
        for ((emitter, code), subjects) in $counts {
            sqlx::query(
                "INSERT INTO problem_account AS account (hour_ms, worker, service, instrumentation, code, subjects) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (hour_ms, worker, service, instrumentation, code) \
                 DO UPDATE SET subjects = account.subjects + excluded.subjects",
            )
            .bind($now_ms - $now_ms.rem_euclid(3_600_000))
            .bind($store.worker())
            .bind($crate::store::rows::text(&emitter.service))
            .bind(emitter.instrumentation)
            .bind(code.as_str())
            .bind(subjects)
            .execute(&mut *$tx)
            .await?;
        }
    };
}
pub(super) use account_problems;

impl Store {
    /// What weakened evaluations planned since `since_ms` (whole hours: the hour that holds it counts in full), most first.
    pub async fn problem_counts(&self, since_ms: i64) -> Result<Vec<ProblemCount>, StoreError> {
        let found: Vec<(String, String, String, i64)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT code, service, instrumentation, CAST(sum(subjects) AS BIGINT) AS number FROM problem_account \
                 WHERE hour_ms >= $1 GROUP BY code, service, instrumentation \
                 ORDER BY number DESC, code, service, instrumentation",
            )
            .bind(since_ms - since_ms.rem_euclid(3_600_000))
            .fetch_all(pool)
            .await?
        });
        let count =
            |(code, service, instrumentation, subjects)| ProblemCount { code, service, instrumentation, subjects };
        Ok(found.into_iter().map(count).collect())
    }
}
