//! Judging the past, on both databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::SegmentConfig;
use crate::config::sampling::SamplingConfig;
use crate::model::{
    ContentHash, Label, LabelStream, Outcome, Probability, READING_REVISION, RENDERING_REVISION, Revisions, Score,
    ScoreForm, SubjectId, SubjectKind,
};
use crate::otlp::{Origin, wire};
use crate::pipeline::assembly::{Assembly, TraceSampling};
use crate::pipeline::backfill::{Again, Backfill, Pace, Survey};
use crate::privacy::SharedRedactor;
use crate::rubrics::{Catalogue, Rubric};
use crate::sampling::Sampler;
use crate::store::{
    BackfillScope, Conclusion, DeliveryOutcome, EvaluationAccount, EvaluationFilter, EvaluationResult,
    EvaluationSummary, JudgeCall, KeptSpan, OwedDelivery, PlannedFrom, SettleTimes, Store,
};
use crate::telemetry::Metrics;

use crate::testing::databases::{Database, START_MS};
use crate::testing::on_both_databases;
use crate::testing::records::{attribute, batch, kept_span, planned, span_id, trace_id};

const TIMES: SettleTimes = SettleTimes { settle_ms: 10, max_wait_ms: 100 };
const TRACES: u64 = 20;
const AT_ONCE: Pace = Pace { start_ms: START_MS, interval_ms: 0.0, deadline: Duration::from_hours(24) };

/// One model call in a trace of its own, whose number is `number / TRACES`.
fn call(number: u64) -> KeptSpan {
    let text = |role: &str| format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"turn {number}"}}]}}]"#);
    let attributes = [
        ("gen_ai.operation.name", "chat".to_owned()),
        ("gen_ai.request.model", "m".to_owned()),
        ("gen_ai.input.messages", text("user")),
        ("gen_ai.output.messages", text("assistant")),
    ];
    let end_ms = 1_000 * (number + 1);
    let wire = wire::Span {
        trace_id: trace_id(number).as_bytes().to_vec(),
        span_id: span_id(number).as_bytes().to_vec(),
        name: "chat m".into(),
        start_time_unix_nano: end_ms * 1_000_000 - 500,
        end_time_unix_nano: end_ms * 1_000_000,
        attributes: attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
        ..wire::Span::default()
    };
    KeptSpan {
        u: number as f64 / TRACES as f64,
        body: Origin::default().span_to_bytes(&wire),
        ..kept_span(number, number, true)
    }
}

fn rubric(name: &str) -> Arc<Rubric> {
    let path = format!("rubrics/{name}/v1.md");
    let text = std::fs::read_to_string(&path).unwrap();
    Arc::new(Rubric::parse(name, 1, Path::new(&path), &text).unwrap())
}

fn sampler(rate: f64) -> Sampler {
    let sampling = SamplingConfig { rate: Probability::try_from(rate).unwrap(), ..SamplingConfig::default() };
    Sampler::from_config(&sampling, "judged").unwrap()
}

/// Traces of which the prefilter kept the half with the lower numbers, judged by `answer_relevance` at that rate.
async fn with_a_past(database: &Database) {
    let kept: Vec<KeptSpan> = (0..TRACES / 2).map(call).collect();
    database.store.commit_intake(&[batch(1, kept, TRACES / 2)], TIMES).await.unwrap();
    database.clock.advance(100);
    let assembly = Assembly {
        store: database.store.clone(),
        catalogue: Catalogue::of(vec![rubric("answer_relevance")]),
        sampling: Arc::new(TraceSampling::new(
            database.store.clone(),
            "judged".to_owned(),
            Duration::from_millis(100),
            Arc::new(sampler(0.5)),
        )),
        segments: Arc::new(SegmentConfig::default()),
        session_idle: Duration::from_mins(30),
        deadline: Duration::from_hours(1),
        lease: Duration::from_mins(1),
        judge_cut: false,
        redactor: SharedRedactor::of_defaults(),
        metrics: Metrics::default(),
    };
    assert_eq!(assembly.assemble_due().await.unwrap(), 10);
}

fn backfill(store: &Store, name: &str, rate: f64) -> Backfill {
    let rubric = rubric(name);
    let scope = BackfillScope {
        kind: rubric.subject,
        since_ms: 0,
        until_ms: i64::MAX,
        rubric: rubric.name.clone(),
        version: 1,
        judge: rubric.judge.clone(),
        labelled: false,
        again: false,
    };
    Backfill {
        store: store.clone(),
        rubric,
        scope,
        rate: Probability::try_from(rate).unwrap(),
        sampler: sampler(0.5),
        judge_cut: false,
        again: Again::Nothing,
    }
}

