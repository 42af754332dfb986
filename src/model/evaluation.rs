//! One (subject, rubric version, judge) and its outcome: what the store keeps, the sinks deliver and the report counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ContentHash, Distribution, EvaluationId, Outcome, Probability, Scale, Score, SpanId, SubjectId, SubjectKind,
    TraceId,
};

/// An evaluation with everything a reader of its score needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Its identity, the same however often it is planned or delivered.
    pub id: EvaluationId,
    /// What was judged.
    pub subject: SubjectId,
    pub subject_kind: SubjectKind,
    /// The judged trace.
    pub trace_id: TraceId,
    /// The judged span: scores are attached to it.
    pub span_id: SpanId,
    /// The conversation, where there is one.
    pub session_id: Option<String>,
    /// The provider's id of the judged response.
    pub response_id: Option<String>,
    /// The rubric's name.
    pub rubric: String,
    pub rubric_version: u32,
    /// The content hash of that version.
    pub rubric_hash: ContentHash,
    /// The scale of the score.
    pub scale: Scale,
    /// The configured judge's name.
    pub judge: String,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was filtered, failed, expired or superseded: a stable, low-cardinality code.
    pub reason: Option<String>,
    /// The score, when scored.
    pub score: Option<Score>,
    /// What the score was drawn from, where its judge gives probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// The judge's reasons, or the error text of a failure.
    pub rationale: Option<String>,
    /// The probability with which it was drawn, stored when drawn.
    pub inclusion_probability: Probability,
    /// What the judge calls cost, in US dollars, where prices are known.
    pub cost_usd: Option<f64>,
    /// Tokens the judge read.
    pub input_tokens: Option<i64>,
    /// Tokens the judge wrote.
    pub output_tokens: Option<i64>,
    /// How long the judge took.
    pub latency_ms: Option<i64>,
    /// When the subject was observed (its end), milliseconds since the Unix epoch.
    pub observed_at_ms: i64,
    /// When it was planned, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it reached a final outcome, milliseconds since the Unix epoch.
    pub finished_at_ms: Option<i64>,
    /// Segment name → value of its subject.
    pub segments: BTreeMap<String, String>,
}
