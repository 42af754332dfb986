//! The ledger's evaluations: by what is kept of them, which takes a moment however many there are, or by a scan.
//!
//! Folding keeps totals by outcome. What changed since the last fold is still in the queue, and what is pending is in an index
//! of its own; with both added, the totals are exact at every moment. One statement reads all parts, so that they are of
//! one snapshot.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::{CellsBuilt, EvaluationAccount, Store, StoreError, TotalDifference, read, row, rows};
use crate::cells::{ALGORITHM, Folded};
use crate::model::Outcome;

/// Rubric, version, judge.
type AccountOf = (String, i64, String);

/// Outcome, and the reason where it was filtered.
type Counts = BTreeMap<(Outcome, String), i64>;

const PLANNED: &str = "SELECT 'planned' AS side, rubric, version, judge, NULL AS outcome, NULL AS reason, \
    CAST(sum(subjects) AS BIGINT) AS number, NULL AS folded FROM planning_account WHERE hour_ms >= $1 \
    GROUP BY rubric, version, judge";

const SCANNED: &str = "SELECT 'scanned', rubric, version, judge, outcome, CASE WHEN outcome = 'filtered' THEN reason END, count(*), \
    NULL FROM evaluations WHERE created_at_ms >= $1 \
    GROUP BY rubric, version, judge, outcome, CASE WHEN outcome = 'filtered' THEN reason END";

/// Of what is queued or set aside, what it has become, and what it was counted as. The plus keeps SQLite from reading all that was planned since
/// instead of the index of what is pending.
const KEPT: &str = "SELECT 'state', '', 0, '', NULL, NULL, CASE WHEN complete AND algorithm = $2 THEN 1 ELSE 0 END, NULL \
    FROM cell_state \
    UNION ALL SELECT 'kept', rubric, version, judge, outcome, reason, CAST(sum(number) AS BIGINT), NULL \
    FROM evaluation_totals WHERE hour_ms >= $1 GROUP BY rubric, version, judge, outcome, reason \
    UNION ALL SELECT 'kept', rubric, version, judge, outcome, NULL, count(*), NULL FROM evaluations \
    WHERE outcome = 'pending' AND +created_at_ms >= $1 GROUP BY rubric, version, judge, outcome \
    UNION ALL SELECT 'queued', rubric, version, judge, outcome, CASE WHEN outcome = 'filtered' THEN reason END, \
    (SELECT epoch FROM cell_state), folded FROM evaluations \
    WHERE id IN (SELECT evaluation_id FROM evaluation_changes UNION SELECT evaluation_id FROM evaluations_set_aside) \
    AND created_at_ms >= $1";

row! {
    struct PartRow {
        side: String,
        rubric: String,
        version: i64,
        judge: String,
        outcome: Option<String>,
        reason: Option<String>,
        number: i64,
        folded: Option<String>,
    }
}

/// What the parts of one snapshot come to.
#[derive(Default)]
struct Sides {
    /// Whether what is kept covers everything.
    is_kept: bool,
    planned: BTreeMap<AccountOf, i64>,
    kept: BTreeMap<AccountOf, Counts>,
    scanned: BTreeMap<AccountOf, Counts>,
}

/// An account in which what is kept and what is stored differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountDifference {
    /// The rubric's name.
    pub rubric: String,
    pub version: i64,
    pub judge: String,
    pub outcome: Outcome,
    /// Why, where it was filtered.
    pub reason: String,
    /// As the kept totals have it.
    pub kept: i64,
    /// As the rows have it.
    pub stored: i64,
}

/// What comes of holding the kept totals against every stored row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "totals", rename_all = "snake_case")]
pub enum LedgerProof {
    /// Every account is equal.
    Equal {
        /// How many were counted.
        evaluations: i64,
        traces: i64,
        deliveries: i64,
    },
    /// These differ.
    Differs {
        accounts: Vec<AccountDifference>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        traces_and_deliveries: Vec<TotalDifference>,
    },
    /// The totals are still being built; the ledger is read from the rows meanwhile.
    NotKeptYet,
}

impl Store {
    /// The accounts of evaluations planned since `since_ms`, the beginning of an hour.
    pub(super) async fn evaluation_accounts(&self, since_ms: i64) -> Result<Vec<EvaluationAccount>, StoreError> {
        // While the totals are being built, the queue may hold every evaluation.
        if self.cells_built().await? == CellsBuilt::Complete {
            let kept = self.sides(&format!("{PLANNED} UNION ALL {KEPT}"), since_ms).await?;
            if kept.is_kept {
                return Ok(accounts(&kept.planned, &kept.kept));
            }
        }
        let scanned = self.sides(&format!("{PLANNED} UNION ALL {SCANNED}"), since_ms).await?;
        Ok(accounts(&scanned.planned, &scanned.scanned))
    }

