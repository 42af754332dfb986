//! From the text of a judge's reply to a verdict on the rubric's scale. Pure.
//!
//! Tolerant of how models write an answer (thinking and prose around it, nearly JSON, wrapped and renamed members, a score
//! spelt out), strict about what it says: two different answers, a score off the scale or a missing one are refused, with a
//! reason that can be shown to the judge. Nothing here ever invents a score or chooses between two readings.

mod members;
mod nearly_json;
mod problem;
mod thinking;

pub use problem::ReplyProblem;

use crate::model::{Scale, Verdict};

use members::{Terms, verdict_member};
use nearly_json::{Fault, Value};

/// Reads a judge's reply as a verdict on `scale`.
pub fn parse(text: &str, scale: &Scale, abstain_allowed: bool) -> Result<Verdict, ReplyProblem> {
    let terms = Terms { scale, abstain_allowed };
    if let Some(value) = whole(text) {
        return of_value(&value, terms);
    }
    let outside = thinking::left_out(text);
    if outside.trim().is_empty() {
        return Err(ReplyProblem::Empty);
    }
    match whole(&outside) {
        Some(value) => of_value(&value, terms),
        None => embedded(&outside, terms),
    }
}

/// Reads a text that should be thinking: only where the whole of it is one verdict, the server has put the reply there.
pub fn parse_misplaced(text: &str, scale: &Scale, abstain_allowed: bool) -> Result<Verdict, ReplyProblem> {
    match whole(text) {
        Some(value @ Value::Object(_)) => of_value(&value, Terms { scale, abstain_allowed }),
        _ => Err(ReplyProblem::OnlyReasoning),
    }
}

/// The one value that the text is, without the fence of a block of code.
fn whole(text: &str) -> Option<Value> {
    let text = without_fence(text.trim().trim_start_matches('\u{feff}'));
    let (value, end) = nearly_json::read(text).ok()?;
    (text[end..].trim().is_empty()).then_some(value)
}

fn without_fence(text: &str) -> &str {
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    match inside.and_then(|inside| inside.split_once('\n')) {
        Some((language, block)) if language.trim().chars().all(char::is_alphanumeric) => block.trim(),
        _ => text,
    }
}

fn of_value(value: &Value, terms: Terms<'_>) -> Result<Verdict, ReplyProblem> {
    match (members::verdict(value, terms), value) {
        (Some(verdict), _) => verdict,
        (None, Value::List(items)) => among(items, terms).unwrap_or(Err(ReplyProblem::NoObject)),
        (None, Value::Text(text)) if text.trim().is_empty() => Err(ReplyProblem::Empty),
        (None, value) if members::only_reasons(value) => Err(ReplyProblem::Missing(verdict_member(terms.scale))),
        (None, _) => Err(ReplyProblem::NoObject),
    }
}

/// The one verdict of several values: `None` where none holds any.
fn among(values: &[Value], terms: Terms<'_>) -> Option<Result<Verdict, ReplyProblem>> {
    let mut found: Option<Result<Verdict, ReplyProblem>> = None;
    for verdict in values.iter().filter_map(|value| members::verdict(value, terms)) {
        if found.as_ref().is_some_and(|earlier| !agree(earlier, &verdict)) {
            return Some(Err(ReplyProblem::Ambiguous));
        }
        found = Some(verdict);
    }
    found
}

/// Finds the one verdict among the top-level JSON objects in `text`.
fn embedded(text: &str, terms: Terms<'_>) -> Result<Verdict, ReplyProblem> {
    let mut objects = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let candidate = &rest[open..];
        if !nearly_json::begins_object(candidate) {
            rest = &candidate[1..];
            continue;
        }
        match nearly_json::read(candidate) {
            Ok((value, end)) => {
                objects.push(value);
                rest = &candidate[end..];
            }
            // What is inside a broken object must not be taken for the verdict.
            Err(Fault::Unfinished) => return Err(ReplyProblem::BrokenJson("it does not end")),
            Err(Fault::Syntax) => return Err(ReplyProblem::BrokenJson("invalid syntax")),
        }
    }
    among(&objects, terms).unwrap_or(Err(ReplyProblem::NoObject))
}

fn agree(one: &Result<Verdict, ReplyProblem>, other: &Result<Verdict, ReplyProblem>) -> bool {
    match (one, other) {
        (Ok(Verdict::Scored { score: a, .. }), Ok(Verdict::Scored { score: b, .. })) => a == b,
        (Ok(Verdict::Abstained { .. }), Ok(Verdict::Abstained { .. })) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
