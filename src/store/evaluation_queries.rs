//! What pages read of one evaluation: with everything around it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Store, StoreError, read, row, rows};
use crate::model::{
    DeliveryStatus, Distribution, EvaluationId, Label, Outcome, Probability, SpanId, StoredProblem, SubjectContent,
    SubjectId, SubjectKind, TraceId,
};

/// Where a page ends: the next one begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageCursor {
    /// When the last evaluation was planned, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Its identity.
    pub id: EvaluationId,
}

/// An evaluation in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationSummary {
    /// Its identity.
    pub id: EvaluationId,
    /// What was judged.
    pub subject: SubjectId,
    pub kind: SubjectKind,
    /// The judged trace.
    pub trace_id: TraceId,
    /// The judged span.
    pub span_id: SpanId,
    /// The rubric's name.
    pub rubric: String,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    pub reason: Option<String>,
    /// On the rubric's scale.
    pub score: Option<f64>,
    pub label: Option<String>,
    /// Normalised to [0, 1].
    pub value: Option<f64>,
    /// What the score was drawn from, where its judge gives probabilities.
    pub distribution: Option<Distribution>,
    /// The judge's reasons or the error.
    pub rationale: Option<String>,
    /// The beginning of what was asked, in lists, while the content is kept.
    pub question: Option<String>,
    /// The probability with which it was drawn.
    pub inclusion_probability: f64,
    /// Calls that were tried.
    pub attempts: i64,
    /// Tokens the judge read.
    pub input_tokens: Option<i64>,
    /// Tokens the judge wrote.
    pub output_tokens: Option<i64>,
    /// What the calls cost, in US dollars.
    pub cost_usd: Option<f64>,
    /// How long the judge took.
    pub latency_ms: Option<i64>,
    /// When the subject was observed, milliseconds since the Unix epoch.
    pub observed_at_ms: i64,
    /// When it was planned, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it reached a final outcome, milliseconds since the Unix epoch.
    pub finished_at_ms: Option<i64>,
    /// The model that wrote the answer.
    pub model: Option<String>,
    /// Documents of the subject.
    pub document_count: i64,
    /// Segment name → value.
    pub segments: BTreeMap<String, String>,
    /// The revision of the reading that assembled what was judged; none without a verdict, and of releases that kept none.
    pub reading_revision: Option<u32>,
    /// The revision of the rendering that made the prompt; none as above.
    pub rendering_revision: Option<u32>,
}

impl EvaluationSummary {
    /// Where the next page begins when this is the last of its own.
    pub fn cursor(&self) -> PageCursor {
        PageCursor { created_at_ms: self.created_at_ms, id: self.id }
    }
}

/// A subject as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectRecord {
    /// Its identity.
    pub id: SubjectId,
    pub kind: SubjectKind,
    pub trace_id: TraceId,
    /// Its conversation.
    pub session_id: Option<String>,
    /// When it was observed, milliseconds since the Unix epoch.
    pub observed_at_ms: i64,
    /// The content; `None` when retention emptied it.
    pub content: Option<SubjectContent>,
    /// What weakens an evaluation of it.
    pub problems: Vec<StoredProblem>,
}

/// A score on its way to a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryState {
    pub sink: String,
    /// Where it stands.
    pub state: DeliveryStatus,
    /// Attempts so far.
    pub attempts: i64,
    /// What the sink answered last.
    pub last_error: Option<String>,
    /// When it was accepted or given up, milliseconds since the Unix epoch.
    pub finished_at_ms: Option<i64>,
}

/// One evaluation with everything around it.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationDetail {
    pub evaluation: EvaluationSummary,
    /// What was judged.
    pub subject: SubjectRecord,
    /// Where its score went.
    pub deliveries: Vec<DeliveryState>,
    /// What people said of the same subject under the same rubric.
    pub labels: Vec<Label>,
    /// Other evaluations of the same subject.
    pub others: Vec<EvaluationSummary>,
}

