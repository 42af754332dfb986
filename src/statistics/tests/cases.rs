//! From a case's input to what the product computes.

use std::collections::BTreeMap;

use crate::statistics::bca::{acceleration, bca_interval, bca_levels};
use crate::statistics::binary::{balanced_accuracy, f1, macro_f1, mcc, rates};
use crate::statistics::distribution::two_sided_z;
use crate::statistics::kappa::{cohen_kappa, gwet_ac, scott_pi};
use crate::statistics::krippendorff::{Coincidences, IntervalSums, Metric};
use crate::statistics::paired::{ChiSquared, bowker, mcnemar_exact};
use crate::statistics::ppi::{LabelledCluster, PpiMean, Unlabelled, ppi_mean};
use crate::statistics::survey::{Design, Weighted, effective_size, hajek_mean};
use crate::statistics::{
    AgreementTable, ClusterShare, Interval, PairGrid, Reason, Weighting, distance, newcombe, two_sample, wilson,
};
use serde_json::Value;

use super::{Computed, floats, indices, one};

fn limits(interval: Result<Interval, Reason>) -> Computed {
    Some(interval.map_or(vec![f64::NAN; 2], |interval| vec![interval.low, interval.high]))
}

/// The table over declared categories, from the input's two label lists.
fn table_of(input: &Value) -> AgreementTable {
    let categories = input["categories"].as_array().unwrap();
    let category = |label: &Value| categories.iter().position(|declared| declared == label);
    let mut table = AgreementTable::new(categories.len());
    let labels = |side: &str| input[side].as_array().unwrap().clone();
    for (index, (human, judge)) in labels("human").iter().zip(&labels("judge")).enumerate() {
        let weight = input["weight"].get(index).and_then(Value::as_f64).unwrap_or(1.0);
        if let (Some(human), Some(judge)) = (category(human), category(judge)) {
            table.add(human, judge, weight).unwrap();
        }
    }
    table
}

fn values_of(input: &Value) -> Vec<f64> {
    let categories = input["categories"].as_array().unwrap();
    categories.iter().enumerate().map(|(code, value)| value.as_f64().unwrap_or(code as f64)).collect()
}

fn positive_of(input: &Value) -> Option<usize> {
    input["categories"].as_array()?.iter().position(|category| *category == input["positive"])
}

pub(super) fn two_rater(input: &Value, name: &str) -> Computed {
    let table = table_of(input);
    chance_corrected(&table, name)
        .or_else(|| weighted_coefficient(&table, name))
        .or_else(|| binary(&table, positive_of(input), name))
        .or_else(|| ordered(&table, input, name))
}

fn chance_corrected(table: &AgreementTable, name: &str) -> Computed {
    let identity = Weighting::Identity;
    match name {
        "raw_agreement" | "irr_percent_agreement" => one(table.raw_agreement()),
        "cohen_kappa" | "cohen_kappa_observed_labels" | "cohen_kappa_sm" | "irr_cohen_kappa" => {
            one(cohen_kappa(table, identity))
        }
        "irr_scott_pi" => one(scott_pi(table)),
        "irr_gwet_ac1" => one(gwet_ac(table, identity)),
        "krippendorff_alpha_nominal" | "irr_krippendorff_alpha" => {
            one(Coincidences::of_table(table).alpha(Metric::Nominal))
        }
        _ => None,
    }
}

fn weighted_coefficient(table: &AgreementTable, name: &str) -> Computed {
    let weighting = if name.contains("linear") { Weighting::Linear } else { Weighting::Quadratic };
    match name {
        "weighted_kappa_linear"
        | "weighted_kappa_linear_sm"
        | "weighted_kappa_quadratic"
        | "weighted_kappa_quadratic_sm" => one(cohen_kappa(table, weighting)),
        "gwet_ac2_linear" | "gwet_ac2_quadratic" => one(gwet_ac(table, weighting)),
        _ => None,
    }
}

fn binary(table: &AgreementTable, positive: Option<usize>, name: &str) -> Computed {
    match (name, positive) {
        ("mcc", _) => one(mcc(table)),
        ("macro_f1", _) => one(macro_f1(table)),
        ("balanced_accuracy", _) => one(balanced_accuracy(table)),
        ("tpr_sensitivity", Some(positive)) => one(rates(table, positive).tpr),
        ("tnr_specificity", Some(positive)) => one(rates(table, positive).tnr),
        ("precision_ppv", Some(positive)) => one(rates(table, positive).ppv),
        ("npv", Some(positive)) => one(rates(table, positive).npv),
        ("f1", Some(positive)) => one(f1(table, positive)),
        _ => None,
    }
}

fn ordered(table: &AgreementTable, input: &Value, name: &str) -> Computed {
    let grid = || PairGrid::of_values(&values_of(input)).unwrap();
    match name {
        "krippendorff_alpha_ordinal" => one(Coincidences::of_table(table).alpha(Metric::Ordinal)),
        "krippendorff_alpha_interval" => one(interval_alpha(table)),
        "spearman" => one(grid().spearman(table.counts())),
        "kendall_tau_b" => one(grid().kendall_tau_b(table.counts())),
        "pearson" => one(grid().pearson(table.counts())),
        "mae" => one(grid().mae(table.counts())),
        "bias_judge_minus_human" => one(grid().bias(table.counts())),
        _ => None,
    }
}

