//! Committing what intake received: spans, log records, digests and the account, in one transaction.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sqlx::QueryBuilder;

use super::resources::{ResourcePlaces, store_resources};
use super::rows::push_list;
use super::{Store, StoreError, read, transaction};
use crate::model::{Probability, SpanId, TraceId, UnixNanos, hour_start};
use crate::otlp::Signal;

/// A span that passed the prefilter, redacted.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptSpan {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// Whether it has no parent.
    pub is_root: bool,
    /// When it ended.
    pub end: UnixNanos,
    /// The trace's sampling number in [0, 1).
    pub u: f64,
    /// The probability with which samplers upstream kept the trace.
    pub upstream_probability: Probability,
    /// OTLP protobuf: what emitted it, as the field of a resource block. Empty where that is unknown.
    pub resource: Arc<[u8]>,
    /// OTLP protobuf: one span in a resource block without its resource.
    pub body: Vec<u8>,
}

/// A log record of a trace that passed the prefilter, redacted.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptLogRecord {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// The trace's sampling number in [0, 1).
    pub u: f64,
    /// SHA-256 of resource and body: a log record has no id of its own.
    pub digest: [u8; 32],
    /// OTLP protobuf: one log record in a resource block without its resource, which nothing that is read from a log record
    /// depends on.
    pub body: Vec<u8>,
}

/// One export request after the prefilter: what to store, and what to write into the account.
#[derive(Debug, Clone, PartialEq)]
pub struct IntakeBatch {
    /// Spans or log records.
    pub signal: Signal,
    /// SHA-256 of the request's bytes.
    pub digest: [u8; 32],
    /// The sampling version that decided about it.
    pub sampling_version: Option<i64>,
    /// Records in the request.
    pub received: u64,
    /// Records the prefilter dropped.
    pub sampled_out: u64,
    /// Records of judged itself and of other evaluators.
    pub own: u64,
    /// Parts of them that are counted apart.
    pub own_parts: OwnParts,
    /// Records that were wrong.
    pub rejected: u64,
    /// Spans to keep.
    pub spans: Vec<KeptSpan>,
    /// Log records to keep.
    pub logs: Vec<KeptLogRecord>,
}

/// Records that are never judged, as far as they are no marked ones of judged itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnParts {
    /// Records under judged's name or mark that name no evaluation.
    pub unmarked: u64,
    /// Records of other evaluators.
    pub other_evaluators: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Committed {
    /// Whether the whole request had been committed before.
    pub repeated: bool,
    /// Records stored for the first time.
    pub kept: u64,
    /// Records that were there already.
    pub duplicate: u64,
}

/// When a trace is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettleTimes {
    /// After its root was seen, so long without anything new, in milliseconds.
    pub settle_ms: i64,
    /// After its first span, in milliseconds, root or not.
    pub max_wait_ms: i64,
}

/// What a transaction adds to one trace.
struct TraceArrival {
    u: f64,
    upstream_probability: f64,
    root_seen: bool,
    sampling_version: Option<i64>,
}

/// Rows of one bulk statement: STYLE-measured optimum of both databases, far below their parameter limits.
const ROWS_PER_STATEMENT: usize = 100;

/// A trace that goes on growing is assembled again at the latest after so many times the longest wait for a root, or after
/// half an hour.
const LATE_WAITS: i64 = 5;
const LONGEST_LATE_WAIT_MS: i64 = 30 * 60_000;