/// The same, which judges again.
fn again(store: &Store, name: &str, again: Again, labelled: bool) -> Backfill {
    let mut backfill = Backfill { again, ..backfill(store, name, 1.0) };
    (backfill.scope.again, backfill.scope.labelled) = (true, labelled);
    backfill
}

async fn survey(backfill: &Backfill) -> Survey {
    backfill.survey(&mut |_| {}).await.unwrap()
}

async fn plan(backfill: &Backfill) -> u64 {
    backfill.plan(AT_ONCE, &mut |_, _| {}).await.unwrap()
}

async fn account(store: &Store, rubric: &str) -> EvaluationAccount {
    let ledger = store.ledger(0).await.unwrap();
    assert!(ledger.balanced, "{ledger:?}");
    ledger.rubrics.into_iter().find(|account| account.rubric == rubric).unwrap()
}

/// The evaluations of a rubric that stand, by the number of their trace.
async fn evaluations(store: &Store, rubric: &str) -> BTreeMap<SubjectId, EvaluationSummary> {
    let filter = EvaluationFilter { rubric: Some(rubric.to_owned()), ..EvaluationFilter::default() };
    let found = store.evaluation_page(&filter, None, 100, Duration::MAX).await.unwrap().evaluations;
    let standing = found.into_iter().filter(|one| one.outcome != Outcome::Superseded);
    standing.map(|one| (one.subject, one)).collect()
}

fn subject(number: u64) -> SubjectId {
    SubjectId::of_generation(trace_id(number), span_id(number))
}

async fn finish(store: &Store, rubric: &str, number: u64) {
    let scored = Conclusion::Scored { score: Score::Pass(true), rationale: String::new() };
    finish_as(store, rubric, number, scored, "one-model").await;
}

async fn finish_as(store: &Store, rubric: &str, number: u64, conclusion: Conclusion, model: &str) {
    let id = evaluations(store, rubric).await[&subject(number)].id;
    store.lease_evaluations("default", 100, 1_000).await.unwrap();
    let scored = EvaluationResult::Final {
        id,
        conclusion,
        call: JudgeCall {
            model: Some(model.to_owned()),
            prompt_hash: Some([1; 32]),
            input_tokens: Some(100),
            output_tokens: Some(10),
            cost_usd: Some(0.25),
            latency_ms: Some(40),
            distribution: None,
        },
    };
    assert_eq!(
        store.finish_evaluations(&[scored], &|_| vec![("otel".to_owned(), ScoreForm::Judged)]).await.unwrap().len(),
        1
    );
}

/// Sends what is owed.
async fn send(store: &Store) -> Vec<OwedDelivery> {
    let of_rubric = |name: &str, _| Some((ContentHash::of(""), rubric(name).scale.clone()));
    let owed = store.lease_deliveries("otel", 100, 1_000, &of_rubric).await.unwrap();
    let sent: Vec<_> = owed.iter().map(|owed| (owed.score.evaluation.id, DeliveryOutcome::Sent)).collect();
    store.finish_deliveries("otel", &sent).await.unwrap();
    owed
}

on_both_databases! {
    the_past_is_judged_once_with_the_probability_of_both_draws(database) {
        with_a_past(&database).await;
        let sparse = backfill(&database.store, "completeness", 0.2);
        let seen = survey(&sparse).await;
        assert_eq!((seen.subjects, seen.to_judge, seen.sampled_out), (10, 4, 6), "numbers 0 to 3 are below 0.2");
        assert_eq!(seen.rendered.prompts, 4);
        assert_eq!(plan(&sparse).await, 4);
        assert_eq!(plan(&sparse).await, 0, "planned twice, it is planned once");
        let planned = evaluations(&database.store, "completeness").await;
        assert_eq!(planned.len(), 10);
        assert!(planned.values().all(|one| (one.inclusion_probability - 0.2).abs() < 1e-12));
        assert_eq!(planned[&subject(3)].outcome, Outcome::Pending);
        assert_eq!(planned[&subject(4)].outcome, Outcome::SampledOut);

        finish(&database.store, "completeness", 3).await;
        // A rate above the prefilter's changes nothing beyond the prefilter's: what it dropped is not there.
        let dense = backfill(&database.store, "completeness", 0.9);
        let seen = survey(&dense).await;
        assert_eq!((seen.to_judge, seen.sampled_out), (6, 0));
        assert_eq!(seen.decided_before, BTreeMap::from([("pending", 3), ("scored", 1)]));
        assert_eq!(plan(&dense).await, 6);
        let planned = evaluations(&database.store, "completeness").await;
        assert!(planned.values().all(|one| (one.inclusion_probability - 0.5).abs() < 1e-12), "the scored one too");
        let account = account(&database.store, "completeness").await;
        assert_eq!((account.subjects, account.pending, account.scored, account.sampled_out), (10, 9, 1, 0));
    }
}

