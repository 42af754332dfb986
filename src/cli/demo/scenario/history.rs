//! Twelve weeks of evaluations, labels and rounds of anchors, stored as a worker would store them.

use std::collections::BTreeMap;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::answers::answers;
use super::choice::Scenario;
use super::simulated::{DAY_MS, RUBRIC, Simulated, rubric};
use crate::clock::Clock;
use crate::config::Config;
use crate::model::{EvaluationId, Probability, Subject, SubjectId, TraceId};
use crate::store::{AnchorReplay, PlannedFrom, Store};

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

/// Fills the store; returns when things changed, milliseconds since the Unix epoch.
pub(super) async fn fill(
    store: &Store,
    clock: &Clock,
    scenario: Scenario,
    seed: u64,
    config: &Config,
) -> anyhow::Result<i64> {
    let rubric = rubric(store, config).await?;
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut weeks = Weeks {
        simulated: Simulated { store, rubric: &rubric },
        clock,
        scenario,
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
    simulated: Simulated<'a>,
    clock: &'a Clock,
    scenario: Scenario,
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
            self.simulated.store.commit_plan(PlannedFrom::default(), &[self.simulated.planned(subject)]).await?;
            self.simulated.judge(&BTreeMap::from([(self.simulated.evaluation(id), said.judge)])).await?;
            labels.push(self.simulated.label(id, said.human, self.clock.now_ms())?);
            if self.anchors.len() < ANCHORS {
                self.anchors.push(id);
                self.simulated.store.add_anchors(RUBRIC, &[id]).await?;
            }
        }
        self.simulated.store.insert_labels(&labels).await?;
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
                version: self.simulated.rubric.version,
                judge: self.simulated.rubric.judge.clone(),
                round: round.clone(),
                probability: Probability::ONE,
            })
            .collect();
        self.clock.advance(MINUTE_MS);
        self.simulated.store.plan_replays(&replays, i64::MAX).await?;
        let mut verdicts = BTreeMap::new();
        let mut labels = Vec::new();
        for subject in anchors {
            let Some(first) = self.said.get(&subject).copied() else { continue };
            let judge = first.judge ^ self.chance(if changed { self.judge_noise() } else { NOISE });
            let human = first.human ^ self.chance(if changed { self.human_noise() } else { NOISE });
            let id = EvaluationId::of_replay(
                subject,
                RUBRIC,
                self.simulated.rubric.version,
                &self.simulated.rubric.judge,
                &round,
            );
            verdicts.insert(id, judge);
            labels.push(self.simulated.label(subject, human, self.clock.now_ms())?);
        }
        self.simulated.judge(&verdicts).await?;
        self.simulated.store.insert_labels(&labels).await?;
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
}
