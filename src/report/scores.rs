//! What a series scored: mean, pass rate, distribution, course over time, recent change, segments.

use std::collections::BTreeMap;

use super::data::{Change, LevelShare, Moment, Point, SegmentReport, Timeline};
use super::levels::levels;
use super::pairing::Pairs;
use super::traffic::SeriesTraffic;
use crate::agreement::{Observation, ScaleReader, raw_agreement};
use crate::cells::{Sums, ValueOf, segment_values, tenth_of};
use crate::model::{FAIL, HOUR_MS, Outcome, PASS, Scale, hour_start};
use crate::statistics::survey::MIN_EFFECTIVE;
use crate::statistics::{Estimate, Reason};

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

pub(super) fn distribution(sums: &Sums, scale: Option<&Scale>) -> Vec<LevelShare> {
    if let Some(Scale::Numeric { min, max, .. }) = scale {
        return tenths(sums, *min, *max);
    }
    let is_binary = matches!(scale, Some(Scale::Binary { .. }));
    let share = |(level, meaning): (String, String)| {
        // A verdict on a binary scale is a number.
        let stored = match level.as_str() {
            PASS if is_binary => "1",
            FAIL if is_binary => "0",
            name => name,
        };
        let (count, share) = (sums.level_count(|own| own == stored), sums.level_share(|own| own == stored));
        LevelShare { level, meaning, count, share }
    };
    scale.map(levels).unwrap_or_default().into_iter().map(share).collect()
}

fn tenths(sums: &Sums, min: f64, max: f64) -> Vec<LevelShare> {
    let width = (max - min) / 10.0;
    let edge = |at: usize| ((min + width * at as f64) * 1e6).round() / 1e6;
    let share = |tenth: usize| {
        let is_in = |level: &str| tenth_of(level, min, max) == Some(tenth);
        LevelShare {
            level: format!("{}–{}", edge(tenth), edge(tenth + 1)),
            meaning: String::new(),
            count: sums.level_count(is_in),
            share: sums.level_share(is_in),
        }
    };
    (0..10).map(share).collect()
}

/// The narrowest width at which at least half of the points have an honest interval, and not too many points.
pub(super) fn width(traffic: &SeriesTraffic) -> u32 {
    let Some((first_ms, last_ms)) = traffic.period() else { return FALLBACK_WIDTH };
    WIDTHS
        .into_iter()
        .filter(|hours| (last_ms - first_ms) / (i64::from(*hours) * HOUR_MS) < MAX_POINTS)
        .find(|hours| {
            let buckets = buckets(traffic, *hours);
            let honest = buckets.values().filter(|sums| sums.effective() >= MIN_EFFECTIVE);
            // Two points at least: one is no course.
            buckets.len() > 1 && honest.count() * 2 >= buckets.len()
        })
        .unwrap_or(FALLBACK_WIDTH)
}

pub(super) fn timeline(traffic: &SeriesTraffic, hours: u32) -> Timeline {
    let points = buckets(traffic, hours).into_iter().map(|(start, sums)| Point {
        start: Moment(start),
        scored: sums.outcome(Outcome::Scored),
        value: sums.mean(),
    });
    Timeline { hours, points: points.collect() }
}

fn buckets(traffic: &SeriesTraffic, hours: u32) -> BTreeMap<i64, Sums> {
    let width = i64::from(hours) * HOUR_MS;
    let offset = if hours >= 168 { FIRST_MONDAY_MS } else { 0 };
    let mut buckets: BTreeMap<i64, Sums> = BTreeMap::new();
    for (hour, sums) in traffic.hours.iter().filter(|(_, sums)| sums.outcome(Outcome::Scored) > 0) {
        let at = hour * HOUR_MS - offset;
        buckets.entry(at - at.rem_euclid(width) + offset).or_default().add(sums, 1);
    }
    buckets
}

/// The last week against what was before it; the second half of the period where it is shorter than two weeks.
pub(super) fn change(traffic: &SeriesTraffic) -> Change {
    let Some((from, until)) = traffic.period() else {
        let nothing = Estimate::Undefined(Reason::NoPairs);
        return Change { split_at: None, before: nothing, since: nothing, difference: nothing };
    };
    let split = if until - from >= 2 * RECENT_MS { until - RECENT_MS } else { from + (until - from) / 2 };
    let split = hour_start(split);
    let (before, recent) = (traffic.between(i64::MIN, split), traffic.between(split, i64::MAX));
    Change {
        split_at: Some(Moment(split)),
        before: before.mean(),
        since: recent.mean(),
        difference: recent.difference(&before),
    }
}

/// Each value of each segment with enough scores; the others pooled into one row.
pub(super) fn segments(
    traffic: &SeriesTraffic,
    drawn: &Pairs<'_>,
    reader: &ScaleReader,
    whole: Estimate,
) -> Vec<SegmentReport> {
    let mut reports = Vec::new();
    for (name, values) in &traffic.segments {
        let values: Vec<(&ValueOf<String>, &Sums)> =
            values.iter().filter(|(_, sums)| sums.outcome(Outcome::Scored) > 0).collect();
        // An attribute that says the same everywhere divides nothing.
        if values.len() < 2 {
            continue;
        }
        let is_large =
            |(value, sums): &(&ValueOf<String>, &Sums)| **value != ValueOf::Other && sums.effective() >= MIN_EFFECTIVE;
        let (large, small): (Vec<_>, Vec<_>) = values.into_iter().partition(is_large);
        let mut told: Vec<SegmentReport> = large
            .iter()
            .map(|(value, sums)| segment(name, sums, &|own| Some(own) == one(value), drawn, reader, whole))
            .zip(&large)
            .map(|(report, (value, _))| SegmentReport { value: one(value).map(str::to_owned), ..report })
            .collect();
        told.sort_by(|a, b| b.scored.cmp(&a.scored).then_with(|| a.value.cmp(&b.value)));
        reports.extend(told);
        if !small.is_empty() {
            let mut sums = Sums::default();
            for (_, own) in &small {
                sums.add(own, 1);
            }
            let is_pooled = |own: &str| !large.iter().any(|(value, _)| one(value) == Some(own));
            let report = segment(name, &sums, &is_pooled, drawn, reader, whole);
            reports.push(SegmentReport { pooled: small.len() as u64, ..report });
        }
    }
    reports
}

fn one(value: &ValueOf<String>) -> Option<&str> {
    match value {
        ValueOf::One(value) => Some(value),
        ValueOf::Other => None,
    }
}

/// What is told of the answers whose value of the segment `name` is one of those that `holds` names.
fn segment(
    name: &str,
    sums: &Sums,
    holds: &dyn Fn(&str) -> bool,
    drawn: &Pairs<'_>,
    reader: &ScaleReader,
    whole: Estimate,
) -> SegmentReport {
    let is_member = |one: &&Observation| {
        let row = drawn.row(one);
        segment_values(row.model.as_deref(), &row.segments).get(name).is_some_and(|value| holds(value))
    };
    let labelled: Vec<&Observation> = drawn.observations.iter().filter(is_member).collect();
    let own = Some(raw_agreement(reader.levels(), &labelled))
        .filter(|own| labelled.len() >= MIN_SEGMENT_LABELS && own.interval().is_some());
    SegmentReport {
        name: name.to_owned(),
        value: None,
        pooled: 0,
        scored: sums.outcome(Outcome::Scored),
        mean_value: sums.mean(),
        pass_rate: sums.pass_rate(),
        labelled: labelled.len() as u64,
        agreement: own.unwrap_or(whole),
        agreement_pooled: own.is_none(),
    }
}
