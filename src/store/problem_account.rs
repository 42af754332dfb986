//! The account of what weakened evaluations: counted when subjects are planned, by code, service and instrumentation.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Store, StoreError, read, transaction};
use crate::model::{Emitter, ProblemCode, Subject, hour_start};

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

/// So many services are told apart: of what a worker counts in an hour those that came first, and of what is read those with
/// the most subjects.
pub(super) const MOST_SERVICES: usize = 100;

/// What the others are called together.
pub(super) const OTHER_SERVICES: &str = "(other services)";

/// What is counted of newly planned subjects, in an order that keeps workers from deadlock.
pub(super) fn counted<'a>(subjects: impl Iterator<Item = &'a Subject>) -> BTreeMap<(Emitter, ProblemCode), i64> {
    let mut counts = BTreeMap::new();
    for subject in subjects {
        let own = subject.problems.iter().filter(|found| !found.is_repeated);
        let kinds: BTreeSet<_> = own.map(|found| (&found.emitter, found.problem.code)).collect();
        for (emitter, code) in kinds {
            let service = emitter.service.chars().take(MAX_SERVICE).collect();
            *counts.entry((Emitter { service, ..emitter.clone() }, code)).or_default() += 1;
        }
    }
    counts
}

/// With the services pooled that came after as many as are told apart; `known` are those that the hour has.
pub(super) fn pooled(
    mut known: BTreeSet<String>,
    counts: BTreeMap<(Emitter, ProblemCode), i64>,
) -> BTreeMap<(Emitter, ProblemCode), i64> {
    let mut bounded = BTreeMap::new();
    for ((mut emitter, code), subjects) in counts {
        let is_known =
            known.contains(&emitter.service) || (known.len() < MOST_SERVICES && known.insert(emitter.service.clone()));
        if !is_known {
            OTHER_SERVICES.clone_into(&mut emitter.service);
        }
        *bounded.entry((emitter, code)).or_default() += subjects;
    }
    bounded
}

/// Adds to the account, within the transaction that plans the subjects.
macro_rules! account_problems {
    ($store:expr, $tx:ident, $now_ms:expr, $counts:expr) => {
        let counts = $counts;
        let known: Vec<(String,)> = if counts.is_empty() {
            Vec::new()
        } else {
            sqlx::query_as("SELECT DISTINCT service FROM problem_account WHERE hour_ms = $1 AND worker = $2")
                .bind($crate::model::hour_start($now_ms))
                .bind($store.worker())
                .fetch_all(&mut *$tx)
                .await?
        };
        let known = known.into_iter().map(|(service,)| service).collect();
        for ((emitter, code), subjects) in $crate::store::problem_account::pooled(known, counts) {
            sqlx::query(
                "INSERT INTO problem_account AS account (hour_ms, worker, service, instrumentation, code, subjects) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (hour_ms, worker, service, instrumentation, code) \
                 DO UPDATE SET subjects = account.subjects + excluded.subjects",
            )
            .bind($crate::model::hour_start($now_ms))
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
            .bind(hour_start(since_ms))
            .fetch_all(pool)
            .await?
        });
        let count =
            |(code, service, instrumentation, subjects)| ProblemCount { code, service, instrumentation, subjects };
        Ok(of_most_services(found.into_iter().map(count).collect()))
    }

    /// Deletes what was counted before `before_ms`. Returns how many rows that were.
    pub async fn forget_problems(&self, before_ms: i64) -> Result<u64, StoreError> {
        Ok(transaction!(self, DB, tx => {
            sqlx::query("DELETE FROM problem_account WHERE hour_ms < $1")
                .bind(hour_start(before_ms))
                .execute(&mut *tx)
                .await?
                .rows_affected()
        }))
    }
}

/// With the services pooled that have the fewest subjects; most first.
fn of_most_services(counts: Vec<ProblemCount>) -> Vec<ProblemCount> {
    let mut sizes: BTreeMap<&str, i64> = BTreeMap::new();
    for count in counts.iter().filter(|count| count.service != OTHER_SERVICES) {
        *sizes.entry(&count.service).or_default() += count.subjects;
    }
    let mut largest: Vec<(i64, &str)> = sizes.into_iter().map(|(service, subjects)| (-subjects, service)).collect();
    largest.sort_unstable();
    let told: BTreeSet<String> =
        largest.into_iter().take(MOST_SERVICES).map(|(_, service)| service.to_owned()).collect();
    let mut pooled: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    for ProblemCount { code, service, instrumentation, subjects } in counts {
        let service = if told.contains(&service) { service } else { OTHER_SERVICES.to_owned() };
        *pooled.entry((code, service, instrumentation)).or_default() += subjects;
    }
    let count =
        |((code, service, instrumentation), subjects)| ProblemCount { code, service, instrumentation, subjects };
    let mut counts: Vec<ProblemCount> = pooled.into_iter().map(count).collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.subjects));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(services: std::ops::Range<usize>) -> BTreeMap<(Emitter, ProblemCode), i64> {
        let emitter = |number: usize| Emitter { service: format!("service {number:04}"), instrumentation: "test" };
        services.map(|number| ((emitter(number), ProblemCode::NotCaptured), 1 + number as i64)).collect()
    }

    #[test]
    fn an_hour_tells_a_bounded_number_of_services_apart_and_counts_the_rest() {
        let known: BTreeSet<String> =
            pooled(BTreeSet::new(), counts(0..60)).into_keys().map(|key| key.0.service).collect();
        assert_eq!(known.len(), 60);
        let later = pooled(known, counts(50..300));
        let others: i64 =
            later.iter().filter(|(key, _)| key.0.service == OTHER_SERVICES).map(|(_, number)| number).sum();
        assert_eq!((later.len(), others), (51, (101..=300).sum()));
    }

    #[test]
    fn the_services_with_the_most_subjects_are_told() {
        let found = counts(0..150).into_iter().map(|((emitter, code), subjects)| ProblemCount {
            code: code.as_str().to_owned(),
            service: emitter.service,
            instrumentation: emitter.instrumentation.to_owned(),
            subjects,
        });
        let told = of_most_services(found.collect());
        let others = told.iter().find(|count| count.service == OTHER_SERVICES).unwrap();
        assert_eq!((told.len(), others.subjects), (MOST_SERVICES + 1, (1..=50).sum()));
        assert!(told.is_sorted_by_key(|count| std::cmp::Reverse(count.subjects)));
    }
}
