//! Vercel AI SDK 3 to 6: `ai.*` attributes. SDK 7 writes GenAI attributes.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::documents::documents;
use crate::conventions::input_output::{called, returned};
use crate::conventions::json_tree::Node;
use crate::conventions::message_parts::{arguments, plain_text, tool_call};
use crate::conventions::messages::system_messages;
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::provider::provider;
use crate::conventions::provider_payloads::request;
use crate::conventions::span_view::Source;
use crate::conventions::tools::tool_definitions;
use crate::conventions::usage::of_node;
use crate::model::{Message, Part, Role, StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["ai.*", "operation.name", "resource.name"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Ai]) {
        return None;
    }
    let operation = source.str("ai.operationId");
    let mut parts = Parts {
        kind: operation.and_then(kind_of),
        provider: source.text(&["ai.model.provider"]).map(|name| provider(&name)),
        request_model: source.text(&["ai.model.id", "ai.settings.model"]),
        response_model: source.text(&["ai.response.model"]),
        response_id: source.text(&["ai.response.id"]),
        finish_reasons: source.text(&["ai.response.finishReason", "ai.finishReason"]).into_iter().collect(),
        tokens: source.tokens(),
        entity_name: source.text(&["ai.toolCall.name", "ai.telemetry.functionId", "resource.name"]),
        ..Parts::default()
    };
    if let Some(metadata) = source.node("ai.response.providerMetadata") {
        parts.tokens = parts.tokens.or(cache_of_provider(&source.unfold(metadata)));
    }
    match parts.kind {
        Some(StepKind::Tool) => read_tool(source, &mut parts),
        Some(StepKind::Retrieval) => read_rerank(source, &mut parts),
        Some(StepKind::Embedding) => {}
        _ => read_conversation(source, &mut parts),
    }
    if parts.kind.is_none() && parts.output.is_some() && source.str("ai.response.id").is_some() {
        parts.inferred_kind = Some(StepKind::Generation);
    }
    Some(parts)
}

/// Only the inner spans are model calls; the outer ones span whole tool loops.
fn kind_of(operation: &str) -> Option<StepKind> {
    Some(match operation {
        _ if operation.starts_with("ai.embed") => StepKind::Embedding,
        _ if operation.starts_with("ai.rerank") => StepKind::Retrieval,
        "ai.toolCall" => StepKind::Tool,
        _ if operation.ends_with(".doGenerate") || operation.ends_with(".doStream") => StepKind::Generation,
        _ if operation.starts_with("ai.") => StepKind::Agent,
        _ => return None,
    })
}

fn read_conversation(source: &Source<'_>, parts: &mut Parts) {
    let prompt = ["ai.prompt.messages", "ai.prompt"].iter().find_map(|key| source.unfolded(key));
    if let Some(node) = prompt {
        if let Some(system) = node.get("system") {
            parts.system = system_messages(system);
        }
        let messages = request(&node).map(|read| read.messages).unwrap_or_default();
        let messages: Vec<Message> = messages.into_iter().filter(|said| parts.system.first() != Some(said)).collect();
        parts.input = Said::structured(messages).or_else(|| Some(Said::text(Role::User, node.to_text())));
    }
    if let Some(tools) = source.node("ai.prompt.tools") {
        parts.tools = tool_definitions(&tools);
    }
    parts.output = answer(source);
}

/// The answer is spread over attributes by its parts; an attribute that is there but empty is an empty answer.
fn answer(source: &Source<'_>) -> Option<Said> {
    let text = ["ai.response.text", "ai.result.text", "ai.response.object", "ai.result.object"]
        .iter()
        .find_map(|key| source.raw_str(key));
    let calls = ["ai.response.toolCalls", "ai.result.toolCalls"].iter().find_map(|key| source.unfolded(key));
    if text.is_none() && calls.is_none() {
        return None;
    }
    let mut parts = Vec::new();
    if let Some(reasoning) = source.str("ai.response.reasoning").or_else(|| source.str("ai.response.reasoningText")) {
        parts.push(Part::Reasoning { text: reasoning.to_owned() });
    }
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        parts.push(Part::Text { text: text.to_owned() });
    }
    if let Some(Node::List(calls)) = calls {
        parts.extend(calls.iter().filter_map(tool_call).map(Part::ToolCall));
    }
    let finish_reason = source.text(&["ai.response.finishReason", "ai.finishReason"]);
    Said::structured(vec![Message { role: Role::Assistant, name: None, parts, finish_reason }])
}

