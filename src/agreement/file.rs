//! Agreement in a file of labelled items: several judges and annotators, a scale that may have to be inferred.
//!
//! Items → a scale (declared, or inferred and stated) → places → for each judge and segment the pairs with the human side →
//! coefficients. Whatever is left out (ties, unparseable verdicts, labels off the scale) is counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::clusters::ClusterId;
use super::coefficient::Coefficient;
use super::comparison::{Comparison, by_place};
use super::humans::{Humans, humans};
use super::intervals::{Counted, Evidence};
use super::label::Item;
use super::observation::{Observation, Place, Verdict};
use super::placed::{self, PlacedItem};
use super::scale::{Declaration, Kind, LabelScale};
use super::summary;
use crate::statistics::bootstrap::Plan;
use crate::statistics::calibration::{Calibration, Graded, calibration};
use crate::statistics::{Estimate, Reason};

/// How to analyse.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The declared scale; inferred from the labels without one.
    pub scale: Option<Declaration>,
    /// The one annotator whose labels count; all without one.
    pub annotator: Option<String>,
    /// The alternative-annotator test's allowance for the cost of humans.
    pub epsilon: f64,
    /// How to resample.
    pub plan: Plan,
}

impl Default for Options {
    /// Skilled annotators, 2,000 resamples.
    fn default() -> Self {
        Self { scale: None, annotator: None, epsilon: 0.15, plan: Plan::default() }
    }
}

/// Why no analysis is possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// The chosen annotator gave no label.
    #[error("no label by annotator `{wanted}`; the items have labels by {}", known.join(", "))]
    UnknownAnnotator {
        /// The chosen one.
        wanted: String,
        /// Those that exist.
        known: Vec<String>,
    },
}

/// Everything about a set of labelled items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// All items.
    #[serde(flatten)]
    pub all: Section,
    /// The scale, in the form that `--scale` accepts.
    pub scale: String,
    /// What order of its categories means.
    #[serde(skip)]
    pub kind: Kind,
    /// Whether nobody declared it.
    pub scale_inferred: bool,
    /// Labels that a declared binary scale lumps together as negative.
    pub counted_as_negative: Vec<String>,
    /// Human labels that lie off the scale and were left out.
    pub human_off_scale: usize,
    /// How the intervals were made.
    pub intervals: Intervals,
    /// The same for the items of each segment.
    pub segments: BTreeMap<String, Section>,
}

/// The recipe of the intervals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// Their level.
    pub confidence: f64,
    /// Number of resamples.
    pub resamples: usize,
    /// Seed of the resampling.
    pub seed: u64,
}

/// Judges and humans over some of the items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// Number of items.
    pub items: usize,
    /// Each judge.
    pub judges: BTreeMap<String, JudgeReport>,
    /// The annotators.
    pub humans: Humans,
}

/// One judge against the human side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgeReport {
    /// What the numbers say.
    pub verdict: String,
    /// Items without a usable verdict: unparseable or off the scale.
    pub unparseable: usize,
    /// Of these, verdicts that lie off the scale.
    pub off_scale: usize,
    /// Verdicts on items that no human labelled.
    pub unlabelled: usize,
    /// Verdicts on items whose human labels tie.
    pub human_ties: usize,
    /// Raw agreement with every unparseable verdict counted as wrong.
    pub raw_agreement_with_unparseable: Estimate,
    /// Whether its probabilities are what they say: on a binary scale, of items that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// The comparison.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// Analyses labelled items.
pub fn analyse(items: &[Item], options: &Options) -> Result<Report, AgreementError> {
    check_annotator(items, options.annotator.as_deref())?;
    let scale = LabelScale::of(options.scale.as_ref(), items);
    let placed = placed::place(&scale, items, options.annotator.as_deref());
    let all: Vec<&PlacedItem<'_>> = placed.iter().collect();
    let mut segments: BTreeMap<&str, Vec<&PlacedItem<'_>>> = BTreeMap::new();
    for item in &placed {
        if let Some(segment) = item.segment {
            segments.entry(segment).or_default().push(item);
        }
    }
    let segments =
        segments.into_iter().map(|(name, items)| (name.to_owned(), section(&scale, &items, options))).collect();
    Ok(Report {
        all: section(&scale, &all, options),
        scale: scale.to_string(),
        kind: scale.kind(),
        scale_inferred: scale.inferred(),
        counted_as_negative: scale.others_are_negative().to_vec(),
        human_off_scale: placed.iter().map(|item| item.human_off_scale).sum(),
        intervals: Intervals {
            confidence: options.plan.confidence,
            resamples: options.plan.resamples,
            seed: options.plan.seed,
        },
        segments,
    })
}

