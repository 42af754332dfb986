//! What a judge does about refusals of a scripted endpoint.

use std::time::Duration;

use serde_json::json;

use super::{KEY, SUBJECT, ask, config, judge, score};
use crate::judges::Disposition;
use crate::testing::fake_judge::{Answer, FakeJudge};

#[tokio::test]
async fn what_an_endpoint_refuses_is_left_out_and_remembered() {
    // A reasoning model behind a server that knows no json_schema.
    let fake = FakeJudge::deciding(|request| {
        let refuse = |status, message: &str| {
            Answer::error(status, json!({"error": {"message": message, "type": "invalid_request_error"}}))
        };
        if request.body["response_format"]["type"] == "json_schema" {
            refuse(
                500,
                "[{'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]",
            )
        } else if request.body.get("max_tokens").is_some() {
            refuse(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        } else if request.body.get("temperature").is_some() {
            refuse(400, "Unsupported value: 'temperature' does not support 0.0 with this model.")
        } else {
            Answer::score(3.0)
        }
    })
    .await;
    let judge = judge(&config(&fake));
    let reply = ask(&judge).await.unwrap();
    assert_eq!((score(&reply), reply.calls), (Some(3.0), 5));
    let last = fake.requests()[4].body.clone();
    assert_eq!(
        (&last["response_format"]["type"], &last["max_completion_tokens"]),
        (&json!("json_object"), &json!(1024))
    );
    let system = last["messages"][0]["content"].as_str().unwrap();
    assert!(system.starts_with("You judge.") && system.contains("\"enum\":[1,2,3,4,5]"), "{system}");

    let again = ask(&judge).await.unwrap();
    assert_eq!(again.calls, 1, "remembered");
    assert_eq!(judge.paused_for(), None);
}

#[tokio::test]
async fn an_endpoint_that_never_accepted_a_request_pauses_the_judge_instead_of_failing_every_evaluation() {
    let fake = FakeJudge::answering([Answer::error(400, json!({"error": {"code": "unknown_parameter"}}))]).await;
    let judge = judge(&config(&fake));
    let error = ask(&judge).await.unwrap_err();
    assert_eq!(fake.count(), 5, "without bound, schema, json and role system");
    assert_eq!(error.disposition(), Disposition::Pause { after: Duration::from_secs(30) });
    assert_eq!(
        error.to_string(),
        "judge `default`: the endpoint refuses the request (HTTP 400, unknown_parameter) and has accepted none yet; \
         check the judge's configuration"
    );
    assert!(judge.paused_for().is_some());
}

#[tokio::test]
async fn a_refusal_for_no_known_reason_is_held_against_a_request_only_where_others_are_answered() {
    let unknown = || Answer::error(400, json!({"error": {"message": "no", "code": "invalid_value"}}));
    let fake = FakeJudge::answering([Answer::score(4.0), unknown(), unknown(), Answer::score(4.0), unknown()]).await;
    let judge = judge(&config(&fake));
    ask(&judge).await.unwrap();
    let mut held_against = Vec::new();
    for _ in 0..4 {
        if let Err(error) = ask(&judge).await {
            assert_eq!(error.code(), "bad_request");
            held_against.push(matches!(error.disposition(), Disposition::Retry { counts: true, .. }));
        }
    }
    assert_eq!(held_against, [true, false, true]);
    assert_eq!(fake.count(), 5, "it is not repeated at once");
}

#[tokio::test]
async fn quotas_and_spending_limits_pause_the_judge_until_they_are_said_to_renew() {
    let day = json!({"error": {"message": "Rate limit reached on tokens per day (TPD): Limit 100000, Used 99800. Please try again in 7m0s.", "code": "rate_limit_exceeded"}});
    let spend = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "You have reached your specified API usage limits."}});
    let inside = json!({"error": {"message": "Insufficient credits. Add more and retry", "code": 402}});
    for (status, body, pause) in [(429, day, 420), (400, spend, 30), (200, inside, 30)] {
        let fake = FakeJudge::answering([Answer::score(4.0), Answer::error(status, body)]).await;
        let judge = judge(&config(&fake));
        ask(&judge).await.unwrap();
        let error = ask(&judge).await.unwrap_err();
        assert_eq!(error.code(), "quota_exhausted");
        assert_eq!(error.disposition(), Disposition::Pause { after: Duration::from_secs(pause) });
        assert_eq!(ask(&judge).await.unwrap_err().code(), "circuit_open");
        assert_eq!(fake.count(), 2);
        let obstacle = judge.state().obstacle.unwrap();
        assert_eq!(
            (obstacle.code.as_str(), obstacle.mended.as_str()),
            ("quota_exhausted", if pause == 420 { "time" } else { "person" })
        );
        let left_ms = obstacle.until_ms.unwrap() - jiff::Timestamp::now().as_millisecond();
        assert!((pause as i64 * 1000 - 5000..=pause as i64 * 1000).contains(&left_ms), "{left_ms}");
    }
}

