//! `judged labels queue --disagreements`: answers of which people say different things, for somebody to settle.

use serde::Serialize;

use super::super::output::RecordFormat;
use crate::agreement::ScaleReader;
use crate::labels::disagreements::disputed;
use crate::labels::file::formula;
use crate::model::{Label, Score, SubjectContent, SubjectId};
use crate::rubrics::Rubric;
use crate::store::{Store, StoreError};

/// A disputed answer, to be settled by one person.
pub(super) struct ToSettle<'a> {
    subject: SubjectId,
    rubric: &'a Rubric,
    said: Vec<String>,
    content: SubjectContent,
}

/// What is disputed of each rubric, up to `most` of each.
pub(super) async fn to_settle<'a>(
    store: &Store,
    rubrics: impl Iterator<Item = &'a Rubric>,
    most: usize,
) -> Result<Vec<ToSettle<'a>>, StoreError> {
    let labels = store.labels().await?;
    let mut all = Vec::new();
    for rubric in rubrics {
        for one in disputed(&labels, &rubric.name, &ScaleReader::of(&rubric.scale)).into_iter().take(most) {
            // Retention may have taken the content since.
            if let Some(content) = store.subject_record(one.subject).await?.and_then(|record| record.content) {
                all.push(ToSettle {
                    subject: one.subject,
                    rubric,
                    said: one.said.into_iter().map(words).collect(),
                    content,
                });
            }
        }
    }
    Ok(all)
}

/// Who said what, and why.
fn words(label: &Label) -> String {
    let score = label.score.as_ref();
    let number = score.and_then(Score::number).map(|number| number.to_string());
    let verdict = number.or_else(|| score.and_then(|score| score.label()).map(str::to_owned));
    let verdict = verdict.unwrap_or_else(|| "could not judge".to_owned());
    match &label.rationale {
        Some(rationale) => format!("{}: {verdict} ({rationale})", label.annotator),
        None => format!("{}: {verdict}", label.annotator),
    }
}

/// A line to fill in; `judged labels import` reads it back.
#[derive(Serialize)]
struct Line<'a> {
    subject_id: SubjectId,
    rubric: &'a str,
    annotator: &'a str,
    adjudicates: bool,
    question: &'a str,
    scale: String,
    said: &'a [String],
    item: &'a SubjectContent,
    score: Option<f64>,
    label: Option<&'a str>,
    rationale: Option<&'a str>,
}

const COLUMNS: [&str; 13] = [
    "subject_id",
    "rubric",
    "annotator",
    "adjudicates",
    "question",
    "scale",
    "said",
    "input",
    "documents",
    "output",
    "score",
    "label",
    "rationale",
];

/// The file to fill in.
pub(super) fn written(all: &[ToSettle<'_>], annotator: &str, format: RecordFormat) -> anyhow::Result<String> {
    match format {
        RecordFormat::Jsonl => {
            let mut text = String::new();
            for one in all {
                let line = Line {
                    subject_id: one.subject,
                    rubric: &one.rubric.name,
                    annotator,
                    adjudicates: true,
                    question: &one.rubric.description,
                    scale: one.rubric.scale_text(),
                    said: &one.said,
                    item: &one.content,
                    score: None,
                    label: None,
                    rationale: None,
                };
                text += &serde_json::to_string(&line)?;
                text.push('\n');
            }
            Ok(text)
        }
        RecordFormat::Csv => table(all, annotator),
    }
}

fn table(all: &[ToSettle<'_>], annotator: &str) -> anyhow::Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for one in all {
        let documents: Vec<&str> =
            one.content.documents.iter().filter_map(|document| document.text.as_deref()).collect();
        let cells = [
            &one.subject.to_string(),
            &one.rubric.name,
            annotator,
            "true",
            &one.rubric.description,
            &one.rubric.scale_text(),
            &one.said.join("\n"),
            one.content.input.as_deref().unwrap_or_default(),
            &documents.join("\n\n"),
            one.content.output.as_deref().unwrap_or_default(),
            "",
            "",
            "",
        ];
        table.write_record(cells.map(|cell| formula::guarded(cell).into_owned()))?;
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}
