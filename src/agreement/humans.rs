//! The human ceiling: how well annotators agree with each other, and whether the judge could be one of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::coefficient::Coefficient;
use super::comparison::compare;
use super::intervals::{Evidence, Family};
use super::observation::Place;
use super::pairs::Pair;
use super::people::{Said, among_people, pairs, resampled};
use super::placed::PlacedItem;
use super::scale::{Kind, LabelScale};
use super::units::sample;
use crate::statistics::alt_test::{self, Alignment, MIN_ANNOTATORS, alt_test};
use crate::statistics::bootstrap::Plan;
use crate::statistics::{Estimate, Reason};

/// What is said of each two annotators.
const OF_TWO: [Coefficient; 5] = [
    Coefficient::RawAgreement,
    Coefficient::CohenKappa,
    Coefficient::WeightedKappaQuadratic,
    Coefficient::Mae,
    Coefficient::Spearman,
];

/// Agreement among annotators.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Humans {
    /// Labels given, by annotator.
    pub annotators: BTreeMap<String, usize>,
    /// Items that two or more annotators labelled.
    pub items_with_several: usize,
    /// Items on which their labels tie, so that no human side of a pair exists.
    pub ties: usize,
    /// Krippendorff's alpha among the annotators, on the declared scale.
    pub krippendorff_alpha: Estimate,
    /// Share of equal labels over all pairs of annotators of an item.
    pub raw_agreement: Estimate,
    /// Each two annotators.
    pub pairs: Vec<HumanPair>,
    /// By judge: its mean closeness to each annotator minus that of annotators to each other, on items with two or more
    /// labels. Closeness is equality, on ordinal and numeric scales minus the absolute difference. At or above 0 the
    /// judge is as close to a human as humans are.
    pub judge_gap: BTreeMap<String, Estimate>,
    /// By judge: the alternative-annotator test.
    pub alt_test: BTreeMap<String, AltTestReport>,
}

/// Two annotators compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HumanPair {
    /// Their names.
    pub annotators: [String; 2],
    /// Items that both labelled.
    pub pairs: usize,
    /// Share of equal labels.
    pub raw_agreement: Estimate,
    /// Cohen's kappa.
    pub cohen_kappa: Estimate,
    /// Quadratically weighted kappa.
    pub weighted_kappa_quadratic: Estimate,
    /// Mean absolute difference.
    pub mae: Estimate,
    /// Rank correlation.
    pub spearman: Estimate,
}

/// The alternative-annotator test of one judge, or why it was not run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AltTestReport {
    /// It was run.
    Done {
        /// Share of annotators that the judge may replace.
        winning_rate: f64,
        /// Whether that is at least half of them.
        passed: bool,
        /// Mean probability that the judge is at least as well aligned as the annotator.
        advantage_probability: f64,
        /// The advantage granted to humans' cost.
        epsilon: f64,
        /// Items and adjusted p-value by annotator.
        annotators: BTreeMap<String, AltTestRow>,
    },
    /// It was not.
    Missing {
        /// Always null.
        winning_rate: Option<f64>,
        /// Why.
        reason: Reason,
    },
}

/// One annotator in the alternative-annotator test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AltTestRow {
    /// Items compared.
    pub items: usize,
    /// Benjamini–Yekutieli adjusted p-value.
    pub p_adjusted: f64,
}

