//! The statements of forgetting, in an open transaction on either database.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

use super::new_ids::NewIds;
use crate::store::dialect::Dialect;
use crate::store::open_transaction::{Open, within};
use crate::store::rows::push_list;
use crate::store::{StoreError, row};

/// Keys in one statement.
const KEYS: usize = 200;

row! {
    pub(super) struct SubjectRow {
        pub(super) id: Uuid,
        pub(super) kind: String,
        pub(super) trace_id: Vec<u8>,
        pub(super) span_id: Vec<u8>,
        pub(super) session_id: Option<String>,
        pub(super) digest: Vec<u8>,
        pub(super) problems: Option<String>,
    }
}

row! {
    struct LogRow {
        rubric: String,
        judge: String,
        position: i64,
        subject_id: Uuid,
        evaluation_id: Uuid,
        entry: String,
    }
}

const SUBJECTS: &str = "SELECT id, kind, trace_id, span_id, session_id, digest, problems FROM subjects WHERE ";

/// Work under way that ends: up to the time, and up to the list of evaluations.
pub(super) struct UnderWay(&'static str, &'static str);

pub(super) const OWED_DELIVERIES: UnderWay = UnderWay(
    "UPDATE deliveries SET state = 'superseded', lease_until_ms = 0, finished_at_ms = ",
    " WHERE state = 'owed' AND evaluation_id IN ",
);
pub(super) const PENDING_EVALUATIONS: UnderWay = UnderWay(
    "UPDATE evaluations SET outcome = 'superseded', reason = 'forgotten', finished_at_ms = ",
    " WHERE outcome = 'pending' AND id IN ",
);