/// Interval alpha of two raters whose categories are worth their indices.
fn interval_alpha(table: &AgreementTable) -> Result<f64, Reason> {
    let mut sums = IntervalSums::default();
    for human in 0..table.categories() {
        for judge in 0..table.categories() {
            for _ in 0..table.count(human, judge) as u64 {
                sums.add(IntervalSums::of_unit(&[human as f64, judge as f64]));
            }
        }
    }
    sums.alpha()
}

pub(super) fn weighted_two_rater(input: &Value, name: &str) -> Computed {
    let table = table_of(input);
    let mut unweighted = input.clone();
    unweighted["weight"] = Value::Null;
    match name {
        "weighted_agreement" => one(table.raw_agreement()),
        "weighted_cohen_kappa" => one(cohen_kappa(&table, Weighting::Identity)),
        "unweighted_cohen_kappa" => one(cohen_kappa(&table_of(&unweighted), Weighting::Identity)),
        "weighted_mcc" => one(mcc(&table)),
        "weighted_tpr" => binary(&table, positive_of(input), "tpr_sensitivity"),
        "weighted_tnr" => binary(&table, positive_of(input), "tnr_specificity"),
        "weighted_f1" => binary(&table, positive_of(input), "f1"),
        _ => weighted_coefficient(&table, name),
    }
}

pub(super) fn multi_rater(input: &Value, name: &str) -> Computed {
    let raters = input["raters_x_items"].as_array().unwrap();
    let mut values: Vec<f64> =
        raters.iter().flat_map(|rater| rater.as_array().unwrap()).filter_map(Value::as_f64).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let (mut counts, mut intervals) = (vec![0.0; values.len() * values.len()], IntervalSums::default());
    for item in 0..raters[0].as_array().unwrap().len() {
        let labels: Vec<f64> = raters.iter().filter_map(|rater| rater[item].as_f64()).collect();
        let category = |label: &f64| values.iter().position(|value| value == label).unwrap();
        let categories: Vec<usize> = labels.iter().map(category).collect();
        for (cell, share) in Coincidences::unit(values.len(), &categories) {
            counts[cell] += share;
        }
        intervals.add(IntervalSums::of_unit(&labels));
    }
    let coincidences = Coincidences::from_sums(values.len(), &counts).unwrap();
    let alpha = |metric| one(coincidences.alpha(metric));
    match name {
        "krippendorff_alpha_nominal" | "irr_krippendorff_alpha" => alpha(Metric::Nominal),
        "krippendorff_alpha_ordinal" => alpha(Metric::Ordinal),
        "krippendorff_alpha_interval" => one(intervals.alpha()),
        _ => None,
    }
}

pub(super) fn numeric(input: &Value, name: &str) -> Computed {
    let pairs: Vec<(f64, f64)> = floats(input, "human").into_iter().zip(floats(input, "judge")).collect();
    let (grid, cell_of) = PairGrid::of(&pairs).unwrap();
    let mut weights = vec![0.0; grid.cells()];
    for cell in cell_of {
        weights[cell] += 1.0;
    }
    match name {
        "pearson_r" => one(grid.pearson(&weights)),
        "spearman_rho" => one(grid.spearman(&weights)),
        "kendall_tau_b" => one(grid.kendall_tau_b(&weights)),
        "mae" => one(grid.mae(&weights)),
        "rmse" => one(grid.rmse(&weights)),
        "bias_mean_judge_minus_human" => one(grid.bias(&weights)),
        "lins_ccc" => one(grid.lin_ccc(&weights)),
        _ => None,
    }
}

pub(super) fn proportion(input: &Value, name: &str) -> Computed {
    let number = |field: &str| input[field].as_f64().unwrap();
    (name == "wilson").then(|| limits(wilson(number("successes"), number("n"), 1.0 - number("alpha"))))?
}

pub(super) fn two_proportions(input: &Value, name: &str) -> Computed {
    let [x1, n1, x2, n2] = ["x1", "n1", "x2", "n2"].map(|field| input[field].as_f64().unwrap());
    (name == "newcombe_ci").then(|| limits(newcombe(x1, n1, x2, n2, 0.95)))?
}

pub(super) fn paired(input: &Value, name: &str) -> Computed {
    let table = AgreementTable::from_counts(floats(input, "table")).unwrap();
    let (b, c) = (table.count(0, 1) as u64, table.count(1, 0) as u64);
    let chi2 = |result: Result<ChiSquared, Reason>| {
        result.map_or(vec![f64::NAN; 3], |test| vec![test.statistic, test.p, test.degrees_of_freedom])
    };
    match name {
        "mcnemar_exact_p" => Some(vec![mcnemar_exact(b, c)]),
        "bowker" => Some(chi2(bowker(&table))),
        _ => None,
    }
}

