//! Every metric of intake, in one place.

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

use crate::conventions::OWN_NAME;
use crate::model::named_enum;
use crate::otlp::Signal;
use crate::store::{Committed, IntakeBatch, OwnParts};
use crate::telemetry::names;

/// The instruments of intake.
#[derive(Debug)]
pub(super) struct Metrics {
    records: Counter<u64>,
    own: Counter<u64>,
    requests: Counter<u64>,
    commit_seconds: Histogram<f64>,
    commit_batches: Histogram<u64>,
    dead_letters: Counter<u64>,
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
        /// Handed over within the process.
        Local = "local",
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let meter = global::meter(OWN_NAME);
        Self {
            records: meter
                .u64_counter("judged.intake.records")
                .with_description(
                    "Spans and log records by what became of them: kept, sampled_out, duplicate, own, rejected",
                )
                .with_unit("{record}")
                .build(),
            own: meter
                .u64_counter(names::INTAKE_OWN.name)
                .with_description(names::INTAKE_OWN.description)
                .with_unit(names::INTAKE_OWN.unit)
                .build(),
            requests: meter
                .u64_counter("judged.intake.requests")
                .with_description("Export requests by transport and result: committed, refused, unavailable")
                .with_unit("{request}")
                .build(),
            commit_seconds: meter
                .f64_histogram("judged.intake.commit.duration")
                .with_description("Duration of one intake transaction")
                .with_unit("s")
                .with_boundaries(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
                .build(),
            commit_batches: meter
                .u64_histogram("judged.intake.commit.requests")
                .with_description("Export requests committed by one transaction")
                .with_unit("{request}")
                .with_boundaries(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
                .build(),
            dead_letters: meter
                .u64_counter("judged.intake.dead_letters")
                .with_description("Messages that can never be read, moved to the dead-letter queue")
                .with_unit("{message}")
                .build(),
        }
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
