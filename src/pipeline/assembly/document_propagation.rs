//! What an answer could draw on: the documents of the retrievals before it, else tool results, else prompt variables.

use std::collections::{HashMap, HashSet};

use super::tool_turns::live_of_repeated;
use crate::model::{CutPart, Document, Message, Part, Problem, ProblemCode, Role, SpanId, Step, StepKind};

/// Documents a generation is given at most: the latest ones of a trace that retrieves without end.
const MAX_DOCUMENTS: usize = 256;

/// Bytes of retrieved text that one generation is given at most, which is more than judges read, and all generations of
/// a trace together: each has a copy, so that a small request could else fill the memory.
const MAX_TEXT: usize = 1024 * 1024;
const MAX_TEXT_OF_TRACE: usize = 64 * MAX_TEXT;

/// Names under which templates put the question itself.
const QUESTION_NAMES: [&str; 6] = ["question", "query", "user_input", "input", "user_question", "prompt"];

/// Hands documents to the generations of a trace; `steps` are in order of time.
pub(super) fn hand_on(steps: &mut [Step]) {
    let mut retrieved: Vec<Document> = Vec::new();
    let mut seen: HashSet<(Option<String>, Option<String>)> = HashSet::new();
    let mut questions: Vec<String> = Vec::new();
    let mut inside = results_inside(steps);
    let mut room = MAX_TEXT_OF_TRACE;
    for step in steps {
        match step.kind {
            StepKind::Retrieval => {
                // A retriever inside a retriever finds the same documents again.
                for document in &step.documents {
                    if seen.insert((document.id.clone(), document.text.clone())) {
                        retrieved.push(Document { source: Some(step.span_id), ..document.clone() });
                    }
                }
                questions.extend(step.input.iter().flatten().filter_map(Message::joined_text));
            }
            StepKind::Generation => {
                // A client that calls tools by itself records one call around them: its answer used their results. A turn
                // that only asked for them did not.
                let answered = step.output_text.as_deref().is_some_and(|text| !text.is_empty());
                let inside = if answered { inside.remove(&step.span_id).unwrap_or_default() } else { Vec::new() };
                let inner = latest(&inside, MAX_DOCUMENTS, room.min(MAX_TEXT));
                let taken = text_length(inner);
                let earlier = latest(&retrieved, MAX_DOCUMENTS - inner.len(), room.min(MAX_TEXT) - taken);
                room -= taken + text_length(earlier);
                let left_out = inside.len() + retrieved.len() - inner.len() - earlier.len();
                step.documents = given(step, earlier, &questions);
                step.documents.extend_from_slice(inner);
                if left_out > 0 {
                    let detail = format!("{left_out} documents retrieved earlier are not given to the judge");
                    step.problems.push(Problem::new(ProblemCode::DocumentsLeftOut, detail));
                    step.cut = step.cut | CutPart::Documents.into();
                }
            }
            _ => {}
        }
    }
}

/// The results of the tools that ran inside each generation, and the documents that were retrieved inside it.
fn results_inside(steps: &[Step]) -> HashMap<SpanId, Vec<Document>> {
    let mut found: HashMap<SpanId, Vec<Document>> = HashMap::new();
    let live = live_of_repeated(steps);
    let generations: HashSet<SpanId> =
        steps.iter().filter(|step| step.is_live_generation()).map(|step| step.span_id).collect();
    for step in steps.iter().filter(|step| step.duplicate_of.is_none()) {
        let Some(parent) = step.parent_span_id else { continue };
        let parent = live.get(&parent).copied().unwrap_or(parent);
        if step.kind == StepKind::Retrieval && generations.contains(&parent) {
            let retrieved = step.documents.iter();
            let given = retrieved.map(|document| Document { source: Some(step.span_id), ..document.clone() });
            found.entry(parent).or_default().extend(given);
        }
        if step.kind != StepKind::Tool {
            continue;
        }
        for text in step.output.iter().flatten().filter_map(Message::joined_text).filter(|text| !text.is_empty()) {
            let document = Document {
                id: step.entity_name.clone(),
                text: Some(text),
                source: Some(step.span_id),
                ..Document::default()
            };
            found.entry(parent).or_default().push(document);
        }
    }
    found
}

