//! Reading what people annotated: pages, machines between people, and the faults that a backend can show.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::config::sinks::SinkConfig;
use crate::labels::annotations::{Annotation, AnnotationTarget, AnnotationValue, Annotations};
use crate::pipeline::delivery::sinks::DeliveryError;
use crate::pipeline::delivery::sinks::annotations::{AnnotationSource, KnownPlace, PullError};
use serde_json::{Value as Json, json};

use super::{span_id, trace_id};
use crate::testing::fake_api::{Asked, FakeApi};

const TRACE: &str = "01010101010101010101010101010101";
const SPAN: &str = "0202020202020202";
const TIME: &str = "2026-11-20T07:00:00Z";

fn source(toml: &str) -> Result<AnnotationSource, PullError> {
    let config: SinkConfig = toml::from_str(toml).unwrap();
    AnnotationSource::from_config(&config, &|name| (name == "SECRET").then(|| "hush".to_owned()))
}

fn langfuse(api: &FakeApi) -> AnnotationSource {
    let keys = "public_key = 'pk'\nsecret_key_env = 'SECRET'";
    source(&format!("name = 'l'\ntype = 'langfuse'\nurl = '{}'\n{keys}", api.url)).unwrap()
}

async fn read(source: &AnnotationSource) -> Annotations {
    let known = KnownPlace { trace_id: trace_id(1), span_id: span_id(2), session_id: Some("s-1".to_owned()) };
    source.read(None, &[known]).await.unwrap()
}

fn said(annotations: &[Annotation]) -> Vec<(&str, &str, Option<AnnotationValue>)> {
    annotations.iter().map(|one| (one.name.as_str(), one.annotator.as_str(), one.value.clone())).collect()
}

fn on_span() -> AnnotationTarget {
    AnnotationTarget::Span(trace_id(1), span_id(2))
}

#[tokio::test]
async fn mlflow_is_read_page_by_page_and_only_people_count() {
    let assessment = |id: &str, source: &str, value: Json, valid: bool| {
        json!({
            "assessment_id": id, "assessment_name": "correctness", "span_id": SPAN, "valid": valid,
            "source": { "source_type": source, "source_id": "ada" }, "feedback": { "value": value },
            "rationale": "because", "create_time": TIME, "last_update_time": TIME
        })
    };
    let api = FakeApi::start(move |asked: &Asked| {
        let trace = |assessments: Json| json!([{ "trace_id": format!("tr-{TRACE}"), "assessments": assessments }]);
        if asked.body["page_token"].is_null() {
            let mixed =
                json!([assessment("a-1", "HUMAN", json!(4), true), assessment("a-2", "LLM_JUDGE", json!(1), true)]);
            (200, json!({ "traces": trace(mixed), "next_page_token": "more" }))
        } else {
            let replaced =
                json!([assessment("a-3", "HUMAN", json!(2), false), assessment("a-4", "HUMAN", json!(true), true)]);
            (200, json!({ "traces": trace(replaced) }))
        }
    })
    .await;
    let source = source(&format!("name = 'm'\ntype = 'mlflow'\nurl = '{}'\nexperiment_id = '7'", api.url)).unwrap();
    let found = read(&source).await;
    assert_eq!(
        said(&found.human),
        [
            ("correctness", "ada", Some(AnnotationValue::Number(4.0))),
            ("correctness", "ada", Some(AnnotationValue::Flag(true)))
        ]
    );
    assert_eq!((found.passed_over, &found.human[0].target), (2, &on_span()));
    let asked = api.asked();
    assert_eq!(asked[0].path, "/api/3.0/mlflow/traces/search");
    assert_eq!(asked[0].body["locations"][0]["mlflow_experiment"]["experiment_id"], "7");
    assert_eq!(asked[1].body["page_token"], "more");
}

