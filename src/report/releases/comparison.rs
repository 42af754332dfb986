//! One rubric's comparison, computed.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{
    Basis, ErrorReport, Example, Mix, ReleaseComparison, ReleaseVerdict, RubricComparison, SegmentDifference,
    SeriesName, SideReport, Unknown,
};
use super::input::{ReleaseInput, RubricInput, SeriesInput, SideSums, answers};
use super::sides::{Side, Sides};
use crate::agreement::{Observation, ScaleReader};
use crate::cells::Sums;
use crate::model::{Moment, Outcome};
use crate::report::humans::by_subject;
use crate::report::pairing::{Pairs, pair};
use crate::statistics::distribution::{normal_cdf, normal_quantile, two_sided_t};
use crate::statistics::judge_errors::{ErrorCluster, ErrorRates, SameErrors, same_errors};
use crate::statistics::multiplicity::benjamini_yekutieli;
use crate::statistics::ppi::{LabelledCluster, Unlabelled, ppi_mean};
use crate::statistics::quality_difference::{Corrected, Group, Judged, judged_difference, within_groups};
use crate::statistics::survey::MIN_EFFECTIVE;
use crate::statistics::{CONFIDENCE, Estimate, Interval, Reason, always_valid};
use crate::store::{Store, StoreError};

/// Clusters of labels that a side needs to speak for itself.
const OWN_LABELS: usize = 30;
/// False discovery rate among segments.
const DISCOVERY_RATE: f64 = 0.05;
/// Not a mix: a release that lets another model answer is to be blamed for what that one says.
const CHOSEN_BY_A_RELEASE: &str = "model";

impl ReleaseComparison {
    /// Compares; `margin` is what is called worse only beyond.
    pub fn of(input: &ReleaseInput, margin: f64) -> Self {
        let rubrics: Vec<RubricComparison> =
            input.rubrics.iter().map(|rubric| compare(rubric, &input.sides, margin)).collect();
        Self {
            by: input.sides.by().name().to_owned(),
            old: input.sides.name(Side::Old).to_owned(),
            new: input.sides.name(Side::New).to_owned(),
            margin,
            confidence: CONFIDENCE,
            verdict: rubrics.iter().map(|rubric| rubric.verdict).max().unwrap_or(ReleaseVerdict::CannotTell),
            rubrics,
        }
    }

    /// Adds answers that carry the differences.
    pub async fn with_examples(mut self, store: &Store, input: &ReleaseInput) -> Result<Self, StoreError> {
        for (comparison, rubric) in self.rubrics.iter_mut().zip(&input.rubrics) {
            let Some(series) = rubric.series.as_ref().filter(|_| comparison.difference.is_some()) else { continue };
            let worst = comparison.segments.iter().find(|segment| segment.worse);
            let worst = worst.map(|worst| (worst.segment.clone(), worst.value.clone()));
            let worst = worst.filter(|(name, _)| name != CHOSEN_BY_A_RELEASE);
            for (side, name) in [(Side::New, "new"), (Side::Old, "old")] {
                for found in answers(store, &input.sides, side, &series.key, worst.clone()).await? {
                    comparison.examples.push(Example {
                        side: name,
                        evaluation: found.id,
                        trace_id: found.trace_id,
                        label: found.label,
                        question: found.question,
                        rationale: found.rationale,
                    });
                }
            }
        }
        Ok(self)
    }
}

fn compare(input: &RubricInput, sides: &Sides, margin: f64) -> RubricComparison {
    let mut comparison = RubricComparison {
        rubric: input.rubric.clone(),
        series: None,
        verdict: ReleaseVerdict::CannotTell,
        because: Some(Unknown::NoCommonSeries),
        sides: None,
        difference: None,
        without_mix: None,
        always_valid: None,
        detectable: None,
        errors: None,
        segments: Vec::new(),
        examples: Vec::new(),
    };
    if let Some(series) = &input.series {
        comparison.because = fill(&mut comparison, series, sides, margin).err();
    }
    comparison
}

