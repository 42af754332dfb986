//! Whole request and response bodies: what producers record that log a function's arguments and its return value.

use super::documents::documents;
use super::json_text::{Parsed, parse};
use super::json_tree::{Arena, Node};
use super::message_parts::{parts, plain_text};
use super::messages::{is_item_kind, is_printed_message, message, messages, system_messages};
use super::stream_chunks::joined;
use super::tools::tool_definitions;
use crate::model::{Document, Message, Role, ToolDefinition};

/// Wrappers in wrappers deeper than this are not followed.
const MAX_DEPTH: usize = 6;

/// What a request body says.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) messages: Vec<Message>,
    pub(crate) tools: Vec<ToolDefinition>,
    pub(crate) model: Option<String>,
}

/// What a response body says.
#[derive(Debug, Default)]
pub(crate) struct Response {
    pub(crate) messages: Vec<Message>,
    pub(crate) finish_reasons: Vec<String>,
    pub(crate) model: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) documents: Vec<Document>,
}

/// Reads a request body of any provider; `None` when it is none that is known.
pub(crate) fn request(node: &Node<'_>) -> Option<Request> {
    request_at(node, 0)
}

fn request_at(node: &Node<'_>, depth: usize) -> Option<Request> {
    if depth > MAX_DEPTH {
        return None;
    }
    match node {
        Node::List(_) => {
            let found = messages(node, &Role::User);
            (!found.is_empty()).then(|| Request { messages: found, ..Request::default() })
        }
        Node::Map(_) => request_map(node, depth),
        _ => None,
    }
}

fn request_map(node: &Node<'_>, depth: usize) -> Option<Request> {
    let mut found = Vec::new();
    let system_keys =
        ["system", "systemInstruction", "system_instruction", "instructions", "systemPrompt", "system_prompt"];
    let config = node.first_of(&["config", "generationConfig"]);
    let system = node.first_of(&system_keys).or_else(|| config.and_then(|config| config.first_of(&system_keys)));
    if let Some(system) = system {
        found.extend(system_messages(system));
    }
    let spoken = ["messages", "contents", "chat_history", "message_list"].iter().find_map(|key| node.get(key));
    let asked = spoken.or_else(|| node.first_of(&["input", "prompt", "prompts", "user_prompt", "message"]));
    if let Some(inner) = asked {
        found.extend(turns(inner, depth));
    } else {
        // {"args": […], "kwargs": {…}}, {"inputs": {…}}, {"request": {…}}: one body inside another.
        let wrapped = ["kwargs", "inputs", "request", "body", "data", "input_data", "llm_request"];
        let mut inner = wrapped.iter().filter_map(|key| node.get(key)).filter_map(|n| request_at(n, depth + 1));
        let inner = inner.next().or_else(|| {
            let args = node.get("args").and_then(Node::as_list)?;
            args.iter().filter(|arg| !matches!(arg, Node::Str(_))).find_map(|arg| request_at(arg, depth + 1))
        })?;
        return Some(inner);
    }
    if !found.iter().any(|message| message.role != Role::System) && system.is_none() {
        return None;
    }
    let tools = node.first_of(&["tools", "functions"]).or_else(|| config.and_then(|config| config.get("tools")));
    Some(Request {
        messages: found,
        tools: tools.map(tool_definitions).unwrap_or_default(),
        model: node.str_of(&["model", "model_name", "modelId"]).map(str::to_owned),
    })
}

/// What `messages`, `input`, `prompt` or `contents` hold: messages, text, or one more body.
fn turns(node: &Node<'_>, depth: usize) -> Vec<Message> {
    match node {
        Node::Map(_) if node.first_of(&["messages", "contents"]).is_some() => {
            request_at(node, depth + 1).map(|request| request.messages).unwrap_or_default()
        }
        Node::Map(entries) if node.first_of(&["role", "content", "parts", "kwargs", "text"]).is_none() => {
            // The only variable of a template is the question.
            let only = match entries {
                [(_, Node::Str(text))] => Some((*text).to_owned()),
                _ => None,
            };
            vec![Message::text(Role::User, only.unwrap_or_else(|| node.to_text()))]
        }
        _ => messages(node, &Role::User),
    }
}

/// Reads a response body of any provider; `None` when it is none that is known.
pub(crate) fn response(node: &Node<'_>) -> Option<Response> {
    response_at(node, 0)
}

