//! Messages in every shape that instrumentations write them: one reader for all.

use super::json_tree::{Arena, Node};
use super::message_parts::{is_plain_data, parts, plain_text, tool_call};
use super::python_repr;
use crate::model::{Message, Part, Role};

/// Lists in lists (LangChain batches) and wrappers in wrappers deeper than this are not followed.
const MAX_DEPTH: usize = 8;

/// Reads messages; `speaker` says who speaks where the value does not.
pub(crate) fn messages(node: &Node<'_>, speaker: &Role) -> Vec<Message> {
    let mut found = Vec::new();
    collect(node, speaker, 0, &mut found);
    found
}

fn collect(node: &Node<'_>, speaker: &Role, depth: usize, found: &mut Vec<Message>) {
    if depth > MAX_DEPTH {
        return;
    }
    match node {
        Node::Str(text) => {
            found.push(printed(text, speaker).unwrap_or_else(|| Message::text(speaker.clone(), *text)));
        }
        Node::List(items) => collect_list(items, speaker, depth, found),
        Node::Map(_) => match node.get("messages").filter(|_| !is_message(node)) {
            Some(inner) => collect(inner, speaker, depth + 1, found),
            // The whole value is a structured answer.
            None if !is_message(node) && is_plain_data(node) => {
                found.push(Message::text(speaker.clone(), node.to_text()));
            }
            None => found.push(message(node, speaker)),
        },
        Node::Bool(_) | Node::Int(_) | Node::Float(_) => found.push(Message::text(speaker.clone(), node.to_text())),
        Node::Null => {}
    }
}

/// Whether Python printed a message because nothing serialised it: Haystack's, under OpenInference.
pub(super) fn is_printed_message(text: &str) -> bool {
    text.starts_with("ChatMessage(")
}

fn printed(text: &str, speaker: &Role) -> Option<Message> {
    if !is_printed_message(text) {
        return None;
    }
    let arena = Arena::new();
    python_repr::parse(text, &arena).filter(is_message).map(|node| message(&node, speaker))
}

