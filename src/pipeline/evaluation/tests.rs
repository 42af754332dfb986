//! Evaluations that a decision model brings to their end, several in a call.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::stage::Evaluation;
use crate::config::judges::{Dialect, JudgeConfig, Prices, Provider};
use crate::judges::{JudgeEnvironment, Judges};
use crate::model::{EvaluationId, Outcome, SubjectId};
use crate::privacy::SharedRedactor;
use crate::rubrics::{Catalogue, Rubric};
use crate::secrets::MacKey;
use crate::store::{EvaluationSummary, PlannedFrom, PlannedSubject};
use crate::testing::databases::Database;
use crate::testing::fake_judge::{Answer, FakeJudge};
use crate::testing::on_both_databases;
use crate::testing::records::{planned, span_id, trace_id};

const RUBRICS: [&str; 3] = ["kind", "short", "true"];

fn rubric(name: &str, decision: &str) -> Arc<Rubric> {
    let text = format!(
        "---\ndescription: Is it {name}?\nsubject: generation\nrequires: [output]\n\
         scale: {{ type: binary, pass: \"it is\", fail: \"it is not\" }}\njudge: decider\n{decision}---\n\
         {{% block system %}}{{{{ rubric.description }}}} {{{{ scale.text }}}}{{% endblock %}}\n\
         {{% block user %}}{{{{ fenced(output.text) }}}}{{% endblock %}}\n"
    );
    Arc::new(Rubric::parse(name, 1, Path::new("v1.md"), &text).unwrap())
}

/// A subject that all rubrics judge.
fn plan(number: u64, answer: &str) -> PlannedSubject {
    let mut plan = planned(number, 0, Outcome::Pending, answer);
    let template = plan.evaluations.remove(0);
    plan.evaluations = RUBRICS
        .iter()
        .map(|rubric| crate::store::PlannedEvaluation {
            id: EvaluationId::derive(plan.subject.id, 0, rubric, 1, "decider"),
            rubric: (*rubric).to_owned(),
            judge: "decider".into(),
            ..template.clone()
        })
        .collect();
    plan
}

fn stage(database: &Database, fake: &FakeJudge, own: &str) -> Evaluation {
    let config = JudgeConfig {
        provider: Provider::Decisions,
        dialect: Some(Dialect::Systemone),
        base_url: Some(fake.base_url()),
        model: Some("decider-latest".into()),
        prices: Some(Prices { input: 3.0, output: 0.0, cached_input: None, cache_write: None }),
        ..JudgeConfig::default()
    };
    let judges = BTreeMap::from([("decider".to_owned(), config)]);
    let rubrics = RUBRICS.map(|name| rubric(name, if name == "true" { own } else { "" }));
    Evaluation {
        store: database.store.clone(),
        catalogue: Catalogue::of(rubrics.into()),
        judges: Arc::new(Judges::from_config(&judges, &JudgeEnvironment::default()).unwrap()),
        routing: Arc::new(|_| Vec::new()),
        fence: MacKey::of_text("key"),
        redactor: SharedRedactor::of_defaults(),
        lease: Duration::from_mins(1),
        attempts: 3,
    }
}

/// Works until nothing is pending, and returns what became of the subject's evaluations, by rubric.
async fn work(database: &Database, stage: Evaluation, number: u64) -> BTreeMap<String, EvaluationSummary> {
    let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(stage.run(soft.clone(), hard));
    while !database.store.pending_by_judge().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    soft.cancel();
    running.await.unwrap().unwrap();
    let subject = SubjectId::of_generation(trace_id(number), span_id(number));
    let mut found = BTreeMap::new();
    for rubric in RUBRICS {
        let id = EvaluationId::derive(subject, 0, rubric, 1, "decider");
        let detail = database.store.evaluation_detail(id).await.unwrap().unwrap();
        found.insert(rubric.to_owned(), detail.evaluation);
    }
    found
}

