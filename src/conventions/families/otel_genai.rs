//! OpenTelemetry GenAI semantic conventions, 1.26 to 1.41 and the separate repository's 0.1: attributes of spans, and the
//! same attributes on `gen_ai.client.inference.operation.details` events, wherever those travel.

use super::otel_events;
use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{called, read_input, read_output, returned, strings};
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::messages::{messages, system_messages};
use crate::conventions::partial_step::{Parts, Said, richer};
use crate::conventions::provider::provider;
use crate::conventions::span_view::Source;
use crate::conventions::tools::tool_definitions;
use crate::conventions::usage::{Tokens, of_attributes};
use crate::conventions::{documents::documents, json_tree::Node};
use crate::model::{Attributes, ContentState, Message, ProblemCode, Role, StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.conversation.*",
    "gen_ai.request.*",
    "gen_ai.response.*",
    "gen_ai.output.type",
    "gen_ai.usage.*",
    "gen_ai.aggregated_usage.*",
    "gen_ai.system_instructions",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.tool.*",
    "gen_ai.agent.*",
    "gen_ai.main_agent.*",
    "gen_ai.skill.*",
    "gen_ai.invocation.*",
    "gen_ai.workflow.*",
    "gen_ai.data_source.id",
    "gen_ai.retrieval.*",
    "gen_ai.prompt",
    "gen_ai.prompt.*",
    "gen_ai.completion",
    "gen_ai.embeddings.*",
    "gen_ai.memory.*",
    "gen_ai.evaluation.*",
    "gen_ai.token.*",
    "gen_ai.openai.*",
    "openai.*",
    "gen_ai.system_instructions_ref",
    "gen_ai.input.messages_ref",
    "gen_ai.output.messages_ref",
    "gen_ai.client.*",
    "gen_ai.server.*",
    "gen_ai.invoke_agent.duration",
    "gen_ai.execute_tool.duration",
    "gen_ai.invoke_workflow.duration",
    "gen_ai.user",
    "gen_ai.user.id",
    "gen_ai.thread.id",
    "input",
    "output",
    "azure.*",
    "aws.bedrock.*",
    "anthropic.*",
];

/// Event that carries the content of an inference.
const DETAILS: &str = "gen_ai.client.inference.operation.details";

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let has_events = source.span.events.iter().any(|event| event.name.starts_with("gen_ai."));
    let has_logs = source.logs.iter().any(|log| log.event_name.starts_with("gen_ai."));
    if !source.has_space(&[Space::GenAi]) && !has_events && !has_logs {
        return None;
    }
    let operation = source.text(&["gen_ai.operation.name"]);
    let mut parts = Parts {
        kind: operation.as_deref().and_then(kind_of),
        operation,
        convention: Some(if source.str("gen_ai.provider.name").is_some() { "otel-genai" } else { "otel-genai-legacy" }),
        provider: source.text(&["gen_ai.provider.name", "gen_ai.system"]).map(|name| provider(&name)),
        request_model: source.text(&["gen_ai.request.model"]),
        response_model: source.text(&["gen_ai.response.model"]),
        response_id: source.text(&["gen_ai.response.id"]),
        finish_reasons: finish_reasons(source),
        tokens: source.tokens().or(tokens_of_event(source)),
        prompt_name: source.text(&["gen_ai.prompt.name"]),
        prompt_version: source.text(&["gen_ai.prompt.version"]),
        prompt_variables: prompt_variables(&source.span.attributes),
        ..Parts::default()
    };
    read_content(source, &mut parts);
    read_legacy_content(source, &mut parts);
    parts.inferred_kind = inferred_kind(source, &parts);
    match parts.kind.or(parts.inferred_kind) {
        Some(StepKind::Tool) => read_tool(source, &mut parts),
        Some(StepKind::Retrieval) => read_retrieval(source, &mut parts),
        Some(StepKind::Agent) => {
            parts.entity_name = source.text(&["gen_ai.agent.name", "gen_ai.workflow.name"]);
        }
        _ => {}
    }
    Some(parts)
}

/// Ax writes the usage of a call into an event.
fn tokens_of_event(source: &Source<'_>) -> Tokens {
    let told = source.span.events.iter().find(|event| event.name == "gen_ai.usage");
    told.map(|event| of_attributes(&event.attributes)).unwrap_or_default()
}