fn response_at(node: &Node<'_>, depth: usize) -> Option<Response> {
    if depth > MAX_DEPTH {
        return None;
    }
    match node {
        Node::List(items) => response_list(items, node, depth),
        Node::Map(_) => response_map(node, depth),
        _ => None,
    }
}

fn response_list(items: &[Node<'_>], node: &Node<'_>, depth: usize) -> Option<Response> {
    // Completions of a batch, raw stream chunks, a list of whole bodies.
    let is_body = |item: &Node<'_>| {
        item.first_of(&["choices", "candidates", "generations"]).is_some()
            || (item.str_of(&["object"]) == Some("response") && item.has("output"))
    };
    if items.iter().any(is_body) {
        let mut all = Response::default();
        for found in items.iter().filter_map(|item| response_at(item, depth + 1)) {
            all.messages.extend(found.messages);
            all.finish_reasons.extend(found.finish_reasons);
            all.model = all.model.or(found.model);
            all.id = all.id.or(found.id);
        }
        all.messages = joined(items.iter()).unwrap_or(all.messages);
        return Some(all);
    }
    let found = messages(node, &Role::Assistant);
    (!found.is_empty()).then(|| Response { messages: found, ..Response::default() })
}

fn response_map(node: &Node<'_>, depth: usize) -> Option<Response> {
    let said = said(node, depth)?;
    let meta = node.first_of(&["response_metadata", "meta", "llm_output"]);
    let text_of =
        |keys: &[&str]| node.str_of(keys).or_else(|| meta.and_then(|meta| meta.str_of(keys))).map(str::to_owned);
    let finish_reasons = said.iter().filter_map(|message| message.finish_reason.clone()).collect();
    Some(Response {
        messages: said,
        finish_reasons,
        model: text_of(&["model", "model_name", "modelVersion", "model_version", "modelId"]),
        id: text_of(&["id", "responseId", "response_id"]).filter(|id| id.contains(['-', '_']) || id.len() > 16),
        documents: node.get("documents").map(documents).unwrap_or_default(),
    })
}

/// What the model said, wherever the body keeps it.
fn said(node: &Node<'_>, depth: usize) -> Option<Vec<Message>> {
    // One item of OpenAI's Responses API, alone.
    if node.str_of(&["type"]).is_some_and(is_item_kind) {
        return Some(vec![message(node, &Role::Assistant)]);
    }
    if let Some(choices) = node.get("choices").and_then(Node::as_list) {
        return Some(choices.iter().map(choice).collect());
    }
    if let Some(candidates) = node.get("candidates").and_then(Node::as_list) {
        return Some(candidates.iter().map(candidate).collect());
    }
    if let Some(generations) = node.get("generations") {
        return Some(generation_messages(generations, 0));
    }
    let replies = node.first_of(&["replies", "responses"]).filter(|replies| replies.as_list().is_some());
    if let Some(replies) = replies.or_else(|| replies_of_component(node)) {
        return Some(messages(replies, &Role::Assistant));
    }
    if let Some(items @ Node::List(_)) = node.get("output") {
        return Some(messages(items, &Role::Assistant));
    }
    if let Some(all @ Node::List(_)) = node.get("messages") {
        // The state of a graph holds the whole conversation; what came out is its last turn.
        let last = messages(all, &Role::Assistant).pop();
        return last.filter(|message| message.role == Role::Assistant).map(|message| vec![message]);
    }
    // Gemini's single response: {"content": {"role": "model", "parts": […]}}.
    if let Some(content) = node.get("content").filter(|content| content.first_of(&["parts", "role"]).is_some()) {
        return Some(vec![with_finish(message(content, &Role::Assistant), node)]);
    }
    if node.has("role") || node.first_of(&["kwargs", "message"]).is_some_and(Node::is_map) {
        return Some(vec![with_finish(message(node, &Role::Assistant), node)]);
    }
    if node.first_of(&["content", "parts", "tool_calls"]).is_some() {
        return Some(vec![with_finish(message(node, &Role::Assistant), node)]);
    }
    spoken_field(node, depth)
}

