//! A stored label as a line that an import reads back.

use serde::Serialize;

use crate::model::{Label, LabelStream, LabelWay, Probability, Replaced, Score, SubjectId};
use crate::secrets::MacKey;

use super::seal;

/// A stored label as a line that an import reads back.
#[derive(Debug, Serialize)]
pub struct ExportedLabel<'a> {
    subject_id: SubjectId,
    rubric: &'a str,
    annotator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    /// The annotator looked at it and could not judge.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skipped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rationale: Option<&'a str>,
    labelled_at: Option<jiff::Timestamp>,
    first_seen_at: Option<jiff::Timestamp>,
    stream: LabelStream,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<Probability>,
    /// Both under the seal of this installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    draw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'a LabelWay>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    adjudicates: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead_of: Option<&'a [Replaced]>,
}

impl<'a> ExportedLabel<'a> {
    /// A label and when judged first saw it, milliseconds since the Unix epoch.
    pub fn of(label: &'a Label, first_seen_ms: i64, key: &MacKey) -> Self {
        // A level has a score and a name; one of them says all.
        let score = label.score.as_ref().and_then(Score::number);
        let draw = label.probability.filter(|_| label.stream != LabelStream::Unknown);
        Self {
            subject_id: label.subject,
            rubric: &label.rubric,
            annotator: &label.annotator,
            score,
            label: if score.is_some() { None } else { label.score.as_ref().and_then(Score::label) },
            skipped: label.score.is_none(),
            rationale: label.rationale.as_deref(),
            labelled_at: jiff::Timestamp::from_millisecond(label.labelled_at_ms).ok(),
            first_seen_at: jiff::Timestamp::from_millisecond(first_seen_ms).ok(),
            stream: label.stream,
            probability: label.probability,
            draw: draw.map(|probability| seal::sealed(key, &label.rubric, label.subject, label.stream, probability)),
            via: label.via.as_ref(),
            adjudicates: label.instead_of.is_some(),
            instead_of: label.instead_of.as_deref(),
        }
    }
}
