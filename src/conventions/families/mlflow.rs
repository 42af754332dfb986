//! MLflow tracing: attributes that hold JSON text, the inputs and outputs being a function's arguments and result.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{read_input, read_output};
use crate::conventions::json_tree::Node;
use crate::conventions::messages::{answer_text, messages};
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::provider::provider;
use crate::conventions::span_view::Source;
use crate::conventions::stream_chunks::joined;
use crate::conventions::tools::tool_definitions;
use crate::conventions::usage::of_node;
use crate::model::{Role, StepKind};

/// Names this family explains; MLflow also copies the arguments of a model call to bare names.
pub(super) const KNOWN: &[&str] = &["mlflow.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Mlflow]) {
        return None;
    }
    // Every value is JSON text, so that even a name stands in quotes.
    let word = |key: &str| source.unfolded(key).map(Node::to_text);
    let kind_name = word("mlflow.spanType");
    let mut parts = Parts {
        kind: kind_name.as_deref().and_then(kind_of),
        response_model: word("mlflow.llm.model"),
        request_model: word("model").filter(|_| kind_name.is_some()),
        provider: word("mlflow.llm.provider").map(|name| provider(&name)),
        entity_name: word("mlflow.spanFunctionName"),
        ..Parts::default()
    };
    if kind_name.as_deref() == Some("EVALUATOR") {
        parts.operation = Some("evaluate".to_owned());
    }
    if parts.kind == Some(StepKind::Tool) && parts.entity_name.is_none() {
        parts.entity_name = Some(source.span.name.clone());
    }
    if let Some(tools) = source.node("mlflow.chat.tools") {
        parts.tools = tool_definitions(&tools);
    }
    read_input(source, "mlflow.spanInputs", &mut parts);
    read_output(source, "mlflow.spanOutputs", &mut parts);
    // Early versions write what a stream added up to as a bare text, which may be empty.
    if parts.output.is_none() && source.raw_str("mlflow.spanOutputs") == Some("\"\"") {
        parts.output = Some(Said::text(Role::Assistant, ""));
    }
    // What MLflow puts together from a stream lacks its tool calls; the chunks stand beside it, an event each. Its
    // LangChain adapter has them in the conversation only.
    if asks_for_no_tool(parts.output.as_ref())
        && let Some(told) = streamed(source).or_else(|| chatted(source)).filter(|said| !asks_for_no_tool(Some(said)))
        && says_no_other(parts.output.as_ref(), &told)
    {
        parts.output = Some(told);
    }
    if let Some(usage) = source.unfolded("mlflow.chat.tokenUsage") {
        parts.tokens = of_node(&usage).or(parts.tokens);
    }
    Some(parts)
}

fn asks_for_no_tool(said: Option<&Said>) -> bool {
    !said.is_some_and(|said| said.messages.iter().any(|message| message.tool_calls().next().is_some()))
}

/// Whether what was told elsewhere has the same text, or there was none.
fn says_no_other(said: Option<&Said>, told: &Said) -> bool {
    let text = |said: &Said| answer_text(&said.messages).filter(|text| !text.is_empty());
    said.and_then(text).is_none_or(|said| text(told).as_ref() == Some(&said))
}

fn streamed(source: &Source<'_>) -> Option<Said> {
    let chunks = source.span.events.iter().filter(|event| event.name.starts_with("mlflow.chunk.item."));
    let chunks: Vec<Node<'_>> =
        chunks.filter_map(|event| source.node_of(&event.attributes, "mlflow.chunk.value")).collect();
    Said::body(joined(chunks.iter())?)
}

/// The answer at the end of the conversation that MLflow keeps in a form of its own.
fn chatted(source: &Source<'_>) -> Option<Said> {
    let all = messages(&source.unfolded("mlflow.chat.messages")?, &Role::User);
    all.into_iter().next_back().filter(|last| last.role == Role::Assistant).and_then(|last| Said::body(vec![last]))
}

