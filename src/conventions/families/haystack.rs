//! Haystack's own tracing: components with JSON inputs and outputs.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::documents::documents;
use crate::conventions::input_output::{called, returned};
use crate::conventions::json_tree::Node;
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::provider_payloads::{query_text, request, response};
use crate::conventions::python_repr;
use crate::conventions::span_view::Source;
use crate::conventions::usage::of_node;
use crate::model::{Role, StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["haystack.*"];

/// What the model of an agent's step was asked (printed by Python) and answered (JSON).
const STEP_INPUT: &str = "haystack.agent.step.llm.input";
const STEP_OUTPUT: &str = "haystack.agent.step.llm.output";

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Haystack]) {
        return None;
    }
    let class = source.str("haystack.component.type").unwrap_or_default();
    let mut parts = Parts {
        kind: kind_of(source, class),
        entity_name: source.text(&["haystack.component.name", "haystack.pipeline.name"]),
        ..Parts::default()
    };
    let input_keys = ["haystack.component.input", "haystack.agent.input", "haystack.pipeline.input_data", STEP_INPUT];
    let output_keys =
        ["haystack.component.output", "haystack.agent.output", "haystack.pipeline.output_data", STEP_OUTPUT];
    let printed = source.str(STEP_INPUT).and_then(|text| python_repr::parse(text, source.arena()));
    let input = printed.or_else(|| input_keys.iter().find_map(|key| source.unfolded(key)));
    let output = output_keys.iter().find_map(|key| source.unfolded(key));
    match parts.kind {
        Some(StepKind::Retrieval) => {
            parts.input = input.as_ref().and_then(query_text).map(|text| Said::text(Role::User, text));
            parts.documents = output.as_ref().map(documents).unwrap_or_default();
        }
        Some(StepKind::Generation | StepKind::Agent) => {
            parts.input = input.as_ref().and_then(request).and_then(|read| Said::structured(read.messages));
            if let Some(node) = &output {
                read_replies(node, &mut parts);
            }
        }
        Some(StepKind::Tool) => read_step_tool(source, &mut parts),
        _ => {}
    }
    Some(parts)
}

/// A call of a tool in a step of an agent.
fn read_step_tool(source: &Source<'_>, parts: &mut Parts) {
    let Some(name) = source.text(&["haystack.tool.name"]) else { return };
    if let Some(given) = source.node("haystack.agent.step.tool.input") {
        let call = ToolCall { id: None, name: name.clone(), arguments: arguments(&source.unfold(given)) };
        parts.input = Some(called(call));
    }
    if let Some(result) = source.node("haystack.agent.step.tool.output") {
        parts.output = Some(returned(None, Some(name.clone()), plain_text(&result)));
    }
    parts.entity_name = Some(name);
}

fn kind_of(source: &Source<'_>, class: &str) -> Option<StepKind> {
    if class.is_empty() {
        if source.str(STEP_OUTPUT).is_some() || source.str(STEP_INPUT).is_some() {
            return Some(StepKind::Generation);
        }
        if source.str("haystack.tool.name").is_some() {
            return Some(StepKind::Tool);
        }
        let spans_others = ["haystack.agent.input", "haystack.agent.output", "haystack.pipeline.input_data"];
        return spans_others.iter().any(|key| source.has(key)).then_some(StepKind::Agent);
    }
    Some(match class {
        _ if class.ends_with("Retriever") || class.ends_with("Ranker") || class.ends_with("WebSearch") => {
            StepKind::Retrieval
        }
        _ if class.ends_with("Generator") => StepKind::Generation,
        _ if class.ends_with("Embedder") => StepKind::Embedding,
        "ToolInvoker" => StepKind::Tool,
        "Agent" => StepKind::Agent,
        _ => StepKind::Other,
    })
}

fn read_replies(node: &Node<'_>, parts: &mut Parts) {
    if let Some(read) = response(node) {
        parts.output = Said::structured(read.messages);
        parts.finish_reasons = read.finish_reasons;
    }
    // Model and usage stand in the metadata of the first reply.
    let reply = node.get("replies").and_then(Node::as_list).and_then(<[Node<'_>]>::first);
    let meta = reply
        .and_then(|reply| reply.first_of(&["meta", "_meta"]))
        .or_else(|| node.get("meta").and_then(|meta| meta.as_list().and_then(<[Node<'_>]>::first).or(Some(meta))));
    if let Some(meta) = meta {
        parts.response_model = meta.str_of(&["model"]).map(str::to_owned);
        parts.finish_reasons.extend(meta.str_of(&["finish_reason"]).map(str::to_owned));
        parts.tokens = meta.get("usage").map(of_node).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{Message, StepKind};

    #[test]
    fn steps_of_an_agent_are_calls() {
        let asked = "{'messages': [ChatMessage(_role=<ChatRole.USER: 'user'>, _content=[TextContent(text='Weather?')], _name=None, _meta={})], 'tools': None}";
        let replied = r#"{"replies":[{"role":"assistant","meta":{"finish_reason":"tool_calls"},"content":[{"tool_call":{"tool_name":"weather","arguments":{"city":"Bergen"},"id":"c1"}}]}]}"#;
        let step = SpanBuilder::new("haystack.agent.step.llm")
            .with("haystack.agent.step.llm.input", asked)
            .with("haystack.agent.step.llm.output", replied)
            .step();
        assert_eq!(step.kind, StepKind::Generation);
        assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Weather?"));
        assert_eq!(step.output.unwrap_or_default()[0].tool_calls().next().unwrap().name, "weather");
        let tool = SpanBuilder::new("haystack.agent.step.tool")
            .with("haystack.tool.name", "weather")
            .with("haystack.agent.step.tool.input", r#"{"city":"Bergen"}"#)
            .with("haystack.agent.step.tool.output", "rain")
            .step();
        let call = tool.input.iter().flatten().flat_map(Message::tool_calls).next().unwrap();
        assert_eq!((tool.kind, call.arguments["city"].as_str()), (StepKind::Tool, Some("Bergen")));
    }

    fn component(class: &str) -> SpanBuilder {
        SpanBuilder::new("haystack.component.run").with("haystack.component.type", class)
    }

    #[test]
    fn generators_and_retrievers_are_told_by_their_class() {
        let step = component("OpenAIChatGenerator")
            .with("haystack.component.input", r#"{"messages":[{"role":"user","content":[{"text":"Why?"}]}]}"#)
            .with("haystack.component.output", r#"{"replies":[{"role":"assistant","content":[{"text":"Because."}],"meta":{"model":"m-2024","usage":{"prompt_tokens":5}}}]}"#)
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!((step.response_model.as_deref(), step.usage.input_tokens), (Some("m-2024"), Some(5)));
        let found = component("InMemoryBM25Retriever")
            .with("haystack.component.input", r#"{"query":"tents"}"#)
            .with(
                "haystack.component.output",
                r#"{"documents":[{"id":"t2","content":"Skarv 2","score":0.5,"meta":{}}]}"#,
            )
            .step();
        assert_eq!((found.kind, found.documents[0].score), (StepKind::Retrieval, Some(0.5)));
    }
}
