//! What the demo runs on: OTLP recorded from really running instrumentations, and a person's labels of it.

/// One recording.
pub(super) struct Recording {
    /// Who recorded it.
    pub(super) producer: &'static str,
    /// Export requests of spans, one a line.
    pub(super) traces: &'static str,
    /// Export requests of log records, one a line, where the producer puts content there.
    pub(super) logs: Option<&'static str>,
}

/// The recordings, four ways of saying the same.
pub(super) const RECORDINGS: &[Recording] = &[
    Recording {
        producer: "OpenTelemetry GenAI (span attributes)",
        traces: include_str!("../../../demo/otel-genai.jsonl"),
        logs: None,
    },
    Recording {
        producer: "OpenTelemetry GenAI (log events)",
        traces: include_str!("../../../demo/otel-genai-events.jsonl"),
        logs: Some(include_str!("../../../demo/otel-genai-events.logs.jsonl")),
    },
    Recording {
        producer: "OpenInference (LangChain)",
        traces: include_str!("../../../demo/openinference-langchain.jsonl"),
        logs: None,
    },
    Recording {
        producer: "OpenLLMetry (OpenAI)",
        traces: include_str!("../../../demo/openllmetry-openai.jsonl"),
        logs: None,
    },
];

/// The labels, in the form `judged labels import` reads.
pub(super) const LABELS: &str = include_str!("../../../demo/labels.jsonl");
