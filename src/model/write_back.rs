//! What a sink is given of a score.

use std::sync::Arc;

use super::named::named_enum;
use super::{Evaluation, EvaluationId, Resource, UnixNanos};

/// The span that scores are attached to, as far as their records take after it.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedSpan {
    /// Who emitted it.
    pub resource: Arc<Resource>,
    /// When it ended.
    pub end: UnixNanos,
}

/// An evaluation on its way to a sink.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteBack {
    pub evaluation: Evaluation,
    /// The span whose resource and time the record of the score takes; `None` where the record stands under judged's own
    /// resource, at the time of judging.
    pub judged_span: Option<JudgedSpan>,
    /// The evaluation whose delivered score this one replaces, because late spans changed what was judged, or it was judged again.
    pub replaces: Option<EvaluationId>,
}

named_enum! {
    /// Under whose resource, and at whose time, the record of a score stands.
    pub enum ScoreForm {
        /// Judged's own resource, at the time of judging.
        Judged = "judged",
        /// The judged span's, at its end: where people look for it.
        Span = "span",
    }
}
