//! OpenInference: flattened `llm.*` attributes, `openinference.span.kind`, generic input and output values.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{read_input, read_output};
use crate::conventions::json_tree::Node;
use crate::conventions::messages::message;
use crate::conventions::partial_step::{Parts, Said, Trust};
use crate::conventions::placeholders;
use crate::conventions::provider::provider;
use crate::conventions::span_view::Source;
use crate::conventions::tools::tool_definitions;
use crate::conventions::usage::Tokens;
use crate::conventions::{call_errors::failure, documents::documents};
use crate::model::{Message, Role, StepKind, Value};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "openinference.*",
    "input.*",
    "output.*",
    "llm.input_messages",
    "llm.input_messages.*",
    "llm.output_messages",
    "llm.output_messages.*",
    "llm.prompts.*",
    "llm.choices",
    "llm.choices.*",
    "llm.token_count.*",
    "llm.cost.*",
    "llm.model_name",
    "llm.request.model_name",
    "llm.response.model_name",
    "llm.provider",
    "llm.system",
    "llm.invocation_parameters",
    "llm.finish_reason",
    "llm.tools.*",
    "llm.tools",
    "llm.prompt_template.*",
    "llm.function_call",
    "retrieval.*",
    "reranker.*",
    "embedding.*",
    "tool.*",
    "tool_call.*",
    "session.id",
    "user.id",
    "tag.tags",
    "metadata",
    "agent.name",
    "graph.node.*",
    "prompt.*",
    "annotation.*",
    "annotations.*",
    "evaluation.*",
    "evaluations.*",
    "trace.annotations*",
    "trace.evaluations*",
    "session.annotations*",
    "session.evaluations*",
    "decision.*",
    "message.*",
    "message_content.*",
    "exception.*",
    "document.*",
    "image.*",
    "audio.*",
    "video.*",
    "completion.*",
    "smolagents.*",
    "agno.*",
];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let kind_name = source.str("openinference.span.kind").map(str::to_ascii_uppercase);
    let is_theirs = kind_name.is_some()
        || source.has_space(&[Space::OpenInference, Space::Retrieval, Space::Reranker])
        // `llm.request.type` is OpenLLMetry's, whose first versions wrote `llm.prompts.N` too.
        || (source.has_space(&[Space::Llm]) && source.str("llm.request.type").is_none() && speaks(source))
        || (source.has_space(&[Space::Input, Space::Output]) && speaks_of_io(source));
    if !is_theirs {
        return None;
    }
    let input = flattened(source, "llm.input_messages.", &Role::User);
    let output = flattened(source, "llm.output_messages.", &Role::Assistant);
    let mut parts = Parts {
        kind: kind_name.as_deref().and_then(kind_of),
        provider: source
            .text(&["llm.provider", "llm.system", "decision.provider", "decision.system"])
            .map(|name| provider(&name)),
        request_model: source.text(&["llm.request.model_name", "decision.request.model_name"]),
        response_model: source.text(&[
            "llm.response.model_name",
            "llm.model_name",
            "decision.response.model_name",
            "decision.model_name",
        ]),
        finish_reasons: source.text(&["llm.finish_reason"]).into_iter().collect(),
        tokens: source.tokens(),
        prompt_version: source.text(&["llm.prompt_template.version"]),
        prompt_name: source.text(&["prompt.id", "prompt.url"]),
        prompt_variables: template_variables(source),
        tools: source.list("llm.tools.").iter().flat_map(tool_definitions).collect(),
        ..Parts::default()
    };
    if parts.kind.is_none() && (!input.is_empty() || !output.is_empty()) {
        parts.inferred_kind = Some(StepKind::Generation);
    }
    let is_decision = kind_name.as_deref() == Some("DECISION");
    match kind_name.as_deref() {
        Some("EVALUATOR") => parts.operation = Some("evaluate".to_owned()),
        Some("DECISION") => {
            parts.operation = Some("decision".to_owned());
            parts.tokens = parts.tokens.or(decision_tokens(source));
        }
        _ => {}
    }
    if parts.kind == Some(StepKind::Generation) && parts.request_model.is_none() {
        parts.request_model = invocation_model(source);
    }
    parts.entity_name = source.text(&["tool.name", "agent.name", "graph.node.name"]);
    read_io(source, &mut parts, input, output);
    read_documents(source, &mut parts);
    let is_prepared = !is_decision && !speaks(source) && !is_hidden(source) && failure(source, false).is_none();
    if parts.kind == Some(StepKind::Generation) && is_prepared {
        return Some(no_call(parts));
    }
    Some(parts)
}

