//! A recorded stream of chat completion chunks, put together again.

use super::json_tree::Node;
use super::message_parts::arguments;
use crate::model::{Message, Part, Role, ToolCall};

/// Answers of one stream, and calls of one answer, beyond which nobody asks; the rest of such a stream is passed over.
const MAX_ANSWERS: usize = 128;
const MAX_CALLS: usize = 256;

/// One answer of the stream while it grows.
#[derive(Default)]
struct Answer {
    index: i64,
    text: String,
    calls: Vec<Call>,
    finish_reason: Option<String>,
}

/// A tool call whose arguments come in pieces; only its first piece says its id and its name.
#[derive(Default)]
struct Call {
    index: Option<i64>,
    id: Option<String>,
    name: String,
    arguments: String,
}

/// The messages that the deltas of `chunks` add up to, one for each answer; `None` where there is no stream or where it
/// said nothing.
pub(crate) fn joined<'n, 'a: 'n>(chunks: impl Iterator<Item = &'n Node<'a>>) -> Option<Vec<Message>> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut is_stream = false;
    for choice in chunks.filter_map(|chunk| chunk.get("choices")?.as_list()).flatten() {
        let index = choice.get("index").and_then(Node::as_i64).unwrap_or_default();
        let known = answers.iter().position(|answer| answer.index == index);
        let begun = || Answer { index, ..Answer::default() };
        let Some(answer) = found_or_begun(&mut answers, known, MAX_ANSWERS, begun) else { continue };
        if let Some(delta) = choice.get("delta") {
            is_stream = true;
            answer.add(delta);
        }
        if let Some(reason) = choice.str_of(&["finish_reason"]) {
            answer.finish_reason = Some(reason.to_owned());
        }
    }
    let says = |answer: &Answer| !answer.text.is_empty() || !answer.calls.is_empty();
    (is_stream && answers.iter().any(says)).then(|| answers.into_iter().map(Answer::message).collect())
}

/// The known item, or a new one at the end while there are fewer than `most`.
fn found_or_begun<T>(
    items: &mut Vec<T>,
    known: Option<usize>,
    most: usize,
    begun: impl FnOnce() -> T,
) -> Option<&mut T> {
    if known.is_none() && items.len() < most {
        items.push(begun());
        return items.last_mut();
    }
    known.and_then(|at| items.get_mut(at))
}

impl Answer {
    fn add(&mut self, delta: &Node<'_>) {
        self.text.push_str(delta.str_of(&["content"]).unwrap_or_default());
        for piece in delta.get("tool_calls").and_then(Node::as_list).unwrap_or_default() {
            let function = piece.get("function").unwrap_or(piece);
            self.add_call(piece.get("index").and_then(Node::as_i64), piece.str_of(&["id"]), function);
        }
        if let Some(function) = delta.get("function_call") {
            self.add_call(None, None, function);
        }
    }

    fn add_call(&mut self, index: Option<i64>, id: Option<&str>, function: &Node<'_>) {
        let id = id.filter(|id| !id.is_empty());
        let name = function.str_of(&["name"]).unwrap_or_default();
        // Some providers number every call 0, or none; an id that is new begins a call of its own, and so does a name
        // behind arguments.
        let same = |call: &Call| {
            call.index == index
                && (id.is_none() || call.id.as_deref() == id)
                && (id.is_some() || name.is_empty() || call.arguments.is_empty())
        };
        let known = self.calls.iter().rposition(same);
        let begun = || Call { index, id: id.map(str::to_owned), ..Call::default() };
        let Some(call) = found_or_begun(&mut self.calls, known, MAX_CALLS, begun) else { return };
        if call.name.is_empty() {
            name.clone_into(&mut call.name);
        }
        if let Some(given) = function.get("arguments") {
            call.arguments.push_str(&given.to_text());
        }
    }

    fn message(self) -> Message {
        let text = Some(self.text).filter(|text| !text.is_empty()).map(|text| Part::Text { text });
        let calls = self.calls.into_iter().map(|call| {
            let arguments = arguments(&Node::Str(&call.arguments));
            Part::ToolCall(ToolCall { id: call.id, name: call.name, arguments })
        });
        let parts = text.into_iter().chain(calls).collect();
        Message { role: Role::Assistant, name: None, parts, finish_reason: self.finish_reason }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conventions::testing::tree;

    fn read(text: &str) -> Option<Vec<Message>> {
        joined(tree(text).as_list().unwrap().iter())
    }

    #[test]
    fn calls_that_stream_in_pieces_are_whole_again() {
        let read = read(
            r#"[{"choices":[{"index":0,"delta":{"role":"assistant","content":"Let me "}}]},
                {"choices":[{"index":0,"delta":{"content":"look."}}]},
                {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"get_weather","arguments":""}}]}}]},
                {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":null,"function":{"name":null,"arguments":"{\"city\": "}}]}}]},
                {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Bergen\"}"}}]}}]},
                {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c2","function":{"name":"get_time","arguments":"{}"}}]}}]},
                {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}]"#,
        )
        .unwrap();
        let calls: Vec<_> = read[0].tool_calls().map(|call| (call.name.as_str(), call.arguments.clone())).collect();
        assert_eq!(calls, [("get_weather", json!({"city": "Bergen"})), ("get_time", json!({}))]);
        assert_eq!((read[0].joined_text().as_deref(), read.len()), (Some("Let me look."), 1));
        assert_eq!(read[0].finish_reason.as_deref(), Some("tool_calls"));
    }

    #[test]
    fn two_answers_of_one_stream_stay_two() {
        let read = read(
            r#"[{"choices":[{"index":0,"delta":{"content":"Ye"}}]},{"choices":[{"index":1,"delta":{"content":"N"}}]},
                {"choices":[{"index":0,"delta":{"content":"s."}}]},{"choices":[{"index":1,"delta":{"content":"o."}}]}]"#,
        );
        assert_eq!(read, Some(vec![Message::text(Role::Assistant, "Yes."), Message::text(Role::Assistant, "No.")]));
    }

    #[test]
    fn a_stream_that_said_nothing_is_none() {
        assert_eq!(read(r#"[{"choices":[{"delta":{}}]},{"choices":[{"delta":{"content":""}}]}]"#), None);
        assert_eq!(read(r#"[{"choices":[{"message":{"content":"whole"}}]}]"#), None);
    }

    #[test]
    fn calls_without_ids_and_numbers_are_told_apart_by_their_names() {
        let calls = |text: &str| {
            let read = read(text).unwrap();
            read[0].tool_calls().map(|call| (call.name.clone(), call.arguments.clone())).collect::<Vec<_>>()
        };
        let two = r#"[{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"","function":{"name":"f","arguments":"{\"a\":1}"}},
            {"index":0,"id":"","function":{"name":"g","arguments":{"b":2}}}]}}]}]"#;
        assert_eq!(calls(two), [("f".into(), json!({"a": 1})), ("g".into(), json!({"b": 2}))]);
        let old = r#"[{"choices":[{"delta":{"function_call":{"name":"f","arguments":""}}}]},
            {"choices":[{"delta":{"function_call":{"arguments":"{}"}}}]}]"#;
        assert_eq!(calls(old), [("f".into(), json!({}))]);
    }
}