/// The difference of one look, freed of the judge's errors in one of two ways.
#[derive(Clone, Copy)]
enum Difference {
    Corrected(Corrected),
    Own { value: f64, standard_error: f64, degrees_of_freedom: f64 },
}

impl Difference {
    fn value(&self) -> f64 {
        match self {
            Self::Corrected(corrected) => corrected.value(),
            Self::Own { value, .. } => *value,
        }
    }

    fn estimate(&self) -> Estimate {
        let interval = match *self {
            Self::Corrected(corrected) => corrected.interval(CONFIDENCE),
            Self::Own { value, standard_error, degrees_of_freedom } => {
                Interval::around(value, two_sided_t(CONFIDENCE, degrees_of_freedom) * standard_error)
            }
        };
        Estimate::new(Ok(self.value()), Ok(interval.clamped(-1.0, 1.0)))
    }

    fn always_valid(&self) -> Result<Interval, Reason> {
        let interval = match *self {
            Self::Corrected(corrected) => corrected.always_valid(CONFIDENCE),
            Self::Own { value, standard_error, .. } => always_valid::interval(value, standard_error, CONFIDENCE)?,
        };
        Ok(interval.clamped(-1.0, 1.0))
    }

    /// What one look at 5 % would see with 80 %.
    fn detectable(&self) -> f64 {
        let error = match self {
            Self::Corrected(corrected) => corrected.standard_error(),
            Self::Own { standard_error, .. } => *standard_error,
        };
        (normal_quantile(0.975) + normal_quantile(0.8)) * error
    }
}

fn fill(comparison: &mut RubricComparison, series: &SeriesInput, sides: &Sides, margin: f64) -> Result<(), Unknown> {
    let key = &series.key;
    comparison.series = Some(SeriesName {
        version: key.version,
        judge: key.judge.clone(),
        judge_model: key.judge_model.clone(),
        revisions: key.revisions,
    });
    let reader = ScaleReader::of(&series.scale);
    let humans = by_subject(&series.labels, &key.rubric);
    let scored: Vec<_> = series.scored.iter().collect();
    let (drawn, unknown) = pair(&scored, &humans, &reader);
    // Drawn and chosen labels are never mixed; chosen ones stand in where nothing was drawn.
    let selection_unknown = drawn.observations.is_empty() && !unknown.observations.is_empty();
    let pairs = if selection_unknown { &unknown } else { &drawn };
    let labelled = Labelled { pairs, sides };
    comparison.sides = Some([Side::Old, Side::New].map(|side| side_report(series, &labelled, side)));
    let of = |sums: &SideSums| sums.whole.passing().ok_or(Unknown::NoThreshold);
    let whole = Group { old: of(&series.old)?, new: of(&series.new)? };
    if whole.old.effective.min(whole.new.effective) < MIN_EFFECTIVE {
        return Err(Unknown::FewScores);
    }
    let (errors, basis) = labelled.errors().ok_or(Unknown::FewLabels)?;
    let total = match basis {
        Basis::OwnLabels => labelled.by_own_labels(series).ok_or(Unknown::FewLabels)?,
        Basis::SameErrors | Basis::SameErrorsAssumed | Basis::OtherReleases => {
            let corrected = Corrected::of(judged_difference(&whole), &errors);
            Difference::Corrected(corrected.ok_or(Unknown::JudgeUninformative)?)
        }
    };
    comparison.errors = Some(ErrorReport {
        tpr: errors.tpr.value,
        tnr: errors.tnr.value,
        labels: labelled.count(basis),
        basis,
        selection_unknown,
    });
    let mut decisive = total;
    if basis != Basis::OwnLabels {
        if let Some((mix, within)) = without_mix(series, &errors, &total) {
            (comparison.without_mix, decisive) = (Some(mix), within);
        }
        comparison.segments = segments(series, &errors);
    }
    comparison.difference = Some(total.estimate());
    comparison.detectable = Some(decisive.detectable());
    let always = decisive.always_valid().map_err(|_| Unknown::FewLabels)?;
    comparison.always_valid = Some(always);
    comparison.verdict = verdict(always, margin);
    if comparison.verdict == ReleaseVerdict::CannotTell { Err(Unknown::Undecided) } else { Ok(()) }
}

