//! The account of every decision: what was counted when it was made, held against what is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DamagedTrace, ProblemCount, Store, StoreError, read};
use crate::model::{Outcome, hour_start};

/// Records received, and what became of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IntakeAccount {
    /// All of them.
    pub received: i64,
    /// Stored.
    pub kept: i64,
    /// Dropped by the prefilter.
    pub sampled_out: i64,
    /// Seen before.
    pub duplicate: i64,
    /// judged's own, or another evaluator's.
    pub own: i64,
    /// Wrong.
    pub rejected: i64,
    /// The part of `own` that stands under judged's name or mark and names no evaluation. Workers of earlier releases
    /// counted neither this part nor the next.
    #[serde(default)]
    pub own_unmarked: i64,
    /// The part of `own` that other evaluators emitted.
    #[serde(default)]
    pub other_evaluators: i64,
}

impl IntakeAccount {
    /// Whether every record received is explained.
    pub fn balances(&self) -> bool {
        self.received == self.kept + self.sampled_out + self.duplicate + self.own + self.rejected
    }
}

/// Subjects of kept traces under one rubric version and judge, and what became of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationAccount {
    /// The rubric's name.
    pub rubric: String,
    pub version: i64,
    pub judge: String,
    /// Subjects (each revision counts) as counted when they were planned.
    pub subjects: i64,
    /// Not judged, by reason.
    pub filtered: BTreeMap<String, i64>,
    /// Not drawn.
    pub sampled_out: i64,
    /// Waiting.
    pub pending: i64,
    /// Judged.
    pub scored: i64,
    /// Found undecidable by the judge.
    pub abstained: i64,
    /// Declined by the judge.
    #[serde(default)]
    pub refused: i64,
    /// Brought to no verdict.
    pub failed: i64,
    /// Not judged in time.
    pub expired: i64,
    /// Replaced by a newer revision.
    pub superseded: i64,
}

impl EvaluationAccount {
    /// With nothing counted.
    pub(super) fn new(rubric: &str, version: i64, judge: &str) -> Self {
        Self {
            rubric: rubric.to_owned(),
            version,
            judge: judge.to_owned(),
            subjects: 0,
            filtered: BTreeMap::new(),
            sampled_out: 0,
            pending: 0,
            scored: 0,
            abstained: 0,
            refused: 0,
            failed: 0,
            expired: 0,
            superseded: 0,
        }
    }

    /// Counts what became of subjects; `reason` says why they were filtered.
    pub(super) fn add(&mut self, outcome: Outcome, reason: &str, number: i64) {
        let place = match outcome {
            Outcome::Filtered => {
                let reason = if reason.is_empty() { "unstated" } else { reason };
                self.filtered.entry(reason.to_owned()).or_default()
            }
            Outcome::SampledOut => &mut self.sampled_out,
            Outcome::Pending => &mut self.pending,
            Outcome::Scored => &mut self.scored,
            Outcome::Abstained => &mut self.abstained,
            Outcome::Refused => &mut self.refused,
            Outcome::Failed => &mut self.failed,
            Outcome::Expired => &mut self.expired,
            Outcome::Superseded => &mut self.superseded,
        };
        *place += number;
    }

    /// Whether every subject planned is explained by a stored decision.
    pub fn balances(&self) -> bool {
        let filtered: i64 = self.filtered.values().sum();
        self.subjects
            == filtered
                + self.sampled_out
                + self.pending
                + self.scored
                + self.abstained
                + self.refused
                + self.failed
                + self.expired
                + self.superseded
    }
}

/// Traces of which something was kept, and what became of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TraceAccount {
    /// All of them.
    pub kept: i64,
    /// Due to be assembled for the first time.
    pub waiting: i64,
    /// Assembled, those included that late spans made due again.
    pub assembled: i64,
    /// Set aside because they cannot be assembled.
    pub damaged: i64,
}

