//! The ledger's traces and deliveries, by totals that triggers keep.
//!
//! On PostgreSQL triggers append changes to a queue, which folding adds to the totals; both together are exact at every moment. On
//! SQLite they change the totals themselves.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ledger::{DeliveryAccount, TraceAccount};
use super::{Store, StoreError, read};

/// A kept total that is not what the rows come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TotalDifference {
    /// The sink; none of a total of traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    pub total: &'static str,
    pub kept: i64,
    /// As the rows have it.
    pub stored: i64,
}

/// What holding the kept totals against the rows found.
pub(super) struct KeptAccountsProof {
    pub(super) traces: i64,
    pub(super) deliveries: i64,
    pub(super) differences: Vec<TotalDifference>,
}

const OF_TRACES: [&str; 2] = ["kept", "assembled"];
const OF_DELIVERIES: [&str; 4] = ["made", "sent", "given_up", "superseded"];

/// Of traces by no sink.
type Totals = BTreeMap<Option<String>, [i64; 4]>;

impl Store {
    /// One statement, so that all sides are read from the same snapshot. What waits is counted by what is due, so that a trace
    /// that is neither due, assembled nor set aside shows. Late spans of a trace that was assembled may be what set it aside: it
    /// stays assembled.
    pub(super) async fn trace_account(&self, since_ms: i64) -> Result<TraceAccount, StoreError> {
        let (kept, assembled, waiting, damaged): (i64, i64, i64, i64) = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT CAST(COALESCE(sum(kept), 0) AS BIGINT), CAST(COALESCE(sum(assembled), 0) AS BIGINT), \
                 (SELECT count(*) FROM traces WHERE due_at_ms IS NOT NULL AND assembled_at_ms IS NULL AND first_seen_ms >= $1), \
                 (SELECT count(*) FROM traces WHERE damaged IS NOT NULL AND due_at_ms IS NULL AND assembled_at_ms IS NULL \
                  AND first_seen_ms >= $1) \
                 FROM (SELECT kept, assembled FROM trace_totals WHERE hour_ms >= $1 \
                 UNION ALL SELECT kept, assembled FROM trace_changes WHERE hour_ms >= $1) AS parts",
            )
            .bind(since_ms)
            .fetch_one(pool)
            .await?
        });
        Ok(TraceAccount { kept, waiting, assembled, damaged })
    }

    pub(super) async fn delivery_accounts(
        &self,
        since_ms: i64,
    ) -> Result<BTreeMap<String, DeliveryAccount>, StoreError> {
        let found: Vec<(String, i64, i64, i64)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT sink, CAST(sum(made - sent - given_up - superseded) AS BIGINT), CAST(sum(sent) AS BIGINT), \
                 CAST(sum(given_up) AS BIGINT) \
                 FROM (SELECT sink, made, sent, given_up, superseded FROM delivery_totals WHERE hour_ms >= $1 \
                 UNION ALL SELECT sink, made, sent, given_up, superseded FROM delivery_changes WHERE hour_ms >= $1) AS parts \
                 GROUP BY sink HAVING sum(made) > 0",
            )
            .bind(since_ms)
            .fetch_all(pool)
            .await?
        });
        let account = |(sink, owed, sent, given_up)| (sink, DeliveryAccount { owed, sent, given_up });
        Ok(found.into_iter().map(account).collect())
    }

    /// Holds the totals against a scan of every trace and delivery, both of one snapshot.
    pub(super) async fn verify_kept_accounts(&self) -> Result<KeptAccountsProof, StoreError> {
        type Row = (bool, Option<String>, i64, i64, i64, i64);
        let found: Vec<Row> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT TRUE, NULL, CAST(COALESCE(sum(kept), 0) AS BIGINT), CAST(COALESCE(sum(assembled), 0) AS BIGINT), \
                 CAST(0 AS BIGINT), CAST(0 AS BIGINT) \
                 FROM (SELECT kept, assembled FROM trace_totals UNION ALL SELECT kept, assembled FROM trace_changes) AS parts \
                 UNION ALL SELECT FALSE, NULL, count(*), count(assembled_at_ms), 0, 0 FROM traces \
                 UNION ALL SELECT TRUE, sink, CAST(sum(made) AS BIGINT), CAST(sum(sent) AS BIGINT), \
                 CAST(sum(given_up) AS BIGINT), CAST(sum(superseded) AS BIGINT) \
                 FROM (SELECT sink, made, sent, given_up, superseded FROM delivery_totals \
                 UNION ALL SELECT sink, made, sent, given_up, superseded FROM delivery_changes) AS parts GROUP BY sink \
                 UNION ALL SELECT FALSE, sink, count(*), count(CASE WHEN state = 'sent' THEN 1 END), \
                 count(CASE WHEN state = 'given_up' THEN 1 END), count(CASE WHEN state = 'superseded' THEN 1 END) \
                 FROM deliveries GROUP BY sink",
            )
            .fetch_all(pool)
            .await?
        });
        let (mut kept, mut stored) = (Totals::new(), Totals::new());
        for (is_kept, sink, one, two, three, four) in found {
            let side = if is_kept { &mut kept } else { &mut stored };
            side.insert(sink, [one, two, three, four]);
        }
        let number = |is_trace: bool| {
            stored.iter().filter(|(sink, _)| sink.is_none() == is_trace).map(|(_, totals)| totals[0]).sum()
        };
        Ok(KeptAccountsProof {
            traces: number(true),
            deliveries: number(false),
            differences: differences(&kept, &stored),
        })
    }
}

fn differences(kept: &Totals, stored: &Totals) -> Vec<TotalDifference> {
    let mut found = Vec::new();
    for sink in kept.keys().chain(stored.keys().filter(|sink| !kept.contains_key(*sink))) {
        let of = |side: &Totals| side.get(sink).copied().unwrap_or_default();
        let names = if sink.is_none() { OF_TRACES.as_slice() } else { OF_DELIVERIES.as_slice() };
        for (total, (kept, stored)) in names.iter().zip(of(kept).into_iter().zip(of(stored))) {
            if kept != stored {
                found.push(TotalDifference { sink: sink.clone(), total, kept, stored });
            }
        }
    }
    found
}
