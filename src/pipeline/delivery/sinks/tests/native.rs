//! The native score APIs: exact requests, and the answers that the real servers give in trouble.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::model::{Evaluation, EvaluationId, Scale, Score, SubjectId, SubjectKind};
use crate::pipeline::delivery::sinks::{DeliveryError, Disposition, Sink};
use axum::http::Method;
use serde_json::{Value as Json, json};

use super::{DeliverAll, abstained, dispositions, evaluation, failed, sink, span_id, trace_id};
use crate::testing::fake_api::{Asked, FakeApi};

const TRACE: &str = "tr-01010101010101010101010101010101";

fn mlflow(api: &FakeApi) -> Sink {
    sink(&format!("name = 'm'\ntype = 'mlflow'\nurl = '{}'\nusername = 'eva'\npassword_env = 'SECRET'", api.url))
}

fn phoenix(api: &FakeApi) -> Sink {
    sink(&format!("name = 'p'\ntype = 'phoenix'\nurl = '{}'\napi_key_env = 'SECRET'", api.url))
}

fn langfuse(api: &FakeApi) -> Sink {
    sink(&format!(
        "name = 'l'\ntype = 'langfuse'\nurl = '{}'\npublic_key = 'pk'\nsecret_key_env = 'SECRET'\nenvironment = 'production'",
        api.url
    ))
}

/// What was sent; before a later revision is, the sink looks what is there.
fn posted(api: &FakeApi) -> Vec<Asked> {
    api.asked().into_iter().filter(|asked| asked.method == Method::POST).collect()
}

fn later_revision(of: &Evaluation) -> Evaluation {
    let id = EvaluationId::derive(of.subject, 1, &of.rubric, of.rubric_version, &of.judge);
    Evaluation { id, score: Score::of_number(&of.scale, 2.0), ..of.clone() }
}

/// Behaves as MLflow 3.17 does: keeps a client's id, refuses it a second time with 500, knows one trace.
async fn mlflow_server() -> FakeApi {
    let stored = Arc::new(Mutex::new(BTreeMap::<String, Json>::new()));
    FakeApi::start(move |asked: &Asked| {
        let mut stored = stored.lock().unwrap();
        let prefix = format!("/api/3.0/mlflow/traces/{TRACE}/assessments");
        let Some(rest) = asked.path.strip_prefix(&prefix) else {
            return (404, json!({ "error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such trace" }));
        };
        let id = rest.trim_start_matches('/').to_owned();
        let assessment = asked.body["assessment"].clone();
        match asked.method {
            Method::POST => {
                let id = assessment["assessment_id"].as_str().unwrap().to_owned();
                if stored.contains_key(&id) {
                    return (500, json!({ "error_code": "INTERNAL_ERROR", "message": "UNIQUE constraint failed" }));
                }
                stored.insert(id, assessment.clone());
                (200, json!({ "assessment": assessment }))
            }
            Method::PATCH => {
                let there = stored.get_mut(&id).unwrap();
                for field in asked.body["update_mask"].as_str().unwrap().split(',') {
                    there[field] = assessment[field].clone();
                }
                (200, json!({ "assessment": there }))
            }
            _ => stored.get(&id).map_or((404, json!({})), |there| (200, json!({ "assessment": there }))),
        }
    })
    .await
}

#[tokio::test]
async fn mlflow_gets_an_assessment_once_however_often_it_is_delivered() {
    let api = mlflow_server().await;
    let sink = mlflow(&api);
    assert_eq!(dispositions(&sink.deliver_all(&[evaluation(2)]).await), [None]);
    assert_eq!(dispositions(&sink.deliver_all(&[evaluation(2)]).await), [None]);
    let asked = api.asked();
    let methods: Vec<&Method> = asked.iter().map(|asked| &asked.method).collect();
    assert_eq!(methods, [&Method::POST, &Method::POST, &Method::GET]);
    assert_eq!(asked[0].headers["authorization"], "Basic ZXZhOmh1c2g=");
    insta::assert_json_snapshot!("mlflow_assessment", asked[0].body);
}

