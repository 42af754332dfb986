//! What each judge costs and how fast it answers.

use std::collections::BTreeMap;

use super::data::{FailureReport, JudgeReport};
use super::traffic::Traffic;
use crate::cells::Latencies;
use crate::judges::remedy;
use crate::model::Outcome;
use crate::statistics::distribution::two_sided_z;
use crate::statistics::{CONFIDENCE, Estimate, Interval, Reason};
use crate::store::OutcomeCount;

/// One row for each judge and provider-reported model that was asked.
pub(super) fn report(outcomes: &[OutcomeCount], traffic: &Traffic) -> Vec<JudgeReport> {
    let mut judges: BTreeMap<(&str, Option<&str>), JudgeReport> = BTreeMap::new();
    let asked =
        |outcome: Outcome| matches!(outcome, Outcome::Scored | Outcome::Abstained | Outcome::Refused | Outcome::Failed);
    for count in outcomes.iter().filter(|count| asked(count.outcome)) {
        let model = count.judge_model.as_deref();
        let report = judges.entry((count.judge.as_str(), model)).or_insert_with(|| {
            let latencies = traffic.latencies(&count.judge, model);
            JudgeReport {
                judge: count.judge.clone(),
                judge_model: count.judge_model.clone(),
                outcomes: BTreeMap::new(),
                failures: Vec::new(),
                cost_usd: 0.0,
                priced: 0,
                input_tokens: 0,
                output_tokens: 0,
                latency_median_ms: quantile(&latencies, 0.5),
                latency_p95_ms: quantile(&latencies, 0.95),
            }
        });
        *report.outcomes.entry(count.outcome.as_str()).or_default() += count.count;
        if count.outcome == Outcome::Failed {
            add_failure(&mut report.failures, count);
        }
        report.cost_usd += count.cost_usd;
        report.priced += count.priced;
        report.input_tokens += count.input_tokens;
        report.output_tokens += count.output_tokens;
    }
    judges.into_values().map(with_shares).collect()
}

fn add_failure(failures: &mut Vec<FailureReport>, count: &OutcomeCount) {
    let reason = count.reason.as_deref().unwrap_or_default();
    match failures.iter_mut().find(|failure| failure.reason == reason) {
        Some(failure) => failure.count += count.count,
        None => failures.push(FailureReport {
            reason: reason.to_owned(),
            count: count.count,
            share: 0.0,
            remedy: remedy(reason),
        }),
    }
}

fn with_shares(mut judge: JudgeReport) -> JudgeReport {
    let asked: u64 = judge.outcomes.values().sum();
    for failure in &mut judge.failures {
        failure.share = failure.count as f64 / asked.max(1) as f64;
    }
    judge.failures.sort_by(|one, other| (other.count, &one.reason).cmp(&(one.count, &other.reason)));
    judge
}

/// The quantile `q`, with the interval between the order statistics that enclose it with 95 %.
fn quantile(latencies: &Latencies, q: f64) -> Estimate {
    let n = latencies.calls() as f64;
    if n < 1.0 {
        return Reason::NoPairs.into();
    }
    let at = |rank: f64| latencies.at_rank(rank.clamp(1.0, n) as u64);
    let spread = two_sided_z(CONFIDENCE) * (n * q * (1.0 - q)).sqrt();
    let (low, high) = ((n * q - spread).floor(), (n * q + spread).ceil() + 1.0);
    let interval = match (at(low), at(high)) {
        // Beyond the sample there is no order statistic to bound the quantile.
        (Some(low_ms), Some(high_ms)) if low >= 1.0 && high <= n => Ok(Interval { low: low_ms, high: high_ms }),
        _ => Err(Reason::TooFew),
    };
    Estimate::new(at((n * q).ceil()).ok_or(Reason::NoPairs), interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_quantile_of_few_numbers_has_no_upper_limit_to_show() {
        let of = |calls: i64| {
            let mut latencies = Latencies::default();
            (1..=calls).for_each(|ms| latencies.add(ms, 1));
            latencies
        };
        let few = quantile(&of(20), 0.95);
        assert_eq!((few.value(), few.reason()), (Some(19.0), Some(Reason::TooFew)));
        let interval = quantile(&of(1_000), 0.5).interval().unwrap();
        assert!((interval.low..=interval.high).contains(&500.0));
    }
}
