//! The report's drift section: what the detectors say of each rubric's uniformly drawn labels, in order of time.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::data::Moment;
use super::placing::{has_threshold, levels, place};
use crate::calibration::agreement::Declaration;
use crate::calibration::drift::{self, Entry, Settings};
use crate::model::{FAIL, Label, LabelStream, PASS, Scale, Score, SubjectId};
use crate::statistics::Estimate;
use crate::store::ScoredEvaluation;

/// Something that moved, and the rubric it is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flag {
    /// The rubric; absent for the whole.
    pub rubric: Option<String>,
    /// What moved, as `judged drift` writes it.
    #[serde(flatten)]
    pub flag: drift::Flag,
}

/// What a report says of drift.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// How far each rubric can be watched.
    pub watching: Vec<Watch>,
    /// What moved.
    pub flags: Vec<Flag>,
}

/// How far the agreement of a rubric can be watched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watch {
    /// The rubric.
    pub rubric: String,
    /// Uniformly drawn labels of answers that its judge scored.
    pub labels: u64,
    /// How many a baseline needs before anything can be said to have fallen from it.
    pub needed: u64,
    /// Agreement in the baseline.
    pub baseline: Estimate,
}

impl Watch {
    /// Whether there are enough to say that agreement fell.
    pub fn can_see(&self) -> bool {
        self.labels >= self.needed
    }
}

impl DriftReport {
    /// What the detectors say, in the report's words; `flags` are known already.
    pub(super) fn of(findings: Vec<(String, drift::Report)>, mut flags: Vec<Flag>) -> Self {
        let needed = Settings::default().baseline as u64;
        let mut watching = Vec::new();
        for (rubric, found) in findings {
            flags.extend(found.flags.into_iter().map(|flag| Flag { rubric: Some(rubric.clone()), flag }));
            watching.push(Watch { rubric, labels: found.labels as u64, needed, baseline: found.baseline.agreement });
        }
        Self { watching, flags }
    }
}

/// Looks at one rubric: `evaluations` are those of its judge, over all versions and models.
pub(super) fn detect(
    rubric: &str,
    evaluations: &[&ScoredEvaluation],
    labels: &[Label],
    scale: Option<&Scale>,
) -> drift::Report {
    let settings = Settings { scale: scale.map(declaration), ..Settings::default() };
    let history = scale.map_or_else(Vec::new, |scale| history(rubric, evaluations, labels, scale));
    drift::detect(&history, &settings)
}

/// Uniform labels in order of time, each with the judge's verdict on its subject. What an annotator says of an item again
/// stands without the verdict, which was not given again; a second annotator's word on a known item is left to the
/// agreement among people.
fn history(rubric: &str, evaluations: &[&ScoredEvaluation], labels: &[Label], scale: &Scale) -> Vec<Entry> {
    let judged: BTreeMap<SubjectId, &ScoredEvaluation> =
        evaluations.iter().map(|evaluation| (evaluation.subject, *evaluation)).collect();
    let mut first: BTreeMap<SubjectId, &str> = BTreeMap::new();
    let mut entries = Vec::new();
    let uniform = labels.iter().filter(|label| label.rubric == rubric && label.stream == LabelStream::Uniform);
    for label in uniform {
        let (Some(evaluation), Some(human)) = (judged.get(&label.subject), verdict(scale, &label.score)) else {
            continue;
        };
        let again = match first.get(&label.subject) {
            Some(annotator) if *annotator != label.annotator => continue,
            Some(_) => true,
            None => false,
        };
        first.insert(label.subject, &label.annotator);
        entries.push(Entry {
            time: json!(Moment(label.labelled_at_ms)),
            item_id: json!(label.subject),
            human,
            judge: if again { Value::Null } else { verdict(scale, &evaluation.score).unwrap_or(Value::Null) },
            segment: None,
            segments: BTreeMap::new(),
            probability: None,
            annotator: Some(label.annotator.clone()),
            anchor: false,
            rubric_version: Some(json!(evaluation.version)),
            judge_model: evaluation.judge_model.as_ref().map(|model| json!(model)),
        });
    }
    entries
}

/// A verdict as the detectors compare it: pass or fail where the scale divides them, else the level or the number.
fn verdict(scale: &Scale, score: &Score) -> Option<Value> {
    let placed = place(scale, score)?;
    match (placed.pass, placed.number) {
        (Some(pass), _) => Some(json!(if pass { PASS } else { FAIL })),
        (None, Some(number)) => Some(json!(number)),
        (None, None) => score.label.as_ref().map(|label| json!(label)),
    }
}

fn declaration(scale: &Scale) -> Declaration {
    use crate::calibration::agreement::Label as Text;
    if has_threshold(scale) {
        return Declaration::Binary(Text::Text(PASS.to_owned()));
    }
    match scale {
        Scale::Ordinal { .. } => {
            Declaration::Ordinal(levels(scale).into_iter().map(|(level, _)| Text::Text(level)).collect())
        }
        Scale::Numeric { .. } => Declaration::Numeric,
        Scale::Binary { .. } | Scale::Categorical { .. } => Declaration::Nominal,
    }
}
