//! The report: whether the scores can be trusted, for which rubric not and why, what moved, and what to do next.
//!
//! [`ReportData`] is computed from [`ReportInput`], rows of the store and nothing else, and is the same for the same rows.
//! [`json`], [`markdown`] and [`html`] render it. No number stands without its interval or the reason for none; scores
//! are weighted by the inverse of their recorded probability; labels of unknown selection are kept apart.

mod actions;
mod agreement;
pub mod baseline;
mod calibration;
pub mod charts;
mod data;
mod disagreements;
mod drift;
pub mod html;
mod humans;
mod input;
pub mod json;
mod judges;
pub mod kept;
mod levels;
pub mod markdown;
mod new_series;
mod pairing;
mod quality;
pub mod releases;
mod scores;
pub mod snapshot;
pub mod templating;
#[cfg(test)]
mod tests;
mod traffic;
mod verdict;
mod watched;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use calibration::labelled_probabilities;
pub use data::*;
pub use drift::{DriftReport, Flag, Watch};
pub use input::{ReportInput, ReportOptions, RubricFacts, scales};
pub use traffic::Traffic;
pub use watched::WatchedScores;

use crate::agreement::{Noise, Repeated, ScaleReader};
use crate::cells::{OTHER_MODELS, SeriesKey};
use crate::model::{Alert, Label, LabelStream, Outcome, Revisions, Scale};
use crate::statistics::CONFIDENCE;
use crate::store::{CellsBuilt, ContentState, OutcomeCount, RepeatedVerdict, ScoredEvaluation};
use new_series::new_series;
use traffic::SeriesTraffic;

/// The number of the JSON format, in docs/formats.md.
pub const FORMAT: u32 = 1;

impl ReportData {
    /// Computes the report.
    pub fn build(input: &ReportInput) -> Self {
        let names = rubric_names(input);
        let (labels, abstained): (Vec<Label>, Vec<Label>) = input.labels.iter().cloned().partition(has_verdict);
        let drift = DriftReport::of(findings(input), input.drift.clone());
        let mut rubrics: Vec<RubricReport> =
            names.into_iter().map(|name| rubric(input, &labels, &drift.flags, name)).collect();
        // What judges, then what needs attention first, then by name.
        rubrics.sort_by(|a, b| (!a.enabled, a.verdict.verdict, &a.name).cmp(&(!b.enabled, b.verdict.verdict, &b.name)));

        let progress = label_progress(&labels, abstained.len() as u64);
        let content = contents(&input.contents);
        let judges = judges::report(&input.outcomes, &input.traffic);
        let mut actions = actions::of_sums(&input.traffic, input.sums, input.set_aside);
        actions.extend(actions::moved(&rubrics, &drift.flags));
        let recent = (contents(&input.last_hour.contents), input.last_hour.problems.as_slice());
        actions.extend(actions::actions(&rubrics, &progress, recent, &judges, &input.ledger));
        // Stable: within an urgency, in the order above.
        actions.sort_by_key(|action| action.urgency);
        let periods = || input.traffic.scored().filter_map(|(_, traffic)| traffic.period());
        let (from, until) = (periods().map(|(from, _)| from).min(), periods().map(|(_, until)| until).max());
        Self {
            format: FORMAT,
            simulation: input.options.simulation.clone(),
            generated_at: input.options.generated_at_ms.or_else(|| newest(input)).map(Moment),
            period: from.zip(until).map(|(from, until)| (Moment(from), Moment(until))),
            complete_since: complete_since(input.sums),
            confidence: CONFIDENCE,
            headline: actions::headline(&rubrics, &drift.flags),
            actions,
            rubrics,
            drift,
            alerts: input.alerts.iter().map(alert).collect(),
            labels: progress,
            content,
            judges,
            ledger: input.ledger.clone(),
        }
    }
}

/// None where everything is summed up. Before the first scores are, no moment is complete.
fn complete_since(sums: CellsBuilt) -> Option<Moment> {
    let latest = jiff::Timestamp::MAX.as_millisecond();
    match sums {
        CellsBuilt::Complete => None,
        CellsBuilt::Since(ms) => Some(Moment(ms.min(latest))),
        CellsBuilt::Foreign => Some(Moment(latest)),
    }
}

fn alert(alert: &Alert) -> AlertReport {
    AlertReport { summary: alert.finding.summary(), alert: alert.clone() }
}

fn newest(input: &ReportInput) -> Option<i64> {
    let outcomes = input.outcomes.iter().map(|count| count.latest_ms);
    outcomes.chain(input.labels.iter().map(|label| label.labelled_at_ms)).max()
}

