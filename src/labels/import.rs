//! Human labels from files: JSON lines or CSV, each line on its own right or wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::model::{Label, LabelStream, Probability, Scale, Score, SpanId, SubjectId, SubjectKind, TraceId};
use crate::store::{LabelTarget, Store, StoreError};

/// How a label file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelFormat {
    /// One JSON object a line.
    JsonLines,
    /// A header line, then one label a line.
    Csv,
}

/// One line of a label file, read but not yet resolved.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelLine {
    /// judged's id of the subject; else `trace_id` names it.
    pub subject_id: Option<SubjectId>,
    /// The trace.
    pub trace_id: Option<TraceId>,
    /// The span of the generation, where the trace has several.
    pub span_id: Option<SpanId>,
    /// The rubric's name.
    pub rubric: Option<String>,
    /// Who labelled.
    pub annotator: Option<String>,
    /// The score on the rubric's own scale,
    pub score: Option<f64>,
    /// or the label,
    pub label: Option<String>,
    /// or only whether it passes, for rubrics with a threshold.
    pub pass: Option<bool>,
    /// Why.
    pub rationale: Option<String>,
    /// When, as RFC 3339.
    pub labelled_at: Option<jiff::Timestamp>,
    /// When judged first saw it, as `labels export` writes it; it counts as long as there are no
    /// labels but such, and none was looked at for drift.
    pub first_seen_at: Option<jiff::Timestamp>,
    /// `uniform` or `targeted`, when judged drew the subject; absent means unknown.
    pub stream: Option<LabelStream>,
    /// The probability with which the subject was drawn.
    pub probability: Option<Probability>,
    // What a line of `judged labels queue` shows besides; not read back.
    question: Option<IgnoredAny>,
    scale: Option<IgnoredAny>,
    item: Option<IgnoredAny>,
    input: Option<IgnoredAny>,
    output: Option<IgnoredAny>,
    documents: Option<IgnoredAny>,
}

impl LabelLine {
    /// Whether judged drew this line and nobody has filled it in yet.
    fn is_still_to_do(&self) -> bool {
        self.stream.is_some() && self.score.is_none() && self.label.is_none() && self.pass.is_none()
    }
}

/// A stored label as a line that [`read_lines`] reads back.
#[derive(Debug, Serialize)]
pub struct ExportedLabel<'a> {
    subject_id: SubjectId,
    rubric: &'a str,
    annotator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rationale: Option<&'a str>,
    labelled_at: Option<jiff::Timestamp>,
    first_seen_at: Option<jiff::Timestamp>,
    stream: LabelStream,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<Probability>,
}

impl<'a> ExportedLabel<'a> {
    /// A label and when judged first saw it, milliseconds since the Unix epoch.
    pub fn of(label: &'a Label, first_seen_ms: i64) -> Self {
        // A level has a score and a name; one of them says all.
        let score = label.score.as_ref().and_then(Score::number);
        Self {
            subject_id: label.subject,
            rubric: &label.rubric,
            annotator: &label.annotator,
            score,
            label: if score.is_some() { None } else { label.score.as_ref().and_then(Score::label) },
            rationale: label.rationale.as_deref(),
            labelled_at: jiff::Timestamp::from_millisecond(label.labelled_at_ms).ok(),
            first_seen_at: jiff::Timestamp::from_millisecond(first_seen_ms).ok(),
            stream: label.stream,
            probability: label.probability,
        }
    }
}