fn kind_of(name: &str) -> Option<StepKind> {
    Some(match name {
        // A decision model answers typed questions with choices and probabilities instead of text.
        "LLM" | "DECISION" => StepKind::Generation,
        "RETRIEVER" | "RERANKER" => StepKind::Retrieval,
        "EMBEDDING" => StepKind::Embedding,
        "TOOL" => StepKind::Tool,
        "AGENT" | "CHAIN" => StepKind::Agent,
        "GUARDRAIL" | "EVALUATOR" | "PROMPT" => StepKind::Other,
        _ => return None,
    })
}

fn decision_tokens(source: &Source<'_>) -> Tokens {
    let count = |key| source.get(key).and_then(Value::as_i64).filter(|count| *count >= 0);
    Tokens {
        input: count("decision.token_count.input"),
        output: count("decision.token_count.output"),
        ..Tokens::default()
    }
}

/// Whether the span says anything that only a model call says.
fn speaks(source: &Source<'_>) -> bool {
    const CALL: [&str; 5] =
        ["llm.input_messages.", "llm.output_messages.", "llm.prompts", "llm.choices.", "llm.token_count."];
    source.span.attributes.iter().any(|(key, _)| CALL.iter().any(|prefix| key.starts_with(prefix)))
}

fn speaks_of_io(source: &Source<'_>) -> bool {
    source.has("input.value") || source.has("output.value")
}

/// Whether input and output were hidden as a whole, and with them the signs of a call; its parameters still tell of it.
fn is_hidden(source: &Source<'_>) -> bool {
    let masked = |key: &str| source.str(key).is_some_and(|text| placeholders::state_of(text).is_some());
    source.has("llm.invocation_parameters") && masked("input.value") && masked("output.value")
}

/// A span marked LLM that neither asked nor answered a model prepared a request or read a reply.
fn no_call(parts: Parts) -> Parts {
    Parts { kind: Some(StepKind::Other), operation: None, ..parts }
}

fn flattened(source: &Source<'_>, prefix: &str, speaker: &Role) -> Vec<Message> {
    source.list(prefix).iter().map(|node| message(node, speaker)).collect()
}

fn read_io(source: &Source<'_>, parts: &mut Parts, input: Vec<Message>, mut output: Vec<Message>) {
    let prompts = prompts(source);
    let choices = source.list("llm.choices.");
    let only_system = input.iter().all(|message| message.role == Role::System);
    if !input.is_empty() && !only_system {
        parts.input = Said::structured(input);
    } else if !prompts.is_empty() {
        parts.input = Said::structured(prompts);
    } else {
        // The OpenAI Agents SDK flattens the instructions only and leaves the question in the input value.
        read_input(source, "input.value", parts);
        parts.system = input;
    }
    if output.is_empty() && !choices.is_empty() {
        let texts =
            choices.iter().filter_map(|choice| choice.at(&["completion", "text"]).or_else(|| choice.get("text")));
        output = texts.map(|text| Message::text(Role::Assistant, text.to_text())).collect();
    }
    if output.is_empty() {
        read_output(source, "output.value", parts);
    } else if let Some(said) = unflattened(source, parts, &output) {
        parts.output = Some(said);
    } else {
        parts.output = Said::structured(output);
        read_response_id(source, parts);
    }
}