fn label_progress(labels: &[Label], abstained: u64) -> LabelProgress {
    let mut progress = LabelProgress {
        labels: labels.len() as u64,
        abstained,
        streams: [LabelStream::Uniform, LabelStream::Targeted, LabelStream::Unknown]
            .map(|stream| (stream.as_str(), 0))
            .into(),
        annotators: BTreeMap::new(),
        latest: labels.iter().map(|label| Moment(label.labelled_at_ms)).max(),
    };
    for label in labels {
        *progress.streams.entry(label.stream.as_str()).or_default() += 1;
        *progress.annotators.entry(label.annotator.clone()).or_default() += 1;
    }
    progress
}

fn contents(states: &[ContentState]) -> Vec<ContentReport> {
    let mut kinds: BTreeMap<&'static str, ContentReport> = BTreeMap::new();
    for state in states {
        let kind = state.kind.as_str();
        let report =
            kinds.entry(kind).or_insert_with(|| ContentReport { kind, subjects: 0, unjudgeable: BTreeMap::new() });
        report.subjects += state.count;
        if let Some(reason) = &state.unjudgeable {
            *report.unjudgeable.entry(reason.clone()).or_default() += state.count;
        }
    }
    kinds.into_values().collect()
}

fn rubric_names(input: &ReportInput) -> BTreeSet<&str> {
    let counted = input.outcomes.iter().map(|count| count.rubric.as_str());
    let scored = input.traffic.scored().map(|(key, _)| key.rubric.as_str());
    let labelled = input.scored.iter().map(|evaluation| evaluation.rubric.as_str());
    counted.chain(scored).chain(labelled).chain(input.watched.keys().map(String::as_str)).collect()
}

/// Someone who could not judge an item gave no verdict.
fn has_verdict(label: &Label) -> bool {
    label.score.is_some()
}

/// What the drift detectors say of each rubric.
pub fn drift_of(input: &ReportInput) -> Vec<(String, crate::drift::Report)> {
    findings(input).into_iter().map(|finding| (finding.rubric, finding.found)).collect()
}

fn findings(input: &ReportInput) -> Vec<drift::Finding> {
    rubric_names(input).into_iter().map(|name| finding(input, name)).collect()
}

/// Over all series of the judge that the rubric is judged by now.
fn finding(input: &ReportInput, name: &str) -> drift::Finding {
    let is_baseline = |judge: &str| input.options.baselines.iter().any(|baseline| baseline == judge);
    let mut own = input.scored.iter().rev().filter(|evaluation| evaluation.rubric == name);
    let newest = own.clone().find(|evaluation| !is_baseline(&evaluation.judge)).or_else(|| own.next());
    let looked = input.drift_watches.iter().find(|looked| looked.rubric == name);
    // Where nobody has labelled anything, scores may have been read that are no labelled evaluations.
    let watched = input.watched.get(name);
    let judge = looked
        .map(|looked| &looked.judge)
        .or_else(|| newest.map(|evaluation| &evaluation.judge))
        .or_else(|| watched.map(|watched| &watched.series.judge));
    let found = looked.map_or_else(crate::drift::Report::default, |looked| looked.report.clone());
    let scores = watched.map_or_else(Vec::new, |watched| drift::quality_scores(&watched.scores));
    let found = found.with_quality(&scores, watched::FIRST as usize);
    let scored_by = watched.map(|watched| watched.series.judge.clone());
    drift::Finding { rubric: name.to_owned(), judge: judge.cloned(), scored_by, found }
}