/// Why a line of a label file is refused; the other lines are not affected.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// Not JSON, or a field of the wrong type or name.
    #[error("not a label in JSON")]
    Json(#[source] serde_json::Error),
    /// Not a row of the CSV, or a column of the wrong type or name.
    #[error("not a label in CSV")]
    Csv(#[source] csv::Error),
    /// A field that every label needs.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// No verdict, or several.
    #[error("a label needs exactly one of `score`, `label` and `pass`")]
    Verdict,
    /// A rubric that is not loaded.
    #[error("there is no rubric `{0}`; `judged rubrics list` shows those there are")]
    UnknownRubric(String),
    /// A verdict the rubric's scale does not have.
    #[error("{verdict} is not on the {scale} scale of rubric `{rubric}`")]
    OffScale {
        /// What was given.
        verdict: String,
        /// The scale's kind.
        scale: &'static str,
        /// Which rubric.
        rubric: String,
    },
    /// A subject judged never kept.
    #[error("{0} is not among the kept subjects: it was sampled out, never received, or belongs to another database")]
    UnknownSubject(String),
    /// Nothing was seen before it happened.
    #[error("`first_seen_at` is {0}, which is still to come; leave it out, or set the clock of this machine")]
    SeenInFuture(jiff::Timestamp),
    /// A trace in which the rubric may mean several generations.
    #[error("trace {trace} has {count} subjects of kind {kind}; name one with `span_id`")]
    Ambiguous {
        /// The trace.
        trace: TraceId,
        /// How many.
        count: usize,
        /// Which kind.
        kind: &'static str,
    },
}

/// What an import came to.
#[derive(Debug, Default)]
pub struct Import {
    /// Labels stored for the first time.
    pub stored: u64,
    /// Labels that were there already.
    pub known: u64,
    /// Lines of a queue that nobody has filled in.
    pub empty: u64,
    /// Lines refused: line number and why.
    pub refused: Vec<(usize, LabelError)>,
}

/// Reads the lines of a label file with their numbers, counted from 1. Blank lines are skipped.
pub fn read_lines(format: LabelFormat, text: &str) -> Lines {
    match format {
        LabelFormat::JsonLines => text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(index, line)| (index + 1, serde_json::from_str(line).map_err(LabelError::Json)))
            .collect(),
        LabelFormat::Csv => {
            let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
            let headers = reader.headers().cloned();
            let mut lines = Vec::new();
            for record in reader.into_records() {
                let line = match &record {
                    Ok(record) => record.position().map_or(0, |position| position.line() as usize),
                    Err(error) => error.position().map_or(0, |position| position.line() as usize),
                };
                let label = match (&headers, record) {
                    (Ok(headers), Ok(record)) => record.deserialize(Some(headers)).map_err(LabelError::Csv),
                    (_, Err(error)) => Err(LabelError::Csv(error)),
                    (Err(_), Ok(_)) => continue,
                };
                lines.push((line, label));
            }
            lines
        }
    }
}

/// A rubric as labels need it.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledRubric {
    /// What it judges.
    pub subject: SubjectKind,
    /// Its scale.
    pub scale: Scale,
}

/// Lines of labels with their numbers.
pub type Lines = Vec<(usize, Result<LabelLine, LabelError>)>;

/// Resolves and stores the lines of a label file. `rubrics` are those there are, by name.
pub async fn import(
    store: &Store,
    rubrics: &BTreeMap<String, LabelledRubric>,
    lines: Lines,
) -> Result<Import, StoreError> {
    let (mut import, labels) = resolve_all(store, rubrics, lines).await?;
    // Elsewhere labels of its own were seen before, and nothing is put between them. An export may come in several files.
    let is_restored = store.has_only_restored_labels().await?;
    let seen: Vec<(&Label, Option<i64>)> =
        labels.iter().map(|resolved| (&resolved.label, resolved.first_seen_ms.filter(|_| is_restored))).collect();
    import.stored = store.insert_labels_seen(&seen).await?;
    import.known += labels.len() as u64 - import.stored;
    Ok(import)
}

/// What [`import`] would come to; stores nothing.
pub async fn preview(
    store: &Store,
    rubrics: &BTreeMap<String, LabelledRubric>,
    lines: Lines,
) -> Result<Import, StoreError> {
    let (mut import, labels) = resolve_all(store, rubrics, lines).await?;
    let key = |label: &Label| (label.subject, label.rubric.clone(), label.annotator.clone(), label.labelled_at_ms);
    let mut seen = BTreeSet::new();
    for Resolved { label, .. } in &labels {
        let stored = store.labels_of(label.subject, &label.rubric).await?;
        let new = seen.insert(key(label)) && !stored.iter().any(|one| key(one) == key(label));
        *(if new { &mut import.stored } else { &mut import.known }) += 1;
    }
    Ok(import)
}

