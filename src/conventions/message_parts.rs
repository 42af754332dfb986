//! The parts of a message, in every spelling that providers and frameworks give them.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::json_tree::{Arena, Node};
use crate::model::{Part, ToolCall};

/// Parts nested in parts deeper than this are not followed.
const MAX_DEPTH: usize = 8;

/// Reads the content of a message: text, one part, or a list of them.
pub(crate) fn parts(content: &Node<'_>) -> Vec<Part> {
    let mut found = Vec::new();
    collect(content, 0, &mut found);
    found
}

fn collect(content: &Node<'_>, depth: usize, found: &mut Vec<Part>) {
    if depth > MAX_DEPTH {
        return;
    }
    match content {
        Node::Str(text) => push_text(text, found),
        Node::List(items) => items.iter().for_each(|item| collect(item, depth + 1, found)),
        Node::Map(_) => part(content, depth, found),
        // A structured answer may be a bare number or truth value: its JSON text is what was said.
        Node::Bool(_) | Node::Int(_) | Node::Float(_) => push_text(&content.to_text(), found),
        Node::Null => {}
    }
}

/// An empty text part says nothing that its message does not say by being there.
fn push_text(text: &str, found: &mut Vec<Part>) {
    if !text.is_empty() {
        found.push(Part::Text { text: text.to_owned() });
    }
}

fn part(node: &Node<'_>, depth: usize, found: &mut Vec<Part>) {
    if let Some(inner) = node.get("message_content") {
        return collect(inner, depth + 1, found);
    }
    match node.str_of(&["type", "block_type", "kind", "part_kind"]) {
        Some(kind) => typed_part(node, kind, depth, found),
        None => untyped_part(node, depth, found),
    }
}

fn typed_part(node: &Node<'_>, kind: &str, depth: usize, found: &mut Vec<Part>) {
    let kind = if kind.contains('-') { Cow::Owned(kind.replace('-', "_")) } else { Cow::Borrowed(kind) };
    match &*kind {
        "text" | "input_text" | "output_text" | "summary_text" | "user_prompt" | "system_prompt" | "instruction" => {
            push_text_of(node, &["text", "content", "value"], found);
        }
        "refusal" => push_text_of(node, &["refusal", "content", "text"], found),
        // Whatever an application put there; nothing says that the user saw it.
        "generic" => found.push(Part::Other { kind: "generic".to_owned() }),
        "reasoning" | "thinking" | "redacted_thinking" | "reasoning_text" => push_reasoning(node, found),
        "tool_call" | "tool_use" | "toolUse" | "function_call" | "function" | "server_tool_use"
        | "server_tool_call" | "mcp_tool_use" | "custom_tool_call" | "tool_call_request" | "invalid_tool_call" => {
            found.extend(tool_call(node).map(Part::ToolCall));
        }
        "tool_call_response"
        | "tool_result"
        | "toolResult"
        | "function_call_output"
        | "tool_return"
        | "tool_response"
        | "server_tool_call_response"
        | "mcp_tool_result"
        | "web_search_tool_result"
        | "custom_tool_call_output"
        | "function_response" => {
            found.push(tool_result(node));
        }
        kind @ ("image" | "image_url" | "input_image" | "audio" | "input_audio" | "video" | "document" | "file"
        | "input_file" | "file_data" | "media" | "blob" | "uri" | "binary" | "image_gen") => {
            found.push(media(node, kind));
        }
        _ if node.str_of(&["text"]).is_some() => push_text_of(node, &["text"], found),
        _ => untyped_or_other(node, &kind, depth, found),
    }
}

/// Parts without a type name: Bedrock, Gemini, Genkit and Haystack tell them apart by their only key.
fn untyped_part(node: &Node<'_>, depth: usize, found: &mut Vec<Part>) {
    if !by_key(node, depth, found) {
        let kind = match node {
            Node::Map(entries) => entries.first().map_or("empty", |(key, _)| key),
            _ => "unknown",
        };
        found.push(Part::Other { kind: kind.to_owned() });
    }
}

fn untyped_or_other(node: &Node<'_>, kind: &str, depth: usize, found: &mut Vec<Part>) {
    if !by_key(node, depth, found) {
        found.push(Part::Other { kind: kind.to_owned() });
    }
}

