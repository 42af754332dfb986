//! Series of scores and what they were made with, on both databases.

use super::handover::{LEASE_MS, TIMES, scored, sink};
use crate::model::{Label, LabelStream, Outcome, RENDERING_REVISION, Revisions, Score, SubjectId};
use crate::store::{EvaluationResult, PlannedFrom};

use crate::testing::on_both_databases;
use crate::testing::records::{batch, kept_span, planned};

fn label(subject: SubjectId) -> Label {
    Label {
        subject,
        rubric: "faithfulness".into(),
        annotator: "ann".into(),
        score: Some(Score::Pass(false)),
        rationale: Some("it invents a fee".into()),
        stream: LabelStream::Unknown,
        probability: None,
        labelled_at_ms: 1,
        via: None,
        instead_of: None,
    }
}

/// The same of a judge that was sent a prompt.
fn with_prompt(mut result: EvaluationResult) -> EvaluationResult {
    if let EvaluationResult::Final { call, .. } = &mut result {
        call.prompt_hash = Some([7; 32]);
    }
    result
}

on_both_databases! {
    of_a_long_series_the_oldest_scores_stay_and_the_newest_follow(database) {
        let plans: Vec<_> = (1..=9).map(|number| planned(number, 0, Outcome::Pending, "an answer")).collect();
        for plan in &plans {
            database.store.commit_plan(PlannedFrom::default(), std::slice::from_ref(plan)).await.unwrap();
            database.clock.advance(1_000);
        }
        let leased = database.store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        let results: Vec<EvaluationResult> = leased.iter().map(|one| scored(one.id)).collect();
        database.store.finish_evaluations(&results, &sink).await.unwrap();

        let series = database.store.score_series().await.unwrap().remove(0);
        let all = database.store.scores_of(&series, 9, 9).await.unwrap();
        assert_eq!(all.len(), 9);
        let some = database.store.scores_of(&series, 3, 2).await.unwrap();
        assert_eq!(some, [&all[..3], &all[7..]].concat());
        assert_eq!(database.store.scores_of(&series, 3, 9).await.unwrap(), all, "none of them twice");
    }
}

on_both_databases! {
    with_the_content_go_the_rationales_that_quote_it_and_scores_stay(database) {
        let store = &database.store;
        let spans = vec![kept_span(1, 1, true)];
        store.commit_intake(&[batch(1, spans, 0)], TIMES).await.unwrap();
        database.clock.advance(TIMES.settle_ms);
        let due = store.lease_due_traces(1, LEASE_MS).await.unwrap();
        let plan = planned(1, 0, Outcome::Pending, "an answer");
        store.commit_plan(PlannedFrom { traces: &due, ..PlannedFrom::default() }, std::slice::from_ref(&plan)).await.unwrap();
        let id = plan.evaluations[0].id;
        assert_eq!(store.lease_evaluations("default", 10, LEASE_MS).await.unwrap().len(), 1);
        store.finish_evaluations(&[scored(id)], &sink).await.unwrap();
        let before = store.evaluation_detail(id).await.unwrap().unwrap().evaluation;
        assert!(before.rationale.is_some());
        database.clock.advance(1);
        assert_eq!(store.forget_content(store.now_ms(), 10).await.unwrap().traces, 1);
        let after = store.evaluation_detail(id).await.unwrap().unwrap().evaluation;
        assert_eq!((after.rationale, after.score), (None, before.score));
    }
}

on_both_databases! {
    /// Scenario: a worker of the release before empties a trace, which it marks without emptying rationales. Guarantee: the trace is
    /// visited once more.
    a_trace_that_an_earlier_worker_emptied_loses_its_rationales(database) {
        let store = &database.store;
        store.commit_intake(&[batch(1, vec![kept_span(1, 1, true)], 0)], TIMES).await.unwrap();
        database.clock.advance(TIMES.settle_ms);
        let due = store.lease_due_traces(1, LEASE_MS).await.unwrap();
        let plan = planned(1, 0, Outcome::Pending, "an answer");
        store.commit_plan(PlannedFrom { traces: &due, ..PlannedFrom::default() }, std::slice::from_ref(&plan)).await.unwrap();
        let id = plan.evaluations[0].id;
        store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
        store.finish_evaluations(&[scored(id)], &sink).await.unwrap();
        database.clock.advance(1);
        let now_ms = store.now_ms();
        database.execute("UPDATE subjects SET content = NULL").await;
        database.execute(&format!("UPDATE traces SET emptied_before_ms = {now_ms}")).await;
        assert!(store.evaluation_detail(id).await.unwrap().unwrap().evaluation.rationale.is_some());
        assert_eq!(store.forget_content(now_ms, 10).await.unwrap().traces, 1);
        assert_eq!(store.evaluation_detail(id).await.unwrap().unwrap().evaluation.rationale, None);
        assert_eq!(store.forget_content(now_ms, 10).await.unwrap().traces, 0, "once is enough");
    }
}