/// What an operation makes of its span.
pub(super) fn kind_of(operation: &str) -> Option<StepKind> {
    let operation = operation.trim().to_ascii_lowercase();
    Some(match operation.as_str() {
        "chat" | "generate_content" | "text_completion" | "completion" | "completions" | "generate" | "response"
        | "responses" | "llm_call" | "acompletion" | "atext_completion" | "aresponses" | "anthropic_messages"
        | "chat_completion" | "chat.completions" | "messages" | "llm" | "chat_model" | "call_llm" | "message"
        | "generate_text" | "stream_text" | "converse" | "inference" => StepKind::Generation,
        "embeddings" | "embedding" | "aembedding" | "embed" => StepKind::Embedding,
        "retrieval" | "retrieve" | "retriever" | "rerank" | "arerank" | "reranker" | "vector_db_retrieve"
        | "search_memory" => StepKind::Retrieval,
        "execute_tool" | "tool_call" | "tool" | "load_skill" | "read_skill_resource" => StepKind::Tool,
        "invoke_agent"
        | "create_agent"
        | "invoke_workflow"
        | "agent_step"
        | "agent_call"
        | "agent"
        | "chain"
        | "workflow"
        | "execute_event_loop_cycle"
        | "plan"
        | "handle_conversation_turn"
        | "invoke_swarm"
        | "invoke_graph" => StepKind::Agent,
        "execute_task"
        | "fetch_response"
        | "user_prompt"
        | "system_prompt"
        | "schedule_tool_calls"
        | "task"
        | "parser"
        | "evaluation"
        | "evaluate"
        | "evaluator"
        | "guardrail"
        | "memory"
        | "unknown" => StepKind::Other,
        other if other.ends_with("_memory") || other.ends_with("_memory_store") => StepKind::Other,
        _ => return None,
    })
}

/// A span without an operation that speaks like an inference is one.
fn inferred_kind(source: &Source<'_>, parts: &Parts) -> Option<StepKind> {
    let has = |key: &str| source.has(key);
    if (has("gen_ai.tool.name") || has("gen_ai.skill.name")) && !has("gen_ai.request.model") {
        return Some(StepKind::Tool);
    }
    if has("gen_ai.retrieval.documents") || has("gen_ai.retrieval.query.text") {
        return Some(StepKind::Retrieval);
    }
    if has("gen_ai.agent.name") && !has("gen_ai.response.id") {
        return Some(StepKind::Agent);
    }
    if parts.input.as_ref().is_some_and(Said::is_structured) {
        return Some(StepKind::Generation);
    }
    let answered = parts.output.as_ref().is_some_and(Said::is_structured)
        || has("gen_ai.completion")
        || has("gen_ai.response.id")
        || has("gen_ai.response.finish_reasons");
    let asked = parts.input.is_some() || parts.tokens.output.is_some() || has("gen_ai.response.model");
    let calls = has("gen_ai.request.model") && (asked || is_named_as_call(source));
    (answered || calls).then_some(StepKind::Generation)
}

/// Whether a span that names a model is called what model calls are called: `completion gpt-5`, `chat gpt-5`. A call that
/// failed says little else.
fn is_named_as_call(source: &Source<'_>) -> bool {
    let first = source.span.name.split(' ').next().unwrap_or_default();
    kind_of(first) == Some(StepKind::Generation)
}

/// Why the answers ended; early producers told of one only.
fn finish_reasons(source: &Source<'_>) -> Vec<String> {
    let all = strings(source, &source.span.attributes, "gen_ai.response.finish_reasons");
    if all.is_empty() { source.text(&["gen_ai.response.finish_reason"]).into_iter().collect() } else { all }
}

/// The span's own attributes, then those of every details event, which may hold one piece each.
fn carriers<'a>(source: &Source<'a>) -> impl Iterator<Item = &'a Attributes> {
    let events = source.span.events.iter().filter(|event| event.name == DETAILS).map(|event| &event.attributes);
    let logs = source.logs.iter().filter(|log| log.event_name == DETAILS).map(|log| &log.attributes);
    std::iter::once(&source.span.attributes).chain(events).chain(logs)
}

fn read_content(source: &Source<'_>, parts: &mut Parts) {
    for carrier in carriers(source) {
        if let Some(node) = source.node_of(carrier, "gen_ai.system_instructions") {
            let system = system_messages(&source.unfold(node));
            if system.len() > parts.system.len() {
                parts.system = system;
            }
        }
        let input = read_messages(source, carrier, "gen_ai.input.messages", &Role::User);
        parts.input = richer(parts.input.take(), input);
        let output = read_messages(source, carrier, "gen_ai.output.messages", &Role::Assistant);
        parts.output = richer(parts.output.take(), output);
        if let Some(node) = source.node_of(carrier, "gen_ai.tool.definitions")
            && parts.tools.is_empty()
        {
            parts.tools = tool_definitions(&node);
        }
        if parts.response_id.is_none() {
            parts.response_id = carrier.str("gen_ai.response.id").filter(|id| !id.is_empty()).map(str::to_owned);
        }
        if parts.finish_reasons.is_empty() {
            parts.finish_reasons = strings(source, carrier, "gen_ai.response.finish_reasons");
        }
        if parts.output.is_none() && carrier.contains("gen_ai.output.messages_ref") {
            parts.absence = Some(ContentState::Reference);
        }
    }
    for message in parts.output.iter().flat_map(|said| &said.messages) {
        if parts.finish_reasons.is_empty()
            && let Some(reason) = &message.finish_reason
        {
            parts.finish_reasons.push(reason.clone());
        }
    }
}

