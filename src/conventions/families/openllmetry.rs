//! OpenLLMetry (Traceloop): indexed `gen_ai.prompt.N` and `gen_ai.completion.N` up to 0.5x, entities of workflows and
//! tasks, vector database events. Its newer releases write GenAI attributes, which `otel_genai` reads.

use super::otel_genai;
use crate::conventions::attribute_namespace::Space;
use crate::conventions::documents::documents;
use crate::conventions::input_output::{read_input, read_output};
use crate::conventions::json_text::{Parsed, parse};
use crate::conventions::json_tree::{Arena, Node};
use crate::conventions::messages::message;
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::span_view::Source;
use crate::conventions::tools::tool_definitions;
use crate::model::{Document, Message, Part, Role, StepKind};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "traceloop.*",
    "llm.request.type",
    "llm.request.functions.*",
    "llm.usage.*",
    "llm.user",
    "llm.headers",
    "llm.is_streaming",
    "llm.frequency_penalty",
    "llm.presence_penalty",
    "llm.chat.stop_sequences",
    "llm.top_k",
    "llm.temperature",
    "llm.top_p",
    "llm.request.*",
    "llm.response.*",
    "llm.prompts",
    "llm.completions",
    "llm.completions.*",
    "llm.vendor",
    "llm.content_filter_results",
    "llm.watsonx.*",
    "gen_ai.completion.*",
    "gen_ai.is_streaming",
    "gen_ai.headers",
    "gen_ai.task.*",
    "gen_ai.openai.api_base",
    "gen_ai.openai.api_version",
    "gen_ai.openai.api_type",
    "gen_ai.user",
    "db.*",
    "vector_db.*",
];

const CREWAI_MODEL: &str = "crewai.llm.model";

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let has_events = source.span.events.iter().any(|event| event.name.starts_with("db."));
    let is_theirs = source.has_space(&[Space::Traceloop, Space::Llm])
        || has_events
        || source.has(CREWAI_MODEL)
        || (source.has_space(&[Space::GenAi]) && is_indexed(source));
    if !is_theirs {
        return None;
    }
    let speaks = has_events || source.has(CREWAI_MODEL) || source.str("llm.request.type").is_some();
    if !source.has_space(&[Space::Traceloop, Space::GenAi]) && !speaks {
        return None;
    }
    let mut parts = Parts { kind: kind(source), ..Parts::default() };
    let input = either_list(source, "gen_ai.prompt.", "llm.prompts.");
    let output = either_list(source, "gen_ai.completion.", "llm.completions.");
    parts.input = Said::structured(input.iter().map(prompt_message).collect());
    parts.output = Said::structured(output.iter().map(|node| completion_message(node, source.scope())).collect());
    parts.finish_reasons =
        output.iter().filter_map(|node| node.str_of(&["finish_reason"]).map(str::to_owned)).collect();
    parts.request_model = source.text(&["llm.request.model", CREWAI_MODEL]);
    parts.response_model = source.text(&["llm.response.model"]);
    parts.tokens = source.tokens();
    let functions = source.list("llm.request.functions.");
    parts.tools = functions.iter().flat_map(tool_definitions).collect();
    if parts.kind.is_none() && (parts.input.is_some() || parts.output.is_some()) {
        parts.inferred_kind = Some(StepKind::Generation);
    }
    parts.entity_name = source.text(&["traceloop.entity.name", "traceloop.workflow.name"]);
    if source.span.name.is_empty() {
        parts.entity_name = None;
    }
    read_entity(source, &mut parts);
    let retrieved = event_documents(source);
    if !retrieved.is_empty() {
        parts.documents = retrieved;
        parts.inferred_kind = Some(StepKind::Retrieval);
    }
    Some(parts)
}

fn is_indexed(source: &Source<'_>) -> bool {
    source.span.attributes.iter().any(|(key, _)| {
        let rest = key.strip_prefix("gen_ai.prompt.").or_else(|| key.strip_prefix("gen_ai.completion."));
        rest.is_some_and(|rest| rest.as_bytes().first().is_some_and(u8::is_ascii_digit))
    })
}