on_both_databases! {
    /// Scenario: a verdict and a label come in after retention emptied what they are about. Guarantee: both are stored, their
    /// rationales are not.
    what_is_said_of_an_emptied_subject_is_stored_without_its_rationale(database) {
        let store = &database.store;
        let plans = [1, 2].map(|number| planned(number, 0, Outcome::Pending, "an answer"));
        store.commit_plan(PlannedFrom::default(), &plans[..1]).await.unwrap();
        database.execute("UPDATE subjects SET content = NULL").await;
        store.commit_plan(PlannedFrom::default(), &plans[1..]).await.unwrap();
        assert_eq!(store.lease_evaluations("default", 10, LEASE_MS).await.unwrap().len(), 2);
        let results = plans.each_ref().map(|plan| scored(plan.evaluations[0].id));
        assert_eq!(store.finish_evaluations(&results, &sink).await.unwrap().len(), 2);
        store.insert_labels(&plans.each_ref().map(|plan| label(plan.subject.id))).await.unwrap();
        for (plan, is_kept) in plans.iter().zip([false, true]) {
            let made = store.evaluation_detail(plan.evaluations[0].id).await.unwrap().unwrap().evaluation;
            assert_eq!((made.rationale.is_some(), made.score.is_some()), (is_kept, true));
            let label = store.labels_of(plan.subject.id, "faithfulness").await.unwrap().remove(0);
            assert_eq!((label.rationale.is_some(), label.score.is_some()), (is_kept, true));
        }
    }
}

on_both_databases! {
    a_score_keeps_the_revisions_it_was_made_with_and_series_break_where_they_change(database) {
        let store = &database.store;
        for (number, reading) in [(1, Some(1)), (2, Some(2)), (3, None)] {
            let plan = planned(number, 0, Outcome::Pending, "an answer");
            store.commit_plan(PlannedFrom::default(), std::slice::from_ref(&plan)).await.unwrap();
            database.stored_by_another_reading(reading).await;
            assert_eq!(store.lease_evaluations("default", 10, LEASE_MS).await.unwrap().len(), 1);
            store.finish_evaluations(&[with_prompt(scored(plan.evaluations[0].id))], &sink).await.unwrap();
            let made = store.evaluation_detail(plan.evaluations[0].id).await.unwrap().unwrap().evaluation;
            let stored = (made.reading_revision.map(i64::from), made.rendering_revision);
            assert_eq!(stored, (reading, Some(RENDERING_REVISION)));
            database.clock.advance(1);
        }
        let series = store.score_series().await.unwrap();
        let [first, second] = [1, 2].map(|reading| Revisions { reading, rendering: RENDERING_REVISION });
        assert_eq!(series.iter().map(|one| one.revisions).collect::<Vec<_>>(), [first, second]);
        let scores = async |at: usize| store.scores_of(&series[at], 10, 10).await.unwrap().len();
        assert_eq!((scores(0).await, scores(1).await), (2, 1), "a release that kept none is of the first");
        store.fold(10).await.unwrap();
        assert_eq!(store.score_series().await.unwrap(), series, "what is kept of series says the same");
        let newest = store.newest_revisions("faithfulness", 1, "default").await.unwrap();
        assert_eq!(newest, Some(first));
    }
}

on_both_databases! {
    a_reading_is_not_that_of_content_which_a_worker_of_an_earlier_release_put_in_its_place(database) {
        let store = &database.store;
        let plan = planned(1, 0, Outcome::Pending, "an answer");
        store.commit_plan(PlannedFrom::default(), std::slice::from_ref(&plan)).await.unwrap();
        let stored = async || store.stored_subjects(&[plan.subject.id]).await.unwrap()[&plan.subject.id].clone();
        assert!(stored().await.is_of_present_reading());
        database.execute("UPDATE subjects SET revision = revision + 1").await;
        assert_eq!(stored().await.reading, None);
    }
}