on_both_databases! {
    all_rubrics_of_a_subject_go_into_one_call_and_each_is_accounted_by_itself(database) {
        let fake = FakeJudge::answering([Answer::Decides(0.8)]).await;
        let plans = [plan(1, "A short answer."), plan(2, "Another one.")];
        database.store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
        let found = work(&database, stage(&database, &fake, ""), 1).await;
        assert_eq!(fake.count(), 2, "one call for each subject");
        for one in found.values() {
            assert_eq!((one.outcome, one.label.as_deref()), (Outcome::Scored, Some("pass")));
            assert_eq!(one.rationale, None, "a decision model gives no reasons");
            assert_eq!(one.judge_model.as_deref(), Some("tiny-decider-1.2.0"));
            let distribution = one.distribution.as_ref().unwrap();
            assert_eq!(distribution.points[0].probability, 0.8);
            assert_eq!(distribution.origin.requested_model, "decider-latest");
            assert!(one.rendering_revision.is_some());
        }
        assert_eq!(found.values().filter_map(|one| one.input_tokens).sum::<i64>(), 300);
        let cost: f64 = found.values().filter_map(|one| one.cost_usd).sum();
        assert!((cost - 900.0 / 1e6).abs() < 1e-9, "{cost}");
    }
}

on_both_databases! {
    rubrics_that_are_shown_other_fields_are_asked_apart(database) {
        let fake = FakeJudge::answering([Answer::Decides(0.2)]).await;
        database.store.commit_plan(PlannedFrom::default(), &[plan(1, "A short answer.")]).await.unwrap();
        let found = work(&database, stage(&database, &fake, "decision: { state: [output] }\n"), 1).await;
        assert_eq!(fake.count(), 2);
        assert!(found.values().all(|one| one.label.as_deref() == Some("fail")));
    }
}

on_both_databases! {
    a_subject_that_is_too_long_is_filtered_and_one_that_is_missing_fails_alone(database) {
        let fake = FakeJudge::deciding(|request| {
            let mut body = crate::testing::decision_replies::deciding("/systemone", &request.body, 0.9);
            body["answers"].as_object_mut().unwrap().remove("short_v1");
            Answer::Status { status: 200, headers: Vec::new(), body: body.to_string() }
        })
        .await;
        let long = "word ".repeat(30_000);
        database.store.commit_plan(PlannedFrom::default(), &[plan(1, &long), plan(2, "An answer.")]).await.unwrap();
        let found = work(&database, stage(&database, &fake, ""), 1).await;
        for one in found.values() {
            assert_eq!((one.outcome, one.reason.as_deref()), (Outcome::Filtered, Some("too_long")));
        }
        let found = work(&database, stage(&database, &fake, ""), 2).await;
        let outcomes: Vec<Outcome> = found.values().map(|one| one.outcome).collect();
        assert_eq!(outcomes, [Outcome::Scored, Outcome::Failed, Outcome::Scored]);
        assert_eq!(found["short"].reason.as_deref(), Some("wrong_schema"));
        assert!(found["short"].cost_usd > Some(0.0), "it was paid for");
    }
}

on_both_databases! {
    a_threshold_judges_what_comes_after_it_in_a_series_of_its_own(database) {
        let fake = FakeJudge::answering([Answer::Decides(0.8)]).await;
        let store = &database.store;
        store.commit_plan(PlannedFrom::default(), &[plan(1, "An answer.")]).await.unwrap();
        let before = work(&database, stage(&database, &fake, ""), 1).await;
        let key = crate::store::ThresholdKey {
            rubric: "kind".into(),
            version: 1,
            judge: "decider".into(),
            model: "tiny-decider-1.2.0".into(),
        };
        store.choose_threshold(&key, 0.9, "agreement", "{}").await.unwrap();
        store.commit_plan(PlannedFrom::default(), &[plan(2, "Another answer.")]).await.unwrap();
        let after = work(&database, stage(&database, &fake, ""), 2).await;
        assert_eq!(after["kind"].label.as_deref(), Some("fail"), "0.8 is less than 0.9");
        assert_eq!(after["kind"].judge_model.as_deref(), Some("tiny-decider-1.2.0, threshold 1"));
        let threshold = after["kind"].distribution.as_ref().unwrap().threshold.unwrap();
        assert_eq!((threshold.value, threshold.number), (0.9, 1));
        assert_eq!(after["short"].judge_model.as_deref(), Some("tiny-decider-1.2.0"), "of another rubric");
        let subject = SubjectId::of_generation(trace_id(1), span_id(1));
        let stored = EvaluationId::derive(subject, 0, "kind", 1, "decider");
        assert_eq!(store.evaluation_detail(stored).await.unwrap().unwrap().evaluation, before["kind"], "as it was");
    }
}
