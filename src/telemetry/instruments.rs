//! The instruments of the stages behind intake, and the gauges that are read from the store.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram};

use super::metric_list;
use crate::model::ProblemCode;

/// The instruments of assembly, evaluation and delivery.
#[derive(Debug, Clone)]
pub struct Metrics {
    traces: Counter<u64>,
    assembly_failures: Counter<u64>,
    unmapped: Counter<u64>,
    unmapped_names: Arc<Mutex<BTreeSet<String>>>,
    problems: Counter<u64>,
    evaluations: Counter<u64>,
    value: Histogram<f64>,
    latency: Histogram<f64>,
    cost: Counter<f64>,
    deliveries: Counter<u64>,
    webhooks: Counter<u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            traces: metric_list::TRACES_ASSEMBLED.instrument(),
            assembly_failures: metric_list::ASSEMBLY_FAILURES.instrument(),
            unmapped: metric_list::UNMAPPED_ATTRIBUTES.instrument(),
            unmapped_names: Arc::default(),
            problems: metric_list::PROBLEMS.instrument(),
            evaluations: metric_list::EVALUATIONS.instrument(),
            value: metric_list::EVALUATION_VALUE.instrument(),
            latency: metric_list::EVALUATION_LATENCY.instrument(),
            cost: metric_list::EVALUATION_COST.instrument(),
            deliveries: metric_list::DELIVERIES.instrument(),
            webhooks: metric_list::WEBHOOK_DELIVERIES.instrument(),
        }
    }
}

impl Metrics {
    /// Makes the series exist of a sink that is configured.
    pub fn sink_is_there(&self, sink: &str) {
        metric_list::DELIVERIES.start_at_zero(&self.deliveries, &[KeyValue::new("sink", sink.to_owned())]);
    }

    /// Makes the series exist of a webhook that is configured.
    pub fn webhook_is_there(&self, webhook: &str) {
        metric_list::WEBHOOK_DELIVERIES.start_at_zero(&self.webhooks, &[KeyValue::new("webhook", webhook.to_owned())]);
    }

    /// Makes the series exist of a rubric version that a judge works on.
    pub fn rubric_is_judged(&self, rubric: &str, version: u32, judge: &str) {
        let judge = KeyValue::new("judge", judge.to_owned());
        let rubric = KeyValue::new("rubric", rubric.to_owned());
        let version = KeyValue::new("version", i64::from(version));
        metric_list::EVALUATIONS.start_at_zero(&self.evaluations, &[rubric.clone(), version, judge.clone()]);
        metric_list::EVALUATION_COST.start_at_zero(&self.cost, &[rubric, judge]);
    }

    pub fn trace_assembled(&self, root_seen: bool, late: bool) {
        self.traces.add(1, &[KeyValue::new("root_seen", root_seen), KeyValue::new("late", late)]);
    }

    /// A try to assemble a `trace` or `session` came to nothing.
    pub fn assembly_failed(&self, of: &'static str, reason: &'static str) {
        self.assembly_failures.add(1, &[KeyValue::new("of", of), KeyValue::new("reason", reason)]);
    }

    /// An attribute that no convention explains was seen.
    pub fn unmapped_attribute(&self, name: &str) {
        let mut names = self.unmapped_names.lock().unwrap_or_else(PoisonError::into_inner);
        let name = label_of_traffic(name, &mut names);
        self.unmapped.add(1, &[KeyValue::new("attribute", name)]);
    }

    /// The material of a subject has this problem.
    pub fn problem(&self, code: ProblemCode) {
        self.problems.add(1, &[KeyValue::new("code", code.as_str())]);
    }

    /// An evaluation reached an outcome.
    pub fn evaluation_finished(&self, finished: &FinishedEvaluation<'_>) {
        let judge = KeyValue::new("judge", finished.judge.to_owned());
        let rubric = KeyValue::new("rubric", finished.rubric.to_owned());
        let version = KeyValue::new("version", i64::from(finished.version));
        self.evaluations
            .add(1, &[rubric.clone(), version.clone(), judge.clone(), KeyValue::new("outcome", finished.outcome)]);
        if let Some(value) = finished.value {
            self.value.record(value, &[rubric.clone(), version, judge.clone()]);
        }
        if let Some(seconds) = finished.latency_seconds {
            self.latency.record(seconds, std::slice::from_ref(&judge));
        }
        if let Some(cost_usd) = finished.cost_usd {
            self.cost.add(cost_usd, &[rubric, judge]);
        }
    }

    /// Scores were sent to a sink, with this result.
    pub fn deliveries_tried(&self, sink: &str, result: &'static str, number: u64) {
        tried(&self.deliveries, KeyValue::new("sink", sink.to_owned()), result, number);
    }

    /// Messages about alerts were sent to a webhook, with this result.
    pub fn webhooks_tried(&self, webhook: &str, result: &'static str, number: u64) {
        tried(&self.webhooks, KeyValue::new("webhook", webhook.to_owned()), result, number);
    }
}

/// The longest label value that traffic makes, and the most of them: whoever sends spans must not fill the metrics.
const LONGEST_NAME: usize = 100;
const MOST_NAMES: usize = 200;

/// A name out of traffic as the value of a label; `other` beyond the first names of the process.
fn label_of_traffic(name: &str, known: &mut BTreeSet<String>) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | ':' | '-');
    let name: String =
        name.chars().take(LONGEST_NAME).map(|character| if is_plain(character) { character } else { '_' }).collect();
    if known.contains(&name) {
        return name;
    }
    if known.len() >= MOST_NAMES {
        return "other".to_owned();
    }
    known.insert(name.clone());
    name
}