/// A pipeline returns what its components did, each under its name: the replies of the only one that replied. An answer in
/// JSON of its own making may have a member of that name too, which holds no messages.
fn replies_of_component<'a>(node: &Node<'a>) -> Option<&'a Node<'a>> {
    let Node::Map(components) = node else { return None };
    let is_reply = |item: &Node<'_>| match item {
        Node::Str(text) => is_printed_message(text),
        _ => item.has("role") && item.has("content"),
    };
    let replies = components.iter().filter_map(|(_, component)| component.get("replies"));
    let mut replied = replies.filter(|replies| replies.as_list().is_some_and(|items| items.iter().any(is_reply)));
    replied.next().filter(|_| replied.next().is_none())
}

/// Fields in which functions and frameworks return an answer.
fn spoken_field(node: &Node<'_>, depth: usize) -> Option<Vec<Message>> {
    const ANSWERS: [&str; 16] = [
        "output_text",
        "combined_chunk_content",
        "text",
        "answer",
        "response",
        "completion",
        "result",
        "output",
        "outputs",
        "llm_response",
        "final_output",
        "raw",
        "generated_text",
        "reply",
        "return",
        "data",
    ];
    for key in ANSWERS {
        match node.get(key) {
            Some(Node::Str(text)) => return Some(text_or_body(text, depth)),
            Some(inner @ (Node::Map(_) | Node::List(_))) => {
                if let Some(found) = response_at(inner, depth + 1) {
                    return Some(found.messages);
                }
            }
            _ => {}
        }
    }
    None
}

/// Text is an answer as it is, unless it is a serialised message.
fn text_or_body(text: &str, depth: usize) -> Vec<Message> {
    if let Parsed::Tree(tree @ Node::Map(_)) = parse(text, &Arena::new())
        && (tree.has("choices") || tree.has("role") || tree.has("kwargs"))
        && let Some(found) = response_at(&tree, depth + 1)
    {
        return found.messages;
    }
    vec![Message::text(Role::Assistant, text)]
}

/// Whether a tree has the form of a message, of a list of them, or of a provider's response.
pub(crate) fn is_body(node: &Node<'_>) -> bool {
    const SIGNS: [&str; 9] =
        ["role", "choices", "candidates", "generations", "message", "content", "parts", "tool_calls", "kwargs"];
    match node {
        Node::List(items) => items.iter().all(is_body),
        _ => SIGNS.iter().any(|key| node.has(key)) || matches!(node.get("output"), Some(Node::List(_) | Node::Map(_))),
    }
}

fn choice(node: &Node<'_>) -> Message {
    let mut said = match node.first_of(&["message", "delta"]) {
        Some(inner) => message(inner, &Role::Assistant),
        None => message(node, &Role::Assistant),
    };
    said.finish_reason = node.str_of(&["finish_reason", "finishReason"]).map(str::to_owned).or(said.finish_reason);
    said
}

fn candidate(node: &Node<'_>) -> Message {
    let content = node.get("content").unwrap_or(node);
    with_finish(message(content, &Role::Assistant), node)
}

fn with_finish(mut message: Message, node: &Node<'_>) -> Message {
    if message.finish_reason.is_none() {
        let reason = node.str_of(&["finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason"]);
        message.finish_reason = reason.filter(|reason| !reason.is_empty()).map(str::to_owned);
    }
    message
}

/// LangChain's `LLMResult`: batches of generations, each with text and mostly a message.
fn generation_messages(node: &Node<'_>, depth: usize) -> Vec<Message> {
    match node {
        Node::List(items) if depth < 3 => items.iter().flat_map(|item| generation_messages(item, depth + 1)).collect(),
        Node::Map(_) => {
            let mut said = match node.get("message").filter(|inner| inner.is_map()) {
                Some(inner) => message(inner, &Role::Assistant),
                None => Message {
                    role: Role::Assistant,
                    name: None,
                    parts: node.get("text").map(parts).unwrap_or_default(),
                    finish_reason: None,
                },
            };
            if said.parts.is_empty() {
                said.parts = node.get("text").map(parts).unwrap_or_default();
            }
            let told = node
                .at(&["generation_info", "finish_reason"])
                .or_else(|| node.at(&["message", "kwargs", "response_metadata", "finish_reason"]));
            said.finish_reason = said.finish_reason.or_else(|| told.and_then(Node::as_str).map(str::to_owned));
            vec![said]
        }
        _ => Vec::new(),
    }
}

