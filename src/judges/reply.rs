//! From the text of a judge's reply to a verdict on the rubric's scale. Pure.
//!
//! Tolerant of how models wrap an answer (code fences, prose around it, numbers as text), strict about what it says:
//! two different answers, a score off the scale or a missing one are refused, with a reason that can be shown to the
//! judge. Nothing here ever invents a score.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::model::{FAIL, PASS, Scale, Score, Verdict};

/// Why a reply is no verdict. The text goes back to the judge, so it names the remedy; it never quotes the reply.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplyProblem {
    #[error("the reply is empty; one JSON object is expected")]
    Empty,
    /// No JSON object with a verdict in it.
    #[error("the reply holds no JSON object with `rationale` and a verdict")]
    NoObject,
    #[error("the reply holds a JSON object that does not parse: {0}")]
    BrokenJson(&'static str),
    /// Several objects that disagree.
    #[error("the reply holds several JSON objects with different verdicts; exactly one is expected")]
    Ambiguous,
    /// A member that must be there is missing or null.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A member of the wrong type.
    #[error("`{0}` has the wrong type")]
    WrongType(&'static str),
    /// A number that the scale does not have.
    #[error("the score is not on the scale; allowed: {allowed}")]
    ScoreOffScale {
        /// What the scale admits.
        allowed: String,
    },
    /// A label that the scale does not have.
    #[error("the label is not on the scale; allowed: {allowed}")]
    LabelOffScale {
        /// What the scale admits.
        allowed: String,
    },
    /// Score and label, or verdict and abstention, say different things.
    #[error("the reply contradicts itself: {0}")]
    Contradiction(&'static str),
    /// An abstention where the rubric allows none.
    #[error("abstaining is not allowed here; decide")]
    AbstentionNotAllowed,
    /// The reply ended at the token limit before the object did.
    #[error("the reply was cut off at the token limit; raise `max_output_tokens` of the judge")]
    Truncated,
}

impl ReplyProblem {
    /// `unparseable` when there is no object to read, `output_truncated`, else `wrong_schema`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty | Self::NoObject | Self::BrokenJson(_) | Self::Ambiguous => "unparseable",
            Self::Truncated => "output_truncated",
            _ => "wrong_schema",
        }
    }
}

/// Reads a judge's reply as a verdict on `scale`.
pub fn parse(text: &str, scale: &Scale, abstain_allowed: bool) -> Result<Verdict, ReplyProblem> {
    let text = after_reasoning(text).trim();
    if text.is_empty() {
        return Err(ReplyProblem::Empty);
    }
    match serde_json::from_str::<RawReply>(text) {
        Ok(raw) => raw.into_verdict(scale, abstain_allowed),
        Err(_) => parse_embedded(text, scale, abstain_allowed),
    }
}

/// What follows a leading `<think>` block, which some servers leave in the reply.
fn after_reasoning(text: &str) -> &str {
    if !text.trim_start().starts_with("<think>") {
        return text;
    }
    text.rfind("</think>").map_or("", |end| &text[end + "</think>".len()..])
}

/// Finds the one verdict among the top-level JSON objects in `text`.
fn parse_embedded(text: &str, scale: &Scale, abstain_allowed: bool) -> Result<Verdict, ReplyProblem> {
    let mut found: Option<Result<Verdict, ReplyProblem>> = None;
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let candidate = &rest[open..];
        if !candidate[1..].trim_start().starts_with(['"', '}']) {
            rest = &candidate[1..]; // A brace of prose, not the start of an object.
            continue;
        }
        let mut objects = serde_json::Deserializer::from_str(candidate).into_iter::<RawReply>();
        match objects.next() {
            Some(Ok(raw)) => {
                rest = &candidate[objects.byte_offset()..];
                if raw.is_verdict_like() {
                    let read = raw.into_verdict(scale, abstain_allowed);
                    if found.as_ref().is_some_and(|earlier| !agree(earlier, &read)) {
                        return Err(ReplyProblem::Ambiguous);
                    }
                    found = Some(read);
                }
            }
            // What is inside a broken object must not be taken for the verdict.
            Some(Err(error)) if error.is_eof() => return Err(ReplyProblem::BrokenJson("it does not end")),
            Some(Err(error)) if error.is_data() => return Err(ReplyProblem::BrokenJson("a member is given twice")),
            _ => return Err(ReplyProblem::BrokenJson("invalid syntax")),
        }
    }
    found.unwrap_or(Err(ReplyProblem::NoObject))
}

