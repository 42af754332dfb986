//! Decision models against a scripted endpoint.

mod answers;
mod failures;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Asked, DecisionRequest};
use crate::config::judges::{Dialect, Envelope, JudgeConfig, Prices, Provider};
use crate::judges::{Judge, JudgeEnvironment, JudgeError, JudgeReply};
use crate::model::{Decision, Named as _, Scale, StateField, SubjectContent, Verdict};
use crate::testing::fake_judge::{Answer, FakeJudge};

const KEY: &str = "sk-very-secret-key";
const ANSWER: &str = "The parcel of Zacharias Quimby arrives on Friday.";

fn environment() -> JudgeEnvironment {
    JudgeEnvironment {
        variables: Arc::new(|name| (name == "TEST_KEY").then(|| KEY.to_owned())),
        random: Arc::new(|| 0.01),
        ..JudgeEnvironment::default()
    }
}

fn config(fake: &FakeJudge, dialect: Dialect) -> JudgeConfig {
    JudgeConfig {
        provider: Provider::Decisions,
        dialect: Some(dialect),
        base_url: Some(fake.base_url()),
        model: Some("decider-latest".into()),
        api_key_env: Some("TEST_KEY".into()),
        timeout: Duration::from_secs(5),
        prices: Some(Prices { input: 1.0, output: 0.0, cached_input: None, cache_write: None }),
        ..JudgeConfig::default()
    }
}

fn judge(config: &JudgeConfig) -> Judge {
    Judge::from_config("decider", config, environment()).unwrap()
}

fn content() -> SubjectContent {
    SubjectContent {
        input: Some("Where is my parcel?".into()),
        output: Some(ANSWER.into()),
        ..SubjectContent::default()
    }
}

/// A yes or no, a choice, and levels.
fn scales() -> [Scale; 3] {
    let labels = ["friendly", "neutral", "rude"].map(|label| (label.to_owned(), format!("when it is {label}")));
    [
        Scale::Binary { pass: "It addresses it".into(), fail: "It does not".into() },
        Scale::categorical(labels.into(), vec!["friendly".into()]).unwrap(),
        Scale::ordinal(vec![(1, "No use".into()), (2, "Some use".into()), (4, "Solves it".into())], None).unwrap(),
    ]
}

const NAMES: [&str; 3] = ["on_topic", "tone", "help"];