/// The LangChain message inside one generation, for model, id and usage, which live in its metadata.
pub(crate) fn langchain_metadata<'n, 'a>(node: &'n Node<'a>) -> Option<&'n Node<'a>> {
    let first = node.get("generations")?.as_list()?.first()?;
    let generation = first.as_list().and_then(|batch| batch.first()).unwrap_or(first);
    let message = generation.get("message")?;
    Some(message.get("kwargs").or_else(|| message.get("data")).unwrap_or(message))
}

/// The question of a retrieval: `{"query": …}`, `{"q": …}`, arguments of a function, or bare text.
pub(crate) fn query_text(node: &Node<'_>) -> Option<String> {
    match node {
        Node::Str(text) => Some((*text).to_owned()),
        Node::Map(entries) => {
            let keys = ["query", "question", "q", "query_str", "input", "text", "search_query", "user_query", "prompt"];
            if let Some(text) = node.str_of(&keys) {
                return Some(text.to_owned());
            }
            if let Some(Node::Map(_)) = node.first_of(&["query", "query_bundle", "kwargs", "inputs"]) {
                return node.first_of(&["query", "query_bundle", "kwargs", "inputs"]).and_then(query_text);
            }
            if let Some(first) = node.get("args").and_then(Node::as_list).and_then(<[Node<'_>]>::first) {
                return query_text(first);
            }
            entries.iter().find_map(|(_, value)| value.as_str()).map(str::to_owned)
        }
        Node::List(items) => items.first().map(plain_text).filter(|text| !text.is_empty()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::answer_text;
    use super::super::testing::tree;
    use super::*;

    #[test]
    fn the_answer_is_found_in_every_providers_response() {
        let bodies = [
            r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Yes."}}]}"#,
            r#"{"content":[{"type":"text","text":"Yes."}],"role":"assistant","stop_reason":"end_turn"}"#,
            r#"{"output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Yes."}]}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"Yes."}],"role":"model"},"finishReason":"STOP"}]}"#,
            r#"{"generations":[[{"text":"Yes.","message":{"kwargs":{"content":"Yes.","type":"ai"}}}]]}"#,
            r#"{"message":{"content":[{"text":"Yes."}],"role":"model"},"finishReason":"stop"}"#,
            r#"{"replies":[{"role":"assistant","content":[{"text":"Yes."}]}]}"#,
            r#"{"output":{"message":{"role":"assistant","content":[{"text":"Yes."}]}},"stopReason":"end_turn"}"#,
            r#"{"messages":[{"type":"human","content":"Is it?"},{"type":"ai","content":"Yes."}]}"#,
            r#"[{"object":"response","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Yes."}]}]}]"#,
            r#"[{"choices":[{"delta":{"content":"Ye"}}]},{"choices":[{"delta":{"content":"s."}}]}]"#,
        ];
        for body in bodies {
            let read = response(&tree(body)).unwrap_or_default();
            assert_eq!(answer_text(&read.messages).as_deref(), Some("Yes."), "{body}");
        }
    }

    #[test]
    fn the_question_is_found_in_every_providers_request() {
        let bodies = [
            r#"{"model":"m","messages":[{"role":"user","content":"Is it?"}]}"#,
            r#"{"contents":[{"role":"user","parts":[{"text":"Is it?"}]}]}"#,
            r#"{"input":"Is it?","model":"m"}"#,
            r#"{"prompt":"Is it?"}"#,
            r#"{"args":[],"kwargs":{"messages":[{"role":"user","content":"Is it?"}]}}"#,
            r#"{"args":[[{"role":"user","content":"Is it?"}]]}"#,
        ];
        for body in bodies {
            let read = request(&tree(body)).unwrap_or_default();
            assert_eq!(read.messages, vec![Message::text(Role::User, "Is it?")], "{body}");
        }
    }

    #[test]
    fn instructions_beside_the_messages_lead_them() {
        let read = request(&tree(r#"{"instructions":"Be brief.","input":"Is it?"}"#)).unwrap_or_default();
        assert_eq!(read.messages[0], Message::text(Role::System, "Be brief."));
    }

    #[test]
    fn a_body_that_is_no_conversation_is_not_made_into_one() {
        assert!(request(&tree(r#"{"city":"Bergen"}"#)).is_none());
        assert!(response(&tree(r#"{"temperature":9}"#)).is_none());
    }
}