fn agree(one: &Result<Verdict, ReplyProblem>, other: &Result<Verdict, ReplyProblem>) -> bool {
    match (one, other) {
        (Ok(Verdict::Scored { score: a, .. }), Ok(Verdict::Scored { score: b, .. })) => a == b,
        (Ok(Verdict::Abstained { .. }), Ok(Verdict::Abstained { .. })) => true,
        _ => false,
    }
}

/// A member that may hold any scalar.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Number(f64),
    Text(String),
    #[default]
    Null,
    Other(IgnoredAny),
}

impl Scalar {
    /// Whether nothing was said.
    fn is_absent(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => matches!(text.trim().to_ascii_lowercase().as_str(), "" | "null" | "none" | "n/a"),
            _ => false,
        }
    }
}

/// The members of a reply, as they came.
#[derive(Debug, Default)]
struct RawReply {
    rationale: Option<Scalar>,
    score: Option<Scalar>,
    label: Option<Scalar>,
    abstain: Option<Scalar>,
}

impl<'de> Deserialize<'de> for RawReply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = RawReply;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawReply, A::Error> {
                let mut reply = RawReply::default();
                while let Some(name) = map.next_key::<String>()? {
                    let member = match name.as_str() {
                        "rationale" => &mut reply.rationale,
                        "score" => &mut reply.score,
                        "label" => &mut reply.label,
                        "abstain" => &mut reply.abstain,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if member.replace(map.next_value()?).is_some() {
                        return Err(A::Error::custom("repeated member"));
                    }
                }
                Ok(reply)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl RawReply {
    fn is_verdict_like(&self) -> bool {
        self.score.is_some() || self.label.is_some() || self.abstain.is_some()
    }

    fn into_verdict(self, scale: &Scale, abstain_allowed: bool) -> Result<Verdict, ReplyProblem> {
        if !self.is_verdict_like() {
            return Err(match self.rationale {
                Some(_) => ReplyProblem::Missing(verdict_member(scale)),
                None => ReplyProblem::NoObject,
            });
        }
        let rationale = match self.rationale.unwrap_or_default() {
            Scalar::Text(text) => text,
            Scalar::Null => return Err(ReplyProblem::Missing("rationale")),
            _ => return Err(ReplyProblem::WrongType("rationale")),
        };
        let score = self.score.filter(|member| !member.is_absent());
        let label = self.label.filter(|member| !member.is_absent());
        let abstains = truth(self.abstain.unwrap_or_default())?;
        if abstains && (score.is_some() || label.is_some()) {
            return Err(ReplyProblem::Contradiction("it abstains and gives a verdict"));
        }
        if abstains {
            return if abstain_allowed {
                Ok(Verdict::Abstained { rationale })
            } else {
                Err(ReplyProblem::AbstentionNotAllowed)
            };
        }
        Ok(Verdict::Scored { score: place(scale, score, label)?, rationale })
    }
}

fn truth(member: Scalar) -> Result<bool, ReplyProblem> {
    match member {
        Scalar::Null => Ok(false),
        Scalar::Bool(truth) => Ok(truth),
        Scalar::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" | "" | "null" => Ok(false),
            _ => Err(ReplyProblem::WrongType("abstain")),
        },
        Scalar::Number(_) | Scalar::Other(_) => Err(ReplyProblem::WrongType("abstain")),
    }
}

/// Puts what was said on the scale.
fn place(scale: &Scale, score: Option<Scalar>, label: Option<Scalar>) -> Result<Score, ReplyProblem> {
    match scale {
        Scale::Ordinal { .. } | Scale::Numeric { .. } => {
            let number = number(score.ok_or(ReplyProblem::Missing("score"))?)?;
            on_scale(scale, number)
        }
        // A label under `score`, or the other way round, still says one thing only.
        Scale::Categorical { .. } => {
            let said = text(label.or(score).ok_or(ReplyProblem::Missing("label"))?)?;
            on_labels(scale, &said)
        }
        Scale::Binary { .. } => {
            let by_label = label.map(binary).transpose()?;
            let by_score = score.map(binary).transpose()?;
            match (by_label, by_score) {
                (Some(label), Some(score)) if label != score => {
                    Err(ReplyProblem::Contradiction("score and label differ"))
                }
                (Some(passes), _) | (None, Some(passes)) => on_scale(scale, f64::from(u8::from(passes))),
                (None, None) => Err(ReplyProblem::Missing("label")),
            }
        }
    }
}

/// `pass`, `fail`, 1, 0, true, false.
fn binary(member: Scalar) -> Result<bool, ReplyProblem> {
    let off_scale = || ReplyProblem::LabelOffScale { allowed: format!("{PASS}, {FAIL}") };
    match member {
        Scalar::Bool(truth) => Ok(truth),
        Scalar::Number(1.0) => Ok(true),
        Scalar::Number(0.0) => Ok(false),
        Scalar::Number(_) => Err(off_scale()),
        Scalar::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            PASS | "1" | "1.0" | "true" => Ok(true),
            FAIL | "0" | "0.0" | "false" => Ok(false),
            _ => Err(off_scale()),
        },
        Scalar::Null | Scalar::Other(_) => Err(ReplyProblem::WrongType("label")),
    }
}

