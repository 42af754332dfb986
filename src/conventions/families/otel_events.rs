//! Message events from before GenAI 1.37: one event per message, on the span or as log records, in five dialects.

use super::event_order::{self, ToldBy};
use crate::conventions::attribute_namespace::Space;
use crate::conventions::finish_reasons::is_tool_call;
use crate::conventions::input_output::strings;
use crate::conventions::json_text::{Parsed, parse};
use crate::conventions::json_tree::{Arena, Node};
use crate::conventions::messages::{event_role, from_lines, message};
use crate::conventions::partial_step::{Said, is_content, richer};
use crate::conventions::provider_payloads::{is_body, request, response};
use crate::conventions::span_view::Source;
use crate::model::{Attributes, Message, Part, ProblemCode, Role, Value};

/// What the events of a span say.
#[derive(Default)]
pub(super) struct Told {
    pub(super) input: Option<Said>,
    pub(super) output: Option<Said>,
    pub(super) finish_reasons: Vec<String>,
}

/// Reads them from span events, from log records and from the `events` attribute; the richest wins.
pub(super) fn read(source: &Source<'_>) -> Told {
    let mut on_span = Reading::default();
    for event in &source.span.events {
        on_span.event(source, &event.name, &event.attributes, None);
    }
    let mut in_logs = Reading::default();
    let mut told_by = Vec::new();
    for (record, log) in source.logs.iter().enumerate() {
        in_logs.event(source, &log.event_name, &log.attributes, Some(&log.body));
        told_by.resize(in_logs.input.len(), ToldBy { time: log.time, record });
    }
    event_order::arrange(source, &mut in_logs.input, &told_by);
    let mut in_attribute = Reading::default();
    if source.has_space(&[Space::Events])
        && let Some(node) = source.unfolded("events")
    {
        in_attribute.list(&node);
    }
    let mut told = Told::default();
    on_span.forget_own_results(source);
    for mut reading in [on_span, in_logs, in_attribute] {
        reading.forget_withheld();
        told.input = richer(told.input, Said::structured(reading.input));
        told.output = richer(told.output, Said::structured(reading.output));
        if told.finish_reasons.is_empty() {
            told.finish_reasons = reading.finish_reasons;
        }
    }
    told
}

#[derive(Default)]
struct Reading {
    input: Vec<Message>,
    output: Vec<Message>,
    finish_reasons: Vec<String>,
    /// The index of the newest choice, where it had one.
    choice_index: Option<i64>,
}