/// The humans of a section, and its judges beside them.
pub(super) fn humans(
    scale: &LabelScale,
    items: &[&PlacedItem<'_>],
    judges: &[&str],
    epsilon: f64,
    plan: &Plan,
) -> Humans {
    let mut annotators: BTreeMap<&str, usize> = BTreeMap::new();
    for name in items.iter().flat_map(|item| item.human.keys()) {
        *annotators.entry(name).or_default() += 1;
    }
    let several: Vec<&PlacedItem<'_>> = items.iter().copied().filter(|item| item.human.len() > 1).collect();
    let said: Vec<Said> = several.iter().map(|item| item.said()).collect();
    let among = among_people(scale, &said, plan);
    let gap = |judge: &&str| ((*judge).to_owned(), judge_gap(scale, &several, judge, plan));
    let alt = |judge: &&str| ((*judge).to_owned(), alt_test_of(scale, items, judge, epsilon));
    Humans {
        items_with_several: several.len(),
        ties: items.iter().filter(|item| item.tied).count(),
        krippendorff_alpha: among.krippendorff_alpha,
        raw_agreement: among.raw_agreement,
        pairs: human_pairs(scale, &several, &annotators, plan),
        judge_gap: judges.iter().map(gap).collect(),
        alt_test: judges.iter().map(alt).collect(),
        annotators: annotators.into_iter().map(|(name, labels)| (name.to_owned(), labels)).collect(),
    }
}

fn judge_gap(scale: &LabelScale, several: &[&PlacedItem<'_>], judge: &str, plan: &Plan) -> Estimate {
    let judged: Vec<&PlacedItem<'_>> = several.iter().copied().filter(|item| item.judge.contains_key(judge)).collect();
    let closeness = |a: &Place, b: &Place| match scale.kind() {
        Kind::Nominal | Kind::Binary => f64::from(u8::from(a.category == b.category)),
        Kind::Ordinal | Kind::Numeric => -(a.number - b.number).abs(),
    };
    let contribution = |item: &PlacedItem<'_>| {
        let labels: Vec<Place> = item.human.values().copied().collect();
        let Some(verdict) = item.judge.get(judge) else { return Vec::new() };
        let to_judge: f64 = labels.iter().map(|label| closeness(label, verdict)).sum();
        let (among, number) = pairs(&labels, |one, other| Some(closeness(one, other)));
        vec![(0, to_judge), (1, labels.len() as f64), (2, among), (3, number)]
    };
    let statistic = |totals: &[f64]| vec![totals[0] / totals[1] - totals[2] / totals[3]];
    let evidence = Evidence::of(judged.iter().map(|item| (item.cluster, 1.0)));
    let units = judged.iter().map(|item| (item.cluster, contribution(item)));
    resampled(&evidence, Family::Difference, false, sample(4, units), plan, &statistic)
}

fn human_pairs(
    scale: &LabelScale,
    several: &[&PlacedItem<'_>],
    annotators: &BTreeMap<&str, usize>,
    plan: &Plan,
) -> Vec<HumanPair> {
    let names: Vec<&str> = annotators.keys().copied().collect();
    let mut pairs = Vec::new();
    for (index, first) in names.iter().enumerate() {
        for second in &names[index + 1..] {
            let both: Vec<Pair> = several
                .iter()
                .filter_map(|item| {
                    let (human, judge) = (*item.human.get(*first)?, *item.human.get(*second)?);
                    Some(Pair { human, judge, weight: item.weight, cluster: item.cluster })
                })
                .collect();
            if both.is_empty() {
                continue;
            }
            let comparison = compare(scale, &both, plan, &OF_TWO);
            let get = |coefficient| comparison.coefficients.get(coefficient);
            pairs.push(HumanPair {
                annotators: [(*first).to_owned(), (*second).to_owned()],
                pairs: both.len(),
                raw_agreement: get(Coefficient::RawAgreement),
                cohen_kappa: get(Coefficient::CohenKappa),
                weighted_kappa_quadratic: get(Coefficient::WeightedKappaQuadratic),
                mae: get(Coefficient::Mae),
                spearman: get(Coefficient::Spearman),
            });
        }
    }
    pairs
}

fn alt_test_of(scale: &LabelScale, items: &[&PlacedItem<'_>], judge: &str, epsilon: f64) -> AltTestReport {
    let judged: Vec<(&PlacedItem<'_>, &Place)> =
        items.iter().filter_map(|item| Some((*item, item.judge.get(judge)?))).collect();
    let names: BTreeSet<&str> = judged.iter().flat_map(|(item, _)| item.human.keys().copied()).collect();
    if names.len() < MIN_ANNOTATORS {
        return AltTestReport::Missing { winning_rate: None, reason: Reason::TooFewAnnotators };
    }
    let number = |place: &Place| if scale.kind() == Kind::Nominal { place.category as f64 } else { place.number };
    let rows: Vec<alt_test::Item> = judged
        .iter()
        .map(|(item, verdict)| alt_test::Item {
            humans: names.iter().map(|name| item.human.get(*name).map(number)).collect(),
            judge: number(verdict),
        })
        .collect();
    let alignment = match scale.kind() {
        Kind::Nominal | Kind::Binary => Alignment::Accuracy,
        Kind::Ordinal | Kind::Numeric => Alignment::NegativeRmse,
    };
    match alt_test(&rows, alignment, epsilon) {
        Err(reason) => AltTestReport::Missing { winning_rate: None, reason },
        Ok(result) => {
            let rows = result.items.into_iter().zip(result.p_adjusted);
            let rows = rows.map(|(items, p_adjusted)| AltTestRow { items, p_adjusted });
            AltTestReport::Done {
                winning_rate: result.winning_rate,
                passed: result.passed,
                advantage_probability: result.advantage_probability,
                epsilon: result.epsilon,
                annotators: names.into_iter().map(str::to_owned).zip(rows).collect(),
            }
        }
    }
}
