//! Judges against a scripted endpoint.

mod refusals;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::config::judges::{ExtraHeaders, JudgeConfig, Prices, Provider};
use crate::judges::budget::{Budget as _, MemoryBudget};
use crate::judges::{Disposition, Judge, JudgeEnvironment, JudgeError, JudgeReply, JudgeRequest, Judges};
use crate::model::{Amounts, Decision, Limits, Prompt, Scale, SubjectContent, Verdict};
use serde_json::json;

use crate::testing::fake_judge::{Answer, FakeJudge};

const KEY: &str = "sk-very-secret-key";
const SUBJECT: &str = "the subject's own words";

/// The real world, but for the key, and without waiting for luck.
fn environment() -> JudgeEnvironment {
    JudgeEnvironment {
        variables: Arc::new(|name| (name == "TEST_KEY").then(|| KEY.to_owned())),
        random: Arc::new(|| 0.01),
        ..JudgeEnvironment::default()
    }
}

fn config(fake: &FakeJudge) -> JudgeConfig {
    JudgeConfig {
        provider: Provider::Openai,
        base_url: Some(fake.base_url()),
        model: Some("tiny".into()),
        api_key_env: Some("TEST_KEY".into()),
        timeout: Duration::from_secs(5),
        ..JudgeConfig::default()
    }
}

fn judge(config: &JudgeConfig) -> Judge {
    Judge::from_config("default", config, environment()).unwrap()
}

async fn ask(judge: &Judge) -> Result<JudgeReply, JudgeError> {
    ask_within(judge, Duration::from_secs(20)).await
}

async fn ask_within(judge: &Judge, deadline: Duration) -> Result<JudgeReply, JudgeError> {
    ask_about(judge, SUBJECT, deadline).await
}

