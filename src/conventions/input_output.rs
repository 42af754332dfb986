//! Generic input and output fields: a body, messages or plain text, whichever it is.

use super::documents::documents;
use super::json_text::Parsed;
use super::json_tree::Node;
use super::partial_step::{Parts, Said, Trust};
use super::provider_payloads::{Request, Response, is_body, langchain_metadata, query_text, request, response};
use super::python_repr::is_printed_object;
use super::span_view::Source;
use super::usage::of_node;
use crate::model::{Attributes, Message, Part, ProblemCode, Role, StepKind, ToolCall};

/// Reads a generic input attribute into `parts` as the kind of span demands.
pub(crate) fn read_input(source: &Source<'_>, key: &str, parts: &mut Parts) {
    let Some(node) = source.node_or_text(key).map(|node| source.unfold(node)) else { return };
    match parts.kind {
        Some(StepKind::Tool) => parts.input = Some(tool_input(parts, &node)),
        Some(StepKind::Retrieval) => {
            parts.input = query_text(&node).map(|text| Said::text(Role::User, text));
        }
        _ if is_call_without_arguments(&node) => {}
        _ => {
            let Request { messages, tools, model } = request(&node).unwrap_or_default();
            if parts.tools.is_empty() {
                parts.tools = tools;
            }
            parts.request_model = parts.request_model.take().or(model);
            parts.input = Said::body(messages).or_else(|| Some(Said::text(Role::User, plain_input(&node))));
        }
    }
}

/// `{"args": [], "kwargs": {}}`: a function that was given nothing, which nobody asked anything.
fn is_call_without_arguments(node: &Node<'_>) -> bool {
    let Node::Map(entries) = node else { return false };
    !entries.is_empty() && entries.iter().all(|(key, given)| matches!(*key, "args" | "kwargs") && given.is_blank())
}

/// The input of a function as one text: its only string argument, else its JSON.
fn plain_input(node: &Node<'_>) -> String {
    let only = |items: &[Node<'_>]| match items {
        [Node::Str(text)] => Some((*text).to_owned()),
        _ => None,
    };
    let empty = |key: &str| node.get(key).is_none_or(Node::is_blank);
    let found = match node {
        Node::Map(entries) if entries.len() == 1 => entries[0].1.as_str().map(str::to_owned),
        Node::Map(_) if empty("kwargs") => node.get("args").and_then(Node::as_list).and_then(only),
        _ => None,
    };
    let named =
        || node.str_of(&["question", "query", "input", "inputs", "user_input", "task", "text"]).map(str::to_owned);
    found.or_else(named).unwrap_or_else(|| node.to_text())
}

/// Reads a generic output attribute into `parts` as the kind of span demands.
pub(crate) fn read_output(source: &Source<'_>, key: &str, parts: &mut Parts) {
    let Some(node) = source.node_or_text(key) else { return };
    match parts.kind {
        Some(StepKind::Tool) => parts.output = Some(tool_output(parts, &node)),
        Some(StepKind::Retrieval) => {
            let found = documents(&source.unfold(node));
            if parts.documents.is_empty() {
                parts.documents = found;
            }
        }
        Some(StepKind::Embedding) => {}
        _ => spoken_output(source, key, node, parts),
    }
}

fn spoken_output<'a>(source: &Source<'a>, key: &str, node: Node<'a>, parts: &mut Parts) {
    if let Some(answers) = texts_of_completions(key, &node) {
        if answers.len() > 1 {
            let count = answers.len();
            source
                .report(ProblemCode::SeveralChoices, format!("the call returned {count} answers; the first is judged"));
        }
        let first = answers.first().map(|text| text.to_text()).unwrap_or_default();
        parts.output = Some(Said::text(Role::Assistant, first));
        return;
    }
    let read = match node {
        // A string inside JSON is an answer as it is, unless it is a serialised body.
        Node::Str(text) => match source.parse(text) {
            Parsed::Tree(tree) => response(&tree).map(|read| (read, langchain(&tree))),
            _ => None,
        },
        // A model's own JSON may have a member `answer`, which is not all of it.
        _ if key == "gen_ai.completion" && parts.kind == Some(StepKind::Generation) && !is_body(&node) => None,
        _ => response(&node).map(|read| (read, langchain(&node))),
    };
    // `<Stream object at 0x7f…>`: the answer was not there yet when its holder was printed.
    if matches!(node, Node::Str(text) if is_printed_object(text)) {
        return;
    }
    let Some((Response { messages, finish_reasons, model, id, documents }, metadata)) = read else {
        let text = match node {
            Node::Str(text) => text.to_owned(),
            // A JSON answer stays the text that it came as.
            _ => source.raw_str(key).map_or_else(|| node.to_text(), str::to_owned),
        };
        parts.output = Some(Said::text(Role::Assistant, text));
        return;
    };
    parts.output = Said::body(messages);
    if parts.finish_reasons.is_empty() {
        parts.finish_reasons = finish_reasons;
    }
    if parts.documents.is_empty() {
        parts.documents = documents;
    }
    let metadata = metadata.unwrap_or_default();
    parts.response_model = parts.response_model.take().or(metadata.model).or(model);
    parts.response_id = parts.response_id.take().or(metadata.id).or(id);
    let usage = node.first_of(&["usage", "usageMetadata", "usage_metadata"]).map(of_node);
    parts.tokens = parts.tokens.or(usage.unwrap_or_default());
}