/// The labels that the lines stand for, and what became of the other lines.
async fn resolve_all(
    store: &Store,
    rubrics: &BTreeMap<String, LabelledRubric>,
    lines: Lines,
) -> Result<(Import, Vec<Resolved>), StoreError> {
    let mut import = Import::default();
    let mut labels = Vec::new();
    let now_ms = store.now_ms();
    for (number, line) in lines {
        let resolved = match line {
            Ok(line) if line.is_still_to_do() => {
                import.empty += 1;
                continue;
            }
            Ok(line) => resolve(store, rubrics, line, now_ms).await?,
            Err(error) => Err(error),
        };
        match resolved {
            Ok(resolved) if !resolved.is_dated && is_known(store, &resolved.label).await? => import.known += 1,
            Ok(resolved) => labels.push(resolved),
            Err(error) => import.refused.push((number, error)),
        }
    }
    Ok((import, labels))
}

/// Whether this is what the annotator said last of the subject: a file without times that is imported again.
async fn is_known(store: &Store, label: &Label) -> Result<bool, StoreError> {
    let given = store.labels_of(label.subject, &label.rubric).await?;
    let last = given.iter().filter(|one| one.annotator == label.annotator).max_by_key(|one| one.labelled_at_ms);
    Ok(last.is_some_and(|last| last.score == label.score && last.rationale == label.rationale))
}

/// A line that is a label.
struct Resolved {
    label: Label,
    /// Whether its line says when it was given.
    is_dated: bool,
    first_seen_ms: Option<i64>,
}

/// The label of a line. The outer result is the store's, the inner one the line's.
async fn resolve(
    store: &Store,
    rubrics: &BTreeMap<String, LabelledRubric>,
    line: LabelLine,
    now_ms: i64,
) -> Result<Result<Resolved, LabelError>, StoreError> {
    if let Some(seen) = line.first_seen_at.filter(|seen| seen.as_millisecond() > now_ms) {
        return Ok(Err(LabelError::SeenInFuture(seen)));
    }
    let checked = check(rubrics, line);
    let (line, rubric, annotator, score, target) = match checked {
        Ok(checked) => checked,
        Err(error) => return Ok(Err(error)),
    };
    let kind = rubrics.get(&rubric).map_or(SubjectKind::Generation, |rubric| rubric.subject);
    let candidates: Vec<SubjectId> =
        store.subjects_of(target).await?.into_iter().filter(|(_, found)| *found == kind).map(|(id, _)| id).collect();
    let subject = match (candidates.as_slice(), target) {
        ([subject], _) => *subject,
        ([], target) => return Ok(Err(LabelError::UnknownSubject(describe(target)))),
        (several, LabelTarget::Trace(trace) | LabelTarget::Span(trace, _)) => {
            return Ok(Err(LabelError::Ambiguous { trace, count: several.len(), kind: kind.as_str() }));
        }
        ([first, ..], LabelTarget::Subject(_)) => *first,
    };
    let (is_dated, first_seen_ms) =
        (line.labelled_at.is_some(), line.first_seen_at.map(jiff::Timestamp::as_millisecond));
    let label = Label {
        subject,
        rubric,
        annotator,
        score: Some(score),
        rationale: line.rationale.filter(|text| !text.is_empty()),
        stream: line.stream.unwrap_or(LabelStream::Unknown),
        probability: line.probability,
        labelled_at_ms: line.labelled_at.map_or(now_ms, jiff::Timestamp::as_millisecond),
    };
    Ok(Ok(Resolved { label, is_dated, first_seen_ms }))
}

type Checked = (LabelLine, String, String, Score, LabelTarget);

fn check(rubrics: &BTreeMap<String, LabelledRubric>, mut line: LabelLine) -> Result<Checked, LabelError> {
    let rubric = line.rubric.take().ok_or(LabelError::Missing("rubric"))?;
    let annotator = line.annotator.take().ok_or(LabelError::Missing("annotator"))?;
    let target = match (line.subject_id, line.trace_id, line.span_id) {
        (Some(subject), _, _) => LabelTarget::Subject(subject),
        (None, Some(trace), Some(span)) => LabelTarget::Span(trace, span),
        (None, Some(trace), None) => LabelTarget::Trace(trace),
        (None, None, _) => return Err(LabelError::Missing("trace_id")),
    };
    let known = rubrics.get(&rubric).ok_or_else(|| LabelError::UnknownRubric(rubric.clone()))?;
    let score = score_of(&known.scale, &rubric, &line)?;
    Ok((line, rubric, annotator, score, target))
}

