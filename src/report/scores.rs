//! What a series scored: mean, pass rate, distribution, course over time, recent change, segments.

use std::collections::BTreeMap;

use super::data::{Change, LevelShare, Moment, Point, SegmentReport, Timeline};
use super::levels::levels;
use super::pairing::Pairs;
use super::weighing::Observations;
use crate::agreement::{Observation, ScaleReader, Verdict, raw_agreement};
use crate::model::Scale;
use crate::statistics::survey::MIN_EFFECTIVE;
use crate::statistics::{Estimate, Reason};
use crate::store::ScoredEvaluation;

const HOUR_MS: i64 = 3_600_000;
/// Widths that a point of a timeline may have, in hours.
const WIDTHS: [u32; 9] = [1, 3, 6, 12, 24, 48, 168, 336, 672];
/// The last of these: where no width gives honest intervals, a day is what people look for.
const FALLBACK_WIDTH: u32 = 24;
/// More points than this do not fit a line.
const MAX_POINTS: i64 = 60;
/// 1970-01-05 was a Monday: weeks begin there.
const FIRST_MONDAY_MS: i64 = 4 * 24 * HOUR_MS;
/// The part that is called recent, if the period is at least twice as long.
const RECENT_MS: i64 = 7 * 24 * HOUR_MS;
/// Labelled items that a segment needs for an agreement of its own.
const MIN_SEGMENT_LABELS: usize = 30;

/// One scored evaluation of a series, placed on the scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored<'a> {
    pub(super) evaluation: &'a ScoredEvaluation,
    /// Where it lies; none when the scale of its version is not known.
    verdict: Option<Verdict>,
}

impl<'a> Scored<'a> {
    pub(super) fn of(evaluation: &'a ScoredEvaluation, reader: Option<&ScaleReader>) -> Self {
        Self { evaluation, verdict: reader.and_then(|reader| reader.read(&evaluation.score)) }
    }

    pub(super) fn value(&self) -> Option<f64> {
        self.evaluation.score.value()
    }

    /// Whether it lies on this level of the scale.
    fn is_at(&self, level: usize) -> Option<bool> {
        Some(self.verdict?.place()?.category == level)
    }

    pub(super) fn passes(&self) -> Option<bool> {
        match self.verdict {
            Some(verdict) => verdict.pass(),
            // Without the scale, the label tells as far as it can.
            None => self.evaluation.score.passes(),
        }
    }
}

/// What is observed of each evaluation, with its weight and its conversation.
pub(super) fn observe<'a, 's: 'a>(
    scored: impl IntoIterator<Item = &'a Scored<'s>>,
    y: impl Fn(&'a Scored<'s>) -> Option<f64>,
) -> Observations {
    let mut observations = Observations::default();
    for scored in scored {
        let probability = scored.evaluation.inclusion_probability.get();
        if let Some(y) = y(scored).filter(|_| probability > 0.0) {
            observations.push(y, probability, scored.evaluation.session_id.as_deref());
        }
    }
    observations
}