#[tokio::test]
async fn phoenix_is_asked_about_kept_subjects_in_every_project() {
    let api = FakeApi::start(|asked: &Asked| {
        let item = |id: &str, kind: &str, result: Json| {
            json!({ "id": id, "name": "correctness", "annotator_kind": kind, "result": result, "identifier": "ada",
                    "user_id": null, "updated_at": TIME, "span_id": SPAN })
        };
        let refused = json!("None of the supplied span_ids exist in this project");
        match asked.path.as_str() {
            "/v1/projects" => (200, json!({ "data": [{ "id": "empty" }, { "id": "P1" }], "next_cursor": null })),
            "/v1/projects/P1/span_annotations" if asked.query.contains("cursor=next") => {
                (200, json!({ "data": [item("3", "HUMAN", json!({ "label": "good" }))], "next_cursor": null }))
            }
            "/v1/projects/P1/span_annotations" => {
                let data = [
                    item("1", "HUMAN", json!({ "score": 4, "label": "pass" })),
                    item("2", "LLM", json!({ "score": 1 })),
                ];
                (200, json!({ "data": data, "next_cursor": "next" }))
            }
            _ => (404, refused),
        }
    })
    .await;
    let source = source(&format!("name = 'p'\ntype = 'phoenix'\nurl = '{}'", api.url)).unwrap();
    let found = read(&source).await;
    assert_eq!(
        said(&found.human),
        [
            ("correctness", "ada", Some(AnnotationValue::Number(4.0))),
            ("correctness", "ada", Some(AnnotationValue::Text("good".into())))
        ]
    );
    assert_eq!((found.passed_over, &found.human[1].target), (1, &on_span()));
    let paths: Vec<String> = api.asked().into_iter().map(|asked| asked.path).collect();
    assert!(paths.contains(&"/v1/projects/P1/trace_annotations".to_owned()), "{paths:?}");
    assert!(paths.contains(&"/v1/projects/P1/session_annotations".to_owned()), "{paths:?}");
}

#[tokio::test]
async fn langfuse_is_read_to_its_last_page_through_a_moment_of_overload() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let api = FakeApi::start(move |asked: &Asked| {
        let score = |id: &str, more: Json| {
            let mut score = json!({ "id": id, "name": "correctness", "source": "ANNOTATION", "traceId": TRACE,
                                    "observationId": SPAN, "authorUserId": "ada", "updatedAt": TIME });
            score.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            score
        };
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            return (429, json!({ "message": "slow down" }));
        }
        let data = if asked.query.contains("page=1") {
            json!([
                score("1", json!({ "dataType": "NUMERIC", "value": 4 })),
                score("2", json!({ "dataType": "BOOLEAN", "value": 1, "stringValue": "True" })),
                score("3", json!({ "dataType": "NUMERIC", "value": 1, "source": "API" }))
            ])
        } else {
            json!([
                score("4", json!({ "dataType": "CATEGORICAL", "value": 0, "stringValue": "good" })),
                score("5", json!({ "dataType": "CORRECTION", "value": 0, "stringValue": "rather so" }))
            ])
        };
        (200, json!({ "data": data, "meta": { "page": 1, "limit": 100, "totalItems": 5, "totalPages": 2 } }))
    })
    .await;
    let found = read(&langfuse(&api)).await;
    assert_eq!(
        said(&found.human),
        [
            ("correctness", "ada", Some(AnnotationValue::Number(4.0))),
            ("correctness", "ada", Some(AnnotationValue::Flag(true))),
            ("correctness", "ada", Some(AnnotationValue::Text("good".into()))),
            ("correctness", "ada", None)
        ]
    );
    assert_eq!((found.passed_over, calls.load(Ordering::SeqCst)), (1, 3));
    assert!(api.asked()[0].query.contains("source=ANNOTATION"));
    let since = "2026-11-21T00:00:00Z".parse().unwrap();
    assert!(langfuse(&api).read(Some(since), &[]).await.unwrap().human.is_empty(), "all of it is older");
}

#[tokio::test]
async fn a_wrong_key_is_told_at_once_and_nonsense_is_no_page() {
    let api = FakeApi::start(|_: &Asked| (401, json!({ "message": "Invalid credentials" }))).await;
    let error = langfuse(&api).read(None, &[]).await.unwrap_err();
    assert!(matches!(&error, PullError::Backend { source: DeliveryError::Misconfigured { .. }, .. }), "{error:?}");
    assert_eq!(api.asked().len(), 1);
    let api = FakeApi::start(|_: &Asked| (200, json!({ "pages": 3 }))).await;
    let error = langfuse(&api).read(None, &[]).await.unwrap_err();
    assert!(matches!(&error, PullError::Backend { source: DeliveryError::UnexpectedAnswer { .. }, .. }), "{error:?}");
}

