//! Judging the past: decisions about stored subjects, committed to the same ledger that assembly plans into. The stages
//! of a running judged do the rest.
//!
//! First everything in range is looked at and counted, then decisions are committed page by page. A page that was
//! committed changes nothing when it comes again, so that a backfill that was killed is simply run once more. What judges
//! everything again is the exception: it takes up what was scored since, too.

mod decision;
pub mod estimate;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub use estimate::{Basis, BudgetAnswer, Estimate, Known, Spent, estimate};

use crate::model::{EvaluationId, Outcome, Probability, Revisions, SubjectKind};
use crate::rubrics::{Rubric, fence_key};
use crate::sampling::Sampler;
use crate::secrets::MacKey;
use crate::store::{BackfillScope, PastCursor, PastDecision, PastSubject, PlannedEvaluation, Store, StoreError};

/// Subjects read, and decisions committed, at a time.
const PAGE: usize = 200;

/// Prompts that are rendered for an estimate of their length.
const RENDERED: u64 = 200;

/// A commit that the database refused for a passing reason is tried so often.
const TRIES: u32 = 6;

pub struct Backfill {
    /// Where the past is.
    pub store: Store,
    /// The version to judge with.
    pub rubric: Arc<Rubric>,
    /// Which part of the past, by whom.
    pub scope: BackfillScope,
    /// The share of the traffic to judge; more than was kept is not possible.
    pub rate: Probability,
    /// Draws sessions.
    pub sampler: Sampler,
    /// Whether what was cut, or may have been, is judged as if it were whole.
    pub judge_cut: bool,
    /// What was judged before and is judged again.
    pub again: Again,
}

/// What is judged again. The new evaluation takes the place of the one that stands, with the same probability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// Nothing: what was judged stays.
    Nothing,
    /// What failed; nothing else is decided on.
    Failed,
    /// What another model said, or was said of another reading or rendering, than this newest one.
    OtherThan { judge_model: Option<String>, revisions: Revisions },
    /// Every verdict and failure.
    Everything,
}

impl Again {
    /// The evaluation of `past` whose place a new one takes. Where retention took the content, what stands stays.
    fn replaced(&self, past: &PastSubject) -> Option<EvaluationId> {
        let ((outcome, _), standing) = (past.decided?, past.standing.as_ref()?);
        let again = match self {
            Self::Nothing => false,
            Self::Failed => outcome == Outcome::Failed,
            Self::OtherThan { judge_model, revisions } => {
                let is_without_verdict = matches!(outcome, Outcome::Failed | Outcome::Refused);
                is_without_verdict || standing.judge_model != *judge_model || standing.revisions != *revisions
            }
            Self::Everything => true,
        };
        let is_judged = matches!(outcome, Outcome::Scored | Outcome::Abstained | Outcome::Refused | Outcome::Failed);
        (again && is_judged && past.content_kept).then_some(standing.id)
    }
}

/// What there is in range, and what a backfill would decide about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Survey {
    /// Subjects in range.
    pub subjects: u64,
    /// Decided by the same rubric version and judge before, by outcome.
    pub decided_before: BTreeMap<&'static str, u64>,
    /// Not judged, by reason.
    pub filtered: BTreeMap<String, u64>,
    /// Not drawn.
    pub sampled_out: u64,
    pub to_judge: u64,
    /// Those of them that were judged before.
    pub again: u64,
    /// Prompts that were rendered, and their length together.
    #[serde(skip)]
    pub rendered: Rendered,
}

/// Rendered prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rendered {
    /// How many.
    pub prompts: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// When the judge may take what is planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// When the first may be taken, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Between one and the next, in milliseconds.
    pub interval_ms: f64,
    /// How long each may wait once it is due.
    pub deadline: Duration,
}

impl Pace {
    fn due_at_ms(&self, index: u64) -> i64 {
        self.start_ms.saturating_add((index as f64 * self.interval_ms) as i64)
    }
}