/// The latest `most` documents whose text is not longer than `room` bytes.
fn latest(retrieved: &[Document], most: usize, mut room: usize) -> &[Document] {
    let fits = |document: &&Document| room.checked_sub(length(document)).inspect(|left| room = *left).is_some();
    let count = retrieved.iter().rev().take(most).take_while(fits).count();
    &retrieved[retrieved.len() - count..]
}

fn length(document: &Document) -> usize {
    document.text.as_ref().map_or(0, String::len)
}

fn text_length(documents: &[Document]) -> usize {
    documents.iter().map(length).sum()
}

fn given(step: &Step, retrieved: &[Document], questions: &[String]) -> Vec<Document> {
    let mut documents = step.documents.clone();
    documents.extend_from_slice(retrieved);
    if documents.iter().any(|document| document.text.is_some()) {
        return documents;
    }
    // Some conventions carry ids only; the text then stands in what the prompt was rendered with.
    if documents.is_empty() {
        let results = tool_results(step);
        if !results.is_empty() {
            return results;
        }
    }
    documents.extend(prompt_variables(step, questions));
    documents
}

fn tool_results(step: &Step) -> Vec<Document> {
    let parts = step.input.iter().flatten().flat_map(|message| &message.parts);
    let results = parts.filter_map(|part| match part {
        Part::ToolResult { id, name, text } if !text.is_empty() => {
            Some(Document { id: name.clone().or_else(|| id.clone()), text: Some(text.clone()), ..Document::default() })
        }
        _ => None,
    });
    results.collect()
}

