//! Which answers are verdicts, and of which rubric.

use serde_json::{Value as Json, json};

use super::{config, decide, judge, said, verdicts};
use crate::config::judges::Dialect;
use crate::judges::{JudgeError, JudgeReply};
use crate::testing::fake_judge::{Answer, FakeJudge};

fn predicate(name: &Json, probability: f64) -> Json {
    json!({"type": "predicate", "name": name, "probability": probability})
}

fn choice(name: &Json, chosen: &str, probabilities: [f64; 3]) -> Json {
    let pairs = ["friendly", "neutral", "rude"].iter().zip(probabilities);
    let list: Vec<Json> =
        pairs.map(|(value, probability)| json!({"value": value, "probability": probability})).collect();
    json!({"type": "choice", "name": name, "choice": chosen, "confidence": 0.1, "probabilities": list})
}

fn levels(name: &Json, probabilities: [f64; 3]) -> Json {
    let list: Vec<Json> = probabilities
        .iter()
        .enumerate()
        .map(|(value, probability)| json!({"value": value, "label": "l", "probability": probability}))
        .collect();
    json!({"type": "score", "name": name, "score": 1.0, "confidence": 0.1, "probabilities": list})
}

/// One answer to each question, under these names.
fn three(names: [Json; 3]) -> Vec<Json> {
    let [topic, tone, help] = &names;
    vec![predicate(topic, 0.2), choice(tone, "rude", [0.1, 0.2, 0.7]), levels(help, [0.0, 0.1, 0.9])]
}

async fn openai(answers: Vec<Json>) -> Vec<String> {
    let body = json!({"model": "gpt-6-luna", "answers": answers, "usage": {"input_tokens": 10, "output_tokens": 3}});
    let fake = FakeJudge::answering([said(body)]).await;
    let verdicts = verdicts(&decide(&judge(&config(&fake, Dialect::Openai))).await);
    assert_eq!(fake.count(), 1, "nothing is asked twice");
    verdicts
}

#[tokio::test]
async fn answers_go_by_name_or_by_position_and_never_to_another_rubric() {
    let named = || three([json!("on_topic_v1"), json!("tone_v1"), json!("help_v1")]);
    let right = ["fail", "rude", "4"];
    assert_eq!(openai(named()).await, right);
    let mut turned = named();
    turned.rotate_left(1);
    assert_eq!(openai(turned).await, right, "in another order");
    assert_eq!(openai(three([Json::Null, Json::Null, Json::Null])).await, right, "none is named");

    let ambiguous = ["wrong_schema", "wrong_schema", "wrong_schema"];
    assert_eq!(openai(three([json!("on_topic_v1"), json!("tone_v1"), json!("tone_v1")])).await, ambiguous);
    assert_eq!(openai(three([json!("on_topic_v1"), Json::Null, json!("help_v1")])).await, ambiguous);
    let mut fewer = three([Json::Null, Json::Null, Json::Null]);
    fewer.remove(0);
    assert_eq!(openai(fewer).await, ambiguous, "which of them is missing?");
    let mut missing = named();
    missing.remove(1);
    assert_eq!(openai(missing).await, ["fail", "wrong_schema", "4"]);
}

#[tokio::test]
async fn a_refusal_is_of_one_question() {
    let mut answers = three([json!("on_topic_v1"), json!("tone_v1"), json!("help_v1")]);
    answers[1] = json!({"type": "refusal", "name": "tone_v1"});
    let body = json!({"model": "gpt-6-luna", "answers": answers, "usage": {"input_tokens": 100, "output_tokens": 3}});
    let fake = FakeJudge::answering([said(body)]).await;
    let outcomes = decide(&judge(&config(&fake, Dialect::Openai))).await;
    assert_eq!(verdicts(&outcomes), ["fail", "refused", "4"]);
    let refused = outcomes[1].as_ref().unwrap_err();
    assert!(refused.is_refusal());
    let tokens = |one: &Result<JudgeReply, JudgeError>| match one {
        Ok(reply) => reply.usage.input_tokens,
        Err(error) => error.spent().and_then(|spent| spent.usage.input_tokens),
    };
    assert_eq!(outcomes.iter().filter_map(tokens).sum::<i64>(), 100, "counted once");
    assert_eq!(fake.count(), 1);
}

#[tokio::test]
async fn a_blocked_request_is_refused_for_every_rubric() {
    let body = json!({"prompt_feedback": {"block_reason": "PROHIBITED"}, "usage": {"total_input_tokens": 30}});
    let fake = FakeJudge::answering([said(body)]).await;
    let outcomes = decide(&judge(&config(&fake, Dialect::Gemini))).await;
    assert_eq!(verdicts(&outcomes), ["refused", "refused", "refused"]);
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap_err().is_refusal()));
    assert_eq!(fake.count(), 1);
}

fn systemone(answers: Json) -> Answer {
    said(json!({"model": "d-1.0.0", "answers": answers, "usage": {"input_tokens": 9, "output_tokens": 0}}))
}

async fn of_systemone(topic: Json, tone: Json, help: Json) -> Vec<String> {
    let fake = FakeJudge::answering([systemone(json!({"on_topic_v1": topic, "tone_v1": tone, "help_v1": help}))]).await;
    verdicts(&decide(&judge(&config(&fake, Dialect::Systemone))).await)
}