fn check_annotator(items: &[Item], wanted: Option<&str>) -> Result<(), AgreementError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let mut known: Vec<String> = items.iter().flat_map(|item| item.human.keys().cloned()).collect();
    known.sort_unstable();
    known.dedup();
    if known.iter().any(|name| name == wanted) {
        Ok(())
    } else {
        Err(AgreementError::UnknownAnnotator { wanted: wanted.to_owned(), known })
    }
}

fn section(scale: &LabelScale, items: &[&PlacedItem<'_>], options: &Options) -> Section {
    let judges: BTreeSet<&str> =
        items.iter().flat_map(|item| item.judge.keys().chain(item.unparseable.keys())).copied().collect();
    let judges: Vec<&str> = judges.into_iter().collect();
    Section {
        items: items.len(),
        humans: humans(scale, items, &judges, options.epsilon, &options.plan),
        judges: judges.iter().map(|name| ((*name).to_owned(), judge(scale, items, name, &options.plan))).collect(),
    }
}

fn judge(scale: &LabelScale, items: &[&PlacedItem<'_>], name: &str, plan: &Plan) -> JudgeReport {
    let verdicts = || items.iter().filter_map(|item| Some((item, *item.judge.get(name)?)));
    let observations: Vec<Observation> = verdicts()
        .enumerate()
        .filter_map(|(index, (item, judge))| {
            let placed = |place: Place| Verdict::Placed { place, pass: None };
            let (cluster, weight) = (item.cluster, item.weight);
            Some(Observation { item: index, cluster, weight, judge: placed(judge), human: placed(item.consensus?) })
        })
        .collect();
    let failed = || items.iter().filter_map(|item| Some((item, *item.unparseable.get(name)?)));
    let lost = failed().filter(|(item, _)| item.consensus.is_some()).map(|(item, _)| item.cluster);
    let with_unparseable = with_unparseable(scale, &observations, lost);
    let comparison = by_place(scale, &observations, plan, &Coefficient::ALL);
    JudgeReport {
        verdict: summary::summary(scale, &comparison),
        unparseable: failed().count(),
        off_scale: failed().filter(|(_, off_scale)| *off_scale).count(),
        unlabelled: verdicts().filter(|(item, _)| item.human.is_empty()).count(),
        human_ties: verdicts().filter(|(item, _)| item.tied).count(),
        raw_agreement_with_unparseable: with_unparseable,
        calibration: probabilities(scale, items, name, plan),
        comparison,
    }
}

/// A judge's probabilities of the positive verdict against the human side.
fn probabilities(scale: &LabelScale, items: &[&PlacedItem<'_>], name: &str, plan: &Plan) -> Option<Calibration> {
    if scale.kind() != Kind::Binary {
        return None;
    }
    let mut numbers: HashMap<ClusterId, usize> = HashMap::new();
    let mut graded = Vec::new();
    for item in items {
        let (Some(probability), Some(human)) = (item.probability.get(name).copied(), item.consensus) else { continue };
        let next = numbers.len();
        let cluster = *numbers.entry(item.cluster).or_insert(next);
        graded.push(Graded { cluster, weight: item.weight, probability, passes: human.number > 0.5 });
    }
    (!graded.is_empty()).then(|| calibration(&graded, plan))
}

/// Unweighted on purpose: it answers how much the lost verdicts could matter, not what the rate is.
fn with_unparseable(
    scale: &LabelScale,
    observations: &[Observation],
    lost: impl Iterator<Item = ClusterId>,
) -> Estimate {
    if scale.kind() == Kind::Numeric {
        return Reason::NotCategorical.into();
    }
    let agrees = |one: &Observation| scale.agree(one.human, one.judge) == Some(true);
    let read = observations.iter().map(|one| Counted::new(one.cluster, 1.0, agrees(one)));
    let counted: Vec<Counted> = read.chain(lost.map(|cluster| Counted::new(cluster, 1.0, false))).collect();
    Evidence::of(counted.iter().map(|one| (one.cluster, 1.0))).share(&counted, Reason::NoPairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(lines: &[&str]) -> Vec<Item> {
        lines.iter().map(|line| Item::parse(line).unwrap()).collect()
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let items = items(&[
            r#"{"item_id":"a","human":{"x":1,"y":1},"judge":{"j":1}}"#,
            r#"{"item_id":"b","human":{"x":1,"y":0},"judge":{"j":1}}"#,
            r#"{"item_id":"c","human":{"x":0},"judge":{"j":null}}"#,
            r#"{"item_id":"d","human":{"x":0},"judge":{"j":"no idea"}}"#,
            r#"{"item_id":"e","human":{"x":null},"judge":{"j":0}}"#,
        ]);
        let report = analyse(&items, &Options::default()).unwrap();
        let judge = &report.all.judges["j"];
        assert_eq!(judge.comparison.pairs, 1);
        assert_eq!((judge.unparseable, judge.off_scale), (2, 1));
        assert_eq!((judge.human_ties, judge.unlabelled), (1, 1));
        assert_eq!(judge.raw_agreement_with_unparseable.value(), Some(1.0 / 3.0));
        assert_eq!(report.all.humans.items_with_several, 2);
    }

    #[test]
    fn probabilities_are_held_against_people_where_they_are_told() {
        let line = |index: usize| {
            let is_good = !index.is_multiple_of(4);
            let (human, probability) = (u8::from(is_good), if is_good { 0.9 } else { 0.2 });
            format!(
                r#"{{"item_id":{index},"human":{{"x":{human}}},"judge":{{"j":1,"k":1}},"probability":{{"j":{probability}}}}}"#
            )
        };
        let items: Vec<Item> = (0..80).map(|index| Item::parse(&line(index)).unwrap()).collect();
        let report = analyse(&items, &Options::default()).unwrap();
        let found = report.all.judges["j"].calibration.as_ref().unwrap();
        assert_eq!((found.items, found.auc.value()), (80, Some(1.0)));
        assert!((found.brier.value().unwrap() - (0.75 * 0.01 + 0.25 * 0.04)).abs() < 1e-9);
        assert_eq!(report.all.judges["k"].calibration, None);
        let wrong = Item::parse(r#"{"item_id":1,"human":1,"judge":1,"probability":1.2}"#).unwrap_err().to_string();
        assert_eq!(wrong, "the probability of `judge` is not a number from 0 to 1");
    }

    #[test]
    fn one_annotator_can_be_picked_and_must_exist() {
        let items = items(&[r#"{"item_id":"a","human":{"x":1,"y":0},"judge":{"j":1}}"#]);
        let pick = |name: &str| Options { annotator: Some(name.into()), ..Options::default() };
        let report = analyse(&items, &pick("y")).unwrap();
        assert_eq!(report.all.judges["j"].comparison.coefficients.get(Coefficient::RawAgreement).value(), Some(0.0));
        let error = analyse(&items, &pick("z")).unwrap_err().to_string();
        assert!(error.contains("`z`") && error.contains("x, y"), "{error}");
    }

    #[test]
    fn a_missed_class_is_said_in_words() {
        let line = |index: usize| {
            let human = u8::from(index >= 40);
            let judge = u8::from(index >= 40 || index.is_multiple_of(2));
            format!(r#"{{"item_id":{index},"human":{{"x":{human}}},"judge":{{"j":{judge}}}}}"#)
        };
        let items: Vec<Item> = (0..160).map(|index| Item::parse(&line(index)).unwrap()).collect();
        let verdict = &analyse(&items, &Options::default()).unwrap().all.judges["j"].verdict;
        assert!(
            verdict.starts_with("the judge misses 20 of 40 answers that humans call 0: TPR of 0 0.50 ["),
            "{verdict}"
        );
    }

    #[test]
    fn weights_of_unequal_size_shrink_the_sample() {
        let line = |index: usize| {
            let (weight, judge) = if index < 10 { (10.0, 0) } else { (1.0, 1) };
            format!(r#"{{"item_id":{index},"weight":{weight},"human":{{"x":{}}},"judge":{{"j":{judge}}}}}"#, index % 2)
        };
        let items: Vec<Item> = (0..60).map(|index| Item::parse(&line(index)).unwrap()).collect();
        let report = analyse(&items, &Options::default()).unwrap();
        let comparison = &report.all.judges["j"].comparison;
        assert!((comparison.effective_pairs - 150.0 * 150.0 / 1_050.0).abs() < 1e-9);
        assert_eq!(comparison.coefficients.get(Coefficient::RawAgreement).reason(), Some(Reason::FewEffective));
    }
}