fn number(member: Scalar) -> Result<f64, ReplyProblem> {
    match member {
        Scalar::Number(number) => Ok(number),
        Scalar::Text(text) => {
            text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).ok_or(ReplyProblem::WrongType("score"))
        }
        _ => Err(ReplyProblem::WrongType("score")),
    }
}

fn text(member: Scalar) -> Result<String, ReplyProblem> {
    match member {
        Scalar::Text(text) => Ok(text),
        Scalar::Bool(truth) => Ok(truth.to_string()),
        Scalar::Number(number) => Ok(number.to_string()),
        _ => Err(ReplyProblem::WrongType("label")),
    }
}

fn on_scale(scale: &Scale, number: f64) -> Result<Score, ReplyProblem> {
    Score::of_number(scale, number).ok_or_else(|| ReplyProblem::ScoreOffScale { allowed: allowed(scale) })
}

/// Exactly a label, or one that differs only in case and surrounding space from exactly one.
fn on_labels(scale: &Scale, said: &str) -> Result<Score, ReplyProblem> {
    let off_scale = || ReplyProblem::LabelOffScale { allowed: allowed(scale) };
    if let Some(score) = Score::of_label(scale, said) {
        return Ok(score);
    }
    let Scale::Categorical { labels, .. } = scale else { return Err(off_scale()) };
    let folded = said.trim().to_lowercase();
    let mut alike = labels.iter().filter(|(name, _)| name.trim().to_lowercase() == folded);
    match (alike.next(), alike.next()) {
        (Some((name, _)), None) => Score::of_label(scale, name).ok_or_else(off_scale),
        _ => Err(off_scale()),
    }
}

/// The member in which a reply on this scale carries its verdict.
fn verdict_member(scale: &Scale) -> &'static str {
    match scale {
        Scale::Ordinal { .. } | Scale::Numeric { .. } => "score",
        Scale::Binary { .. } | Scale::Categorical { .. } => "label",
    }
}

/// What the scale admits, for the judge to read.
fn allowed(scale: &Scale) -> String {
    match scale {
        Scale::Binary { .. } => format!("{PASS}, {FAIL}"),
        Scale::Ordinal { levels, .. } => {
            levels.iter().map(|(level, _)| level.to_string()).collect::<Vec<_>>().join(", ")
        }
        Scale::Categorical { labels, .. } => {
            labels.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(", ")
        }
        Scale::Numeric { min, max, .. } => format!("a number from {min} to {max}"),
    }
}

#[cfg(test)]
mod tests;
