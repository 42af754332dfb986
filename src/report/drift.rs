//! The report's drift section: what the detectors say of each rubric's uniformly drawn labels, in order of time.

use std::collections::BTreeMap;

use serde::Serialize;

use super::charts::Fell;
use super::data::Moment;
use crate::drift::{self, Kind, QualityScore, Settings};
use crate::statistics::Estimate;
use crate::store::SeriesScore;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_until: Option<Moment>,
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
        let over = self
            .recovered
            .iter()
            .filter(move |one| whole(&one.flag))
            .map(|one| Fell { noticed: one.flag.flag.detected_at, back: Some(one.recovery.detected_at) });
        let standing = self.flags.iter().filter(move |flag| whole(flag));
        let standing = standing.map(|flag| Fell { noticed: flag.flag.detected_at, back: None });
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
    let times = |of: &drift::Recovered| (of.flag.since, of.recovery.detected_at);
    let ((began, over), (since, until)) = (times(one), times(other));
    began <= until && since <= over
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

/// Scores of one series as the watch on answers takes them.
pub(super) fn quality_scores(scores: &[SeriesScore]) -> Vec<QualityScore> {
    let parts = |score: &SeriesScore| -> Vec<String> {
        let model = score.model.iter().map(|model| format!("model={model}"));
        model.chain(score.segments.iter().map(|(name, value)| format!("{name}={value}"))).collect()
    };
    let mut found: Vec<QualityScore> = scores
        .iter()
        .map(|score| QualityScore {
            time: Moment(score.observed_at_ms),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{Attribution, Recovery, Strength};

    fn fell(segment: Option<&str>, since: &str, back: &str) -> drift::Recovered {
        let evidence = Strength { statistic: 1_500.0, threshold: 1_000.0, guarantee: String::new() };
        let effect = Estimate::new(Ok(-0.2), Err(crate::statistics::Reason::TooFew));
        let [since, back] = [since, back].map(|time| Moment::from(time.parse::<jiff::Timestamp>().unwrap()));
        let flag = drift::Flag {
            kind: Kind::Agreement,
            segment: segment.map(str::to_owned),
            since,
            detected_at: since,
            labels_to_detection: 20,
            effect,
            evidence: evidence.clone(),
            attribution: Attribution::NewContent,
            advice: Attribution::NewContent.advice().into(),
            algorithm: drift::ALGORITHM,
            since_range: None,
            provisional: false,
            pending: false,
            candidates: Vec::new(),
        };
        let recovery = Recovery { since: back, detected_at: back, labels_to_detection: 20, effect, evidence };
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