fn tried(counter: &Counter<u64>, receiver: KeyValue, result: &'static str, number: u64) {
    // A series of zeros would say that something was tried.
    if number > 0 {
        counter.add(number, &[receiver, KeyValue::new("result", result)]);
    }
}

/// What the instruments need to know of a finished evaluation.
#[derive(Debug, Clone, Copy)]
pub struct FinishedEvaluation<'a> {
    /// The rubric's name.
    pub rubric: &'a str,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: &'a str,
    /// The outcome's name.
    pub outcome: &'static str,
    /// The score in [0, 1].
    pub value: Option<f64>,
    /// How long the judge took.
    pub latency_seconds: Option<f64>,
    /// What it cost.
    pub cost_usd: Option<f64>,
}

/// Gauges whose values are read from the store at intervals.
#[derive(Debug, Clone)]
pub struct StoreGauges {
    pending: Gauge<u64>,
    pending_age: Gauge<f64>,
    judge_obstacle: Gauge<u64>,
    owed: Gauge<u64>,
    owed_age: Gauge<f64>,
    balanced: Gauge<u64>,
    agreement: Gauge<f64>,
    flags: Gauge<u64>,
    alerts: Gauge<u64>,
    webhook_owed: Gauge<u64>,
    webhook_owed_age: Gauge<f64>,
}

impl Default for StoreGauges {
    fn default() -> Self {
        Self {
            pending: metric_list::PENDING.instrument(),
            pending_age: metric_list::PENDING_AGE.instrument(),
            judge_obstacle: metric_list::JUDGE_OBSTACLE.instrument(),
            owed: metric_list::OWED.instrument(),
            owed_age: metric_list::OWED_AGE.instrument(),
            balanced: metric_list::LEDGER_BALANCED.instrument(),
            agreement: metric_list::AGREEMENT.instrument(),
            flags: metric_list::DRIFT_FLAGS.instrument(),
            alerts: metric_list::ALERTS.instrument(),
            webhook_owed: metric_list::WEBHOOK_OWED.instrument(),
            webhook_owed_age: metric_list::WEBHOOK_OWED_AGE.instrument(),
        }
    }
}

impl StoreGauges {
    /// Evaluations waiting for `judge`, and the age of the oldest.
    pub fn pending(&self, judge: &str, number: u64, age_seconds: f64) {
        let attributes = [KeyValue::new("judge", judge.to_owned())];
        self.pending.record(number, &attributes);
        self.pending_age.record(age_seconds, &attributes);
    }

    /// Scores owed to `sink`, and the age of the oldest.
    pub fn owed(&self, sink: &str, number: u64, age_seconds: f64) {
        let attributes = [KeyValue::new("sink", sink.to_owned())];
        self.owed.record(number, &attributes);
        self.owed_age.record(age_seconds, &attributes);
    }

    /// Whether the ledger balances.
    pub fn balanced(&self, balanced: bool) {
        self.balanced.record(u64::from(balanced), &[]);
    }

    /// Whether this keeps `judge` from judging.
    pub fn judge_obstacle(&self, judge: &str, code: &str, mended: &str, stands: bool) {
        let attributes = [
            KeyValue::new("judge", judge.to_owned()),
            KeyValue::new("code", code.to_owned()),
            KeyValue::new("mended", mended.to_owned()),
        ];
        self.judge_obstacle.record(u64::from(stands), &attributes);
    }

    /// Raw agreement of a judge with human labels.
    pub fn agreement(&self, rubric: &str, version: u32, judge: &str, agreement: f64) {
        let attributes = [
            KeyValue::new("rubric", rubric.to_owned()),
            KeyValue::new("version", i64::from(version)),
            KeyValue::new("judge", judge.to_owned()),
        ];
        self.agreement.record(agreement, &attributes);
    }

    /// Open drift flags.
    pub fn drift_flags(&self, rubric: &str, kind: &str, number: u64) {
        let attributes = [KeyValue::new("rubric", rubric.to_owned()), KeyValue::new("kind", kind.to_owned())];
        self.flags.record(number, &attributes);
    }

    /// Alerts that are not over.
    pub fn alerts(&self, rubric: &str, kind: &str, state: &str, number: u64) {
        let attributes = [
            KeyValue::new("rubric", rubric.to_owned()),
            KeyValue::new("kind", kind.to_owned()),
            KeyValue::new("state", state.to_owned()),
        ];
        self.alerts.record(number, &attributes);
    }

    /// Messages about alerts owed to `webhook`, and the age of the oldest.
    pub fn webhook_owed(&self, webhook: &str, number: u64, age_seconds: f64) {
        let attributes = [KeyValue::new("webhook", webhook.to_owned())];
        self.webhook_owed.record(number, &attributes);
        self.webhook_owed_age.record(age_seconds, &attributes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_out_of_traffic_are_short_plain_and_few() {
        let mut known = BTreeSet::new();
        assert_eq!(label_of_traffic("gen_ai.new-name", &mut known), "gen_ai.new-name");
        assert_eq!(label_of_traffic("llm.\n{\"é\"}", &mut known), "llm.______");
        assert_eq!(label_of_traffic(&"x".repeat(20_000), &mut known).len(), LONGEST_NAME);
        for number in 0..MOST_NAMES {
            label_of_traffic(&format!("llm.{number}"), &mut known);
        }
        assert_eq!(label_of_traffic("llm.one-more", &mut known), "other");
        assert_eq!(label_of_traffic("llm.7", &mut known), "llm.7", "what is known stays");
    }
}