impl TraceAccount {
    /// Whether every trace is explained. One that is neither due nor assembled would never be judged.
    pub fn balances(&self) -> bool {
        self.kept == self.waiting + self.assembled + self.damaged
    }
}

/// Scores owed to one sink, and what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeliveryAccount {
    /// Still to be sent.
    pub owed: i64,
    /// Accepted.
    pub sent: i64,
    /// Refused for good.
    pub given_up: i64,
}

/// Every account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Whether every part balances.
    pub balanced: bool,
    /// Spans.
    pub intake: IntakeAccount,
    /// Log records, which carry the content of some producers' spans.
    pub logs: IntakeAccount,
    #[serde(default)]
    pub traces: TraceAccount,
    /// Evaluations, per rubric version and judge.
    pub rubrics: Vec<EvaluationAccount>,
    /// Deliveries, per sink.
    pub deliveries: BTreeMap<String, DeliveryAccount>,
    /// What weakened evaluations, by code, service and instrumentation; no part of the balance.
    #[serde(default)]
    pub problems: Vec<ProblemCount>,
    /// Records by topic of Kafka that retention removed before they were read; no part of the balance.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: BTreeMap<String, i64>,
    /// The newest of the traces that were set aside, those included that had been assembled before late records came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged_traces: Vec<DamagedTrace>,
}

impl Ledger {
    /// The trace that was set aside last and why; none where none is.
    pub fn damage(&self) -> Option<String> {
        let newest = self.damaged_traces.first()?;
        Some(format!("Trace {} cannot be assembled and was set aside: {}", newest.trace_id, newest.why))
    }
}

impl Store {
    /// Reads the ledger of everything since `since_ms` (whole hours: the hour that holds it counts in full).
    pub async fn ledger(&self, since_ms: i64) -> Result<Ledger, StoreError> {
        let since_ms = hour_start(since_ms);
        let intake = self.intake_accounts(since_ms).await?;
        let traces = self.trace_account(since_ms).await?;
        let rubrics = self.evaluation_accounts(since_ms).await?;
        let deliveries = self.delivery_accounts(since_ms).await?;
        let problems = self.problem_counts(since_ms).await?;
        let lost = self.lost_records(since_ms).await?;
        let account = |signal: &str| intake.get(signal).copied().unwrap_or_default();
        let balanced = intake.values().all(IntakeAccount::balances)
            && traces.balances()
            && rubrics.iter().all(EvaluationAccount::balances);
        Ok(Ledger {
            balanced,
            intake: account("traces"),
            logs: account("logs"),
            traces,
            rubrics,
            deliveries,
            problems,
            lost,
            damaged_traces: self.damaged_traces(since_ms).await?,
        })
    }

    async fn intake_accounts(&self, since_ms: i64) -> Result<BTreeMap<String, IntakeAccount>, StoreError> {
        type Row = (String, i64, i64, i64, i64, i64, i64, i64, i64);
        let found: Vec<Row> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT signal, CAST(sum(received) AS BIGINT), CAST(sum(kept) AS BIGINT), CAST(sum(sampled_out) AS BIGINT), \
                 CAST(sum(duplicate) AS BIGINT), CAST(sum(own) AS BIGINT), CAST(sum(rejected) AS BIGINT), \
                 CAST(sum(own_unmarked) AS BIGINT), CAST(sum(other_evaluators) AS BIGINT) \
                 FROM intake_account WHERE hour_ms >= $1 GROUP BY signal",
            )
            .bind(since_ms)
            .fetch_all(pool)
            .await?
        });
        Ok(found
            .into_iter()
            .map(|(signal, received, kept, sampled_out, duplicate, own, rejected, own_unmarked, other_evaluators)| {
                let account = IntakeAccount {
                    received,
                    kept,
                    sampled_out,
                    duplicate,
                    own,
                    rejected,
                    own_unmarked,
                    other_evaluators,
                };
                (signal, account)
            })
            .collect())
    }
}
