//! Langfuse SDKs from v3: observations with a type, an input and an output.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{read_input, read_output};
use crate::conventions::json_tree::Node;
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::span_view::Source;
use crate::conventions::usage::of_node;
use crate::model::{Role, StepKind, Value};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["langfuse.*", "session.id", "user.id"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Langfuse]) {
        return None;
    }
    let kind_name = source.str("langfuse.observation.type");
    let mut parts = Parts {
        kind: kind_name.and_then(kind_of).map(|kind| embedding_or(kind, &source.span.name)),
        response_model: source.text(&["langfuse.observation.model.name"]),
        prompt_name: source.text(&["langfuse.observation.prompt.name"]),
        prompt_version: source.get("langfuse.observation.prompt.version").map(Value::display),
        ..Parts::default()
    };
    match parts.kind {
        Some(StepKind::Tool | StepKind::Agent | StepKind::Retrieval) => {
            parts.entity_name = Some(source.span.name.clone());
        }
        _ if kind_name == Some("evaluator") => parts.operation = Some("evaluate".to_owned()),
        _ => {}
    }
    read_input(source, "langfuse.observation.input", &mut parts);
    read_output(source, "langfuse.observation.output", &mut parts);
    // The SDK leaves the attribute out where no output was set.
    if parts.kind == Some(StepKind::Generation) && source.raw_str("langfuse.observation.output") == Some("") {
        parts.output = Some(Said::text(Role::Assistant, ""));
    }
    if source.span.parent_span_id.is_none() {
        read_trace_fields(source, &mut parts);
    }
    if let Some(usage) = source.unfolded("langfuse.observation.usage_details") {
        parts.tokens = of_node(&usage).or(parts.tokens);
    }
    let expected = ["langfuse.experiment.item.expected_output", "langfuse.dataset.item.expected_output"];
    parts.reference = expected.iter().find_map(|key| source.node(key)).map(Node::to_text);
    Some(parts)
}

fn kind_of(name: &str) -> Option<StepKind> {
    Some(match name {
        "generation" => StepKind::Generation,
        "retriever" => StepKind::Retrieval,
        "embedding" => StepKind::Embedding,
        "tool" => StepKind::Tool,
        "agent" | "chain" => StepKind::Agent,
        "guardrail" | "evaluator" => StepKind::Other,
        // `span` and `event` are the defaults and say nothing.
        _ => return None,
    })
}

/// The wrapper of OpenAI's JavaScript client calls everything a generation and names it after the method.
fn embedding_or(kind: StepKind, name: &str) -> StepKind {
    let is_method = name.ends_with(".embeddings") || name.ends_with(".embeddings.create");
    if kind == StepKind::Generation && is_method { StepKind::Embedding } else { kind }
}

/// What was set on the whole trace stands on its root.
fn read_trace_fields(source: &Source<'_>, parts: &mut Parts) {
    if parts.kind == Some(StepKind::Generation) {
        return;
    }
    if parts.input.is_none() {
        read_input(source, "langfuse.trace.input", parts);
    }
    if parts.output.is_none() {
        read_output(source, "langfuse.trace.output", parts);
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{Message, StepKind};

    fn generation() -> SpanBuilder {
        SpanBuilder::new("OpenAI-generation").with("langfuse.observation.type", "generation")
    }

    #[test]
    fn an_observation_is_read_with_its_reference_answer() {
        let step = generation()
            .with("langfuse.observation.input", r#"[{"role":"user","content":"Why?"}]"#)
            .with("langfuse.observation.output", r#"{"role":"assistant","content":"Because."}"#)
            .with("langfuse.observation.usage_details", r#"{"prompt_tokens":5,"completion_tokens":2}"#)
            .with("langfuse.experiment.item.expected_output", "\"Because of it.\"")
            .with("session.id", "s1")
            .step();
        assert_eq!(step.output_text.as_deref(), Some("Because."));
        assert_eq!((step.usage.output_tokens, step.session_id.as_deref()), (Some(2), Some("s1")));
        assert_eq!(step.reference.as_deref(), Some("Because of it."));
    }

    #[test]
    fn a_tool_call_alone_is_no_text() {
        let item = r#"{"type":"function_call","call_id":"c1","id":"fc_1","name":"weather","arguments":"{\"city\":\"Bergen\"}"}"#;
        let step = generation().with("langfuse.observation.output", item).step();
        let call = step.output.iter().flatten().flat_map(Message::tool_calls).next().unwrap();
        assert_eq!((call.name.as_str(), &call.arguments), ("weather", &serde_json::json!({"city": "Bergen"})));
        assert_eq!(step.output_text, None);
    }

    #[test]
    fn embeddings_that_are_called_generations_are_none() {
        let step = SpanBuilder::new("OpenAI.embeddings").with("langfuse.observation.type", "generation").step();
        assert_eq!(step.kind, StepKind::Embedding);
    }

    #[test]
    fn a_plain_text_output_is_the_answer() {
        assert_eq!(
            generation().with("langfuse.observation.output", "Because.").step().output_text.as_deref(),
            Some("Because.")
        );
    }

    #[test]
    fn a_level_of_error_is_a_failure_though_the_status_is_unset() {
        let step = generation()
            .with("langfuse.observation.level", "ERROR")
            .with("langfuse.observation.status_message", "429 slow down")
            .step();
        assert_eq!(step.error.as_deref(), Some("429 slow down"));
    }

    #[test]
    fn the_default_type_says_nothing() {
        let step = SpanBuilder::new("x").with("langfuse.observation.type", "span").step();
        assert_eq!(step.kind, StepKind::Other);
    }
}
