//! What each judge costs and how fast it answers.

use std::collections::BTreeMap;

use super::data::JudgeReport;
use super::weighing::quantile;
use crate::model::Outcome;
use crate::store::{OutcomeCount, ScoredEvaluation};

/// One row for each judge and provider-reported model that was asked.
pub(super) fn report(outcomes: &[OutcomeCount], scored: &[ScoredEvaluation]) -> Vec<JudgeReport> {
    let mut judges: BTreeMap<(&str, Option<&str>), JudgeReport> = BTreeMap::new();
    let asked =
        |outcome: Outcome| matches!(outcome, Outcome::Scored | Outcome::Abstained | Outcome::Refused | Outcome::Failed);
    for count in outcomes.iter().filter(|count| asked(count.outcome)) {
        let model = count.judge_model.as_deref();
        let report = judges.entry((count.judge.as_str(), model)).or_insert_with(|| {
            let latencies = |q| {
                let own = scored.iter().filter(|e| e.judge == count.judge && e.judge_model.as_deref() == model);
                quantile(own.filter_map(|e| e.latency_ms).map(|ms| ms as f64).collect(), q)
            };
            JudgeReport {
                judge: count.judge.clone(),
                judge_model: count.judge_model.clone(),
                outcomes: BTreeMap::new(),
                cost_usd: 0.0,
                priced: 0,
                input_tokens: 0,
                output_tokens: 0,
                latency_median_ms: latencies(0.5),
                latency_p95_ms: latencies(0.95),
            }
        });
        *report.outcomes.entry(count.outcome.as_str()).or_default() += count.count;
        report.cost_usd += count.cost_usd;
        report.priced += count.priced;
        report.input_tokens += count.input_tokens;
        report.output_tokens += count.output_tokens;
    }
    judges.into_values().collect()
}