#[test]
fn a_sink_without_annotations_is_refused_with_what_to_name_instead() {
    let refusal = |toml: &str| source(toml).unwrap_err().to_string();
    let otlp = refusal("name = 'otel'\ntype = 'otlp'\nendpoint = 'http://127.0.0.1:4318'");
    assert!(otlp.contains("`otel` is of type `otlp`") && otlp.contains("mlflow, phoenix or langfuse"), "{otlp}");
    let mlflow = refusal("name = 'm'\ntype = 'mlflow'\nurl = 'http://127.0.0.1:5000'");
    assert!(mlflow.contains("`experiment_id` is missing"), "{mlflow}");
}

/// Scenario: a newer server has the third version of the scores API alone. Guarantee: its pages are read by cursor, with what
/// each score is about.
#[tokio::test]
async fn langfuse_is_read_by_cursor_where_the_second_version_is_gone() {
    let api = FakeApi::start(|asked: &Asked| {
        if asked.path != "/api/public/v3/scores" {
            return (404, json!({ "message": "no route" }));
        }
        let score = |kind: &str, more: Json| {
            let mut score = json!({ "id": "1", "name": "correctness", "source": "ANNOTATION", "authorUserId": "ada",
                "dataType": kind, "updatedAt": TIME, "subject": { "kind": "observation", "id": SPAN, "traceId": TRACE } });
            score.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            score
        };
        if asked.query.contains("cursor=next") {
            let about = json!({ "kind": "session", "id": "s-1" });
            (200, json!({ "data": [score("CATEGORICAL", json!({ "value": "good", "subject": about }))], "meta": {} }))
        } else {
            let data = [score("BOOLEAN", json!({ "value": true })), score("NUMERIC", json!({ "value": 4 }))];
            (200, json!({ "data": data, "meta": { "limit": 100, "cursor": "next" } }))
        }
    })
    .await;
    let found = read(&langfuse(&api)).await;
    let values: Vec<_> = found.human.iter().map(|one| one.value.clone().unwrap()).collect();
    assert_eq!(
        values,
        [AnnotationValue::Flag(true), AnnotationValue::Number(4.0), AnnotationValue::Text("good".into())]
    );
    assert_eq!(
        (&found.human[0].target, &found.human[2].target),
        (&on_span(), &AnnotationTarget::Session("s-1".into()))
    );
}

/// Scenario: somebody corrected judged's own record, in a backend without accounts. Guarantee: it is the word of an unknown person,
/// never of judged; what nobody changed is passed over.
#[tokio::test]
async fn a_record_of_judged_that_was_changed_is_the_word_of_an_unknown_person() {
    let api = FakeApi::start(|asked: &Asked| {
        let item = |kind: &str, score: f64| {
            let mark = crate::labels::annotations::written::mark(&[&json!(1.0), &Json::Null, &json!("because")]);
            json!({ "id": "1", "name": "correctness", "annotator_kind": kind, "identifier": "judged/v1/default", "user_id": null,
                "result": { "score": score, "label": null, "explanation": "because" }, "metadata": { "judged.written": mark },
                "updated_at": TIME, "span_id": SPAN })
        };
        match asked.path.as_str() {
            "/v1/projects" => (200, json!({ "data": [{ "id": "P1" }], "next_cursor": null })),
            "/v1/projects/P1/span_annotations" => {
                (200, json!({ "data": [item("LLM", 1.0), item("LLM", 4.0), item("HUMAN", 1.0)], "next_cursor": null }))
            }
            _ => (404, json!("None of the supplied ids exist")),
        }
    })
    .await;
    let source = source(&format!("name = 'p'\ntype = 'phoenix'\nurl = '{}'", api.url)).unwrap();
    let found = read(&source).await;
    let said = said(&found.human);
    let unknown = "unknown person";
    assert_eq!(
        said,
        [
            ("correctness", unknown, Some(AnnotationValue::Number(4.0))),
            ("correctness", unknown, Some(AnnotationValue::Number(1.0)))
        ]
    );
    assert_eq!(found.passed_over, 1);
}