fn read_messages(source: &Source<'_>, carrier: &Attributes, key: &str, speaker: &Role) -> Option<Said> {
    // Text that is one message, or JSON in JSON.
    let node = source.unfold(source.node_of(carrier, key)?);
    let told: Vec<Node<'_>>;
    let found = match node {
        Node::List(items) if items.iter().any(is_without_content) => {
            told = items.iter().filter(|message| !is_without_content(message)).copied().collect();
            messages(&Node::List(&told), speaker)
        }
        _ => messages(&node, speaker),
    };
    if found.iter().any(|message: &Message| message.parts.iter().any(super::is_unknown_part)) {
        source.report(ProblemCode::UnknownMessagePart, format!("{key} holds a part of a type that is not known"));
    }
    Said::structured(found)
}

/// Whether a message lists text parts that all lack the key of their text: its producer was told not to capture content.
/// An empty text has the key.
fn is_without_content(message: &Node<'_>) -> bool {
    let parts = message.get("parts").and_then(Node::as_list).unwrap_or_default();
    let is_bare = |part: &Node<'_>| part.str_of(&["type"]) == Some("text") && !part.has("content") && !part.has("text");
    !parts.is_empty() && parts.iter().all(is_bare)
}

/// Content as it was written before 1.37, and the generic fields that some producers add.
fn read_legacy_content(source: &Source<'_>, parts: &mut Parts) {
    let events = otel_events::read(source);
    parts.input = richer(parts.input.take(), events.input);
    parts.output = richer(parts.output.take(), events.output);
    if parts.finish_reasons.is_empty() {
        parts.finish_reasons = events.finish_reasons;
    }
    let mut generic = Parts { kind: parts.kind, entity_name: source.text(&["gen_ai.tool.name"]), ..Parts::default() };
    // LangSmith's runs stand under the same names; its own family reads them by the kind of run.
    if source.has_space(&[Space::Langsmith]) {
        return;
    }
    if parts.input.is_none() {
        for key in ["gen_ai.prompt", "gen_ai.content.prompt", "input"] {
            if generic.input.is_none() {
                read_input(source, key, &mut generic);
            }
        }
    }
    if parts.output.is_none() {
        for key in ["gen_ai.completion", "output"] {
            if generic.output.is_none() {
                read_output(source, key, &mut generic);
            }
        }
    }
    if generic.output.is_none() && parts.output.is_none() && source.raw_str("gen_ai.completion") == Some("") {
        generic.output = Some(Said::text(Role::Assistant, ""));
    }
    parts.absorb(Parts { kind: None, entity_name: None, ..generic });
}

fn prompt_variables(attributes: &Attributes) -> Vec<(String, String)> {
    attributes.with_prefix("gen_ai.prompt.variable.").map(|(name, value)| (name.to_owned(), value.display())).collect()
}

fn read_tool(source: &Source<'_>, parts: &mut Parts) {
    let name = source.text(&["gen_ai.tool.name", "gen_ai.skill.name"]);
    parts.entity_name.clone_from(&name);
    let id = source.text(&["gen_ai.tool.call.id"]);
    let argument_keys = ["gen_ai.tool.call.arguments", "gen_ai.tool.args", "gen_ai.tool.input", "tool_arguments"];
    if let Some(given) = argument_keys.iter().find_map(|key| source.unfolded(key)) {
        // OpenLLMetry wraps the arguments in LangChain's callback parameters.
        let given = match given.get("inputs").filter(|_| given.has("input_str")) {
            Some(inner) => *inner,
            None => given,
        };
        let call = ToolCall { id: id.clone(), name: name.clone().unwrap_or_default(), arguments: arguments(&given) };
        parts.input = Some(called(call));
    }
    let result_keys = ["gen_ai.tool.call.result", "gen_ai.tool.output", "tool_response"];
    if let Some(result) = result_keys.iter().find_map(|key| source.unfolded(key)) {
        let wrapped = result.at(&["output", "kwargs", "content"]).unwrap_or(&result);
        parts.output = Some(returned(id, name, plain_text(wrapped)));
    }
}