/// Prompts of plain completions: flattened, before that a list of texts.
fn prompts(source: &Source<'_>) -> Vec<Message> {
    let flattened = source.list("llm.prompts.");
    let texts = flattened.iter().filter_map(|prompt| prompt.at(&["prompt", "text"]).or_else(|| prompt.get("text")));
    let texts: Vec<String> = match source.node("llm.prompts") {
        Some(Node::List(listed)) if flattened.is_empty() => listed.iter().map(|text| text.to_text()).collect(),
        _ => texts.map(|text| text.to_text()).collect(),
    };
    texts.into_iter().map(|text| Message::text(Role::User, text)).collect()
}

/// What the raw body says where the messages were flattened without their content (lists of parts, in LangChain.js).
fn unflattened(source: &Source<'_>, parts: &Parts, output: &[Message]) -> Option<Said> {
    let has_content = |key: &str| key.starts_with("llm.output_messages.") && key.contains(".content");
    if output.iter().any(|message| !message.parts.is_empty())
        || source.span.attributes.iter().any(|(key, _)| has_content(key))
    {
        return None;
    }
    let mut raw = Parts { kind: parts.kind, ..Parts::default() };
    read_output(source, "output.value", &mut raw);
    raw.output.filter(|said| said.trust > Trust::Raw && said.messages.iter().any(|message| !message.parts.is_empty()))
}

/// The response id stands only in the raw body.
fn read_response_id(source: &Source<'_>, parts: &mut Parts) {
    if parts.kind != Some(StepKind::Generation) || source.str("output.mime_type") != Some("application/json") {
        return;
    }
    parts.response_id = source.str("output.value").and_then(id_of_body);
}

/// The `id` member of a JSON object, without building the object.
fn id_of_body(text: &str) -> Option<String> {
    // LangChain's results, which are long, have none.
    if text.starts_with(r#"{"generations""#) {
        return None;
    }
    first_member_id(text).map(str::to_owned).or_else(|| id_of_any_body(text))
}

/// The id where it shows by itself that it is a response's and is the first thing said, which spares reading the rest.
fn first_member_id(text: &str) -> Option<&str> {
    let (id, _) = text.strip_prefix(r#"{"id":"#)?.trim_start().strip_prefix('"')?.split_once('"')?;
    let is_response = ["chatcmpl-", "resp_", "msg_"].iter().any(|prefix| id.starts_with(prefix));
    (is_response && !id.contains('\\')).then_some(id)
}

fn id_of_any_body(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        object: Option<String>,
        #[serde(default, rename = "type")]
        kind: Option<String>,
    }
    let body: Body = serde_json::from_str(text).ok()?;
    let is_response = body.object.is_some() || body.kind.as_deref() == Some("message");
    body.id.filter(|id| is_response && !id.is_empty())
}

fn read_documents(source: &Source<'_>, parts: &mut Parts) {
    for prefix in ["retrieval.documents.", "reranker.output_documents."] {
        let found = documents(&Node::List(source.list(prefix)));
        if !found.is_empty() {
            parts.documents = found;
            break;
        }
    }
    if let Some(query) = source.text(&["reranker.query"]) {
        parts.input = Some(Said::text(Role::User, query));
    }
    if parts.kind == Some(StepKind::Retrieval) {
        name_documents(source, parts);
    }
}

/// Documents without an id of their own may have one in the raw output, which lists the same documents.
fn name_documents(source: &Source<'_>, parts: &mut Parts) {
    if parts.documents.iter().all(|document| document.id.is_some()) {
        return;
    }
    let Some(node) = source.node("output.value") else { return };
    let raw = documents(&source.unfold(node));
    if raw.len() == parts.documents.len() {
        for (document, other) in parts.documents.iter_mut().zip(raw) {
            if document.id.is_none() {
                document.id = other.id;
            }
        }
    }
}

fn invocation_model(source: &Source<'_>) -> Option<String> {
    let node = source.node("llm.invocation_parameters")?;
    node.str_of(&["model", "model_name", "model_id"]).map(str::to_owned)
}

