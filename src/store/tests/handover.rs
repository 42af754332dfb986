//! The contract of the store, held against SQLite and PostgreSQL alike.

use crate::model::{
    ContentHash, Emitter, EvaluationId, Outcome, Probability, Problem, ProblemCode, Scale, Score, ScoreForm,
    SubjectProblem,
};
use crate::store::{
    AnchorReplay, Conclusion, DeliveryOutcome, EvaluationResult, IntakeAccount, IntakeBatch, JudgeCall, OwnParts,
    PlannedFrom, SettleTimes, Store, StreamClaim,
};

use crate::testing::on_both_databases;
use crate::testing::records::{batch, kept_span, planned, trace_id};

pub(super) const TIMES: SettleTimes = SettleTimes { settle_ms: 10_000, max_wait_ms: 120_000 };
pub(super) const LEASE_MS: i64 = 60_000;
const EVER: i64 = 0;

pub(super) fn sink(outcome: Outcome) -> Vec<(String, ScoreForm)> {
    if outcome == Outcome::Scored { vec![("otel".to_owned(), ScoreForm::Span)] } else { Vec::new() }
}

pub(super) fn scored(id: EvaluationId) -> EvaluationResult {
    EvaluationResult::Final {
        id,
        conclusion: Conclusion::Scored {
            score: Score::Number { number: 1.0, passes: Some(true), value: 1.0 },
            rationale: "fine".into(),
        },
        call: JudgeCall {
            model: Some("m-1".into()),
            input_tokens: Some(10),
            cost_usd: Some(0.001),
            latency_ms: Some(5),
            ..JudgeCall::default()
        },
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a lookup that always finds")]
pub(super) fn faithfulness(_: &str, _: u32) -> Option<(ContentHash, Scale)> {
    Some((ContentHash::of("abc"), Scale::Binary { pass: "yes".into(), fail: "no".into() }))
}

async fn with_one_pending(store: &Store) -> EvaluationId {
    let plan = planned(1, 0, Outcome::Pending, "an answer");
    store.commit_plan(PlannedFrom::default(), std::slice::from_ref(&plan)).await.unwrap();
    plan.evaluations[0].id
}

on_both_databases! {
    a_batch_that_comes_again_is_a_duplicate_as_a_whole(database) {
        let request = || batch(1, vec![kept_span(1, 1, true), kept_span(1, 2, false)], 3);
        let first = database.store.commit_intake(&[request()], TIMES).await.unwrap();
        assert_eq!((first[0].kept, first[0].duplicate), (2, 0));
        let again = database.store.commit_intake(&[request()], TIMES).await.unwrap();
        assert_eq!((again[0].kept, again[0].duplicate), (0, 5));
        let ledger = database.store.ledger(EVER).await.unwrap();
        assert_eq!(
            ledger.intake,
            IntakeAccount { received: 10, kept: 2, sampled_out: 3, duplicate: 5, ..IntakeAccount::default() }
        );
        assert!(ledger.balanced);
    }
}

on_both_databases! {
    the_parts_of_own_outlive_a_restart_and_are_no_accounts_of_their_own(database) {
        let own_parts = OwnParts { unmarked: 2, other_evaluators: 1 };
        let request = |digest| IntakeBatch { received: 9, own: 4, own_parts, ..batch(digest, vec![], 5) };
        database.store.commit_intake(&[request(1), request(1), request(2)], TIMES).await.unwrap();
        let restarted = database.another_worker().await;
        let ledger = restarted.ledger(EVER).await.unwrap();
        assert!(ledger.balanced, "{ledger:?}");
        let IntakeAccount { own, own_unmarked, other_evaluators, .. } = ledger.intake;
        assert_eq!((own, own_unmarked, other_evaluators), (8, 4, 2), "what came twice counts once");
    }
}

on_both_databases! {
    a_span_that_comes_again_in_another_batch_is_stored_once(database) {
        database.store.commit_intake(&[batch(1, vec![kept_span(1, 1, true)], 0)], TIMES).await.unwrap();
        let second = batch(2, vec![kept_span(1, 1, true), kept_span(1, 2, false), kept_span(1, 2, false)], 0);
        let committed = database.store.commit_intake(&[second], TIMES).await.unwrap();
        assert_eq!((committed[0].kept, committed[0].duplicate), (1, 2));
        let records = database.store.trace_records(&[trace_id(1)]).await.unwrap();
        assert_eq!(records[0].spans.len(), 2);
    }
}

on_both_databases! {
    a_trace_settles_after_its_root_or_at_the_latest_after_max_wait(database) {
        database.store.commit_intake(&[batch(1, vec![kept_span(1, 1, true), kept_span(2, 1, false)], 0)], TIMES).await.unwrap();
        database.clock.advance(9_999);
        assert!(database.store.lease_due_traces(10, LEASE_MS).await.unwrap().is_empty());
        database.store.commit_intake(&[batch(2, vec![kept_span(1, 2, false)], 0)], TIMES).await.unwrap();
        database.clock.advance(9_999);
        assert!(database.store.lease_due_traces(10, LEASE_MS).await.unwrap().is_empty(), "the late child restarted the settle time");
        database.clock.advance(1);
        let due = database.store.lease_due_traces(10, LEASE_MS).await.unwrap();
        assert_eq!(due.iter().map(|trace| (trace.trace_id, trace.root_seen)).collect::<Vec<_>>(), [(trace_id(1), true)]);
        database.clock.advance(120_000);
        let due = database.store.lease_due_traces(10, LEASE_MS).await.unwrap();
        assert!(due.iter().any(|trace| trace.trace_id == trace_id(2) && !trace.root_seen));
    }
}

on_both_databases! {
    a_trace_that_grew_while_it_was_assembled_stays_due(database) {
        database.store.commit_intake(&[batch(1, vec![kept_span(1, 1, true)], 0)], TIMES).await.unwrap();
        database.clock.advance(10_000);
        let due = database.store.lease_due_traces(10, LEASE_MS).await.unwrap();
        database.store.commit_intake(&[batch(2, vec![kept_span(1, 2, false)], 0)], TIMES).await.unwrap();
        database.store.commit_plan(PlannedFrom { traces: &due, ..PlannedFrom::default() }, &[]).await.unwrap();
        database.clock.advance(10_000);
        let again = database.store.lease_due_traces(10, LEASE_MS).await.unwrap();
        assert_eq!(again.len(), 1);
        assert!(again[0].assembled_at_ms.is_some());
        database.store.commit_plan(PlannedFrom { traces: &again, ..PlannedFrom::default() }, &[]).await.unwrap();
        database.clock.advance(1_000_000);
        assert!(database.store.lease_due_traces(10, LEASE_MS).await.unwrap().is_empty());
    }
}

on_both_databases! {
    a_plan_made_from_less_by_a_worker_that_lost_its_lease_is_dropped(database) {
        let other = database.another_worker().await;
        database.store.commit_intake(&[batch(1, vec![kept_span(1, 1, true)], 0)], TIMES).await.unwrap();
        database.clock.advance(10_000);
        let stalled = database.store.lease_due_traces(10, LEASE_MS).await.unwrap();
        database.store.commit_intake(&[batch(2, vec![kept_span(1, 2, false)], 0)], TIMES).await.unwrap();
        database.clock.advance(LEASE_MS.max(10_000));
        let taken_over = other.lease_due_traces(10, LEASE_MS).await.unwrap();
        assert_eq!(taken_over.len(), 1);
        let (less, all) = (planned(1, 0, Outcome::Pending, "half"), planned(1, 0, Outcome::Pending, "the whole"));
        database.store.commit_plan(PlannedFrom { traces: &stalled, ..PlannedFrom::default() }, &[less]).await.unwrap();
        other.commit_plan(PlannedFrom { traces: &taken_over, ..PlannedFrom::default() }, &[all]).await.unwrap();
        let leased = other.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        assert_eq!(leased[0].content.as_ref().unwrap().output.as_deref(), Some("the whole"));
        assert!(database.store.ledger(EVER).await.unwrap().balanced);
    }
}

on_both_databases! {
    every_kept_trace_waits_or_is_assembled_even_when_late_spans_come(database) {
        let store = &database.store;
        let traces = async || {
            let ledger = store.ledger(EVER).await.unwrap();
            assert!(ledger.balanced, "{ledger:?}");
            (ledger.traces.kept, ledger.traces.waiting, ledger.traces.assembled, ledger.traces.damaged)
        };
        assert_eq!(traces().await, (0, 0, 0, 0));
        for number in [1, 2] {
            store.commit_intake(&[batch(number, vec![kept_span(number.into(), 1, true)], 0)], TIMES).await.unwrap();
        }
        assert_eq!(traces().await, (2, 2, 0, 0));
        database.clock.advance(TIMES.settle_ms);
        let due = store.lease_due_traces(1, LEASE_MS).await.unwrap();
        store.commit_plan(PlannedFrom { traces: &due, ..PlannedFrom::default() }, &[]).await.unwrap();
        assert_eq!(traces().await, (2, 1, 1, 0));
        store.commit_intake(&[batch(3, vec![kept_span(1, 2, false)], 0)], TIMES).await.unwrap();
        assert_eq!(traces().await, (2, 1, 1, 0), "a late span makes it due again, and it stays assembled");
        database.clock.advance(3_600_000);
        let later = store.ledger(database.clock.now_ms()).await.unwrap();
        assert_eq!((later.traces.kept, later.balanced), (0, true), "counted by when it was first seen");
    }
}

on_both_databases! {
    planning_the_same_trace_twice_counts_once(database) {
        let plans = [planned(1, 0, Outcome::Pending, "a"), planned(2, 0, Outcome::Filtered, "b"), planned(3, 0, Outcome::SampledOut, "c")];
        database.store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
        database.store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
        let ledger = database.store.ledger(EVER).await.unwrap();
        assert!(ledger.balanced);
        let account = &ledger.rubrics[0];
        assert_eq!((account.subjects, account.pending, account.sampled_out), (3, 1, 1));
        assert_eq!(account.filtered, [("not_captured".to_owned(), 1)].into());
    }
}

on_both_databases! {
    an_evaluation_is_leased_to_one_worker_and_taken_over_when_the_lease_ends(database) {
        let id = with_one_pending(&database.store).await;
        let other = database.another_worker().await;
        assert_eq!(database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap().len(), 1);
        assert!(other.lease_evaluations("default", 10, LEASE_MS).await.unwrap().is_empty());
        database.clock.advance(LEASE_MS);
        assert_eq!(other.lease_evaluations("default", 10, LEASE_MS).await.unwrap()[0].id, id);
        let mine = database.store.finish_evaluations(&[scored(id)], &sink).await.unwrap();
        assert!(mine.is_empty(), "a worker that lost its lease must not store a score");
        let theirs = other.finish_evaluations(&[scored(id)], &sink).await.unwrap();
        assert!(theirs.contains(&id));
        assert!(other.finish_evaluations(&[scored(id)], &sink).await.unwrap().is_empty(), "a score is stored once");
        assert_eq!(database.store.ledger(EVER).await.unwrap().deliveries["otel"].owed, 1);
    }
}

on_both_databases! {
    a_renewed_lease_lasts_longer_and_a_released_one_ends_at_once(database) {
        let id = with_one_pending(&database.store).await;
        let other = database.another_worker().await;
        database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        database.clock.advance(LEASE_MS - 1);
        database.store.extend_leases(&[id], LEASE_MS).await.unwrap();
        other.release_evaluations(&[id]).await.unwrap();
        database.clock.advance(LEASE_MS - 1);
        assert!(other.lease_evaluations("default", 10, LEASE_MS).await.unwrap().is_empty(), "only its holder releases a lease");
        database.store.release_evaluations(&[id]).await.unwrap();
        assert_eq!(other.lease_evaluations("default", 10, LEASE_MS).await.unwrap()[0].id, id);
    }
}

on_both_databases! {
    a_renewal_that_comes_after_the_result_leases_nothing(database) {
        let id = with_one_pending(&database.store).await;
        database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        let now = EvaluationResult::Postponed { id, due_at_ms: database.store.now_ms(), reason: "paused", counts: false };
        database.store.finish_evaluations(&[now], &sink).await.unwrap();
        database.store.extend_leases(&[id], LEASE_MS).await.unwrap();
        let other = database.another_worker().await;
        assert_eq!(other.lease_evaluations("default", 10, LEASE_MS).await.unwrap()[0].id, id);
    }
}

on_both_databases! {
    a_claim_takes_no_more_than_its_limit_and_the_longest_due_first(database) {
        let store = &database.store;
        for number in [2, 1, 3] {
            store.commit_intake(&[batch(number, vec![kept_span(number.into(), 1, true)], 0)], TIMES).await.unwrap();
            database.clock.advance(1);
        }
        database.clock.advance(TIMES.settle_ms);
        let mut first = store.lease_due_traces(2, LEASE_MS).await.unwrap();
        first.sort_by_key(|due| due.trace_id);
        assert_eq!(first.iter().map(|due| due.trace_id).collect::<Vec<_>>(), [trace_id(1), trace_id(2)]);
        assert_eq!(store.lease_due_traces(2, LEASE_MS).await.unwrap()[0].trace_id, trace_id(3));
    }
}

on_both_databases! {
    a_score_waits_for_a_worker_that_knows_its_rubric(database) {
        let id = with_one_pending(&database.store).await;
        database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        database.store.finish_evaluations(&[scored(id)], &sink).await.unwrap();
        let older = |_: &str, _: u32| None;
        assert!(database.store.lease_deliveries("otel", 10, LEASE_MS, &older).await.unwrap().is_empty());
        database.clock.advance(LEASE_MS);
        let newer = database.another_worker().await;
        let owed = newer.lease_deliveries("otel", 10, LEASE_MS, &faithfulness).await.unwrap();
        assert_eq!(owed[0].score.evaluation.id, id);
    }
}

on_both_databases! {
    a_refusal_is_an_outcome_of_its_own_and_owed_to_sinks(database) {
        let store = &database.store;
        let id = with_one_pending(store).await;
        store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        let conclusion = Conclusion::Refused { reason: "refused", error: "I would rather not".into() };
        let refused = EvaluationResult::Final { id, conclusion, call: JudgeCall::default() };
        let owed = |outcome| if outcome == Outcome::Refused { sink(Outcome::Scored) } else { Vec::new() };
        assert!(store.finish_evaluations(&[refused], &owed).await.unwrap().contains(&id));
        let account = store.ledger(EVER).await.unwrap();
        let counted = account.rubrics.iter().fold((0, 0), |sum, one| (sum.0 + one.refused, sum.1 + one.failed));
        assert_eq!(counted, (1, 0));
        let detail = store.evaluation_detail(id).await.unwrap().unwrap().evaluation;
        assert_eq!((detail.outcome, detail.reason.as_deref()), (Outcome::Refused, Some("refused")));
        assert_eq!(store.lease_deliveries("otel", 10, LEASE_MS, &faithfulness).await.unwrap().len(), 1);
    }
}

on_both_databases! {
    a_judge_that_writes_what_no_database_takes_as_text_is_stored(database) {
        let id = with_one_pending(&database.store).await;
        database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        let hostile = EvaluationResult::Final {
            id,
            conclusion: Conclusion::Scored { score: Score::Pass(true), rationale: "a\0b".into() },
            call: JudgeCall { model: Some("m\0".into()), ..JudgeCall::default() },
        };
        assert!(database.store.finish_evaluations(&[hostile], &sink).await.unwrap().contains(&id));
    }
}

on_both_databases! {
    what_every_worker_spent_is_told_since_a_moment(database) {
        let other = database.another_worker().await;
        let id = with_one_pending(&database.store).await;
        other.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        other.finish_evaluations(&[scored(id)], &sink).await.unwrap();
        let now_ms = database.store.now_ms();
        assert_eq!(database.store.spent_since(now_ms).await.unwrap(), [("default".to_owned(), 0.001)].into());
        assert!(database.store.spent_since(now_ms + 1).await.unwrap().is_empty());
    }
}

on_both_databases! {
    late_spans_supersede_an_evaluation_and_its_unsent_delivery(database) {
        let id = with_one_pending(&database.store).await;
        database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        database.store.finish_evaluations(&[scored(id)], &sink).await.unwrap();
        database.store.commit_plan(PlannedFrom::default(), &[planned(1, 1, Outcome::Pending, "a longer answer")]).await.unwrap();
        let ledger = database.store.ledger(EVER).await.unwrap();
        assert!(ledger.balanced);
        assert_eq!((ledger.rubrics[0].superseded, ledger.rubrics[0].pending), (1, 1));
        assert!(database.store.lease_deliveries("otel", 10, LEASE_MS, &faithfulness).await.unwrap().is_empty());
        let leased = database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        assert_eq!(leased[0].content.as_ref().unwrap().output.as_deref(), Some("a longer answer"));
    }
}

on_both_databases! {
    a_postponed_evaluation_comes_back_when_it_is_due_and_an_overdue_one_expires(database) {
        let mut plan = planned(1, 0, Outcome::Pending, "a");
        plan.evaluations[0].deadline_ms = database.store.now_ms() + 100_000;
        let id = plan.evaluations[0].id;
        database.store.commit_plan(PlannedFrom::default(), &[plan]).await.unwrap();
        database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        let later = EvaluationResult::Postponed { id, due_at_ms: database.store.now_ms() + 5_000, reason: "rate_limited", counts: true };
        database.store.finish_evaluations(&[later], &sink).await.unwrap();
        assert!(database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap().is_empty());
        database.clock.advance(5_000);
        assert_eq!(database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap()[0].attempts, 1);
        database.clock.advance(100_000);
        assert_eq!(database.store.expire_evaluations().await.unwrap(), 1);
        assert_eq!(database.store.ledger(EVER).await.unwrap().rubrics[0].expired, 1);
    }
}

on_both_databases! {
    a_delivery_is_owed_until_it_is_sent(database) {
        let id = with_one_pending(&database.store).await;
        database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        database.store.finish_evaluations(&[scored(id)], &sink).await.unwrap();
        let owed = database.store.lease_deliveries("otel", 10, LEASE_MS, &faithfulness).await.unwrap();
        assert_eq!(owed[0].score.evaluation.score.as_ref().unwrap().label(), Some("pass"));
        assert_eq!(owed[0].score.evaluation.segments["environment"], "production");
        let retry = DeliveryOutcome::Retry { due_at_ms: database.store.now_ms() + 1_000, error: "503".into() };
        database.store.finish_deliveries("otel", &[(id, retry)]).await.unwrap();
        assert!(database.store.lease_deliveries("otel", 10, LEASE_MS, &faithfulness).await.unwrap().is_empty());
        database.clock.advance(1_000);
        let owed = database.store.lease_deliveries("otel", 10, LEASE_MS, &faithfulness).await.unwrap();
        assert_eq!(owed[0].attempts, 1);
        database.store.finish_deliveries("otel", &[(id, DeliveryOutcome::Sent)]).await.unwrap();
        let account = database.store.ledger(EVER).await.unwrap().deliveries["otel"];
        assert_eq!((account.owed, account.sent, account.given_up), (0, 1, 0));
    }
}

on_both_databases! {
    retention_empties_a_few_traces_at_a_time_and_comes_back_for_what_came_later(database) {
        let store = &database.store;
        let spans = (1..=3).map(|number| kept_span(number, number, true)).collect();
        store.commit_intake(&[batch(1, spans, 0)], TIMES).await.unwrap();
        database.clock.advance(TIMES.settle_ms);
        let due = store.lease_due_traces(2, LEASE_MS).await.unwrap();
        let mut plans: Vec<_> = (1..=3).map(|number| planned(number, 0, Outcome::Pending, "an answer")).collect();
        for plan in &mut plans {
            plan.subject.problems = vec![SubjectProblem {
                problem: Problem::new(ProblemCode::TextCut, "app.note ends after 200 characters"),
                span: None,
                emitter: Emitter { service: String::new(), instrumentation: "other" },
                is_repeated: false,
            }];
        }
        store.commit_plan(PlannedFrom { traces: &due, ..PlannedFrom::default() }, &plans).await.unwrap();
        database.clock.advance(1);
        let now_ms = store.now_ms();
        assert_eq!(store.forget_content(now_ms - TIMES.settle_ms - 1, 10).await.unwrap().traces, 0, "nothing is so old");
        let first = store.forget_content(now_ms, 1).await.unwrap();
        assert_eq!((first.traces, first.subjects), (1, 1));
        let rest = store.forget_content(now_ms, 10).await.unwrap();
        assert_eq!((rest.traces, rest.subjects), (1, 1), "the third still waits for assembly");
        assert_eq!(store.forget_content(now_ms, 10).await.unwrap().traces, 0, "once is enough");

        let emptied = due[0].trace_id;
        let emptied_subject = plans.iter().find(|plan| plan.subject.trace_id == emptied).unwrap();
        let kept = store.subject_record(emptied_subject.subject.id).await.unwrap().unwrap().problems;
        assert_eq!((kept.len(), kept[0].code.as_str(), kept[0].detail.as_str()), (1, "text_cut", ""));
        let records = store.trace_records(&[emptied]).await.unwrap();
        assert!(records[0].spans.is_empty());
        let late = (1..=3).find(|number| trace_id(*number) == emptied).unwrap();
        store.commit_intake(&[batch(2, vec![kept_span(late, 9, false)], 0)], TIMES).await.unwrap();
        database.clock.advance(TIMES.settle_ms);
        let due = store.lease_due_traces(10, LEASE_MS).await.unwrap();
        store.commit_plan(PlannedFrom { traces: &due, ..PlannedFrom::default() }, &[]).await.unwrap();
        database.clock.advance(1);
        assert_eq!(store.forget_content(store.now_ms(), 10).await.unwrap().traces, 2, "the late one and the third");
        assert!(store.trace_records(&[emptied]).await.unwrap()[0].spans.is_empty());
    }
}

on_both_databases! {
    digests_are_forgotten_a_few_at_a_time(database) {
        for digest in 1..=3 {
            database.store.commit_intake(&[batch(digest, Vec::new(), 1)], TIMES).await.unwrap();
        }
        let later_ms = database.store.now_ms() + 1;
        assert_eq!(database.store.forget_batches(later_ms, 2).await.unwrap(), 2);
        assert_eq!(database.store.forget_batches(later_ms, 2).await.unwrap(), 1);
    }
}

on_both_databases! {
    an_anchor_is_judged_again_once_a_round_and_counts_in_the_ledger_alone(database) {
        let plan = planned(1, 0, Outcome::Pending, "an answer");
        let (subject, original) = (plan.subject.id, plan.evaluations[0].clone());
        database.store.commit_plan(PlannedFrom::default(), &[plan]).await.unwrap();
        database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        database.store.finish_evaluations(&[scored(original.id)], &sink).await.unwrap();
        assert_eq!(database.store.add_anchors(&original.rubric, &[subject, subject]).await.unwrap(), 1);
        assert!(database.store.anchors().await.unwrap()[0].judgeable);

        let replay = AnchorReplay {
            subject,
            rubric: original.rubric.clone(),
            version: original.version,
            judge: "default".into(),
            round: "2026-01-01T00:00:00Z".into(),
            probability: Probability::ONE,
        };
        let other = database.another_worker().await;
        assert_eq!(database.store.plan_replays(std::slice::from_ref(&replay), i64::MAX).await.unwrap(), 1);
        assert_eq!(other.plan_replays(&[replay], i64::MAX).await.unwrap(), 0, "the round was planned by another worker");
        let leased = other.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        assert_eq!(leased.len(), 1);
        other.finish_evaluations(&[scored(leased[0].id)], &sink).await.unwrap();

        assert_eq!(database.store.scored_evaluations(EVER).await.unwrap().len(), 1, "quality is of first verdicts");
        let series = database.store.score_series().await.unwrap();
        assert_eq!(series.len(), 1);
        assert_eq!((series[0].rubric.as_str(), series[0].version), (original.rubric.as_str(), original.version));
        assert_eq!(database.store.scores_of(&series[0], 10, 10).await.unwrap().len(), 1, "so is what is watched of answers");
        assert_eq!(database.store.anchor_verdicts().await.unwrap().len(), 2);
        let ledger = database.store.ledger(EVER).await.unwrap();
        assert!(ledger.balanced);
        assert_eq!((ledger.rubrics[0].subjects, ledger.rubrics[0].scored), (2, 2));
        assert_eq!(ledger.deliveries["otel"].owed, 1, "sinks have the score of the answer already");
        database.store.fold(10).await.unwrap();
        let totals = database.store.cell_totals().await.unwrap();
        let wholes = totals.iter().filter(|part| part.part.segment.is_none());
        let counts: Vec<_> = wholes.map(|part| (part.series.replay, part.sums.outcome(Outcome::Scored))).collect();
        assert_eq!(counts, [(false, 1), (true, 1)]);
        assert_eq!(
            database.store.newest_model(&original.rubric, original.version, "default").await.unwrap().as_deref(),
            Some("m-1")
        );
        assert_eq!(database.store.remove_anchors(&original.rubric, &[subject]).await.unwrap(), 1);
        assert!(database.store.anchor_evaluations(&original.rubric).await.unwrap().is_empty());
    }
}

on_both_databases! {
    a_stream_is_read_by_one_worker_and_its_position_belongs_to_its_beginning(database) {
        let (mine, other) = (&database.store, database.another_worker().await);
        let began_ms = database.store.now_ms();
        let held = |next, began_ms| StreamClaim::Held { next, began_ms };
        assert_eq!(mine.claim_stream("spans", "first", LEASE_MS).await.unwrap(), held(None, began_ms));
        database.clock.advance(1_000);
        assert_eq!(other.claim_stream("spans", "first", LEASE_MS).await.unwrap(), StreamClaim::Taken);
        assert!(mine.advance_stream("spans", Some(7), LEASE_MS).await.unwrap());
        assert!(mine.advance_stream("spans", None, 0).await.unwrap(), "given up, the position stays");
        assert_eq!(other.claim_stream("spans", "first", LEASE_MS).await.unwrap(), held(Some(7), began_ms));
        assert!(!mine.advance_stream("spans", Some(9), LEASE_MS).await.unwrap(), "it is another's now");
        assert_eq!(other.claim_stream("spans", "1h", LEASE_MS).await.unwrap(), held(None, began_ms + 1_000));
    }
}
