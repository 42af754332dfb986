//! The thresholds in force, as far as this worker knows them: read again every few seconds, applied to what is judged from then on.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::judges::JudgeReply;
use crate::model::{Threshold, name_of_series};
use crate::rubrics::Rubric;
use crate::store::{Store, StoreError, ThresholdKey};

/// The newest threshold of each key; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Thresholds(Arc<RwLock<HashMap<ThresholdKey, Threshold>>>);

impl Thresholds {
    pub(super) async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        // In order of choice: the last one of a key stays.
        let newest = store.thresholds().await?.into_iter();
        let newest = newest.map(|one| (one.key, Threshold { value: one.value, number: one.number })).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = newest;
        Ok(())
    }

    /// The reply with the verdict that the threshold in force makes of its probabilities. The threshold is part of what the
    /// series goes by: scores under two thresholds are two measurements.
    pub(super) fn applied(&self, rubric: &Rubric, judge: &str, mut reply: JudgeReply) -> JudgeReply {
        let (Some(distribution), Some(model)) = (&mut reply.distribution, &reply.model) else { return reply };
        let key = ThresholdKey {
            rubric: rubric.name.clone(),
            version: rubric.version,
            judge: judge.to_owned(),
            model: model.clone(),
        };
        let threshold = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        let verdict = threshold.and_then(|one| distribution.verdict(&rubric.scale, rubric.decision.verdict, one));
        if let (Some(threshold), Some(verdict), true) = (threshold, verdict, distribution.threshold.is_some()) {
            distribution.threshold = Some(threshold);
            reply.verdict = verdict;
            reply.model = Some(name_of_series(&key.model, threshold));
        }
        reply
    }
}