impl Reading {
    fn event<'a>(&mut self, source: &Source<'a>, name: &str, attributes: &'a Attributes, body: Option<&'a Value>) {
        match name {
            "gen_ai.content.prompt" => self.whole_prompt(source, attributes, body),
            // Several choices are numbered.
            _ if name.starts_with("gen_ai.content.completion") => self.whole_completion(source, attributes, body),
            "gen_ai.choice" => {
                if let Some(body) = body.filter(|body| **body != Value::Empty) {
                    self.choice(&source.unfold(source.of_value(body)));
                } else {
                    self.choice(&of_attributes(source, attributes));
                }
            }
            _ => {
                let Some(role) = event_role(name) else { return };
                // Results of the tools that this very answer asked for were not what it answered.
                if role == Role::Tool && body.is_none() && !self.output.is_empty() {
                    return;
                }
                let node = match body.filter(|body| **body != Value::Empty) {
                    Some(body) => source.unfold(source.of_value(body)),
                    None => of_attributes(source, attributes),
                };
                if node.is_blank() {
                    source.report(ProblemCode::EmptyEvent, format!("event {name} carries no content"));
                    return;
                }
                self.push_input(&node, &role);
            }
        }
    }

    /// pydantic-ai and Logfire keep the events as one JSON list, answers included.
    fn list(&mut self, node: &Node<'_>) {
        for item in node.as_list().unwrap_or_default() {
            match item.str_of(&["event.name"]) {
                Some("gen_ai.choice") => self.choice(item),
                Some(name) => {
                    if let Some(role) = event_role(name) {
                        self.push_input(item, &role);
                    }
                }
                None => {}
            }
        }
        // The Responses API's answers are listed as assistant messages at the end.
        if self.output.is_empty() {
            let from = self.input.iter().rposition(|message| message.role != Role::Assistant).map_or(0, |at| at + 1);
            self.output = self.input.split_off(from);
        }
    }

    /// Producers that were told not to capture content leave roles behind. Where a question was captured, an answer
    /// without content is an empty answer.
    fn forget_withheld(&mut self) {
        let is_bare = |messages: &[Message]| messages.iter().all(|message| message.parts.is_empty());
        // The names of tools are not content, with or without arguments; their results are.
        let says = |part: &Part| !matches!(part, Part::ToolCall(_)) && is_content(part);
        if is_bare(&self.output) && !self.input.iter().flat_map(|message| &message.parts).any(says) {
            self.input.retain(|message| !message.parts.is_empty());
            self.output.clear();
        }
    }

    /// A turn that ended by asking for a tool is followed, on the same span, by that tool's result: it did not go in.
    fn forget_own_results(&mut self, source: &Source<'_>) {
        let asked = |message: &Message| message.tool_calls().next().is_some();
        if self.input.iter().any(asked) || !self.output.is_empty() {
            return;
        }
        let reasons = strings(source, &source.span.attributes, "gen_ai.response.finish_reasons");
        while reasons.iter().any(|reason| is_tool_call(reason))
            && self.input.last().is_some_and(|message| message.role == Role::Tool)
        {
            self.input.pop();
        }
    }

    fn push_input(&mut self, node: &Node<'_>, role: &Role) {
        let mut said = message(node, role);
        // Strands writes the Bedrock blocks of a message as JSON text.
        said.parts = said.parts.into_iter().flat_map(blocks_of_text).collect();
        if said.role == Role::User && !said.parts.is_empty() && said.parts.iter().all(is_result) {
            said.role = Role::Tool;
        }
        self.input.push(said);
    }

    fn choice(&mut self, node: &Node<'_>) {
        let reason = node.str_of(&["finish_reason"]).map(str::to_owned);
        self.finish_reasons.extend(reason.clone());
        let arena = Arena::new();
        let content = node.get("message").map(|content| content.unfolded(&arena));
        let mut said = match &content {
            Some(inner @ Node::Map(_)) => message(inner, &Role::Assistant),
            Some(Node::Str(text)) => Message::text(Role::Assistant, *text),
            Some(list @ Node::List(_)) => Message {
                role: Role::Assistant,
                name: None,
                parts: crate::conventions::message_parts::parts(list),
                finish_reason: None,
            },
            _ => message(node, &Role::Assistant),
        };
        if said.finish_reason.is_none() {
            said.finish_reason = reason;
        }
        // Chunks and tool calls of one choice come as several events of the same index.
        let index = node.get("index").and_then(Node::as_i64);
        match self.output.last_mut().filter(|_| index.is_some() && index == self.choice_index) {
            Some(begun) => {
                begun.parts.append(&mut said.parts);
                begun.finish_reason = said.finish_reason.or(begun.finish_reason.take());
            }
            None => self.output.push(said),
        }
        self.choice_index = index;
    }

    fn whole_prompt<'a>(&mut self, source: &Source<'a>, attributes: &'a Attributes, body: Option<&'a Value>) {
        let Some(value) = attributes.get("gen_ai.prompt").or(body) else { return };
        match value.as_str().map(|text| source.parse(text)) {
            Some(Parsed::Text(text)) => self.input.extend(from_lines(text, &Role::User)),
            Some(Parsed::Tree(Node::Str(text))) => self.input.extend(from_lines(text, &Role::User)),
            Some(Parsed::Tree(node)) => self.input.extend(request(&node).map(|read| read.messages).unwrap_or_default()),
            Some(Parsed::Truncated | Parsed::Malformed) => {}
            None => self.input.extend(request(&source.of_value(value)).map(|read| read.messages).unwrap_or_default()),
        }
    }

    fn whole_completion<'a>(&mut self, source: &Source<'a>, attributes: &'a Attributes, body: Option<&'a Value>) {
        let Some(value) = attributes.get("gen_ai.completion").or(body) else { return };
        match value.as_str().map(|text| source.parse(text)) {
            // An answer in JSON stays the text that it came as.
            Some(Parsed::Tree(node)) if is_body(&node) && response(&node).is_some() => {
                self.output.extend(response(&node).map(|read| read.messages).unwrap_or_default());
            }
            Some(Parsed::Tree(_) | Parsed::Text(_) | Parsed::Malformed) => {
                let text = value.as_str().unwrap_or_default();
                // OpenLIT prints the missing text of an answer that asks for a tool.
                let reasons = || strings(source, &source.span.attributes, "gen_ai.response.finish_reasons");
                if text == "None" && reasons().iter().any(|reason| is_tool_call(reason)) {
                    return;
                }
                self.output.push(Message::text(Role::Assistant, text.strip_prefix("assistant: ").unwrap_or(text)));
            }
            Some(Parsed::Truncated) => {}
            None => self.output.extend(response(&source.of_value(value)).map(|read| read.messages).unwrap_or_default()),
        }
    }
}

fn is_result(part: &Part) -> bool {
    matches!(part, Part::ToolResult { .. })
}

/// A text part that is JSON of content blocks is those blocks.
fn blocks_of_text(part: Part) -> Vec<Part> {
    const BLOCKS: [&str; 6] = ["text", "toolUse", "toolResult", "image", "document", "reasoningContent"];
    let (Part::Text { text } | Part::ToolResult { text, .. }) = &part else { return vec![part] };
    match parse(text, &Arena::new()) {
        Parsed::Tree(Node::List(items))
            if !items.is_empty() && items.iter().all(|item| item.first_of(&BLOCKS).is_some()) =>
        {
            crate::conventions::message_parts::parts(&Node::List(items))
        }
        _ => vec![part],
    }
}