impl Store {
    /// Stores batches and their account in one transaction; returns after the commit, in the order given.
    ///
    /// A batch whose digest is known is a duplicate as a whole. A record that is known is a duplicate alone.
    pub async fn commit_intake(
        &self,
        batches: &[IntakeBatch],
        times: SettleTimes,
    ) -> Result<Vec<Committed>, StoreError> {
        let now_ms = self.now_ms();
        let longest_ms = times.max_wait_ms.saturating_mul(LATE_WAITS).min(LONGEST_LATE_WAIT_MS);
        let resources = ResourcePlaces::of(resources_of(batches), self.resources_stand_apart().await?, now_ms);
        let (committed, traces) = transaction!(self, DB, tx => {
            store_resources!(tx, DB, resources);
            let mut committed = Vec::with_capacity(batches.len());
            let mut arrivals: BTreeMap<TraceId, TraceArrival> = BTreeMap::new();
            for batch in batches {
                let fresh = sqlx::query(
                    "INSERT INTO batches (digest, received_at_ms) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING",
                )
                .bind(batch.digest.as_slice())
                .bind(now_ms)
                .execute(&mut *tx)
                .await?
                .rows_affected() == 1;
                let mut outcome = Committed::default();
                if fresh {
                    for spans in in_key_order(&batch.spans, |span| (span.trace_id, span.span_id)).chunks(ROWS_PER_STATEMENT) {
                        let mut insert = QueryBuilder::<DB>::new("INSERT INTO spans (trace_id, span_id, received_at_ms, resource, body) ");
                        insert.push_values(spans, |mut row, span| {
                            let (resource, body) = resources.columns(&span.resource, &span.body);
                            row.push_bind(span.trace_id.as_bytes().as_slice())
                                .push_bind(span.span_id.as_bytes().as_slice())
                                .push_bind(now_ms)
                                .push_bind(resource)
                                .push_bind(body.as_ref());
                        });
                        insert.push(" ON CONFLICT (trace_id, span_id) DO NOTHING RETURNING trace_id, span_id");
                        let stored: Vec<(Vec<u8>, Vec<u8>)> = insert.build_query_as().fetch_all(&mut *tx).await?;
                        outcome.kept += stored.len() as u64;
                        let stored: HashSet<(Vec<u8>, Vec<u8>)> = stored.into_iter().collect();
                        for span in spans {
                            if stored.contains(&(span.trace_id.as_bytes().to_vec(), span.span_id.as_bytes().to_vec())) {
                                note_span(&mut arrivals, span, batch.sampling_version);
                            }
                        }
                    }
                    for logs in in_key_order(&batch.logs, |log| (log.trace_id, log.digest)).chunks(ROWS_PER_STATEMENT) {
                        let mut insert = QueryBuilder::<DB>::new("INSERT INTO log_records (trace_id, digest, received_at_ms, body) ");
                        insert.push_values(logs, |mut row, log| {
                            row.push_bind(log.trace_id.as_bytes().as_slice())
                                .push_bind(log.digest.as_slice())
                                .push_bind(now_ms)
                                .push_bind(log.body.as_slice());
                        });
                        insert.push(" ON CONFLICT (trace_id, digest) DO NOTHING RETURNING trace_id, digest");
                        let stored: Vec<(Vec<u8>, Vec<u8>)> = insert.build_query_as().fetch_all(&mut *tx).await?;
                        outcome.kept += stored.len() as u64;
                        let stored: HashSet<(Vec<u8>, Vec<u8>)> = stored.into_iter().collect();
                        for log in logs {
                            if stored.contains(&(log.trace_id.as_bytes().to_vec(), log.digest.to_vec())) {
                                note_log(&mut arrivals, log, batch.sampling_version);
                            }
                        }
                    }
                    outcome.duplicate = (batch.spans.len() + batch.logs.len()) as u64 - outcome.kept;
                } else {
                    outcome.repeated = true;
                    outcome.duplicate = batch.received;
                }
                committed.push(outcome);
            }

            let arrivals: Vec<(TraceId, TraceArrival)> = arrivals.into_iter().collect();
            for traces in arrivals.chunks(ROWS_PER_STATEMENT) {
                let mut upsert = QueryBuilder::<DB>::new(
                    "INSERT INTO traces (trace_id, u, upstream_probability, first_seen_ms, last_seen_ms, root_seen, arrivals, due_at_ms, \
                     sampling_version) ",
                );
                upsert.push_values(traces, |mut row, (trace_id, arrival)| {
                    let wait_ms = if arrival.root_seen { times.settle_ms.min(times.max_wait_ms) } else { times.max_wait_ms };
                    row.push_bind(trace_id.as_bytes().as_slice())
                        .push_bind(arrival.u)
                        .push_bind(arrival.upstream_probability)
                        .push_bind(now_ms)
                        .push_bind(now_ms)
                        .push_bind(arrival.root_seen)
                        .push_bind(1_i64)
                        .push_bind(now_ms + wait_ms)
                        .push_bind(arrival.sampling_version);
                });
                // A trace that was assembled already is late: it settles once more, root or not. One that goes on growing is
                // assembled again after half of the time for which it has grown, unless its root has come now: each time
                // all of its spans are read. One that is set aside stays aside.
                upsert.push(
                    " ON CONFLICT (trace_id) DO UPDATE SET \
                     last_seen_ms = excluded.last_seen_ms, \
                     root_seen = traces.root_seen OR excluded.root_seen, \
                     upstream_probability = CASE WHEN excluded.upstream_probability < traces.upstream_probability \
                         THEN excluded.upstream_probability ELSE traces.upstream_probability END, \
                     arrivals = traces.arrivals + 1, \
                     due_at_ms = CASE \
                         WHEN traces.damaged IS NOT NULL THEN NULL \
                         WHEN traces.assembled_at_ms IS NOT NULL AND NOT excluded.root_seen \
                             AND traces.assembled_at_ms + (traces.assembled_at_ms - traces.first_seen_ms) / 2 > ",
                );
                upsert.push_bind(now_ms + times.settle_ms);
                upsert.push(" THEN CASE WHEN (traces.assembled_at_ms - traces.first_seen_ms) / 2 < ");
                upsert.push_bind(longest_ms);
                upsert.push(
                    " THEN traces.assembled_at_ms + (traces.assembled_at_ms - traces.first_seen_ms) / 2 ELSE \
                     CASE WHEN traces.assembled_at_ms + ",
                );
                upsert.push_bind(longest_ms);
                upsert.push(" > ").push_bind(now_ms + times.settle_ms);
                upsert.push(" THEN traces.assembled_at_ms + ").push_bind(longest_ms);
                upsert.push(" ELSE ").push_bind(now_ms + times.settle_ms);
                upsert.push(" END END WHEN traces.assembled_at_ms IS NOT NULL THEN ");
                upsert.push_bind(now_ms + times.settle_ms);
                upsert.push(" WHEN (traces.root_seen OR excluded.root_seen) AND ");
                upsert.push_bind(now_ms + times.settle_ms);
                upsert.push(" < traces.first_seen_ms + ");
                upsert.push_bind(times.max_wait_ms);
                upsert.push(" THEN ");
                upsert.push_bind(now_ms + times.settle_ms);
                upsert.push(" ELSE traces.first_seen_ms + ");
                upsert.push_bind(times.max_wait_ms);
                upsert.push(" END");
                upsert.build().execute(&mut *tx).await?;
            }

            for (signal, account) in accounts(batches, &committed) {
                sqlx::query(
                    "INSERT INTO intake_account AS account \
                     (hour_ms, worker, signal, received, kept, sampled_out, duplicate, own, rejected, own_unmarked, other_evaluators) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
                     ON CONFLICT (hour_ms, worker, signal) DO UPDATE SET \
                     received = account.received + excluded.received, kept = account.kept + excluded.kept, \
                     sampled_out = account.sampled_out + excluded.sampled_out, \
                     duplicate = account.duplicate + excluded.duplicate, \
                     own = account.own + excluded.own, rejected = account.rejected + excluded.rejected, \
                     own_unmarked = account.own_unmarked + excluded.own_unmarked, \
                     other_evaluators = account.other_evaluators + excluded.other_evaluators",
                )
                .bind(hour_start(now_ms))
                .bind(&self.worker)
                .bind(signal)
                .bind(account.received)
                .bind(account.kept)
                .bind(account.sampled_out)
                .bind(account.duplicate)
                .bind(account.own)
                .bind(account.rejected)
                .bind(account.own_unmarked)
                .bind(account.other_evaluators)
                .execute(&mut *tx)
                .await?;
            }
            (committed, arrivals.len())
        });
        if traces > 0 {
            self.wakeups.trace_due(now_ms + times.settle_ms.min(times.max_wait_ms), now_ms);
        }
        Ok(committed)
    }