#[tokio::test]
async fn mlflow_gets_a_later_revision_in_place_of_the_earlier() {
    let api = mlflow_server().await;
    let sink = mlflow(&api);
    let first = evaluation(2);
    sink.deliver_all(std::slice::from_ref(&first)).await;
    assert_eq!(dispositions(&sink.deliver_all(&[later_revision(&first)]).await), [None]);
    let patched = api.asked().pop().unwrap();
    assert_eq!(patched.method, Method::PATCH);
    assert_eq!(patched.body["assessment"]["feedback"]["value"], 2.0);
    assert_eq!(patched.body["update_mask"], "feedback,rationale,metadata");
}

#[tokio::test]
async fn mlflow_without_the_trace_is_asked_again_later() {
    let api = mlflow_server().await;
    let elsewhere = Evaluation { trace_id: trace_id(9), ..evaluation(2) };
    let results = mlflow(&api).deliver_all(&[elsewhere, evaluation(3)]).await;
    assert_eq!(dispositions(&results), [Some(Disposition::Retry { after: Some(Duration::from_secs(30)) }), None]);
    assert!(matches!(results[0], Err(DeliveryError::NotThereYet { .. })));
}

#[tokio::test]
async fn mlflow_is_told_of_failures_as_errors_and_not_of_abstentions() {
    let api = mlflow_server().await;
    assert_eq!(dispositions(&mlflow(&api).deliver_all(&[abstained(2), failed(3)]).await), [None, None]);
    let [asked] = api.asked().try_into().unwrap();
    let error = json!({ "error": { "error_code": "unparseable_reply", "error_message": "the reply is not JSON" } });
    assert_eq!(asked.body["assessment"]["feedback"], error);
}

#[tokio::test]
async fn mlflow_whose_database_is_down_is_tried_again() {
    let api =
        FakeApi::start(|asked| if asked.method == Method::POST { (500, json!({})) } else { (404, json!({})) }).await;
    assert_eq!(
        dispositions(&mlflow(&api).deliver_all(&[evaluation(2)]).await),
        [Some(Disposition::Retry { after: None })]
    );
}

/// Behaves as Phoenix 20 does: refuses a whole synchronous request for one unknown target.
async fn phoenix_server(unknown: &'static str) -> FakeApi {
    FakeApi::start(move |asked: &Asked| {
        let data = asked.body["data"].as_array().cloned().unwrap_or_default();
        if data.iter().any(|annotation| annotation["name"] == "note") {
            return (400, json!({ "detail": "the name is reserved" }));
        }
        if data.iter().any(|annotation| annotation["span_id"] == unknown) {
            return (404, json!({ "detail": format!("Spans with IDs {unknown} do not exist.") }));
        }
        (200, json!({ "data": data.iter().map(|_| json!({ "id": "x" })).collect::<Vec<_>>() }))
    })
    .await
}

#[tokio::test]
async fn phoenix_gets_a_batch_of_annotations() {
    let api = phoenix_server("").await;
    let whole =
        Evaluation { subject: SubjectId::of_trace(trace_id(1)), subject_kind: SubjectKind::Trace, ..evaluation(9) };
    let results = phoenix(&api).deliver_all(&[evaluation(2), abstained(3), failed(4), evaluation(5), whole]).await;
    assert_eq!(dispositions(&results), [None; 5]);
    let asked = posted(&api);
    assert_eq!((asked[0].path.as_str(), asked[0].query.as_str()), ("/v1/span_annotations", "sync=true"));
    assert_eq!(asked[0].headers["authorization"], "Bearer hush");
    assert_eq!(asked[0].body["data"].as_array().unwrap().len(), 2);
    insta::assert_json_snapshot!("phoenix_annotation", asked[0].body["data"][0]);
    assert_eq!(asked[1].path, "/v1/trace_annotations");
    assert_eq!(asked[1].body["data"][0]["trace_id"], trace_id(1).to_string());
}

#[tokio::test]
async fn phoenix_without_one_span_takes_the_others() {
    let api = phoenix_server("0303030303030303").await;
    let results = phoenix(&api).deliver_all(&[evaluation(2), evaluation(3), evaluation(4)]).await;
    let later = Some(Disposition::Retry { after: Some(Duration::from_secs(30)) });
    assert_eq!(dispositions(&results), [None, later, None]);
    assert!(results[1].as_ref().unwrap_err().to_string().contains(&span_id(3).to_string()));
}

