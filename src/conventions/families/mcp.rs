//! The Model Context Protocol: requests between a client and a server of tools, under `mcp.*` on either side.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::partial_step::Parts;
use crate::conventions::span_view::Source;
use crate::model::StepKind;

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["mcp.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Mcp]) {
        return None;
    }
    let kind = match source.str("mcp.method.name")? {
        "tools/call" => Some(StepKind::Tool),
        // A server that asks its client for a model's answer; what the client does about it has a span of its own.
        "sampling/createMessage" => None,
        // Lists, prompts, resources and notifications: what became of them stands in the model call that used them.
        _ => Some(StepKind::Other),
    };
    let called = || source.span.name.strip_prefix("tools/call ").map(str::to_owned);
    let entity_name = source.text(&["gen_ai.tool.name"]).or_else(called);
    Some(Parts { kind, entity_name: entity_name.filter(|_| kind == Some(StepKind::Tool)), ..Parts::default() })
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn a_call_of_a_tool_is_a_tool_and_other_requests_are_not() {
        let call = SpanBuilder::new("tools/call weather")
            .with("mcp.method.name", "tools/call")
            .with("mcp.protocol.version", "2026-07-28")
            .with("gen_ai.tool.call.arguments", r#"{"city":"Bergen"}"#)
            .with("gen_ai.tool.call.result", "rain")
            .step();
        assert_eq!((call.kind, call.entity_name.as_deref()), (StepKind::Tool, Some("weather")));
        assert!(call.unmapped.is_empty());
        let prompt = SpanBuilder::new("prompts/get brief")
            .with("mcp.method.name", "prompts/get")
            .with("gen_ai.prompt.name", "brief")
            .step();
        assert_eq!(prompt.kind, StepKind::Other);
    }

    #[test]
    fn a_connection_to_a_server_is_no_conversation() {
        let step =
            SpanBuilder::new("tools/list").with("mcp.method.name", "tools/list").with("mcp.session.id", "s").step();
        assert_eq!(step.session_id, None);
    }
}
