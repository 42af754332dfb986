//! OpenAI's Decisions dialect: a list of questions, a list of answers, and refusals of single questions. Pure.

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value as Json, json};

use super::answer::{AnswerProblem, Reading, Said};
use super::probabilities::{of_pairs, of_yes, said_of};
use super::question::{Form, Question};
use crate::judges::completion::{Loose, NoCompletion, Number, instead};
use crate::judges::request::JudgeUsage;

/// What a part of JSON may be at most; a larger state goes as text.
const LARGEST_JSON: usize = 256 * 1024;
const DEEPEST_JSON: usize = 32;
const MOST_VALUES: usize = 10_000;

/// The members of a request.
pub(super) fn members(state: &RawValue, questions: &[Question<'_>]) -> Vec<(&'static str, Box<RawValue>)> {
    let part = if fits(state.get()) {
        format!(r#"{{"type":"input_json","data":{}}}"#, state.get())
    } else {
        json!({"type": "input_text", "text": state.get()}).to_string()
    };
    let input = RawValue::from_string(format!(r#"[{{"role":"user","content":[{part}]}}]"#)).unwrap_or_default();
    let questions: Vec<Json> = questions.iter().map(question_of).collect();
    vec![("input", input), ("questions", to_raw_value(&questions).unwrap_or_default())]
}

/// Whether the state is JSON as the endpoint takes it: counted too high rather than too low.
fn fits(state: &str) -> bool {
    let (mut depth, mut deepest, mut values) = (0_usize, 0_usize, 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in state.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                depth += 1;
                values += 2;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
    }
    // What the state wraps counts as well.
    state.len() <= LARGEST_JSON && deepest <= DEEPEST_JSON && values <= MOST_VALUES
}

fn question_of(question: &Question<'_>) -> Json {
    let described = |name: &str, key: &str, text: &str| {
        let mut option = json!({ key: name });
        if !text.is_empty() {
            option["description"] = text.into();
        }
        option
    };
    let (id, instructions) = (&question.id, question.instructions);
    match question.form {
        Form::Predicate => {
            // There is no place for what yes and no mean.
            let mut texts = question.choices.iter().map(|choice| choice.text);
            let (yes, no) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
            let instructions = format!("{instructions}\nTrue: {yes}\nFalse: {no}");
            json!({"type": "predicate", "name": id, "instructions": instructions})
        }
        Form::Choice => {
            let choices: Vec<Json> =
                question.choices.iter().map(|choice| described(choice.name, "value", choice.text)).collect();
            json!({"type": "choice", "name": id, "instructions": instructions, "choices": choices})
        }
        Form::Score => {
            let levels: Vec<Json> =
                question.choices.iter().map(|choice| described(choice.name, "label", choice.text)).collect();
            json!({"type": "score", "name": id, "instructions": instructions, "levels": levels})
        }
    }
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    id: Loose<String>,
    #[serde(default)]
    model: Loose<String>,
    answers: Vec<Json>,
    #[serde(default)]
    usage: Loose<Usage>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default, rename = "input_tokens")]
    input: Loose<Number>,
    #[serde(default, rename = "output_tokens")]
    output: Loose<Number>,
    #[serde(default, rename = "input_tokens_details")]
    details: Loose<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default, rename = "cached_tokens")]
    cached: Loose<Number>,
    #[serde(default, rename = "cache_write_tokens")]
    written: Loose<Number>,
}

/// Reads the body of a successful response.
pub(super) fn read(body: &[u8], questions: &[Question<'_>]) -> Result<Reading, NoCompletion> {
    let Ok(response) = serde_json::from_slice::<Response>(body) else { return Err(instead(body)) };
    let usage = response.usage.take();
    let details = usage.as_ref().and_then(|usage| match &usage.details {
        Loose::Given(details) => Some(details),
        Loose::Other(_) => None,
    });
    let input = usage.as_ref().and_then(|usage| usage.input.count());
    let usage = JudgeUsage {
        input_tokens: input,
        output_tokens: usage.as_ref().and_then(|usage| usage.output.count()).or(input.map(|_| 0)),
        cached_input_tokens: details.and_then(|details| details.cached.count()),
        cache_write_input_tokens: details.and_then(|details| details.written.count()),
    };
    let answers = attributed(&response.answers, questions);
    Ok(Reading { answers, id: response.id.take(), model: response.model.take(), usage, cost_usd: None })
}

/// The answer of every question: by name where the answers have one, by position where none has and there are as many as
/// questions. Anything between might attach a verdict to another rubric, and nothing of the call is used.
fn attributed(answers: &[Json], questions: &[Question<'_>]) -> Vec<Result<Said, AnswerProblem>> {
    let name = |answer: &Json| answer.get("name").and_then(Json::as_str).map(str::to_owned);
    let names: Vec<Option<String>> = answers.iter().map(name).collect();
    if names.iter().all(Option::is_none) {
        return if answers.len() == questions.len() {
            questions.iter().zip(answers).map(|(question, answer)| read_answer(question, answer)).collect()
        } else {
            vec![Err(AnswerProblem::Ambiguous); questions.len()]
        };
    }
    let is_repeated = |index: usize| names[..index].contains(&names[index]);
    if (0..names.len()).any(|index| names[index].is_none() || is_repeated(index)) {
        return vec![Err(AnswerProblem::Ambiguous); questions.len()];
    }
    questions
        .iter()
        .map(|question| {
            let place = names.iter().position(|name| name.as_deref() == Some(&question.id));
            read_answer(question, &answers[place.ok_or(AnswerProblem::Missing)?])
        })
        .collect()
}

fn read_answer(question: &Question<'_>, answer: &Json) -> Result<Said, AnswerProblem> {
    let kind = answer.get("type").and_then(Json::as_str).unwrap_or_default();
    match (kind, question.form) {
        ("refusal", _) => Ok(Said::Refused),
        ("predicate", Form::Predicate) => {
            let yes = answer.get("probability").ok_or(AnswerProblem::NoProbabilities)?;
            let probabilities = of_yes(yes.as_f64().ok_or(AnswerProblem::NoProbability)?)?;
            Ok(said_of(question, answer, probabilities, None))
        }
        ("choice", Form::Choice) => listed(question, answer, answer.get("choice").and_then(Json::as_str)),
        ("score", Form::Score) => listed(question, answer, None),
        _ => Err(AnswerProblem::OtherType),
    }
}

/// An answer whose probabilities are a list of `{value, probability}`; the value of a level is its index.
fn listed(question: &Question<'_>, answer: &Json, said: Option<&str>) -> Result<Said, AnswerProblem> {
    let list = answer.get("probabilities").and_then(Json::as_array).ok_or(AnswerProblem::NoProbabilities)?;
    let pairs: Option<Vec<(String, Option<f64>)>> = list
        .iter()
        .map(|pair| {
            let value = match pair.get("value")? {
                Json::String(text) if question.form == Form::Choice => text.clone(),
                Json::Number(index) if question.form == Form::Score => index.to_string(),
                _ => return None,
            };
            Some((value, pair.get("probability").and_then(Json::as_f64)))
        })
        .collect();
    let pairs = pairs.ok_or(AnswerProblem::OtherOptions)?;
    let probabilities = of_pairs(question, pairs.iter().map(|(name, number)| (name.as_str(), *number)))?;
    Ok(said_of(question, answer, probabilities, said))
}
