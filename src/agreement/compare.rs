//! Two sides compared: every coefficient with its interval or the reason for none.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::statistics::bootstrap::{Contribution, Plan, Sample, Statistics, bootstrap, grouped_jackknife};
use crate::statistics::survey::effective_size;
use crate::statistics::{AgreementTable, Estimate, PairGrid, Reason};

use super::classes::{Class, Confusion, Majority, Spread, classes, confusion, majority, spread};
use super::coefficient::{Coefficient, View};
use super::gate::{Facts, MIN_RESAMPLED};
use super::scale::{Kind, LabelScale, Place};

/// More distinct pairs of numbers than this are too many to resample.
const MAX_RESAMPLED_KINDS: usize = 10_000;
/// Groups of the jackknife that takes over.
const JACKKNIFE_GROUPS: usize = 50;

/// One item as both sides see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    pub(super) human: Place,
    pub(super) judge: Place,
    pub(super) weight: f64,
    /// Items of one cluster share a number.
    pub(super) cluster: Option<usize>,
}

/// How well two sides agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Number of pairs.
    pub pairs: usize,
    /// Kish's effective number of pairs under their weights.
    pub effective_pairs: f64,
    /// Every coefficient, in the order of [`Coefficient::ALL`].
    #[serde(flatten)]
    pub coefficients: Coefficients,
    /// How the resampled intervals were made.
    pub interval_method: IntervalMethod,
    /// The first side's and the second side's use of each category, and where they met.
    pub classes: Vec<Class>,
    /// Unweighted counts; `None` on a numeric scale.
    pub confusion: Option<Confusion>,
    /// Agreement of a judge that always says what humans say most often: the bar to clear.
    pub majority_class: Option<Majority>,
    /// How the judge spreads over the scale.
    pub judge_spread: Option<Spread>,
}

/// How intervals that are not Wilson's were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// Bias-corrected and accelerated bootstrap over items.
    Bca,
    /// The same over clusters of items.
    BcaClustered,
    /// Delete-a-group jackknife, for many thousand distinct pairs of numbers.
    GroupedJackknife,
}

/// Coefficients by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficients(Vec<Estimate>);

impl Coefficients {
    /// One of them.
    pub fn get(&self, coefficient: Coefficient) -> Estimate {
        self.iter().find(|row| row.0 == coefficient).map_or(Estimate::Undefined(Reason::NoPairs), |row| row.1)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Coefficient, Estimate)> + '_ {
        Coefficient::ALL.into_iter().zip(self.0.iter().copied())
    }
}

impl Serialize for Coefficients {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (coefficient, estimate) in self.iter() {
            map.serialize_entry(coefficient.key(), &estimate)?;
        }
        map.end()
    }
}

/// Compares the two sides of `pairs` on `scale`.
pub(super) fn compare(scale: &LabelScale, pairs: &[Pair], plan: &Plan) -> Comparison {
    let evaluated = Evaluated::of(scale, pairs);
    let view = evaluated.view();
    let facts = Facts::of(scale, pairs, &view.table, evaluated.effective);
    let method = match (&facts.clusters, evaluated.sample.kinds() > MAX_RESAMPLED_KINDS) {
        (_, true) => IntervalMethod::GroupedJackknife,
        (Some(_), false) => IntervalMethod::BcaClustered,
        (None, false) => IntervalMethod::Bca,
    };
    // Below the smallest gate no resampled interval is shown, so none is computed.
    let resampled = match method {
        _ if pairs.len() < MIN_RESAMPLED => vec![Err(Reason::TooFew); Coefficient::ALL.len()],
        IntervalMethod::GroupedJackknife => grouped_jackknife(&evaluated.sample, JACKKNIFE_GROUPS, plan, &evaluated),
        _ => bootstrap(&evaluated.sample, plan, &evaluated),
    };
    let estimate = |(coefficient, resampled)| facts.estimate(&view, coefficient, resampled);
    Comparison {
        pairs: pairs.len(),
        effective_pairs: facts.effective,
        coefficients: Coefficients(Coefficient::ALL.into_iter().zip(resampled).map(estimate).collect()),
        interval_method: method,
        classes: classes(scale, &facts, &view.table),
        confusion: confusion(scale, &facts.counts),
        majority_class: majority(scale, &facts, &view.table),
        judge_spread: spread(scale, &facts.counts),
    }
}

/// The pairs as a resampling problem.
struct Evaluated<'a> {
    scale: &'a LabelScale,
    grid: PairGrid,
    sample: Sample,
    totals: Vec<f64>,
    /// Where weights are unequal: the size that analytic formulas may count on.
    effective: Option<f64>,
}

impl<'a> Evaluated<'a> {
    fn of(scale: &'a LabelScale, pairs: &[Pair]) -> Self {
        let q = scale.values().len();
        let (grid, cells) = if scale.kind() == Kind::Numeric {
            let numbers: Vec<(f64, f64)> = pairs.iter().map(|pair| (pair.human.number, pair.judge.number)).collect();
            PairGrid::of(&numbers).unwrap_or_default()
        } else {
            let cells = pairs.iter().map(|pair| pair.human.category * q + pair.judge.category).collect();
            (PairGrid::of_values(scale.values()).unwrap_or_default(), cells)
        };
        let mean_weight = pairs.iter().map(|pair| pair.weight).sum::<f64>() / pairs.len().max(1) as f64;
        let parts =
            pairs.iter().zip(cells).map(|(pair, cell)| (pair.cluster, (cell as u32, pair.weight / mean_weight)));
        let sample = if pairs.iter().any(|pair| pair.cluster.is_some()) {
            Sample::new(grid.cells(), units(parts))
        } else {
            Sample::of_single(grid.cells(), parts.map(|part| part.1))
        };
        let equal = pairs.windows(2).all(|two| two[0].weight == two[1].weight);
        let effective = (!equal).then(|| effective_size(pairs.iter().map(|pair| pair.weight)));
        let totals = sample.totals();
        Self { scale, grid, sample, totals, effective }
    }