on_both_databases! {
    a_smaller_rate_afterwards_takes_nothing_back(database) {
        with_a_past(&database).await;
        plan(&backfill(&database.store, "completeness", 0.4)).await;
        let before = evaluations(&database.store, "completeness").await;
        assert_eq!(plan(&backfill(&database.store, "completeness", 0.1)).await, 0);
        assert_eq!(evaluations(&database.store, "completeness").await, before);
    }
}

on_both_databases! {
    what_the_running_judged_decided_is_left_alone(database) {
        with_a_past(&database).await;
        let again = survey(&backfill(&database.store, "answer_relevance", 1.0)).await;
        assert_eq!(again.decided_before, BTreeMap::from([("pending", 10)]));
        let mut other_judge = backfill(&database.store, "answer_relevance", 1.0);
        other_judge.scope.judge = "baseline".into();
        assert_eq!(survey(&other_judge).await.to_judge, 10, "another judge is another series");
    }
}

on_both_databases! {
    only_what_lies_between_the_two_moments_is_looked_at(database) {
        with_a_past(&database).await;
        let mut backfill = backfill(&database.store, "completeness", 1.0);
        (backfill.scope.since_ms, backfill.scope.until_ms) = (3_000, 6_000);
        assert_eq!(survey(&backfill).await.subjects, 3, "those that ended at 3, 4 and 5 s");
    }
}

on_both_databases! {
    what_cannot_be_judged_is_counted_and_named(database) {
        with_a_past(&database).await;
        let seen = survey(&backfill(&database.store, "faithfulness", 1.0)).await;
        assert_eq!(seen.filtered, BTreeMap::from([("no_documents".to_owned(), 10)]));

        database.clock.advance(86_400_000);
        database.store.forget_content(database.store.now_ms(), 100).await.unwrap();
        let forgotten = backfill(&database.store, "completeness", 1.0);
        assert_eq!(survey(&forgotten).await.filtered, BTreeMap::from([("content_expired".to_owned(), 10)]));
        assert_eq!(plan(&forgotten).await, 0);
        let account = account(&database.store, "completeness").await;
        assert_eq!(account.filtered, BTreeMap::from([("content_expired".to_owned(), 10)]));
    }
}

on_both_databases! {
    an_evaluation_that_expired_is_taken_up_again(database) {
        with_a_past(&database).await;
        database.clock.advance(3_600_001);
        assert_eq!(database.store.expire_evaluations().await.unwrap(), 10);
        let again = backfill(&database.store, "answer_relevance", 0.1);
        assert_eq!(survey(&again).await.to_judge, 10, "they were drawn at a higher rate than is asked for now");
        let pace = Pace { start_ms: database.store.now_ms(), interval_ms: 60_000.0, ..AT_ONCE };
        assert_eq!(again.plan(pace, &mut |_, _| {}).await.unwrap(), 10);
        let all = evaluations(&database.store, "answer_relevance").await;
        assert!(all.values().all(|one| (one.inclusion_probability - 0.5).abs() < 1e-12));
        assert_eq!(account(&database.store, "answer_relevance").await.pending, 10);
        assert_eq!(database.store.lease_evaluations("default", 100, 1_000).await.unwrap().len(), 1, "one a minute");
        database.clock.advance(120_000);
        assert_eq!(database.store.lease_evaluations("default", 100, 1_000).await.unwrap().len(), 3);
    }
}