impl Open<'_> {
    /// Those of the traces that are there, held until the transaction ends.
    pub(super) async fn hold_traces(&mut self, traces: &[&[u8]]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut held = Vec::new();
        for ids in traces.chunks(KEYS) {
            let found: Vec<Vec<u8>> = within!(self, DB, tx => {
                let mut hold = QueryBuilder::<DB>::new("SELECT trace_id FROM traces WHERE trace_id IN ");
                push_list(&mut hold, ids.iter().copied());
                hold.push(" ORDER BY trace_id").push(<DB as Dialect>::FOR_UPDATE);
                hold.build_query_scalar().fetch_all(tx).await?
            });
            held.extend(found);
        }
        Ok(held)
    }

    pub(super) async fn subjects_of_traces(&mut self, traces: &[&[u8]]) -> Result<Vec<SubjectRow>, StoreError> {
        let mut subjects = Vec::new();
        for ids in traces.chunks(KEYS) {
            let found: Vec<SubjectRow> = within!(self, DB, tx => {
                let mut select = QueryBuilder::<DB>::new(SUBJECTS);
                select.push("trace_id IN ");
                push_list(&mut select, ids.iter().copied());
                select.build_query_as().fetch_all(tx).await?
            });
            subjects.extend(found);
        }
        Ok(subjects)
    }

    /// What a worker is making of a conversation now is not stored: it may rest on what is forgotten.
    pub(super) async fn hold_session(&mut self, session: &str) -> Result<(), StoreError> {
        within!(self, DB, tx => {
            sqlx::query("UPDATE sessions SET lease_owner = NULL, lease_until_ms = 0 WHERE session_id = $1")
                .bind(session)
                .execute(tx)
                .await?;
        });
        Ok(())
    }

    pub(super) async fn subjects_of_session(&mut self, session: &str) -> Result<Vec<SubjectRow>, StoreError> {
        let select = format!("{SUBJECTS}session_id = $1");
        Ok(within!(self, DB, tx => {
            sqlx::query_as(AssertSqlSafe(select)).bind(session).fetch_all(tx).await?
        }))
    }

    /// The subjects whose content has one of these digests.
    pub(super) async fn holders_of(&mut self, digests: &[&[u8]]) -> Result<Vec<(Uuid, Vec<u8>)>, StoreError> {
        let mut holders = Vec::new();
        for digests in digests.chunks(KEYS) {
            let found: Vec<(Uuid, Vec<u8>)> = within!(self, DB, tx => {
                let mut select = QueryBuilder::<DB>::new("SELECT id, digest FROM subjects WHERE digest IN ");
                push_list(&mut select, digests.iter().copied());
                select.build_query_as().fetch_all(tx).await?
            });
            holders.extend(found);
        }
        Ok(holders)
    }

    /// The evaluations of subjects, each with its subject, in order.
    pub(super) async fn evaluations_of(&mut self, subjects: &[Uuid]) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
        let mut evaluations = Vec::new();
        for ids in subjects.chunks(KEYS) {
            let found: Vec<(Uuid, Uuid)> = within!(self, DB, tx => {
                let mut select = QueryBuilder::<DB>::new("SELECT id, subject_id FROM evaluations WHERE subject_id IN ");
                push_list(&mut select, ids.iter());
                select.build_query_as().fetch_all(tx).await?
            });
            evaluations.extend(found);
        }
        evaluations.sort_unstable();
        Ok(evaluations)
    }

    /// The traces of subjects of which sinks took scores, or may have.
    pub(super) async fn sent(
        &mut self,
        subjects: &[Uuid],
        now_ms: i64,
    ) -> Result<BTreeMap<Vec<u8>, BTreeSet<String>>, StoreError> {
        let mut sent: BTreeMap<Vec<u8>, BTreeSet<String>> = BTreeMap::new();
        for ids in subjects.chunks(KEYS) {
            let found: Vec<(Vec<u8>, String)> = within!(self, DB, tx => {
                let mut select = QueryBuilder::<DB>::new(
                    "SELECT DISTINCT s.trace_id, d.sink FROM deliveries d JOIN evaluations e ON e.id = d.evaluation_id \
                     JOIN subjects s ON s.id = e.subject_id WHERE (d.state = 'sent' OR d.attempts > 0 OR d.lease_until_ms > ",
                );
                select.push_bind(now_ms).push(") AND s.id IN ");
                push_list(&mut select, ids.iter());
                select.build_query_as().fetch_all(tx).await?
            });
            for (trace, sink) in found {
                sent.entry(trace).or_default().insert(sink);
            }
        }
        Ok(sent)
    }

    /// Returns how much ended.
    pub(super) async fn end(
        &mut self,
        UnderWay(update, waiting): &UnderWay,
        evaluations: &[Uuid],
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        let mut ended = 0;
        for ids in evaluations.chunks(KEYS) {
            ended += within!(self, DB, tx => {
                let mut end = QueryBuilder::<DB>::new(*update);
                end.push_bind(now_ms).push(*waiting);
                push_list(&mut end, ids.iter());
                end.build().execute(tx).await?.rows_affected()
            });
        }
        Ok(ended)
    }

    /// A statement about an old id (`$1`) and a new one (`$2`). Returns how many rows it changed.
    async fn rename(&mut self, statement: &'static str, old: Uuid, new: Uuid) -> Result<u64, StoreError> {
        Ok(within!(self, DB, tx => sqlx::query(statement).bind(old).bind(new).execute(tx).await?.rows_affected()))
    }

    pub(super) async fn rename_evaluation(&mut self, old: Uuid, new: Uuid, subject: Uuid) -> Result<(), StoreError> {
        within!(self, DB, tx => {
            sqlx::query(
                "UPDATE evaluations SET id = $2, subject_id = $3, rationale = NULL, prompt_hash = NULL, lease_owner = NULL, \
                 lease_until_ms = 0 WHERE id = $1",
            )
            .bind(old)
            .bind(new)
            .bind(subject)
            .execute(tx)
            .await?;
        });
        for statement in [
            "UPDATE deliveries SET evaluation_id = $2, last_error = NULL WHERE evaluation_id = $1",
            "UPDATE evaluation_changes SET evaluation_id = $2 WHERE evaluation_id = $1",
            "UPDATE evaluations_set_aside SET evaluation_id = $2 WHERE evaluation_id = $1",
            // Its conversation goes by another name: it is folded again.
            "INSERT INTO evaluation_changes (evaluation_id) SELECT id FROM evaluations WHERE id = $2 AND id <> $1 \
             AND outcome <> 'pending'",
        ] {
            self.rename(statement, old, new).await?;
        }
        Ok(())
    }

    pub(super) async fn rename_in_drift_log(&mut self, subjects: &[Uuid], new: &mut NewIds) -> Result<(), StoreError> {
        for ids in subjects.chunks(KEYS) {
            let found: Vec<LogRow> = within!(self, DB, tx => {
                let mut select = QueryBuilder::<DB>::new(
                    "SELECT rubric, judge, position, subject_id, evaluation_id, entry FROM drift_log WHERE subject_id IN ",
                );
                push_list(&mut select, ids.iter());
                select.build_query_as().fetch_all(tx).await?
            });
            for row in found {
                let entry = new.logged(&row.entry)?;
                within!(self, DB, tx => {
                    sqlx::query(
                        "UPDATE drift_log SET subject_id = $4, evaluation_id = $5, entry = $6 \
                         WHERE rubric = $1 AND judge = $2 AND position = $3",
                    )
                    .bind(row.rubric)
                    .bind(row.judge)
                    .bind(row.position)
                    .bind(new.subject(row.subject_id))
                    .bind(new.evaluation(row.evaluation_id))
                    .bind(entry)
                    .execute(tx)
                    .await?;
                });
            }
        }
        Ok(())
    }

    /// The audit log says who labelled which subject.
    pub(super) async fn rename_in_audit_log(&mut self, subjects: &[Uuid], new: &NewIds) -> Result<(), StoreError> {
        for ids in subjects.chunks(KEYS) {
            let found: Vec<(i64, String)> = within!(self, DB, tx => {
                let mut select = QueryBuilder::<DB>::new("SELECT id, target FROM audit_log WHERE target IN ");
                push_list(&mut select, ids.iter().map(Uuid::to_string));
                select.build_query_as().fetch_all(tx).await?
            });
            for (id, target) in found {
                let target = target.parse().map_or(target, |subject| new.subject(subject).to_string());
                within!(self, DB, tx => {
                    sqlx::query("UPDATE audit_log SET target = $2 WHERE id = $1").bind(id).bind(target).execute(tx).await?;
                });
            }
        }
        Ok(())
    }

    /// Returns how many labels it has.
    pub(super) async fn empty_subject(&mut self, subject: &SubjectRow, new: &mut NewIds) -> Result<u64, StoreError> {
        let id = new.subject(subject.id);
        let (trace, span) = new.place(&subject.trace_id, &subject.span_id);
        let (digest, session) = (new.digest(&subject.digest), subject.session_id.as_deref().map(|id| new.session(id)));
        within!(self, DB, tx => {
            sqlx::query(
                "UPDATE subjects SET id = $2, trace_id = $3, span_id = $4, session_id = $5, digest = $6, problems = $7, \
                 content = NULL, response_id = NULL WHERE id = $1",
            )
            .bind(subject.id)
            .bind(id)
            .bind(trace)
            .bind(span)
            .bind(session)
            .bind(digest)
            .bind(subject.codes())
            .execute(tx)
            .await?;
        });
        for statement in [
            "UPDATE anchors SET subject_id = $2 WHERE subject_id = $1",
            "UPDATE label_pool SET subject_id = $2 WHERE subject_id = $1",
        ] {
            self.rename(statement, subject.id, id).await?;
        }
        self.rename("UPDATE labels SET subject_id = $2, rationale = NULL WHERE subject_id = $1", subject.id, id).await
    }

    pub(super) async fn empty_trace(&mut self, old: &[u8], new: &[u8], now_ms: i64) -> Result<(), StoreError> {
        for statement in ["DELETE FROM spans WHERE trace_id = $1", "DELETE FROM log_records WHERE trace_id = $1"] {
            within!(self, DB, tx => sqlx::query(statement).bind(old).execute(tx).await.map(drop)?);
        }
        // One that waited counts as assembled, into nothing. Its number was drawn from its id.
        within!(self, DB, tx => {
            sqlx::query(
                "UPDATE traces SET trace_id = $2, u = 0, assembled_at_ms = COALESCE(assembled_at_ms, $3), due_at_ms = NULL, \
                 lease_until_ms = 0, damaged = NULL, emptied_before_ms = last_seen_ms + 1, \
                 rationales_emptied_before_ms = last_seen_ms + 1 WHERE trace_id = $1",
            )
            .bind(old)
            .bind(new)
            .bind(now_ms)
            .execute(tx)
            .await?;
        });
        Ok(())
    }

    pub(super) async fn delete_session(&mut self, session: &str) -> Result<(), StoreError> {
        within!(self, DB, tx => {
            sqlx::query("DELETE FROM sessions WHERE session_id = $1").bind(session).execute(tx).await.map(drop)?;
        });
        Ok(())
    }

    /// Reports are made again; they may quote what is forgotten.
    pub(super) async fn delete_reports(&mut self) -> Result<(), StoreError> {
        within!(self, DB, tx => sqlx::query("DELETE FROM kept_reports").execute(tx).await.map(drop)?);
        Ok(())
    }
}