row! {
    pub(super) struct SummaryRow {
        id: Uuid,
        subject_id: Uuid,
        kind: String,
        trace_id: Vec<u8>,
        span_id: Vec<u8>,
        rubric: String,
        version: i64,
        judge: String,
        judge_model: Option<String>,
        outcome: String,
        reason: Option<String>,
        score: Option<f64>,
        label: Option<String>,
        value: Option<f64>,
        rationale: Option<String>,
        distribution: Option<String>,
        inclusion_probability: f64,
        attempts: i64,
        input_tokens: Option<i64>,
        output_tokens: Option<i64>,
        cost_usd: Option<f64>,
        latency_ms: Option<i64>,
        observed_at_ms: i64,
        created_at_ms: i64,
        finished_at_ms: Option<i64>,
        model: Option<String>,
        document_count: i64,
        segments: String,
        reading: Option<i64>,
        rendering: Option<i64>,
    }
}

/// What is read of an evaluation `e` and its subject `s`.
pub(super) const SUMMARY_COLUMNS: &str = "SELECT e.id, e.subject_id, s.kind, s.trace_id, s.span_id, e.rubric, e.version, e.judge, e.judge_model, \
    e.outcome, e.reason, e.score, e.label, e.value, e.rationale, e.distribution, e.inclusion_probability, e.attempts, e.input_tokens, \
    e.output_tokens, e.cost_usd, e.latency_ms, s.observed_at_ms, e.created_at_ms, e.finished_at_ms, s.model, s.document_count, \
    s.segments, e.reading, e.rendering";

/// The planner keeps the order: an index of evaluations is followed, and each one's subject looked up.
pub(super) const OF_EVALUATIONS: &str = " FROM evaluations e CROSS JOIN subjects s WHERE s.id = e.subject_id AND ";

impl Store {
    /// One evaluation with everything around it; `None` when there is no such evaluation.
    pub async fn evaluation_detail(&self, id: EvaluationId) -> Result<Option<EvaluationDetail>, StoreError> {
        let found: Option<SummaryRow> = read!(self, DB, pool => {
            let mut select = QueryBuilder::<DB>::new(SUMMARY_COLUMNS);
            select.push(OF_EVALUATIONS).push("e.id = ").push_bind(id.as_uuid());
            select.build_query_as().fetch_optional(pool).await?
        });
        let Some(evaluation) = found.map(SummaryRow::into_summary).transpose()? else { return Ok(None) };
        let Some(subject) = self.subject_record(evaluation.subject).await? else { return Ok(None) };
        let siblings: Vec<SummaryRow> = read!(self, DB, pool => {
            let mut select = QueryBuilder::<DB>::new(SUMMARY_COLUMNS);
            select.push(OF_EVALUATIONS).push("e.subject_id = ").push_bind(evaluation.subject.as_uuid());
            select.push(" AND e.id <> ").push_bind(id.as_uuid());
            select.push(" ORDER BY e.rubric, e.version DESC, e.judge LIMIT 100");
            select.build_query_as().fetch_all(pool).await?
        });
        let deliveries = self.deliveries_of(id).await?;
        let labels = self.labels_of(evaluation.subject, &evaluation.rubric).await?;
        let others = siblings.into_iter().map(SummaryRow::into_summary).collect::<Result<_, _>>()?;
        Ok(Some(EvaluationDetail { evaluation, subject, deliveries, labels, others }))
    }

    async fn deliveries_of(&self, id: EvaluationId) -> Result<Vec<DeliveryState>, StoreError> {
        let found: Vec<(String, String, i64, Option<String>, Option<i64>)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT sink, state, attempts, last_error, finished_at_ms FROM deliveries WHERE evaluation_id = $1 ORDER BY sink",
            )
            .bind(id.as_uuid())
            .fetch_all(pool)
            .await?
        });
        let read = |(sink, state, attempts, last_error, finished_at_ms): (_, String, _, _, _)| {
            let state = rows::named("deliveries", "state", &state).map_err(|error| error.in_row(id))?;
            Ok(DeliveryState { sink, state, attempts, last_error, finished_at_ms })
        };
        found.into_iter().map(read).collect()
    }

    /// A subject with its content; `None` when there is no such subject.
    pub async fn subject_record(&self, id: SubjectId) -> Result<Option<SubjectRecord>, StoreError> {
        type Row = (String, Vec<u8>, Option<String>, i64, Option<String>, Option<String>);
        let found: Option<Row> = read!(self, DB, pool => {
            sqlx::query_as("SELECT kind, trace_id, session_id, observed_at_ms, content, problems FROM subjects WHERE id = $1")
                .bind(id.as_uuid())
                .fetch_optional(pool)
                .await?
        });
        let Some((kind, trace_id, session_id, observed_at_ms, content, problems)) = found else { return Ok(None) };
        Ok(Some(SubjectRecord {
            id,
            kind: rows::subject_kind(&kind)?,
            trace_id: rows::trace_id("subjects", &trace_id)?,
            session_id,
            observed_at_ms,
            content: content.map(|text| rows::json("subjects", "content", &text)).transpose()?,
            problems: problems.map(|text| rows::json("subjects", "problems", &text)).transpose()?.unwrap_or_default(),
        }))
    }
}

