//! The texts of a step, in one place for all that go through them.

use serde_json::Value as Json;

use crate::model::{Message, Part, Step, ToolCall};

/// Calls `visit` with every text of the steps that a judge may be shown or a segment may be made of. Identities (session,
/// user) are none of them: their tags are the same in every trace.
pub(super) fn visit_texts(steps: &mut [Step], visit: &mut impl FnMut(&mut String)) {
    for step in steps {
        visit(&mut step.name);
        step.entity_name.iter_mut().for_each(&mut *visit);
        step.tags.iter_mut().for_each(&mut *visit);
        for message in step.input.iter_mut().flatten() {
            visit_message(message, visit);
        }
        for document in &mut step.documents {
            document.text.iter_mut().for_each(&mut *visit);
        }
        for message in step.output.iter_mut().flatten() {
            visit_message(message, visit);
        }
        step.output_text.iter_mut().for_each(&mut *visit);
        step.error.iter_mut().for_each(&mut *visit);
        step.metadata.iter_mut().for_each(|(_, value)| visit(value));
        step.prompt_variables.iter_mut().for_each(|(_, value)| visit(value));
        step.reference.iter_mut().for_each(&mut *visit);
        for tool in &mut step.tools {
            visit(&mut tool.name);
            tool.description.iter_mut().for_each(&mut *visit);
            tool.parameters.iter_mut().for_each(|schema| visit_json(schema, visit));
        }
    }
}

fn visit_message(message: &mut Message, visit: &mut impl FnMut(&mut String)) {
    message.name.iter_mut().for_each(&mut *visit);
    for part in &mut message.parts {
        match part {
            Part::Text { text } | Part::Reasoning { text } | Part::ToolResult { text, .. } => visit(text),
            Part::ToolCall(ToolCall { arguments, .. }) => visit_json(arguments, visit),
            Part::Media { reference, .. } => reference.iter_mut().for_each(&mut *visit),
            Part::Other { .. } => {}
        }
    }
}

fn visit_json(json: &mut Json, visit: &mut impl FnMut(&mut String)) {
    match json {
        Json::String(text) => visit(text),
        Json::Array(items) => items.iter_mut().for_each(|item| visit_json(item, visit)),
        Json::Object(entries) => entries.values_mut().for_each(|value| visit_json(value, visit)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