    /// Holds the kept totals against a scan of every evaluation, trace and delivery, both of one snapshot.
    pub async fn verify_ledger(&self) -> Result<LedgerProof, StoreError> {
        let sides = self.sides(&format!("{PLANNED} UNION ALL {KEPT} UNION ALL {SCANNED}"), i64::MIN).await?;
        if !sides.is_kept {
            return Ok(LedgerProof::NotKeptYet);
        }
        let others = self.verify_kept_accounts().await?;
        let accounts = differences(&sides.kept, &sides.scanned);
        Ok(if accounts.is_empty() && others.differences.is_empty() {
            LedgerProof::Equal {
                evaluations: sides.scanned.values().flat_map(BTreeMap::values).sum(),
                traces: others.traces,
                deliveries: others.deliveries,
            }
        } else {
            LedgerProof::Differs { accounts, traces_and_deliveries: others.differences }
        })
    }

    async fn sides(&self, statement: &str, since_ms: i64) -> Result<Sides, StoreError> {
        let found: Vec<PartRow> = read!(self, DB, pool => {
            let select = sqlx::query_as(AssertSqlSafe(statement)).bind(since_ms);
            let select = if statement.contains("$2") { select.bind(ALGORITHM) } else { select };
            select.fetch_all(pool).await?
        });
        let mut sides = Sides::default();
        for row in found {
            sides.add(row)?;
        }
        Ok(sides)
    }
}

impl Sides {
    fn add(&mut self, row: PartRow) -> Result<(), StoreError> {
        let PartRow { side, rubric, version, judge, outcome, reason, number, folded } = row;
        let of = (rubric, version, judge);
        let outcome = outcome.map(|outcome| rows::outcome(&outcome)).transpose()?;
        match (side.as_str(), outcome) {
            ("state", _) => self.is_kept = number == 1,
            ("planned", _) => *self.planned.entry(of).or_default() += number,
            ("scanned", Some(outcome)) => count(self.scanned.entry(of).or_default(), outcome, reason, number),
            ("kept", Some(outcome)) => count(self.kept.entry(of).or_default(), outcome, reason, number),
            (_, Some(outcome)) => {
                let counts = self.kept.entry(of).or_default();
                let epoch = number;
                // What is pending is counted where it stands.
                if outcome != Outcome::Pending {
                    count(counts, outcome, reason, 1);
                }
                let folded: Option<Folded> =
                    folded.map(|folded| rows::json("evaluations", "folded", &folded)).transpose()?;
                if let Some(folded) = folded.filter(|folded| folded.epoch == epoch) {
                    count(counts, folded.outcome, folded.reason, -1);
                }
            }
            (_, None) => {}
        }
        Ok(())
    }
}

fn count(counts: &mut Counts, outcome: Outcome, reason: Option<String>, number: i64) {
    let reason = reason.filter(|_| outcome == Outcome::Filtered).unwrap_or_default();
    *counts.entry((outcome, reason)).or_default() += number;
}

fn accounts(planned: &BTreeMap<AccountOf, i64>, counts: &BTreeMap<AccountOf, Counts>) -> Vec<EvaluationAccount> {
    let mut accounts: BTreeMap<&AccountOf, EvaluationAccount> = BTreeMap::new();
    for of in planned.keys().chain(counts.keys()) {
        let (rubric, version, judge) = of;
        let mut account = EvaluationAccount::new(rubric, *version, judge);
        account.subjects = planned.get(of).copied().unwrap_or(0);
        for ((outcome, reason), number) in counts.get(of).into_iter().flatten().filter(|(_, number)| **number != 0) {
            account.add(*outcome, reason, *number);
        }
        accounts.insert(of, account);
    }
    accounts.into_values().collect()
}

fn differences(kept: &BTreeMap<AccountOf, Counts>, stored: &BTreeMap<AccountOf, Counts>) -> Vec<AccountDifference> {
    let mut found = Vec::new();
    let mut keys: Vec<(&AccountOf, &(Outcome, String))> =
        kept.iter().chain(stored).flat_map(|(of, counts)| counts.keys().map(move |outcome| (of, outcome))).collect();
    keys.sort_unstable();
    keys.dedup();
    for (of, outcome) in keys {
        let number = |side: &BTreeMap<AccountOf, Counts>| {
            side.get(of).and_then(|counts| counts.get(outcome)).copied().unwrap_or(0)
        };
        if number(kept) != number(stored) {
            let ((rubric, version, judge), (outcome, reason)) = (of.clone(), outcome.clone());
            let (kept, stored) = (number(kept), number(stored));
            found.push(AccountDifference { rubric, version, judge, outcome, reason, kept, stored });
        }
    }
    found
}