/// `workflow` and `task` only say that the span is no model call; the operation says what it is.
fn kind(source: &Source<'_>) -> Option<StepKind> {
    let by_operation = || source.str("gen_ai.operation.name").and_then(otel_genai::kind_of);
    match source.str("traceloop.span.kind") {
        Some("agent") => Some(StepKind::Agent),
        Some("tool") => Some(StepKind::Tool),
        Some(word @ ("workflow" | "task")) => {
            let otherwise = if word == "workflow" { StepKind::Agent } else { StepKind::Other };
            Some(match by_operation() {
                Some(kind @ (StepKind::Retrieval | StepKind::Embedding | StepKind::Agent | StepKind::Tool)) => kind,
                _ => otherwise,
            })
        }
        _ => match source.str("llm.request.type") {
            Some("chat" | "completion") => Some(StepKind::Generation),
            Some("embedding") => Some(StepKind::Embedding),
            Some("rerank") => Some(StepKind::Retrieval),
            // CrewAI's own span of a call, which names its model and nothing else.
            _ if source.has(CREWAI_MODEL) && source.span.name.strip_suffix(".llm").is_some() => {
                Some(StepKind::Generation)
            }
            _ => by_operation().filter(|kind| *kind != StepKind::Generation),
        },
    }
}

/// The list under the current prefix, else the one under the prefix of the first versions (to 0.15).
fn either_list<'a>(source: &Source<'a>, current: &str, first: &str) -> &'a [Node<'a>] {
    let found = source.list(current);
    if found.is_empty() { source.list(first) } else { found }
}

/// An empty answer of LangChain is written as the JSON of an empty string, one of Anthropic or Cohere as an empty list;
/// what these two answer otherwise is a list of their content parts.
fn completion_message(node: &Node<'_>, scope: &str) -> Message {
    let mut said = message(node, &Role::Assistant);
    let in_parts = scope.contains("anthropic") || scope.contains("cohere");
    let is_empty = |text: &str| text == "\"\"" || (in_parts && text == "[]");
    said.parts.retain(|part| !matches!(part, Part::Text { text } if is_empty(text)));
    if in_parts {
        said.parts = said.parts.into_iter().flat_map(parts_of_text).collect();
    }
    said
}

/// Prompt contents may be JSON lists of OpenAI's content parts; the prompt of a completion stands under its role.
fn prompt_message(node: &Node<'_>) -> Message {
    if let Some(text) = node.str_of(&["user"]).filter(|_| !node.has("role")) {
        return Message::text(Role::User, text);
    }
    let mut said = message(node, &Role::User);
    said.parts = said.parts.into_iter().flat_map(parts_of_text).collect();
    said
}

fn parts_of_text(part: Part) -> Vec<Part> {
    if let Part::Text { text } = &part
        && let Parsed::Tree(Node::List(items)) = parse(text, &Arena::new())
        && !items.is_empty()
        && items.iter().all(|item| item.str_of(&["type"]).is_some())
    {
        let found = crate::conventions::message_parts::parts(&Node::List(items));
        // A model's own JSON may have types of its own.
        if !found.iter().any(|part| matches!(part, Part::Other { .. })) {
            return found;
        }
    }
    vec![part]
}

fn read_entity(source: &Source<'_>, parts: &mut Parts) {
    if parts.kind == Some(StepKind::Generation) {
        return;
    }
    let mut entity = Parts { kind: parts.kind, entity_name: parts.entity_name.clone(), ..Parts::default() };
    for (input, output) in
        [("traceloop.entity.input", "traceloop.entity.output"), ("gen_ai.task.input", "gen_ai.task.output")]
    {
        if entity.input.is_none() {
            read_input(source, input, &mut entity);
        }
        if entity.output.is_none() && entity.documents.is_empty() {
            read_output(source, output, &mut entity);
        }
    }
    parts.absorb(Parts { kind: None, entity_name: None, ..entity });
}