fn template_variables(source: &Source<'_>) -> Vec<(String, String)> {
    match source.unfolded("llm.prompt_template.variables") {
        Some(Node::Map(entries)) => entries.iter().map(|(key, value)| ((*key).to_owned(), value.to_text())).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, Role, Step, StepKind};

    fn llm() -> SpanBuilder {
        SpanBuilder::new("ChatCompletion").with("openinference.span.kind", "LLM").with("llm.model_name", "m-2024")
    }

    fn texts(step: &Step) -> Vec<(Role, Option<String>)> {
        step.input.iter().flatten().map(|message| (message.role.clone(), message.joined_text())).collect()
    }

    #[test]
    fn flattened_messages_win_over_the_raw_bodies() {
        let step = llm()
            .with("llm.input_messages.0.message.role", "user")
            .with("llm.input_messages.0.message.content", "Capital of Australia?")
            .with("llm.output_messages.0.message.role", "assistant")
            .with("llm.output_messages.0.message.content", "Canberra.")
            .with("output.mime_type", "application/json")
            .with("output.value", r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[]}"#)
            .step();
        assert_eq!(step.output_text.as_deref(), Some("Canberra."));
        assert_eq!(step.response_id.as_deref(), Some("chatcmpl-1"));
        assert_eq!(texts(&step), [(Role::User, Some("Capital of Australia?".into()))]);
    }

    #[test]
    fn a_role_without_content_is_an_empty_answer_whatever_the_raw_output_says() {
        let step = llm()
            .with("llm.output_messages.0.message.role", "assistant")
            .with("output.value", "assistant: None")
            .step();
        assert_eq!((step.content, step.output_text.as_deref()), (ContentState::Empty, Some("")));
    }

    #[test]
    fn a_span_marked_llm_that_only_prepared_a_request_is_no_call() {
        let prepared = llm().with("output.value", r#"{"messages":[{"role":"user","content":"x"}]}"#);
        assert_eq!(prepared.step().kind, StepKind::Other);
        let failed = llm().failed("429").step();
        assert_eq!((failed.kind, failed.error.as_deref()), (StepKind::Generation, Some("429")));
    }

    #[test]
    fn instructions_that_were_flattened_alone_join_the_question_of_the_input_value() {
        let step = llm()
            .with("llm.input_messages.0.message.role", "system")
            .with("llm.input_messages.0.message.content", "Be brief.")
            .with("input.value", "Capital of Australia?")
            .with("llm.token_count.prompt", 9)
            .step();
        let expected = [(Role::System, Some("Be brief.".into())), (Role::User, Some("Capital of Australia?".into()))];
        assert_eq!(texts(&step), expected);
    }

    #[test]
    fn messages_that_python_printed_are_messages() {
        let printed = |role: &str, text: &str| {
            format!(
                "\"ChatMessage(_role=<ChatRole.{role}: '{role}'>, _content=[TextContent(text='{text}')], _meta={{}})\""
            )
        };
        let step = llm()
            .with("llm.token_count.prompt", 9)
            .with("input.value", format!(r#"{{"messages":[{}]}}"#, printed("user", "Capital?")))
            .with("output.value", format!(r#"{{"llm":{{"replies":[{}]}}}}"#, printed("assistant", "Canberra.")))
            .step();
        assert_eq!(texts(&step), [(Role::User, Some("Capital?".into()))]);
        assert_eq!(step.output_text.as_deref(), Some("Canberra."));
    }

    #[test]
    fn a_template_variable_that_stands_alone_is_the_question_and_no_argument_is_none() {
        let asked = |input: &str| {
            texts(&SpanBuilder::new("run").with("openinference.span.kind", "CHAIN").with("input.value", input).step())
        };
        let question = [(Role::User, Some("Capital?".to_owned()))];
        assert_eq!(asked(r#"{"data":{"retriever":{"query":"Capital?"},"prompt":{"question":"Capital?"}}}"#), question);
        assert_eq!(asked(r#"{"args":[],"kwargs":{}}"#), []);
    }

    #[test]
    fn documents_take_the_id_that_stands_only_in_their_metadata() {
        let step = SpanBuilder::new("VectorStoreRetriever")
            .with("openinference.span.kind", "RETRIEVER")
            .with("input.value", "tents")
            .with("retrieval.documents.0.document.content", "Skarv 2")
            .with("retrieval.documents.0.document.metadata", r#"{"id":"tent-02"}"#)
            .step();
        assert_eq!(step.documents[0].id.as_deref(), Some("tent-02"));
        assert_eq!(step.documents[0].score, None);
    }

    #[test]
    fn an_answer_whose_content_was_not_flattened_is_read_from_the_body() {
        let step = |answer: &str| {
            let body = format!(
                r#"{{"generations":[[{{"text":"{answer}","message":{{"kwargs":{{"content":[{{"type":"text","text":"{answer}"}}]}}}}}}]]}}"#
            );
            llm().with("llm.output_messages.0.message.role", "assistant").with("output.value", body.as_str()).step()
        };
        assert_eq!(step("Yes.").output_text.as_deref(), Some("Yes."));
        assert_eq!((step("").content, step("").output_text.as_deref()), (ContentState::Empty, Some("")));
    }

    #[test]
    fn masked_answers_are_redacted_not_empty() {
        let step = llm().with("llm.token_count.prompt", 9).with("output.value", "__REDACTED__").step();
        assert_eq!((step.content, step.output_text), (ContentState::Redacted, None));
    }

    #[test]
    fn guardrails_and_chains_are_no_generations() {
        for (kind, expected) in [("GUARDRAIL", StepKind::Other), ("CHAIN", StepKind::Agent), ("AGENT", StepKind::Agent)]
        {
            let step = SpanBuilder::new("x").with("openinference.span.kind", kind).with("output.value", "Yes.").step();
            assert_eq!(step.kind, expected);
        }
    }

    #[test]
    fn a_decision_is_a_generation_that_answers_with_its_json() {
        let asked = r#"{"model":"d-latest","state":"It said yes.","questions":{"agrees":{"type":"noul"}}}"#;
        let answered = r#"{"model":"d-1","answers":{"agrees":{"answer":true,"probability":0.93}}}"#;
        let step = SpanBuilder::new("decide")
            .with("openinference.span.kind", "DECISION")
            .with("decision.system", "typesafe")
            .with("decision.request.model_name", "d-latest")
            .with("decision.model_name", "d-1")
            .with("decision.token_count.input", 412)
            .with("decision.token_count.output", 2)
            .with("input.value", asked)
            .with("output.value", answered)
            .step();
        assert_eq!((step.kind, step.operation.as_deref()), (StepKind::Generation, Some("decision")));
        assert_eq!(step.output_text.as_deref(), Some(answered));
        assert_eq!((step.request_model.as_deref(), step.response_model.as_deref()), (Some("d-latest"), Some("d-1")));
        assert_eq!((step.usage.input_tokens, step.usage.output_tokens), (Some(412), Some(2)));
        assert_eq!(texts(&step), [(Role::User, Some(asked.into()))]);
    }

    #[test]
    fn completions_without_messages_are_read() {
        let step = llm().with("llm.prompts.0.prompt.text", "2 + 2 =").with("llm.choices.0.completion.text", "4").step();
        assert_eq!(step.output_text.as_deref(), Some("4"));
        assert_eq!(texts(&step), [(Role::User, Some("2 + 2 =".into()))]);
        let listed = llm().with("llm.prompts", r#"["2 + 2 ="]"#).with("output.value", "4").step();
        assert_eq!((listed.kind, listed.output_text.as_deref()), (StepKind::Generation, Some("4")));
        assert_eq!(texts(&listed), [(Role::User, Some("2 + 2 =".into()))]);
    }
}
