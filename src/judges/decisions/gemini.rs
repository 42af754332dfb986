//! The Gemini dialect: questions as in System One, a text as input, no model in the answer, and a whole request that is
//! blocked. Pure.

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value as Json, json};

use super::answer::{Members, Reading, Said, by_id};
use super::question::{Form, Question};
use super::systemone::{answer, described};
use crate::judges::completion::{Loose, NoCompletion, Number, instead};
use crate::judges::request::JudgeUsage;

/// The members of a request.
pub(super) fn members(state: &RawValue, questions: &[Question<'_>]) -> Vec<(&'static str, Box<RawValue>)> {
    let questions: Map<String, Json> =
        questions.iter().map(|question| (question.id.clone(), question_of(question))).collect();
    vec![
        ("input", to_raw_value(state.get()).unwrap_or_default()),
        ("questions", to_raw_value(&questions).unwrap_or_default()),
    ]
}

fn question_of(question: &Question<'_>) -> Json {
    let (kind, criteria) = match question.form {
        Form::Predicate => {
            let mut texts = question.choices.iter().map(|choice| Json::from(choice.text));
            ("noul", json!({"true_description": texts.next(), "false_description": texts.next()}))
        }
        Form::Choice => ("choice", described(question, |text| text.into())),
        Form::Score => ("score", question.choices.iter().map(|choice| choice.text).collect()),
    };
    json!({"type": kind, "instructions": question.instructions, "criteria": criteria})
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    answers: Option<Members>,
    #[serde(default)]
    prompt_feedback: Option<Feedback>,
    #[serde(default)]
    usage: Loose<Usage>,
}

#[derive(Deserialize)]
struct Feedback {
    #[serde(default)]
    block_reason: Loose<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default, rename = "total_input_tokens")]
    input: Loose<Number>,
    #[serde(default, rename = "total_output_tokens")]
    output: Loose<Number>,
    #[serde(default, rename = "total_cached_tokens")]
    cached: Loose<Number>,
}

/// Reads the body of a successful response. A blocked one is refused for every rubric.
pub(super) fn read(body: &[u8], questions: &[Question<'_>]) -> Result<Reading, NoCompletion> {
    let Ok(response) = serde_json::from_slice::<Response>(body) else { return Err(instead(body)) };
    let is_blocked = response.prompt_feedback.is_some_and(|feedback| feedback.block_reason.take().is_some());
    let answers = match &response.answers {
        Some(answers) => by_id(questions, answers, answer),
        None if is_blocked => vec![Ok(Said::Refused); questions.len()],
        None => return Err(instead(body)),
    };
    let usage = response.usage.take();
    let count = |of: fn(&Usage) -> &Loose<Number>| usage.as_ref().and_then(|usage| of(usage).count());
    let input = count(|usage| &usage.input);
    Ok(Reading {
        answers,
        id: None,
        model: None,
        usage: JudgeUsage {
            input_tokens: input,
            output_tokens: count(|usage| &usage.output).or(input.map(|_| 0)),
            cached_input_tokens: count(|usage| &usage.cached),
            cache_write_input_tokens: None,
        },
        cost_usd: None,
    })
}
