//! The report: whether the scores can be trusted, for which rubric not and why, what moved, and what to do next.
//!
//! [`ReportData`] is computed from [`ReportInput`], rows of the store and nothing else, and is the same for the same rows.
//! [`json`], [`markdown`] and [`html`] render it. No number stands without its interval or the reason for none; scores
//! are weighted by the inverse of their recorded probability; labels of unknown selection are kept apart.

mod actions;
mod agreement;
pub mod baseline;
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
mod pairing;
mod quality;
mod scores;
pub mod snapshot;
pub mod templating;
#[cfg(test)]
mod tests;
mod traffic;
mod verdict;
mod watched;
pub mod words;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub use data::*;
pub use drift::{DriftReport, Flag, Watch};
pub use input::{ReportInput, ReportOptions, RubricFacts, scales};
pub use traffic::Traffic;
pub use watched::WatchedScores;

use crate::agreement::ScaleReader;
use crate::model::{Alert, Label, LabelStream, Outcome, Revisions, Scale};
use crate::statistics::CONFIDENCE;
use crate::store::{OutcomeCount, ScoredEvaluation};
use traffic::SeriesTraffic;

/// The number of the JSON format, in docs/formats.md.
pub const FORMAT: u32 = 1;

/// What makes scores comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SeriesKey<'a> {
    version: u32,
    judge: &'a str,
    judge_model: Option<&'a str>,
    revisions: Revisions,
}

impl<'a> SeriesKey<'a> {
    fn of(key: &'a crate::cells::SeriesKey) -> Self {
        let revisions = key.revisions.unwrap_or(Revisions::FIRST);
        Self { version: key.version, judge: &key.judge, judge_model: key.judge_model.as_deref(), revisions }
    }

    /// As cells know it.
    fn of_rubric(&self, rubric: &str) -> crate::cells::SeriesKey {
        crate::cells::SeriesKey {
            rubric: rubric.to_owned(),
            version: self.version,
            judge: self.judge.to_owned(),
            judge_model: self.judge_model.map(str::to_owned),
            revisions: Some(self.revisions),
            replay: false,
        }
    }
}