    /// Which of these traces have a span stored already. Log records do not count: they are kept on suspicion.
    pub async fn kept_traces(&self, ids: &[TraceId]) -> Result<HashSet<TraceId>, StoreError> {
        let mut kept = HashSet::new();
        for ids in ids.chunks(ROWS_PER_STATEMENT) {
            let rows: Vec<(Vec<u8>,)> = read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new("SELECT DISTINCT trace_id FROM spans WHERE trace_id IN ");
                push_list(&mut select, ids.iter().map(|id| id.as_bytes().as_slice()));
                select.build_query_as().fetch_all(pool).await?
            });
            kept.extend(rows.iter().filter_map(|(id,)| TraceId::try_from(id.as_slice()).ok()));
        }
        Ok(kept)
    }
}

fn resources_of(batches: &[IntakeBatch]) -> impl Iterator<Item = &Arc<[u8]>> {
    batches.iter().flat_map(|batch| batch.spans.iter().map(|span| &span.resource))
}

fn in_key_order<T, K: Ord>(records: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let mut ordered: Vec<&T> = records.iter().collect();
    ordered.sort_by_key(|record| key(record));
    // One statement may not name a key twice; the copy is counted as a duplicate by its absence.
    ordered.dedup_by(|later, earlier| key(later) == key(earlier));
    ordered
}

