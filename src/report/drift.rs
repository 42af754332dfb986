//! The report's drift section: what the detectors say of each rubric's uniformly drawn labels, in order of time.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::charts::Fell;
use super::data::Moment;
use super::levels::levels;
use crate::agreement::{Declaration, ScaleReader};
use crate::drift::{self, Entry, Kind, QualityScore, Settings};
use crate::model::{FAIL, Label, LabelStream, PASS, Scale, Score, SubjectId};
use crate::statistics::Estimate;
use crate::store::{ScoredEvaluation, SeriesScore};

/// Something that moved, and the rubric it is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flag {
    /// The rubric; absent for the whole.
    pub rubric: Option<String>,
    /// The judge that is watched; absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    /// What moved, as `judged drift` writes it.
    #[serde(flatten)]
    pub flag: drift::Flag,
    /// The same fall with the same cause, as segments see it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<drift::Flag>,
}

/// Something that had moved and is back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recovered {
    /// What had moved.
    #[serde(flatten)]
    pub flag: Flag,
    /// How it came back.
    pub recovery: drift::Recovery,
}

/// What a report says of drift.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// How far each rubric can be watched.
    pub watching: Vec<Watch>,
    /// What moved and is not back.
    pub flags: Vec<Flag>,
    /// What had moved and is back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recovered: Vec<Recovered>,
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
    /// The judge that is watched.
    #[serde(skip)]
    pub judge: Option<String>,
    /// The time of the last label of the baseline; the first ones make it up.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub baseline_until: Value,
    /// The latest evidence that agreement fell; it is held against the threshold of `course`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistic: Option<f64>,
    /// The evidence over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<drift::Course>,
}

/// What the detectors say of one rubric.
pub(super) struct Finding {
    pub(super) rubric: String,
    /// The judge whose verdicts were looked at.
    pub(super) judge: Option<String>,
    /// The judge whose scores were watched for worse answers: a new one's before any of them is labelled.
    pub(super) scored_by: Option<String>,
    pub(super) found: drift::Report,
}

impl Watch {
    /// Whether there are enough to say that agreement fell.
    pub fn can_see(&self) -> bool {
        self.labels >= self.needed
    }
}

impl DriftReport {
    /// What the detectors say, in the report's words; `flags` are known already.
    pub(super) fn of(findings: Vec<Finding>, mut flags: Vec<Flag>) -> Self {
        let needed = Settings::default().baseline as u64;
        let (mut watching, mut recovered) = (Vec::new(), Vec::new());
        for Finding { rubric, judge, scored_by, found } in findings {
            let of = |(flag, also): (drift::Flag, _)| {
                let judge = if flag.kind == Kind::Quality { &scored_by } else { &judge };
                Flag { rubric: Some(rubric.clone()), judge: judge.clone(), flag, also }
            };
            flags.extend(folded(found.flags).into_iter().map(of));
            recovered.extend(
                told_once(found.recovered)
                    .into_iter()
                    .map(|(one, also)| Recovered { flag: of((one.flag, also)), recovery: one.recovery }),
            );
            watching.push(Watch {
                rubric,
                labels: found.labels as u64,
                needed,
                baseline: found.baseline.agreement,
                judge,
                baseline_until: found.baseline.until,
                statistic: found.course.as_ref().and_then(drift::Course::latest),
                course: found.course,
            });
        }
        Self { watching, flags, recovered }
    }

    /// When agreement on a rubric fell as a whole and was back, in order of time.
    pub(super) fn falls_of(&self, rubric: &str) -> impl Iterator<Item = Fell> {
        let whole = move |flag: &Flag| {
            let own = flag.rubric.as_deref() == Some(rubric);
            own && flag.flag.kind == Kind::Agreement && flag.flag.segment.is_none()
        };
        let over = self.recovered.iter().filter(move |one| whole(&one.flag)).filter_map(|one| {
            let back = Moment::parse(&one.recovery.detected_at);
            Some(Fell { noticed: Moment::parse(&one.flag.flag.detected_at)?, back })
        });
        let standing = self.flags.iter().filter(move |flag| whole(flag));
        let standing =
            standing.filter_map(|flag| Some(Fell { noticed: Moment::parse(&flag.flag.detected_at)?, back: None }));
        over.chain(standing)
    }
}

