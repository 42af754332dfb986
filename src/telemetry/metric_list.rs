//! Every metric judged emits, in one list: instruments are made from it, `docs/metrics.md` is written from it, and the
//! dashboard and the alert rules are held against it.

use opentelemetry::metrics::{Counter, Gauge, Histogram};

use super::metric::{Label, Metric};

/// Lines of `NAME: Instrument = "name" in "unit" by [labels] "help"`. A label of which all values are known lists them in
/// parentheses; a histogram ends in its `buckets`.
macro_rules! metrics {
    ($($(#[$only:meta])? $constant:ident: $instrument:ty = $name:literal in $unit:literal by
        [$($label:ident $(($($value:ident),+))?),*] $help:literal $(buckets [$($bound:literal),+])?;)*) => {
        $(
            $(#[$only])?
            pub(crate) const $constant: Metric<$instrument> = Metric::new(
                $name,
                $unit,
                &[$(Label { name: stringify!($label), values: &[$($(stringify!($value)),+)?] }),*],
                $help,
                &[$($($bound),+)?],
            );
        )*

        /// All of them.
        #[cfg(test)]
        pub(crate) const ALL: &[super::metric::Description] = &[$($constant.description),*];
    };
}

metrics! {
    INTAKE_RECORDS: Counter<u64> = "judged.intake.records" in "{record}"
        by [signal (traces, logs), result (kept, sampled_out, duplicate, own, rejected)]
        "Spans and log records, by what became of them";
    INTAKE_OWN: Counter<u64> = "judged.intake.own" in "{record}"
        by [signal (traces, logs), part (own, own_unmarked, other_evaluators)]
        "Records that are never judged: of judged itself, under its name without naming an evaluation, and of other evaluators";
    INTAKE_REQUESTS: Counter<u64> = "judged.intake.requests" in "{request}"
        by [transport (http, grpc, amqp, kafka, local), signal (traces, logs), result (committed, refused, unavailable)]
        "Export requests, by how they came and what became of them";
    INTAKE_REFUSALS: Counter<u64> = "judged.intake.refusals" in "{request}"
        by [transport (http, grpc), reason (size, type, compression, unreadable, incomplete, overload, address, forbidden, token, unavailable)]
        "Export requests that a receiver refused, by why; their senders were told, and keep the data or lose it";
    INTAKE_REJECTED: Counter<u64> = "judged.intake.rejected" in "{record}"
        by [signal (traces, logs), reason (malformed, nesting)]
        "Records that were wrong within a request that was taken in: without ids, not readable, or nested too deep";
    INTAKE_COMMIT_DURATION: Histogram<f64> = "judged.intake.commit.duration" in "s" by []
        "Duration of one intake transaction"
        buckets [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    INTAKE_COMMIT_REQUESTS: Histogram<u64> = "judged.intake.commit.requests" in "{request}" by []
        "Export requests committed by one transaction"
        buckets [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
    INTAKE_DEAD_LETTERS: Counter<u64> = "judged.intake.dead_letters" in "{message}" by [queue]
        "Messages that can never be read, moved to the dead-letter queue";
    #[cfg(any(test, feature = "kafka"))]
    INTAKE_LAG: Gauge<u64> = "judged.intake.lag" in "{record}" by [topic]
        "Records of the Kafka partitions that this process reads that are not finished";
    #[cfg(any(test, feature = "kafka"))]
    INTAKE_LOST: Counter<u64> = "judged.intake.lost" in "{record}" by [topic]
        "Kafka records that retention removed before they were read";
    FAILED_LOG_INS: Counter<u64> = "judged.web.failed_logins" in "{attempt}" by [way (form, bearer)]
        "Wrong tokens that the pages were shown, in the log-in form or in a header";
    TRACES_ASSEMBLED: Counter<u64> = "judged.assembly.traces" in "{trace}" by [root_seen (true, false), late (true, false)]
        "Traces assembled, by whether the root was seen and whether late spans came";
    ASSEMBLY_FAILURES: Counter<u64> = "judged.assembly.failures" in "{failure}"
        by [of (trace, session), reason (panicked, took_too_long)]
        "Tries to assemble that came to nothing; a trace is set aside after the second, a session is not judged";
    UNMAPPED_ATTRIBUTES: Counter<u64> = "judged.assembly.unmapped_attributes" in "{attribute}" by [attribute]
        "Attributes that look like those of an LLM convention but that no convention explains";
    PROBLEMS: Counter<u64> = "judged.assembly.problems" in "{subject}"
        by [code (
            attributes_dropped, events_dropped, event_attributes_dropped, links_dropped, messages_left_out,
            truncated_json, text_cut, cut_answer, interrupted, newer_question_missing, malformed_json,
            several_choices, other_speakers, empty_event, message_order, unknown_message_part,
            documents_left_out, tool_calls_left_out, log_without_span, log_without_ids, repeated_span, root_missing, not_captured, redacted, reference)]
        "Subjects whose material was cut, is missing or is ambiguous, by what is wrong; docs/reading.md says what to set";
    EVALUATIONS: Counter<u64> = "judged.evaluations" in "{evaluation}"
        by [rubric, version, judge, outcome (scored, abstained, refused, failed, filtered)]
        "Evaluations that a judge worked on, by their outcome";
    EVALUATION_VALUE: Histogram<f64> = "judged.evaluation.value" in "{score}" by [rubric, version, judge]
        "Scores normalised to [0, 1]"
        buckets [0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0];
    EVALUATION_LATENCY: Histogram<f64> = "judged.evaluation.latency" in "s" by [judge]
        "How long judges took"
        buckets [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
    JUDGE_OBSTACLE: Gauge<u64> = "judged.judge.obstacle" in "1" by [judge, code, mended (time, person)]
        "1 while this keeps a judge from judging, for this process";
    EVALUATION_COST: Counter<f64> = "judged.evaluation.cost" in "{USD}" by [rubric, judge]
        "What judge calls cost";
    DELIVERIES: Counter<u64> = "judged.deliveries" in "{delivery}" by [sink, result (sent, retry, given_up)]
        "Attempts to deliver a score to a sink";
    PENDING: Gauge<u64> = "judged.queue.evaluations" in "{evaluation}" by [judge]
        "Evaluations waiting for their judge";
    PENDING_AGE: Gauge<f64> = "judged.queue.evaluations.age" in "s" by [judge]
        "Age of the oldest waiting evaluation";
    OWED: Gauge<u64> = "judged.queue.deliveries" in "{delivery}" by [sink]
        "Scores owed to a sink";
    OWED_AGE: Gauge<f64> = "judged.queue.deliveries.age" in "s" by [sink]
        "Age of the oldest score owed to a sink";
    LEDGER_BALANCED: Gauge<u64> = "judged.ledger.balanced" in "1" by []
        "1 when every account of the ledger balances, else 0";
    AGREEMENT: Gauge<f64> = "judged.agreement" in "1" by [rubric, version, judge]
        "Raw agreement of a judge with human labels";
    DRIFT_FLAGS: Gauge<u64> = "judged.drift.flags" in "{flag}" by [rubric, kind]
        "Open drift flags";
    ALERTS: Gauge<u64> = "judged.alerts" in "{alert}" by [rubric, kind, state (open, acknowledged)]
        "Alerts that are not over";
    WEBHOOK_DELIVERIES: Counter<u64> = "judged.webhook.deliveries" in "{delivery}"
        by [webhook, result (sent, retry, given_up)]
        "Attempts to tell a webhook of an alert";
    WEBHOOK_OWED: Gauge<u64> = "judged.queue.webhooks" in "{message}" by [webhook]
        "Messages about alerts owed to a webhook";
    WEBHOOK_OWED_AGE: Gauge<f64> = "judged.queue.webhooks.age" in "s" by [webhook]
        "Age of the oldest message owed to a webhook";
}