/// The message in an event's attributes: as one JSON attribute, or spread over several.
fn of_attributes<'a>(source: &Source<'a>, attributes: &'a Attributes) -> Node<'a> {
    if let Some(text) = attributes.str("gen_ai.event.content")
        && let Parsed::Tree(node) = source.parse(text)
    {
        return source.unfold(node);
    }
    let entries = attributes
        .iter()
        .filter(|(key, _)| !key.starts_with("event.") && *key != "gen_ai.system" && *key != "gen_ai.provider.name")
        .map(|(key, value)| {
            let key = key.strip_prefix("gen_ai.").unwrap_or(key);
            let node = match key {
                "tool_calls" => source.unfold(source.of_value(value)),
                _ => source.of_value(value),
            };
            (key, node)
        });
    let entries: Vec<_> = entries.collect();
    Node::Map(source.arena().alloc_slice_copy(&entries))
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::{SpanBuilder, log};
    use crate::model::{ContentState, Role, Step, Value};

    fn chat() -> SpanBuilder {
        SpanBuilder::new("chat").with("gen_ai.operation.name", "chat")
    }

    fn map(pairs: &[(&str, Value)]) -> Value {
        Value::Map(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    fn question_and_answer(step: &Step) -> (Option<String>, Option<String>) {
        let user = step.input.iter().flatten().find(|message| message.role == Role::User);
        (user.and_then(crate::model::Message::joined_text), step.output_text.clone())
    }

    #[test]
    fn roles_without_any_content_are_no_empty_answer() {
        let choice = |question: &str| {
            let asked = map(&[("content", question.into())]);
            let message = map(&[("role", "assistant".into())]);
            let said = map(&[("finish_reason", "stop".into()), ("message", message)]);
            chat().step_with(&[log("gen_ai.user.message", asked, &[]), log("gen_ai.choice", said, &[])])
        };
        assert_eq!(choice("").content, ContentState::NotCaptured);
        assert_eq!(choice("Why?").content, ContentState::Empty);
        assert_eq!(choice("").finish_reasons, ["stop"]);
    }

    #[test]
    fn names_of_tools_are_no_captured_content() {
        let call = r#"{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f"}}]}"#;
        let said = r#"{"index":0,"message":{"role":"assistant"}}"#;
        let span = |result: &str| {
            chat()
                .event("gen_ai.assistant.message", &[("gen_ai.event.content", call)])
                .event("gen_ai.tool.message", &[("gen_ai.event.content", result)])
                .event("gen_ai.choice", &[("gen_ai.event.content", said)])
                .step()
        };
        assert_eq!(span(r#"{"role":"tool","id":"c1"}"#).content, ContentState::NotCaptured);
        assert_eq!(span(r#"{"role":"tool","id":"c1","content":"2"}"#).content, ContentState::Empty);
    }

    #[test]
    fn every_dialect_of_message_events_tells_the_same_conversation() {
        let expected = (Some("Why?".to_owned()), Some("Because.".to_owned()));
        let choice = r#"{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Because."}}"#;
        let semantic_kernel = chat()
            .event("gen_ai.user.message", &[("gen_ai.event.content", r#"{"role":"user","content":"Why?"}"#)])
            .event("gen_ai.choice", &[("gen_ai.event.content", choice)])
            .step();
        let strands = chat()
            .event("gen_ai.user.message", &[("content", r#"[{"text":"Why?"}]"#)])
            .event("gen_ai.choice", &[("finish_reason", "end_turn"), ("message", r#"[{"text":"Because."}]"#)])
            .step();
        let bodies = chat().step_with(&[
            log("gen_ai.user.message", map(&[("content", "Why?".into())]), &[]),
            log("gen_ai.choice", map(&[("message", map(&[("content", "Because.".into())]))]), &[]),
        ]);
        let openlit = chat()
            .event("gen_ai.content.prompt", &[("gen_ai.prompt", "user: Why?")])
            .event("gen_ai.content.completion", &[("gen_ai.completion", "Because.")])
            .step();
        let listed = r#"[{"event.name":"gen_ai.user.message","role":"user","content":"Why?"},
            {"event.name":"gen_ai.choice","index":0,"message":{"role":"assistant","content":"Because."}}]"#;
        let pydantic = chat().with("events", listed).step();
        for step in [semantic_kernel, strands, bodies, openlit, pydantic] {
            assert_eq!(question_and_answer(&step), expected);
        }
    }

    #[test]
    fn answers_listed_as_assistant_messages_at_the_end_are_answers() {
        let listed = r#"[{"event.name":"gen_ai.user.message","role":"user","content":"Why?"},
            {"event.name":"gen_ai.assistant.message","role":"assistant","content":"Because."}]"#;
        let step = chat().with("events", listed).step();
        assert_eq!(question_and_answer(&step), (Some("Why?".into()), Some("Because.".into())));
    }

    #[test]
    fn chunks_without_content_say_nothing() {
        let step = chat().event("gen_ai.content.completion.chunk", &[]).step();
        assert_eq!(step.output, None);
    }
}