/// One rubric.
fn rubric(input: &ReportInput, labels: &[Label], flags: &[Flag], name: &str) -> RubricReport {
    let facts: Vec<&RubricFacts> = input.rubrics.iter().filter(|facts| facts.name == name).collect();
    let scale_of = |version: u32| facts.iter().find(|facts| facts.version == version).map(|facts| &facts.scale);
    let readers: BTreeMap<u32, ScaleReader> =
        facts.iter().map(|facts| (facts.version, ScaleReader::of(&facts.scale))).collect();
    let mut members: BTreeMap<SeriesKey, Vec<&ScoredEvaluation>> = BTreeMap::new();
    for evaluation in input.scored.iter().filter(|evaluation| evaluation.rubric == name) {
        members.entry(key_of(evaluation, &input.traffic)).or_default().push(evaluation);
    }
    for (key, _) in input.traffic.scored().filter(|(key, _)| key.rubric == name) {
        members.entry(key.clone()).or_default();
    }
    let counts: Vec<&OutcomeCount> =
        input.outcomes.iter().filter(|count| count.rubric == name && !count.replay).collect();
    for count in &counts {
        let known = members.keys().any(|key| key.version == count.version && key.judge == count.judge);
        if !known {
            let revisions = Some(count.revisions.unwrap_or(Revisions::FIRST));
            members.insert(SeriesKey { judge_model: None, revisions, ..series_of(count) }, Vec::new());
        }
    }
    // What is flagged of scores that nobody labelled still names its version.
    if let Some(WatchedScores { series, .. }) = input.watched.get(name) {
        members.entry(series.key()).or_default();
    }
    let is_baseline = |judge: &str| input.options.baselines.iter().any(|baseline| baseline == judge);
    let mut order: Vec<&SeriesKey> = members.keys().collect();
    let production = input.production.get(name).copied();
    let nothing = SeriesTraffic::default();
    let traffic: BTreeMap<&SeriesKey, &SeriesTraffic> =
        members.keys().map(|key| (key, input.traffic.of(key).unwrap_or(&nothing))).collect();
    // Periods are hours: which of two series of one hour is the newer, the watch on scores knows.
    let newest = input.watched.get(name).map(|watched| watched.series.key());
    order.sort_by_key(|key| {
        let last = traffic[key].period().map(|(_, last)| last);
        std::cmp::Reverse((
            !is_baseline(&key.judge),
            last.is_some(),
            production == Some(key.version),
            last,
            newest.as_ref() == Some(*key),
            key.version,
        ))
    });

    let humans = humans::by_subject(labels, name);
    let has_scores = |key: &&SeriesKey| traffic[*key].scored() > 0 || !members[*key].is_empty();
    let current = order.first().copied().filter(has_scores);
    let hours = order.first().map_or(24, |key| scores::width(traffic[key]));
    let mut telling = Vec::new();
    // Of a version whose scale is not known nothing is paired; what is said of no pairs is the same on every scale.
    let unread = ScaleReader::of(&Scale::Binary { pass: String::new(), fail: String::new() });
    let series: Vec<SeriesReport> = order
        .iter()
        .map(|&key| {
            let (scale, reader) = (scale_of(key.version), readers.get(&key.version));
            let baseline = baseline_for(key, &members, &is_baseline);
            let none = (pairing::Pairs::default(), pairing::Pairs::default());
            let (drawn, unknown) = reader.map_or(none, |reader| pairing::pair(&members[key], &humans, reader));
            if current == Some(key)
                && let (Some(scale), Some(reader)) = (scale, reader)
            {
                telling = disagreements::most_telling(&[&drawn, &unknown], &humans, reader, scale);
            }
            series_report(
                key,
                traffic[key],
                (&drawn, &unknown),
                (scale, reader.unwrap_or(&unread)),
                &baseline,
                (&counts, &order),
                (hours, input.sums == CellsBuilt::Complete),
                (is_baseline(&key.judge), noise(key, &input.repeats)),
            )
        })
        .collect();

    let facts = facts.iter().find(|facts| order.first().is_some_and(|key| key.version == facts.version));
    let judged = members.values().flatten().map(|evaluation| (evaluation.subject, *evaluation)).collect();
    let human_report = humans::report(&humans, &judged, order.first().and_then(|key| readers.get(&key.version)));
    let flags: Vec<&Flag> =
        flags.iter().filter(|flag| flag.rubric.as_deref().is_none_or(|rubric| rubric == name)).collect();
    let current_index = current.map(|_| 0);
    let mut verdict = verdict::verdict(current_index.and_then(|index: usize| series.get(index)), &human_report, &flags);
    let new_series = current_index.and(series.split_first()).and_then(|(first, rest)| new_series(name, first, rest));
    if let Some(new) = new_series.as_ref().filter(|_| verdict.verdict == Verdict::TooFewLabels) {
        verdict.reasons.insert(0, new.text.clone());
    }
    RubricReport {
        name: name.to_owned(),
        description: facts.map(|facts| facts.description.clone()),
        scale: facts.map(|facts| facts.scale.name().to_owned()),
        scale_text: facts.map(|facts| facts.scale_text.clone()),
        enabled: input.options.enabled.as_ref().is_none_or(|enabled| enabled.contains(name)),
        verdict,
        new_series,
        change: scores::change(order.first().map_or(&nothing, |key| traffic[key])),
        current: current_index,
        series,
        humans: human_report,
        disagreements: telling,
    }
}

/// The series of an evaluation: that of its model, or where the sums do not tell it apart, that of the other models.
fn key_of(evaluation: &ScoredEvaluation, traffic: &Traffic) -> SeriesKey {
    let own = traffic::series_of(evaluation);
    if traffic.of(&own).is_some() {
        return own;
    }
    let others = SeriesKey { judge_model: Some(OTHER_MODELS.to_owned()), ..own.clone() };
    if traffic.of(&others).is_some() { others } else { own }
}

