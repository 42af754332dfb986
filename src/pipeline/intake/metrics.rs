//! The instruments of intake.

use opentelemetry::KeyValue;
#[cfg(feature = "kafka")]
use opentelemetry::metrics::Gauge;
use opentelemetry::metrics::{Counter, Histogram};

use crate::model::named_enum;
use crate::otlp::Signal;
use crate::store::{Committed, IntakeBatch, OwnParts};
use crate::telemetry::metric_list;

/// The instruments of intake.
#[derive(Debug)]
pub(super) struct Metrics {
    records: Counter<u64>,
    own: Counter<u64>,
    requests: Counter<u64>,
    rejected: Counter<u64>,
    commit_seconds: Histogram<f64>,
    commit_batches: Histogram<u64>,
    dead_letters: Counter<u64>,
    #[cfg(feature = "kafka")]
    lag: Gauge<u64>,
    #[cfg(feature = "kafka")]
    lost: Counter<u64>,
}

named_enum! {
    /// How a request came.
    pub enum Transport {
        /// OTLP/HTTP
        Http = "http",
        /// OTLP/gRPC
        Grpc = "grpc",
        /// RabbitMQ
        Amqp = "amqp",
        /// Kafka
        Kafka = "kafka",
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let metrics = Self {
            records: metric_list::INTAKE_RECORDS.instrument(),
            own: metric_list::INTAKE_OWN.instrument(),
            requests: metric_list::INTAKE_REQUESTS.instrument(),
            rejected: metric_list::INTAKE_REJECTED.instrument(),
            commit_seconds: metric_list::INTAKE_COMMIT_DURATION.instrument(),
            commit_batches: metric_list::INTAKE_COMMIT_REQUESTS.instrument(),
            dead_letters: metric_list::INTAKE_DEAD_LETTERS.instrument(),
            #[cfg(feature = "kafka")]
            lag: metric_list::INTAKE_LAG.instrument(),
            #[cfg(feature = "kafka")]
            lost: metric_list::INTAKE_LOST.instrument(),
        };
        metric_list::INTAKE_RECORDS.start_at_zero(&metrics.records, &[]);
        metric_list::INTAKE_OWN.start_at_zero(&metrics.own, &[]);
        metric_list::INTAKE_REQUESTS.start_at_zero(&metrics.requests, &[]);
        metric_list::INTAKE_REJECTED.start_at_zero(&metrics.rejected, &[]);
        metrics
    }

    /// Makes the series exist of a queue that is read.
    pub(super) fn queue_is_there(&self, queue: &str) {
        let queue = KeyValue::new("queue", queue.to_owned());
        metric_list::INTAKE_DEAD_LETTERS.start_at_zero(&self.dead_letters, &[queue]);
    }

    /// The same of a topic.
    #[cfg(feature = "kafka")]
    pub(super) fn topic_is_there(&self, topic: &str) {
        self.queue_is_there(topic);
        self.lag(topic, 0);
        metric_list::INTAKE_LOST.start_at_zero(&self.lost, &[KeyValue::new("topic", topic.to_owned())]);
    }

    #[cfg(feature = "kafka")]
    pub(super) fn lag(&self, topic: &str, records: u64) {
        self.lag.record(records, &[KeyValue::new("topic", topic.to_owned())]);
    }

    #[cfg(feature = "kafka")]
    pub(super) fn lost(&self, topic: &str, records: u64) {
        self.lost.add(records, &[KeyValue::new("topic", topic.to_owned())]);
    }

    pub(super) fn committed(&self, batch: &IntakeBatch, outcome: Committed) {
        let count = |what: &'static str, number: u64| {
            if number > 0 {
                let attributes = [KeyValue::new("signal", batch.signal.as_str()), KeyValue::new("result", what)];
                self.records.add(number, &attributes);
            }
        };
        count("kept", outcome.kept);
        count("duplicate", outcome.duplicate);
        if !outcome.repeated {
            count("sampled_out", batch.sampled_out);
            count("own", batch.own);
            count("rejected", batch.rejected);
            self.own(batch);
        }
    }

    fn own(&self, batch: &IntakeBatch) {
        let OwnParts { unmarked, other_evaluators } = batch.own_parts;
        let marked = batch.own.saturating_sub(unmarked + other_evaluators);
        for (part, number) in [("own", marked), ("own_unmarked", unmarked), ("other_evaluators", other_evaluators)] {
            if number > 0 {
                self.own.add(number, &[KeyValue::new("signal", batch.signal.as_str()), KeyValue::new("part", part)]);
            }
        }
    }

    /// Records of a request that was taken in; `too_deep` of them are nested too deep.
    pub(super) fn rejected(&self, signal: Signal, records: u64, too_deep: u64) {
        for (reason, number) in [("malformed", records.saturating_sub(too_deep)), ("nesting", too_deep)] {
            if number > 0 {
                let attributes = [KeyValue::new("signal", signal.as_str()), KeyValue::new("reason", reason)];
                self.rejected.add(number, &attributes);
            }
        }
    }

    pub(super) fn request(&self, transport: Transport, signal: Signal, result: &'static str) {
        let attributes = [
            KeyValue::new("transport", transport.as_str()),
            KeyValue::new("signal", signal.as_str()),
            KeyValue::new("result", result),
        ];
        self.requests.add(1, &attributes);
    }

    pub(super) fn transaction(&self, batches: usize, seconds: f64) {
        self.commit_batches.record(batches as u64, &[]);
        self.commit_seconds.record(seconds, &[]);
    }

    pub(super) fn dead_letter(&self, queue: &str) {
        self.dead_letters.add(1, &[KeyValue::new("queue", queue.to_owned())]);
    }
}
