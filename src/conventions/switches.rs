//! Where each instrumentation has its switch for recording what was asked and answered: one table, which `inspect`, the
//! report, `judged doctor` and the documentation share.

use crate::model::{CutPart, Span, Step};

/// The switch of one instrumentation.
#[derive(Debug, PartialEq, Eq)]
pub struct ContentSwitch {
    /// The instrumentation, as it is stored and shown.
    pub instrumentation: &'static str,
    /// The instrumentation scopes that it writes; a trailing `*` stands for any rest.
    pub scopes: &'static [&'static str],
    /// Beginnings of attribute names by which it is known where its scope has the application's name.
    attributes: &'static [&'static str],
    /// The convention of its spans (see [`crate::model::Step::convention`]), where neither tells.
    conventions: &'static [&'static str],
    /// What to set.
    pub set: &'static str,
}

/// A line of the table; the parts in brackets are scopes, attributes and conventions.
macro_rules! switch {
    ($instrumentation:literal, $scopes:expr, $attributes:expr, $conventions:expr, $set:literal) => {
        ContentSwitch {
            instrumentation: $instrumentation,
            scopes: &$scopes,
            attributes: &$attributes,
            conventions: &$conventions,
            set: $set,
        }
    };
}

/// What an instrumentation that no line names is most likely to follow.
const UNKNOWN: ContentSwitch = switch!(
    "other",
    [],
    [],
    [],
    "the instrumentation's own switch; where it follows OpenTelemetry's conventions, \
     `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY` (older releases: `true`)"
);

/// All of them; of several that fit a span the first counts.
pub const CONTENT_SWITCHES: &[ContentSwitch] = &[
    switch!("Koog", [], ["koog."], [], "`setVerbose(true)` in `install(OpenTelemetry) { … }`"),
    switch!(
        "Spring AI",
        ["org.springframework.*"],
        ["spring.ai."],
        ["spring-ai"],
        "`spring.ai.chat.observations.log-prompt=true`, `spring.ai.chat.observations.log-completion=true` and \
         `spring.ai.tools.observations.include-content=true`, and export the log records"
    ),
    switch!(
        "Quarkus LangChain4j",
        ["io.quarkus.opentelemetry"],
        [],
        [],
        "`quarkus.langchain4j.tracing.include-prompt=true`, `quarkus.langchain4j.tracing.include-completion=true`, \
         `quarkus.langchain4j.tracing.include-tool-arguments=true`, `quarkus.langchain4j.tracing.include-tool-result=true`"
    ),
    switch!(
        "OpenTelemetry Java agent",
        ["io.opentelemetry.*"],
        [],
        [],
        "`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`, and export the log records"
    ),
    switch!("TanStack AI", [], ["tanstack.ai."], ["tanstack-ai"], "`captureContent: true` in `otelMiddleware(…)`"),
    switch!(
        "Google ADK",
        ["gcp.vertex.agent"],
        ["gcp.vertex.agent."],
        ["google-adk"],
        "`ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true`"
    ),
    switch!("AG2", ["opentelemetry.instrumentation.ag2"], [], [], "`instrument_llm_wrapper(capture_messages=True)`"),
    switch!(
        "OpenInference",
        ["openinference.*", "@arizeai/openinference*"],
        ["openinference."],
        ["openinference"],
        "no `OPENINFERENCE_HIDE_…` variable at all, or each of them to `false`"
    ),
    switch!(
        "OpenTelemetry for JS",
        ["@opentelemetry/instrumentation-*"],
        [],
        [],
        "`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`, and export the log records"
    ),
    switch!(
        "OpenTelemetry for Python",
        [
            "opentelemetry.instrumentation.genai.*",
            "opentelemetry.util.genai*",
            "opentelemetry.instrumentation.openai_v2",
            "opentelemetry.instrumentation.openai_agents",
            "opentelemetry.instrumentation.google_genai",
            "opentelemetry.instrumentation.botocore*",
        ],
        [],
        [],
        "`OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental` and \
         `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY` (older releases: `true`, and export the log records)"
    ),
    switch!(
        "OpenLLMetry",
        ["opentelemetry.instrumentation.*", "@traceloop/*", "traceloop.*"],
        ["traceloop."],
        ["openllmetry"],
        "`TRACELOOP_TRACE_CONTENT=true` (in JS also `traceContent: true`)"
    ),
    switch!(
        "OpenLIT",
        ["openlit.*"],
        [],
        ["openlit"],
        "`capture_message_content=True` in `openlit.init(…)`, or `OPENLIT_CAPTURE_MESSAGE_CONTENT=true`"
    ),
    switch!(
        "Pydantic AI",
        ["pydantic-ai"],
        ["pydantic_ai."],
        ["pydantic-ai"],
        "`InstrumentationSettings(include_content=True)`"
    ),
    switch!(
        "LiteLLM",
        ["litellm"],
        [],
        ["litellm"],
        "`turn_off_message_logging: false` in `litellm_settings`, and `message_logging: true` for the callback"
    ),
    switch!(
        "Microsoft Agent Framework",
        ["agent_framework*"],
        [],
        [],
        "`ENABLE_SENSITIVE_DATA=true`, or `configure_otel_providers(enable_sensitive_data=True)`"
    ),
    switch!(
        "Microsoft.Extensions.AI",
        ["Experimental.Microsoft.*", "Microsoft.Extensions.AI*", "Microsoft.Agents*"],
        [],
        [],
        "`EnableSensitiveData = true` in `UseOpenTelemetry(…)`, or `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`"
    ),
    switch!(
        "Semantic Kernel",
        ["semantic_kernel*", "Microsoft.SemanticKernel*"],
        [],
        [],
        "`SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true`"
    ),
    switch!(
        "Azure AI SDKs",
        ["azure.*", "@azure/*"],
        [],
        [],
        "`AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED=true` (newer releases: \
         `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`)"
    ),
    switch!(
        "AI SDK",
        ["ai"],
        ["ai.operationId"],
        ["vercel-ai"],
        "`recordInputs` and `recordOutputs` of `experimental_telemetry` (7: `telemetry`) to `true`, or leave them out"
    ),
    switch!("Haystack", ["haystack*"], ["haystack."], ["haystack"], "`HAYSTACK_CONTENT_TRACING_ENABLED=true`"),
    switch!(
        "Langfuse SDK",
        ["langfuse-sdk*"],
        ["langfuse."],
        ["langfuse"],
        "`LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED=true`, and no `capture_output=False`"
    ),
    switch!(
        "LangSmith",
        ["langsmith*"],
        ["langsmith."],
        ["langsmith"],
        "no `LANGSMITH_HIDE_INPUTS` and no `LANGSMITH_HIDE_OUTPUTS`"
    ),
    switch!(
        "Anthropic's own SDK",
        ["com.anthropic.sdk*"],
        [],
        [],
        "nothing there: these spans never hold text; add an instrumentation of the client that does"
    ),
    UNKNOWN,
];

