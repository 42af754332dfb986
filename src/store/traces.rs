//! Traces waiting for assembly: taking the due ones under a lease, and their records.

use sqlx::QueryBuilder;

use super::lease::Queue;
use super::rows::push_list;
use super::{Store, StoreError, read, rows, transaction};
use crate::model::{LogRecord, Probability, Span, TraceId};
use crate::otlp;

/// A trace whose time has come, leased to this worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DueTrace {
    pub trace_id: TraceId,
    /// Its sampling number in [0, 1).
    pub u: f64,
    /// The probability with which samplers upstream kept it.
    pub upstream_probability: Probability,
    /// Whether its root ended and arrived; if not, `max_wait` forced it.
    pub root_seen: bool,
    /// How many commits brought something new to it; a plan made from fewer is not the last word.
    pub arrivals: i64,
    /// When it was assembled before something late came, milliseconds since the Unix epoch; `None` the first time.
    pub assembled_at_ms: Option<i64>,
    /// The highest rate that any rubric gives it: known once its spans were read.
    pub rate: Option<Probability>,
    /// When it was first seen, milliseconds since the Unix epoch.
    pub first_seen_ms: i64,
    /// The sampling version under which it was; none where a worker of an earlier version saw it first.
    pub sampling_version: Option<i64>,
}

/// What is stored of one trace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceRecords {
    /// Its spans, in order of span id.
    pub spans: Vec<Span>,
    pub logs: Vec<LogRecord>,
    /// Stored records that could not be read back.
    pub damaged: usize,
}

/// How long a trace or a session may wait until it falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitBound {
    /// What waits longer does not do so by any setting, in milliseconds.
    pub longest_ms: i64,
    /// How long it then waits from now on, in milliseconds.
    pub wait_ms: i64,
}

const WAITING: Queue = Queue {
    table: "traces",
    key: "trace_id",
    waiting: "",
    part: "",
    returning: "trace_id, u, upstream_probability, root_seen, arrivals, assembled_at_ms, first_seen_ms, sampling_version",
};

type DueRow = (Vec<u8>, f64, f64, bool, i64, Option<i64>, i64, Option<i64>);

impl Store {
    /// Leases up to `limit` traces that are due, earliest first, for `lease_ms`.
    pub async fn lease_due_traces(&self, limit: usize, lease_ms: i64) -> Result<Vec<DueTrace>, StoreError> {
        let due: Vec<DueRow> = self.claim(&WAITING, None, limit, lease_ms).await?;
        due.into_iter()
            .map(|row| {
                let (
                    trace_id,
                    u,
                    upstream_probability,
                    root_seen,
                    arrivals,
                    assembled_at_ms,
                    first_seen_ms,
                    sampling_version,
                ) = row;
                Ok(DueTrace {
                    trace_id: rows::trace_id("traces", &trace_id)?,
                    u,
                    upstream_probability: rows::probability("traces", "upstream_probability", upstream_probability)?,
                    root_seen,
                    arrivals,
                    assembled_at_ms,
                    rate: None,
                    first_seen_ms,
                    sampling_version,
                })
            })
            .collect()
    }

    /// When the next trace falls due, if any waits.
    pub async fn next_due_trace_ms(&self) -> Result<Option<i64>, StoreError> {
        let (next,): (Option<i64>,) = read!(self, DB, pool => {
            sqlx::query_as("SELECT min(due_at_ms) FROM traces WHERE due_at_ms IS NOT NULL").fetch_one(pool).await?
        });
        Ok(next)
    }