/// What is over, falls of segments with the fall of the whole that has the same cause and that they overlap.
fn told_once(recovered: Vec<drift::Recovered>) -> Vec<(drift::Recovered, Vec<drift::Flag>)> {
    let is_part = |one: &drift::Recovered| is_fall(&one.flag) && one.flag.segment.is_some();
    let (parts, leading): (Vec<_>, Vec<_>) = recovered.into_iter().partition(is_part);
    let mut told: Vec<(drift::Recovered, Vec<drift::Flag>)> =
        leading.into_iter().map(|one| (one, Vec::new())).collect();
    for part in parts {
        let with = |whole: &drift::Recovered| cause(&whole.flag) == cause(&part.flag) && overlap(whole, &part);
        match told.iter_mut().find(|(whole, _)| whole.flag.segment.is_none() && with(whole)) {
            Some((_, also)) => also.push(part.flag),
            None => told.push((part, Vec::new())),
        }
    }
    told
}

/// Whether one was not yet over when the other began.
fn overlap(one: &drift::Recovered, other: &drift::Recovered) -> bool {
    let times = |of: &drift::Recovered| Moment::parse(&of.flag.since).zip(Moment::parse(&of.recovery.detected_at));
    times(one).zip(times(other)).is_some_and(|((began, over), (since, until))| began <= until && since <= over)
}

/// One fall is told once: what segments see of the fall of the whole, with the same cause, goes with it.
fn folded(flags: Vec<drift::Flag>) -> Vec<(drift::Flag, Vec<drift::Flag>)> {
    let causes: Vec<_> = flags.iter().filter(|flag| is_fall(flag) && flag.segment.is_none()).map(cause).collect();
    let (parts, leading): (Vec<_>, Vec<_>) =
        flags.into_iter().partition(|flag| is_fall(flag) && flag.segment.is_some() && causes.contains(&cause(flag)));
    let mut parts = parts;
    let with = |flag: drift::Flag| {
        let whole = is_fall(&flag) && flag.segment.is_none();
        let also = parts.extract_if(.., |part| whole && cause(part) == cause(&flag)).collect();
        (flag, also)
    };
    leading.into_iter().map(with).collect()
}

/// Whether segments can see the same fall as the whole.
fn is_fall(flag: &drift::Flag) -> bool {
    matches!(flag.kind, Kind::Agreement | Kind::Quality)
}

fn cause(flag: &drift::Flag) -> (Kind, drift::Attribution) {
    (flag.kind, flag.attribution)
}

/// Looks at one rubric: `evaluations` are those of its judge, over all versions and models, `anchors` what it said of the
/// fixed set.
pub(super) fn detect(
    rubric: &str,
    evaluations: &[&ScoredEvaluation],
    anchors: &[&ScoredEvaluation],
    labels: &[Label],
    scale: Option<&Scale>,
) -> drift::Report {
    let settings = Settings { scale: scale.map(declaration), ..Settings::default() };
    let history = scale.map_or_else(Vec::new, |scale| {
        let own = labels.iter().filter(|label| label.rubric == rubric);
        Material { evaluations, anchors, labels: own.collect(), reader: ScaleReader::of(scale) }.history()
    });
    drift::detect(&history, &settings)
}