fn by_key(node: &Node<'_>, depth: usize, found: &mut Vec<Part>) -> bool {
    if let Some(call) = node.first_of(&["functionCall", "function_call", "toolUse", "toolRequest", "tool_call"]) {
        found.extend(tool_call(call).map(Part::ToolCall));
    } else if let Some(result) =
        node.first_of(&["functionResponse", "function_response", "toolResult", "toolResponse", "tool_call_result"])
    {
        found.push(tool_result(result));
    } else if let Some(reasoning) = node.first_of(&["reasoningContent", "reasoning", "thinking"]) {
        push_reasoning(reasoning, found);
    } else if let Some(media_node) =
        node.first_of(&["inlineData", "inline_data", "fileData", "file_data", "media", "image", "video", "document"])
    {
        found.push(media(media_node, "media"));
    } else if let Some(text) = node.get("text") {
        // Genkit puts the parsed object of a structured answer where its text was.
        let text = text.to_text();
        if node.get("thought") == Some(&Node::Bool(true)) {
            found.push(Part::Reasoning { text });
        } else {
            push_text(&text, found);
        }
    } else if let Some(json) = node.first_of(&["json", "data"]) {
        push_text(&json.to_text(), found);
    } else if let Some(content) = node.first_of(&["content", "parts"]) {
        collect(content, depth + 1, found);
    } else {
        return false;
    }
    true
}

fn push_text_of(node: &Node<'_>, keys: &[&str], found: &mut Vec<Part>) {
    match node.first_of(keys) {
        Some(Node::Str(text)) => push_text(text, found),
        // The Assistants API nests {"text": {"value": …}}; any other object is a structured answer.
        Some(inner @ Node::Map(_)) => match inner.str_of(&["value", "text", "content"]) {
            Some(text) => push_text(text, found),
            None => push_text(&inner.to_text(), found),
        },
        // pydantic-ai prompts are lists of parts; a list of anything else is a structured answer.
        Some(list @ Node::List(items)) if items.iter().any(is_plain_data) => push_text(&list.to_text(), found),
        Some(Node::List(items)) => items.iter().for_each(|item| collect(item, MAX_DEPTH - 1, found)),
        Some(scalar @ (Node::Bool(_) | Node::Int(_) | Node::Float(_))) => push_text(&scalar.to_text(), found),
        Some(Node::Null) | None => {}
    }
}

fn push_reasoning(node: &Node<'_>, found: &mut Vec<Part>) {
    let text = match node {
        Node::Str(text) => (*text).to_owned(),
        _ => match node.first_of(&["content", "text", "thinking", "reasoning", "summary", "reasoningText"]) {
            Some(inner) => plain_text(inner),
            None => String::new(),
        },
    };
    if !text.is_empty() {
        found.push(Part::Reasoning { text });
    }
}

/// Reads a tool call in any provider's spelling; without a name there is none.
pub(crate) fn tool_call(node: &Node<'_>) -> Option<ToolCall> {
    let node = node.get("tool_call").filter(|inner| inner.is_map()).unwrap_or(node);
    let function = node.get("function").filter(|function| function.is_map());
    let keys = ["name", "toolName", "tool_name", "function_name"];
    let name = function
        .and_then(|function| function.str_of(&keys))
        .or_else(|| node.str_of(&keys))
        .or_else(|| node.get("tool").and_then(|tool| tool.as_str().or_else(|| tool.str_of(&["name"]))))
        .or_else(|| node.str_of(&["function"]))
        .filter(|name| !name.is_empty())?;
    let keys = ["arguments", "args", "input", "parameters", "tool_args", "server_tool_call", "kwargs", "tool_kwargs"];
    let given = function.and_then(|function| function.first_of(&keys)).or_else(|| node.first_of(&keys));
    Some(ToolCall { id: call_id(node), name: name.to_owned(), arguments: given.map_or(Json::Null, arguments) })
}

