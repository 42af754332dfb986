//! The instruments of the stages behind intake, and the gauges that are read from the store.

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};
use opentelemetry::{KeyValue, global};

use super::names::{self, MetricName};
use crate::conventions::OWN_NAME;

/// The instruments of assembly, evaluation and delivery.
#[derive(Debug, Clone)]
pub struct Metrics {
    traces: Counter<u64>,
    unmapped: Counter<u64>,
    evaluations: Counter<u64>,
    value: Histogram<f64>,
    latency: Histogram<f64>,
    cost: Counter<f64>,
    deliveries: Counter<u64>,
    webhooks: Counter<u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let meter = global::meter(OWN_NAME);
        Self {
            traces: counter(&meter, names::TRACES_ASSEMBLED),
            unmapped: counter(&meter, names::UNMAPPED_ATTRIBUTES),
            evaluations: counter(&meter, names::EVALUATIONS),
            value: histogram(
                &meter,
                names::EVALUATION_VALUE,
                &[0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0],
            ),
            latency: histogram(
                &meter,
                names::EVALUATION_LATENCY,
                &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0],
            ),
            cost: meter
                .f64_counter(names::EVALUATION_COST.name)
                .with_unit(names::EVALUATION_COST.unit)
                .with_description(names::EVALUATION_COST.description)
                .build(),
            deliveries: counter(&meter, names::DELIVERIES),
            webhooks: counter(&meter, names::WEBHOOK_DELIVERIES),
        }
    }
}

impl Metrics {
    /// A trace was assembled.
    pub fn trace_assembled(&self, root_seen: bool, late: bool) {
        self.traces.add(1, &[KeyValue::new("root_seen", root_seen), KeyValue::new("late", late)]);
    }

    /// An attribute that no convention explains was seen.
    pub fn unmapped_attribute(&self, name: String) {
        self.unmapped.add(1, &[KeyValue::new("attribute", name)]);
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
        let meter = global::meter(OWN_NAME);
        Self {
            pending: gauge(&meter, names::PENDING),
            pending_age: float_gauge(&meter, names::PENDING_AGE),
            owed: gauge(&meter, names::OWED),
            owed_age: float_gauge(&meter, names::OWED_AGE),
            balanced: gauge(&meter, names::LEDGER_BALANCED),
            agreement: float_gauge(&meter, names::AGREEMENT),
            flags: gauge(&meter, names::DRIFT_FLAGS),
            alerts: gauge(&meter, names::ALERTS),
            webhook_owed: gauge(&meter, names::WEBHOOK_OWED),
            webhook_owed_age: float_gauge(&meter, names::WEBHOOK_OWED_AGE),
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

fn counter(meter: &Meter, metric: MetricName) -> Counter<u64> {
    meter.u64_counter(metric.name).with_unit(metric.unit).with_description(metric.description).build()
}

fn gauge(meter: &Meter, metric: MetricName) -> Gauge<u64> {
    meter.u64_gauge(metric.name).with_unit(metric.unit).with_description(metric.description).build()
}

fn float_gauge(meter: &Meter, metric: MetricName) -> Gauge<f64> {
    meter.f64_gauge(metric.name).with_unit(metric.unit).with_description(metric.description).build()
}

fn histogram(meter: &Meter, metric: MetricName, bounds: &[f64]) -> Histogram<f64> {
    meter
        .f64_histogram(metric.name)
        .with_unit(metric.unit)
        .with_description(metric.description)
        .with_boundaries(bounds.to_vec())
        .build()
}