#[tokio::test]
async fn phoenix_refusing_one_annotation_takes_the_others() {
    let api = phoenix_server("").await;
    let mut batch: Vec<Evaluation> = (2..9).map(evaluation).collect();
    batch[3].rubric = "note".to_owned();
    let results = phoenix(&api).deliver_all(&batch).await;
    let refused: Vec<usize> = (0..7).filter(|index| results[*index].is_err()).collect();
    assert_eq!(refused, [3]);
    assert_eq!(results[3].as_ref().unwrap_err().disposition(), Disposition::GiveUp);
}

#[tokio::test]
async fn langfuse_gets_a_list_of_scores_with_stable_ids() {
    let api = FakeApi::start(|_| (200, json!({}))).await;
    let sink = langfuse(&api);
    let first = evaluation(2);
    assert_eq!(dispositions(&sink.deliver_all(&[first.clone(), abstained(3), failed(4)]).await), [None; 3]);
    sink.deliver_all(&[later_revision(&first)]).await;
    let asked = posted(&api);
    assert_eq!(asked[0].path, "/api/public/scores");
    assert_eq!(asked[0].headers["authorization"], "Basic cGs6aHVzaA==");
    assert_eq!(asked[0].body.as_array().unwrap().len(), 1);
    insta::assert_json_snapshot!("langfuse_score", asked[0].body[0]);
    assert_eq!(asked[0].body[0]["id"], asked[1].body[0]["id"]);
    assert_eq!(asked[0].body[0]["timestamp"], asked[1].body[0]["timestamp"]);
}

#[tokio::test]
async fn langfuse_that_takes_no_lists_gets_scores_one_by_one_from_then_on() {
    let api =
        FakeApi::start(|asked| if asked.body.is_array() { (400, json!({})) } else { (200, json!({ "id": "x" })) })
            .await;
    let sink = langfuse(&api);
    assert_eq!(dispositions(&sink.deliver_all(&[evaluation(2), evaluation(3)]).await), [None, None]);
    assert_eq!(dispositions(&sink.deliver_all(&[evaluation(4)]).await), [None]);
    let shapes: Vec<bool> = api.asked().iter().map(|asked| asked.body.is_array()).collect();
    assert_eq!(shapes, [true, false, false, false]);
}

#[tokio::test]
async fn langfuse_can_refuse_a_part_of_a_list() {
    let refused = evaluation(3);
    let id = refused.id.to_string();
    let api = FakeApi::start(move |_| {
        (207, json!({ "successes": [], "errors": [{ "id": id, "status": 400, "message": "bad" }] }))
    })
    .await;
    let results = langfuse(&api).deliver_all(&[evaluation(2), refused]).await;
    assert_eq!(dispositions(&results), [None, Some(Disposition::GiveUp)]);
}

#[tokio::test]
async fn langfuse_values_follow_the_scale() {
    let api = FakeApi::start(|_| (200, json!({}))).await;
    let binary = Scale::Binary { pass: "yes".into(), fail: "no".into() };
    let labels = vec![("polite".to_owned(), String::new()), ("rude".to_owned(), String::new())];
    let categorical = Scale::categorical(labels, vec![]).unwrap();
    let of = |number: u8, scale: &Scale, score: Option<Score>| Evaluation {
        scale: scale.clone(),
        score,
        ..evaluation(number)
    };
    let session = Evaluation {
        subject: SubjectId::of_session("s-1"),
        subject_kind: SubjectKind::Session,
        ..of(4, &categorical, Score::of_label(&categorical, "rude"))
    };
    langfuse(&api).deliver_all(&[of(2, &binary, Score::of_number(&binary, 1.0)), session]).await;
    let body = api.asked().pop().unwrap().body;
    assert_eq!((&body[0]["dataType"], &body[0]["value"]), (&json!("BOOLEAN"), &json!(1)));
    assert_eq!((&body[1]["dataType"], &body[1]["value"]), (&json!("CATEGORICAL"), &json!("rude")));
    assert_eq!((&body[1]["sessionId"], &body[1]["traceId"]), (&json!("s-1"), &Json::Null));
}

#[tokio::test]
async fn a_wrong_key_loses_no_score() {
    let api = FakeApi::start(|_| (401, json!({ "message": "who are you" }))).await;
    let minute = [Some(Disposition::Retry { after: Some(Duration::from_mins(1)) })];
    for sink in [mlflow(&api), phoenix(&api), langfuse(&api)] {
        assert_eq!(dispositions(&sink.deliver_all(&[evaluation(2)]).await), minute, "{}", sink.type_name());
        sink.check().await.unwrap_err();
    }
}

