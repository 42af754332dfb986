//! Mastra's exporters: GenAI, OpenInference or names of their own, always with `mastra.span.type`. A step is one call of
//! the model; what stands around it spans a whole loop of them, what stands in it holds its usage or its chunks.

use crate::conventions::json_tree::Node;
use crate::conventions::messages::message;
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::provider_payloads::request;
use crate::conventions::span_view::Source;
use crate::conventions::usage::of_node;
use crate::model::{Message, Part, Role, StepKind};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["mastra.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let kind_name = source.str("mastra.span.type")?;
    let mut parts = Parts { kind: kind_of(source, kind_name), ..Parts::default() };
    if kind_name == "model_step" {
        read_step(source, &mut parts);
    }
    Some(parts)
}

fn kind_of(source: &Source<'_>, name: &str) -> Option<StepKind> {
    Some(match name {
        "model_step" => StepKind::Generation,
        // Inside its step; one exporter tells of model and usage here.
        "model_inference" if source.str("gen_ai.operation.name") == Some("chat") => StepKind::Generation,
        "model_inference" | "model_chunk" | "llm_chunk" => StepKind::Other,
        "model_generation" | "agent_run" | "workflow_run" | "workflow_step" => StepKind::Agent,
        "tool_call" | "mcp_tool_call" | "provider_tool_call" | "client_tool_call" => StepKind::Tool,
        "rag_embedding" => StepKind::Embedding,
        "mcp_server_request" | "memory_operation" | "skill_action" | "skill_resolution" | "workspace_action"
        | "processor_run" => StepKind::Other,
        _ if name.starts_with("workflow_") || name.starts_with("rag_") || name.starts_with("scorer_") => {
            StepKind::Other
        }
        _ => return None,
    })
}

fn read_step(source: &Source<'_>, parts: &mut Parts) {
    let either = |keys: &[&str]| keys.iter().find_map(|key| source.unfolded(key));
    if let Some(read) = either(&["mastra.model_step.input", "input", "input.value"]).as_ref().and_then(request) {
        parts.input = Said::structured(read.messages);
        parts.tools = read.tools;
        parts.request_model = read.model;
    }
    if let Some(output) = either(&["mastra.model_step.output", "output", "output.value"]) {
        let mut said = match output {
            Node::Str(text) => Message::text(Role::Assistant, text),
            _ => message(&output, &Role::Assistant),
        };
        if let Some(object) = output.get("object").filter(|_| said.parts.is_empty()) {
            said.parts.push(Part::Text { text: object.to_text() });
        }
        // What came over the wire stands beside the answer; nothing did where the call failed, which is said nowhere else.
        let metadata = source.unfolded("metadata");
        let recorded = |name: &str| {
            let own = || either(&[&format!("mastra.metadata.{name}"), name]);
            metadata.and_then(|metadata| metadata.get(name)).map(|inner| source.unfold(*inner)).or_else(own)
        };
        let response = recorded("body");
        let asked = recorded("modelMetadata");
        if said.parts.is_empty() && asked.is_some() && response.is_none() && recorded("headers").is_none() {
            parts.error = Some("the model call ended without a response".to_owned());
        }
        if let Some(body) = response {
            read_response(&body, parts);
        }
        let asked = asked.and_then(|model| model.str_of(&["modelId"])).map(str::to_owned);
        parts.request_model = parts.request_model.take().or(asked);
        parts.output = Said::structured(vec![said]);
    }
}

fn read_response(body: &Node<'_>, parts: &mut Parts) {
    parts.response_id = body.str_of(&["id"]).map(str::to_owned);
    parts.response_model = body.str_of(&["model"]).map(str::to_owned);
    parts.tokens = body.get("usage").map(of_node).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, Message, Step, StepKind};

    const ASKED: &str = r#"[{"role":"system","content":"Be brief."},{"role":"user","content":"Weather?"}]"#;
    const BODY: &str = r#"{"id":"chatcmpl-1","model":"m-2024","usage":{"prompt_tokens":5,"completion_tokens":2}}"#;

    fn step(output: &str, body: Option<&str>) -> Step {
        let span = SpanBuilder::new("agent_step")
            .with("gen_ai.operation.name", "agent_step")
            .with("mastra.span.type", "model_step")
            .with("mastra.model_step.input", ASKED)
            .with("mastra.model_step.output", output)
            .with("mastra.metadata.modelMetadata", r#"{"modelId":"m"}"#);
        match body {
            Some(body) => span.with("mastra.metadata.body", body).step(),
            None => span.step(),
        }
    }

    #[test]
    fn a_step_is_the_call_of_a_model() {
        let output = r#"{"text":"Let me look.","toolCalls":[{"toolCallId":"c1","toolName":"weather","args":{"city":"Bergen"}}]}"#;
        let step = step(output, Some(BODY));
        let call = step.output.iter().flatten().flat_map(Message::tool_calls).next().unwrap();
        assert_eq!((call.name.as_str(), &call.arguments), ("weather", &json!({"city": "Bergen"})));
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Let me look.")));
        assert_eq!(step.input.unwrap()[1].joined_text().as_deref(), Some("Weather?"));
        assert_eq!((step.request_model.as_deref(), step.response_id.as_deref()), (Some("m"), Some("chatcmpl-1")));
        assert_eq!(step.usage.output_tokens, Some(2));
    }

    #[test]
    fn a_step_without_any_response_failed() {
        let nothing = r#"{"text":"","toolCalls":[]}"#;
        let (failed, empty) = (step(nothing, None), step(nothing, Some(BODY)));
        assert!(failed.error.is_some() && failed.output.is_none());
        assert_eq!((empty.error, empty.content), (None, ContentState::Empty));
        assert_eq!(step(r#"{"text":"","object":{"a":1}}"#, None).output_text.as_deref(), Some(r#"{"a":1}"#));
    }

    #[test]
    fn what_spans_the_loop_is_no_call() {
        let span = SpanBuilder::new("chat m").with("openinference.span.kind", "LLM");
        let outer = span.with("mastra.span.type", "model_generation").with("llm.token_count.prompt", 5).step();
        assert_eq!(outer.kind, StepKind::Agent);
    }
}