/// Asks for a verdict by all three rubrics.
async fn decide_on(judge: &Judge, content: &SubjectContent, abstain: bool) -> Vec<Result<JudgeReply, JudgeError>> {
    let scales = scales();
    let decisions: Vec<Decision> = scales
        .iter()
        .map(|scale| Decision::derived("Is it good?", scale, vec![StateField::Input, StateField::Output]))
        .collect();
    let asked = NAMES.iter().zip(&scales).zip(&decisions).map(|((rubric, scale), decision)| Asked {
        evaluation: None,
        rubric,
        version: 1,
        scale,
        abstain,
        decision,
    });
    let request = DecisionRequest {
        content,
        fields: &decisions[0].fields,
        asked: asked.collect(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        deadline: Duration::from_secs(20),
    };
    judge.decide(&request).await
}

async fn decide(judge: &Judge) -> Vec<Result<JudgeReply, JudgeError>> {
    decide_on(judge, &content(), false).await
}

/// What a mock answers that is not a decision made by itself.
fn said(body: Json) -> Answer {
    Answer::Status { status: 200, headers: vec![("content-type", "application/json".into())], body: body.to_string() }
}

/// `pass`, a label, a number, or the code of the failure.
fn verdicts(outcomes: &[Result<JudgeReply, JudgeError>]) -> Vec<String> {
    let verdict = |outcome: &Result<JudgeReply, JudgeError>| match outcome {
        Ok(reply) => match &reply.verdict {
            Verdict::Scored { score, .. } => {
                score.label().map(str::to_owned).or(score.number().map(|number| number.to_string())).unwrap()
            }
            Verdict::Abstained { .. } => "abstained".to_owned(),
        },
        Err(error) => error.code().to_owned(),
    };
    outcomes.iter().map(verdict).collect()
}

#[tokio::test]
async fn one_call_judges_by_all_rubrics_in_every_dialect() {
    for (dialect, path, key) in [
        (Dialect::Systemone, "/v1/systemone", "authorization"),
        (Dialect::Openai, "/v1/decisions", "authorization"),
        (Dialect::Gemini, "/v1/decisions", "x-goog-api-key"),
    ] {
        let fake = FakeJudge::answering([Answer::Decides(0.8)]).await;
        let outcomes = decide(&judge(&config(&fake, dialect))).await;
        assert_eq!(verdicts(&outcomes), ["pass", "friendly", "1"], "{dialect:?}");
        assert_eq!(fake.count(), 1);
        let request = &fake.requests()[0];
        assert_eq!(request.uri.path(), path);
        assert!(request.header(key).unwrap().ends_with(KEY));
        assert_eq!(request.body["model"], "decider-latest");
        let first = outcomes[0].as_ref().unwrap();
        let distribution = first.distribution.as_ref().unwrap();
        assert_eq!(distribution.points[0].probability, 0.8);
        assert_eq!(distribution.origin.dialect, dialect.as_str());
        assert_eq!(distribution.origin.requested_model, "decider-latest");
        assert!(first.verdict == Verdict::Scored { score: score_of(first), rationale: String::new() });
    }
}

fn score_of(reply: &JudgeReply) -> crate::model::Score {
    match &reply.verdict {
        Verdict::Scored { score, .. } => score.clone(),
        Verdict::Abstained { .. } => panic!("no score"),
    }
}

#[tokio::test]
async fn a_request_says_each_thing_where_its_contract_has_it() {
    let mut bodies = String::new();
    for (dialect, abstain) in
        [(Dialect::Systemone, false), (Dialect::Systemone, true), (Dialect::Openai, true), (Dialect::Gemini, false)]
    {
        let fake = FakeJudge::answering([Answer::Decides(0.8)]).await;
        decide_on(&judge(&config(&fake, dialect)), &content(), abstain).await;
        let body = serde_json::to_string_pretty(&fake.requests()[0].body).unwrap();
        bodies.push_str(&format!("--- {} (abstain: {abstain})\n{body}\n", dialect.as_str()));
    }
    insta::assert_snapshot!(bodies);
}

#[tokio::test]
async fn what_a_call_used_up_is_shared_and_adds_up() {
    let fake = FakeJudge::answering([Answer::Decides(0.8)]).await;
    let outcomes = decide(&judge(&config(&fake, Dialect::Openai))).await;
    let parts: Vec<i64> = outcomes.iter().map(|one| one.as_ref().unwrap().usage.input_tokens.unwrap()).collect();
    assert_eq!(parts.iter().sum::<i64>(), 100);
    assert!(parts.iter().all(|part| (20..50).contains(part)), "{parts:?}");
    let cost: f64 = outcomes.iter().map(|one| one.as_ref().unwrap().cost_usd.unwrap()).sum();
    assert!((cost - 100.0 / 1e6).abs() < 1e-12);
}

#[tokio::test]
async fn an_option_to_abstain_is_one_that_can_win() {
    let fake = FakeJudge::deciding(|request| {
        let mut answers = serde_json::Map::new();
        for (id, question) in request.body["questions"].as_object().unwrap() {
            assert_eq!(question["type"], "choice");
            let labels: Vec<String> = question["criteria"].as_object().unwrap().keys().cloned().collect();
            let rest = 0.4 / (labels.len() - 1) as f64;
            let probabilities: serde_json::Map<String, Json> = labels
                .iter()
                .map(|label| (label.clone(), json!(if label == "cannot_tell" { 0.6 } else { rest })))
                .collect();
            answers
                .insert(id.clone(), json!({"type": "choice", "choice": "cannot_tell", "probabilities": probabilities}));
        }
        said(json!({"model": "d-1.0.0", "answers": answers, "usage": {"input_tokens": 9, "output_tokens": 0}}))
    })
    .await;
    let outcomes = decide_on(&judge(&config(&fake, Dialect::Systemone)), &content(), true).await;
    assert_eq!(verdicts(&outcomes), ["abstained", "abstained", "abstained"]);
    let distribution = outcomes[2].as_ref().unwrap().distribution.as_ref().unwrap();
    assert_eq!((distribution.abstention, distribution.points.len()), (Some(0.6), 3));
}

#[tokio::test]
async fn a_gateways_envelope_is_taken_off() {
    let fake = FakeJudge::deciding(|request| {
        let result = crate::testing::decision_replies::deciding("/systemone", &request.body, 0.9);
        said(json!({"result": result, "success": true, "errors": [], "messages": []}))
    })
    .await;
    let config = JudgeConfig {
        envelope: Some(Envelope::Cloudflare),
        base_url: Some(fake.base_url() + "/ai/run/@cf/cloudflare/clef"),
        ..config(&fake, Dialect::Systemone)
    };
    assert_eq!(verdicts(&decide(&judge(&config)).await), ["pass", "friendly", "1"]);
    assert_eq!(fake.requests()[0].uri.path(), "/v1/ai/run/@cf/cloudflare/clef");
}

#[test]
fn a_section_must_say_what_the_address_does_not() {
    let problem = |config: JudgeConfig| {
        let config = JudgeConfig { model: Some("m".into()), ..config };
        Judge::from_config("d", &config, environment()).map(|_| ()).unwrap_err().to_string()
    };
    let decisions = || JudgeConfig { provider: Provider::Decisions, ..JudgeConfig::default() };
    assert!(problem(decisions()).contains("dialect: missing"));
    let foreign = JudgeConfig { provider: Provider::Openai, dialect: Some(Dialect::Openai), ..JudgeConfig::default() };
    assert!(problem(foreign).contains("belongs to `provider = \"decisions\"`"));
    let wrapped =
        JudgeConfig { dialect: Some(Dialect::Systemone), envelope: Some(Envelope::Cloudflare), ..decisions() };
    assert!(problem(wrapped).contains("base_url: missing"));
    let assets = serde_json::from_value(json!({"assets": {"{{img}}": "x"}})).unwrap();
    assert!(
        problem(JudgeConfig { dialect: Some(Dialect::Systemone), extra_body: assets, ..decisions() })
            .contains("assets")
    );
    assert_eq!(Dialect::NAMES, ["systemone", "openai", "gemini"]);
}

#[tokio::test]
async fn doctor_asks_a_decision_model_a_harmless_question() {
    let fake = FakeJudge::answering([Answer::Decides(0.9)]).await;
    let said = judge(&config(&fake, Dialect::Systemone)).check().await.unwrap();
    assert!(said.contains("decider-latest answered as tiny-decider-1.2.0"), "{said}");
    assert!(said.contains("a decision model, by probabilities"), "{said}");
}
