//! Whatever arrives, reading it ends, and what it says hangs together.

use proptest::prelude::*;
use std::sync::Arc;

use super::families::FAMILIES;
use super::normalise;
use super::testing::{SpanBuilder, span_id, trace_id};
use crate::model::{
    Attributes, ContentState, LogRecord, Resource, Scope, Span, SpanEvent, SpanStatus, StepKind, Value,
};

/// Names that families listen to, with their wildcards filled in.
fn name() -> impl Strategy<Value = String> {
    let known: Vec<&'static str> = FAMILIES.iter().flat_map(|family| family.known.iter().copied()).collect();
    let rest = prop_oneof![
        Just(String::new()),
        Just("0.message.role".to_owned()),
        Just("0.message.content".to_owned()),
        Just("0.message.tool_calls.1.tool_call.function.arguments".to_owned()),
        Just("18446744073709551616.content".to_owned()),
        Just("0.document.content".to_owned()),
        Just("span.kind".to_owned()),
        Just("observation.output".to_owned()),
        Just("observation.type".to_owned()),
        Just("spanOutputs".to_owned()),
        Just("entity.output".to_owned()),
        Just("prompt.messages".to_owned()),
        Just("response.text".to_owned()),
        Just("operationId".to_owned()),
        Just("...".to_owned()),
    ];
    (prop::sample::select(known), rest).prop_map(|(name, rest)| match name.strip_suffix('*') {
        Some(prefix) => format!("{prefix}{rest}"),
        None => name.to_owned(),
    })
}

/// Texts that families look into: words of every convention, bodies of every provider, whole, cut and nested.
fn text() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "LLM",
        "RETRIEVER",
        "TOOL",
        "\"CHAT_MODEL\"",
        "generation",
        "retriever",
        "llm",
        "chat",
        "invoke_agent",
        "execute_tool",
        "ai.generateText.doGenerate",
        "ai.rerank",
        "workflow",
        "task",
        "model",
        "__REDACTED__",
        "N/A",
        "{}",
        "",
        "[",
        "\"",
        "{\"",
        "\\ud800",
        "assistant",
        "application/json",
    ];
    const BODIES: &[&str] = &[
        r#"[{"role":"assistant","parts":[{"type":"text","content":"Hi"},{"type":"tool_call","id":"c","name":"f","arguments":"{"}]}]"#,
        r#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
        r#"{"generations":[[{"text":"Hi","message":{"kwargs":{"content":[{"type":"text","text":"Hi"}],"type":"ai"}}}]]}"#,
        r#"{"messages":[[{"lc":1,"id":["HumanMessage"],"kwargs":{"content":"Hi"}}]],"documents":[{"id":1,"content":"x","score":NaN}]}"#,
        r#"{"documents":[{"page_content":"x","metadata":{"id":"d"}}],"ranking":[{"originalIndex":-1}]}"#,
        r#"[[[[[[[[[[[["deep"]]]]]]]]]]]]"#,
        r#"{"message":{"message":{"message":{"content":{"content":{"content":"x"}}}}}}"#,
        r#""{\"role\":\"user\",\"content\":\"\\\"x\\\"\"}""#,
    ];
    let body = (prop::sample::select(BODIES), 0.0..1.0f64).prop_map(|(body, part)| {
        let end = (0..=body.len())
            .rev()
            .find(|end| body.is_char_boundary(*end) && *end as f64 <= part * 2.0 * body.len() as f64);
        body[..end.unwrap_or(0)].to_owned()
    });
    prop_oneof![prop::sample::select(WORDS).prop_map(str::to_owned), body, ".{0,40}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::String),
        1 => any::<i64>().prop_map(Value::Int),
        1 => any::<f64>().prop_map(Value::Double),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => prop::collection::vec(any::<u8>(), 0..9).prop_map(Value::Bytes),
        1 => Just(Value::Empty),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key =
            prop::sample::select(&["role", "content", "parts", "type", "message", "text", "tool_calls", "id", "x"][..]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec((key.prop_map(str::to_owned), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::collection::vec((name(), value()), 0..12).prop_map(|pairs| pairs.into_iter().collect())
}

fn event() -> impl Strategy<Value = SpanEvent> {
    const NAMES: &[&str] = &[
        "gen_ai.user.message",
        "gen_ai.choice",
        "gen_ai.content.prompt",
        "gen_ai.content.completion",
        "exception",
        "gen_ai.client.inference.operation.details",
        "db.query.result",
        "memory.results",
        "tool.output",
    ];
    (prop::sample::select(NAMES), attributes()).prop_map(|(name, attributes)| SpanEvent {
        name: name.to_owned(),
        time: 0,
        attributes,
        dropped_attributes: 0,
    })
}

fn span() -> impl Strategy<Value = Span> {
    let status = prop_oneof![Just(SpanStatus::Unset), Just(SpanStatus::Ok), ".{0,9}".prop_map(SpanStatus::Error)];
    let scope =
        prop::sample::select(&["", "pydantic-ai", "strands.telemetry.tracer", "gcp.vertex.agent", "litellm"][..]);
    (attributes(), prop::collection::vec(event(), 0..4), status, scope, any::<bool>()).prop_map(
        |(attributes, events, status, scope, root)| Span {
            attributes,
            events,
            status,
            parent_span_id: (!root).then(|| span_id(9)),
            scope: Arc::new(Scope { name: scope.to_owned(), version: String::new() }),
            resource: Arc::new(Resource::default()),
            ..SpanBuilder::new("x").build()
        },
    )
}

fn record() -> impl Strategy<Value = LogRecord> {
    (event(), value()).prop_map(|(event, body)| LogRecord {
        trace_id: trace_id(1),
        span_id: span_id(1),
        event_name: event.name,
        time: 0,
        body,
        attributes: event.attributes,
        dropped_attributes: 0,
        scope: Arc::default(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn whatever_arrives_is_read_and_hangs_together(span in span(), logs in prop::collection::vec(record(), 0..3)) {
        let step = normalise(&span, &logs);
        prop_assert!(step.error.is_none() || step.output_text.is_none());
        prop_assert!(step.output_text.is_none() || step.output.is_some());
        match step.content {
            ContentState::Captured | ContentState::Empty => prop_assert!(step.output.is_some()),
            ContentState::NotCaptured => prop_assert!(step.output_text.is_none()),
            ContentState::Redacted | ContentState::Reference => prop_assert!(step.output_text.is_none()),
        }
        if step.content == ContentState::Empty && step.kind == StepKind::Generation && step.error.is_none() {
            prop_assert_eq!(step.output_text.as_deref().map(str::trim), Some(""));
        }
        prop_assert_eq!(normalise(&span, &logs), step, "reading twice says the same");
    }

    #[test]
    fn messages_cut_off_anywhere_are_never_judged(end in 0usize..118) {
        let whole = r#"[{"role":"assistant","parts":[{"type":"text","content":"The answer is [1, {\"a\": 2}]."}],"finish_reason":"stop"}]"#;
        prop_assume!(end < whole.len());
        let step = SpanBuilder::new("chat")
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.output.messages", &whole[..end])
            .step();
        prop_assert_eq!(step.content, ContentState::NotCaptured);
        prop_assert_eq!(step.output_text, None);
        prop_assert_eq!(step.problems.is_empty(), end == 0);
    }
}