fn read_retrieval(source: &Source<'_>, parts: &mut Parts) {
    parts.entity_name = source.text(&["gen_ai.data_source.id"]);
    if let Some(node) = source.unfolded("gen_ai.retrieval.documents") {
        parts.documents = documents(&node);
    }
    let query = source.text(&["gen_ai.retrieval.query.text", "gen_ai.retrieval.query", "gen_ai.memory.query.text"]);
    if let Some(query) = query {
        parts.input = Some(Said::text(Role::User, query));
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::{SpanBuilder, log};
    use crate::model::{ContentState, ProblemCode, StepKind, Value};

    const ANSWER: &str =
        r#"[{"role":"assistant","parts":[{"type":"text","content":"Canberra."}],"finish_reason":"stop"}]"#;

    fn chat() -> SpanBuilder {
        SpanBuilder::new("chat m").with("gen_ai.operation.name", "chat").with("gen_ai.provider.name", "openai")
    }

    #[test]
    fn the_default_of_the_convention_is_no_content_and_no_empty_answer() {
        let step = chat().with("gen_ai.response.id", "r1").with("gen_ai.usage.output_tokens", 2).step();
        assert_eq!((step.kind, step.content), (StepKind::Generation, ContentState::NotCaptured));
        assert_eq!(step.output_text, None);
    }

    #[test]
    fn an_answer_without_text_is_empty() {
        let empty = r#"[{"role":"assistant","parts":[{"type":"text","content":""}],"finish_reason":"stop"}]"#;
        let step = chat().with("gen_ai.output.messages", empty).step();
        assert_eq!((step.content, step.output_text.as_deref()), (ContentState::Empty, Some("")));
    }

    #[test]
    fn pieces_on_several_events_are_put_together() {
        let details = "gen_ai.client.inference.operation.details";
        let step = chat()
            .event(details, &[("gen_ai.system_instructions", r#"[{"type":"text","content":"Be brief."}]"#)])
            .event(
                details,
                &[("gen_ai.input.messages", r#"[{"role":"user","parts":[{"type":"text","content":"?"}]}]"#)],
            )
            .event(details, &[("gen_ai.output.messages", ANSWER)])
            .step();
        assert_eq!(step.input.unwrap_or_default().len(), 2);
        assert_eq!(step.output_text.as_deref(), Some("Canberra."));
    }

    #[test]
    fn the_same_messages_on_the_span_and_in_a_log_are_taken_once() {
        let step = chat().with("gen_ai.output.messages", ANSWER).step_with(&[log(
            "gen_ai.client.inference.operation.details",
            Value::Empty,
            &[("gen_ai.output.messages", ANSWER)],
        )]);
        assert_eq!(step.output.unwrap_or_default().len(), 1);
    }

    #[test]
    fn cut_off_messages_are_reported_and_not_judged() {
        let step = chat().with("gen_ai.output.messages", &ANSWER[..50]).step();
        assert_eq!((step.content, step.output_text), (ContentState::NotCaptured, None));
        assert_eq!(step.problems[0].code, ProblemCode::TruncatedJson);
    }

    #[test]
    fn a_failed_call_has_an_error_and_no_answer() {
        let step = chat().with("error.type", "RateLimitError").with("gen_ai.output.messages", ANSWER).step();
        assert_eq!((step.error.as_deref(), step.output_text), (Some("RateLimitError"), None));
    }

    #[test]
    fn an_agent_that_repeats_the_answer_is_no_generation() {
        let step = SpanBuilder::new("invoke_agent a")
            .with("gen_ai.operation.name", "invoke_agent")
            .with("gen_ai.agent.name", "a")
            .with("gen_ai.output.messages", ANSWER)
            .step();
        assert_eq!((step.kind, step.entity_name.as_deref()), (StepKind::Agent, Some("a")));
    }

    #[test]
    fn a_tool_span_tells_its_call_and_result() {
        let step = SpanBuilder::new("execute_tool f")
            .with("gen_ai.operation.name", "execute_tool")
            .with("gen_ai.tool.name", "f")
            .with("gen_ai.tool.call.arguments", r#"{"a":1}"#)
            .with("gen_ai.tool.call.result", "two")
            .step();
        let call = step.input.as_ref().and_then(|messages| messages[0].tool_calls().next().cloned()).unwrap();
        assert_eq!(call.arguments, serde_json::json!({"a": 1}));
        assert_eq!(step.output.unwrap_or_default()[0].joined_text().as_deref(), Some("two"));
    }

    #[test]
    fn content_kept_elsewhere_is_a_reference() {
        let step = chat().with("gen_ai.output.messages_ref", "s3://bucket/1.json").step();
        assert_eq!(step.content, ContentState::Reference);
    }
}
