//! What an endpoint says to one question, whatever dialect it came in. Pure.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;

use super::question::Question;
use crate::judges::request::JudgeUsage;

/// Why an answer is no distribution over the options of its question. Never quotes the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerProblem {
    #[error("the question has no answer")]
    Missing,
    #[error("the answers cannot be told apart: a name is missing, or stands there twice")]
    Ambiguous,
    #[error("the answer is of another type than the question")]
    OtherType,
    #[error("the answer has no probabilities")]
    NoProbabilities,
    #[error("the probabilities are not those of the options that were asked about")]
    OtherOptions,
    #[error("a probability is no number between 0 and 1")]
    NoProbability,
    #[error("the probabilities do not add up to 1")]
    Sum,
}

/// What is said to one question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// A probability for every choice, in their order, adding up to 1.
    Probabilities {
        probabilities: Vec<f64>,
        /// The endpoint's own confidence.
        confidence: Option<f64>,
        /// Whether the endpoint names another answer than the most probable.
        contradicts: bool,
    },
    /// It declines to answer.
    Refused,
}

/// What is said to every question of a call, in their order, and what there is around it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub(super) answers: Vec<Result<Said, AnswerProblem>>,
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) usage: JudgeUsage,
    /// From endpoints that report it.
    pub(super) cost_usd: Option<f64>,
}

/// The members of a JSON object in their order, also those whose name stands there twice.
#[derive(Debug, Default)]
pub(super) struct Members(pub(super) Vec<(String, Json)>);

impl Members {
    /// The one member of this name.
    pub(super) fn one(&self, name: &str) -> Result<&Json, AnswerProblem> {
        let mut found = self.0.iter().filter(|(member, _)| member == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            (None, _) => Err(AnswerProblem::Missing),
            (Some(_), Some(_)) => Err(AnswerProblem::Ambiguous),
        }
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// One answer for every question from a map of answers; what nobody asked is passed over.
pub(super) fn by_id(
    questions: &[Question<'_>],
    answers: &Members,
    read: impl Fn(&Question<'_>, &Json) -> Result<Said, AnswerProblem>,
) -> Vec<Result<Said, AnswerProblem>> {
    questions.iter().map(|question| read(question, answers.one(&question.id)?)).collect()
}