fn score_of(scale: &Scale, rubric: &str, line: &LabelLine) -> Result<Score, LabelError> {
    let off_scale = |verdict: String| LabelError::OffScale { verdict, scale: scale.name(), rubric: rubric.to_owned() };
    match (line.score, &line.label, line.pass) {
        (Some(score), None, None) => Score::of_number(scale, score).ok_or_else(|| off_scale(score.to_string())),
        (None, Some(label), None) => Score::of_label(scale, label).ok_or_else(|| off_scale(format!("`{label}`"))),
        (None, None, Some(pass)) => Score::of_pass(scale, pass).ok_or_else(|| off_scale(format!("pass = {pass}"))),
        _ => Err(LabelError::Verdict),
    }
}

fn describe(target: LabelTarget) -> String {
    match target {
        LabelTarget::Subject(id) => format!("subject {id}"),
        LabelTarget::Span(trace, span) => format!("span {span} of trace {trace}"),
        LabelTarget::Trace(trace) => format!("trace {trace}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rubrics() -> BTreeMap<String, LabelledRubric> {
        let scale = Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap();
        [("faithfulness".to_owned(), LabelledRubric { subject: SubjectKind::Generation, scale })].into()
    }

    fn refusal(json: &str) -> String {
        let (_, line) = read_lines(LabelFormat::JsonLines, json).remove(0);
        match line.and_then(|line| check(&rubrics(), line)) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        assert_eq!(
            refusal(r#"{"trace_id":"a30e0c04b7c7f05d9e7f61037cb86b6b","rubric":"faithfulness"}"#),
            "`annotator` is missing"
        );
        let line = |verdict: &str| {
            format!(
                r#"{{"trace_id":"a30e0c04b7c7f05d9e7f61037cb86b6b","rubric":"faithfulness","annotator":"ann",{verdict}}}"#
            )
        };
        assert_eq!(refusal(&line(r#""score":6"#)), "6 is not on the ordinal scale of rubric `faithfulness`");
        assert_eq!(
            refusal(&line(r#""score":4,"pass":true"#)),
            "a label needs exactly one of `score`, `label` and `pass`"
        );
        assert_eq!(refusal(&line(r#""score":4"#)), "accepted");
        assert_eq!(refusal(r#"{"trace":1}"#), "not a label in JSON");
    }

    #[test]
    fn an_exported_label_reads_back() {
        let score = Some(Score::Number { number: 4.0, passes: Some(true), value: 0.75 });
        let label = Label {
            subject: SubjectId::of_session("s"),
            rubric: "faithfulness".into(),
            annotator: "ann".into(),
            score,
            rationale: None,
            stream: LabelStream::Uniform,
            probability: Probability::try_from(0.5).ok(),
            labelled_at_ms: 1_767_225_600_000,
        };
        let text = serde_json::to_string(&ExportedLabel::of(&label, label.labelled_at_ms + 1)).unwrap();
        let (_, line) = read_lines(LabelFormat::JsonLines, &text).remove(0);
        let (line, rubric, annotator, score, target) = check(&rubrics(), line.unwrap()).unwrap();
        assert_eq!((rubric, annotator, score.number()), (label.rubric, label.annotator, Some(4.0)));
        assert_eq!((line.stream, line.probability), (Some(label.stream), label.probability));
        assert_eq!(line.labelled_at.unwrap().as_millisecond(), label.labelled_at_ms);
        assert_eq!(line.first_seen_at.unwrap().as_millisecond(), label.labelled_at_ms + 1);
        assert!(matches!(target, LabelTarget::Subject(subject) if subject == label.subject));
    }

    #[test]
    fn csv_and_json_lines_read_the_same() {
        let csv = "trace_id,rubric,annotator,score,rationale\n\
                   a30e0c04b7c7f05d9e7f61037cb86b6b,faithfulness,ann,4,fine\n\
                   oops,faithfulness,ann,4,\n";
        let lines = read_lines(LabelFormat::Csv, csv);
        assert_eq!(lines[0].0, 2);
        assert_eq!(lines[0].1.as_ref().unwrap().score, Some(4.0));
        assert!(matches!(&lines[1], (3, Err(LabelError::Csv(_)))));
    }
}
