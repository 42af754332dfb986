//! How far a judge agrees with humans, and what that stands beside: the majority class and the baseline judge.

use std::collections::BTreeMap;

use super::data::{AgreementReport, BaselineReport, Confusion, MajorityClass, PassFailAgreement, ScaleAgreement};
use super::humans::first;
use super::pairing::{Pair, Pairs};
use super::placing::{has_threshold, levels, place};
use super::scores::agrees;
use crate::model::{FAIL, PASS, Scale, SubjectId};
use crate::statistics::bootstrap::{Plan, bootstrap};
use crate::statistics::krippendorff::{Coincidences, IntervalSums, Metric};
use crate::statistics::{
    AgreementTable, CONFIDENCE, Estimate, Interval, PairGrid, Reason, Weighting, binary, kappa, wilson,
};
use crate::store::ScoredEvaluation;

/// Pairs that a chance-corrected coefficient needs for an interval that keeps its level.
pub(super) const MIN_PAIRS: u64 = 100;
/// Human labels outside the commonest class that it needs.
pub(super) const MIN_MINORITY: u64 = 10;
/// Pairs that a mean of differences needs.
const MIN_DIFFERENCES: usize = 30;

/// The baseline's evaluations, by subject.
pub(super) type Baseline<'a> = Option<(&'a str, BTreeMap<SubjectId, &'a ScoredEvaluation>)>;

/// Everything about the agreement of one series with one group of labels.
pub(super) fn report(pairs: &Pairs<'_>, scale: &Scale, baseline: &Baseline<'_>) -> AgreementReport {
    let levels: Vec<String> = levels(scale).into_iter().map(|(level, _)| level).collect();
    let binary_scale = matches!(scale, Scale::Binary { .. });
    let threshold = has_threshold(scale);
    AgreementReport {
        items: pairs.items.len() as u64,
        effective: pairs.effective(),
        ties: pairs.ties,
        off_scale: pairs.off_scale,
        unweighable: pairs.unweighable,
        pass_fail: threshold.then(|| pass_fail(pairs)),
        on_scale: (!binary_scale).then(|| on_scale(pairs, scale, levels.len())),
        confusion: confusion(pairs, &levels),
        majority_class: majority_class(pairs, threshold, &levels),
        baseline: against_baseline(pairs, scale, baseline),
    }
}

fn pass_cell(pair: &Pair<'_>) -> Option<usize> {
    Some(2 * usize::from(pair.human.pass?) + usize::from(pair.judge.pass?))
}

fn level_cell(pair: &Pair<'_>, categories: usize) -> Option<usize> {
    Some(pair.human.level? * categories + pair.judge.level?)
}

