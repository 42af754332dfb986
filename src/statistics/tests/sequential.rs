//! Streams of observations and of tests.

use crate::statistics::confidence_sequence::{
    asymptotic_lower, empirical_bernstein, hedged_capital, hedged_interval, hoeffding, predictable_bets,
};
use crate::statistics::e_detector::fixed_stake_capital;
use crate::statistics::multiplicity::{FalseDiscovery, adjusted, e_benjamini_hochberg};
use crate::statistics::online_fdr::{Decision, OnlineFdr, Rule};
use crate::statistics::page_hinkley::{PageHinkley, Parameters};
use crate::statistics::{Interval, Reason};
use serde_json::Value;

use super::{Computed, floats};

/// The times at which the reference reports a sequence.
const TIMES: [usize; 4] = [10, 50, 100, 200];

fn flags(flags: impl IntoIterator<Item = bool>) -> Vec<f64> {
    flags.into_iter().map(|flag| f64::from(u8::from(flag))).collect()
}

pub(super) fn streams(input: &Value, name: &str) -> Computed {
    let at = |values: Vec<f64>| TIMES.map(|t| values[t - 1]).to_vec();
    let intervals = |sequence: Result<Vec<Interval>, Reason>| {
        let sequence = sequence.unwrap();
        TIMES.iter().flat_map(|t| [sequence[t - 1].low, sequence[t - 1].high]).collect::<Vec<_>>()
    };
    let stream = || floats(input, "x");
    match name {
        "page_hinkley_default" => Some(alarms(&stream(), Parameters::default())),
        "page_hinkley_thr10_up" => Some(alarms(&stream(), Parameters { threshold: 10.0, ..Parameters::default() })),
        "lambda_predmix_eb_alpha.05" => {
            let bets = predictable_bets(&stream(), 0.05);
            Some([1, 2, 3, 10, 50, 200].map(|t: usize| bets[t - 1]).to_vec())
        }
        "mart_m0.80_theta.5" => Some(at(hedged_capital(&stream(), 0.8, 0.05, 0.5))),
        "mart_lower_only_m0.95" => Some(at(hedged_capital(&stream(), 0.95, 0.05, 0.0))),
        "hedged_cs_t" => Some(
            TIMES
                .iter()
                .flat_map(|&t| {
                    let interval = hedged_interval(&stream()[..t], 0.05, 1_000).unwrap();
                    [interval.low, interval.high]
                })
                .collect(),
        ),
        "empbern_cs" => Some(intervals(empirical_bernstein(&stream(), 0.05))),
        "hoeffding_cs" => Some(intervals(hoeffding(&stream(), 0.05))),
        "running_mean" => Some(batches(input).into_iter().map(|batch| batch.0).collect()),
        "lower_bounds" => Some(batches(input).into_iter().map(|batch| batch.1).collect()),
        _ => None,
    }
}

fn alarms(stream: &[f64], parameters: Parameters) -> Vec<f64> {
    let mut test = PageHinkley::new(parameters);
    stream.iter().enumerate().filter_map(|(index, x)| test.observe(*x).then_some(index as f64)).collect()
}

fn batches(input: &Value) -> Vec<(f64, f64)> {
    let (estimates, errors) = (floats(input, "batch_estimates"), floats(input, "batch_se"));
    let tightest = input["tightest_at_batch"].as_u64().unwrap() as usize;
    asymptotic_lower(&estimates, &errors, input["miscoverage"].as_f64().unwrap(), tightest).unwrap()
}

pub(super) fn many_tests(input: &Value, name: &str) -> Computed {
    let adjust = |procedure| adjusted(&floats(input, "p"), procedure);
    let reject = |p: Vec<f64>| flags(p.into_iter().map(|p| p <= 0.05));
    match name {
        "fdr_bh" => Some(adjust(FalseDiscovery::BenjaminiHochberg)),
        "fdr_bh_reject" => Some(reject(adjust(FalseDiscovery::BenjaminiHochberg))),
        "fdr_by" => Some(adjust(FalseDiscovery::BenjaminiYekutieli)),
        "fdr_by_reject" => Some(reject(adjust(FalseDiscovery::BenjaminiYekutieli))),
        "ebh_reject" => Some(flags(e_benjamini_hochberg(&floats(input, "e"), 0.05))),
        "ebh_rejected_indices" => {
            let rejected = e_benjamini_hochberg(&floats(input, "e"), 0.05).into_iter().enumerate();
            Some(rejected.filter(|row| row.1).map(|(index, _)| index as f64).collect())
        }
        "betting_capital_down_stake_-0.8_m_0.9" => {
            let stream = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
            Some(fixed_stake_capital(&stream, 0.9, -0.8))
        }
        _ => online(&floats(input, "p"), name),
    }
}

fn online(p: &[f64], name: &str) -> Computed {
    let rules = [
        ("lord_pp", Rule::LordPlusPlus { wealth: 0.025 }),
        ("saffron", Rule::Saffron { wealth: 0.025, lambda: 0.5 }),
        ("lond_dep", Rule::LondDependent),
        ("lond", Rule::Lond),
    ];
    let (prefix, rule) = rules.into_iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let mut stream = OnlineFdr::new(rule, 0.05);
    let decisions: Vec<Decision> = p.iter().map(|p| stream.test(*p)).collect();
    match name.strip_prefix(prefix)? {
        "_levels" => Some(decisions.iter().map(|decision| decision.level).collect()),
        "_reject" => Some(flags(decisions.iter().map(|decision| decision.rejected))),
        _ => None,
    }
}
