//! Folding: bringing cells up to what evaluations have become.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::dictionary::Dictionary;
use super::evaluation::{Evaluation, TotalOf};
use super::placing::place;
use super::set_aside::{SetAside, read_all};
use super::transaction::State;
use crate::cells::{ALGORITHM, Delta};
use crate::store::open_transaction::Open;
use crate::store::{Store, StoreError, read, rows, transaction};

/// What one fold did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Folding {
    /// Evaluations that were looked at.
    pub looked_at: usize,
    /// Those of them that had changed.
    pub changed: usize,
    /// Whether more was left to do.
    pub is_behind: bool,
}

impl Store {
    /// Whether evaluations, or changes of the ledger's totals, wait to be folded.
    pub async fn has_unfolded(&self) -> Result<bool, StoreError> {
        let (waits,): (bool,) = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT EXISTS (SELECT 1 FROM evaluation_changes) \
                 OR EXISTS (SELECT 1 FROM trace_changes) OR EXISTS (SELECT 1 FROM delivery_changes) \
                 OR EXISTS (SELECT 1 FROM cell_state WHERE NOT complete OR algorithm < $1)",
            )
            .bind(ALGORITHM)
            .fetch_one(pool)
            .await?
        });
        Ok(waits)
    }

    /// Folds up to `limit` evaluations that changed and, as long as cells are being built, as many that were there before:
    /// in one transaction. Cells of an older algorithm are begun anew; those of a newer one are left to a worker that knows
    /// it. An evaluation that cannot be read is set aside.
    pub async fn fold(&self, limit: usize) -> Result<Folding, StoreError> {
        let (folding, set_aside) = transaction!(self, DB, tx => fold(&mut Open::from(tx), limit).await?);
        for one in &set_aside {
            one.log();
        }
        Ok(folding)
    }

    /// Begins the cells anew; [`Store::fold`] then builds them. The totals of traces and deliveries are counted at once.
    ///
    /// Cells of a newer algorithm stay, unless its release is gone for good.
    pub async fn rebuild_cells(&self, newer_is_gone: bool) -> Result<(), StoreError> {
        transaction!(self, DB, tx => {
            let mut tx = Open::from(tx);
            let state = tx.hold_state().await?;
            if state.algorithm > ALGORITHM && !newer_is_gone {
                return Err(StoreError::NewerCells);
            }
            begin_anew(&mut tx, state).await?;
            tx.count_kept_accounts().await?;
        });
        Ok(())
    }
}

async fn begin_anew(tx: &mut Open<'_>, state: State) -> Result<State, StoreError> {
    tx.empty().await?;
    let state = State {
        algorithm: ALGORITHM,
        epoch: state.epoch + 1,
        cursor_ms: i64::MAX,
        cursor_id: Uuid::max(),
        complete: false,
    };
    tx.store_state(state).await?;
    Ok(state)
}

async fn fold(tx: &mut Open<'_>, limit: usize) -> Result<(Folding, Vec<SetAside>), StoreError> {
    let mut state = tx.hold_state().await?;
    let has_more = tx.fold_kept_accounts().await?;
    if state.algorithm > ALGORITHM {
        return Ok((Folding { is_behind: has_more, ..Folding::default() }, Vec::new()));
    }
    if state.algorithm < ALGORITHM {
        state = begin_anew(tx, state).await?;
    }
    let taken = tx.take_changes(limit).await?;
    let page = if state.complete { Vec::new() } else { tx.page(state, limit).await? };
    let is_behind = has_more || taken.len() == limit || (!state.complete && page.len() == limit);
    let ids: BTreeSet<Uuid> = taken.into_iter().chain(page.iter().map(|(_, id)| *id)).collect();
    let (changed, set_aside) = fold_evaluations(tx, state.epoch, &ids).await?;
    if !state.complete {
        let next = match page.last() {
            Some((cursor_ms, cursor_id)) => State { cursor_ms: *cursor_ms, cursor_id: *cursor_id, ..state },
            None => state,
        };
        tx.store_state(State { complete: page.len() < limit, ..next }).await?;
    }
    Ok((Folding { looked_at: ids.len(), changed, is_behind }, set_aside))
}

/// Stores the difference between what these evaluations are and what they were counted as. Returns how many differed, and
/// which cannot be read.
async fn fold_evaluations(
    tx: &mut Open<'_>,
    epoch: i64,
    ids: &BTreeSet<Uuid>,
) -> Result<(usize, Vec<SetAside>), StoreError> {
    let ids: Vec<Uuid> = ids.iter().copied().collect();
    let found = tx.evaluations(&ids).await?;
    let known: BTreeSet<Uuid> = found.iter().map(|row| row.id).collect();
    let left: Vec<Uuid> = ids.into_iter().filter(|id| !known.contains(id)).collect();
    tx.put_back(&left).await?;
    let (evaluations, set_aside) = read_all(found, epoch);
    let set_aside = tx.set_aside(set_aside).await?;
    tx.take_up_again(evaluations.iter().map(Evaluation::id)).await?;

    let dictionary = Dictionary::of(tx, &evaluations).await?;
    let mut newest: BTreeMap<i64, i64> = BTreeMap::new();
    let mut delta = Delta::default();
    let mut accounts: BTreeMap<TotalOf, i64> = BTreeMap::new();
    let mut folded = Vec::new();
    for evaluation in &evaluations {
        let (before, after) = (evaluation.before.as_ref(), place(evaluation, epoch, &dictionary)?);
        if before == after.as_ref() {
            continue;
        }
        if let Some((series, planned_ms)) = dictionary.series_of(evaluation).zip(evaluation.planned_and_valued()) {
            let latest = newest.entry(series).or_insert(planned_ms);
            *latest = planned_ms.max(*latest);
        }
        delta.change(before, after.as_ref());
        for (counted, sign) in [(before, -1), (after.as_ref(), 1)] {
            if let Some(counted) = counted {
                *accounts.entry(evaluation.account(counted)).or_default() += sign;
            }
        }
        let text = after.map(|after| rows::to_json("evaluations", "folded", &after)).transpose()?;
        folded.push((evaluation.id(), text));
    }

    let conversations: Vec<&String> = delta.conversations().collect();
    let known = tx.conversations(&conversations).await?;
    let hours = delta.settle(&known);
    tx.store_conversations(&hours).await?;
    let cells = delta.into_cells();
    tx.add_to_cells(&cells).await?;
    tx.add_to_totals(&cells).await?;
    tx.add_to_accounts(&accounts).await?;
    tx.note_newest(&newest).await?;
    tx.note_folded(&folded).await?;
    Ok((folded.len(), set_aside))
}