on_both_databases! {
    a_subject_that_changed_since_it_was_read_is_left_alone(database) {
        let store = &database.store;
        store.commit_intake(&[batch(1, vec![kept_span(1, 1, true)], 0)], TIMES).await.unwrap();
        store.commit_plan(PlannedFrom::default(), &[planned(1, 0, Outcome::Pending, "short")]).await.unwrap();
        let backfill = backfill(store, "completeness", 1.0);
        let start = crate::store::PastCursor::start_of(&backfill.scope);
        let (read, _) = store.past_subjects(&backfill.scope, start, 10).await.unwrap();
        assert_eq!((read[0].subject.kind, read[0].rate), (SubjectKind::Generation, Probability::try_from(0.15).ok()));

        let decision = crate::store::PastDecision {
            subject: read[0].subject.id,
            kind: SubjectKind::Generation,
            trace_id: read[0].subject.trace_id,
            session_id: None,
            revision: read[0].revision,
            evaluation: planned(1, 0, Outcome::Pending, "short").evaluations.remove(0),
            due_at_ms: 0,
            replaces: None,
        };
        store.commit_plan(PlannedFrom::default(), &[planned(1, 1, Outcome::Pending, "longer")]).await.unwrap();
        let mut late = decision.clone();
        late.evaluation.id = crate::model::EvaluationId::derive(decision.subject, 0, "completeness", 1, "default");
        late.evaluation.rubric = "completeness".into();
        assert_eq!(store.commit_backfill(&[late]).await.unwrap(), 0);
        assert!(evaluations(store, "completeness").await.is_empty());
    }
}

on_both_databases! {
    what_evaluations_took_is_remembered_for_the_next_estimate(database) {
        with_a_past(&database).await;
        finish(&database.store, "answer_relevance", 2).await;
        let history = database.store.judge_history("default", None, Some("answer_relevance")).await.unwrap();
        assert_eq!((history.evaluations, history.priced), (1, 1));
        assert_eq!((history.input_tokens, history.cost_usd), (Some(100.0), Some(0.25)));
        let other = database.store.judge_history("default", Some("another-model"), None).await.unwrap();
        assert_eq!(other.evaluations, 0, "what another model took says nothing");
        let of = async |model| database.store.judge_history("default", Some(model), None).await.unwrap().evaluations;
        let becomes = async |model: &str| {
            database.execute(&format!("UPDATE evaluations SET judge_model = '{model}' WHERE outcome = 'scored'")).await;
        };
        becomes("gpt-4o-2024-08-06").await;
        assert_eq!((of("gpt-4o").await, of("gpt-4").await), (1, 0), "a dated release, and the name of another model");
        becomes("gpt-4o-mini").await;
        assert_eq!((of("gpt-4o").await, of("gpt-4o-mini").await), (0, 1), "a longer name is another model");
        becomes("").await;
        assert_eq!(database.store.judge_history("default", None, None).await.unwrap(), history);
        assert_eq!(database.store.judge_history("default", None, Some("completeness")).await.unwrap().evaluations, 0);
    }
}

on_both_databases! {
    what_failed_is_judged_again_and_nothing_else_is_touched(database) {
        let store = &database.store;
        with_a_past(&database).await;
        finish(store, "answer_relevance", 1).await;
        let failed = Conclusion::Failed { reason: "truncated", error: "cut off".to_owned() };
        finish_as(store, "answer_relevance", 2, failed, "one-model").await;
        let before = evaluations(store, "answer_relevance").await;
        let sent = send(store).await;
        let repaired = again(store, "answer_relevance", Again::Failed, false);
        let seen = survey(&repaired).await;
        assert_eq!((seen.subjects, seen.to_judge, seen.again), (1, 1, 1));
        assert_eq!(plan(&repaired).await, 1);
        assert_eq!(plan(&repaired).await, 0, "what waits is not planned again");
        let after = evaluations(store, "answer_relevance").await;
        let (old, new) = (&before[&subject(2)], &after[&subject(2)]);
        assert_eq!((new.outcome, new.inclusion_probability), (Outcome::Pending, old.inclusion_probability));
        assert_ne!(new.id, old.id);
        assert_eq!(after[&subject(1)], before[&subject(1)]);
        let gone = store.evaluation_detail(old.id).await.unwrap().unwrap().evaluation;
        assert_eq!((gone.outcome, gone.reason.as_deref()), (Outcome::Superseded, Some("judged_again")));
        assert!(sent.iter().all(|owed| owed.score.replaces.is_none()) && sent.len() == 2);
        finish(store, "answer_relevance", 2).await;
        let sent = send(store).await;
        assert_eq!((sent.len(), sent[0].score.evaluation.id, sent[0].score.replaces), (1, new.id, Some(old.id)));
        account(store, "answer_relevance").await;
    }
}