/// Scores of one series as the watch on answers takes them.
pub(super) fn quality_scores(scores: &[SeriesScore]) -> Vec<QualityScore> {
    let parts = |score: &SeriesScore| -> Vec<String> {
        let model = score.model.iter().map(|model| format!("model={model}"));
        model.chain(score.segments.iter().map(|(name, value)| format!("{name}={value}"))).collect()
    };
    let mut found: Vec<QualityScore> = scores
        .iter()
        .map(|score| QualityScore {
            time: json!(Moment(score.observed_at_ms)),
            value: score.value,
            probability: score.inclusion_probability.get(),
            segments: parts(score),
        })
        .collect();
    // A segment that everything belongs to is the whole.
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for part in found.iter().flat_map(|score| &score.segments) {
        *sizes.entry(part.clone()).or_default() += 1;
    }
    let all = found.len();
    for score in &mut found {
        score.segments.retain(|part| sizes.get(part).is_some_and(|size| *size < all));
    }
    found
}

/// What the history of a rubric is made of.
struct Material<'a> {
    evaluations: &'a [&'a ScoredEvaluation],
    anchors: &'a [&'a ScoredEvaluation],
    labels: Vec<&'a Label>,
    reader: ScaleReader,
}

impl Material<'_> {
    /// Labels and verdicts on anchors, in order of time.
    fn history(&self) -> Vec<Entry> {
        let fixed: BTreeSet<SubjectId> = self.anchors.iter().map(|verdict| verdict.subject).collect();
        let mut drawn: BTreeMap<SubjectId, i64> = BTreeMap::new();
        let mut entries = self.labelled(&fixed, &mut drawn);
        let judged = self.judged();
        for verdict in self.anchors {
            let at = verdict.finished_at_ms.unwrap_or(verdict.observed_at_ms);
            // A drawn answer enters with its label and the verdict that stood then; what was said of it before is that.
            let known = drawn.get(&verdict.subject).is_some_and(|labelled_at| {
                at <= *labelled_at || judged.get(&verdict.subject).is_some_and(|known| known.id == verdict.id)
            });
            if !known && let Some(judge) = self.verdict(&verdict.score) {
                entries.push((at, Entry { judge, anchor: true, ..entry(at, verdict, None) }));
            }
        }
        entries.sort_by_key(|(at, _)| *at);
        let mut entries: Vec<Entry> = entries.into_iter().map(|(_, entry)| entry).collect();
        drop_undivided(&mut entries);
        entries
    }

    /// Uniform labels, each with the judge's verdict on its subject, and all labels of anchors. What an annotator says of
    /// an item again stands without the verdict, which was not given again; a second annotator's word on a known item is
    /// left to the agreement among people.
    fn labelled(&self, fixed: &BTreeSet<SubjectId>, drawn: &mut BTreeMap<SubjectId, i64>) -> Vec<(i64, Entry)> {
        let judged = self.judged();
        let mut first: BTreeMap<SubjectId, &str> = BTreeMap::new();
        let mut entries = Vec::new();
        for label in &self.labels {
            let uniform = label.stream == LabelStream::Uniform;
            if !uniform && !fixed.contains(&label.subject) {
                continue;
            }
            let human = label.score.as_ref().and_then(|score| self.verdict(score));
            let (Some(evaluation), Some(human)) = (judged.get(&label.subject), human) else {
                continue;
            };
            let again = match first.get(&label.subject) {
                Some(annotator) if *annotator != label.annotator => continue,
                Some(_) => true,
                None => false,
            };
            first.insert(label.subject, &label.annotator);
            let at = label.labelled_at_ms;
            let said = Entry { human, ..entry(at, evaluation, Some(label.annotator.clone())) };
            if uniform && !again {
                drawn.insert(label.subject, at);
                let judge = self.verdict(&evaluation.score).unwrap_or(Value::Null);
                entries.push((at, Entry { judge, ..said }));
            } else {
                entries.push((at, Entry { anchor: fixed.contains(&label.subject), ..said }));
            }
        }
        entries
    }

    fn judged(&self) -> BTreeMap<SubjectId, &ScoredEvaluation> {
        self.evaluations.iter().map(|evaluation| (evaluation.subject, *evaluation)).collect()
    }

    fn verdict(&self, score: &Score) -> Option<Value> {
        verdict(&self.reader, score)
    }
}