async fn ask_about(judge: &Judge, subject: &str, deadline: Duration) -> Result<JudgeReply, JudgeError> {
    let scale = Scale::ordinal((1..=5).map(|level| (level, format!("level {level}"))).collect(), Some(4)).unwrap();
    judge
        .judge(JudgeRequest {
            evaluation: None,
            prompt: &Prompt { system: "You judge.".into(), user: subject.into() },
            schema: &json!({
                "type": "object",
                "properties": {"rationale": {"type": "string"}, "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]}},
                "required": ["rationale", "score"],
                "additionalProperties": false
            }),
            scale: &scale,
            abstain: false,
            rubric: "faithfulness",
            version: 1,
            decision: &Decision::derived("Is it so?", &scale, Vec::new()),
            content: &SubjectContent::default(),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            deadline,
        })
        .await
}

fn score(reply: &JudgeReply) -> Option<f64> {
    match &reply.verdict {
        Verdict::Scored { score, .. } => score.number(),
        Verdict::Abstained { .. } => None,
    }
}

#[tokio::test]
async fn a_chat_completion_becomes_a_verdict_with_its_cost() {
    let fake = FakeJudge::answering([Answer::Fits]).await;
    let prices = Prices { input: 1.0, output: 10.0, cached_input: Some(0.1), cache_write: None };
    let config = JudgeConfig {
        prices: Some(prices),
        headers: ExtraHeaders(BTreeMap::from([("x-team".into(), "search".into())])),
        ..config(&fake)
    };
    let reply = ask(&judge(&config)).await.unwrap();
    assert_eq!(score(&reply), Some(5.0));
    assert_eq!((reply.model.as_deref(), reply.fingerprint.as_deref()), (Some("tiny-2026-11-01"), Some("fp_1")));
    assert_eq!((reply.usage.input_tokens, reply.usage.output_tokens), (Some(100), Some(20)));
    assert_eq!(reply.cost_usd, Some((60.0 + 40.0 * 0.1 + 20.0 * 10.0) / 1e6));
    assert_eq!(reply.calls, 1);

    let request = &fake.requests()[0];
    assert_eq!((request.method.as_str(), request.uri.path()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.header("authorization"), Some("Bearer sk-very-secret-key"));
    assert_eq!(request.header("traceparent"), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_eq!(request.header("x-team"), Some("search"));
    assert_eq!(request.body["response_format"]["type"], "json_schema");
}

#[tokio::test]
async fn an_anthropic_tool_call_becomes_a_verdict() {
    let fake = FakeJudge::answering([Answer::Fits]).await;
    let config = JudgeConfig { provider: Provider::Anthropic, ..config(&fake) };
    let reply = ask(&judge(&config)).await.unwrap();
    assert_eq!(score(&reply), Some(5.0));
    assert_eq!(reply.usage.input_tokens, Some(100), "cached tokens are part of the input");
    assert_eq!(reply.cost_usd, None, "no price is known for a model on loopback");

    let request = &fake.requests()[0];
    assert_eq!(request.uri.path(), "/v1/messages");
    assert_eq!(request.header("x-api-key"), Some(KEY));
    assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(request.body["tool_choice"], json!({"type": "tool", "name": "verdict"}));
}

#[tokio::test]
async fn azure_wants_its_key_and_version_elsewhere() {
    let fake = FakeJudge::answering([Answer::score(4.0)]).await;
    let config = JudgeConfig {
        base_url: Some(fake.base_url() + "/openai/deployments/d/"),
        api_key_header: Some("api-key".into()),
        api_version: Some("2024-10-21".into()),
        ..config(&fake)
    };
    ask(&judge(&config)).await.unwrap();
    let request = &fake.requests()[0];
    assert_eq!(request.uri.to_string(), "/v1/openai/deployments/d/chat/completions?api-version=2024-10-21");
    assert_eq!(request.header("api-key"), Some(KEY));
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn a_reply_that_is_no_verdict_is_repeated_once_with_the_reason() {
    let fake = FakeJudge::answering([Answer::score(7.0), Answer::score(2.0)]).await;
    let reply = ask(&judge(&config(&fake))).await.unwrap();
    assert_eq!((score(&reply), reply.calls), (Some(2.0), 2));
    assert_eq!(reply.usage.input_tokens, Some(200), "both calls are paid for");
    let asked_again = fake.requests()[1].body["messages"][1]["content"].as_str().unwrap().to_owned();
    assert!(asked_again.starts_with(SUBJECT), "{asked_again}");
    assert!(asked_again.contains("the score is not on the scale; allowed: 1, 2, 3, 4, 5"), "{asked_again}");
}

#[tokio::test]
async fn a_second_reply_that_is_no_verdict_is_a_failure_that_tells_what_it_cost() {
    for (answer, code) in [(Answer::Says("I like it.".into()), "unparseable"), (Answer::score(0.0), "wrong_schema")] {
        let fake = FakeJudge::answering([answer]).await;
        let error = ask(&judge(&config(&fake))).await.unwrap_err();
        assert_eq!((error.code(), error.disposition()), (code, Disposition::Reject));
        let spent = error.spent().unwrap();
        assert_eq!((spent.calls, spent.usage.output_tokens), (2, Some(40)));
        assert_eq!(spent.model.as_deref(), Some("tiny-2026-11-01"));
        assert_eq!(fake.count(), 2);
    }
}

#[tokio::test]
async fn endings_that_no_repetition_mends_are_not_repeated() {
    let stops = |text: &str, reason: &str| Answer::Stops { text: text.into(), reason: reason.into() };
    let too_long = json!({"error": {"message": "maximum context length is 10", "code": "context_length_exceeded"}});
    for (answer, code) in [
        (stops("{\"rationale\": \"it is", "length"), "output_truncated"),
        (stops("", "content_filter"), "content_filter"),
        (stops("", "SAFETY"), "content_filter"),
        (Answer::error(400, too_long), "context_length"),
    ] {
        let fake = FakeJudge::answering([Answer::score(4.0), answer]).await;
        let judge = judge(&config(&fake));
        ask(&judge).await.unwrap();
        let error = ask(&judge).await.unwrap_err();
        assert_eq!((error.code(), error.disposition(), fake.count()), (code, Disposition::Reject, 2));
    }
}

#[tokio::test]
async fn passing_failures_are_repeated() {
    let fake = FakeJudge::answering([
        Answer::error(500, json!({"error": {"message": "oops"}})),
        Answer::html(),
        Answer::Says(String::new()).after(Duration::ZERO),
        Answer::Drops,
        Answer::score(1.0),
    ])
    .await;
    let reply = ask(&judge(&config(&fake))).await.unwrap();
    assert_eq!((score(&reply), reply.calls), (Some(1.0), 5));
}

#[tokio::test]
async fn repetitions_end() {
    let fake = FakeJudge::answering([Answer::html()]).await;
    let config = JudgeConfig { retries: 2, ..config(&fake) };
    let error = ask(&judge(&config)).await.unwrap_err();
    assert_eq!((error.code(), fake.count()), ("bad_response", 3));
    assert_eq!(error.to_string(), "judge `default`: the answer is an HTML page; check `base_url` and `provider`");
    assert_eq!(error.disposition(), Disposition::Retry { after: None, counts: false }, "it answered nobody else");
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_and_lowers_concurrency() {
    let fake = FakeJudge::answering([Answer::rate_limited("retry-after-ms", "300"), Answer::score(4.0)]).await;
    let judge = judge(&config(&fake));
    assert_eq!(judge.concurrency(), 16);
    let reply = ask(&judge).await.unwrap();
    assert_eq!((score(&reply), reply.calls), (Some(4.0), 2));
    let requests = fake.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_millis(300));
    assert_eq!(judge.concurrency(), 8);
}

#[tokio::test]
async fn a_long_retry_after_is_the_callers_to_wait_for() {
    for value in ["3000".to_owned(), httpdate_in(3000)] {
        let fake = FakeJudge::answering([Answer::rate_limited("retry-after", &value)]).await;
        let judge = judge(&config(&fake));
        let error = ask(&judge).await.unwrap_err();
        let Disposition::Retry { after: Some(after), counts: false } = error.disposition() else { panic!("{error}") };
        assert!((2990..=3000).contains(&after.as_secs()), "{value}: {after:?}");
        assert!(judge.paused_for().unwrap().as_secs() >= 2980);
        assert_eq!(ask(&judge).await.unwrap_err().code(), "rate_limited");
        assert_eq!(fake.count(), 1, "nothing is sent meanwhile");
    }
}

fn httpdate_in(seconds: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[tokio::test]
async fn no_error_and_no_log_line_holds_the_key_or_the_subject() {
    let log = capture_log();
    let echo =
        json!({"error": {"message": format!("bad: {SUBJECT} {KEY}"), "code": format!("{KEY} {SUBJECT}"), "type": "x"}});
    for answer in [
        Answer::error(400, echo.clone()),
        Answer::error(401, echo.clone()),
        Answer::error(404, echo.clone()),
        Answer::error(500, echo),
        Answer::Says(format!("{KEY} {SUBJECT}")),
        Answer::Says(json!({"rationale": SUBJECT, "score": SUBJECT}).to_string()),
        Answer::Drops,
        Answer::html(),
        Answer::score(1.0).after(Duration::from_secs(10)),
    ] {
        let fake = FakeJudge::answering([answer]).await;
        let config = JudgeConfig {
            headers: ExtraHeaders(BTreeMap::from([("x-gateway".into(), KEY.into())])),
            retries: 1,
            timeout: Duration::from_millis(200),
            ..config(&fake)
        };
        let judge = judge(&config);
        let error = ask(&judge).await.unwrap_err();
        let mut shown = format!("{error} {error:?} {judge:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown.push_str(&cause.to_string());
            source = cause.source();
        }
        assert!(!shown.contains(SUBJECT) && !shown.contains(KEY), "{shown}");
    }
    let log = log.lock().unwrap();
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("the judge is paused"), "{log}");
    assert!(!log.contains(KEY) && !log.contains(SUBJECT), "{log}");
}

/// Everything that is logged in this thread from now on.
fn capture_log() -> Arc<Mutex<Vec<u8>>> {
    #[derive(Clone)]
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let sink = Sink(Arc::clone(&log));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(move || sink.clone())
        .finish();
    std::mem::forget(tracing::subscriber::set_default(subscriber));
    log
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_given_up() {
    let fake = FakeJudge::answering([Answer::score(1.0).after(Duration::from_secs(10))]).await;
    let started = Instant::now();
    let error = ask_within(&judge(&config(&fake)), Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.code(), "timeout");
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(error.spent().unwrap().cost_usd, None, "it may have been charged");
}

#[tokio::test]
async fn no_more_calls_at_a_time_than_allowed() {
    let fake = FakeJudge::under_load(|_| Answer::score(4.0).after(Duration::from_millis(20))).await;
    let judge = Arc::new(judge(&JudgeConfig { concurrency: 4, ..config(&fake) }));
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let judge = Arc::clone(&judge);
            tokio::spawn(async move { ask(&judge).await.unwrap() })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!((fake.count(), fake.peak()), (40, 4));
}

#[tokio::test]
async fn an_abandoned_evaluation_gives_its_slot_back() {
    let fake = FakeJudge::answering([Answer::score(1.0).after(Duration::from_mins(1)), Answer::score(4.0)]).await;
    let judge = judge(&JudgeConfig { concurrency: 1, ..config(&fake) });
    let abandoned = tokio::time::timeout(Duration::from_millis(200), ask(&judge)).await;
    assert!(abandoned.is_err());
    assert_eq!(score(&ask_within(&judge, Duration::from_secs(3)).await.unwrap()), Some(4.0));
}

#[tokio::test]
async fn requests_per_minute_are_held() {
    let fake = FakeJudge::answering([Answer::score(4.0)]).await;
    let judge = judge(&JudgeConfig { requests_per_minute: Some(600), ..config(&fake) });
    let started = Instant::now();
    for _ in 0..24 {
        ask(&judge).await.unwrap();
    }
    assert!(
        started.elapsed() >= Duration::from_millis(390),
        "a burst of 20, then ten a second: {:?}",
        started.elapsed()
    );
    let too_late = ask_within(&judge, Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(too_late.code(), "saturated");
    assert_eq!(fake.count(), 24);
}

#[tokio::test]
async fn a_call_that_the_budget_does_not_cover_is_not_made() {
    let fake = FakeJudge::answering([Answer::score(4.0)]).await;
    let config = JudgeConfig {
        prices: Some(Prices { input: 10.0, output: 100.0, cached_input: None, cache_write: None }),
        max_output_tokens: 100,
        daily_budget_usd: Some(0.02),
        ..config(&fake)
    };
    let budget = Arc::new(MemoryBudget::default());
    let judge =
        Judge::from_config("default", &config, JudgeEnvironment { budget: budget.clone(), ..environment() }).unwrap();
    let reply = ask(&judge).await.unwrap();
    assert_eq!(reply.cost_usd, Some(0.003));
    assert_eq!(budget.spent("default", jiff::Timestamp::now()).0.usd(), 0.003, "settled, not as reserved");
    let mut calls = 1;
    let error = loop {
        match ask(&judge).await {
            Ok(_) => calls += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "budget_exhausted");
    assert!(matches!(error.disposition(), Disposition::Pause { .. }));
    assert!(judge.paused_for().is_some());
    assert_eq!(fake.count(), calls);
    assert!((2..=6).contains(&calls), "0.02 covers six calls at most: {calls}");
    let daily = Limits::new(Some(0.02), None, None);
    let account = crate::judges::budget::Account { judge: "default".into(), daily, monthly: Limits::default() };
    let left = Amounts::of_call(0.02 - 0.003 * calls as f64 - 1e-6, 0.0);
    assert!(budget.reserve(&account, left, jiff::Timestamp::now()).await.is_ok(), "nothing stays reserved");
    let state = judge.state();
    assert_eq!(state.obstacle.map(|obstacle| obstacle.code).as_deref(), Some("budget_exhausted"));
    assert_eq!(state.calls_per_minute, calls as f64);
}

#[tokio::test]
async fn a_call_that_no_day_has_room_for_fails_alone() {
    let fake = FakeJudge::answering([Answer::score(4.0)]).await;
    let judge = judge(&JudgeConfig { max_output_tokens: 100, daily_budget_tokens: Some(150), ..config(&fake) });
    let error = ask_about(&judge, &"word ".repeat(200), Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(error.code(), "larger_than_budget");
    assert!(matches!(error.disposition(), Disposition::Reject));
    assert_eq!(judge.paused_for(), None);
    assert_eq!(fake.count(), 0);
}

#[tokio::test]
async fn a_budget_without_a_price_is_one_of_calls_and_tokens() {
    let fake = FakeJudge::answering([Answer::score(4.0)]).await;
    let config = JudgeConfig {
        model: Some("gpt-6-mini".into()),
        daily_budget_usd: Some(20.0),
        daily_budget_calls: Some(3),
        ..config(&fake)
    };
    let judge = judge(&config);
    for _ in 0..3 {
        assert_eq!(ask(&judge).await.unwrap().cost_usd, None, "not known is not free");
    }
    let error = ask(&judge).await.unwrap_err();
    assert_eq!(error.code(), "budget_exhausted");
    let Disposition::Pause { after } = error.disposition() else { panic!("{error}") };
    assert!(after <= Duration::from_mins(1), "what others have set aside may come back before midnight");
    assert_eq!(fake.count(), 3);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let fake = FakeJudge::answering([Answer::Floods(512 * 1024 * 1024)]).await;
    let config = JudgeConfig { retries: 0, ..config(&fake) };
    let error = ask(&judge(&config)).await.unwrap_err();
    assert_eq!(error.code(), "bad_response");
    assert!(error.to_string().contains("larger than 2 MiB"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = FakeJudge::answering([Answer::score(5.0)]).await;
    let location = vec![("location", elsewhere.base_url())];
    let fake = FakeJudge::answering([Answer::Status { status: 307, headers: location, body: String::new() }]).await;
    let error = ask(&judge(&JudgeConfig { retries: 0, ..config(&fake) })).await.unwrap_err();
    assert_eq!(error.code(), "bad_response");
    assert_eq!(elsewhere.count(), 0, "the key went nowhere else");
}

#[test]
fn a_wrong_section_is_refused_with_the_remedy() {
    let refused = |text: &str| {
        let config: JudgeConfig = toml::from_str(text).unwrap();
        Judge::from_config("mine", &config, environment()).unwrap_err().to_string()
    };
    assert_eq!(
        refused("model = \"m\""),
        "[judges.mine] provider: missing, though `model` is given; add `provider = \"openai\"`, `\"anthropic\"` or `\"decisions\"`"
    );
    assert_eq!(
        refused("provider = \"openai\"\nmodel = \"m\"\napi_key_env = \"NOT_SET\""),
        "[judges.mine] api_key_env: the environment variable `NOT_SET` is not set or empty; set it, or use `api_key_file`"
    );
    assert_eq!(
        refused("provider = \"openai\""),
        "[judges.mine] model: missing; name the model as the endpoint knows it"
    );
    for (text, key) in [
        ("base_url = \"localhost:1234\"", "base_url"),
        ("base_url = \"http://x/v1/chat/completions\"", "base_url"),
        ("base_url = \"http://user:key@x/v1\"", "base_url"),
        ("concurrency = 0", "concurrency"),
        ("timeout = \"0s\"", "timeout"),
        ("omit = [\"top_p\"]", "omit"),
        ("extra_body = { model = \"x\" }", "extra_body"),
        ("api_key_file = \"/nowhere/key\"", "api_key_file"),
        ("api_key_header = \"a b\"", "api_key_header"),
        ("temperature = -1.0", "temperature"),
    ] {
        let error = refused(&format!("provider = \"openai\"\nmodel = \"m\"\n{text}"));
        assert!(error.starts_with(&format!("[judges.mine] {key}: ")), "{text}: {error}");
    }
}

#[test]
fn without_configuration_the_baseline_judges() {
    let judges = Judges::from_config(&BTreeMap::new(), &environment()).unwrap();
    let names: Vec<&str> = judges.all().map(|judge| judge.name()).collect();
    assert_eq!(names, ["baseline", "default"]);
    let wrong: BTreeMap<String, JudgeConfig> =
        toml::from_str("[a]\nprovider = \"openai\"\n[b]\nprovider = \"openai\"\n").unwrap();
    let error = Judges::from_config(&wrong, &environment()).unwrap_err();
    assert_eq!(error.0.len(), 2, "all problems at once");
}