pub(super) fn mean_value(scored: &[Scored<'_>]) -> Estimate {
    observe(scored, Scored::value).mean()
}

pub(super) fn pass_rate(scored: &[Scored<'_>]) -> Estimate {
    observe(scored, |scored| scored.passes().map(|passes| f64::from(u8::from(passes)))).share()
}

pub(super) fn distribution(scored: &[Scored<'_>], scale: Option<&Scale>) -> Vec<LevelShare> {
    if let Some(Scale::Numeric { min, max, .. }) = scale {
        return tenths(scored, *min, *max);
    }
    let known: Vec<(String, String)> = scale.map(levels).unwrap_or_default();
    known
        .into_iter()
        .enumerate()
        .map(|(index, (level, meaning))| {
            let hit = |scored: &Scored<'_>| scored.is_at(index).map(f64::from);
            let shares = observe(scored, hit);
            let count = shares.y.iter().filter(|y| **y > 0.0).count() as u64;
            LevelShare { level, meaning, count, share: shares.share() }
        })
        .collect()
}

fn tenths(scored: &[Scored<'_>], min: f64, max: f64) -> Vec<LevelShare> {
    let width = (max - min) / 10.0;
    let bin_of = |number: f64| (((number - min) / width) as usize).min(9);
    (0..10)
        .map(|bin| {
            let hit = |scored: &Scored<'_>| Some(f64::from(bin_of(scored.verdict?.place()?.number) == bin));
            let shares = observe(scored, hit);
            let count = shares.y.iter().filter(|y| **y > 0.0).count() as u64;
            let edge = |at: usize| ((min + width * at as f64) * 1e6).round() / 1e6;
            LevelShare {
                level: format!("{}–{}", edge(bin), edge(bin + 1)),
                meaning: String::new(),
                count,
                share: shares.share(),
            }
        })
        .collect()
}

/// The narrowest width at which at least half of the points have an honest interval, and not too many points.
pub(super) fn width(scored: &[Scored<'_>]) -> u32 {
    let (Some(first), Some(last)) = (scored.first(), scored.last()) else { return FALLBACK_WIDTH };
    let span = last.evaluation.observed_at_ms - first.evaluation.observed_at_ms;
    WIDTHS
        .into_iter()
        .filter(|hours| span / (i64::from(*hours) * HOUR_MS) < MAX_POINTS)
        .find(|hours| {
            let buckets = buckets(scored, *hours);
            let honest =
                buckets.values().filter(|bucket| observe(bucket.iter(), Scored::value).effective() >= MIN_EFFECTIVE);
            // Two points at least: one is no course.
            buckets.len() > 1 && honest.count() * 2 >= buckets.len()
        })
        .unwrap_or(FALLBACK_WIDTH)
}

pub(super) fn timeline(scored: &[Scored<'_>], hours: u32) -> Timeline {
    let points = buckets(scored, hours).into_iter().map(|(start, bucket)| Point {
        start: Moment(start),
        scored: bucket.len() as u64,
        value: mean_value(&bucket),
    });
    Timeline { hours, points: points.collect() }
}

fn buckets<'a>(scored: &[Scored<'a>], hours: u32) -> BTreeMap<i64, Vec<Scored<'a>>> {
    let width = i64::from(hours) * HOUR_MS;
    let offset = if hours >= 168 { FIRST_MONDAY_MS } else { 0 };
    let mut buckets: BTreeMap<i64, Vec<Scored<'a>>> = BTreeMap::new();
    for scored in scored {
        let at = scored.evaluation.observed_at_ms - offset;
        buckets.entry(at - at.rem_euclid(width) + offset).or_default().push(*scored);
    }
    buckets
}

/// The last week against what was before it; the second half of the period where it is shorter than two weeks.
pub(super) fn change(scored: &[Scored<'_>]) -> Change {
    let (Some(first), Some(last)) = (scored.first(), scored.last()) else {
        let nothing = Estimate::Undefined(Reason::NoPairs);
        return Change { split_at: None, before: nothing, since: nothing, difference: nothing };
    };
    let (from, until) = (first.evaluation.observed_at_ms, last.evaluation.observed_at_ms);
    let split = if until - from >= 2 * RECENT_MS { until - RECENT_MS } else { from + (until - from) / 2 };
    let recent = observe(scored.iter().filter(|s| s.evaluation.observed_at_ms >= split), Scored::value);
    let before = observe(scored.iter().filter(|s| s.evaluation.observed_at_ms < split), Scored::value);
    Change {
        split_at: Some(Moment(split)),
        before: before.mean(),
        since: recent.mean(),
        difference: recent.difference(&before),
    }
}

/// Each value of each segment with enough scores; the others pooled into one row.
pub(super) fn segments(
    scored: &[Scored<'_>],
    drawn: &Pairs<'_>,
    reader: &ScaleReader,
    whole: Estimate,
) -> Vec<SegmentReport> {
    let mut by_name: BTreeMap<&str, BTreeMap<&str, Vec<Scored<'_>>>> = BTreeMap::new();
    for scored in scored {
        let model = scored.evaluation.model.as_deref().map(|model| ("model", model));
        let segments = scored.evaluation.segments.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let named: BTreeMap<&str, &str> = model.into_iter().chain(segments).collect();
        for (name, value) in named {
            by_name.entry(name).or_default().entry(value).or_default().push(*scored);
        }
    }
    let mut reports = Vec::new();
    for (name, values) in by_name {
        // An attribute that says the same everywhere divides nothing.
        if values.len() < 2 {
            continue;
        }
        let enough = |scored: &[Scored<'_>]| observe(scored, Scored::value).effective() >= MIN_EFFECTIVE;
        let (large, small): (Vec<_>, Vec<_>) = values.into_iter().partition(|(_, scored)| enough(scored));
        let mut large: Vec<SegmentReport> = large
            .into_iter()
            .map(|(value, scored)| segment(name, Some(value), 0, &scored, drawn, reader, whole))
            .collect();
        large.sort_by(|a, b| b.scored.cmp(&a.scored).then_with(|| a.value.cmp(&b.value)));
        reports.extend(large);
        if !small.is_empty() {
            let pooled: Vec<Scored<'_>> = small.iter().flat_map(|(_, scored)| scored.iter().copied()).collect();
            reports.push(segment(name, None, small.len() as u64, &pooled, drawn, reader, whole));
        }
    }
    reports
}

fn segment(
    name: &str,
    value: Option<&str>,
    pooled: u64,
    scored: &[Scored<'_>],
    drawn: &Pairs<'_>,
    reader: &ScaleReader,
    whole: Estimate,
) -> SegmentReport {
    let members: std::collections::HashSet<_> = scored.iter().map(|scored| scored.evaluation.id).collect();
    let labelled: Vec<&Observation> =
        drawn.observations.iter().filter(|one| members.contains(&drawn.row(one).id)).collect();
    let own = Some(raw_agreement(reader.levels(), &labelled))
        .filter(|own| labelled.len() >= MIN_SEGMENT_LABELS && own.interval().is_some());
    SegmentReport {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        pooled,
        scored: scored.len() as u64,
        mean_value: mean_value(scored),
        pass_rate: pass_rate(scored),
        labelled: labelled.len() as u64,
        agreement: own.unwrap_or(whole),
        agreement_pooled: own.is_none(),
    }
}
