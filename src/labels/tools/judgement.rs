//! What one person said of one item, whatever tool it was said in.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::columns::Column;
use super::super::error::LabelError;
use super::super::file::{Entry, Original, Place};
use super::super::line::{LabelLine, moment, trace_id};
use super::export::{Mapping, ToolExport};
use crate::agreement::Label as Verdict;

/// What one person said of one item.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) place: Option<Place>,
    /// What the item brought along: its trace, its rubric, how it was drawn.
    pub(super) about: Map<String, Value>,
    /// The tool's name of the item, which may be an id.
    pub(super) item: Option<String>,
    pub(super) annotator: Option<String>,
    /// Answers to the tool's questions, by the question's name.
    pub(super) answers: Vec<(String, Value)>,
    /// Whether all that is in `answers` was asked, so that what cannot be used is worth a word.
    pub(super) asked: bool,
    pub(super) rationale: Option<String>,
    pub(super) at: Option<String>,
}

/// What an answer is to a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Score,
    Label,
    Pass,
    Rationale,
}

fn part_of(question: &str) -> Option<Part> {
    match letters(question).as_str() {
        "score" | "rating" | "grade" | "stars" | "likert" => Some(Part::Score),
        "label" | "labels" | "verdict" | "choice" | "category" | "class" => Some(Part::Label),
        "pass" | "passes" | "correct" => Some(Part::Pass),
        "rationale" | "reason" | "reasons" | "comment" | "comments" | "explanation" | "why" | "notes" | "note" => {
            Some(Part::Rationale)
        }
        _ => None,
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Judgement {
    /// One line for each rubric that it answers.
    pub(super) fn into_lines(self, mapping: &Mapping, export: &mut ToolExport) {
        let place = self.place.unwrap_or(Place::Item(0));
        if self.answers.is_empty() {
            export.lose("items that somebody submitted without an answer");
            return;
        }
        let original = || Original::Fields(self.about.clone());
        let base = match self.base(mapping, export) {
            Ok(base) => base,
            Err(error) => return export.refuse(place, error, original()),
        };
        match self.by_rubric(base, mapping, export) {
            Ok(lines) => {
                for line in lines {
                    let original = Original::Line(Box::new(line.clone()));
                    export.entries.push(Entry { place, line: Ok(line), original });
                }
            }
            Err(error) => export.refuse(place, error, original()),
        }
    }

    /// What all its lines share.
    fn base(&self, mapping: &Mapping, export: &mut ToolExport) -> Result<LabelLine, LabelError> {
        let of_item = self.about.iter().filter_map(|(name, value)| {
            let column = Column::named(name)?;
            let is_of_item = matches!(
                column,
                Column::SubjectId
                    | Column::TraceId
                    | Column::SpanId
                    | Column::Rubric
                    | Column::Stream
                    | Column::Probability
                    | Column::Draw
                    | Column::Adjudicates
            );
            is_of_item.then(|| (column, value.clone()))
        });
        let mut line = LabelLine::of(of_item)?;
        if line.subject_id.is_none() && line.trace_id.is_none() && line.span_id.is_none() {
            let item = self.item.as_deref().ok_or(LabelError::Missing("trace_id"))?;
            refer_to(&mut line, item)?;
        }
        line.rubric = line.rubric.or_else(|| mapping.rubric.clone());
        line.annotator = self.annotator.clone().or_else(|| mapping.annotator.clone());
        if let Some(id) = &self.annotator {
            match mapping.who.get(id) {
                Some(name) => line.annotator = Some(name.clone()),
                None if is_a_mere_id(id) => {
                    export.lose(format!("the annotator {id} is known by an id only: --who {id}=NAME names somebody"));
                }
                None => {}
            }
        }
        line.labelled_at = self.at.as_deref().map(|at| moment("labelled_at", at)).transpose()?;
        line.rationale.clone_from(&self.rationale);
        Ok(line)
    }

    fn by_rubric(
        &self,
        base: LabelLine,
        mapping: &Mapping,
        export: &mut ToolExport,
    ) -> Result<Vec<LabelLine>, LabelError> {
        let mut lines: BTreeMap<String, LabelLine> = BTreeMap::new();
        let mut reasons: Vec<(Option<String>, String)> = Vec::new();
        let mut unused = Vec::new();
        for (question, answer) in &self.answers {
            match self.usage(question, base.rubric.as_deref(), mapping) {
                Usage::Verdict(rubric, part) => {
                    let line = lines.entry(rubric.clone()).or_insert_with(|| LabelLine {
                        rubric: Some(rubric),
                        left_empty: true,
                        ..base.clone()
                    });
                    line.answer(part, verdict(question, answer)?);
                }
                Usage::Reasons(rubric) => reasons.extend(words(answer).map(|text| (rubric, text))),
                Usage::None => unused.push(question.as_str()),
            }
        }
        if lines.is_empty() {
            return Err(LabelError::NoQuestion(unused.join(", ")));
        }
        if self.asked {
            for question in unused {
                export
                    .lose(format!("the question `{question}` is about no rubric: --name {question}=RUBRIC says which"));
            }
        }
        for (rubric, text) in reasons {
            for line in lines.values_mut().filter(|line| rubric.is_none() || line.rubric == rubric) {
                line.rationale = Some(match line.rationale.take() {
                    Some(earlier) => format!("{earlier}\n{text}"),
                    None => text.clone(),
                });
            }
        }
        Ok(lines.into_values().collect())
    }

    /// What the answer to a question is good for.
    fn usage(&self, question: &str, base: Option<&str>, mapping: &Mapping) -> Usage {
        if let Some(rubric) = mapping.names.get(question) {
            return Usage::Verdict(rubric.clone(), Part::Label);
        }
        let asked = letters(question);
        for rubric in &mapping.rubrics {
            match asked.strip_prefix(&letters(rubric)) {
                Some("") => return Usage::Verdict(rubric.clone(), Part::Label),
                Some(rest) if part_of(rest) == Some(Part::Rationale) => return Usage::Reasons(Some(rubric.clone())),
                _ => {}
            }
        }
        match (part_of(question), base) {
            (Some(Part::Rationale), _) => Usage::Reasons(None),
            (Some(part), Some(rubric)) => Usage::Verdict(rubric.to_owned(), part),
            (None, Some(rubric)) if self.asked && self.asks_nothing_else(question) => {
                Usage::Verdict(rubric.to_owned(), Part::Label)
            }
            _ => Usage::None,
        }
    }

    /// Whether this is the only question that is no request for reasons.
    fn asks_nothing_else(&self, question: &str) -> bool {
        self.answers.iter().all(|(name, _)| name == question || part_of(name) == Some(Part::Rationale))
    }
}

/// What the answer to a question is good for.
enum Usage {
    /// The verdict on a rubric.
    Verdict(String, Part),
    /// The reasons for it, of all rubrics where none is named.
    Reasons(Option<String>),
    None,
}

impl LabelLine {
    fn answer(&mut self, part: Part, said: Option<Verdict>) {
        self.left_empty &= said.is_none();
        let place = match part {
            Part::Score => &mut self.score,
            Part::Pass => &mut self.pass,
            Part::Label | Part::Rationale => &mut self.label,
        };
        *place = place.take().or(said);
    }
}

/// What an item is called may be an id: of judged with the rubric behind it, of a trace, or of a span behind its trace.
fn refer_to(line: &mut LabelLine, item: &str) -> Result<(), LabelError> {
    let (head, tail) = match item.trim().split_once(['#', '/', ':', '|']) {
        Some((head, tail)) => (head, Some(tail)),
        None => (item.trim(), None),
    };
    // Without hyphens it has the form of a trace id.
    if let Some(subject) = head.parse().ok().filter(|_| head.contains('-')) {
        line.subject_id = Some(subject);
        line.rubric = line.rubric.take().or_else(|| tail.map(str::to_owned));
        return Ok(());
    }
    line.trace_id = Some(trace_id(head)?);
    if let Some(span) = tail {
        let id = span.trim().parse();
        line.span_id =
            Some(id.map_err(|source| LabelError::Id { column: "span_id", text: span.to_owned(), source })?);
    }
    Ok(())
}

/// A number, or what a program makes up: nobody is called so.
fn is_a_mere_id(name: &str) -> bool {
    name.chars().all(|letter| letter.is_ascii_digit())
        || name.len() >= 32 && name.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-')
}

/// The one value in lists and objects of one.
fn sole(value: &Value) -> &Value {
    match value {
        Value::Array(items) if items.len() == 1 => sole(&items[0]),
        Value::Object(members) if members.len() == 1 => members.values().next().map_or(value, sole),
        _ => value,
    }
}

/// The verdict that an answer is; none of an empty one.
fn verdict(question: &str, answer: &Value) -> Result<Option<Verdict>, LabelError> {
    match sole(answer) {
        Value::Array(items) if items.is_empty() => Ok(None),
        several @ (Value::Array(_) | Value::Object(_)) => {
            Err(LabelError::SeveralAnswers { question: question.to_owned(), answers: several.to_string() })
        }
        one => Ok(Verdict::of_value(one)),
    }
}

/// The words of an answer, line by line.
fn words(answer: &Value) -> Option<String> {
    let text = match sole(answer) {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
        _ => return None,
    };
    Some(text).filter(|text| !text.trim().is_empty())
}
