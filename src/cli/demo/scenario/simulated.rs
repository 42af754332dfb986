//! Answers, verdicts and labels that are made up, stored as a worker would store them.

use std::collections::BTreeMap;

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::lifecycle::rubric_loader;
use crate::model::{EvaluationId, Label, LabelStream, Outcome, Probability, Scale, Score, Subject, SubjectId};
use crate::rubrics::Rubric;
use crate::store::{Conclusion, EvaluationResult, JudgeCall, PlannedEvaluation, PlannedSubject, Store};

/// The rubric that is judged.
pub(super) const RUBRIC: &str = "answer_relevance";
pub(super) const DAY_MS: i64 = 86_400_000;
const JUDGE: &str = "simulated";
const JUDGE_MODEL: &str = "simulated-judge-1";
const ANNOTATOR: &str = "simulated-annotator";

/// The rubric, judged by the simulation instead of by what is configured, which may be the offline baseline.
pub(super) async fn rubric(store: &Store, config: &Config) -> anyhow::Result<Rubric> {
    let active = rubric_loader::start(store, &config.rubrics, &config.judges).await?.active;
    let mut rubric = Rubric::clone(active.first().with_context(|| format!("there is no rubric {RUBRIC}"))?);
    JUDGE.clone_into(&mut rubric.judge);
    Ok(rubric)
}

/// Where it is stored.
pub(super) struct Simulated<'a> {
    pub(super) store: &'a Store,
    pub(super) rubric: &'a Rubric,
}

impl Simulated<'_> {
    pub(super) fn evaluation(&self, subject: SubjectId) -> EvaluationId {
        EvaluationId::derive(subject, 0, RUBRIC, self.rubric.version, &self.rubric.judge)
    }

    pub(super) fn planned(&self, subject: Subject) -> PlannedSubject {
        let evaluation = PlannedEvaluation {
            id: self.evaluation(subject.id),
            rubric: RUBRIC.to_owned(),
            version: self.rubric.version,
            judge: self.rubric.judge.clone(),
            outcome: Outcome::Pending,
            reason: None,
            inclusion_probability: Probability::ONE,
            deadline_ms: i64::MAX,
        };
        // The simulation reuses the text of a few answers; each stands for an answer of its own.
        let digest = Sha256::digest(subject.id.to_string().as_bytes()).into();
        PlannedSubject { subject, revision: 0, digest, evaluations: vec![evaluation] }
    }

    /// Takes what is pending, as a worker does, and stores the made-up verdicts on it.
    pub(super) async fn judge(&self, verdicts: &BTreeMap<EvaluationId, bool>) -> anyhow::Result<()> {
        let leased = self.store.lease_evaluations(&self.rubric.judge, verdicts.len().max(1), DAY_MS).await?;
        let mut results = Vec::with_capacity(leased.len());
        for evaluation in &leased {
            let pass = *verdicts.get(&evaluation.id).context("an evaluation that nobody planned")?;
            results.push(EvaluationResult::Final {
                id: evaluation.id,
                conclusion: Conclusion::Scored {
                    score: score(&self.rubric.scale, pass)?,
                    rationale: "made up by the simulation".to_owned(),
                },
                call: JudgeCall { model: Some(JUDGE_MODEL.to_owned()), ..JudgeCall::default() },
            });
        }
        self.store.finish_evaluations(&results, &|_| Vec::new()).await?;
        Ok(())
    }

    /// A person's label of a drawn answer.
    pub(super) fn label(&self, subject: SubjectId, pass: bool, labelled_at_ms: i64) -> anyhow::Result<Label> {
        Ok(Label {
            subject,
            rubric: RUBRIC.to_owned(),
            annotator: ANNOTATOR.to_owned(),
            score: Some(score(&self.rubric.scale, pass)?),
            rationale: None,
            stream: LabelStream::Uniform,
            probability: Some(Probability::ONE),
            labelled_at_ms,
            via: None,
            instead_of: None,
        })
    }
}

/// The best level for a pass, the worst for a fail.
fn score(scale: &Scale, pass: bool) -> anyhow::Result<Score> {
    let levels: &[(i64, String)] = if let Scale::Ordinal { levels, .. } = scale { levels } else { &[] };
    let extreme = if pass { levels.last() } else { levels.first() };
    let placed = match extreme {
        Some((level, _)) => Score::of_number(scale, *level as f64),
        None => Score::of_pass(scale, pass),
    };
    placed.context("the rubric's scale does not divide pass from fail")
}