fn kind_of(name: &str) -> Option<StepKind> {
    Some(match name {
        "LLM" | "CHAT_MODEL" => StepKind::Generation,
        "RETRIEVER" | "RERANKER" => StepKind::Retrieval,
        "EMBEDDING" => StepKind::Embedding,
        "TOOL" => StepKind::Tool,
        "AGENT" | "CHAIN" | "WORKFLOW" => StepKind::Agent,
        "PARSER" | "MEMORY" | "TASK" | "GUARDRAIL" | "EVALUATOR" => StepKind::Other,
        // UNKNOWN is MLflow's default and says nothing.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, Message, StepKind};

    #[test]
    fn json_in_json_is_read_and_quotes_are_no_part_of_names() {
        let step = SpanBuilder::new("Completions")
            .with("mlflow.spanType", "\"CHAT_MODEL\"")
            .with("model", "\"gpt-4o-mini\"")
            .with("mlflow.spanInputs", r#""{\"messages\":[{\"role\":\"user\",\"content\":\"Why?\"}]}""#)
            .with("mlflow.spanOutputs", r#"{"id":"chatcmpl-1","choices":[{"message":{"role":"assistant","content":"Because."},"finish_reason":"stop"}]}"#)
            .with("mlflow.chat.tokenUsage", r#"{"input_tokens":5,"output_tokens":2,"total_tokens":7}"#)
            .step();
        assert_eq!((step.kind, step.request_model.as_deref()), (StepKind::Generation, Some("gpt-4o-mini")));
        assert_eq!(step.output_text.as_deref(), Some("Because."));
        assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Why?"));
        assert_eq!((step.usage.input_tokens, step.finish_reasons.as_slice()), (Some(5), &["stop".to_owned()][..]));
    }

    #[test]
    fn tool_calls_of_a_stream_are_read_from_its_chunks() {
        let chunk = |delta: &str| format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#);
        let begun = chunk(r#"{"tool_calls":[{"index":0,"id":"c1","function":{"name":"get_weather","arguments":""}}]}"#);
        let ended = chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Bergen\"}"}}]}"#);
        let step = SpanBuilder::new("Completions")
            .with("mlflow.spanType", "\"CHAT_MODEL\"")
            .with("mlflow.spanOutputs", r#"{"choices":[{"message":{"role":"assistant","content":"","tool_calls":null},"finish_reason":"tool_calls"}]}"#)
            .event("mlflow.chunk.item.0", &[("mlflow.chunk.value", &begun)])
            .event("mlflow.chunk.item.1", &[("mlflow.chunk.value", &ended)])
            .step();
        let output = step.output.unwrap_or_default();
        let calls: Vec<_> = output.iter().flat_map(Message::tool_calls).map(|call| call.arguments.clone()).collect();
        assert_eq!((calls, step.content), (vec![serde_json::json!({"city": "Bergen"})], ContentState::Captured));
    }

    #[test]
    fn a_stream_that_added_up_to_nothing_is_an_empty_answer() {
        let span = SpanBuilder::new("Completions").with("mlflow.spanType", "\"CHAT_MODEL\"");
        assert_eq!(span.with("mlflow.spanOutputs", "\"\"").step().content, ContentState::Empty);
    }

    #[test]
    fn an_answer_that_is_a_json_text_stays_the_text() {
        let step = SpanBuilder::new("llm")
            .with("mlflow.spanType", "\"LLM\"")
            .with("mlflow.spanOutputs", r#""{\"sum\": 3}""#)
            .step();
        assert_eq!(step.output_text.as_deref(), Some(r#"{"sum": 3}"#));
    }

    #[test]
    fn a_retriever_returns_documents() {
        let step = SpanBuilder::new("retrieve")
            .with("mlflow.spanType", "\"RETRIEVER\"")
            .with("mlflow.spanInputs", r#"{"q":"tents","ids":["t2"]}"#)
            .with("mlflow.spanOutputs", r#"[{"page_content":"Skarv 2","metadata":{"title":"Tent"},"id":"t2"}]"#)
            .step();
        assert_eq!(step.documents[0].id.as_deref(), Some("t2"));
        assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("tents"));
    }
}
