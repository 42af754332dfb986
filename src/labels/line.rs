//! One line of a label file: its cells or members, read by what they mean.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::columns::Column;
use super::error::LabelError;
use crate::agreement::Label as Verdict;
use crate::model::{LabelStream, LabelWay, Named as _, Probability, Replaced, SpanId, SubjectId, TraceId};

/// One line of a label file, read but not yet resolved. It serialises as a line that can be read again.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct LabelLine {
    /// judged's id of the subject; else the trace names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<SubjectId>,
    /// The trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// The span of the generation, where the trace has several; alone where nothing names the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
    /// The rubric's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rubric: Option<String>,
    /// Who labelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotator: Option<String>,
    /// The score on the rubric's own scale,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Verdict>,
    /// or the label,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Verdict>,
    /// or only whether it passes, for rubrics with a threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<Verdict>,
    /// Whether the annotator looked at it and could not judge.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// Whether there was a place for a verdict, though nothing stood in it.
    #[serde(skip)]
    pub left_empty: bool,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labelled_at: Option<Timestamp>,
    /// When judged first saw it, as `labels export` writes it; it counts as long as there are no labels
    /// but such, and none was looked at for drift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen_at: Option<Timestamp>,
    /// `uniform` or `targeted`, when judged drew the subject; absent means unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<LabelStream>,
    /// The probability with which the subject was drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<Probability>,
    /// Both under judged's seal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<String>,
    /// Which way it came into the database that it was exported from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<LabelWay>,
    /// Whether it settles what others said differently.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adjudicates: bool,
    /// What they said, as `labels export` writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Vec<Replaced>>,
}

impl LabelLine {
    /// Reads the cells of a row or the members of an object, each with what its heading means.
    pub(super) fn of(fields: impl IntoIterator<Item = (Column, Value)>) -> Result<Self, LabelError> {
        let mut line = Self::default();
        for (column, value) in fields {
            let is_verdict = matches!(column, Column::Score | Column::Label | Column::Pass);
            if is_blank(&value) {
                line.left_empty |= is_verdict;
                continue;
            }
            line.read(column, value)?;
        }
        let says_nothing = line.verdicts().next().is_none();
        line.left_empty &= says_nothing;
        Ok(line)
    }

    fn read(&mut self, column: Column, value: Value) -> Result<(), LabelError> {
        let name = column.name();
        match column {
            Column::SubjectId => {
                let text = text_of(name, value)?;
                self.subject_id = Some(text.trim().parse().map_err(|_| LabelError::SubjectId(text))?);
            }
            Column::TraceId => self.trace_id = Some(trace_id(&text_of(name, value)?)?),
            Column::SpanId => {
                let text = text_of(name, value)?;
                let id = text.trim().parse();
                self.span_id = Some(id.map_err(|source| LabelError::Id { column: name, text, source })?);
            }
            Column::Rubric => self.rubric = Some(text_of(name, value)?.trim().to_owned()),
            Column::Annotator => self.annotator = Some(text_of(name, value)?),
            Column::Score => self.score = Some(verdict(name, &value)?),
            Column::Label => self.label = Some(verdict(name, &value)?),
            Column::Pass => self.pass = Some(side(name, &value)?),
            Column::Skipped => self.skipped = truth(name, &value)?,
            Column::Rationale => self.rationale = Some(text_of(name, value)?),
            Column::LabelledAt => self.labelled_at = Some(moment(name, &text_of(name, value)?)?),
            Column::FirstSeenAt => self.first_seen_at = Some(moment(name, &text_of(name, value)?)?),
            Column::Stream => {
                let text = text_of(name, value)?;
                let stream = LabelStream::parse(&text.trim().to_lowercase());
                let expected = "uniform, targeted or unknown";
                self.stream = Some(stream.ok_or(LabelError::Value { column: name, text, expected })?);
            }
            Column::Probability => {
                let number = verdict(name, &value)?;
                let probability = number.number().and_then(|number| Probability::try_from(number).ok());
                let wrong = || LabelError::Value {
                    column: name,
                    text: number.text().into_owned(),
                    expected: "a number from 0 to 1",
                };
                self.probability = Some(probability.ok_or_else(wrong)?);
            }
            Column::Draw => self.draw = Some(text_of(name, value)?),
            Column::Adjudicates => self.adjudicates = truth(name, &value)?,
            Column::Via => self.via = Some(LabelWay::from(text_of(name, value)?)),
            Column::InsteadOf => {
                let wrong = |_| LabelError::Value {
                    column: name,
                    text: value.to_string(),
                    expected: "a list as `judged labels export` writes it",
                };
                self.instead_of = Some(Vec::deserialize(&value).map_err(wrong)?);
            }
            Column::Question
            | Column::Scale
            | Column::Item
            | Column::Input
            | Column::Output
            | Column::Documents
            | Column::Said
            | Column::RefusedBecause => {}
        }
        Ok(())
    }

