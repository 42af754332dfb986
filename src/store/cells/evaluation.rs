//! An evaluation as folding reads it, and the keys that its row says.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::cells::{Folded, FoldedScore, JudgeUse, SeriesKey, large_level, release_of, segment_values};
use crate::model::{Outcome, Release, Revisions, hour_of, hour_start};
use crate::store::{StoreError, row, rows};

/// An account of the ledger: rubric, version, judge, hour, outcome, reason.
pub(super) type TotalOf = (String, i64, String, i64, String, String);

row! {
    /// An evaluation with its subject, and what was counted of it.
    pub(super) struct EvaluationRow {
        pub(super) id: Uuid,
        pub(super) rubric: String,
        pub(super) version: i64,
        pub(super) judge: String,
        judge_model: Option<String>,
        outcome: String,
        reason: Option<String>,
        inclusion_probability: f64,
        score: Option<f64>,
        label: Option<String>,
        value: Option<f64>,
        cost_usd: Option<f64>,
        input_tokens: Option<i64>,
        output_tokens: Option<i64>,
        latency_ms: Option<i64>,
        reading: Option<i64>,
        rendering: Option<i64>,
        replay: bool,
        created_at_ms: i64,
        folded: Option<String>,
        session_id: Option<String>,
        observed_at_ms: i64,
        model: Option<String>,
        segments: String,
        service_version: Option<String>,
        prompt_version: Option<String>,
    }
}

/// An evaluation whose row was read.
pub(super) struct Evaluation {
    row: EvaluationRow,
    pub(super) outcome: Outcome,
    pub(super) segments: BTreeMap<String, String>,
    /// Its score; none of an evaluation that has none.
    pub(super) score: Option<FoldedScore>,
    /// Its level, where the scale may have any number of levels like it.
    pub(super) large_level: Option<String>,
    /// As cells of this epoch counted it.
    pub(super) before: Option<Folded>,
}

impl EvaluationRow {
    /// A worker that knows no releases replaces a subject's content and leaves the columns of the old one's release, as it
    /// does with the revision of the reading.
    pub(super) const SELECT: &str = "SELECT e.id, e.rubric, e.version, e.judge, e.judge_model, e.outcome, e.reason, \
        e.inclusion_probability, e.score, e.label, e.value, e.cost_usd, e.input_tokens, e.output_tokens, e.latency_ms, e.reading, \
        e.rendering, e.anchor_round IS NOT NULL AS replay, e.created_at_ms, e.folded, s.session_id, s.observed_at_ms, s.model, \
        s.segments, CASE WHEN s.reading_of = s.revision THEN s.service_version END AS service_version, \
        CASE WHEN s.reading_of = s.revision THEN s.prompt_version END AS prompt_version \
        FROM evaluations e JOIN subjects s ON s.id = e.subject_id WHERE e.id IN ";

    pub(super) fn read(self, epoch: i64) -> Result<Evaluation, StoreError> {
        let id = self.id;
        let read = |row: Self| {
            let before: Option<Folded> =
                row.folded.as_deref().map(|text| rows::json("evaluations", "folded", text)).transpose()?;
            let outcome = rows::outcome(&row.outcome)?;
            let score = if outcome == Outcome::Scored { row.score()? } else { None };
            Ok(Evaluation {
                outcome,
                large_level: score.as_ref().and_then(|(_, level)| level.clone()),
                score: score.map(|(score, _)| score),
                segments: rows::json("subjects", "segments", &row.segments)?,
                before: before.filter(|folded| folded.epoch == epoch),
                row,
            })
        };
        read(self).map_err(|error: StoreError| error.in_row(id))
    }

    /// With its level, where that is a large one.
    fn score(&self) -> Result<Option<(FoldedScore, Option<String>)>, StoreError> {
        let probability = rows::probability("evaluations", "inclusion_probability", self.inclusion_probability)?;
        let score = rows::score("evaluations", self.score, self.label.clone(), self.value)?;
        Ok(score.map(|score| (FoldedScore::of(&score, probability), large_level(&score))))
    }
}

impl Evaluation {
    pub(super) fn id(&self) -> Uuid {
        self.row.id
    }

    /// Whether its outcome has a place in cells.
    pub(super) fn has_place(&self) -> bool {
        match self.outcome {
            Outcome::Filtered
            | Outcome::Scored
            | Outcome::Abstained
            | Outcome::Refused
            | Outcome::Failed
            | Outcome::Expired => true,
            Outcome::SampledOut | Outcome::Pending | Outcome::Superseded => false,
        }
    }

    /// Its series, as if every model had one of its own.
    pub(super) fn series(&self) -> SeriesKey {
        let row = &self.row;
        let was_asked = row.rendering.is_some()
            || matches!(self.outcome, Outcome::Scored | Outcome::Abstained | Outcome::Refused | Outcome::Failed);
        SeriesKey {
            rubric: row.rubric.clone(),
            version: row.version as u32,
            judge: row.judge.clone(),
            judge_model: row.judge_model.clone(),
            revisions: was_asked.then(|| Revisions::stored(row.reading, row.rendering)),
            replay: row.replay,
        }
    }

    pub(super) fn release(&self) -> Release {
        release_of(self.row.service_version.as_deref(), self.row.prompt_version.as_deref())
    }

    pub(super) fn values(&self) -> impl Iterator<Item = (String, String)> {
        let values = segment_values(self.row.model.as_deref(), &self.segments);
        values.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn reason(&self) -> Option<&str> {
        self.row.reason.as_deref()
    }

    pub(super) fn session_id(&self) -> Option<&str> {
        self.row.session_id.as_deref()
    }

    /// The hour in which its answer was observed.
    pub(super) fn hour(&self) -> i64 {
        hour_of(self.row.observed_at_ms)
    }

    /// When it was planned, where it has a score on [0, 1].
    pub(super) fn planned_and_valued(&self) -> Option<i64> {
        self.score.as_ref().and_then(|score| score.value).map(|_| self.row.created_at_ms)
    }

    pub(super) fn judge_use(&self) -> Option<JudgeUse> {
        let row = &self.row;
        JudgeUse::of(row.cost_usd, row.input_tokens, row.output_tokens, row.latency_ms)
    }

    /// Which account of the ledger `folded` counts in.
    pub(super) fn account(&self, folded: &Folded) -> TotalOf {
        let row = &self.row;
        let reason = folded.reason.clone().filter(|_| folded.outcome == Outcome::Filtered);
        (
            row.rubric.clone(),
            row.version,
            row.judge.clone(),
            hour_start(row.created_at_ms),
            folded.outcome.as_str().to_owned(),
            reason.unwrap_or_default(),
        )
    }
}
