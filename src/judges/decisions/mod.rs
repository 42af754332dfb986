//! Decision models as judges: they read a state and typed questions, and give every allowed answer a probability, without
//! writing anything.
//!
//! ```text
//! subject ─ state ─┐                      ┌─ answers ─ probabilities ─▶ Distribution ─▶ Verdict
//! rubrics ─ questions ─ dialect ─▶ endpoint ─▶ dialect ─┘
//! ```
//!
//! All rubrics of one subject that are shown the same fields go into one call. Each answer stands for itself: one that is
//! missing or no distribution fails alone, and what the call used up is shared among all of them.

mod answer;
mod client;
mod dialect;
mod gemini;
mod openai;
pub(super) mod places;
mod probabilities;
mod question;
mod request;
mod share;
mod state;
mod systemone;
#[cfg(test)]
mod tests;
mod version;

use crate::model::{Decision, Scale, StateField, SubjectContent};

pub use answer::AnswerProblem;
pub use question::Unsupported;
pub use request::{Asked, DecisionRequest};
pub use version::UNVERSIONED;

use question::Question;

/// The most rubrics in one call: every known endpoint takes as many questions, but for decisionapi.net (8).
pub const MOST_QUESTIONS: usize = 64;

/// What a decision model is shown of a subject, as JSON, however long it is.
pub fn decision_state(content: &SubjectContent, fields: &[StateField]) -> Result<String, serde_json::Error> {
    match state::of(content, fields, u32::MAX) {
        Ok(state) => Ok(state.get().to_owned()),
        // Longer than four thousand million tokens: nobody has that in memory.
        Err(state::TooLong) => serde_json::to_string(content),
    }
}

/// Why a decision model cannot judge on this scale, in any dialect.
pub fn unsupported(scale: &Scale, decision: &Decision) -> Option<Unsupported> {
    Question::check(scale, decision).err()
}