pub(super) fn two_samples(input: &Value, name: &str) -> Computed {
    let (reference, current) = (floats(input, "reference"), floats(input, "current"));
    match name {
        "ks_exact" => {
            let test = two_sample::kolmogorov_smirnov(&reference, &current).unwrap();
            Some(vec![test.statistic, test.p])
        }
        _ => None,
    }
}

pub(super) fn histograms(input: &Value, name: &str) -> Computed {
    let (reference, current) = (floats(input, "reference_counts"), floats(input, "current_counts"));
    match name {
        "chi2_2xk" => {
            let test = distance::chi_squared(&reference, &current).unwrap();
            Some(vec![test.statistic, test.p, test.degrees_of_freedom])
        }
        _ => None,
    }
}

pub(super) fn bca(input: &Value, name: &str) -> Computed {
    let (data, replicates) = (floats(input, "data"), floats(input, "bootstrap_replicates_sorted"));
    let (n, sum) = (data.len() as f64, data.iter().sum::<f64>());
    let jackknife: Vec<(f64, f64)> = data.iter().map(|x| ((sum - x) / (n - 1.0), 1.0)).collect();
    let acceleration = acceleration(&jackknife);
    match name {
        "bca_acceleration" => Some(vec![acceleration]),
        "bca_alpha_low_high" => Some(
            bca_levels(sum / n, &replicates, acceleration, 0.95)
                .map_or(vec![f64::NAN; 2], |(low, high)| vec![low, high]),
        ),
        "bca_interval" => limits(bca_interval(sum / n, &replicates, &jackknife, 0.95)),
        _ => None,
    }
}

/// Mean, error and the normal limits of the reference; the product's are those of t.
fn mean_error_limits(estimate: Result<PpiMean, Reason>) -> Computed {
    Some(estimate.map_or(vec![f64::NAN; 4], |ppi| {
        let interval = Interval::around(ppi.mean, two_sided_z(0.95) * ppi.standard_error);
        vec![ppi.mean, ppi.standard_error, interval.low, interval.high]
    }))
}

pub(super) fn prediction_powered(input: &Value, name: &str) -> Computed {
    match name {
        "ppi_plus" => {
            let alone =
                |(labels, scores): (&f64, &f64)| LabelledCluster { weight: 1.0, labels: *labels, scores: *scores };
            let (labels, scores) = (floats(input, "y_labeled"), floats(input, "judge_on_labeled"));
            let labelled: Vec<LabelledCluster> = labels.iter().zip(&scores).map(alone).collect();
            let others = floats(input, "judge_on_unlabeled");
            let others: Vec<ClusterShare> =
                others.iter().map(|hits| ClusterShare { items: 1.0, hits: *hits }).collect();
            mean_error_limits(Unlabelled::of(&others).and_then(|others| ppi_mean(&labelled, &others)))
        }
        "clustered_ppi" => mean_error_limits(clustered(input)),
        _ => None,
    }
}

/// Clusters are labelled as a whole or not at all.
fn clustered(input: &Value) -> Result<PpiMean, Reason> {
    let (mut labelled, mut others): (BTreeMap<usize, LabelledCluster>, BTreeMap<usize, ClusterShare>) =
        Default::default();
    let rows = floats(input, "y").into_iter().zip(floats(input, "judge")).zip(indices(input, "cluster"));
    for ((label, score), cluster) in rows {
        if label.is_nan() {
            let cluster = others.entry(cluster).or_default();
            *cluster = ClusterShare { items: cluster.items + 1.0, hits: cluster.hits + score };
        } else {
            let cluster = labelled.entry(cluster).or_default();
            cluster.weight += 1.0;
            cluster.labels += label;
            cluster.scores += score;
        }
    }
    let others = Unlabelled::of(&others.into_values().collect::<Vec<_>>())?;
    ppi_mean(&labelled.into_values().collect::<Vec<_>>(), &others)
}

pub(super) fn survey(input: &Value, name: &str) -> Computed {
    let (y, probability) = (floats(input, "y"), floats(input, "pi"));
    let names = input["stratum"].as_array().unwrap();
    let strata: Vec<usize> = names.iter().map(|name| names.iter().position(|other| other == name).unwrap()).collect();
    let each: Vec<usize> = (0..y.len()).collect();
    let all = |estimate: Weighted| {
        let interval = estimate.interval(0.95).unwrap();
        vec![estimate.value, estimate.standard_error, interval.low, interval.high]
    };
    let mean = |design| hajek_mean(&y, &probability, design).unwrap();
    let short = |estimate: Weighted| Some(vec![estimate.value, estimate.standard_error]);
    match name {
        "hajek_mean_srs_weights" => Some(all(mean(Design::Independent))),
        "hajek_mean_stratified" => Some(all(mean(Design::Strata { strata: &strata, units: &each }))),
        "hajek_mean_stratified_psu" => {
            Some(all(mean(Design::Strata { strata: &strata, units: &indices(input, "psu") })))
        }
        "hajek_formula_check" => short(mean(Design::Independent)),
        "kish_neff" => Some(vec![effective_size(probability.iter().map(|p| 1.0 / p))]),
        _ => None,
    }
}