/// The answers of a completion that was recorded as a list of bare texts, one for each choice.
fn texts_of_completions<'a>(key: &str, node: &Node<'a>) -> Option<&'a [Node<'a>]> {
    let answers = node.as_list().filter(|_| key == "gen_ai.completion")?;
    (!answers.is_empty() && answers.iter().all(|answer| answer.as_str().is_some())).then_some(answers)
}

#[derive(Default)]
struct Metadata {
    model: Option<String>,
    id: Option<String>,
}

fn langchain(node: &Node<'_>) -> Option<Metadata> {
    let message = langchain_metadata(node)?;
    let told = message.get("response_metadata");
    Some(Metadata {
        model: told.and_then(|told| told.str_of(&["model_name", "model"])).map(str::to_owned),
        id: told.and_then(|told| told.str_of(&["id"])).or_else(|| message.str_of(&["id"])).map(str::to_owned),
    })
}

/// The call that a tool span carries out.
fn tool_input(parts: &Parts, node: &Node<'_>) -> Said {
    let given =
        node.first_of(&["inputs", "kwargs", "arguments", "args"]).filter(|inner| inner.is_map() && !inner.is_blank());
    let arguments = super::message_parts::arguments(given.unwrap_or(node));
    let call = ToolCall { id: None, name: parts.entity_name.clone().unwrap_or_default(), arguments };
    called(call)
}

/// A tool span's input: the call as the model asked for it.
pub(crate) fn called(call: ToolCall) -> Said {
    let message = Message { role: Role::Assistant, name: None, parts: vec![Part::ToolCall(call)], finish_reason: None };
    Said { messages: vec![message], trust: Trust::Structured }
}

fn tool_output(parts: &Parts, node: &Node<'_>) -> Said {
    // {"output": {"lc": 1, "kwargs": {"content": …}}} of LangChain, {"result": …}, or the bare value.
    let inner = node.first_of(&["output", "result"]).unwrap_or(node);
    let inner =
        inner.get("kwargs").and_then(|kwargs| kwargs.get("content")).or_else(|| inner.get("content")).unwrap_or(inner);
    returned(None, parts.entity_name.clone(), super::message_parts::plain_text(inner))
}

/// A tool span's output: the result as the model saw it.
pub(crate) fn returned(id: Option<String>, name: Option<String>, text: String) -> Said {
    let message =
        Message { role: Role::Tool, name: None, parts: vec![Part::ToolResult { id, name, text }], finish_reason: None };
    Said { messages: vec![message], trust: Trust::Structured }
}

/// A list of strings, from a structured value or from JSON text; one bare text is a list of one.
pub(crate) fn strings<'a>(source: &Source<'a>, attributes: &'a Attributes, key: &str) -> Vec<String> {
    let Some(value) = attributes.get(key) else { return Vec::new() };
    let node = match value.as_str().map(|text| source.parse(text)) {
        Some(Parsed::Tree(node)) => node,
        Some(Parsed::Truncated | Parsed::Malformed) => {
            source.report_attribute(ProblemCode::MalformedJson, key, "opens like JSON but is none");
            return Vec::new();
        }
        Some(Parsed::Text(text)) => Node::Str(text),
        None => source.of_value(value),
    };
    match node {
        Node::List(items) => items.iter().map(|item| item.to_text()).filter(|text| !text.is_empty()).collect(),
        Node::Str(text) if !text.is_empty() => vec![text.to_owned()],
        _ => Vec::new(),
    }
}
