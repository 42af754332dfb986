//! Two sides compared: every coefficient with its interval or the reason for none.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::coefficient::{Coefficient, View};
use super::confusion::{Class, Confusion, Majority, Spread, classes, confusion, counts, majority, share, spread};
use super::intervals::{Counted, Evidence, Family};
use super::observation::{Observation, Place};
use super::pairs::{self, Pair};
use super::scale::{Kind, LabelScale};
use super::units::sample;
use crate::statistics::bootstrap::{Plan, Sample, bootstrap, grouped_jackknife};
use crate::statistics::{AgreementTable, Estimate, Interval, PairGrid, Reason};

/// More distinct units than this are too many to resample.
const MAX_RESAMPLED_KINDS: usize = 10_000;
/// Groups of the jackknife that takes over.
const JACKKNIFE_GROUPS: usize = 50;

/// How well two sides agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Number of pairs.
    pub pairs: usize,
    /// Kish's effective number of pairs under their weights.
    pub effective_pairs: f64,
    /// The coefficients that were asked for.
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

/// How intervals that are not of a share were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// Bias-corrected and accelerated bootstrap over items.
    Bca,
    /// The same over clusters of items.
    BcaClustered,
    /// Delete-a-group jackknife, for many thousand distinct units.
    GroupedJackknife,
}

/// Coefficients by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficients(Vec<(Coefficient, Estimate)>);

impl Coefficients {
    /// One of those that were asked for.
    pub fn get(&self, coefficient: Coefficient) -> Estimate {
        self.iter().find(|row| row.0 == coefficient).map_or(Estimate::Undefined(Reason::NoPairs), |row| row.1)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Coefficient, Estimate)> + '_ {
        self.0.iter().copied()
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

/// Compares the verdicts that have a place on the scale.
pub fn by_place(scale: &LabelScale, observations: &[Observation], plan: &Plan, wanted: &[Coefficient]) -> Comparison {
    compare(scale, &pairs::by_place(observations), plan, wanted)
}

/// Compares the verdicts that pass or fail.
pub fn by_side(observations: &[Observation], plan: &Plan, wanted: &[Coefficient]) -> Comparison {
    compare(&LabelScale::pass_fail(), &pairs::by_side(observations), plan, wanted)
}

/// The share of items on which both sides say the same: pass or fail where both do, else the category.
pub fn raw_agreement(scale: &LabelScale, observations: &[&Observation]) -> Estimate {
    let agreeing = |one: &&&Observation| Some((one.cluster, one.weight, scale.agree(one.human, one.judge)?));
    let compared: Vec<_> = observations.iter().filter_map(|one| agreeing(&one)).collect();
    let counted: Vec<Counted> =
        compared.iter().map(|(cluster, weight, agrees)| Counted::new(*cluster, *weight, *agrees)).collect();
    let none = if observations.is_empty() { Reason::NoPairs } else { Reason::NotCategorical };
    if counted.is_empty() {
        return none.into();
    }
    Evidence::of(compared.iter().map(|(cluster, weight, _)| (*cluster, *weight))).share(&counted, none)
}

/// Compares the two sides of `pairs` on `scale` by the coefficients that are `wanted`.
pub(super) fn compare(scale: &LabelScale, pairs: &[Pair], plan: &Plan, wanted: &[Coefficient]) -> Comparison {
    let counts = counts(scale, pairs);
    let evidence = evidence(scale, pairs, &counts);
    let resampling = Resampling::of(scale, pairs, &evidence);
    let view = resampling.view(&resampling.totals);
    let resampled = resampled(&resampling, &view, &evidence, plan, wanted);
    let estimate = |coefficient: Coefficient| {
        let value = match view.value(coefficient) {
            _ if pairs.is_empty() => return Reason::NoPairs.into(),
            value => value,
        };
        match (coefficient.family(), value) {
            (_, Err(reason)) => reason.into(),
            (Family::Share, Ok(_)) => share_of(coefficient, scale, &evidence, pairs),
            (Family::ChanceCorrected | Family::Difference, Ok(value)) => {
                let interval = resampled.get(coefficient.key()).copied().unwrap_or(Err(Reason::TooFew));
                Estimate::new(Ok(value), interval)
            }
        }
    };
    Comparison {
        pairs: pairs.len(),
        effective_pairs: evidence.effective,
        coefficients: Coefficients(wanted.iter().map(|coefficient| (*coefficient, estimate(*coefficient))).collect()),
        interval_method: resampling.method(),
        classes: classes(scale, &evidence, pairs, &counts),
        confusion: confusion(scale, &counts),
        majority_class: majority(scale, &evidence, pairs),
        judge_spread: spread(scale, &counts),
    }
}

fn evidence(scale: &LabelScale, pairs: &[Pair], counts: &[Vec<u64>]) -> Evidence {
    let evidence = Evidence::of(pairs.iter().map(|pair| (pair.cluster, pair.weight)));
    let modal = counts.iter().map(|row| row.iter().sum::<u64>()).max().unwrap_or(0) as usize;
    Evidence {
        minority: if scale.kind() == Kind::Numeric { pairs.len() } else { pairs.len() - modal },
        perfect: pairs.iter().all(|pair| pair.human.number == pair.judge.number),
        ..evidence
    }
}

/// A rate of the positive category, or raw agreement, with its interval.
fn share_of(coefficient: Coefficient, scale: &LabelScale, evidence: &Evidence, pairs: &[Pair]) -> Estimate {
    let positive = |place: Place| Some(place.category) == scale.positive();
    let (human, judge) = (|pair: &Pair| positive(pair.human), |pair: &Pair| positive(pair.judge));
    match coefficient {
        Coefficient::Tpr => share(evidence, pairs, Reason::NoPositives, human, judge),
        Coefficient::Tnr => share(evidence, pairs, Reason::NoNegatives, |pair| !human(pair), |pair| !judge(pair)),
        Coefficient::Ppv => share(evidence, pairs, Reason::JudgeNeverPositive, judge, human),
        Coefficient::Npv => {
            share(evidence, pairs, Reason::JudgeNeverNegative, |pair| !judge(pair), |pair| !human(pair))
        }
        _ => share(evidence, pairs, Reason::NoPairs, |_| true, |pair| pair.human.category == pair.judge.category),
    }
}

/// The intervals of what is resampled and may have one, by key; those of the others say why they have none.
fn resampled(
    resampling: &Resampling<'_>,
    view: &View<'_>,
    evidence: &Evidence,
    plan: &Plan,
    wanted: &[Coefficient],
) -> BTreeMap<&'static str, Result<Interval, Reason>> {
    let gate = |coefficient: Coefficient| match view.table.constant_side() {
        Some(reason) if coefficient.is_kappa() => Err(reason),
        _ => evidence.gate(coefficient.family(), coefficient.is_1_at_best()),
    };
    let of_family = wanted.iter().copied().filter(|coefficient| coefficient.family() != Family::Share);
    let (mut intervals, mut open) = (BTreeMap::new(), Vec::new());
    for coefficient in of_family {
        match gate(coefficient) {
            Err(reason) => drop(intervals.insert(coefficient.key(), Err(reason))),
            Ok(()) if view.value(coefficient).is_ok() => open.push(coefficient),
            Ok(()) => {}
        }
    }
    if open.is_empty() {
        return intervals;
    }
    let values = |totals: &[f64]| -> Vec<f64> {
        let view = resampling.view(totals);
        open.iter().map(|coefficient| view.value(*coefficient).unwrap_or(f64::NAN)).collect()
    };
    let found = match resampling.method() {
        IntervalMethod::GroupedJackknife => grouped_jackknife(&resampling.sample, JACKKNIFE_GROUPS, plan, &values),
        IntervalMethod::Bca | IntervalMethod::BcaClustered => bootstrap(&resampling.sample, plan, &values),
    };
    intervals.extend(open.iter().map(|coefficient| coefficient.key()).zip(found));
    intervals
}