/// The weighted table with the total of the effective sample size, so that analytic intervals see the information the
/// items hold, and the table of plain counts.
fn tables(
    pairs: &Pairs<'_>,
    categories: usize,
    cell: impl Fn(&Pair<'_>) -> Option<usize>,
) -> (AgreementTable, Vec<u64>) {
    let mut weights = vec![0.0; categories * categories];
    let mut counts = vec![0_u64; categories * categories];
    for pair in &pairs.items {
        if let Some(cell) = cell(pair) {
            weights[cell] += pair.weight;
            counts[cell] += 1;
        }
    }
    let table = AgreementTable::from_counts(weights).unwrap_or_else(|_| AgreementTable::new(categories));
    (table.scaled_to(pairs.effective()), counts)
}

fn raw(table: &AgreementTable) -> Estimate {
    Estimate::new(table.raw_agreement(), wilson(table.agreed(), table.total(), CONFIDENCE))
}

/// A chance-corrected coefficient behind the gate that keeps its interval honest.
fn coefficient(
    pairs: &Pairs<'_>,
    categories: usize,
    counts: &[u64],
    table: &AgreementTable,
    cell: impl Fn(&Pair<'_>) -> Option<usize>,
    value: impl Fn(&AgreementTable) -> Result<f64, Reason> + Sync,
) -> Estimate {
    let items: u64 = counts.iter().sum();
    let commonest = (0..categories).map(|human| counts[human * categories..][..categories].iter().sum::<u64>()).max();
    let minority = items - commonest.unwrap_or(0);
    let estimate = value(table);
    let interval = match &estimate {
        Err(reason) => Err(*reason),
        Ok(_) if items < MIN_PAIRS || minority < MIN_MINORITY => Err(Reason::Thin),
        Ok(value) if *value >= 1.0 => Err(Reason::PerfectAgreement),
        Ok(_) => {
            let sample =
                pairs.sample(categories * categories, |pair| cell(pair).map(|cell| (cell, 1.0)).into_iter().collect());
            let of_totals = |totals: &[f64]| {
                let resampled = AgreementTable::from_counts(totals.to_vec()).and_then(|table| value(&table));
                vec![resampled.unwrap_or(f64::NAN)]
            };
            first(bootstrap(&sample, &Plan::default(), &of_totals))
        }
    };
    Estimate::new(estimate, interval)
}

fn pass_fail(pairs: &Pairs<'_>) -> PassFailAgreement {
    let (table, counts) = tables(pairs, 2, pass_cell);
    let rates = binary::rates(&table, 1);
    let of =
        |value: fn(&AgreementTable) -> Result<f64, Reason>| coefficient(pairs, 2, &counts, &table, pass_cell, value);
    PassFailAgreement {
        raw_agreement: raw(&table),
        tpr: rates.tpr,
        tnr: rates.tnr,
        cohen_kappa: of(|table| kappa::cohen_kappa(table, Weighting::Identity)),
        gwet_ac1: of(|table| kappa::gwet_ac(table, Weighting::Identity)),
        good: counts[2] + counts[3],
        bad: counts[0] + counts[1],
        missed: counts[1],
        false_alarms: counts[2],
    }
}

fn on_scale(pairs: &Pairs<'_>, scale: &Scale, categories: usize) -> ScaleAgreement {
    let (bias, mae) = differences(pairs);
    if matches!(scale, Scale::Numeric { .. }) {
        let mut sums = IntervalSums::default();
        for pair in &pairs.items {
            let numbers: Vec<f64> = [pair.human.number, pair.judge.number].into_iter().flatten().collect();
            sums.add(IntervalSums::of_unit(&numbers));
        }
        return ScaleAgreement {
            raw_agreement: Reason::NotCategorical.into(),
            kappa: Reason::NotCategorical.into(),
            krippendorff_alpha: Estimate::new(sums.alpha(), Err(Reason::Thin)),
            bias,
            mae,
        };
    }
    let ordered = matches!(scale, Scale::Ordinal { .. });
    let cell = |pair: &Pair<'_>| level_cell(pair, categories);
    let (table, counts) = tables(pairs, categories, cell);
    let weighting = if ordered { Weighting::Quadratic } else { Weighting::Identity };
    let metric = if ordered { Metric::Ordinal } else { Metric::Nominal };
    let kappa_of = |table: &AgreementTable| kappa::cohen_kappa(table, weighting);
    let alpha_of = |table: &AgreementTable| Coincidences::of_table(table).alpha(metric);
    ScaleAgreement {
        raw_agreement: raw(&table),
        kappa: coefficient(pairs, categories, &counts, &table, cell, kappa_of),
        krippendorff_alpha: coefficient(pairs, categories, &counts, &table, cell, alpha_of),
        bias,
        mae,
    }
}

/// Bias and mean absolute error of judge against human, in units of the scale.
fn differences(pairs: &Pairs<'_>) -> (Estimate, Estimate) {
    let numbers: Vec<(f64, f64)> =
        pairs.items.iter().filter_map(|pair| pair.human.number.zip(pair.judge.number)).collect();
    if numbers.is_empty() {
        let reason = if pairs.items.is_empty() { Reason::NoPairs } else { Reason::NotOrdered };
        return (reason.into(), reason.into());
    }
    let both = |totals: &[f64]| {
        let value = |number: Result<f64, Reason>| number.unwrap_or(f64::NAN);
        let grid = |sum: f64| if totals[0] > 0.0 { Ok(sum / totals[0]) } else { Err(Reason::NoPairs) };
        vec![value(grid(totals[1])), value(grid(totals[2]))]
    };
    let sample = pairs.sample(3, |pair| match pair.human.number.zip(pair.judge.number) {
        Some((human, judge)) => vec![(0, 1.0), (1, judge - human), (2, (judge - human).abs())],
        None => Vec::new(),
    });
    let intervals = if numbers.len() < MIN_DIFFERENCES {
        vec![Err(Reason::TooFew); 2]
    } else {
        bootstrap(&sample, &Plan::default(), &both)
    };
    let interval = |index: usize| intervals.get(index).copied().unwrap_or(Err(Reason::TooFew));
    let values = weighted_differences(pairs, &numbers);
    match values {
        Ok((bias, mae)) => (Estimate::new(Ok(bias), interval(0)), Estimate::new(Ok(mae), interval(1))),
        Err(reason) => (reason.into(), reason.into()),
    }
}

fn weighted_differences(pairs: &Pairs<'_>, numbers: &[(f64, f64)]) -> Result<(f64, f64), Reason> {
    let (grid, cell_of) = PairGrid::of(numbers)?;
    let mut weights = vec![0.0; grid.cells()];
    let numbered = pairs.items.iter().filter(|pair| pair.human.number.is_some() && pair.judge.number.is_some());
    for (pair, cell) in numbered.zip(cell_of) {
        weights[cell] += pair.weight;
    }
    Ok((grid.bias(&weights)?, grid.mae(&weights)?))
}

fn confusion(pairs: &Pairs<'_>, levels: &[String]) -> Option<Confusion> {
    if levels.is_empty() || pairs.items.is_empty() {
        return None;
    }
    let (_, counts) = tables(pairs, levels.len(), |pair| level_cell(pair, levels.len()));
    Some(Confusion { levels: levels.to_vec(), counts: counts.chunks(levels.len()).map(<[u64]>::to_vec).collect() })
}

fn majority_class(pairs: &Pairs<'_>, threshold: bool, levels: &[String]) -> Option<MajorityClass> {
    let mut weights: BTreeMap<String, f64> = BTreeMap::new();
    for pair in &pairs.items {
        let label = match (threshold, pair.human.pass, pair.human.level) {
            (true, Some(pass), _) => if pass { PASS } else { FAIL }.to_owned(),
            (_, _, Some(level)) => levels.get(level)?.clone(),
            _ => return None,
        };
        *weights.entry(label).or_default() += pair.weight;
    }
    let total: f64 = weights.values().sum();
    let effective = pairs.effective();
    let (label, weight) = weights.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    let share = (weight / total).min(1.0);
    Some(MajorityClass { label, share: Estimate::new(Ok(share), wilson(share * effective, effective, CONFIDENCE)) })
}

fn against_baseline(pairs: &Pairs<'_>, scale: &Scale, baseline: &Baseline<'_>) -> BaselineReport {
    let none = |judge: Option<String>| BaselineReport {
        judge,
        items: 0,
        raw_agreement: Reason::NoPairs.into(),
        advantage: Reason::NoPairs.into(),
    };
    let Some((name, evaluations)) = baseline else { return none(None) };
    let other = |pair: &Pair<'_>| {
        let judge = place(scale, &evaluations.get(&pair.evaluation.subject)?.score)?;
        Some(agrees(&Pair { judge, ..pair.clone() }))
    };
    let both: Vec<Pair<'_>> = pairs.items.iter().filter(|pair| other(pair).is_some()).cloned().collect();
    if both.is_empty() {
        return none(Some((*name).to_owned()));
    }
    let pairs = Pairs { items: both, ..Pairs::default() };
    let sample = pairs.sample(3, |pair| {
        let hit = |agrees: bool| f64::from(u8::from(agrees));
        vec![(0, 1.0), (1, hit(agrees(pair))), (2, hit(other(pair) == Some(true)))]
    });
    let totals = sample.totals();
    let share = totals[2] / totals[0];
    let effective = pairs.effective();
    let difference = |totals: &[f64]| vec![(totals[1] - totals[2]) / totals[0]];
    let interval: Result<Interval, Reason> = if pairs.items.len() < MIN_DIFFERENCES {
        Err(Reason::TooFew)
    } else {
        first(bootstrap(&sample, &Plan::default(), &difference))
    };
    BaselineReport {
        judge: Some((*name).to_owned()),
        items: pairs.items.len() as u64,
        raw_agreement: Estimate::new(
            Ok(share),
            wilson((share * effective).clamp(0.0, effective), effective, CONFIDENCE),
        ),
        advantage: Estimate::new(Ok((totals[1] - totals[2]) / totals[0]), interval),
    }
}