impl ReportData {
    /// Computes the report.
    pub fn build(input: &ReportInput) -> Self {
        let names = rubric_names(input);
        let (labels, abstained): (Vec<Label>, Vec<Label>) = input.labels.iter().cloned().partition(has_verdict);
        let drift = DriftReport::of(findings(input), input.drift.clone());
        let mut rubrics: Vec<RubricReport> =
            names.into_iter().map(|name| rubric(input, &labels, &drift.flags, name)).collect();
        // What needs attention first, then by name.
        rubrics.sort_by(|a, b| a.verdict.verdict.cmp(&b.verdict.verdict).then_with(|| a.name.cmp(&b.name)));

        let progress = label_progress(&labels, abstained.len() as u64);
        let content = contents(input);
        let judges = judges::report(&input.outcomes, &input.traffic);
        let mut actions = actions::of_sums(&input.traffic, input.complete_since_ms);
        actions.extend(actions::actions(&rubrics, &progress, &content, &judges, &input.ledger));
        let periods = || input.traffic.scored().filter_map(|(_, traffic)| traffic.period());
        let (from, until) = (periods().map(|(from, _)| from).min(), periods().map(|(_, until)| until).max());
        Self {
            format: FORMAT,
            simulation: input.options.simulation.clone(),
            generated_at: input.options.generated_at_ms.or_else(|| newest(input)).map(Moment),
            period: from.zip(until).map(|(from, until)| (Moment(from), Moment(until))),
            complete_since: input.complete_since_ms.map(complete_since),
            confidence: CONFIDENCE,
            headline: actions::headline(&rubrics),
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

/// Before the first scores are summed up no moment is complete.
fn complete_since(ms: i64) -> Moment {
    Moment(if ms == i64::MAX { jiff::Timestamp::MAX.as_millisecond() } else { ms })
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

fn contents(input: &ReportInput) -> Vec<ContentReport> {
    let mut kinds: BTreeMap<&'static str, ContentReport> = BTreeMap::new();
    for state in &input.contents {
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
    let mut members: BTreeMap<SeriesKey<'_>, Vec<&ScoredEvaluation>> = BTreeMap::new();
    for evaluation in input.scored.iter().filter(|evaluation| evaluation.rubric == name) {
        members.entry(key_of(evaluation)).or_default().push(evaluation);
    }
    for (key, _) in input.traffic.scored().filter(|(key, _)| key.rubric == name) {
        members.entry(SeriesKey::of(key)).or_default();
    }
    let counts: Vec<&OutcomeCount> =
        input.outcomes.iter().filter(|count| count.rubric == name && !count.replay).collect();
    for count in &counts {
        let known = members.keys().any(|key| key.version == count.version && key.judge == count.judge);
        if !known {
            let revisions = count.revisions.unwrap_or(Revisions::FIRST);
            let key = SeriesKey { version: count.version, judge: &count.judge, judge_model: None, revisions };
            members.insert(key, Vec::new());
        }
    }
    // What is flagged of scores that nobody labelled still names its version.
    if let Some(WatchedScores { series, .. }) = input.watched.get(name) {
        let judge_model = series.judge_model.as_deref();
        let revisions = series.revisions;
        members.entry(SeriesKey { version: series.version, judge: &series.judge, judge_model, revisions }).or_default();
    }
    let is_baseline = |judge: &str| input.options.baselines.iter().any(|baseline| baseline == judge);
    let mut order: Vec<SeriesKey<'_>> = members.keys().copied().collect();
    let production = input.production.get(name).copied();
    let traffic: BTreeMap<SeriesKey<'_>, Cow<'_, SeriesTraffic>> =
        members.iter().map(|(key, own)| (*key, traffic_of(&input.traffic, name, key, own))).collect();
    order.sort_by_key(|key| {
        let last = traffic[key].period().map(|(_, last)| last);
        std::cmp::Reverse((!is_baseline(key.judge), last.is_some(), production == Some(key.version), last, key.version))
    });

    let humans = humans::by_subject(labels, name);
    let current = order.first().copied().filter(|key| traffic[key].scored() > 0);
    let hours = order.first().map_or(24, |key| scores::width(&traffic[key]));
    let mut telling = Vec::new();
    // Of a version whose scale is not known nothing is paired; what is said of no pairs is the same on every scale.
    let unread = ScaleReader::of(&Scale::Binary { pass: String::new(), fail: String::new() });
    let series: Vec<SeriesReport> = order
        .iter()
        .map(|key| {
            let (scale, reader) = (scale_of(key.version), readers.get(&key.version));
            let baseline = baseline_for(key, &members, &is_baseline);
            let none = (pairing::Pairs::default(), pairing::Pairs::default());
            let (drawn, unknown) = reader.map_or(none, |reader| pairing::pair(&members[key], &humans, reader));
            if current == Some(*key)
                && let (Some(scale), Some(reader)) = (scale, reader)
            {
                telling = disagreements::most_telling(&[&drawn, &unknown], &humans, reader, scale);
            }
            series_report(
                *key,
                &traffic[key],
                (&drawn, &unknown),
                (scale, reader.unwrap_or(&unread)),
                &baseline,
                (&counts, &order),
                hours,
                is_baseline(key.judge),
            )
        })
        .collect();

    let facts = facts.iter().find(|facts| order.first().is_some_and(|key| key.version == facts.version));
    let judged = members.values().flatten().map(|evaluation| (evaluation.subject, *evaluation)).collect();
    let human_report = humans::report(&humans, &judged, order.first().and_then(|key| readers.get(&key.version)));
    let flags: Vec<&Flag> =
        flags.iter().filter(|flag| flag.rubric.as_deref().is_none_or(|rubric| rubric == name)).collect();
    let current_index = current.map(|_| 0);
    RubricReport {
        name: name.to_owned(),
        description: facts.map(|facts| facts.description.clone()),
        scale: facts.map(|facts| facts.scale.name().to_owned()),
        scale_text: facts.map(|facts| facts.scale_text.clone()),
        verdict: verdict::verdict(current_index.and_then(|index: usize| series.get(index)), &human_report, &flags),
        change: scores::change(order.first().map_or(&SeriesTraffic::default(), |key| &traffic[key])),
        current: current_index,
        series,
        humans: human_report,
        disagreements: telling,
    }
}

/// What a series scored; of a baseline that is made for the report alone, what its rows come to.
fn traffic_of<'a>(
    traffic: &'a Traffic,
    rubric: &str,
    key: &SeriesKey<'_>,
    rows: &[&ScoredEvaluation],
) -> Cow<'a, SeriesTraffic> {
    let cells = key.of_rubric(rubric);
    match traffic.of(&cells) {
        Some(own) if own.scored() > 0 => Cow::Borrowed(own),
        _ => Cow::Owned(Traffic::of_rows(rows.iter().copied()).of(&cells).cloned().unwrap_or_default()),
    }
}

fn key_of(evaluation: &ScoredEvaluation) -> SeriesKey<'_> {
    SeriesKey {
        version: evaluation.version,
        judge: &evaluation.judge,
        judge_model: evaluation.judge_model.as_deref(),
        revisions: evaluation.revisions,
    }
}

/// The baseline's verdicts under the same rubric version, and the same revisions where there are any; none for the baseline
/// itself.
fn baseline_for<'a>(
    key: &SeriesKey<'_>,
    members: &BTreeMap<SeriesKey<'a>, Vec<&'a ScoredEvaluation>>,
    is_baseline: &dyn Fn(&str) -> bool,
) -> agreement::Baseline<'a> {
    if is_baseline(key.judge) {
        return None;
    }
    let mut baselines = members.iter().filter(|(other, _)| is_baseline(other.judge) && other.version == key.version);
    let (baseline, evaluations) =
        baselines.clone().find(|(other, _)| other.revisions == key.revisions).or_else(|| baselines.next())?;
    Some((baseline.judge, evaluations.iter().map(|evaluation| (evaluation.subject, *evaluation)).collect()))
}