/// An attribute that says the same everywhere divides nothing.
fn drop_undivided(entries: &mut [Entry]) {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in entries.iter().flat_map(|entry| &entry.segments) {
        values.entry(name.clone()).or_default().insert(value.clone());
    }
    for entry in entries {
        entry.segments.retain(|name, _| values.get(name).is_some_and(|values| values.len() > 1));
    }
}

/// An entry about the answer that an evaluation is of, without anybody's verdict.
fn entry(at_ms: i64, evaluation: &ScoredEvaluation, annotator: Option<String>) -> Entry {
    let model = evaluation.model.iter().map(|model| ("model".to_owned(), model.clone()));
    let segments = evaluation.segments.iter().map(|(name, value)| (name.clone(), value.clone()));
    Entry {
        time: json!(Moment(at_ms)),
        item_id: json!(evaluation.subject),
        human: Value::Null,
        judge: Value::Null,
        segment: None,
        segments: model.chain(segments).collect(),
        probability: None,
        annotator,
        anchor: false,
        rubric_version: Some(json!(evaluation.version)),
        judge_model: evaluation.judge_model.as_ref().map(|model| json!(model)),
        revision: Some(json!(evaluation.revisions.to_string())),
    }
}

/// A verdict as the detectors compare it: pass or fail where the scale divides them, else the level or the number.
fn verdict(reader: &ScaleReader, score: &Score) -> Option<Value> {
    let verdict = reader.read(score)?;
    match (verdict.pass(), score.number()) {
        (Some(pass), _) => Some(json!(if pass { PASS } else { FAIL })),
        (None, Some(number)) => Some(json!(number)),
        (None, None) => score.label().map(|label| json!(label)),
    }
}

fn declaration(scale: &Scale) -> Declaration {
    use crate::agreement::Label as Text;
    if ScaleReader::of(scale).has_threshold() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{Attribution, Recovery, Strength};

    fn fell(segment: Option<&str>, since: &str, back: &str) -> drift::Recovered {
        let evidence = Strength { statistic: 1_500.0, threshold: 1_000.0, guarantee: String::new() };
        let effect = Estimate::new(Ok(-0.2), Err(crate::statistics::Reason::TooFew));
        let (since, back) = (json!(since), json!(back));
        let flag = drift::Flag {
            kind: Kind::Agreement,
            segment: segment.map(str::to_owned),
            since: since.clone(),
            detected_at: since,
            labels_to_detection: 20,
            effect,
            evidence: evidence.clone(),
            attribution: Attribution::NewContent,
            advice: Attribution::NewContent.advice(),
        };
        let recovery = Recovery { since: back.clone(), detected_at: back, labels_to_detection: 20, effect, evidence };
        drift::Recovered { flag, recovery }
    }

    #[test]
    fn a_segment_that_was_back_before_the_whole_fell_is_told_by_itself() {
        let told = told_once(vec![
            fell(None, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            fell(Some("a=within"), "2026-03-05T00:00:00Z", "2026-03-20T00:00:00Z"),
            fell(Some("a=before"), "2026-01-05T00:00:00Z", "2026-01-20T00:00:00Z"),
            fell(Some("a=barely"), "2026-02-05T00:00:00Z", "2026-03-01T00:00:00.5Z"),
            fell(Some("a=after"), "2026-04-01T00:00:00.5Z", "2026-05-01T00:00:00Z"),
        ]);
        let segments: Vec<(Option<&str>, Vec<Option<&str>>)> = told
            .iter()
            .map(|(one, also)| (one.flag.segment.as_deref(), also.iter().map(|flag| flag.segment.as_deref()).collect()))
            .collect();
        let alone = |name| (Some(name), vec![]);
        let together = (None, vec![Some("a=within"), Some("a=barely")]);
        assert_eq!(segments, [together, alone("a=before"), alone("a=after")]);
    }
}