fn note_span(arrivals: &mut BTreeMap<TraceId, TraceArrival>, span: &KeptSpan, sampling_version: Option<i64>) {
    let upstream = span.upstream_probability.get();
    let arrival = arrivals.entry(span.trace_id).or_insert(TraceArrival {
        u: span.u,
        upstream_probability: upstream,
        root_seen: false,
        sampling_version,
    });
    arrival.root_seen |= span.is_root;
    arrival.upstream_probability = arrival.upstream_probability.min(upstream);
}

fn note_log(arrivals: &mut BTreeMap<TraceId, TraceArrival>, log: &KeptLogRecord, sampling_version: Option<i64>) {
    let first = TraceArrival { u: log.u, upstream_probability: 1.0, root_seen: false, sampling_version };
    arrivals.entry(log.trace_id).or_insert(first);
}

#[derive(Default)]
struct AccountDelta {
    received: i64,
    kept: i64,
    sampled_out: i64,
    duplicate: i64,
    own: i64,
    rejected: i64,
    own_unmarked: i64,
    other_evaluators: i64,
}

fn accounts(batches: &[IntakeBatch], committed: &[Committed]) -> BTreeMap<&'static str, AccountDelta> {
    let mut accounts: BTreeMap<&'static str, AccountDelta> = BTreeMap::new();
    for (batch, outcome) in batches.iter().zip(committed) {
        let account = accounts.entry(batch.signal.as_str()).or_default();
        account.received += batch.received as i64;
        account.kept += outcome.kept as i64;
        account.duplicate += outcome.duplicate as i64;
        if !outcome.repeated {
            account.sampled_out += batch.sampled_out as i64;
            account.own += batch.own as i64;
            account.own_unmarked += batch.own_parts.unmarked as i64;
            account.other_evaluators += batch.own_parts.other_evaluators as i64;
            account.rejected += batch.rejected as i64;
        }
    }
    accounts
}