fn read_tool(source: &Source<'_>, parts: &mut Parts) {
    let id = source.text(&["ai.toolCall.id"]);
    let name = source.text(&["ai.toolCall.name"]);
    if let Some(given) = ["ai.toolCall.args", "ai.toolCall.input"].iter().find_map(|key| source.node(key)) {
        let call = ToolCall { id: id.clone(), name: name.clone().unwrap_or_default(), arguments: arguments(&given) };
        parts.input = Some(called(call));
    }
    if let Some(result) = ["ai.toolCall.result", "ai.toolCall.output"].iter().find_map(|key| source.node(key)) {
        parts.output = Some(returned(id, name, plain_text(&result)));
    }
}

/// The documents that went in, in the order of the ranking that came out.
fn read_rerank(source: &Source<'_>, parts: &mut Parts) {
    parts.input = source.text(&["ai.query"]).map(|query| Said::text(Role::User, query));
    let given = source.unfolded("ai.documents");
    let mut given = given.map(|node| documents(&unpacked(source, node))).unwrap_or_default();
    let ranking = source.unfolded("ai.ranking").map(|node| unpacked(source, node));
    if let Some(Node::List(ranking)) = ranking {
        let ranked = ranking.iter().filter_map(|entry| {
            let at = usize::try_from(entry.first_of(&["originalIndex", "index"])?.as_i64()?).ok()?;
            let mut document = given.get(at)?.clone();
            document.score = entry.first_of(&["score", "relevanceScore"]).and_then(Node::as_f64);
            Some(document)
        });
        let ranked: Vec<_> = ranked.collect();
        if !ranked.is_empty() {
            given = ranked;
        }
    }
    parts.documents = given;
}

/// A list whose items are JSON text becomes a list of what the texts hold.
fn unpacked<'a>(source: &Source<'a>, node: Node<'a>) -> Node<'a> {
    match node {
        Node::List(items) => {
            let items = items.iter().map(|item| source.unfold(*item));
            Node::List(source.arena().alloc_slice_fill_iter(items))
        }
        other => other,
    }
}

/// Cache tokens that only the provider's own metadata tells; the other counts are the SDK's.
fn cache_of_provider(metadata: &Node<'_>) -> crate::conventions::usage::Tokens {
    let usage = metadata.at(&["anthropic", "usage"]).or_else(|| metadata.at(&["bedrock", "usage"]));
    let told = usage.map(of_node).unwrap_or_default();
    crate::conventions::usage::Tokens { input: None, output: None, ..told }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, StepKind};

    fn inner() -> SpanBuilder {
        SpanBuilder::new("ai.generateText.doGenerate").with("ai.operationId", "ai.generateText.doGenerate")
    }

    #[test]
    fn the_inner_span_is_the_call_and_the_outer_one_is_not() {
        let step = inner()
            .with("ai.model.provider", "openai.responses")
            .with("ai.prompt.messages", r#"[{"role":"user","content":[{"type":"text","text":"Why?"}]}]"#)
            .with("ai.response.text", "Because.")
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!(step.provider.as_deref(), Some("openai"));
        let outer = SpanBuilder::new("ai.generateText")
            .with("ai.operationId", "ai.generateText")
            .with("ai.prompt", r#"{"system":"Be brief.","prompt":"Why?"}"#)
            .with("ai.response.text", "Because.")
            .step();
        assert_eq!((outer.kind, outer.input.unwrap_or_default().len()), (StepKind::Agent, 2));
    }

    #[test]
    fn tool_calls_are_the_answer_of_a_call_that_asks_for_them() {
        let step = inner()
            .with("ai.response.text", "")
            .with("ai.response.toolCalls", r#"[{"toolCallId":"c1","toolName":"f","input":"{\"a\":1}"}]"#)
            .step();
        let call = step.output.as_ref().and_then(|messages| messages[0].tool_calls().next().cloned()).unwrap();
        assert_eq!((step.content, call.arguments), (ContentState::Captured, serde_json::json!({"a": 1})));
    }

    #[test]
    fn an_empty_text_is_an_empty_answer_and_a_missing_one_is_not_captured() {
        assert_eq!(inner().with("ai.response.text", "").step().content, ContentState::Empty);
        assert_eq!(inner().step().content, ContentState::NotCaptured);
    }

    #[test]
    fn structured_output_stays_the_text_it_came_as() {
        let step = inner().with("ai.response.object", r#"{"sum": 3}"#).step();
        assert_eq!(step.output_text.as_deref(), Some(r#"{"sum": 3}"#));
    }

    #[test]
    fn a_reranking_orders_its_documents() {
        let step = SpanBuilder::new("ai.rerank")
            .with("ai.operationId", "ai.rerank")
            .with("ai.documents", r#"["one","two"]"#)
            .with("ai.ranking", r#"[{"originalIndex":1,"score":0.9},{"originalIndex":0,"score":0.1}]"#)
            .step();
        let texts: Vec<_> = step.documents.iter().filter_map(|document| document.text.as_deref()).collect();
        assert_eq!((step.kind, texts), (StepKind::Retrieval, vec!["two", "one"]));
    }
}
