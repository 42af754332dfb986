//! The second pass: over steps as they were read, where escapes are decoded and the pieces of a stream are joined.
//!
//! Placeholders of the first pass are no values, and the same value gets the same one, so that nothing changes where the
//! first pass found everything.

use serde_json::Value as Json;

use super::Redactor;
use super::step_texts::visit_texts;
use crate::model::{Attributes, Message, Part, Step, ToolCall};

impl Redactor {
    /// Redacts the texts of a step: those that a judge is shown and those that segments are made of.
    pub fn redact_step(&self, step: &mut Step) {
        if self.is_off() {
            return;
        }
        let trace_id = *step.trace_id.as_bytes();
        let messages = step.input.iter_mut().chain(&mut step.output).flatten();
        messages.for_each(|message| self.redact_across_parts(&trace_id, message));
        visit_texts(std::slice::from_mut(step), &mut |text| self.text_in_place(&trace_id, text));
        for (name, value) in step.metadata.iter_mut().chain(&mut step.prompt_variables) {
            self.member_in_place(&trace_id, name, value);
        }
        let calls = step.input.iter_mut().chain(&mut step.output).flatten().flat_map(|message| &mut message.parts);
        for part in calls {
            if let Part::ToolCall(ToolCall { arguments, .. }) = part {
                self.redact_json(&trace_id, None, arguments);
            }
        }
    }

    /// Whether the operator wants any of these attributes left as it is.
    pub fn keeps_any(&self, attributes: &Attributes) -> bool {
        self.keep.iter().any(|kept| attributes.get(kept).is_some())
    }

    /// A value that begins in one part of a message and ends in the next one: the parts are read as one text.
    fn redact_across_parts(&self, trace_id: &[u8], message: &mut Message) {
        let texts: Vec<&mut String> = message
            .parts
            .iter_mut()
            .filter_map(|part| match part {
                Part::Text { text } => Some(text),
                _ => None,
            })
            .collect();
        if texts.len() < 2 {
            return;
        }
        let joined: String = texts.iter().map(|text| text.as_str()).collect();
        let apart: String = texts.iter().map(|text| self.redact_text(trace_id, text)).collect();
        let together = self.redact_text(trace_id, &joined);
        if together == apart {
            return;
        }
        let mut whole = Some(together.into_owned());
        for text in texts {
            *text = whole.take().unwrap_or_default();
        }
    }

    pub(super) fn member_in_place(&self, trace_id: &[u8], name: &str, value: &mut String) {
        if let Some(redacted) = self.redact_member(trace_id, name, value) {
            *value = redacted;
        }
    }

    /// Redacts JSON in place, with the names of its members; `name` is the one of the whole.
    pub(super) fn redact_json(&self, trace_id: &[u8], name: Option<&str>, json: &mut Json) {
        let redacted = |text: &str| match name {
            Some(name) => self.redact_member(trace_id, name, text),
            None => self.redact_once(trace_id, text),
        };
        match json {
            Json::String(text) => {
                if let Some(redacted) = redacted(text) {
                    *text = redacted;
                }
            }
            Json::Number(number) => {
                if let Some(redacted) = redacted(&number.to_string()) {
                    *json = Json::String(redacted);
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.redact_json(trace_id, name, item)),
            Json::Object(entries) => {
                *entries = std::mem::take(entries)
                    .into_iter()
                    .map(|(key, mut value)| {
                        self.redact_json(trace_id, Some(&key), &mut value);
                        (self.redact_once(trace_id, &key).unwrap_or(key), value)
                    })
                    .collect();
            }
            Json::Null | Json::Bool(_) => {}
        }
    }
}