/// The variables of the prompt except the question itself.
fn prompt_variables(step: &Step, questions: &[String]) -> Vec<Document> {
    let asked: Vec<String> = step
        .input
        .iter()
        .flatten()
        .filter(|message| message.role == Role::User)
        .filter_map(Message::joined_text)
        .chain(questions.iter().cloned())
        .collect();
    let is_question = |name: &str, value: &str| {
        QUESTION_NAMES.contains(&name.to_ascii_lowercase().as_str()) || asked.iter().any(|text| text == value)
    };
    step.prompt_variables
        .iter()
        .filter(|(name, value)| !value.is_empty() && !is_question(name, value))
        .map(|(name, value)| Document { id: Some(name.clone()), text: Some(value.clone()), ..Document::default() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::trace::assemble;
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{CutPart, Document, ProblemCode};

    fn retrieval(id: u16, start: u64, text: &str) -> SpanBuilder {
        SpanBuilder::new("retrieve")
            .id(id)
            .times(start, start + 1)
            .with("openinference.span.kind", "RETRIEVER")
            .with("retrieval.documents.0.document.id", "d1")
            .with("retrieval.documents.0.document.content", text)
    }

    fn generation(start: u64) -> SpanBuilder {
        SpanBuilder::new("chat").id(99).times(start, start + 1).with("gen_ai.operation.name", "chat")
    }

    fn documents(spans: Vec<SpanBuilder>) -> Vec<Document> {
        let trace = assemble(spans.into_iter().map(SpanBuilder::build).collect(), Vec::new());
        trace.steps.into_iter().find(|step| step.name == "chat").unwrap().documents
    }

    #[test]
    fn only_what_was_retrieved_before_counts_and_only_once() {
        let spans =
            vec![retrieval(1, 10, "Skarv"), retrieval(2, 11, "Skarv"), generation(20), retrieval(3, 30, "Late")];
        let texts: Vec<_> = documents(spans).into_iter().filter_map(|document| document.text).collect();
        assert_eq!(texts, ["Skarv"]);
    }

    #[test]
    fn what_was_retrieved_inside_a_call_is_what_its_answer_draws_on() {
        let call = |id: u16| SpanBuilder::new("chat").id(id).with("gen_ai.operation.name", "chat");
        let answer = r#"[{"role":"assistant","parts":[{"type":"text","content":"Skarv."}]}]"#;
        let outer = call(99).times(10, 40).with("gen_ai.output.messages", answer);
        // A second instrumentation of the same call, inside which the retrieval ran.
        let twin = SpanBuilder::new("twin").id(98).parent(99).times(11, 39).with("gen_ai.operation.name", "chat");
        let inside = retrieval(1, 20, "Skarv").parent(98);
        let texts: Vec<_> = documents(vec![outer, twin, inside]).into_iter().filter_map(|one| one.text).collect();
        assert_eq!(texts, ["Skarv"]);
    }

    #[test]
    fn what_is_handed_on_is_bounded_for_a_generation_and_for_the_trace() {
        let text = |name: char| name.to_string().repeat(super::MAX_TEXT / 2);
        let first = retrieval(1, 10, &text('a'));
        let spans = vec![first, retrieval(2, 11, &text('b')), retrieval(3, 12, &text('c')), generation(20)];
        let found = documents(spans).into_iter().filter_map(|document| document.text?.chars().next());
        assert_eq!(found.collect::<String>(), "bc", "the latest");

        let mut spans = vec![retrieval(1, 10, &text('a'))];
        spans.extend((0..200).map(|number| generation(20 + u64::from(number)).id(100 + number)));
        let trace = assemble(spans.into_iter().map(SpanBuilder::build).collect(), Vec::new());
        let given: usize = trace.steps[1..].iter().map(|step| step.documents.len()).sum();
        assert_eq!(given, 128);
        let told =
            trace.steps.iter().filter(|step| step.problems.iter().any(|one| one.code == ProblemCode::DocumentsLeftOut));
        assert_eq!(told.clone().count(), 72);
        assert!(
            told.into_iter().all(|step| step.cut.contains(CutPart::Documents)),
            "what is left out is not judged as whole"
        );
    }

    #[test]
    fn what_was_found_inside_a_call_is_bounded_with_the_rest() {
        let answer = r#"[{"role":"assistant","parts":[{"type":"text","content":"Skarv."}]}]"#;
        let call = generation(20).times(20, 9_000).with("gen_ai.output.messages", answer);
        let tools = (0..300u16).map(|number| {
            let ran = SpanBuilder::new("execute_tool").id(200 + number).parent(99).times(30 + u64::from(number), 8_000);
            let ran = ran.with("gen_ai.operation.name", "execute_tool").with("gen_ai.tool.name", "search");
            ran.with("gen_ai.tool.call.result", format!("result {number}"))
        });
        let spans = [retrieval(1, 10, "Earlier"), call].into_iter().chain(tools).map(SpanBuilder::build).collect();
        let step = assemble(spans, Vec::new()).steps.into_iter().find(|step| step.name == "chat").unwrap();
        assert_eq!(step.documents.len(), super::MAX_DOCUMENTS);
        assert_eq!(step.documents.last().and_then(|one| one.text.as_deref()), Some("result 299"));
        assert_eq!(step.problems.last().map(|problem| problem.code), Some(ProblemCode::DocumentsLeftOut));
        assert!(step.cut.contains(CutPart::Documents));
    }

    #[test]
    fn ids_without_text_are_completed_by_the_prompt_variables_but_the_question() {
        let ids = SpanBuilder::new("retrieval")
            .id(1)
            .times(10, 11)
            .with("gen_ai.operation.name", "retrieval")
            .with("gen_ai.retrieval.query.text", "Why?")
            .with("gen_ai.retrieval.documents", r#"[{"id":"hr-01","score":null}]"#);
        let call = generation(20)
            .with("gen_ai.prompt.variable.context", "Parental leave …")
            .with("gen_ai.prompt.variable.ask", "Why?");
        let ids: Vec<_> = documents(vec![ids, call]).into_iter().map(|document| document.id.unwrap()).collect();
        assert_eq!(ids, ["hr-01", "context"]);
    }

    #[test]
    fn a_digest_in_the_place_of_a_prompt_variable_is_no_document() {
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(documents(vec![generation(20).with("gen_ai.prompt.variable.context", digest)]), []);
    }

    #[test]
    fn without_retrieval_the_tool_results_are_what_the_answer_draws_on() {
        let input = r#"[{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"rain, 14 mm"}]}]"#;
        let found = documents(vec![generation(20).with("gen_ai.input.messages", input)]);
        assert_eq!(found[0].text.as_deref(), Some("rain, 14 mm"));
    }
}
