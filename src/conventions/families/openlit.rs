//! OpenLIT: GenAI attributes with names of its own for tools and retrieval; sentinels stand for "not set".

use crate::conventions::json_text::{Parsed, parse};
use crate::conventions::json_tree::{Arena, Node};
use crate::conventions::message_parts::{arguments, tool_call};
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::python_repr;
use crate::conventions::span_view::Source;
use crate::model::{Message, Part, Role, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "openlit.*",
    "gen_ai.environment",
    "gen_ai.application_name",
    "gen_ai.framework.*",
    "gen_ai.sdk.*",
    "gen_ai.endpoint",
    "gen_ai.usage.cost",
    "gen_ai.content.*",
    "gen_ai.hub.*",
    "gen_ai.vectordb.*",
    "gen_ai.cost.*",
    "gen_ai.rag.*",
    "gen_ai.retrieval.*",
    "gen_ai.guardrail.*",
    "gen_ai.mcp.*",
];

/// Recognises the producer and reads its tool calls; `otel_genai` reads the rest.
pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let is_theirs = source.scope().starts_with("openlit.") || source.str("telemetry.sdk.name") == Some("openlit");
    if !is_theirs {
        return None;
    }
    let mut parts = Parts::default();
    if source.str("gen_ai.operation.name") == Some("chat") {
        let mut calls = printed_calls(source);
        if calls.is_empty() {
            calls = listed_calls(source);
        }
        if !calls.is_empty() {
            let text = completion(source).filter(|text| !matches!(*text, "" | "None"));
            let text = text.map(|text| Part::Text { text: text.to_owned() });
            let said = text.into_iter().chain(calls.into_iter().map(Part::ToolCall)).collect();
            let message = Message { role: Role::Assistant, name: None, parts: said, finish_reason: None };
            parts.output = Said::structured(vec![message]);
        }
    }
    Some(parts)
}

/// The text beside the calls: an attribute, before that an event.
fn completion<'a>(source: &Source<'a>) -> Option<&'a str> {
    let event = || source.span.events.iter().find(|event| event.name == "gen_ai.content.completion");
    source.raw_str("gen_ai.completion").or_else(|| event()?.attributes.str("gen_ai.completion"))
}

/// To 1.34: the calls as Python prints them. The definitions of tools may stand there too, which have no arguments.
fn printed_calls(source: &Source<'_>) -> Vec<ToolCall> {
    let printed = source.str("gen_ai.response.tool_calls");
    let calls = printed.and_then(|text| python_repr::parse(text, source.arena()));
    let calls = calls.and_then(|node| node.as_list()).unwrap_or_default();
    let asks = |call: &&Node<'_>| call.get("function").unwrap_or(call).has("arguments");
    calls.iter().filter(asks).filter_map(tool_call).collect()
}

/// From 1.35: names, ids and arguments of all calls, each joined by commas.
fn listed_calls(source: &Source<'_>) -> Vec<ToolCall> {
    let words = |key: &str| source.str(key).map(|text| text.split(", ").collect::<Vec<_>>()).unwrap_or_default();
    let (names, ids) = (words("gen_ai.tool.name"), words("gen_ai.tool.call.id"));
    let listed = source.str("gen_ai.tool.args").map(|arguments| format!("[{arguments}]")).unwrap_or_default();
    let arena = Arena::new();
    let Parsed::Tree(Node::List(given)) = parse(&listed, &arena) else { return Vec::new() };
    if names.len() != given.len() {
        return Vec::new();
    }
    let id = |at: usize| ids.get(at).filter(|id| !id.is_empty()).map(|id| (*id).to_owned());
    let call = |(at, (name, given)): (usize, (&&str, &Node<'_>))| ToolCall {
        id: id(at),
        name: (*name).to_owned(),
        arguments: arguments(given),
    };
    names.iter().zip(given).enumerate().map(call).collect()
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, Message, Step, StepKind};

    fn calls(step: &Step) -> Vec<(&str, Option<&str>)> {
        let calls = step.output.iter().flatten().flat_map(Message::tool_calls);
        calls.map(|call| (call.name.as_str(), call.arguments["city"].as_str())).collect()
    }

    fn chat() -> SpanBuilder {
        SpanBuilder::new("chat m")
            .scope("openlit.instrumentation.openai")
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.response.finish_reasons", r#"["tool_calls"]"#)
    }

    #[test]
    fn tool_calls_are_read_as_they_were_printed_and_as_they_are_listed() {
        let none = [("gen_ai.completion", "None")];
        let printed = r#"[{'id': 'c1', 'function': {'arguments': '{"city": "Bergen"}', 'name': 'weather'}, 'type': 'function'}, {'id': 'c2', 'function': {'arguments': '{"city": "Oslo"}', 'name': 'weather'}, 'type': 'function'}]"#;
        let early = chat().with("gen_ai.response.tool_calls", printed).event("gen_ai.content.completion", &none).step();
        let later = chat()
            .with("gen_ai.tool.name", "weather, weather")
            .with("gen_ai.tool.call.id", "c1, c2")
            .with("gen_ai.tool.args", r#"{"city": "Bergen"}, {"city": "Oslo"}"#)
            .with("gen_ai.completion", "")
            .step();
        for step in [early, later] {
            assert_eq!(calls(&step), [("weather", Some("Bergen")), ("weather", Some("Oslo"))]);
            assert_eq!((step.content, step.output_text), (ContentState::Captured, None));
        }
        let lost = chat().event("gen_ai.content.completion", &none).step();
        assert_eq!(lost.content, ContentState::NotCaptured);
    }

    #[test]
    fn retrieval_carries_texts_without_scores_and_no_name_is_unknown() {
        let step = SpanBuilder::new("retrieve")
            .scope("openlit.instrumentation.chroma")
            .with("gen_ai.operation.name", "retrieval")
            .with("gen_ai.retrieval.query", "tents")
            .with("gen_ai.retrieval.documents", r#"[{"content":"Skarv 2"}]"#)
            .with("gen_ai.environment", "production")
            .step();
        assert_eq!((step.kind, step.convention.as_deref()), (StepKind::Retrieval, Some("openlit")));
        assert_eq!((step.documents[0].text.as_deref(), step.documents[0].score), (Some("Skarv 2"), None));
        assert!(step.unmapped.is_empty());
    }
}