#[expect(clippy::too_many_arguments, reason = "a series is where everything meets")]
fn series_report(
    key: SeriesKey<'_>,
    traffic: &SeriesTraffic,
    (drawn, unknown): (&pairing::Pairs<'_>, &pairing::Pairs<'_>),
    (scale, reader): (Option<&Scale>, &ScaleReader),
    baseline: &agreement::Baseline<'_>,
    (counts, order): (&[&OutcomeCount], &[SeriesKey<'_>]),
    hours: u32,
    is_baseline: bool,
) -> SeriesReport {
    // What has no model (nothing was asked, or nothing answered) stands with the newest series of its judge.
    let newest = order.iter().find(|other| other.version == key.version && other.judge == key.judge) == Some(&key);
    let own = counts.iter().filter(|count| {
        let model = count.judge_model.as_deref();
        count.version == key.version
            && count.judge == key.judge
            && match count.revisions {
                Some(revisions) => {
                    let own = SeriesKey { judge_model: model, revisions, ..key };
                    own == key || (newest && !order.contains(&own))
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
    let agreement_of = |pairs: &pairing::Pairs<'_>| agreement::report(pairs, reader, baseline);
    let agreement = agreement_of(drawn);
    let whole = agreement.raw_agreement();
    let period = traffic.period();
    SeriesReport {
        version: key.version,
        judge: key.judge.to_owned(),
        judge_model: key.judge_model.map(str::to_owned),
        revisions: key.revisions,
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
        agreement,
        quality: quality::report(traffic, drawn),
        segments: scores::segments(traffic, drawn, reader, whole),
    }
}