#[tokio::test]
async fn an_answer_that_is_missing_extra_or_of_another_type_touches_no_other() {
    let tone =
        json!({"type": "choice", "choice": "rude", "probabilities": {"friendly": 0.1, "neutral": 0.2, "rude": 0.7}});
    let answers = json!({
        "on_topic_v1": {"type": "box", "box": {"top": 0, "bottom": 1, "left": 0, "right": 1}, "confidence": null},
        "tone_v1": tone,
        "somebody_elses": {"type": "noul", "noul": 0.1},
    });
    let fake = FakeJudge::answering([systemone(answers)]).await;
    let outcomes = decide(&judge(&config(&fake, Dialect::Systemone))).await;
    assert_eq!(verdicts(&outcomes), ["wrong_schema", "rude", "wrong_schema"]);
    assert_eq!(fake.count(), 1);
    let error = outcomes[0].as_ref().unwrap_err();
    assert_eq!(
        error.to_string(),
        "judge `decider`: the answer is no verdict: the answer is of another type than the question"
    );
}

#[tokio::test]
async fn numbers_are_a_distribution_within_a_tolerance_or_none() {
    let tone = |friendly: f64, neutral: f64, rude: f64| json!({"type": "choice", "probabilities": {"friendly": friendly, "neutral": neutral, "rude": rude}});
    let help = |pairs: Json| json!({"type": "score", "score": 0.5, "probabilities": pairs});
    let yes = json!({"type": "noul", "noul": 0.5});
    let sound = help(json!({"0": 0.2, "1": 0.3, "2": 0.5}));

    assert_eq!(of_systemone(yes.clone(), tone(0.34, 0.33, 0.34), sound.clone()).await, ["pass", "friendly", "4"]);
    for (of_tone, why) in [
        (tone(0.4, 0.4, 0.4), "adds up to 1.2"),
        (tone(0.2, 0.2, 0.4), "adds up to 0.8"),
        (tone(-0.1, 0.5, 0.6), "negative"),
        (json!({"type": "choice", "probabilities": {"friendly": 0.5, "neutral": 0.5}}), "one option is missing"),
        (
            json!({"type": "choice", "probabilities": {"friendly": 0.5, "neutral": 0.2, "rude": 0.2, "kind": 0.1}}),
            "one too many",
        ),
        (json!({"type": "choice", "probabilities": {"friendly": "0.5", "neutral": 0.2, "rude": 0.3}}), "text"),
        (json!({"type": "choice", "choice": "rude"}), "no probabilities"),
    ] {
        assert_eq!(of_systemone(yes.clone(), of_tone, sound.clone()).await[1], "wrong_schema", "{why}");
    }
    let lower = json!({"type": "choice", "probabilities": {"Friendly ": 0.5, "NEUTRAL": 0.2, "rude": 0.3}});
    assert_eq!(of_systemone(yes.clone(), lower, sound.clone()).await[1], "friendly", "it has one meaning");
    let one_based = help(json!({"1": 0.2, "2": 0.3, "3": 0.5}));
    assert_eq!(of_systemone(yes.clone(), tone(1.0, 0.0, 0.0), one_based).await[2], "wrong_schema");
    for yes in [json!({"type": "noul", "noul": 1.2}), json!({"type": "noul", "noul": null}), json!({"type": "noul"})] {
        assert_eq!(of_systemone(yes, tone(1.0, 0.0, 0.0), sound.clone()).await[0], "wrong_schema");
    }
}

#[tokio::test]
async fn the_distribution_wins_over_what_is_said_of_it() {
    let tone = json!({"type": "choice", "choice": "rude", "confidence": 0.99,
        "probabilities": {"friendly": 0.6, "neutral": 0.2, "rude": 0.2}});
    // The server says the most probable level where the mean belongs.
    let help =
        json!({"type": "score", "score": 2.0, "confidence": 0.99, "probabilities": {"0": 0.5, "1": 0.0, "2": 0.5}});
    let answers = json!({"on_topic_v1": {"type": "noul", "noul": 0.5}, "tone_v1": tone, "help_v1": help});
    let fake = FakeJudge::answering([systemone(answers)]).await;
    let outcomes = decide(&judge(&config(&fake, Dialect::Systemone))).await;
    assert_eq!(verdicts(&outcomes), ["pass", "friendly", "1"], "0.5 passes at 0.5; the lower of two equal levels");
    let help = outcomes[2].as_ref().unwrap().distribution.as_ref().unwrap();
    assert_eq!((help.expected, help.is_split()), (Some(2.5), true));
    assert_eq!((help.confidence, help.origin.endpoint_confidence), (0.25, Some(0.99)), "our formula, theirs beside it");
}

#[tokio::test]
async fn the_answered_model_is_recorded_and_marked_where_it_names_no_version() {
    for (model, recorded) in [
        (json!("jev-1.13.0"), "jev-1.13.0"),
        (json!("jev-1.14.0"), "jev-1.14.0"),
        (json!(""), "decider-latest (unversioned)"),
        (Json::Null, "decider-latest (unversioned)"),
    ] {
        let body = json!({"model": model, "answers": {"on_topic_v1": {"type": "noul", "noul": 0.9}}});
        let fake = FakeJudge::answering([said(body)]).await;
        let outcomes = decide(&judge(&config(&fake, Dialect::Systemone))).await;
        let reply = outcomes[0].as_ref().unwrap();
        assert_eq!(reply.model.as_deref(), Some(recorded));
        assert_eq!((reply.cost_usd, reply.usage.input_tokens), (None, None), "not counted is not free");
    }
}