impl ContentSwitch {
    /// The switch of whoever wrote a span of this convention.
    pub fn of(span: &Span, convention: Option<&str>) -> &'static Self {
        let scope = span.scope.name.as_str();
        let named = || CONTENT_SWITCHES.iter().find(|switch| switch.scopes.iter().any(|one| fits(one, scope)));
        let marked = || CONTENT_SWITCHES.iter().find(|switch| switch.marks(span));
        let spoken = || {
            let convention = convention?;
            CONTENT_SWITCHES.iter().find(|switch| switch.conventions.contains(&convention))
        };
        named().or_else(marked).or_else(spoken).unwrap_or(&UNKNOWN)
    }

    /// What to do about a generation whose answer was not recorded.
    pub fn advice(span: &Span, step: &Step) -> String {
        if step.cut.contains(CutPart::Output) {
            return "the answer was recorded and lost to a limit, which the problems name".to_owned();
        }
        let asked = step.input.iter().flatten().any(|said| said.joined_text().is_some_and(|text| !text.is_empty()));
        if asked {
            return "the question was recorded and the answer was not: content is on; the call ended without an answer, or \
                    the instrumentation does not read it"
                .to_owned();
        }
        Self::of(span, step.convention.as_deref()).records_nothing()
    }

    fn records_nothing(&self) -> String {
        format!("{} records no content; set {}", self.instrumentation, self.set)
    }

    /// The switch of an instrumentation by its name; a name that this release does not know is that of no line.
    pub fn named(instrumentation: &str) -> &'static Self {
        CONTENT_SWITCHES.iter().find(|switch| switch.instrumentation == instrumentation).unwrap_or(&UNKNOWN)
    }

    /// By what its spans are known, for a table.
    #[cfg(test)]
    pub(super) fn known_by(&self) -> String {
        let scopes = self.scopes.iter().map(|scope| format!("scope `{scope}`"));
        let attributes = self.attributes.iter().map(|beginning| format!("attributes `{beginning}…`"));
        let all: Vec<String> = scopes.chain(attributes).collect();
        if all.is_empty() { "everything else".to_owned() } else { all.join(", ") }
    }

    fn marks(&self, span: &Span) -> bool {
        let begins = |key: &str| self.attributes.iter().any(|beginning| key.starts_with(beginning));
        !self.attributes.is_empty() && span.attributes.iter().any(|(key, _)| begins(key))
    }
}

fn fits(pattern: &str, scope: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => scope.starts_with(beginning),
        None => pattern == scope,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{Problem, ProblemCode};

    fn switch(span: SpanBuilder) -> &'static str {
        let span = span.build();
        let step = crate::conventions::normalise(&span, &[]);
        ContentSwitch::of(&span, step.convention.as_deref()).instrumentation
    }

    #[test]
    fn the_switch_is_that_of_the_scope_else_of_the_attributes_else_of_the_convention() {
        let chat = || SpanBuilder::new("chat m").with("gen_ai.operation.name", "chat");
        let of_scope = |scope: &str| switch(chat().scope(scope));
        assert_eq!(of_scope("opentelemetry.instrumentation.genai.openai"), "OpenTelemetry for Python");
        assert_eq!(of_scope("opentelemetry.instrumentation.openai.v1"), "OpenLLMetry");
        assert_eq!(of_scope("opentelemetry.instrumentation.ag2"), "AG2");
        assert_eq!(of_scope("io.opentelemetry.openai-java-1.1"), "OpenTelemetry Java agent");
        assert_eq!(switch(chat().scope("parcel-desk").with("koog.event.id", "7")), "Koog");
        assert_eq!(switch(SpanBuilder::new("x").with("openinference.span.kind", "LLM")), "OpenInference");
        assert_eq!(switch(chat()), "other");
    }

    #[test]
    fn every_line_is_found_by_its_name_and_names_no_other() {
        for switch in CONTENT_SWITCHES {
            assert_eq!(ContentSwitch::named(switch.instrumentation), switch);
            let advice = switch.records_nothing();
            assert_eq!(Problem::new(ProblemCode::NotCaptured, advice.as_str()).detail, advice, "it fits");
        }
        assert_eq!(ContentSwitch::named("of a later release").instrumentation, "other");
    }
}