impl Backfill {
    /// Looks at everything in range and commits nothing. `seen` hears how many subjects were looked at.
    pub async fn survey(&self, seen: &mut dyn FnMut(u64)) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        let mut after = Some(PastCursor::start_of(&self.scope));
        while let Some(cursor) = after {
            let (page, next) = self.page(cursor).await?;
            for past in &page {
                self.count(past, &mut survey);
            }
            seen(survey.subjects);
            after = next;
        }
        Ok(survey)
    }

    /// Commits a decision about everything in range. Returns how many evaluations became pending; `seen` hears how many
    /// subjects were looked at, and how many evaluations are pending so far.
    pub async fn plan(&self, pace: Pace, seen: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        let (mut subjects, mut pending) = (0, 0);
        let mut after = Some(PastCursor::start_of(&self.scope));
        while let Some(cursor) = after {
            let (page, next) = self.page(cursor).await?;
            let mut index = pending;
            let decisions: Vec<PastDecision> = page.iter().map(|past| self.planned(past, pace, &mut index)).collect();
            if !decisions.is_empty() {
                pending += self.commit(&decisions).await?;
                self.store.tell_others().await?;
            }
            subjects += page.len() as u64;
            seen(subjects, pending);
            after = next;
        }
        Ok(pending)
    }

    async fn page(&self, after: PastCursor) -> Result<(Vec<PastSubject>, Option<PastCursor>), StoreError> {
        let (mut page, next) = self.store.past_subjects(&self.scope, after, PAGE).await?;
        if self.again == Again::Failed {
            page.retain(|past| past.decided.is_some_and(|(outcome, _)| outcome == Outcome::Failed));
        }
        if self.scope.kind == SubjectKind::Session {
            // Sessions are drawn by their own id; only those of which every trace was kept are judgeable at all.
            for past in &mut page {
                past.u = self.sampler.u_of_subject(past.subject.id);
                (past.upstream, past.rate) = (Probability::ONE, Some(Probability::ONE));
            }
        }
        Ok((page, next))
    }

    fn count(&self, past: &PastSubject, survey: &mut Survey) {
        survey.subjects += 1;
        if self.again.replaced(past).is_some() {
            survey.to_judge += 1;
            survey.again += 1;
            self.measure(past, survey);
            return;
        }
        if let Some((outcome, _)) = past.decided.filter(|_| !past.is_open()) {
            *survey.decided_before.entry(outcome.as_str()).or_default() += 1;
            return;
        }
        let decision = decision::decide(past, &self.rubric, self.rate, self.judge_cut);
        match decision.outcome {
            Outcome::Pending => {
                survey.to_judge += 1;
                self.measure(past, survey);
            }
            Outcome::Filtered => {
                *survey.filtered.entry(decision.reason.unwrap_or_default()).or_default() += 1;
            }
            _ => survey.sampled_out += 1,
        }
    }

    fn measure(&self, past: &PastSubject, survey: &mut Survey) {
        // The key has the length of the one that judging will use; nobody reads this prompt.
        let key = fence_key(&MacKey::of_text("estimate"), &past.subject.id.to_string());
        if survey.rendered.prompts < RENDERED
            && let Ok(prompt) = self.rubric.render(&past.subject.content, &key)
        {
            survey.rendered.prompts += 1;
            survey.rendered.bytes += (prompt.system.len() + prompt.user.len()) as u64;
        }
    }

    fn planned(&self, past: &PastSubject, pace: Pace, index: &mut u64) -> PastDecision {
        let replaces = self.again.replaced(past);
        let mut decision = decision::decide(past, &self.rubric, self.rate, self.judge_cut);
        if replaces.is_some() {
            (decision.outcome, decision.reason) = (Outcome::Pending, None);
        }
        if let Some((_, before)) = past.decided.filter(|_| self.scope.labelled) {
            // Labelled answers are no draw at the rate: what was recorded when they were drawn stands.
            decision.probability = before;
        }
        let due_at_ms = pace.due_at_ms(*index);
        let is_taken_up = replaces.is_some() || past.is_open();
        *index += u64::from(is_taken_up && decision.outcome == Outcome::Pending);
        let BackfillScope { rubric, version, judge, .. } = &self.scope;
        let id = match (replaces, &past.standing) {
            // Of what it replaces: planned twice, it is one.
            (Some(replaced), _) => {
                EvaluationId::of_replay(past.subject.id, rubric, *version, judge, &replaced.to_string())
            }
            (None, Some(standing)) => standing.id,
            (None, None) => EvaluationId::derive(past.subject.id, past.revision, rubric, *version, judge),
        };
        PastDecision {
            subject: past.subject.id,
            kind: self.scope.kind,
            trace_id: past.subject.trace_id,
            session_id: past.subject.session_id.clone(),
            revision: past.revision,
            evaluation: PlannedEvaluation {
                id,
                rubric: rubric.clone(),
                version: *version,
                judge: judge.clone(),
                outcome: decision.outcome,
                reason: decision.reason,
                inclusion_probability: decision.probability,
                deadline_ms: due_at_ms.saturating_add(pace.deadline.as_millis() as i64),
            },
            due_at_ms,
            replaces,
        }
    }

    async fn commit(&self, decisions: &[PastDecision]) -> Result<u64, StoreError> {
        let mut tries = 1;
        loop {
            match self.store.commit_backfill(decisions).await {
                Err(error) if error.is_transient() && tries < TRIES => {
                    tokio::time::sleep(Duration::from_millis(100 << tries)).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }
}