/// The id that ties a tool's result to its call.
fn call_id(node: &Node<'_>) -> Option<String> {
    let keys = ["call_id", "tool_call_id", "toolCallId", "tool_use_id", "toolUseId", "tool_id", "id", "ref"];
    node.str_of(&keys).filter(|id| !id.is_empty()).map(str::to_owned)
}

/// Arguments as JSON: parsed from JSON text (or JSON text in JSON text) where that is what they are.
pub(crate) fn arguments(node: &Node<'_>) -> Json {
    match node {
        Node::Str(text) if text.trim().is_empty() => Json::Object(serde_json::Map::new()),
        Node::Str(text) => match node.unfolded(&Arena::new()) {
            Node::Str(_) => Json::String((*text).to_owned()),
            tree => tree.to_json(),
        },
        other => other.to_json(),
    }
}

fn tool_result(node: &Node<'_>) -> Part {
    let id = call_id(node).or_else(|| node.at(&["origin", "id"]).and_then(Node::as_str).map(str::to_owned));
    let name = node
        .str_of(&["name", "toolName", "tool_name"])
        .or_else(|| node.at(&["origin", "tool_name"]).and_then(Node::as_str))
        .map(str::to_owned);
    let keys = ["response", "result", "output", "content", "return_value", "server_tool_call_response", "value"];
    Part::ToolResult { id, name, text: node.first_of(&keys).map(plain_text).unwrap_or_default() }
}

/// Whether a value is data of the application's own rather than a part of a message: an object without a type name in
/// which no convention finds anything, or a number or truth value.
pub(crate) fn is_plain_data(node: &Node<'_>) -> bool {
    match node {
        Node::Map(_) => {
            node.str_of(&["type", "block_type", "kind", "part_kind"]).is_none()
                && matches!(parts(node).as_slice(), [Part::Other { .. }])
        }
        Node::Bool(_) | Node::Int(_) | Node::Float(_) => true,
        Node::Null | Node::Str(_) | Node::List(_) => false,
    }
}

/// What a tool's result or a nested content says, as the model saw it: its text where it has text, else its JSON.
pub(crate) fn plain_text(node: &Node<'_>) -> String {
    match node {
        Node::List(items) if !items.is_empty() && items.iter().all(is_text_part) => {
            let texts: Vec<String> = items.iter().map(plain_text).collect();
            texts.join("\n")
        }
        Node::Map(_) if is_text_part(node) => node.str_of(&["text", "content", "value"]).unwrap_or_default().to_owned(),
        other => other.to_text(),
    }
}

/// A bare string, a typed text part, or a map with nothing but text in it.
fn is_text_part(node: &Node<'_>) -> bool {
    match node {
        Node::Str(_) => true,
        Node::Map(entries) => {
            let kind = node.str_of(&["type"]);
            let typed = kind.is_some_and(|kind| {
                matches!(kind, "text" | "input_text" | "output_text" | "summary_text" | "tool_reference")
            });
            (typed && node.str_of(&["text", "content", "value"]).is_some())
                || (entries.len() == 1 && node.str_of(&["text"]).is_some())
        }
        _ => false,
    }
}

