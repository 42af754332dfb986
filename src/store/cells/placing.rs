//! Where an evaluation belongs: what its row is to count as.

use sha2::{Digest, Sha256};

use super::dictionary::Dictionary;
use super::evaluation::Evaluation;
use crate::cells::{Counted, Folded};
use crate::model::Outcome;
use crate::store::StoreError;

/// What an evaluation is to count as; `None` while it is pending.
pub(super) fn place(
    evaluation: &Evaluation,
    epoch: i64,
    dictionary: &Dictionary,
) -> Result<Option<Folded>, StoreError> {
    let outcome = evaluation.outcome;
    if outcome == Outcome::Pending {
        return Ok(None);
    }
    let counted = if evaluation.has_place() { Some(counted(evaluation, dictionary)?) } else { None };
    let is_explained = matches!(outcome, Outcome::Filtered | Outcome::Refused | Outcome::Failed | Outcome::Expired);
    let reason = evaluation.reason().filter(|_| is_explained).map(str::to_owned);
    Ok(Some(Folded { epoch, outcome, reason, counted }))
}

fn counted(evaluation: &Evaluation, dictionary: &Dictionary) -> Result<Counted, StoreError> {
    let (series, parts) = dictionary.parts_of(evaluation)?;
    let score = dictionary.score_of(evaluation);
    let has_weight = score.as_ref().is_some_and(|score| score.weight.is_some());
    let session = evaluation.session_id().filter(|_| has_weight);
    Ok(Counted {
        hour: evaluation.hour(),
        parts,
        conversation: session.map(|session| conversation(series, session)),
        score,
        judge: evaluation.judge_use(),
    })
}

/// What a conversation of a series is known by.
fn conversation(series: i64, session: &str) -> String {
    let digest = Sha256::new().chain_update(series.to_be_bytes()).chain_update(session).finalize();
    hex::encode(&digest[..12])
}
