//! What one person said of one item, whatever tool it was said in.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::columns::Column;
use super::super::error::LabelError;
use super::super::file::{Entry, Original, Place};
use super::super::line::{LabelLine, is_blank, moment, trace_id};
use super::export::{Mapping, ToolExport, text};
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

impl Part {
    fn column(self) -> Column {
        match self {
            Self::Score => Column::Score,
            Self::Label => Column::Label,
            Self::Pass => Column::Pass,
            Self::Rationale => Column::Rationale,
        }
    }
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
        let base = self.base(mapping);
        let rubric = match &base {
            Ok(base) => base.rubric.clone(),
            Err(_) => text(&self.about, Column::Rubric.name()).or_else(|| mapping.rubric.clone()),
        };
        let (answered, unused) = self.by_rubric(rubric.as_deref(), mapping);
        if answered.is_empty() {
            let error = base.err().unwrap_or_else(|| LabelError::NoQuestion(unused.join(", ")));
            return export.refuse(place, error, Original::Fields(self.unanswered(mapping)));
        }
        if base.is_ok() {
            self.say_what_is_lost(&unused, mapping, export);
        }
        for (rubric, answered) in answered {
            // Each line is right or wrong by itself, and an error belongs to one.
            let line = self.base(mapping).and_then(|base| answered.line(base, &rubric));
            let original = match &line {
                Ok(line) => Original::Line(Box::new(line.clone())),
                Err(_) => Original::Fields(self.fields(&rubric, &answered, mapping)),
            };
            export.entries.push(Entry { place, line, original });
        }
    }

    fn say_what_is_lost(&self, unused: &[&str], mapping: &Mapping, export: &mut ToolExport) {
        if let Some(id) = self.annotator.as_deref().filter(|id| !mapping.who.contains_key(*id) && is_a_mere_id(id)) {
            export.lose(format!("the annotator {id} is known by an id only: --who {id}=NAME names somebody"));
        }
        let has = |wanted: Column| {
            self.about.iter().any(|(name, value)| Column::named(name) == Some(wanted) && !is_blank(value))
        };
        if has(Column::Stream) && !has(Column::Draw) {
            export.lose(
                "items that are said to be drawn, without the seal of `judged labels queue`: of unknown selection",
            );
        }
        if self.asked {
            for question in unused {
                export
                    .lose(format!("the question `{question}` is about no rubric: --name {question}=RUBRIC says which"));
            }
        }
    }

    fn annotator<'a>(&'a self, mapping: &'a Mapping) -> Option<&'a String> {
        let said = self.annotator.as_ref();
        said.map(|id| mapping.who.get(id).unwrap_or(id)).or(mapping.annotator.as_ref())
    }

    /// What all its lines share.
    fn base(&self, mapping: &Mapping) -> Result<LabelLine, LabelError> {
        let of_item = self.about.iter().filter_map(|(name, value)| {
            Column::named(name).filter(|column| is_of_item(*column)).map(|column| (column, value.clone()))
        });
        let mut line = LabelLine::of(of_item)?;
        if line.subject_id.is_none() && line.trace_id.is_none() && line.span_id.is_none() {
            let item = self.item.as_deref().ok_or(LabelError::Missing("trace_id"))?;
            refer_to(&mut line, item)?;
        }
        line.rubric = line.rubric.or_else(|| mapping.rubric.clone());
        line.annotator = self.annotator(mapping).cloned();
        line.labelled_at = self.at.as_deref().map(|at| moment("labelled_at", at)).transpose()?;
        Ok(line)
    }

    /// The answers by the rubric that they are about, and the questions that are about none.
    fn by_rubric(&self, base: Option<&str>, mapping: &Mapping) -> (BTreeMap<String, Answered<'_>>, Vec<&str>) {
        let mut answered: BTreeMap<String, Answered<'_>> = BTreeMap::new();
        let mut reasons: Vec<(Option<String>, String)> = Vec::new();
        let mut unused = Vec::new();
        for (question, answer) in &self.answers {
            match self.usage(question, base, mapping) {
                Usage::Verdict(rubric, part) => {
                    answered.entry(rubric).or_default().verdicts.push((part, question, answer));
                }
                Usage::Reasons(rubric) => reasons.extend(words(answer).map(|text| (rubric, text))),
                Usage::None => unused.push(question.as_str()),
            }
        }
        for (rubric, one) in &mut answered {
            let of_it = reasons.iter().filter(|(of, _)| of.as_ref().is_none_or(|of| of == rubric));
            let said = self.rationale.iter().chain(of_it.map(|(_, text)| text)).map(String::as_str);
            one.rationale = Some(said.collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty());
        }
        (answered, unused)
    }

    /// A refused line as the person left it, under the headings by which it can be mended and imported.
    fn fields(&self, rubric: &str, answered: &Answered<'_>, mapping: &Mapping) -> Map<String, Value> {
        let mut fields = self.shared_fields(mapping);
        fields.retain(|name, _| Column::named(name) != Some(Column::Rubric));
        fields.insert(Column::Rubric.name().to_owned(), rubric.into());
        for (part, _, answer) in &answered.verdicts {
            fields.entry(part.column().name()).or_insert_with(|| sole(answer).clone());
        }
        if let Some(rationale) = &answered.rationale {
            fields.insert(Column::Rationale.name().to_owned(), rationale.as_str().into());
        }
        fields
    }

    /// The same where no question is about a rubric: somebody has to name it.
    fn unanswered(&self, mapping: &Mapping) -> Map<String, Value> {
        let mut fields = self.shared_fields(mapping);
        let mut reasons: Vec<String> = self.rationale.iter().cloned().collect();
        for (question, answer) in &self.answers {
            let column = match part_of(question) {
                Some(Part::Rationale) => {
                    reasons.extend(words(answer));
                    continue;
                }
                Some(part) => part.column().name(),
                // The columns of a table stand among its answers.
                None if Column::named(question).is_some() => continue,
                None => question,
            };
            fields.entry(column).or_insert_with(|| sole(answer).clone());
        }
        if !reasons.is_empty() {
            fields.insert(Column::Rationale.name().to_owned(), reasons.join("\n").into());
        }
        fields
    }

    fn shared_fields(&self, mapping: &Mapping) -> Map<String, Value> {
        let mut fields = self.about.clone();
        // What only looks like a part of a label was not read as one, and is not to be read the next time.
        fields.retain(|name, _| Column::named(name).is_none_or(is_of_item));
        let given = fields.iter().filter(|(_, value)| !is_blank(value));
        let names_its_subject = given.filter_map(|(name, _)| Column::named(name)).any(names_a_subject);
        if let Some(item) = self.item.as_deref().filter(|_| !names_its_subject) {
            let mut named = LabelLine::default();
            match refer_to(&mut named, item).map(|()| serde_json::to_value(named)) {
                Ok(Ok(Value::Object(ids))) => fields.extend(ids),
                _ => fields.extend([(Column::TraceId.name().to_owned(), item.into())]),
            }
        }
        let own = [(Column::Annotator, self.annotator(mapping)), (Column::LabelledAt, self.at.as_ref())];
        let own = own.into_iter().filter_map(|(column, text)| Some((column.name().to_owned(), text?.as_str().into())));
        fields.extend(own);
        fields
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

/// What one person said of one item on one rubric.
#[derive(Default)]
struct Answered<'a> {
    /// Part, question and answer.
    verdicts: Vec<(Part, &'a str, &'a Value)>,
    rationale: Option<String>,
}

impl Answered<'_> {
    fn line(&self, base: LabelLine, rubric: &str) -> Result<LabelLine, LabelError> {
        let mut line =
            LabelLine { rubric: Some(rubric.to_owned()), rationale: self.rationale.clone(), left_empty: true, ..base };
        for (part, question, answer) in &self.verdicts {
            line.answer(*part, verdict(question, answer)?);
        }
        Ok(line)
    }
}

/// What an item says of itself. How it was drawn is not among it: that counts under the seal of its draw alone.
fn is_of_item(column: Column) -> bool {
    names_a_subject(column) || matches!(column, Column::Rubric | Column::Draw | Column::Adjudicates)
}

fn names_a_subject(column: Column) -> bool {
    matches!(column, Column::SubjectId | Column::TraceId | Column::SpanId)
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
