//! The families of instrumentations, each a pure function from a raw span to the parts of a step.
//!
//! Adding one is a file here and a line in [`FAMILIES`].

mod ag2;
mod coding_agents;
mod event_order;
mod generic_io;
mod genkit;
mod google_adk;
mod haystack;
mod langfuse;
mod langsmith;
mod langwatch;
mod litellm;
mod livekit;
mod logfire;
mod loongsuite;
mod mastra;
mod mcp;
mod mlflow;
mod openinference;
mod openlit;
mod openllmetry;
mod otel_events;
mod otel_genai;
mod pipecat;
mod pydantic_ai;
mod spring_ai;
mod strands;
mod tanstack;
mod vercel_ai;

pub(crate) use litellm::is_provider_body;

use super::partial_step::Parts;
use super::span_view::Source;
use crate::model::Part;

/// One family of instrumentations.
#[derive(Debug)]
pub struct Family {
    /// Its name, as `inspect` shows it.
    pub name: &'static str,
    /// The versions whose output is understood.
    pub versions: &'static str,
    /// What it reads, for a person.
    pub reads: &'static str,
    /// Reads a span; `None` when the span does not speak this convention.
    pub(super) read: fn(&Source<'_>) -> Option<Parts>,
    /// Attribute names it explains; a trailing `*` stands for any rest.
    pub(super) known: &'static [&'static str],
}

impl Family {
    /// Attribute names it explains; a trailing `*` stands for any rest.
    pub fn names(&self) -> &'static [&'static str] {
        self.known
    }
}

/// A published registry of attribute names with which the families were compared (`scripts/compare-conventions`).
#[derive(Debug)]
pub struct Registry {
    pub name: &'static str,
    /// The newest release that was compared.
    pub release: &'static str,
}

/// The registries, and their releases on [`COMPARED_ON`].
pub const REGISTRIES: &[Registry] = &[
    Registry { name: "OpenTelemetry semantic conventions", release: "1.45.0" },
    Registry { name: "OpenTelemetry semantic-conventions-genai", release: "0.1.0" },
    Registry { name: "OpenInference semantic conventions", release: "0.1.42" },
];

/// When the families were compared with the registries.
pub const COMPARED_ON: &str = "2026-11-28";

macro_rules! family {
    ($module:ident, $name:literal, $versions:literal, $reads:literal) => {
        Family { name: $name, versions: $versions, reads: $reads, read: $module::read, known: $module::KNOWN }
    };
}

/// All families, in the order in which their word on a span is taken: a vendor's own kind before
/// `gen_ai.operation.name`, which several vendors set carelessly.
pub const FAMILIES: &[Family] = &[
    family!(spring_ai, "spring-ai", "1 and 2", "spring.ai.{kind,tool.call.*}, log bodies of its observation handlers"),
    family!(tanstack, "tanstack-ai", "0.58", "tanstack.ai.{iteration,iterations}, tool spans told in messages"),
    family!(ag2, "ag2", "0.14 to 1", "ag2.span.type, whose conversations end with their answer"),
    family!(loongsuite, "loongsuite", "0.4 to 0.9", "gen_ai.span.kind, gen_ai.rerank.*, gen_ai.session.id"),
    family!(mastra, "mastra", "core 0.24 to 1", "mastra.span.type, mastra.model_step.{input,output}"),
    family!(
        openinference,
        "openinference",
        "0.1 (decisions included)",
        "openinference.span.kind, llm.input_messages.N, input.value, retrieval.documents.N"
    ),
    family!(langfuse, "langfuse", "SDK 3 to 5", "langfuse.observation.{type,input,output}"),
    family!(mlflow, "mlflow", "2.14 to 3", "mlflow.{spanType,spanInputs,spanOutputs}, JSON in JSON"),
    family!(langwatch, "langwatch", "0.16", "langwatch.{span.type,input,output,contexts}, typed values"),
    family!(langsmith, "langsmith", "0.3 to 0.15", "langsmith.span.kind, gen_ai.prompt and gen_ai.completion as JSON"),
    family!(vercel_ai, "vercel-ai", "3 to 6 (7 is otel-genai)", "ai.operationId, ai.prompt.messages, ai.response.text"),
    family!(
        openllmetry,
        "openllmetry",
        "0.15 to 0.62",
        "gen_ai.prompt.N, gen_ai.completion.N, traceloop.entity.*, db.query.result events"
    ),
    family!(haystack, "haystack", "2 to 3", "haystack.component.{type,input,output}"),
    family!(
        pydantic_ai,
        "pydantic-ai",
        "0.1 to 2 (instrumentation 1 to 6)",
        "pydantic_ai.all_messages, final_result, events"
    ),
    family!(logfire, "logfire", "3 to 4", "request_data, response_data, streamed log spans"),
    family!(strands, "strands", "0.1 to 1", "split operation.details events, Bedrock blocks"),
    family!(google_adk, "google-adk", "1 to 2", "gcp.vertex.agent.{llm_request,llm_response,tool_call_args}"),
    family!(coding_agents, "claude-code", "2", "span.type, user_prompt, response.model_output"),
    family!(livekit, "livekit", "1.0 to 1.8", "lk.{chat_ctx,user_input,response.text}, the same under lk.pii"),
    family!(generic_io, "laminar/flue/voltagent", "2026", "lmnr.span.*, flue.turn.*, span.type with input and output"),
    family!(pipecat, "pipecat", "1", "scope pipecat.turn: conversations and turns"),
    family!(litellm, "litellm", "1", "litellm_request and its raw child"),
    family!(openlit, "openlit", "1.20 to 1.45", "gen_ai.content.* events, gen_ai.tool.{args,output}"),
    family!(mcp, "mcp", "semantic-conventions-genai 0.1", "mcp.method.name: tool calls of clients and servers"),
    family!(
        otel_genai,
        "otel-genai",
        "1.26 to 1.41 and semantic-conventions-genai 0.1; logs and span events",
        "gen_ai.{input,output}.messages, system_instructions, message events"
    ),
    family!(genkit, "genkit", "1", "genkit:{input,output}, genkit:metadata:subtype"),
];

/// Whether a part is of a type that no convention explains.
fn is_unknown_part(part: &Part) -> bool {
    matches!(part, Part::Other { .. })
}
