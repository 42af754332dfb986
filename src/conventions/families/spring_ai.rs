//! Spring AI 1 and 2: its own kinds and tool attributes, and content that observation handlers write into the bodies of
//! log records, as a list of texts without roles and without escaping.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::finish_reasons::is_tool_call;
use crate::conventions::input_output::{called, returned, strings};
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::span_view::Source;
use crate::model::{Document, LogRecord, Message, Role, StepKind, ToolCall};

pub(super) const KNOWN: &[&str] = &["spring.ai.*"];

/// The handlers of the model and of the vector store; their twins of the chat client tell the same once more.
const PROMPT: &str = "ChatModelPromptContentObservationHandler";
const COMPLETION: &str = "ChatModelCompletionObservationHandler";
const DOCUMENTS: &str = "VectorStoreQueryResponseObservationHandler";

/// What stands between two texts of a list.
const SEPARATOR: &str = "\", \"";

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let has_logs = source.logs.iter().any(|log| log.scope.name.starts_with("org.springframework.ai."));
    if !source.has_space(&[Space::Spring]) && !has_logs {
        return None;
    }
    let mut parts = Parts::default();
    match source.str("spring.ai.kind") {
        Some("tool_call") => read_tool(source, &mut parts),
        Some("vector_store") => read_query(source, &mut parts),
        Some(_) => parts.kind = Some(StepKind::Agent),
        None => read_call(source, &mut parts),
    }
    Some(parts)
}

fn read_tool(source: &Source<'_>, parts: &mut Parts) {
    parts.kind = Some(StepKind::Tool);
    let name = source.text(&["spring.ai.tool.definition.name"]);
    let id = source.text(&["spring.ai.tool.call.id"]);
    parts.entity_name.clone_from(&name);
    if let Some(given) = source.unfolded("spring.ai.tool.call.arguments") {
        let call = ToolCall { id: id.clone(), name: name.clone().unwrap_or_default(), arguments: arguments(&given) };
        parts.input = Some(called(call));
    }
    if let Some(result) = source.unfolded("spring.ai.tool.call.result") {
        parts.output = Some(returned(id, name, plain_text(&result)));
    }
}

/// Only queries retrieve; `add` and `delete` are spans of a vector store too.
fn read_query(source: &Source<'_>, parts: &mut Parts) {
    if source.str("db.operation.name") != Some("query") {
        parts.kind = Some(StepKind::Other);
        return;
    }
    parts.kind = Some(StepKind::Retrieval);
    parts.entity_name = source.text(&["db.collection.name", "db.system"]);
    parts.input = source.text(&["db.vector.query.content"]).map(|text| Said::text(Role::User, text));
    let document = |text: String| Document { text: Some(text), ..Document::default() };
    parts.documents = texts_of(source, DOCUMENTS).unwrap_or_default().into_iter().map(document).collect();
}

fn read_call(source: &Source<'_>, parts: &mut Parts) {
    if let Some(asked) = texts_of(source, PROMPT) {
        parts.input = Said::structured(asked.into_iter().map(|text| Message::text(Role::User, text)).collect());
    }
    let Some(inside) = list_of(source, COMPLETION) else { return };
    let reasons = strings(source, &source.span.attributes, "gen_ai.response.finish_reasons");
    // Every answer has its reason to end: one answer is one text, whatever it contains.
    let first = if reasons.len() == 1 { Some(inside).filter(|text| is_text(text)) } else { split(inside).next() };
    let said: Vec<Message> = match first {
        Some(first) => vec![Message::text(Role::Assistant, first)],
        // The handler leaves empty texts out: nothing was said, unless a tool was asked for.
        None if reasons.iter().any(|reason| is_tool_call(reason)) => return,
        None => vec![Message { role: Role::Assistant, name: None, parts: Vec::new(), finish_reason: None }],
    };
    parts.output = Said::structured(said);
}

/// The texts in the body of the newest record of a handler.
fn texts_of(source: &Source<'_>, handler: &str) -> Option<Vec<String>> {
    Some(split(list_of(source, handler)?).map(str::to_owned).collect())
}

/// What stands between the outermost quotes of the newest record of a handler, which is `Title:`, a line break, and
/// `["…", "…"]`; empty where the list is.
fn list_of<'a>(source: &Source<'a>, handler: &str) -> Option<&'a str> {
    let is_of = |log: &&LogRecord| log.scope.name.rsplit('.').next() == Some(handler);
    let body = source.logs.iter().rfind(is_of)?.body.as_str()?;
    let (_, list) = body.split_once(":\n")?;
    let inside = list.trim().strip_prefix('[')?.strip_suffix(']')?;
    Some(inside.strip_prefix('"').and_then(|inside| inside.strip_suffix('"')).unwrap_or_default())
}

/// The texts of a list. Quotes inside a text are not escaped, so that the separator may stand in one, as in all JSON.
fn split(inside: &str) -> impl Iterator<Item = &str> {
    let texts = with_paired_quotes(inside).unwrap_or_else(|| inside.split(SEPARATOR).collect());
    texts.into_iter().filter(|text| is_text(text))
}

