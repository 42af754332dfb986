//! The System One dialect: `POST …/systemone` with a state and a map of questions. Pure.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::answer::{AnswerProblem, Members, Reading, Said, by_id};
use super::probabilities::{of_map, of_yes, said_of};
use super::question::{Form, Question};
use crate::judges::completion::{Loose, NoCompletion, Number, instead};
use crate::judges::request::JudgeUsage;

/// The members of a request.
pub(super) fn members(state: &RawValue, questions: &[Question<'_>]) -> Vec<(&'static str, Box<RawValue>)> {
    let questions: Map<String, Json> =
        questions.iter().map(|question| (question.id.clone(), question_of(question))).collect();
    let questions = serde_json::value::to_raw_value(&questions).unwrap_or_default();
    vec![("state", state.to_owned()), ("questions", questions)]
}

fn question_of(question: &Question<'_>) -> Json {
    let (kind, criteria) = match question.form {
        Form::Predicate => {
            let mut texts = question.choices.iter().map(|choice| Json::from(choice.text));
            ("noul", json!({"true": texts.next(), "false": texts.next()}))
        }
        Form::Choice => ("choice", described(question, |text| if text.is_empty() { Json::Null } else { text.into() })),
        Form::Score => ("score", question.choices.iter().map(|choice| choice.text).collect()),
    };
    json!({"type": kind, "instructions": question.instructions, "criteria": criteria})
}

/// A map from option to description, in the order of the options.
pub(super) fn described(question: &Question<'_>, text: impl Fn(&str) -> Json) -> Json {
    question.choices.iter().map(|choice| (choice.name.to_owned(), text(choice.text))).collect::<Map<_, _>>().into()
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    id: Loose<String>,
    #[serde(default)]
    model: Loose<String>,
    answers: Members,
    #[serde(default)]
    usage: Loose<Usage>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default, rename = "input_tokens")]
    input: Loose<Number>,
    #[serde(default, rename = "output_tokens")]
    output: Loose<Number>,
    /// OpenRouter's own figure, in US dollars.
    #[serde(default)]
    cost: Loose<Number>,
}

/// Reads the body of a successful response.
pub(super) fn read(body: &[u8], questions: &[Question<'_>]) -> Result<Reading, NoCompletion> {
    let Ok(response) = serde_json::from_slice::<Response>(body) else { return Err(instead(body)) };
    let usage = response.usage.take();
    Ok(Reading {
        answers: by_id(questions, &response.answers, answer),
        id: response.id.take(),
        model: response.model.take(),
        usage: usage.as_ref().map_or_else(JudgeUsage::default, |usage| JudgeUsage {
            input_tokens: usage.input.count(),
            // Output is free, and some servers do not count it.
            output_tokens: usage.output.count().or(usage.input.count().map(|_| 0)),
            ..JudgeUsage::default()
        }),
        cost_usd: usage.and_then(|usage| usage.cost.number()),
    })
}

/// Reads one answer; Gemini's are the same.
pub(super) fn answer(question: &Question<'_>, answer: &Json) -> Result<Said, AnswerProblem> {
    let kind = answer.get("type").and_then(Json::as_str);
    let is = |expected: &str| kind.is_none_or(|kind| kind == expected);
    match question.form {
        Form::Predicate if is("noul") => {
            let yes = answer.get("noul").ok_or(AnswerProblem::NoProbabilities)?;
            let probabilities = of_yes(yes.as_f64().ok_or(AnswerProblem::NoProbability)?)?;
            Ok(said_of(question, answer, probabilities, None))
        }
        Form::Choice if is("choice") => of_map(question, answer, answer.get("choice").and_then(Json::as_str)),
        Form::Score if is("score") => of_map(question, answer, None),
        _ => Err(AnswerProblem::OtherType),
    }
}
