//! What a comparison is computed from: sums of both sides, and labelled answers with their scores.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sides::{By, Side, Sides};
use crate::cells::{SeriesKey, Sums, ValueOf};
use crate::model::{Label, Outcome, Scale};
use crate::report::RubricFacts;
use crate::report::traffic::series_of;
use crate::store::{CellPart, EvaluationSummary, ScoredEvaluation, Store, StoreError};

/// What the judge said of one side, summed up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SideSums {
    pub(super) whole: Sums,
    /// By segment name and value.
    pub(super) segments: BTreeMap<String, BTreeMap<String, Sums>>,
}

/// What is known of one rubric.
#[derive(Debug, Clone)]
pub(super) struct RubricInput {
    pub(super) rubric: String,
    /// The scores to compare; none where no version and judge scored both sides.
    pub(super) series: Option<SeriesInput>,
}

#[derive(Debug, Clone)]
pub(super) struct SeriesInput {
    pub(super) key: SeriesKey,
    pub(super) scale: Scale,
    pub(super) old: SideSums,
    pub(super) new: SideSums,
    /// The scores of labelled answers, whichever the side.
    pub(super) scored: Vec<ScoredEvaluation>,
    pub(super) labels: Vec<Label>,
}

/// Everything a comparison is computed from.
#[derive(Debug, Clone)]
pub struct ReleaseInput {
    pub(super) sides: Sides,
    pub(super) rubrics: Vec<RubricInput>,
}

impl ReleaseInput {
    /// Reads the rubrics that `rubrics` names a version of; the cost follows cells and labels, not the traffic.
    pub async fn read(store: &Store, sides: Sides, rubrics: &[RubricFacts]) -> Result<Self, StoreError> {
        let parts = store.cell_parts().await?;
        let (labels, scored) = (store.labels().await?, store.labelled_evaluations(0).await?);
        let mut names: Vec<&str> = rubrics.iter().map(|facts| facts.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut found = Vec::new();
        for name in names {
            let of_rubric: Vec<&CellPart> =
                parts.iter().filter(|part| part.series.rubric == name && !part.series.replay).collect();
            let mut series = most_scored(store, &sides, &of_rubric).await?;
            let scale = |key: &SeriesKey| {
                let facts = rubrics.iter().find(|facts| facts.name == name && facts.version == key.version)?;
                Some(facts.scale.clone())
            };
            let series = series.take().and_then(|(key, [old, new])| {
                let scored = scored.iter().filter(|row| series_of(row) == key).cloned().collect();
                let labels = labels.iter().filter(|label| label.rubric == name && label.score.is_some());
                Some(SeriesInput { scale: scale(&key)?, key, old, new, scored, labels: labels.cloned().collect() })
            });
            found.push(RubricInput { rubric: name.to_owned(), series });
        }
        Ok(Self { sides, rubrics: found })
    }
}

/// The series whose rarer side has the most scores.
async fn most_scored(
    store: &Store,
    sides: &Sides,
    parts: &[&CellPart],
) -> Result<Option<(SeriesKey, [SideSums; 2])>, StoreError> {
    let mut by_series: BTreeMap<&SeriesKey, Vec<&CellPart>> = BTreeMap::new();
    for part in parts {
        by_series.entry(&part.series).or_default().push(part);
    }
    let mut best: Option<(u64, SeriesKey, [SideSums; 2])> = None;
    for (key, parts) in by_series {
        let both = [sums(store, sides, Side::Old, &parts).await?, sums(store, sides, Side::New, &parts).await?];
        let scored = |side: &SideSums| side.whole.outcome(Outcome::Scored);
        let least = scored(&both[0]).min(scored(&both[1]));
        if least > best.as_ref().map_or(0, |(most, ..)| *most) {
            best = Some((least, key.clone(), both));
        }
    }
    Ok(best.map(|(_, key, sums)| (key, sums)))
}

async fn sums(store: &Store, sides: &Sides, side: Side, parts: &[&CellPart]) -> Result<SideSums, StoreError> {
    let own: Vec<&CellPart> = parts.iter().copied().filter(|part| sides.of_part(&part.part).contains(&side)).collect();
    let ids: Vec<i64> = own.iter().map(|part| part.id).collect();
    let found = store.sums_of_parts(&ids, sides.hours(side)).await?;
    let mut sums = SideSums::default();
    for part in own {
        let Some(own) = found.get(&part.id) else { continue };
        match &part.part.segment {
            Some((name, ValueOf::One(value))) if sides.have_segments() => {
                let values = sums.segments.entry(name.clone()).or_default();
                values.entry(value.clone()).or_default().add(own, 1);
            }
            // Values that are pooled are no segment.
            Some((_, ValueOf::Other)) if sides.have_segments() => {}
            None | Some(_) => sums.whole.add(own, 1),
        }
    }
    Ok(sums)
}

/// The values by which sides can be told, in the order in which they were first seen.
pub async fn versions(store: &Store, by: &By) -> Result<Vec<String>, StoreError> {
    let mut first: BTreeMap<String, i64> = BTreeMap::new();
    for part in store.cell_parts().await?.into_iter().filter(|part| !part.series.replay) {
        let value = match (by, part.part.release, part.part.segment) {
            (By::ServiceVersion, ValueOf::One(release), None) => release.service_version,
            (By::PromptVersion, ValueOf::One(release), None) => release.prompt_version,
            (By::Segment(name), _, Some((segment, ValueOf::One(value)))) if *name == segment => Some(value),
            (By::ServiceVersion | By::PromptVersion | By::Segment(_) | By::Time, ..) => None,
        };
        if let Some(value) = value {
            let hour = first.entry(value).or_insert(part.first_hour);
            *hour = part.first_hour.min(*hour);
        }
    }
    let mut versions: Vec<(i64, String)> = first.into_iter().map(|(value, hour)| (hour, value)).collect();
    versions.sort();
    Ok(versions.into_iter().map(|(_, value)| value).collect())
}

/// Answers of a side that the judge failed, the worst first, or passed; of a segment value where one is named. A search that
/// takes longer than a page may ends where it is.
pub(super) async fn answers(
    store: &Store,
    sides: &Sides,
    side: Side,
    key: &SeriesKey,
    segment: Option<(String, String)>,
) -> Result<Vec<EvaluationSummary>, StoreError> {
    const EXAMPLES: usize = 10;
    const PATIENCE: Duration = Duration::from_millis(80);
    let mut filter = sides.filter(side);
    filter.rubric = Some(key.rubric.clone());
    filter.version = Some(key.version);
    filter.judge = Some(key.judge.clone());
    filter.outcome = Some(Outcome::Scored);
    filter.segment = filter.segment.or(segment);
    filter.label = Some(if side == Side::Old { crate::model::PASS } else { crate::model::FAIL }.to_owned());
    Ok(store.evaluation_page(&filter, None, EXAMPLES, PATIENCE).await?.evaluations)
}