on_both_databases! {
    labelled_answers_are_judged_again_where_another_model_spoke(database) {
        let store = &database.store;
        with_a_past(&database).await;
        let passes = || Conclusion::Scored { score: Score::Pass(true), rationale: String::new() };
        finish_as(store, "answer_relevance", 1, passes(), "old-model").await;
        finish_as(store, "answer_relevance", 2, passes(), "old-model").await;
        finish_as(store, "answer_relevance", 3, passes(), "new-model").await;
        let labels: Vec<Label> = [1, 3].map(|number| Label {
            subject: subject(number),
            rubric: "answer_relevance".into(),
            annotator: "ada".into(),
            labelled_at_ms: store.now_ms(),
            via: None,
            instead_of: None,
            score: Some(Score::Pass(true)),
            rationale: None,
            stream: LabelStream::Uniform,
            probability: Probability::try_from(0.5).ok(),
        }).into();
        store.insert_labels(&labels).await.unwrap();
        let present = Again::OtherThan {
            judge_model: Some("new-model".to_owned()),
            revisions: Revisions { reading: READING_REVISION, rendering: RENDERING_REVISION },
        };
        let relabel = again(store, "answer_relevance", present, true);
        let seen = survey(&relabel).await;
        assert_eq!((seen.subjects, seen.to_judge), (2, 1), "the second has no label, the third the present model");
        assert_eq!(plan(&relabel).await, 1);
        let after = evaluations(store, "answer_relevance").await;
        assert_eq!(after[&subject(1)].outcome, Outcome::Pending);
        assert_eq!(after[&subject(2)].outcome, Outcome::Scored);
        let everything = again(store, "answer_relevance", Again::Everything, false);
        assert_eq!(survey(&everything).await.again, 2, "what waits already is left alone");
        account(store, "answer_relevance").await;
    }
}

on_both_databases! {
    a_trace_of_which_nothing_tells_how_it_was_kept_is_not_judged(database) {
        let store = &database.store;
        store.commit_intake(&[batch(1, vec![kept_span(1, 1, true)], 0)], TIMES).await.unwrap();
        let mut plan = planned(1, 0, Outcome::Pending, "an answer");
        plan.evaluations.clear();
        store.commit_plan(PlannedFrom::default(), &[plan]).await.unwrap();
        let backfill = backfill(store, "harmfulness", 1.0);
        assert_eq!(survey(&backfill).await.filtered, BTreeMap::from([("rate_unknown".to_owned(), 1)]));
        assert_eq!(plan_nothing(&backfill).await, 1, "counted in the ledger");
    }
}

on_both_databases! {
    /// Scenario: a part of the past was judged at a low rate, and everything is judged again at a higher one. Guarantee: all
    /// of it carries the probability of the union of both draws, or the first part would weigh too much; of labelled
    /// answers alone, which are no draw, nothing is raised.
    what_is_judged_again_has_the_probability_of_both_draws(database) {
        with_a_past(&database).await;
        let store = &database.store;
        database.execute("DELETE FROM evaluations").await;
        let low = backfill(store, "answer_relevance", 0.2);
        plan(&low).await;
        database
            .execute("UPDATE evaluations SET outcome = 'scored', label = 'pass', score = 1, value = 1 WHERE outcome = 'pending'")
            .await;
        let low_ones: Vec<SubjectId> = evaluations(store, "answer_relevance").await.into_iter()
            .filter(|(_, one)| one.outcome == Outcome::Scored).map(|(subject, _)| subject).collect();
        assert!(!low_ones.is_empty());

        plan(&again(store, "answer_relevance", Again::Everything, true)).await;
        let unlabelled = evaluations(store, "answer_relevance").await;
        assert!(low_ones.iter().all(|subject| unlabelled[subject].inclusion_probability == 0.2));

        plan(&again(store, "answer_relevance", Again::Everything, false)).await;
        let after = evaluations(store, "answer_relevance").await;
        let pending = after.values().filter(|one| one.outcome == Outcome::Pending);
        assert!(pending.clone().count() > low_ones.len());
        assert!(pending.into_iter().all(|one| one.inclusion_probability == 0.5));
    }
}

/// Plans, expects that nobody is asked for a verdict, and returns how many subjects the ledger counts.
async fn plan_nothing(backfill: &Backfill) -> i64 {
    assert_eq!(plan(backfill).await, 0);
    account(&backfill.store, &backfill.scope.rubric).await.subjects
}
