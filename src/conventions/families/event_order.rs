//! The order of messages that were told at one moment: the log records of one call may all have one time, and they may
//! arrive in any order.

use std::collections::HashSet;

use crate::conventions::span_view::Source;
use crate::model::{Message, Part, ProblemCode, Role, UnixNanos};

/// Which record a message stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ToldBy {
    pub(super) time: UnixNanos,
    /// Its place among the records of the span.
    pub(super) record: usize,
}

/// Puts the messages of each moment in the order in which they must have been said, where only one is possible; `told_by`
/// are their records, index by index, in ascending order of time. The messages of one record stand in their order there.
pub(super) fn arrange(source: &Source<'_>, messages: &mut [Message], told_by: &[ToldBy]) {
    let mut is_unknown = false;
    let mut rest = messages;
    for moment in told_by.chunk_by(|one, two| one.time == two.time) {
        let count = moment.len().min(rest.len());
        let (told, later) = std::mem::take(&mut rest).split_at_mut(count);
        rest = later;
        let records = moment.chunk_by(|one, two| one.record == two.record).count();
        // A record of several messages tells a conversation of its own, which no other can be put into.
        is_unknown |= records > 1 && (records < told.len() || !put_in_order(told));
    }
    if is_unknown {
        let detail = "messages of several log records have one time; they are read in the order in which they arrived";
        source.report(ProblemCode::MessageOrder, detail);
    }
}

/// Whether there is only one order, which `told` then have.
fn put_in_order(told: &mut [Message]) -> bool {
    let asks = told.iter().any(|message| message.tool_calls().next().is_some());
    let calls: Vec<String> = told.iter().flat_map(Message::tool_calls).filter_map(|call| call.id.clone()).collect();
    let mut places = HashSet::new();
    if !told.iter().all(|message| places.insert(place(message, asks, &calls))) {
        return false;
    }
    told.sort_by_cached_key(|message| place(message, asks, &calls));
    true
}

/// Where a message stands among those of its moment. Two in one place could stand either way.
fn place(message: &Message, asks: bool, calls: &[String]) -> usize {
    match message.role {
        Role::System => 0,
        // A model is asked after the user spoke: what it said before is its greeting, unless it asks for tools.
        Role::Assistant if !asks => 1,
        Role::User => 2,
        Role::Assistant => 3,
        Role::Tool => 4 + result_of(message, calls).unwrap_or(calls.len()),
        Role::Other(_) => usize::MAX,
    }
}

/// Which of the calls a message has the result of.
fn result_of(message: &Message, calls: &[String]) -> Option<usize> {
    let mut ids = message.parts.iter().filter_map(|part| match part {
        Part::ToolResult { id, .. } => id.as_ref(),
        _ => None,
    });
    ids.find_map(|id| calls.iter().position(|call| call == id))
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::{SpanBuilder, log, tree};
    use crate::model::{LogRecord, ProblemCode, Role, Step, Value};

    fn told(role: &str, body: &str) -> LogRecord {
        let Value::Map(body) = value(&tree(body).to_json()) else { panic!("{body} is no object") };
        log(&format!("gen_ai.{role}.message"), Value::Map(body), &[])
    }

    fn value(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Object(entries) => {
                Value::Map(entries.iter().map(|(key, inner)| (key.clone(), value(inner))).collect())
            }
            serde_json::Value::Array(items) => Value::List(items.iter().map(value).collect()),
            other => other.as_str().unwrap_or_default().into(),
        }
    }

    fn read(logs: &[LogRecord]) -> Step {
        SpanBuilder::new("chat").with("gen_ai.operation.name", "chat").step_with(logs)
    }

    #[test]
    fn messages_of_one_time_have_one_order_however_they_arrive() {
        let call = r#"{"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},
            {"id":"c2","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;
        let mut logs = vec![
            told("system", r#"{"content":"Be brief."}"#),
            told("user", r#"{"content":"Compare."}"#),
            told("assistant", call),
            told("tool", r#"{"id":"c1","content":"rain"}"#),
            told("tool", r#"{"id":"c2","content":"snow"}"#),
        ];
        let expected = read(&logs).input;
        assert_eq!(expected.as_ref().map(|messages| messages[1].role.clone()), Some(Role::User));
        for _ in 0..logs.len() {
            logs.rotate_left(1);
            logs.swap(0, 2);
            let step = read(&logs);
            assert_eq!((&step.input, step.problems.len()), (&expected, 0));
        }
    }

    #[test]
    fn messages_of_one_record_keep_its_order() {
        let prompt = r#"{"messages":[{"role":"user","content":"One?"},{"role":"assistant","content":"1."},
            {"role":"user","content":"Two?"}]}"#;
        let told = |texts: &Step| -> Vec<Option<String>> {
            texts.input.iter().flatten().map(crate::model::Message::joined_text).collect()
        };
        let conversation = ["One?", "1.", "Two?"].map(|text| Some(text.to_owned()));
        let whole = log("gen_ai.content.prompt", prompt.into(), &[]);
        let step = read(std::slice::from_ref(&whole));
        assert_eq!((told(&step), step.problems.len()), (conversation.to_vec(), 0));
        let two = r#"{"messages":[{"role":"assistant","content":"Hello."},{"role":"user","content":"Why?"},
            {"role":"system","content":"Be brief."}]}"#;
        let step = read(&[log("gen_ai.content.prompt", two.into(), &[])]);
        assert_eq!(told(&step), ["Hello.", "Why?", "Be brief."].map(|text| Some(text.to_owned())));
        let beside = self::told("system", r#"{"content":"Be brief."}"#);
        let step = read(&[whole, beside]);
        assert_eq!(told(&step)[..3], conversation);
        assert_eq!(step.problems[0].code, ProblemCode::MessageOrder);
    }

    #[test]
    fn questions_of_one_time_are_read_as_they_arrived_and_said_to_be() {
        let step = read(&[told("user", r#"{"content":"First?"}"#), told("user", r#"{"content":"Then?"}"#)]);
        assert_eq!(step.problems[0].code, ProblemCode::MessageOrder);
        let last = step.input.unwrap_or_default().pop().and_then(|message| message.joined_text());
        assert_eq!(last.as_deref(), Some("Then?"));
    }
}