/// Messages of a list. Bare parts that stand side by side are one message.
fn collect_list(items: &[Node<'_>], speaker: &Role, depth: usize, found: &mut Vec<Message>) {
    if !items.is_empty() && items.iter().all(|item| item.is_map() && !is_message(item) && is_plain_data(item)) {
        found.push(Message::text(speaker.clone(), Node::List(items).to_text()));
        return;
    }
    let mut loose: Vec<Part> = Vec::new();
    for item in items {
        // LangChain templates write a message as ["system", "You are …"].
        if let Node::List(pair) = item
            && let [Node::Str(role), Node::Str(text)] = pair
            && !matches!(Role::parse(role), Role::Other(_))
        {
            found.push(Message::text(Role::parse(role), *text));
        } else if item.is_map() && !is_message(item) {
            loose.extend(parts(item));
        } else {
            flush(&mut loose, speaker, found);
            collect(item, speaker, depth + 1, found);
        }
    }
    flush(&mut loose, speaker, found);
}

fn flush(loose: &mut Vec<Part>, speaker: &Role, found: &mut Vec<Message>) {
    if !loose.is_empty() {
        let parts = std::mem::take(loose);
        found.push(Message { role: speaker.clone(), name: None, parts, finish_reason: None });
    }
}

/// Whether a map is a message rather than a part of one.
fn is_message(node: &Node<'_>) -> bool {
    let wraps = |key: &str| node.get(key).is_some_and(Node::is_map);
    node.has("role")
        || node.has("_role")
        || node.has("parts")
        || node.has("tool_calls")
        || wraps("message")
        || wraps("kwargs")
        || (node.has("event.name"))
        || node.str_of(&["type"]).is_some_and(|kind| {
            is_item_kind(kind)
                || (!matches!(Role::parse(kind), Role::Other(_)) && (node.has("content") || wraps("data")))
        })
}

/// The items of OpenAI's Responses API that stand among messages.
pub(crate) fn is_item_kind(kind: &str) -> bool {
    matches!(
        kind,
        "function_call" | "function_call_output" | "custom_tool_call" | "custom_tool_call_output" | "reasoning"
    ) || kind.ends_with("_call")
}

/// Reads one message.
pub(crate) fn message(node: &Node<'_>, speaker: &Role) -> Message {
    let outer_finish = finish_reason(node);
    // {"message": {…}} of choices, {"lc": 1, "kwargs": {…}} of LangChain, {"type": "human", "data": {…}} of its older dumps.
    let inner = ["message", "kwargs", "data"].iter().find_map(|key| node.get(key).filter(|inner| inner.is_map()));
    let body = inner.unwrap_or(node);
    let role = role_of(body).or_else(|| role_of(node)).unwrap_or_else(|| speaker.clone());
    let mut found = content_parts(body);
    if found.is_empty() && body.str_of(&["type"]).is_some_and(is_item_kind) {
        found = parts(body);
    }
    let reasoning = body.str_of(&["reasoning_content", "reasoning"]).filter(|text| !text.is_empty());
    if let Some(text) = reasoning.filter(|_| !found.iter().any(|part| matches!(part, Part::Reasoning { .. }))) {
        found.insert(0, Part::Reasoning { text: text.to_owned() });
    }
    let refusal = body.str_of(&["refusal"]).filter(|text| !text.is_empty());
    if let Some(text) = refusal.filter(|_| !found.iter().any(|part| matches!(part, Part::Text { .. }))) {
        found.push(Part::Text { text: text.to_owned() });
    }
    add_tool_calls(body, &mut found);
    let role = implied_role(role, body, &found);
    if role == Role::Tool {
        found = as_tool_results(body, found);
    }
    Message {
        role,
        name: body.str_of(&["name"]).filter(|name| !name.is_empty()).map(str::to_owned),
        parts: found,
        finish_reason: outer_finish.or_else(|| finish_reason(body)),
    }
}

fn content_parts(body: &Node<'_>) -> Vec<Part> {
    let mut found = body.first_of(&["parts", "content", "_content"]).map(parts).unwrap_or_default();
    if found.is_empty() {
        found = body.first_of(&["contents", "blocks", "text", "_text"]).map(parts).unwrap_or_default();
    }
    found
}

fn finish_reason(node: &Node<'_>) -> Option<String> {
    let keys = ["finish_reason", "finishReason", "stop_reason", "stopReason"];
    node.str_of(&keys).filter(|reason| !reason.is_empty()).map(str::to_owned)
}

fn role_of(node: &Node<'_>) -> Option<Role> {
    if let Some(name) = node.str_of(&["role", "_role"]) {
        // Enumerations printed by Python: `MessageRole.USER`, `ChatRole.ASSISTANT`.
        let name = name.rsplit('.').next().unwrap_or(name);
        return Some(role(name)).filter(|_| !name.is_empty());
    }
    if let Some(role) = node.get("role").and_then(|role| role.str_of(&["value", "name"])) {
        return Some(Role::parse(role));
    }
    if let Some(name) = node.str_of(&["event.name"]) {
        return event_role(name);
    }
    let class = node.get("id").and_then(Node::as_list).and_then(|path| path.last()).and_then(Node::as_str);
    [node.str_of(&["type"]), class].into_iter().flatten().map(Role::parse).find(|role| !matches!(role, Role::Other(_)))
}

/// The role of a name; smolagents tells calls and results of tools apart by roles of its own.
fn role(name: &str) -> Role {
    let is = |other: &str| {
        let same = |(one, two): (u8, u8)| one.eq_ignore_ascii_case(&two) || (one == b'_' && two == b'-');
        name.len() == other.len() && name.bytes().zip(other.bytes()).all(same)
    };
    if is("tool-call") {
        Role::Assistant
    } else if is("tool-response") || is("tool-result") {
        Role::Tool
    } else {
        Role::parse(name)
    }
}

/// `gen_ai.user.message` says its role by its name, `gen_ai.choice` is the assistant's.
pub(crate) fn event_role(name: &str) -> Option<Role> {
    match name {
        "gen_ai.choice" => Some(Role::Assistant),
        _ => name.strip_prefix("gen_ai.")?.strip_suffix(".message").map(Role::parse),
    }
}

/// Tool results come as `user` (Anthropic), items of the Responses API without any role.
fn implied_role(role: Role, body: &Node<'_>, found: &[Part]) -> Role {
    let has_role = body.str_of(&["role", "_role"]).is_some_and(|role| !role.is_empty());
    let only_results = !found.is_empty() && found.iter().all(|part| matches!(part, Part::ToolResult { .. }));
    let asks = found.iter().any(|part| matches!(part, Part::ToolCall(_) | Part::Reasoning { .. }));
    match role {
        Role::User | Role::Assistant if only_results => Role::Tool,
        Role::User if !has_role && asks => Role::Assistant,
        other => other,
    }
}

/// Calls listed beside the content; a call that a part already holds is not added again.
fn add_tool_calls(body: &Node<'_>, found: &mut Vec<Part>) {
    let listed = body.first_of(&["tool_calls", "toolCalls"]).filter(|calls| !calls.is_blank());
    let extra = || body.at(&["additional_kwargs", "tool_calls"]);
    let arena = Arena::new();
    let listed = listed.or_else(extra).map(|listed| listed.unfolded(&arena));
    let calls: Vec<_> = match &listed {
        Some(Node::List(items)) => items.iter().filter_map(tool_call).collect(),
        Some(single @ Node::Map(_)) => tool_call(single).into_iter().collect(),
        _ => body.get("function_call").and_then(tool_call).or_else(|| flat_function_call(body)).into_iter().collect(),
    };
    for call in calls {
        let known = found.iter().any(|part| match part {
            Part::ToolCall(other) => match (&other.id, &call.id) {
                (Some(one), Some(two)) => one == two,
                _ => other.name == call.name && other.arguments == call.arguments,
            },
            _ => false,
        });
        if !known {
            found.push(Part::ToolCall(call));
        }
    }
}

/// OpenInference's form of the old function calling.
fn flat_function_call(body: &Node<'_>) -> Option<crate::model::ToolCall> {
    let name = body.str_of(&["function_call_name"]).filter(|name| !name.is_empty())?;
    let arguments = body.get("function_call_arguments_json").map(super::message_parts::arguments).unwrap_or_default();
    Some(crate::model::ToolCall { id: None, name: name.to_owned(), arguments })
}

/// The text of a message of role `tool` is the result of the call that it names.
fn as_tool_results(body: &Node<'_>, found: Vec<Part>) -> Vec<Part> {
    let keys = ["tool_call_id", "toolCallId", "call_id", "id"];
    let id = body.str_of(&keys).filter(|id| !id.is_empty()).map(str::to_owned);
    let name = body.str_of(&["name", "tool_name"]).map(str::to_owned);
    if found.is_empty() {
        let text = body.first_of(&["response", "result", "output", "content"]).map(plain_text);
        return text.map(|text| Part::ToolResult { id, name, text }).into_iter().collect();
    }
    found
        .into_iter()
        .map(|part| match part {
            Part::Text { text } => Part::ToolResult { id: id.clone(), name: name.clone(), text },
            Part::ToolResult { id: own, name: own_name, text } => {
                Part::ToolResult { id: own.or_else(|| id.clone()), name: own_name.or_else(|| name.clone()), text }
            }
            other => other,
        })
        .collect()
}

/// System instructions: text, parts, messages, or a list of any of them; one message each at most.
pub(crate) fn system_messages(node: &Node<'_>) -> Vec<Message> {
    let mut found = messages(node, &Role::System);
    for message in &mut found {
        message.role = Role::System;
    }
    found
}

/// `user: Hello` lines, the oldest way of writing a prompt into one attribute.
pub(crate) fn from_lines(text: &str, speaker: &Role) -> Vec<Message> {
    let head = |line: &str| {
        let (role, rest) = line.split_once(':')?;
        let role = Role::parse(role);
        (!matches!(role, Role::Other(_))).then(|| (role, rest.strip_prefix(' ').unwrap_or(rest).to_owned()))
    };
    if text.lines().next().and_then(head).is_none() {
        return vec![Message::text(speaker.clone(), text)];
    }
    let mut turns: Vec<(Role, String)> = Vec::new();
    for line in text.split('\n') {
        match (head(line), turns.last_mut()) {
            (Some(turn), _) => turns.push(turn),
            (None, Some((_, said))) => {
                said.push('\n');
                said.push_str(line);
            }
            (None, None) => {}
        }
    }
    turns.into_iter().map(|(role, said)| Message::text(role, said)).collect()
}

/// The texts of messages of every role but `tool`, joined by line breaks; `None` when there is no text part. The parts
/// of one message follow each other directly: producers write one part a streamed piece.
pub(crate) fn answer_text(messages: &[Message]) -> Option<String> {
    let mut texts = messages.iter().filter(|message| message.role != Role::Tool).filter_map(said);
    let first = texts.next()?;
    Some(texts.fold(first, |joined, text| joined + "\n" + &text))
}

/// The text parts of one message, which are an answer's text.
fn said(message: &Message) -> Option<String> {
    let mut texts = message.parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    let first = texts.next()?.to_owned();
    Some(texts.fold(first, |joined, text| joined + text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::tree;
    use super::*;

    fn read(text: &str) -> Vec<Message> {
        messages(&tree(text), &Role::User)
    }

    #[test]
    fn one_question_in_every_framework_is_one_question() {
        let shapes = [
            r#"[{"role":"user","parts":[{"type":"text","content":"Why?"}]}]"#,
            r#"[{"role":"user","content":"Why?"}]"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"Why?"}]}]}"#,
            r#"{"messages":[[{"lc":1,"type":"constructor","id":["langchain","schema","messages","HumanMessage"],"kwargs":{"content":"Why?","type":"human"}}]]}"#,
            r#"[{"type":"human","data":{"content":"Why?"}}]"#,
            r#"[{"role":"user","content":[{"text":"Why?"}]}]"#,
            r#"[{"role":"MessageRole.USER","blocks":[{"block_type":"text","text":"Why?"}]}]"#,
            r#"[{"type":"message","role":"user","content":[{"type":"input_text","text":"Why?"}]}]"#,
            r#"[{"event.name":"gen_ai.user.message","content":"Why?","gen_ai.message.index":0}]"#,
            r#"[["user","Why?"]]"#,
            r#""Why?""#,
        ];
        for shape in shapes {
            assert_eq!(read(shape), vec![Message::text(Role::User, "Why?")], "{shape}");
        }
    }

    #[test]
    fn a_tool_round_trip_keeps_its_ends_together() {
        let read = read(
            r#"[{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
                {"role":"user","parts":[{"type":"tool_call_response","id":"c1","response":"2"}]}]"#,
        );
        assert_eq!(read[0].tool_calls().next().unwrap().arguments, json!({"a": 1}));
        assert_eq!((&read[1].role, read[1].tool_call_id()), (&Role::Tool, Some("c1")));
    }

    #[test]
    fn a_call_told_twice_is_one_call() {
        let read = read(
            r#"[{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{}}],"tool_calls":[{"id":"c1","name":"f","args":{}}]}]"#,
        );
        assert_eq!(read[0].tool_calls().count(), 1);
    }

    #[test]
    fn items_of_the_responses_api_get_the_role_they_imply() {
        let read = read(
            r#"[{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"2"}]"#,
        );
        assert_eq!((&read[0].role, &read[1].role), (&Role::Assistant, &Role::Tool));
    }

    #[test]
    fn lines_of_role_and_text_are_messages() {
        let read = from_lines("system: Be brief.\nuser: Why?\nReally: why?", &Role::User);
        assert_eq!(read[0], Message::text(Role::System, "Be brief."));
        assert_eq!(read[1], Message::text(Role::User, "Why?\nReally: why?"));
    }
}