fn verdict(always: Interval, margin: f64) -> ReleaseVerdict {
    if always.high < -margin {
        ReleaseVerdict::Worse
    } else if always.low > 0.0 {
        ReleaseVerdict::Better
    } else if margin > 0.0 && always.low > -margin {
        ReleaseVerdict::NotWorse
    } else {
        ReleaseVerdict::CannotTell
    }
}

fn side_report(series: &SeriesInput, labelled: &Labelled<'_>, side: Side) -> SideReport {
    let sums = if side == Side::Old { &series.old } else { &series.new };
    let subjects: BTreeSet<_> = labelled.of(side).map(|one| labelled.pairs.row(one).subject).collect();
    let newest = series.labels.iter().filter(|label| subjects.contains(&label.subject));
    SideReport {
        scored: sums.whole.outcome(Outcome::Scored),
        judge_passes: sums.whole.pass_rate(),
        labels: subjects.len() as u64,
        newest_label: newest.map(|label| Moment(label.labelled_at_ms)).max(),
    }
}

/// Answers with both verdicts.
struct Labelled<'a> {
    pairs: &'a Pairs<'a>,
    sides: &'a Sides,
}

impl<'a> Labelled<'a> {
    fn of(&self, side: Side) -> impl Iterator<Item = &'a Observation> {
        self.pairs.observations.iter().filter(move |one| self.sides.of_row(self.pairs.row(one)) == Some(side))
    }

    /// The judge's error rates, and what they rest on.
    fn errors(&self) -> Option<(ErrorRates, Basis)> {
        let (old, new) = (rates(self.of(Side::Old)), rates(self.of(Side::New)));
        match rates(self.of(Side::Old).chain(self.of(Side::New))) {
            Some(both) => Some((
                both,
                match same_errors(old.as_ref(), new.as_ref()) {
                    SameErrors::NotRefuted => Basis::SameErrors,
                    SameErrors::Untested => Basis::SameErrorsAssumed,
                    SameErrors::Differ => Basis::OwnLabels,
                },
            )),
            None => Some((rates(self.pairs.observations.iter())?, Basis::OtherReleases)),
        }
    }

    fn count(&self, basis: Basis) -> u64 {
        match basis {
            Basis::OtherReleases => self.pairs.observations.len() as u64,
            Basis::SameErrors | Basis::SameErrorsAssumed | Basis::OwnLabels => {
                (self.of(Side::Old).count() + self.of(Side::New).count()) as u64
            }
        }
    }

    /// Each side by its own labels and scores (PPI++).
    fn by_own_labels(&self, series: &SeriesInput) -> Option<Difference> {
        let of = |side: Side, sums: &SideSums| {
            let clusters = label_clusters(self.of(side));
            let judged: Judged = sums.whole.passing()?;
            let others = Unlabelled {
                clusters: judged.effective,
                mean: judged.rate,
                variance: judged.variance * judged.effective,
            };
            (clusters.len() >= OWN_LABELS).then(|| ppi_mean(&clusters, &others).ok())?
        };
        let (old, new) = (of(Side::Old, &series.old)?, of(Side::New, &series.new)?);
        Some(Difference::Own {
            value: new.mean - old.mean,
            standard_error: old.standard_error.hypot(new.standard_error),
            degrees_of_freedom: old.degrees_of_freedom.min(new.degrees_of_freedom),
        })
    }
}

fn rates<'a>(observations: impl Iterator<Item = &'a Observation>) -> Option<ErrorRates> {
    let mut clusters: BTreeMap<_, ErrorCluster> = BTreeMap::new();
    for one in observations {
        let (Some(judge), Some(human)) = (one.judge.pass(), one.human.pass()) else { continue };
        let own = clusters.entry(one.cluster).or_default();
        let (items, hits) =
            if human { (&mut own.good, &mut own.good_passed) } else { (&mut own.bad, &mut own.bad_failed) };
        *items += one.weight;
        *hits += if judge == human { one.weight } else { 0.0 };
    }
    ErrorRates::of(&clusters.into_values().collect::<Vec<_>>())
}

