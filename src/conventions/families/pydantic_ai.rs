//! pydantic-ai: agent runs with all their messages; its model calls are GenAI spans.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::read_output;
use crate::conventions::messages::messages;
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::span_view::Source;
use crate::model::{Message, Role, StepKind};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "pydantic_ai.*",
    "all_messages_events",
    "final_result",
    "model_name",
    "agent_name",
    "model_request_parameters",
    "tool_arguments",
    "tool_response",
    "metadata",
    "operation.cost",
];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let is_theirs = source.scope() == "pydantic-ai" || source.has_space(&[Space::PydanticAi]);
    if !is_theirs {
        return None;
    }
    let mut parts = Parts { entity_name: source.text(&["gen_ai.tool.name"]), ..Parts::default() };
    let all = ["pydantic_ai.all_messages", "all_messages_events"].iter().find_map(|key| source.unfolded(key));
    if all.is_none() && source.str("final_result").is_none() {
        return Some(parts);
    }
    parts.inferred_kind = Some(StepKind::Agent);
    parts.request_model = source.text(&["model_name"]);
    parts.entity_name = source.text(&["agent_name", "gen_ai.agent.name"]);
    if let Some(all) = all {
        // What went in ends with the last thing the user said; what came out is the last message.
        let mut all = messages(&all, &Role::User);
        let last = all.pop().filter(|message: &Message| message.role == Role::Assistant);
        parts.output = last.and_then(|message| Said::structured(vec![message]));
        parts.input = Said::structured(all);
    }
    if source.str("final_result").is_some() {
        let mut result = Parts { kind: Some(StepKind::Agent), ..Parts::default() };
        read_output(source, "final_result", &mut result);
        parts.output = result.output.or(parts.output);
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn a_run_is_an_agent_with_its_final_result() {
        let step = SpanBuilder::new("agent run")
            .scope("pydantic-ai")
            .with("agent_name", "shop")
            .with("pydantic_ai.all_messages", r#"[{"role":"user","parts":[{"type":"text","content":"Why?"}]},{"role":"assistant","parts":[{"type":"text","content":"Because."}]}]"#)
            .with("final_result", "Because.")
            .step();
        assert_eq!((step.kind, step.entity_name.as_deref()), (StepKind::Agent, Some("shop")));
        assert_eq!((step.output_text.as_deref(), step.input.map(|input| input.len())), (Some("Because."), Some(1)));
    }
}