fn media(node: &Node<'_>, kind: &str) -> Part {
    let kind = match kind {
        "input_image" | "image_url" | "image_gen" => "image",
        "input_audio" => "audio",
        "input_file" | "file_data" => "file",
        other => other,
    };
    let modality = node.str_of(&["modality"]).unwrap_or(kind).to_owned();
    let mime_type =
        node.str_of(&["mime_type", "mimeType", "media_type", "mediaType", "contentType"]).map(str::to_owned);
    let mut reference = node.str_of(&["uri", "url", "file_id", "fileId", "fileUri", "file_uri", "image_url"]);
    if reference.is_none() {
        let nested = node.first_of(&["image_url", "image", "source", "file"]);
        reference = nested
            .and_then(|inner| inner.get("image").or(Some(inner)))
            .and_then(|inner| inner.as_str().or_else(|| inner.str_of(&["url", "uri", "file_id"])));
    }
    // Inline bytes are never judged and would only fill the store.
    let reference = reference.filter(|reference| !reference.starts_with("data:")).map(str::to_owned);
    Part::Media { modality, mime_type, reference }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::tree;
    use super::*;

    fn read(text: &str) -> Vec<Part> {
        parts(&tree(text))
    }

    fn text(text: &str) -> Part {
        Part::Text { text: text.to_owned() }
    }

    fn call(id: Option<&str>) -> Part {
        let id = id.map(str::to_owned);
        Part::ToolCall(ToolCall { id, name: "get_weather".to_owned(), arguments: json!({"city": "Bergen"}) })
    }

    #[test]
    fn every_spelling_of_text_is_text() {
        let spellings = [
            r#"[{"type":"text","content":"Hi"}]"#,
            r#"[{"type":"text","text":"Hi"}]"#,
            r#"[{"text":"Hi"}]"#,
            r#"[{"type":"output_text","text":"Hi","annotations":[]}]"#,
            r#"{"type":"text","text":{"value":"Hi"}}"#,
            r#"[{"message_content":{"type":"text","text":"Hi"}}]"#,
            r#"["Hi"]"#,
            r#"[{"type":"refusal","refusal":"Hi"}]"#,
            r#"{"text":"Hi"}"#,
        ];
        for spelling in spellings {
            assert_eq!(read(spelling), vec![text("Hi")], "{spelling}");
        }
    }

    #[test]
    fn every_spelling_of_a_tool_call_is_a_tool_call_with_an_object() {
        let spellings = [
            r#"[{"type":"tool_call","id":"c1","name":"get_weather","arguments":{"city":"Bergen"}}]"#,
            r#"[{"type":"tool_call","id":"c1","name":"get_weather","arguments":"{\"city\":\"Bergen\"}"}]"#,
            r#"[{"type":"tool_use","id":"c1","name":"get_weather","input":{"city":"Bergen"}}]"#,
            r#"[{"type":"tool-call","toolCallId":"c1","toolName":"get_weather","input":"{\"city\":\"Bergen\"}"}]"#,
            r#"[{"type":"function","id":"c1","function":{"name":"get_weather","arguments":"{\"city\":\"Bergen\"}"}}]"#,
            r#"[{"toolUse":{"toolUseId":"c1","name":"get_weather","input":{"city":"Bergen"}}}]"#,
            r#"[{"toolRequest":{"ref":"c1","name":"get_weather","input":{"city":"Bergen"}}}]"#,
            r#"[{"functionCall":{"id":"c1","name":"get_weather","args":{"city":"Bergen"}}}]"#,
            r#"[{"tool_call":{"id":"c1","tool_name":"get_weather","arguments":{"city":"Bergen"}}}]"#,
            r#"[{"type":"function_call","call_id":"c1","id":"fc_9","name":"get_weather","arguments":"{\"city\":\"Bergen\"}"}]"#,
        ];
        for spelling in spellings {
            assert_eq!(read(spelling), vec![call(Some("c1"))], "{spelling}");
        }
    }

    #[test]
    fn a_tool_result_is_what_the_model_saw() {
        let spellings = [
            r#"[{"type":"tool_call_response","id":"c1","response":"rain"}]"#,
            r#"[{"type":"tool_call_response","id":"c1","result":[{"text":"rain"}]}]"#,
            r#"[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"rain"}]}]"#,
            r#"[{"toolResult":{"toolUseId":"c1","content":[{"text":"rain"}],"status":"success"}}]"#,
            r#"[{"type":"tool-result","toolCallId":"c1","output":{"type":"text","value":"rain"}}]"#,
        ];
        for spelling in spellings {
            let expected = Part::ToolResult { id: Some("c1".into()), name: None, text: "rain".into() };
            assert_eq!(read(spelling), vec![expected], "{spelling}");
        }
    }

    #[test]
    fn thinking_is_no_answer_and_inline_bytes_are_dropped() {
        assert_eq!(read(r#"[{"type":"thinking","thinking":"hm"}]"#), vec![Part::Reasoning { text: "hm".into() }]);
        assert_eq!(read(r#"[{"text":"hm","thought":true}]"#), vec![Part::Reasoning { text: "hm".into() }]);
        let image = read(r#"[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]"#);
        assert_eq!(image, vec![Part::Media { modality: "image".into(), mime_type: None, reference: None }]);
    }
}