/// The shortest texts whose quotes come in pairs; `None` where those of the last one do not.
fn with_paired_quotes(inside: &str) -> Option<Vec<&str>> {
    let is_odd = |piece: &str| piece.matches('"').count() % 2 == 1;
    let mut texts = Vec::new();
    let (mut from, mut seen, mut is_open) = (0, 0, false);
    for (at, _) in inside.match_indices(SEPARATOR) {
        is_open ^= is_odd(&inside[seen..at]);
        seen = at + SEPARATOR.len();
        if !is_open {
            texts.push(&inside[from..at]);
            from = seen;
        }
    }
    texts.push(&inside[from..]);
    (is_open == is_odd(&inside[seen..])).then_some(texts)
}

fn is_text(text: &str) -> bool {
    !matches!(text, "" | "null")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::conventions::testing::{SpanBuilder, log};
    use crate::model::{ContentState, LogRecord, Message, Scope, StepKind};

    fn record(handler: &str, body: &str) -> LogRecord {
        let name = format!("org.springframework.ai.chat.observation.{handler}");
        LogRecord { scope: Arc::new(Scope { name, version: String::new() }), ..log("", body.into(), &[]) }
    }

    fn chat(reason: &str) -> SpanBuilder {
        SpanBuilder::new("chat m")
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.request.model", "m")
            .with("gen_ai.response.finish_reasons", reason)
    }

    #[test]
    fn content_in_log_bodies_is_read_by_the_handler_that_wrote_it() {
        let logs = [
            record(super::PROMPT, "Chat Model Prompt Content:\n[\"Be brief.\", \"Why \"now\"?\"]"),
            record(super::COMPLETION, "Chat Model Completion:\n[\"Because.\"]"),
            record("ChatClientCompletionObservationHandler", "Chat Client Completion:\n[\"Told twice.\"]"),
        ];
        let step = chat("[\"STOP\"]").step_with(&logs);
        assert_eq!(step.output_text.as_deref(), Some("Because."));
        assert_eq!(step.input.unwrap_or_default()[1].joined_text().as_deref(), Some("Why \"now\"?"));
        assert_eq!(step.finish_reasons, ["stop"]);
    }

    #[test]
    fn a_separator_inside_a_text_does_not_cut_it() {
        let json = r#"{"carrier": "Nord", "days": ["Mon", "Tue"]}"#;
        let logs = [
            record(super::PROMPT, &format!("Chat Model Prompt Content:\n[\"Be brief.\", \"Check {json}.\"]")),
            record(super::COMPLETION, &format!("Chat Model Completion:\n[\"{json}\"]")),
        ];
        let asked = ["Be brief.".to_owned(), format!("Check {json}.")];
        for reasons in ["[\"STOP\"]", ""] {
            let step = chat(reasons).step_with(&logs);
            assert_eq!(step.output_text.as_deref(), Some(json), "{reasons}");
            let input: Vec<String> = step.input.iter().flatten().filter_map(Message::joined_text).collect();
            assert_eq!(input, asked);
        }
        let inches = [record(super::PROMPT, "Chat Model Prompt Content:\n[\"A 5\" pipe.\", \"Which?\"]")];
        assert_eq!(chat("").step_with(&inches).input.map(|messages| messages.len()), Some(2));
    }

    #[test]
    fn no_text_is_an_empty_answer_unless_a_tool_was_asked_for() {
        let nothing = [record(super::COMPLETION, "Chat Model Completion:\n[]")];
        assert_eq!(chat("[\"STOP\"]").step_with(&nothing).content, ContentState::Empty);
        assert_eq!(chat("[\"TOOL_CALLS\"]").step_with(&nothing).content, ContentState::NotCaptured);
    }

    #[test]
    fn tools_and_queries_are_told_by_their_kind() {
        let tool = SpanBuilder::new("tool_call x")
            .with("spring.ai.kind", "tool_call")
            .with("spring.ai.tool.definition.name", "status")
            .with("spring.ai.tool.call.arguments", r#"{"id": "7"}"#)
            .with("spring.ai.tool.call.result", "\"In Lund\"")
            .step();
        assert_eq!((tool.kind, tool.entity_name.as_deref()), (StepKind::Tool, Some("status")));
        assert_eq!(tool.output.unwrap_or_default()[0].joined_text().as_deref(), Some("In Lund"));
        let query = SpanBuilder::new("simple query")
            .with("spring.ai.kind", "vector_store")
            .with("db.operation.name", "query")
            .with("db.vector.query.content", "parcels")
            .step_with(&[record(super::DOCUMENTS, "Vector Store Query Response:\n[\"At six.\", \"Thursday.\"]")]);
        assert_eq!((query.kind, query.documents.len()), (StepKind::Retrieval, 2));
    }
}