/// Results of vector databases: one event per document.
fn event_documents(source: &Source<'_>) -> Vec<Document> {
    let results =
        source.span.events.iter().filter(|event| matches!(event.name.as_str(), "db.query.result" | "db.search.result"));
    let mut found = Vec::new();
    for event in results {
        let entries = event.attributes.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix("db.query.result.").or_else(|| key.strip_prefix("db.search.result."))?;
            (name != "vector").then(|| (name, source.of_value(value)))
        });
        let entries: Vec<_> = entries.collect();
        found.extend(documents(&Node::Map(&entries)));
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, CutPart, Dropped, Message, Role, StepKind};

    #[test]
    fn completions_that_are_lists_of_content_parts_are_those_parts() {
        let answer = |content: &str| {
            SpanBuilder::new("anthropic.chat")
                .scope("@traceloop/instrumentation-anthropic")
                .with("llm.request.type", "chat")
                .with("gen_ai.completion.0.role", "assistant")
                .with("gen_ai.completion.0.content", content)
                .step()
        };
        let said = answer(r#"[{"type":"text","text":"Wait."},{"type":"tool_use","id":"t1","name":"f","input":{}}]"#);
        assert_eq!(said.output_text.as_deref(), Some("Wait."));
        assert_eq!(said.output.unwrap_or_default()[0].tool_calls().count(), 1);
        assert_eq!(answer("[]").content, ContentState::Empty);
        let own = r#"[{"type":"apple","color":"red"}]"#;
        assert_eq!(answer(own).output_text.as_deref(), Some(own));
    }

    #[test]
    fn a_retrieval_is_told_by_its_operation_alone() {
        let found = r#"{"documents":[{"page_content":"Skarv 2","metadata":{"id":"t2"},"id":"8f14"}],"count":1}"#;
        let step = SpanBuilder::new("retrieve")
            .with("gen_ai.operation.name", "vector_db_retrieve")
            .with("traceloop.entity.output", found)
            .step();
        assert_eq!((step.kind, step.documents[0].id.as_deref()), (StepKind::Retrieval, Some("t2")));
    }

    #[test]
    fn a_call_of_crewai_is_a_generation_by_its_model() {
        let step = SpanBuilder::new("openai/m.llm").with("crewai.llm.model", "openai/m").step();
        assert_eq!((step.kind, step.request_model.as_deref()), (StepKind::Generation, Some("openai/m")));
        assert_eq!(step.content, ContentState::NotCaptured);
    }

    #[test]
    fn the_old_indexed_form_is_read() {
        let step = SpanBuilder::new("openai.chat")
            .with("llm.request.type", "chat")
            .with("gen_ai.system", "OpenAI")
            .with("gen_ai.prompt.0.role", "user")
            .with("gen_ai.prompt.0.content", r#"[{"type":"text","text":"Why?"}]"#)
            .with("gen_ai.completion.0.role", "assistant")
            .with("gen_ai.completion.0.content", "Because.")
            .with("gen_ai.completion.0.finish_reason", "stop")
            .with("llm.request.functions.0.name", "f")
            .step();
        assert_eq!((step.kind, step.provider.as_deref()), (StepKind::Generation, Some("openai")));
        assert_eq!(step.output_text.as_deref(), Some("Because."));
        assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Why?"));
        assert_eq!(step.tools[0].name, "f");
    }

    #[test]
    fn the_first_versions_said_llm_prompts() {
        let step = SpanBuilder::new("openai.chat")
            .with("llm.request.type", "chat")
            .with("llm.request.model", "m")
            .with("llm.prompts.0.role", "user")
            .with("llm.prompts.0.content", "Why?")
            .with("llm.completions.0.role", "assistant")
            .with("llm.completions.0.content", "Because.")
            .with("llm.usage.completion_tokens", 2)
            .step();
        assert_eq!((step.kind, step.convention.as_deref()), (StepKind::Generation, Some("openllmetry")));
        assert_eq!((step.output_text.as_deref(), step.usage.output_tokens), (Some("Because."), Some(2)));
        assert_eq!(step.request_model.as_deref(), Some("m"));
        assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Why?"));
    }

    #[test]
    fn the_prompt_of_a_completion_stands_under_its_role() {
        let step = SpanBuilder::new("openai.completion")
            .with("llm.request.type", "completion")
            .with("gen_ai.prompt.0.user", "2 + 2 =")
            .with("gen_ai.completion.0.content", "4")
            .step();
        assert_eq!(step.input.unwrap_or_default(), [Message::text(Role::User, "2 + 2 =")]);
    }

    #[test]
    fn an_empty_answer_written_as_json_is_empty() {
        let step = SpanBuilder::new("ChatOpenAI.chat")
            .with("llm.request.type", "chat")
            .with("gen_ai.completion.0.role", "unknown")
            .with("gen_ai.completion.0.content", "\"\"")
            .step();
        assert_eq!((step.content, step.output_text.as_deref()), (ContentState::Empty, Some("")));
    }

    #[test]
    fn tool_calls_of_the_old_form_are_objects() {
        let step = SpanBuilder::new("openai.chat")
            .with("llm.request.type", "chat")
            .with("gen_ai.completion.0.role", "assistant")
            .with("gen_ai.completion.0.tool_calls.0.id", "c1")
            .with("gen_ai.completion.0.tool_calls.0.name", "f")
            .with("gen_ai.completion.0.tool_calls.0.arguments", r#"{"a":1}"#)
            .step();
        let call = step.output.as_ref().and_then(|messages| messages[0].tool_calls().next().cloned()).unwrap();
        assert_eq!((call.id.as_deref(), call.arguments), (Some("c1"), serde_json::json!({"a": 1})));
    }

    #[test]
    fn workflow_and_task_say_no_model_call_and_the_operation_says_what() {
        let task =
            || SpanBuilder::new("x").with("traceloop.span.kind", "task").with("traceloop.entity.output", "\"Yes.\"");
        assert_eq!(task().step().kind, StepKind::Other);
        assert_eq!(task().with("gen_ai.operation.name", "chat").step().kind, StepKind::Other);
        assert_eq!(task().with("gen_ai.operation.name", "invoke_agent").step().kind, StepKind::Agent);
        let workflow = SpanBuilder::new("x").with("traceloop.span.kind", "workflow").step();
        assert_eq!(workflow.kind, StepKind::Agent);
    }

    #[test]
    fn a_retriever_task_gives_its_documents_and_query() {
        let step = SpanBuilder::new("vector_db_retrieve r")
            .with("traceloop.span.kind", "task")
            .with("gen_ai.operation.name", "vector_db_retrieve")
            .with("traceloop.entity.input", r#"{"query":"tents","tags":["a"]}"#)
            .with("traceloop.entity.output", r#"{"documents":[{"page_content":"Skarv 2","metadata":{"id":"t2"}}]}"#)
            .step();
        assert_eq!((step.kind, step.documents[0].id.as_deref()), (StepKind::Retrieval, Some("t2")));
        let input = step.input.unwrap_or_default();
        assert_eq!((&input[0].role, input[0].joined_text().as_deref()), (&Role::User, Some("tents")));
    }

    #[test]
    fn results_of_a_vector_database_are_documents() {
        let step = SpanBuilder::new("chroma.query")
            .with("db.system", "chroma")
            .event("db.query.result", &[("db.query.result.id", "t2"), ("db.query.result.document", "Skarv 2")])
            .step();
        assert_eq!(step.kind, StepKind::Retrieval);
        assert_eq!(step.documents[0].text.as_deref(), Some("Skarv 2"));
    }

    #[test]
    fn documents_in_events_that_were_dropped_are_cut() {
        let query = SpanBuilder::new("chroma.query").with("db.system", "chroma");
        let found = query.event("db.query.result", &[("db.query.result.document", "Skarv 2")]);
        let step = found.dropped(Dropped { events: 2, ..Dropped::default() }).step();
        assert!(step.cut.contains(CutPart::Documents));
    }
}