/// The pairs as a resampling problem.
struct Resampling<'a> {
    scale: &'a LabelScale,
    grid: PairGrid,
    sample: Sample,
    totals: Vec<f64>,
    clustered: bool,
}

impl<'a> Resampling<'a> {
    fn of(scale: &'a LabelScale, pairs: &[Pair], evidence: &Evidence) -> Self {
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
        let clustered = evidence.clusters.is_some();
        let sample = if clustered {
            sample(grid.cells(), parts.map(|(cluster, part)| (cluster, vec![part])))
        } else {
            Sample::of_single(grid.cells(), parts.map(|part| part.1))
        };
        let totals = sample.totals();
        Self { scale, grid, sample, totals, clustered }
    }

    fn method(&self) -> IntervalMethod {
        match self.clustered {
            _ if self.sample.kinds() > MAX_RESAMPLED_KINDS => IntervalMethod::GroupedJackknife,
            true => IntervalMethod::BcaClustered,
            false => IntervalMethod::Bca,
        }
    }

    fn view<'b>(&'b self, totals: &'b [f64]) -> View<'b> {
        let table = if self.scale.kind() == Kind::Numeric {
            AgreementTable::new(0)
        } else {
            AgreementTable::from_counts(totals.to_vec()).unwrap_or_else(|_| AgreementTable::new(0))
        };
        View { scale: self.scale, table, grid: &self.grid, weights: totals }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clusters::Clusters;
    use super::super::observation::Place;
    use super::*;

    fn binary_scale() -> LabelScale {
        LabelScale::pass_fail()
    }

    /// As many pairs as the counts say; `together` of them in a row are one conversation.
    fn pairs_of(counts: [[usize; 2]; 2], together: usize) -> Vec<Pair> {
        let place = |category: usize| Place { category, number: category as f64 };
        let mut clusters = Clusters::default();
        let cells = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let places = cells.into_iter().flat_map(|(h, j)| std::iter::repeat_n((place(h), place(j)), counts[h][j]));
        places
            .enumerate()
            .map(|(index, (human, judge))| {
                clusters.push(Some(&(index / together).to_string()), None);
                Pair { human, judge, weight: 1.0, cluster: clusters.of(index) }
            })
            .collect()
    }

    fn compared(pairs: &[Pair]) -> Comparison {
        compare(&binary_scale(), pairs, &Plan::default(), &Coefficient::ALL)
    }

    #[test]
    fn kappa_has_an_interval_only_behind_its_gate() {
        let kappa = |counts| compared(&pairs_of(counts, 1)).coefficients.get(Coefficient::CohenKappa);
        assert_eq!(kappa([[15, 5], [5, 60]]).reason(), Some(Reason::Thin));
        assert_eq!(kappa([[4, 5], [5, 100]]).reason(), Some(Reason::Thin));
        let estimate = kappa([[15, 5], [5, 80]]);
        let interval = estimate.interval().unwrap();
        assert!((interval.low..=interval.high).contains(&estimate.value().unwrap()));
    }

    #[test]
    fn perfect_agreement_claims_no_certainty() {
        let comparison = compared(&pairs_of([[50, 0], [0, 100]], 1));
        let reason = |coefficient| comparison.coefficients.get(coefficient).reason();
        assert_eq!(reason(Coefficient::CohenKappa), Some(Reason::PerfectAgreement));
        assert_eq!(reason(Coefficient::KrippendorffAlpha), Some(Reason::PerfectAgreement));
        assert_eq!(reason(Coefficient::Spearman), Some(Reason::PerfectAgreement));
        assert_eq!(reason(Coefficient::RawAgreement), None);
        assert_eq!(reason(Coefficient::Bias), Some(Reason::NoVariance));
    }

    #[test]
    fn a_constant_judge_has_kappa_0_and_says_so() {
        let comparison = compared(&pairs_of([[0, 30], [0, 100]], 1));
        assert_eq!(comparison.coefficients.get(Coefficient::CohenKappa), Estimate::Bare(0.0, Reason::JudgeConstant));
        assert_eq!(comparison.coefficients.get(Coefficient::Mcc), Estimate::Undefined(Reason::JudgeConstant));
        assert_eq!(comparison.judge_spread.unwrap().labels_used, 1);
    }

    #[test]
    fn items_of_one_conversation_do_not_narrow_any_interval() {
        let (alone, together) =
            (compared(&pairs_of([[40, 20], [20, 120]], 1)), compared(&pairs_of([[40, 20], [20, 120]], 5)));
        let width = |of: &Comparison, coefficient| {
            let interval = of.coefficients.get(coefficient).interval().unwrap();
            interval.high - interval.low
        };
        for coefficient in [
            Coefficient::RawAgreement,
            Coefficient::Tpr,
            Coefficient::Tnr,
            Coefficient::CohenKappa,
            Coefficient::GwetAc1,
            Coefficient::Bias,
        ] {
            assert!(width(&together, coefficient) > 1.5 * width(&alone, coefficient), "{coefficient:?}");
        }
        let recall = |of: &Comparison| of.classes[0].recall.interval().unwrap();
        assert!(recall(&together).low < recall(&alone).low, "rates of a class know of conversations too");
    }

    #[test]
    fn conversations_of_one_answer_are_no_clusters() {
        let counts = [[40, 20], [20, 120]];
        let alone = compared(&pairs_of(counts, 1));
        assert_eq!(alone.interval_method, IntervalMethod::Bca);
        let wilson = crate::statistics::proportion(160.0, 200.0);
        assert_eq!(alone.coefficients.get(Coefficient::RawAgreement), wilson);
    }

    #[test]
    fn the_order_of_items_changes_no_interval() {
        let pairs = pairs_of([[40, 20], [20, 120]], 5);
        let mut shuffled = pairs.clone();
        shuffled.reverse();
        assert_eq!(compared(&pairs).coefficients, compared(&shuffled).coefficients);
    }

    #[test]
    fn no_pairs_no_numbers() {
        let comparison = compared(&[]);
        assert!(comparison.coefficients.iter().all(|row| row.1 == Estimate::Undefined(Reason::NoPairs)));
    }
}