/// Scenario: a person corrects judged's record in the backend, and late spans bring another score. Guarantee: what the person
/// said stands; a record that nobody touched is replaced.
#[tokio::test]
async fn mlflow_keeps_what_a_person_changed() {
    let first = evaluation(2);
    for (changed, methods) in [(false, 3), (true, 2)] {
        let kept = Arc::new(Mutex::new(Json::Null));
        let there = Arc::clone(&kept);
        let api = FakeApi::start(move |asked: &Asked| match asked.method {
            Method::POST if there.lock().unwrap().is_null() => {
                *there.lock().unwrap() = asked.body["assessment"].clone();
                (200, json!({}))
            }
            Method::POST => (500, json!({ "error_code": "INTERNAL_ERROR", "message": "UNIQUE constraint failed" })),
            _ => (200, json!({ "assessment": *there.lock().unwrap() })),
        })
        .await;
        let sink = mlflow(&api);
        sink.deliver_all(std::slice::from_ref(&first)).await;
        if changed {
            kept.lock().unwrap()["feedback"]["value"] = json!(1);
        }
        assert_eq!(dispositions(&sink.deliver_all(&[later_revision(&first)]).await), [None]);
        // The insert that is refused, the look, and the change where nobody was before.
        assert_eq!(api.asked().len() - 1, methods);
    }
}

#[tokio::test]
async fn phoenix_keeps_what_a_person_changed() {
    let first = evaluation(2);
    for (kind, label, posts) in [("LLM", None, 2), ("HUMAN", None, 1), ("LLM", Some("fail"), 1)] {
        let kept = Arc::new(Mutex::new(Json::Null));
        let there = Arc::clone(&kept);
        let api = FakeApi::start(move |asked: &Asked| match (asked.path.as_str(), &asked.method) {
            ("/v1/span_annotations", &Method::POST) => {
                *there.lock().unwrap() = asked.body["data"][0].clone();
                (200, json!({ "data": [{ "id": "x" }] }))
            }
            ("/v1/projects", _) => (200, json!({ "data": [{ "id": "p" }], "next_cursor": null })),
            _ => (200, json!({ "data": [*there.lock().unwrap()], "next_cursor": null })),
        })
        .await;
        let sink = phoenix(&api);
        sink.deliver_all(std::slice::from_ref(&first)).await;
        {
            let mut kept = kept.lock().unwrap();
            kept["id"] = json!("x");
            kept["annotator_kind"] = json!(kind);
            if let Some(label) = label {
                kept["result"]["label"] = json!(label);
            }
        }
        assert_eq!(dispositions(&sink.deliver_all(&[later_revision(&first)]).await), [None]);
        assert_eq!(posted(&api).len(), posts, "{kind} {label:?}");
    }
}

#[tokio::test]
async fn langfuse_keeps_what_a_person_changed() {
    let first = evaluation(2);
    for (third, changed, posts) in [(false, false, 2), (false, true, 1), (true, false, 2), (true, true, 1)] {
        let kept = Arc::new(Mutex::new(Json::Null));
        let there = Arc::clone(&kept);
        let api = FakeApi::start(move |asked: &Asked| {
            let mut score = there.lock().unwrap().clone();
            match (asked.path.as_str(), &asked.method) {
                (_, &Method::POST) => {
                    *there.lock().unwrap() = asked.body[0].clone();
                    (200, json!({ "successes": [], "errors": [] }))
                }
                (path, _) if path.starts_with("/api/public/v2/scores/") && third => (404, json!({})),
                (path, _) => {
                    score["source"] = json!("API");
                    if changed {
                        score["comment"] = json!("no, it is fine");
                    }
                    if path.starts_with("/api/public/v3/") {
                        (200, json!({ "data": [score], "meta": {} }))
                    } else {
                        (200, score)
                    }
                }
            }
        })
        .await;
        let sink = langfuse(&api);
        sink.deliver_all(std::slice::from_ref(&first)).await;
        assert_eq!(dispositions(&sink.deliver_all(&[later_revision(&first)]).await), [None]);
        assert_eq!(posted(&api).len(), posts, "third version {third}, changed {changed}");
    }
}
