//! Every metric judged emits, in one list: the documentation, the dashboard and the alert rules are held against it.
//!
//! In Prometheus' text format dots become underscores, counters end in `_total`, and the unit is appended (`_ratio` for
//! `1`, nothing for a unit in braces).

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricName {
    /// The OpenTelemetry name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The UCUM unit.
    pub unit: &'static str,
    /// What it says.
    pub description: &'static str,
}

macro_rules! metrics {
    ($($constant:ident $name:literal $kind:literal $unit:literal $description:literal;)*) => {
        $(
            #[doc = $description]
            #[allow(clippy::doc_markdown, reason = "the text is the metric's help, which is not Markdown")]
            pub const $constant: MetricName =
                MetricName { name: $name, kind: $kind, unit: $unit, description: $description };
        )*

        /// All of them.
        pub const ALL: &[MetricName] = &[$($constant),*];
    };
}

metrics! {
    INTAKE_RECORDS "judged.intake.records" "counter" "{record}"
        "Spans and log records by what became of them: kept, sampled_out, duplicate, own, rejected";
    INTAKE_REQUESTS "judged.intake.requests" "counter" "{request}"
        "Export requests by transport and result: committed, refused, unavailable";
    INTAKE_OWN "judged.intake.own" "counter" "{record}"
        "Records that are never judged; own_unmarked stand under judged's name and name no evaluation. By part: own, own_unmarked, other_evaluators";
    INTAKE_COMMIT_DURATION "judged.intake.commit.duration" "histogram" "s" "Duration of one intake transaction";
    INTAKE_COMMIT_REQUESTS "judged.intake.commit.requests" "histogram" "{request}"
        "Export requests committed by one transaction";
    INTAKE_DEAD_LETTERS "judged.intake.dead_letters" "counter" "{message}"
        "Messages that can never be read, moved to the dead-letter queue";
    TRACES_ASSEMBLED "judged.assembly.traces" "counter" "{trace}" "Traces assembled, by whether the root was seen and whether late spans came";
    UNMAPPED_ATTRIBUTES "judged.assembly.unmapped_attributes" "counter" "{attribute}"
        "Attributes that look like an LLM convention's but that no convention explains, by name";
    EVALUATIONS "judged.evaluations" "counter" "{evaluation}" "Evaluations that reached an outcome, by rubric, version, judge and outcome";
    EVALUATION_VALUE "judged.evaluation.value" "histogram" "1" "Scores normalised to [0, 1], by rubric, version and judge";
    EVALUATION_LATENCY "judged.evaluation.latency" "histogram" "s" "How long judges took, by judge";
    EVALUATION_COST "judged.evaluation.cost" "counter" "{USD}" "What judge calls cost, by judge and rubric";
    DELIVERIES "judged.deliveries" "counter" "{delivery}" "Attempts to deliver a score, by sink and result: sent, retry, given_up";
    PENDING "judged.queue.evaluations" "gauge" "{evaluation}" "Evaluations waiting for their judge, by judge";
    PENDING_AGE "judged.queue.evaluations.age" "gauge" "s" "Age of the oldest waiting evaluation, by judge";
    OWED "judged.queue.deliveries" "gauge" "{delivery}" "Scores owed to a sink, by sink";
    OWED_AGE "judged.queue.deliveries.age" "gauge" "s" "Age of the oldest owed score, by sink";
    LEDGER_BALANCED "judged.ledger.balanced" "gauge" "1" "1 when both accounts of the ledger balance, else 0";
    AGREEMENT "judged.agreement" "gauge" "1" "Raw agreement of a judge with human labels, by rubric, version and judge";
    DRIFT_FLAGS "judged.drift.flags" "gauge" "{flag}" "Open drift flags, by rubric and kind";
    ALERTS "judged.alerts" "gauge" "{alert}" "Alerts that are not over, by rubric, kind and state";
    WEBHOOK_DELIVERIES "judged.webhook.deliveries" "counter" "{delivery}"
        "Attempts to tell a webhook of an alert, by webhook and result: sent, retry, given_up";
    WEBHOOK_OWED "judged.queue.webhooks" "gauge" "{message}" "Messages about alerts owed to a webhook, by webhook";
    WEBHOOK_OWED_AGE "judged.queue.webhooks.age" "gauge" "s" "Age of the oldest message owed to a webhook, by webhook";
}
