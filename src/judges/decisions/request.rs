//! What a decision model is asked in one call.

use std::time::Duration;

use crate::model::{Decision, EvaluationId, Scale, StateField, SubjectContent};

/// One rubric under which the subject is judged.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The evaluation it is for; `None` for one that is not stored.
    pub evaluation: Option<EvaluationId>,
    /// The rubric's name.
    pub rubric: &'a str,
    pub version: u32,
    /// The scale that the verdict must lie on.
    pub scale: &'a Scale,
    /// Whether the judge may abstain.
    pub abstain: bool,
    /// What the model is asked.
    pub decision: &'a Decision,
}

/// One subject, and the rubrics under which it is judged in one call. Each rubric stands there once, and all are shown the
/// same fields.
#[derive(Debug, Clone)]
pub struct DecisionRequest<'a> {
    pub content: &'a SubjectContent,
    pub fields: &'a [StateField],
    pub asked: Vec<Asked<'a>>,
    /// The W3C trace context to hand on.
    pub traceparent: Option<String>,
    /// How long it may take: waiting, calls and repetitions.
    pub deadline: Duration,
}
