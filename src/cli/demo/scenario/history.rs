//! Twelve weeks of evaluations, labels and rounds of anchors, stored as a worker would store them.

use std::collections::BTreeMap;

use anyhow::Context;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

use super::answers::answers;
use super::choice::Scenario;
use crate::clock::Clock;
use crate::config::Config;
use crate::lifecycle::rubric_loader;
use crate::model::{EvaluationId, Label, LabelStream, Outcome, Probability, Scale, Score, Subject, SubjectId, TraceId};
use crate::rubrics::Rubric;
use crate::store::{
    AnchorReplay, Conclusion, EvaluationResult, JudgeCall, PlannedEvaluation, PlannedFrom, PlannedSubject, Store,
};

/// The rubric that is judged.
pub(super) const RUBRIC: &str = "answer_relevance";
/// Monday, 2026-01-05: the same weeks at every run.
pub(super) const START_MS: i64 = 1_767_571_200_000;

const WEEKS: u32 = 12;
/// Full weeks before things change: 300 labels, of which 200 are the baseline.
const HEALTHY_WEEKS: u32 = 6;
/// Full weeks after which a judge that is repaired at all is what it was.
const REPAIRED_AFTER_WEEKS: u32 = 8;
const LABELS_A_DAY: u32 = 10;
/// Labels are given on working days.
const DAYS: u32 = 5;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// The first so many answers become anchors.
const ANCHORS: usize = 40;
/// How often people or a judge contradict themselves on a known answer.
const NOISE: f64 = 0.02;
/// The same when they have moved.
const MOVED: f64 = 0.35;
const GOOD: f64 = 0.75;
const AGREEMENT: f64 = 0.9;
const FALLEN: f64 = 0.6;
/// Agreement on easy and on hard questions, and how common the hard ones are before and after they become so.
const EASY: f64 = 0.95;
const HARD: f64 = 0.65;
const HARD_SHARE: (f64, f64) = (0.2, 0.8);
const JUDGE: &str = "simulated";
const JUDGE_MODEL: &str = "simulated-judge-1";
const ANNOTATOR: &str = "simulated-annotator";

/// Fills the store; returns when things changed, milliseconds since the Unix epoch.
pub(super) async fn fill(
    store: &Store,
    clock: &Clock,
    scenario: Scenario,
    seed: u64,
    config: &Config,
) -> anyhow::Result<i64> {
    let active = rubric_loader::start(store, &config.rubrics).await?.active;
    let rubric = active.first().with_context(|| format!("there is no rubric {RUBRIC}"))?;
    // Not the configured one, which without a configuration is the offline baseline.
    let mut rubric = Rubric::clone(rubric);
    JUDGE.clone_into(&mut rubric.judge);
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut weeks = Weeks {
        store,
        clock,
        scenario,
        rubric: &rubric,
        answers: answers()?,
        rng,
        said: BTreeMap::new(),
        anchors: Vec::new(),
        given: 0,
    };
    for week in 0..WEEKS {
        for day in 0..DAYS {
            weeks.day(weeks.has_changed(week)).await?;
            if day == 0 && week > 0 {
                weeks.round(week).await?;
            }
            clock.advance(DAY_MS - (clock.now_ms() - START_MS).rem_euclid(DAY_MS));
        }
        clock.advance(2 * DAY_MS);
    }
    Ok(START_MS + i64::from(HEALTHY_WEEKS) * 7 * DAY_MS)
}

/// What somebody said at first: people, and the judge.
#[derive(Debug, Clone, Copy)]
struct Said {
    human: bool,
    judge: bool,
}

struct Weeks<'a> {
    store: &'a Store,
    clock: &'a Clock,
    scenario: Scenario,
    rubric: &'a Rubric,
    answers: Vec<Subject>,
    rng: Xoshiro256PlusPlus,
    said: BTreeMap<SubjectId, Said>,
    anchors: Vec<SubjectId>,
    given: usize,
}