    /// What was said of it, with where it stands.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (&'static str, &Verdict)> {
        let all = [("score", &self.score), ("label", &self.label), ("pass", &self.pass)];
        all.into_iter().filter_map(|(name, verdict)| Some((name, verdict.as_ref()?)))
    }

    /// Whether it waits for a verdict.
    pub(super) fn is_still_to_do(&self) -> bool {
        let was_drawn = self.draw.is_some() || self.stream.is_some();
        !self.skipped && self.verdicts().next().is_none() && (self.left_empty || was_drawn)
    }
}

pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn text_of(column: &'static str, value: Value) -> Result<String, LabelError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(LabelError::Value { column, text: other.to_string(), expected: "text" }),
    }
}

fn verdict(column: &'static str, value: &Value) -> Result<Verdict, LabelError> {
    let wrong = || LabelError::Value { column, text: value.to_string(), expected: "a number, a word, true or false" };
    Verdict::of_value(value).ok_or_else(wrong)
}

/// A side of the threshold: 1 is a pass here, not a level.
fn side(column: &'static str, value: &Value) -> Result<Verdict, LabelError> {
    let said = verdict(column, value)?;
    Ok(match said.number() {
        Some(1.0) => Verdict::Flag(true),
        Some(0.0) => Verdict::Flag(false),
        _ => said,
    })
}

fn truth(column: &'static str, value: &Value) -> Result<bool, LabelError> {
    let said = side(column, value)?;
    let wrong = || LabelError::Value { column, text: said.text().into_owned(), expected: "true or false" };
    said.flag().ok_or_else(wrong)
}

/// A trace id; MLflow writes `tr-` before it.
pub(super) fn trace_id(text: &str) -> Result<TraceId, LabelError> {
    let hex = text.trim();
    let id = hex.strip_prefix("tr-").unwrap_or(hex).parse();
    id.map_err(|source| LabelError::Id { column: "trace_id", text: text.to_owned(), source })
}

/// A moment as programs and spreadsheets write it; without a time zone it is UTC.
pub(super) fn moment(column: &'static str, text: &str) -> Result<Timestamp, LabelError> {
    let given = text.trim();
    let without_zone = given.trim_end_matches(" UTC");
    let at_utc = |moment: DateTime| moment.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let date = || given.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0));
    given
        .parse()
        .ok()
        .or_else(|| without_zone.parse::<DateTime>().ok().or_else(date).and_then(at_utc))
        .ok_or_else(|| LabelError::Moment { column, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(column: Column, value: Value) -> String {
        LabelLine::of([(column, value)]).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_with_its_column() {
        assert_eq!(refusal(Column::TraceId, json!("T1")), "`T1` in `trace_id` is no id");
        assert_eq!(refusal(Column::Probability, json!("2")), "`2` in `probability` is not a number from 0 to 1");
        assert!(
            refusal(Column::LabelledAt, json!("31/01/2026")).starts_with("`31/01/2026` in `labelled_at` is no moment")
        );
        assert!(refusal(Column::Score, json!([4])).starts_with("`[4]` in `score` is not"));
    }

    #[test]
    fn a_moment_may_be_written_as_spreadsheets_and_databases_do() {
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31 12:00:00",
            "2026-01-31 12:00",
            "2026-01-31T14:00:00+02:00",
            "2026-01-31 12:00:00 UTC",
        ] {
            assert_eq!(moment("labelled_at", text).unwrap().to_string(), "2026-01-31T12:00:00Z", "{text}");
        }
        assert_eq!(moment("labelled_at", "2026-01-31").unwrap().to_string(), "2026-01-31T00:00:00Z");
    }

    #[test]
    fn a_place_for_a_verdict_with_nothing_in_it_is_still_to_do() {
        let line = |fields: Vec<(Column, Value)>| LabelLine::of(fields).unwrap().is_still_to_do();
        assert!(line(vec![(Column::Score, json!(" ")), (Column::Label, Value::Null)]));
        assert!(line(vec![(Column::Draw, json!("uniform 1 seal"))]));
        assert!(!line(vec![(Column::Score, json!("")), (Column::Label, json!("pass"))]));
        assert!(!line(vec![(Column::Score, json!("")), (Column::Skipped, json!("yes"))]));
        assert!(!line(vec![]), "nobody left a place");
    }

    #[test]
    fn one_in_the_column_of_passing_is_no_level() {
        let line = LabelLine::of([(Column::Pass, json!("1"))]).unwrap();
        assert_eq!(line.pass, Some(Verdict::Flag(true)));
    }
}