/// Characters of a question in a list.
const QUESTION_CHARS: usize = 160;

/// The part of a content that says what was asked.
#[derive(Deserialize)]
struct Asked {
    input: Option<String>,
    #[serde(default)]
    turns: Vec<AskedTurn>,
}

#[derive(Deserialize)]
struct AskedTurn {
    input: Option<String>,
}

impl Store {
    /// The beginning of what was asked, of those subjects whose content is kept and that were asked something.
    pub async fn questions(&self, subjects: &[SubjectId]) -> Result<BTreeMap<SubjectId, String>, StoreError> {
        let mut questions = BTreeMap::new();
        for subjects in subjects.chunks(100) {
            let found: Vec<(Uuid, String)> = read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new("SELECT id, content FROM subjects WHERE content IS NOT NULL AND id IN ");
                rows::push_list(&mut select, subjects.iter().map(SubjectId::as_uuid));
                select.build_query_as().fetch_all(pool).await?
            });
            for (id, content) in found {
                let asked: Asked = rows::json("subjects", "content", &content)?;
                let question = asked.input.or_else(|| asked.turns.into_iter().find_map(|turn| turn.input));
                questions.extend(question.map(|question| (SubjectId::from(id), beginning(&question))));
            }
        }
        Ok(questions)
    }
}

/// The first characters, on one line.
fn beginning(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut line = String::new();
    while line.chars().count() <= QUESTION_CHARS
        && let Some(word) = words.next()
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(QUESTION_CHARS) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

impl SummaryRow {
    pub(super) fn value(&self) -> Option<f64> {
        self.value
    }

    pub(super) fn into_summary(self) -> Result<EvaluationSummary, StoreError> {
        let id = self.id;
        self.read().map_err(|error| error.in_row(id))
    }

    fn read(self) -> Result<EvaluationSummary, StoreError> {
        let probability: Probability =
            rows::probability("evaluations", "inclusion_probability", self.inclusion_probability)?;
        Ok(EvaluationSummary {
            id: self.id.into(),
            subject: self.subject_id.into(),
            kind: rows::subject_kind(&self.kind)?,
            trace_id: rows::trace_id("subjects", &self.trace_id)?,
            span_id: rows::span_id("subjects", &self.span_id)?,
            rubric: self.rubric,
            version: self.version as u32,
            judge: self.judge,
            judge_model: self.judge_model,
            outcome: rows::outcome(&self.outcome)?,
            reason: self.reason,
            score: self.score,
            label: self.label,
            value: self.value,
            distribution: self.distribution.as_deref().and_then(Distribution::stored),
            rationale: self.rationale,
            question: None,
            inclusion_probability: probability.get(),
            attempts: self.attempts,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cost_usd: self.cost_usd,
            latency_ms: self.latency_ms,
            observed_at_ms: self.observed_at_ms,
            created_at_ms: self.created_at_ms,
            finished_at_ms: self.finished_at_ms,
            model: self.model,
            document_count: self.document_count,
            segments: rows::json("subjects", "segments", &self.segments)?,
            reading_revision: self.reading.and_then(|revision| u32::try_from(revision).ok()),
            rendering_revision: self.rendering.and_then(|revision| u32::try_from(revision).ok()),
        })
    }
}
