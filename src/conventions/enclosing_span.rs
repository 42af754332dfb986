//! What a span tells of a span of its own instrumentation around it.

use crate::model::{Span, StepKind};

/// Attributes that the spans inside an agent or a workflow name it by.
const NAMES: [&str; 4] = ["gen_ai.agent.name", "gen_ai.agent.id", "gen_ai.workflow.name", "traceloop.workflow.name"];

/// Whether a span says that it ran inside another one of its instrumentation: an agent, a workflow, or the call that it is
/// a part of.
pub(crate) fn runs_inside_another(span: &Span, kind: StepKind) -> bool {
    // MLflow's traces have a root of its own, whatever runs around it.
    let is_mlflow = span.parent_span_id.is_some() && span.attributes.get("mlflow.traceRequestId").is_some();
    let is_named = kind != StepKind::Agent && NAMES.iter().any(|name| span.attributes.get(name).is_some());
    // The AI SDK records a call as one span around one for each step and tool.
    let operation = span.attributes.str("ai.operationId").unwrap_or_default();
    let is_step = [".doGenerate", ".doStream", ".toolCall"].iter().any(|end| operation.ends_with(end));
    is_mlflow || is_named || is_step
}
