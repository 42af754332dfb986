//! Subjects on which every template is tried before it may judge.

use serde_json::json;

use super::requirement::Requirement;
use crate::model::{Document, Message, Part, Role, StepView, SubjectContent, ToolCall, ToolDefinition, Turn};

/// A key for trial renders; nobody judges by them.
pub(super) const KEY: &str = "0123456789abcdef";

/// A subject that has everything.
pub(super) fn full() -> SubjectContent {
    let call = ToolCall { id: Some("call-1".into()), name: "lookup".into(), arguments: json!({"city": "Oslo"}) };
    SubjectContent {
        system: Some("Answer briefly.".into()),
        input: Some("How far is it from Oslo to Bergen?".into()),
        messages: vec![
            Message::text(Role::User, "How far is it from Oslo to Bergen?"),
            Message {
                role: Role::Assistant,
                name: None,
                parts: vec![Part::ToolCall(call.clone())],
                finish_reason: None,
            },
        ],
        output: Some("About 460 km by road.".into()),
        documents: vec![
            Document {
                id: Some("kb-1".into()),
                text: Some("Oslo to Bergen is 463 km by road.".into()),
                score: Some(0.9),
                source: None,
            },
            Document::default(),
        ],
        tools: vec![ToolDefinition {
            name: "lookup".into(),
            description: Some("Finds distances.".into()),
            parameters: Some(json!({"type": "object"})),
        }],
        tool_calls: vec![call],
        reference: Some("463 km".into()),
        steps: vec![StepView {
            kind: "tool".into(),
            name: "lookup".into(),
            input: Some("Oslo".into()),
            output: Some("463 km".into()),
            duration_ms: 12.0,
            tokens: Some(40),
            error: Some("none".into()),
        }],
        turns: vec![Turn { input: Some("How far?".into()), output: Some("463 km".into()) }],
    }
}

/// A subject that has what is required and nothing else; things in lists have only what they always have.
pub(super) fn minimal(requires: &[Requirement]) -> SubjectContent {
    let mut content = SubjectContent::default();
    for requirement in requires {
        match requirement {
            Requirement::Input => content.input = Some("How far is it?".into()),
            Requirement::Output => content.output = Some(String::new()),
            Requirement::Documents => {
                content.documents = vec![Document { text: Some("463 km".into()), ..Document::default() }];
            }
            Requirement::Tools => {
                content.tools = vec![ToolDefinition { name: "lookup".into(), description: None, parameters: None }];
            }
            Requirement::ToolCalls => {
                content.tool_calls = vec![ToolCall { id: None, name: "lookup".into(), arguments: json!(null) }];
            }
            Requirement::Reference => content.reference = Some("463 km".into()),
            Requirement::Steps => {
                content.steps = vec![StepView {
                    kind: "other".into(),
                    name: String::new(),
                    input: None,
                    output: None,
                    duration_ms: 0.0,
                    tokens: None,
                    error: None,
                }];
            }
            Requirement::Turns => content.turns = vec![Turn { input: None, output: None }],
        }
    }
    content
}