#[tokio::test]
async fn a_generation_that_failed_the_format_is_asked_for_again_and_then_in_a_looser_one() {
    let failed = || {
        Answer::error(400, json!({"error": {"message": "Failed to generate JSON.", "code": "json_validate_failed"}}))
    };
    let fake = FakeJudge::answering([Answer::score(4.0), failed(), Answer::score(4.0)]).await;
    let once = judge(&config(&fake));
    ask(&once).await.unwrap();
    assert_eq!(ask(&once).await.unwrap().calls, 2);

    let fake =
        FakeJudge::deciding(
            move |request| {
                if request.body.get("response_format").is_some() { failed() } else { Answer::score(4.0) }
            },
        )
        .await;
    let always = judge(&config(&fake));
    assert_eq!(score(&ask(&always).await.unwrap()), Some(4.0));
    let formats: Vec<_> = fake
        .requests()
        .iter()
        .map(|request| request.body["response_format"]["type"].as_str().map(str::to_owned))
        .collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(formats, [named("json_schema"), named("json_schema"), named("json_schema"), named("json_object"), None]);
}

#[tokio::test]
async fn a_model_without_the_role_system_is_remembered() {
    let fake = FakeJudge::deciding(|request| {
        if request.body["messages"][0]["role"] == "system" {
            Answer::error(400, json!({"object": "error", "message": "System role not supported", "code": 400}))
        } else {
            Answer::score(4.0)
        }
    })
    .await;
    let judge = judge(&config(&fake));
    assert_eq!(ask(&judge).await.unwrap().calls, 2);
    assert_eq!(ask(&judge).await.unwrap().calls, 1);
    let said = fake.requests()[1].body["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(said.starts_with("You judge.") && said.ends_with(SUBJECT), "{said}");
}

#[tokio::test]
async fn the_rationale_is_bounded_where_the_endpoint_takes_a_bound() {
    let fake = FakeJudge::deciding(|request| {
        let schema = &request.body["response_format"]["json_schema"]["schema"];
        if schema["properties"]["rationale"].get("maxLength").is_some() {
            Answer::error(
                400,
                json!({"error": {"message": "Invalid schema for response_format: 'maxLength' is not permitted."}}),
            )
        } else {
            Answer::score(4.0)
        }
    })
    .await;
    ask(&judge(&config(&fake))).await.unwrap();
    let bounds: Vec<_> = fake
        .requests()
        .iter()
        .map(|request| {
            request.body["response_format"]["json_schema"]["schema"]["properties"]["rationale"]["maxLength"].clone()
        })
        .collect();
    assert_eq!(bounds, [json!(512), json!(null)]);
}

#[tokio::test]
async fn a_refused_key_pauses_the_judge_at_once() {
    let body = json!({"error": {"message": format!("Incorrect API key provided: {KEY}"), "code": "invalid_api_key"}});
    let fake = FakeJudge::answering([Answer::error(401, body)]).await;
    let judge = judge(&config(&fake));
    let error = ask(&judge).await.unwrap_err();
    assert_eq!(error.code(), "unauthorized");
    assert_eq!(error.disposition(), Disposition::Pause { after: Duration::from_secs(30) });
    let error = ask(&judge).await.unwrap_err();
    assert_eq!(error.code(), "circuit_open");
    assert!(judge.paused_for().unwrap() > Duration::from_secs(25));
    assert_eq!(fake.count(), 1, "an open circuit sends nothing");
}

#[tokio::test]
async fn a_check_says_what_works_or_what_is_wrong() {
    let fake = FakeJudge::answering([Answer::Fits]).await;
    let works = judge(&config(&fake)).check().await.unwrap();
    assert!(works.starts_with("tiny answered as tiny-2026-11-01 in "), "{works}");
    assert!(
        works.ends_with("the reply schema is enforced against the schema; the cost is not known (set `prices`)"),
        "{works}"
    );

    let missing = json!({"error": "model \"tiny\" not found, try pulling it first"});
    let fake = FakeJudge::answering([Answer::error(404, missing)]).await;
    assert_eq!(
        judge(&config(&fake)).check().await.unwrap_err().to_string(),
        "judge `default`: the endpoint knows no such model or path (HTTP 404); check `model` and `base_url`: \
         model \"tiny\" not found, try pulling it first"
    );
}
