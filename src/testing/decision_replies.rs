//! What decision models reply with when they work as they should, in all three contracts.

use serde_json::{Map, Value as Json, json};

/// An answer to a request that came to `path`: the first option of every question gets `probability`, the others share the rest.
pub fn deciding(path: &str, request: &Json, probability: f64) -> Json {
    match (&request["questions"], path.ends_with("/systemone")) {
        (Json::Array(questions), _) => openai(questions, probability),
        (questions, is_systemone) => {
            let answers: Map<String, Json> = questions
                .as_object()
                .into_iter()
                .flatten()
                .map(|(id, question)| (id.clone(), answer(question, probability)))
                .collect();
            if is_systemone {
                json!({
                    "model": "tiny-decider-1.2.0", "answers": answers,
                    "usage": {"input_tokens": 100 * answers.len(), "output_tokens": 0}
                })
            } else {
                json!({"answers": answers, "usage": {"total_input_tokens": 100, "total_output_tokens": 0}})
            }
        }
    }
}

/// The probabilities of so many options.
fn spread(number: usize, probability: f64) -> Vec<f64> {
    let rest = (1.0 - probability) / (number.max(2) - 1) as f64;
    (0..number).map(|index| if index == 0 { probability } else { rest }).collect()
}

fn answer(question: &Json, probability: f64) -> Json {
    match question["type"].as_str() {
        Some("noul") => json!({"type": "noul", "noul": probability}),
        Some("choice") => {
            let labels: Vec<&String> =
                question["criteria"].as_object().into_iter().flatten().map(|(label, _)| label).collect();
            let probabilities: Map<String, Json> = labels
                .iter()
                .zip(spread(labels.len(), probability))
                .map(|(label, probability)| ((*label).clone(), probability.into()))
                .collect();
            json!({"type": "choice", "choice": labels.first(), "confidence": 0.5, "probabilities": probabilities})
        }
        _ => {
            let spread = spread(question["criteria"].as_array().map_or(0, Vec::len), probability);
            let score: f64 = spread.iter().enumerate().map(|(index, probability)| index as f64 * probability).sum();
            let probabilities: Map<String, Json> = spread
                .into_iter()
                .enumerate()
                .map(|(index, probability)| (index.to_string(), probability.into()))
                .collect();
            json!({"type": "score", "score": score, "confidence": 0.5, "probabilities": probabilities})
        }
    }
}

fn openai(questions: &[Json], probability: f64) -> Json {
    let answer = |question: &Json| {
        let name = &question["name"];
        match question["type"].as_str() {
            Some("predicate") => json!({"type": "predicate", "name": name, "probability": probability}),
            Some("choice") => {
                let choices = question["choices"].as_array().cloned().unwrap_or_default();
                let probabilities: Vec<Json> = choices
                    .iter()
                    .zip(spread(choices.len(), probability))
                    .map(|(choice, probability)| json!({"value": choice["value"], "probability": probability}))
                    .collect();
                json!({"type": "choice", "name": name, "choice": choices[0]["value"], "confidence": 0.5, "probabilities": probabilities})
            }
            _ => {
                let levels = question["levels"].as_array().cloned().unwrap_or_default();
                let probabilities: Vec<Json> = levels
                    .iter()
                    .zip(spread(levels.len(), probability))
                    .enumerate()
                    .map(|(index, (level, probability))| {
                        json!({"value": index, "label": level["label"], "probability": probability})
                    })
                    .collect();
                json!({"type": "score", "name": name, "score": 0.0, "confidence": 0.5, "probabilities": probabilities})
            }
        }
    };
    let answers: Vec<Json> = questions.iter().map(answer).collect();
    json!({
        "model": "gpt-6-luna", "answers": answers,
        "usage": {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens": 3}
    })
}