/// The series that an outcome is counted in.
fn series_of(count: &OutcomeCount) -> SeriesKey {
    SeriesKey {
        rubric: count.rubric.clone(),
        version: count.version,
        judge: count.judge.clone(),
        judge_model: count.judge_model.clone(),
        revisions: count.revisions,
        replay: count.replay,
    }
}

/// The baseline's verdicts under the same rubric version, and the same revisions where there are any; none for the baseline
/// itself.
fn baseline_for<'a>(
    key: &SeriesKey,
    members: &'a BTreeMap<SeriesKey, Vec<&'a ScoredEvaluation>>,
    is_baseline: &dyn Fn(&str) -> bool,
) -> agreement::Baseline<'a> {
    if is_baseline(&key.judge) {
        return None;
    }
    let mut baselines = members.iter().filter(|(other, _)| is_baseline(&other.judge) && other.version == key.version);
    let (baseline, evaluations) =
        baselines.clone().find(|(other, _)| other.revisions == key.revisions).or_else(|| baselines.next())?;
    Some((&baseline.judge, evaluations.iter().map(|evaluation| (evaluation.subject, *evaluation)).collect()))
}

/// What the judge of a series says when it is asked again.
fn noise(key: &SeriesKey, repeats: &[RepeatedVerdict]) -> Noise {
    let own = repeats.iter().filter(|pair| {
        (pair.rubric.as_str(), pair.version, pair.judge.as_str())
            == (key.rubric.as_str(), key.version, key.judge.as_str())
            && pair.judge_model == key.judge_model
            && Some(pair.revisions) == key.revisions
    });
    let items: Vec<Vec<Repeated>> =
        own.map(|pair| [&pair.first, &pair.again].map(|score| Repeated::of(score.as_ref())).into()).collect();
    Noise::of(&items)
}

#[expect(clippy::too_many_arguments, reason = "a series is where everything meets")]
fn series_report(
    key: &SeriesKey,
    traffic: &SeriesTraffic,
    (drawn, unknown): (&pairing::Pairs<'_>, &pairing::Pairs<'_>),
    (scale, reader): (Option<&Scale>, &ScaleReader),
    baseline: &agreement::Baseline<'_>,
    (counts, order): (&[&OutcomeCount], &[&SeriesKey]),
    (hours, is_complete): (u32, bool),
    (is_baseline, noise): (bool, Noise),
) -> SeriesReport {
    // What has no model (nothing was asked, or nothing answered) stands with the newest series of its judge.
    let newest = order.iter().find(|other| other.version == key.version && other.judge == key.judge) == Some(&key);
    let own = counts.iter().filter(|count| {
        count.version == key.version
            && count.judge == key.judge
            && match count.revisions {
                Some(_) => {
                    let own = series_of(count);
                    own == *key || (newest && !order.contains(&&own))
                }
                None => newest,
            }
    });
    let mut outcomes: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for count in own {
        *outcomes.entry(count.outcome.as_str()).or_default() += count.count;
        let explained =
            matches!(count.outcome, Outcome::Filtered | Outcome::Refused | Outcome::Failed | Outcome::Expired);
        if let Some(reason) = count.reason.as_ref().filter(|_| explained) {
            *reasons.entry(reason.clone()).or_default() += count.count;
        }
    }
    let agreement_of = |pairs: &pairing::Pairs<'_>| agreement::report(pairs, (scale, reader), baseline);
    let agreement = agreement_of(drawn);
    let whole = agreement.raw_agreement();
    let period = traffic.period();
    SeriesReport {
        version: key.version,
        judge: key.judge.clone(),
        judge_model: key.judge_model.clone(),
        revisions: key.revisions.unwrap_or(Revisions::FIRST),
        baseline: is_baseline,
        from: period.map(|(from, _)| Moment(from)),
        until: period.map(|(_, until)| Moment(until)),
        outcomes,
        reasons,
        scored: traffic.scored(),
        effective: traffic.whole.effective(),
        mean_value: traffic.whole.mean(),
        pass_rate: traffic.whole.pass_rate(),
        distribution: scores::distribution(&traffic.whole, scale),
        timeline: scores::timeline(traffic, hours),
        agreement_unknown: (!unknown.rows.is_empty()).then(|| agreement_of(unknown)),
        noise,
        agreement,
        quality: quality::report(traffic, drawn, is_complete),
        segments: scores::segments(traffic, drawn, reader, whole),
    }
}