impl Weeks<'_> {
    /// A day's answers: planned, judged, labelled.
    async fn day(&mut self, changed: bool) -> anyhow::Result<()> {
        let mut labels = Vec::new();
        for _ in 0..LABELS_A_DAY {
            self.clock.advance(MINUTE_MS);
            let (subject, said) = self.answer(changed)?;
            let id = subject.id;
            self.said.insert(id, said);
            self.store.commit_plan(PlannedFrom::default(), &[self.planned(subject)]).await?;
            self.judge(&BTreeMap::from([(self.evaluation(id), said.judge)])).await?;
            labels.push(self.label(id, said.human)?);
            if self.anchors.len() < ANCHORS {
                self.anchors.push(id);
                self.store.add_anchors(RUBRIC, &[id]).await?;
            }
        }
        self.store.insert_labels(&labels).await?;
        Ok(())
    }

    /// The anchors once more: by the judge and by people.
    async fn round(&mut self, week: u32) -> anyhow::Result<()> {
        let changed = self.has_changed(week);
        let round = format!("week {week}");
        let anchors = self.anchors.clone();
        let replays: Vec<AnchorReplay> = anchors
            .iter()
            .map(|subject| AnchorReplay {
                subject: *subject,
                rubric: RUBRIC.to_owned(),
                version: self.rubric.version,
                judge: self.rubric.judge.clone(),
                round: round.clone(),
            })
            .collect();
        self.clock.advance(MINUTE_MS);
        self.store.plan_replays(&replays, i64::MAX).await?;
        let mut verdicts = BTreeMap::new();
        let mut labels = Vec::new();
        for subject in anchors {
            let Some(first) = self.said.get(&subject).copied() else { continue };
            let judge = first.judge ^ self.chance(if changed { self.judge_noise() } else { NOISE });
            let human = first.human ^ self.chance(if changed { self.human_noise() } else { NOISE });
            let id = EvaluationId::of_replay(subject, RUBRIC, self.rubric.version, &self.rubric.judge, &round);
            verdicts.insert(id, judge);
            labels.push(self.label(subject, human)?);
        }
        self.judge(&verdicts).await?;
        self.store.insert_labels(&labels).await?;
        Ok(())
    }

    fn has_changed(&self, week: u32) -> bool {
        let repaired = self.scenario == Scenario::JudgeRepaired && week >= REPAIRED_AFTER_WEEKS;
        week >= HEALTHY_WEEKS && !repaired
    }

    fn judge_noise(&self) -> f64 {
        if matches!(self.scenario, Scenario::JudgeDrift | Scenario::JudgeRepaired) { MOVED } else { NOISE }
    }

    fn human_noise(&self) -> f64 {
        if self.scenario == Scenario::RaterDrift { MOVED } else { NOISE }
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random::<f64>() < probability
    }

    /// The next answer of the recordings as one of another day, and what is made up about it.
    fn answer(&mut self, changed: bool) -> anyhow::Result<(Subject, Said)> {
        let hard_share = match self.scenario {
            Scenario::InputShift if changed => HARD_SHARE.1,
            _ => HARD_SHARE.0,
        };
        let hard = self.chance(hard_share);
        let agreement = match self.scenario {
            Scenario::InputShift if hard => HARD,
            Scenario::InputShift => EASY,
            Scenario::JudgeDrift | Scenario::JudgeRepaired | Scenario::RaterDrift if changed => FALLEN,
            _ => AGREEMENT,
        };
        let human = self.chance(GOOD);
        let judge = human ^ !self.chance(agreement);
        let mut subject = self.answers[self.given % self.answers.len()].clone();
        self.given += 1;
        subject.trace_id = TraceId::try_from(self.rng.random::<u128>().to_be_bytes().as_slice())?;
        subject.id = SubjectId::of_generation(subject.trace_id, subject.span_id);
        subject.session_id = None;
        subject.end = self.clock.now_ms() as u64 * 1_000_000;
        subject.segments.insert("intent".to_owned(), if hard { "contract" } else { "order" }.to_owned());
        Ok((subject, Said { human, judge }))
    }

    fn evaluation(&self, subject: SubjectId) -> EvaluationId {
        EvaluationId::derive(subject, 0, RUBRIC, self.rubric.version, &self.rubric.judge)
    }

    fn planned(&self, subject: Subject) -> PlannedSubject {
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
    async fn judge(&self, verdicts: &BTreeMap<EvaluationId, bool>) -> anyhow::Result<()> {
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

    fn label(&self, subject: SubjectId, pass: bool) -> anyhow::Result<Label> {
        Ok(Label {
            subject,
            rubric: RUBRIC.to_owned(),
            annotator: ANNOTATOR.to_owned(),
            score: Some(score(&self.rubric.scale, pass)?),
            rationale: None,
            stream: LabelStream::Uniform,
            probability: Some(Probability::ONE),
            labelled_at_ms: self.clock.now_ms(),
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