fn label_clusters<'a>(observations: impl Iterator<Item = &'a Observation>) -> Vec<LabelledCluster> {
    let mut clusters: BTreeMap<_, LabelledCluster> = BTreeMap::new();
    for one in observations {
        let (Some(judge), Some(human)) = (one.judge.pass(), one.human.pass()) else { continue };
        let own = clusters.entry(one.cluster).or_default();
        own.weight += one.weight;
        own.labels += one.weight * f64::from(u8::from(human));
        own.scores += one.weight * f64::from(u8::from(judge));
    }
    clusters.into_values().collect()
}

/// The groups of a segment that both sides have enough of; what has no value of it is a group as well.
fn groups(series: &SeriesInput, segment: &str) -> Vec<(Option<String>, Group)> {
    let values = |side: &SideSums| side.segments.get(segment).cloned().unwrap_or_default();
    let (old, new) = (values(&series.old), values(&series.new));
    let mut found = Vec::new();
    for (value, own) in &old {
        found.push((Some(value.clone()), own.clone(), new.get(value).cloned().unwrap_or_default()));
    }
    found.push((None, rest(&series.old.whole, old.values()), rest(&series.new.whole, new.values())));
    let group = |(value, old, new): (Option<String>, Sums, Sums)| {
        let group = Group { old: old.passing()?, new: new.passing()? };
        (group.old.effective.min(group.new.effective) >= MIN_EFFECTIVE).then_some((value, group))
    };
    found.into_iter().filter_map(group).collect()
}

/// What is in none of the values.
fn rest<'a>(whole: &Sums, values: impl Iterator<Item = &'a Sums>) -> Sums {
    let mut rest = whole.clone();
    for value in values {
        rest.add(value, -1);
    }
    rest
}

/// The difference without the mix of the segment whose mix explains most of it.
fn without_mix(series: &SeriesInput, errors: &ErrorRates, total: &Difference) -> Option<(Mix, Difference)> {
    let names = series.old.segments.keys().filter(|name| *name != CHOSEN_BY_A_RELEASE);
    let of = |name: &String| {
        let groups: Vec<Group> = groups(series, name).into_iter().map(|(_, group)| group).collect();
        let within = Difference::Corrected(Corrected::of(within_groups(&groups)?, errors)?);
        let compared: f64 = groups.iter().map(|group| group.new.weight).sum();
        let all = series.new.whole.passing()?.weight;
        let mix = Mix {
            segment: name.clone(),
            mix: total.value() - within.value(),
            within: within.estimate(),
            uncompared: (1.0 - compared / all).max(0.0),
        };
        Some((mix, within))
    };
    names.filter_map(of).max_by(|(one, _), (other, _)| one.mix.abs().total_cmp(&other.mix.abs()))
}

fn segments(series: &SeriesInput, errors: &ErrorRates) -> Vec<SegmentDifference> {
    let (mut found, mut p) = (Vec::new(), Vec::new());
    for name in series.old.segments.keys() {
        for (value, group) in groups(series, name) {
            let (Some(value), Some(own)) = (value, Corrected::of(judged_difference(&group), errors)) else { continue };
            let scored = |side: &SideSums| {
                let own = side.segments.get(name).and_then(|values| values.get(&value));
                own.map_or(0, |own| own.outcome(Outcome::Scored))
            };
            let scored = [scored(&series.old), scored(&series.new)];
            p.push(normal_cdf(own.judged_z()));
            let difference = Difference::Corrected(own).estimate();
            found.push(SegmentDifference { segment: name.clone(), value, difference, worse: false, scored });
        }
    }
    for (segment, adjusted) in found.iter_mut().zip(benjamini_yekutieli(&p)) {
        segment.worse = adjusted <= DISCOVERY_RATE;
    }
    let value = |one: &SegmentDifference| one.difference.value().unwrap_or_default();
    found.sort_by(|one, other| value(one).total_cmp(&value(other)));
    found
}