    /// Lets what falls due later than any setting allows wait as long as if it had come now: it came while a clock was ahead
    /// or under a longer setting, and more of it may be on its way. Returns how many traces and sessions that were.
    pub async fn mend_due_times(&self, traces: WaitBound, sessions: WaitBound) -> Result<u64, StoreError> {
        let now_ms = self.now_ms();
        let latest_ms = |bound: WaitBound| now_ms.saturating_add(bound.longest_ms);
        let (ahead,): (bool,) = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT EXISTS (SELECT 1 FROM traces WHERE due_at_ms > $1) OR EXISTS (SELECT 1 FROM sessions WHERE due_at_ms > $2)",
            )
            .bind(latest_ms(traces))
            .bind(latest_ms(sessions))
            .fetch_one(pool)
            .await?
        });
        if !ahead {
            return Ok(0);
        }
        Ok(transaction!(self, DB, tx => {
            let mut mended = 0;
            for (update, bound) in [
                ("UPDATE traces SET due_at_ms = $1 WHERE due_at_ms > $2", traces),
                ("UPDATE sessions SET due_at_ms = $1 WHERE due_at_ms > $2", sessions),
            ] {
                let update = sqlx::query(update).bind(now_ms.saturating_add(bound.wait_ms)).bind(latest_ms(bound));
                mended += update.execute(&mut *tx).await?.rows_affected();
            }
            mended
        }))
    }

    /// Reads all records of several traces in one go, in the order asked.
    pub async fn trace_records(&self, trace_ids: &[TraceId]) -> Result<Vec<TraceRecords>, StoreError> {
        self.trace_records_until(trace_ids, i64::MAX).await
    }

    /// The records of a trace that were there when it was assembled at `assembled_at_ms`, before the late ones.
    ///
    /// What was received last is late in any case: it is what made the trace due, though the clocks of two workers may say
    /// otherwise, or it may have come while the trace was being assembled.
    pub async fn earlier_records(&self, trace_id: TraceId, assembled_at_ms: i64) -> Result<TraceRecords, StoreError> {
        let (newest_ms,): (Option<i64>,) = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT max(received_at_ms) FROM (SELECT received_at_ms FROM spans WHERE trace_id = $1 \
                 UNION ALL SELECT received_at_ms FROM log_records WHERE trace_id = $1) AS records",
            )
            .bind(trace_id.as_bytes().as_slice())
            .fetch_one(pool)
            .await?
        });
        let until_ms = newest_ms.map_or(assembled_at_ms, |newest_ms| assembled_at_ms.min(newest_ms - 1));
        Ok(self.trace_records_until(&[trace_id], until_ms).await?.pop().unwrap_or_default())
    }

    /// Those records of several traces that were received up to `until_ms`, in the order asked.
    pub async fn trace_records_until(
        &self,
        trace_ids: &[TraceId],
        until_ms: i64,
    ) -> Result<Vec<TraceRecords>, StoreError> {
        type SpanRow = (Vec<u8>, Option<Vec<u8>>, Vec<u8>);
        let (spans, logs): (Vec<SpanRow>, Vec<(Vec<u8>, Vec<u8>)>) = read!(self, DB, pool => {
            let mut spans = QueryBuilder::<DB>::new("SELECT trace_id, resource, body FROM spans WHERE trace_id IN ");
            push_list(&mut spans, trace_ids.iter().map(|id| id.as_bytes().as_slice()));
            spans.push(" AND received_at_ms <= ").push_bind(until_ms).push(" ORDER BY trace_id, span_id");
            let mut logs = QueryBuilder::<DB>::new("SELECT trace_id, body FROM log_records WHERE trace_id IN ");
            push_list(&mut logs, trace_ids.iter().map(|id| id.as_bytes().as_slice()));
            logs.push(" AND received_at_ms <= ").push_bind(until_ms).push(" ORDER BY trace_id, received_at_ms, digest");
            (spans.build_query_as().fetch_all(pool).await?, logs.build_query_as().fetch_all(pool).await?)
        });
        let mut records: Vec<TraceRecords> = trace_ids.iter().map(|_| TraceRecords::default()).collect();
        let position = |id: &[u8]| trace_ids.iter().position(|trace_id| trace_id.as_bytes().as_slice() == id);
        let resources = self.resources(spans.iter().filter_map(|(_, key, _)| key.clone()).collect()).await?;
        for (id, key, body) in spans {
            if let Some(records) = position(&id).and_then(|index| records.get_mut(index)) {
                let resource = key.as_ref().and_then(|key| resources.get(key));
                // A span is read also where its resource is lost.
                records.damaged += usize::from(key.is_some() && resource.is_none());
                match otlp::span_from_bytes(&body, resource) {
                    Ok(span) => records.spans.push(span),
                    Err(_) => records.damaged += 1,
                }
            }
        }
        for (id, body) in logs {
            if let Some(records) = position(&id).and_then(|index| records.get_mut(index)) {
                match otlp::log_record_from_bytes(&body) {
                    Ok(log) => records.logs.push(log),
                    Err(_) => records.damaged += 1,
                }
            }
        }
        Ok(records)
    }
}
