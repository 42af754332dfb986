//! Smaller frameworks that say a kind and leave the rest to one input and one output: `VoltAgent`, Laminar, Flue.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{read_input, read_output};
use crate::conventions::partial_step::Parts;
use crate::conventions::span_view::Source;
use crate::conventions::usage::Tokens;
use crate::model::{ProblemCode, StepKind, Value};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "lmnr.*",
    "flue.*",
    "voltagent.*",
    "span.type",
    "entity.*",
    "agent.messages",
    "agent.state",
    "llm.messages",
    "llm.messages.count",
    "llm.model",
    "llm.model_id",
    "llm.model_index",
    "llm.model_resolution_failed",
    "llm.operation",
    "llm.stream",
    "llm.attempt",
    "llm.max_output_tokens",
    "llm.max_retries",
    "llm.provider_options",
    "llm.stop_condition",
    "llm.tools.count",
    "usage.*",
    "tool.*",
];

/// One framework: where its kind, input and output stand.
struct Dialect {
    kind: &'static [&'static str],
    input: &'static [&'static str],
    output: &'static [&'static str],
}

const LAMINAR: Dialect =
    Dialect { kind: &["lmnr.span.type"], input: &["lmnr.span.input"], output: &["lmnr.span.output"] };
const FLUE: Dialect = Dialect {
    kind: &["flue.operation.type", "flue.operation.name"],
    input: &["flue.turn.input", "flue.operation.input"],
    output: &["flue.turn.output", "flue.operation.output"],
};
const VOLTAGENT: Dialect = Dialect {
    kind: &["span.type", "entity.type"],
    input: &["llm.messages", "agent.messages", "input"],
    output: &["output"],
};

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let is_voltagent = source.has_space(&[Space::Entity]) || source.has("voltagent.conversation_id");
    let dialect = match () {
        () if source.has_space(&[Space::Lmnr]) => LAMINAR,
        () if source.has_space(&[Space::Flue]) => FLUE,
        () if is_voltagent => VOLTAGENT,
        () => return None,
    };
    let word = dialect.kind.iter().find_map(|key| source.str(key));
    let attributes = &source.span.attributes;
    let mut parts = Parts {
        kind: word.and_then(kind_of),
        request_model: source.text(&["llm.model"]),
        entity_name: source.text(&["tool.name", "entity.name"]),
        tokens: Tokens {
            input: attributes.i64("usage.prompt_tokens"),
            output: attributes.i64("usage.completion_tokens"),
            ..Tokens::default()
        }
        .or(source.tokens()),
        finish_reasons: source.text(&["llm.finish_reason"]).into_iter().collect(),
        ..Parts::default()
    };
    for key in dialect.input {
        if parts.input.is_none() {
            read_input(source, key, &mut parts);
        }
    }
    for key in dialect.output {
        if parts.output.is_none() && parts.documents.is_empty() {
            read_output(source, key, &mut parts);
        }
    }
    name_left_out_messages(source, &parts);
    if parts.kind.is_none() && source.has("flue.turn.output") {
        parts.inferred_kind = Some(StepKind::Generation);
    }
    Some(parts)
}

/// `VoltAgent` writes the last messages of a long conversation only, and how many there were.
fn name_left_out_messages(source: &Source<'_>, parts: &Parts) {
    let Some(count) = source.get("llm.messages.count").and_then(Value::as_i64) else { return };
    let kept = parts.input.as_ref().map_or(0, |said| said.messages.len());
    if usize::try_from(count).is_ok_and(|count| count > kept) {
        source.report(ProblemCode::MessagesLeftOut, format!("llm.messages holds the last {kept} of {count} messages"));
    }
}

fn kind_of(word: &str) -> Option<StepKind> {
    Some(match word.to_ascii_lowercase().as_str() {
        "llm" | "model" | "turn" => StepKind::Generation,
        "retriever" | "retrieval" => StepKind::Retrieval,
        "embedding" => StepKind::Embedding,
        "tool" => StepKind::Tool,
        "agent" | "workflow" | "pipeline" => StepKind::Agent,
        "executor" | "evaluator" | "guardrail" | "human_evaluator" | "evaluation" | "default" | "memory" | "scorer" => {
            StepKind::Other
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn three_frameworks_say_their_kind_and_io_in_their_own_words() {
        let spans = [
            SpanBuilder::new("a")
                .with("lmnr.span.type", "LLM")
                .with("lmnr.span.input", r#"[{"role":"user","content":"Why?"}]"#)
                .with("lmnr.span.output", "Because."),
            SpanBuilder::new("b").with("flue.turn.input", "Why?").with("flue.turn.output", "Because."),
            SpanBuilder::new("c")
                .with("entity.type", "agent")
                .with("span.type", "llm")
                .with("llm.messages", r#"[{"role":"user","content":"Why?"}]"#)
                .with("output", "Because."),
        ];
        for span in spans {
            let step = span.step();
            assert_eq!(
                (step.kind, step.output_text.as_deref()),
                (StepKind::Generation, Some("Because.")),
                "{}",
                step.name
            );
            assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Why?"), "{}", step.name);
        }
    }
}