    fn view_of<'b>(&'b self, totals: &'b [f64]) -> View<'b> {
        let table = if self.scale.kind() == Kind::Numeric {
            AgreementTable::new(0)
        } else {
            AgreementTable::from_counts(totals.to_vec()).unwrap_or_else(|_| AgreementTable::new(0))
        };
        let table = self.effective.map_or_else(|| table.clone(), |effective| table.scaled_to(effective));
        View { scale: self.scale, table, grid: &self.grid, weights: totals }
    }

    fn view(&self) -> View<'_> {
        self.view_of(&self.totals)
    }
}

impl Statistics for Evaluated<'_> {
    fn evaluate(&self, totals: &[f64]) -> Vec<f64> {
        let view = self.view_of(totals);
        Coefficient::ALL.iter().map(|coefficient| view.value(*coefficient).unwrap_or(f64::NAN)).collect()
    }
}

/// Items as units of resampling: each alone, or those of a cluster together.
pub(super) fn units(parts: impl Iterator<Item = Part>) -> Vec<Contribution> {
    let mut single = Vec::new();
    let mut clusters: BTreeMap<usize, BTreeMap<u32, f64>> = BTreeMap::new();
    for part in parts {
        match part {
            (None, amount) => single.push(vec![amount]),
            (Some(cluster), (cell, amount)) => *clusters.entry(cluster).or_default().entry(cell).or_default() += amount,
        }
    }
    single.extend(clusters.into_values().map(|cells| cells.into_iter().collect()));
    single
}

/// (cluster, (cell, amount)).
pub(super) type Part = (Option<usize>, (u32, f64));

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(human: usize, judge: usize) -> Pair {
        let place = |category: usize| Place { category, number: category as f64 };
        Pair { human: place(human), judge: place(judge), weight: 1.0, cluster: None }
    }

    fn binary_scale() -> LabelScale {
        LabelScale::of(Some(&"ordinal:0,1".parse().unwrap()), &[])
    }

    fn pairs(counts: [[usize; 2]; 2]) -> Vec<Pair> {
        let cells = [(0, 0), (0, 1), (1, 0), (1, 1)];
        cells.into_iter().flat_map(|(h, j)| std::iter::repeat_n(pair(h, j), counts[h][j])).collect()
    }

    #[test]
    fn kappa_has_an_interval_only_behind_its_gate() {
        let kappa = |counts| {
            compare(&binary_scale(), &pairs(counts), &Plan::default()).coefficients.get(Coefficient::CohenKappa)
        };
        assert_eq!(kappa([[15, 5], [5, 60]]).reason(), Some(Reason::Thin));
        assert_eq!(kappa([[4, 5], [5, 100]]).reason(), Some(Reason::Thin));
        let estimate = kappa([[15, 5], [5, 80]]);
        let interval = estimate.interval().unwrap();
        assert!((interval.low..=interval.high).contains(&estimate.value().unwrap()));
    }

    #[test]
    fn perfect_agreement_claims_no_certainty() {
        let comparison = compare(&binary_scale(), &pairs([[50, 0], [0, 100]]), &Plan::default());
        let reason = |coefficient| comparison.coefficients.get(coefficient).reason();
        assert_eq!(reason(Coefficient::CohenKappa), Some(Reason::PerfectAgreement));
        assert_eq!(reason(Coefficient::KrippendorffAlpha), Some(Reason::PerfectAgreement));
        assert_eq!(reason(Coefficient::Spearman), Some(Reason::PerfectAgreement));
        assert_eq!(reason(Coefficient::RawAgreement), None);
        assert_eq!(reason(Coefficient::Bias), Some(Reason::NoVariance));
    }

    #[test]
    fn a_constant_judge_has_kappa_0_and_says_so() {
        let comparison = compare(&binary_scale(), &pairs([[0, 30], [0, 100]]), &Plan::default());
        assert_eq!(comparison.coefficients.get(Coefficient::CohenKappa), Estimate::Bare(0.0, Reason::JudgeConstant));
        assert_eq!(comparison.coefficients.get(Coefficient::Mcc), Estimate::Undefined(Reason::JudgeConstant));
        assert_eq!(comparison.judge_spread.unwrap().labels_used, 1);
    }

    #[test]
    fn items_of_one_conversation_do_not_narrow_the_interval() {
        let alone = pairs([[40, 20], [20, 120]]);
        let clustered: Vec<Pair> =
            alone.iter().enumerate().map(|(index, pair)| Pair { cluster: Some(index / 5), ..*pair }).collect();
        let width = |pairs: &[Pair]| {
            let comparison = compare(&binary_scale(), pairs, &Plan::default());
            let interval = comparison.coefficients.get(Coefficient::RawAgreement).interval().unwrap();
            interval.high - interval.low
        };
        assert!(width(&clustered) > 1.5 * width(&alone));
    }

    #[test]
    fn no_pairs_no_numbers() {
        let comparison = compare(&binary_scale(), &[], &Plan::default());
        assert!(comparison.coefficients.iter().all(|row| row.1 == Estimate::Undefined(Reason::NoPairs)));
    }
}
