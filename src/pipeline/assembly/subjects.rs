//! From an assembled trace to what rubrics judge: one subject for each live generation, one for the trace, and of
//! several traces one for their session.

use std::collections::HashSet;
use std::sync::Arc;

use super::assembled_trace::AssembledTrace;
use super::tool_turns::{self, Children};
use super::{problems, segments};
use crate::config::{SegmentConfig, SegmentPlace};
use crate::model::{
    ContentState, CutPart, CutParts, Document, JudgedSpan, Message, Part, Role, SpanId, Step, StepKind, StepView,
    Subject, SubjectContent, SubjectId, SubjectKind, ToolCall, UnixNanos,
};

/// The subjects of one trace: its live generations in order of time, then the trace itself.
pub fn subjects(trace: &AssembledTrace, segments: &SegmentConfig) -> Vec<Subject> {
    let known = Known::of(trace);
    let live = trace.steps.iter().enumerate().filter(|(_, step)| step.is_live_generation());
    let mut found: Vec<Subject> = live.map(|(at, _)| generation_subject(trace, &known, at, segments)).collect();
    found.extend(trace_subject(trace, &known, segments));
    found
}

/// What every subject of a trace asks of the trace as a whole.
struct Known {
    children: Children,
    /// The spans whose documents or results were cut, or may have been.
    cut_sources: HashSet<SpanId>,
    /// When the first retrieval began of whose documents some were lost; what comes later is given the others only.
    first_cut_retrieval: Option<UnixNanos>,
    /// The model of the last live generation that names one.
    model: Option<String>,
}

impl Known {
    fn of(trace: &AssembledTrace) -> Self {
        let live = trace.steps.iter().rev().filter(|step| step.is_live_generation());
        let model =
            live.filter_map(|step| segments::field_value(step, &SegmentPlace::Model)).find(|model| !model.is_empty());
        let cut_sources =
            trace.steps.iter().filter(|step| gives_cut_documents(step)).map(|step| step.span_id).collect();
        let retrievals =
            trace.steps.iter().filter(|step| step.kind == StepKind::Retrieval && gives_cut_documents(step));
        let first_cut_retrieval = retrievals.map(|step| step.start).min();
        Self { children: Children::of(&trace.steps), cut_sources, first_cut_retrieval, model }
    }

    /// What was cut of a generation, with the documents that other spans gave it.
    fn cut_of(&self, step: &Step) -> CutParts {
        let mut sources = step.documents.iter().filter_map(|document| document.source);
        let is_given = !self.cut_sources.is_empty()
            && (sources.any(|source| self.cut_sources.contains(&source))
                || self.first_cut_retrieval.is_some_and(|start| start < step.end));
        step.cut | CutParts::of(CutPart::Documents, is_given)
    }
}

fn generation_subject(trace: &AssembledTrace, known: &Known, at: usize, config: &SegmentConfig) -> Subject {
    let step = &trace.steps[at];
    let messages = step.input.clone().unwrap_or_default();
    let (system, messages): (Vec<Message>, Vec<Message>) =
        messages.into_iter().partition(|message| message.role == Role::System);
    Subject {
        id: SubjectId::of_generation(step.trace_id, step.span_id),
        kind: SubjectKind::Generation,
        trace_id: step.trace_id,
        span_id: step.span_id,
        session_id: step.session_id.clone().or_else(|| trace.session_id.clone()),
        start: step.start,
        end: step.end,
        response_id: step.response_id.clone(),
        model: step.response_model.clone().or_else(|| step.request_model.clone()),
        operation: step.operation.clone(),
        unjudgeable: unjudgeable(step).map(str::to_owned),
        segments: segments::of(trace, known.model.as_deref(), at, config),
        release: segments::release(trace, known.model.as_deref(), at),
        content: SubjectContent {
            system: joined(&system),
            input: last_user_turn(&messages),
            messages,
            output: step.output_text.clone(),
            documents: step.documents.clone(),
            tools: step.tools.clone(),
            tool_calls: tool_turns::made_by(&trace.steps, &known.children, step),
            reference: step.reference.clone(),
            ..SubjectContent::default()
        },
        cut: known.cut_of(step),
        judged_span: judged_span(trace, at),
        problems: problems::of_generation(trace, at),
    }
}

/// What the record of a score takes of the span at `at`; a span that does not say when it ended gives nothing.
fn judged_span(trace: &AssembledTrace, at: usize) -> Option<JudgedSpan> {
    let end = trace.steps[at].end;
    (end > 0).then(|| JudgedSpan { resource: Arc::clone(&trace.spans[at].resource), end })
}

/// Why a generation cannot be judged at all, as a stable code.
fn unjudgeable(step: &Step) -> Option<&'static str> {
    if step.error.is_some() {
        return Some("call_failed");
    }
    match step.content {
        ContentState::Captured | ContentState::Empty => None,
        // Switching content on would not help: it was on, and a limit took it away.
        ContentState::NotCaptured if step.cut.contains(CutPart::Output) => Some("cut"),
        ContentState::NotCaptured => Some("not_captured"),
        ContentState::Redacted => Some("redacted"),
        ContentState::Reference => Some("reference"),
    }
}

fn joined(messages: &[Message]) -> Option<String> {
    let texts: Vec<String> = messages.iter().filter_map(Message::joined_text).collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

/// The last thing the user said; where nobody is called user, the last thing that was said to the model. Where the user's
/// last turn is masked or no text, there is none: an older question is not the one that was answered.
fn last_user_turn(messages: &[Message]) -> Option<String> {
    let text = |message: &Message| message.joined_text().filter(|text| !text.is_empty());
    let mut backwards = messages.iter().rev();
    match backwards.clone().find(|message| is_user_turn(message)) {
        Some(turn) => text(turn),
        None => backwards.find_map(|message| if message.role == Role::Assistant { None } else { text(message) }),
    }
}

/// Whether the user said something. Instrumentations write other turns as the user's, with an empty text.
fn is_user_turn(message: &Message) -> bool {
    message.role == Role::User && message.joined_text().is_none_or(|text| !text.is_empty())
}

fn tool_calls(output: Option<&[Message]>) -> Vec<ToolCall> {
    output.unwrap_or_default().iter().flat_map(Message::tool_calls).cloned().collect()
}

fn trace_subject(trace: &AssembledTrace, known: &Known, config: &SegmentConfig) -> Option<Subject> {
    let at = trace.root?;
    let root = &trace.steps[at];
    let live: Vec<&Step> = trace.steps.iter().filter(|step| step.is_live_generation()).collect();
    let last = live.iter().copied().max_by_key(|step| step.end);
    let (content, cut) = trace_content(trace, root, &live);
    Some(Subject {
        id: SubjectId::of_trace(root.trace_id),
        kind: SubjectKind::Trace,
        trace_id: root.trace_id,
        span_id: root.span_id,
        session_id: trace.session_id.clone(),
        start: root.start,
        end: trace.steps.iter().map(|step| step.end).max().unwrap_or(root.end),
        response_id: None,
        model: last.and_then(|step| step.response_model.clone().or_else(|| step.request_model.clone())),
        operation: root.operation.clone(),
        unjudgeable: trace_unjudgeable(&content, root, &live).map(str::to_owned),
        segments: segments::of(trace, known.model.as_deref(), at, config),
        release: segments::release(trace, known.model.as_deref(), at),
        content,
        cut,
        judged_span: judged_span(trace, at),
        problems: problems::of_trace(trace, at),
    })
}

/// What a judge sees of a trace, and which parts of that were cut.
fn trace_content(trace: &AssembledTrace, root: &Step, live: &[&Step]) -> (SubjectContent, CutParts) {
    let first = live.first().copied();
    let system: Vec<Message> = first
        .and_then(|step| step.input.as_ref())
        .map(|messages| messages.iter().filter(|message| message.role == Role::System).cloned().collect())
        .unwrap_or_default();
    let calls: Vec<ToolCall> = live.iter().flat_map(|step| tool_calls(step.output.as_deref())).collect();
    let (asked, answered) = (trace_input(root, live), trace_output(root, live));
    let told = trace.steps.iter().filter(|step| is_told(step));
    let cut = CutParts::of(CutPart::Input, is_cut(root, live, asked.as_ref(), CutPart::Input))
        | CutParts::of(CutPart::Output, is_cut(root, live, answered.as_ref(), CutPart::Output))
        | CutParts::of(CutPart::Documents, trace.steps.iter().any(gives_cut_documents))
        | CutParts::of(CutPart::ToolCalls, trace.steps.iter().any(loses_calls))
        | CutParts::of(CutPart::Steps, told.into_iter().any(|step| !step.cut.is_empty()));
    let content = SubjectContent {
        system: joined(&system),
        input: asked.map(|(text, _)| text),
        messages: Vec::new(),
        output: answered.map(|(text, _)| text),
        documents: retrieved(trace),
        tools: live.iter().map(|step| &step.tools).max_by_key(|tools| tools.len()).cloned().unwrap_or_default(),
        tool_calls: if calls.is_empty() { executed_tools(trace) } else { calls },
        reference: trace.steps.iter().find_map(|step| step.reference.clone()),
        steps: steps(trace),
        turns: Vec::new(),
    };
    (content, cut)
}

/// Whether this part of the step that a text was taken from was cut, or of a step that would have told it instead: the
/// outermost span, and where that has but the state of a program, the model calls.
fn is_cut(root: &Step, live: &[&Step], taken: Option<&(String, &Step)>, part: CutPart) -> bool {
    let lost = |step: &Step| step.cut.contains(part);
    let is_fallback = taken.is_some_and(|(text, step)| step.span_id == root.span_id && is_raw(text));
    lost(root) || taken.is_some_and(|(_, step)| lost(step)) || (is_fallback && live.iter().any(|step| lost(step)))
}

/// Whether calls that a step asked for or carried out were cut.
fn loses_calls(step: &Step) -> bool {
    match step.kind {
        StepKind::Generation => step.is_live_generation() && step.cut.contains(CutPart::ToolCalls),
        StepKind::Tool => {
            step.duplicate_of.is_none() && (step.cut.contains(CutPart::Input) || step.cut.contains(CutPart::ToolCalls))
        }
        _ => false,
    }
}

/// Whether what a step found or returned was cut.
fn gives_cut_documents(step: &Step) -> bool {
    match step.kind {
        StepKind::Retrieval => step.cut.contains(CutPart::Documents),
        StepKind::Tool => step.duplicate_of.is_none() && step.cut.contains(CutPart::Output),
        _ => false,
    }
}

/// What the user first said: as the outermost span has it, else as the first model call has it.
fn trace_input<'a>(root: &'a Step, live: &[&'a Step]) -> Option<(String, &'a Step)> {
    let first_user = |step: &'a Step| {
        let messages = step.input.as_deref().unwrap_or_default();
        let user = messages.iter().find(|message| is_user_turn(message));
        user.and_then(Message::joined_text).filter(|text| !text.is_empty()).map(|text| (text, step))
    };
    let said = first_user(root).filter(|(text, _)| !is_raw(text));
    said.or_else(|| live.iter().copied().find_map(first_user)).or_else(|| first_user(root))
}

/// What the user finally got: as the outermost span has it, else the last answer of a model.
fn trace_output<'a>(root: &'a Step, live: &[&'a Step]) -> Option<(String, &'a Step)> {
    let any = |step: &'a Step| step.output_text.clone().map(|text| (text, step));
    let text = |step: &'a Step| any(step).filter(|(text, _)| !text.is_empty());
    let said = text(root).filter(|(text, _)| !is_raw(text));
    let mut by_end: Vec<&'a Step> = live.to_vec();
    by_end.sort_by_key(|step| step.end);
    said.or_else(|| by_end.iter().rev().copied().find_map(text))
        .or_else(|| text(root))
        .or_else(|| by_end.last().copied().and_then(any))
}

/// The state of a program rather than something that was said.
fn is_raw(text: &str) -> bool {
    matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['))
}

fn trace_unjudgeable(content: &SubjectContent, root: &Step, live: &[&Step]) -> Option<&'static str> {
    if content.output.is_some() {
        return None;
    }
    if root.error.is_some() {
        return Some("call_failed");
    }
    live.iter().rev().find_map(|step| unjudgeable(step)).or(Some("not_captured"))
}

fn retrieved(trace: &AssembledTrace) -> Vec<Document> {
    let mut seen = HashSet::new();
    let steps = trace.steps.iter().filter(|step| step.kind == StepKind::Retrieval);
    steps
        .flat_map(|step| step.documents.iter().map(move |document| (step.span_id, document)))
        .filter(|(_, document)| seen.insert((&document.id, &document.text)))
        .map(|(source, document)| Document { source: Some(source), ..document.clone() })
        .collect()
}

fn executed_tools(trace: &AssembledTrace) -> Vec<ToolCall> {
    let tools = trace.steps.iter().filter(|step| step.kind == StepKind::Tool && step.duplicate_of.is_none());
    tools
        .map(|step| {
            let told = step.input.iter().flatten().flat_map(Message::tool_calls).next().cloned();
            let name = step.entity_name.clone().unwrap_or_else(|| step.name.clone());
            told.filter(|call| !call.name.is_empty()).unwrap_or(ToolCall {
                id: None,
                name,
                arguments: serde_json::Value::Null,
            })
        })
        .collect()
}

/// What happened, step by step: plain application spans and repetitions of a call are left out.
fn steps(trace: &AssembledTrace) -> Vec<StepView> {
    let mut ended: Vec<&Step> = trace.steps.iter().collect();
    // In the order in which they ended: a tool stands before the answer that used it. Sorting keeps parents that ended
    // with their last child in front of it, so that the outermost comes last only where it ended last.
    ended.sort_by_key(|step| step.end);
    ended
        .into_iter()
        .filter(|step| is_told(step))
        .map(|step| {
            let mut view = StepView::of(step);
            if view.input.is_none() {
                view.input = asked_arguments(step);
            }
            if view.output.is_none() && step.kind == StepKind::Generation {
                view.output = asked_calls(step);
            }
            if view.output.is_none() && step.kind == StepKind::Retrieval && !step.documents.is_empty() {
                view.output = Some(listed(&step.documents));
            }
            view
        })
        .collect()
}

/// Whether a step belongs to what happened, as a judge is told it.
fn is_told(step: &Step) -> bool {
    step.kind != StepKind::Other && step.duplicate_of.is_none()
}

/// The arguments of the call that a tool step carries out.
fn asked_arguments(step: &Step) -> Option<String> {
    step.input.iter().flatten().flat_map(Message::tool_calls).next().map(|call| call.arguments.to_string())
}

/// The calls that a generation asks for, when it says nothing else.
fn asked_calls(step: &Step) -> Option<String> {
    let parts = step.output.iter().flatten().flat_map(|message| &message.parts);
    let calls: Vec<String> = parts
        .filter_map(|part| match part {
            Part::ToolCall(call) => Some(format!("{}({})", call.name, call.arguments)),
            _ => None,
        })
        .collect();
    (!calls.is_empty()).then(|| calls.join("\n"))
}

fn listed(documents: &[Document]) -> String {
    let line = |document: &Document| match (&document.id, &document.text) {
        (Some(id), Some(text)) => format!("[{id}] {text}"),
        (id, text) => id.clone().or_else(|| text.clone()).unwrap_or_default(),
    };
    documents.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::trace::assemble;
    use super::*;
    use crate::conventions::testing::{SpanBuilder, span_id};

    fn question_and_answer(id: u16) -> SpanBuilder {
        SpanBuilder::new("chat")
            .id(id)
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.request.model", "m")
            .with(
                "gen_ai.input.messages",
                r#"[{"role":"system","parts":[{"type":"text","content":"Be brief."}]},
                    {"role":"user","parts":[{"type":"text","content":"First?"}]},
                    {"role":"assistant","parts":[{"type":"text","content":"One."}]},
                    {"role":"user","parts":[{"type":"text","content":"Then?"}]}]"#,
            )
            .with("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"type":"text","content":"Two."}]}]"#)
    }

    fn of(spans: Vec<SpanBuilder>) -> Vec<Subject> {
        let trace = assemble(spans.into_iter().map(SpanBuilder::build).collect(), Vec::new());
        subjects(&trace, &SegmentConfig::default())
    }

    #[test]
    fn a_generation_is_judged_on_its_last_user_turn() {
        let found = of(vec![question_and_answer(1).resource("service.name", "shop")]);
        let content = &found[0].content;
        assert_eq!(content.system.as_deref(), Some("Be brief."));
        assert_eq!(content.input.as_deref(), Some("Then?"));
        assert_eq!(content.messages.len(), 3);
        assert_eq!(content.output.as_deref(), Some("Two."));
        assert_eq!(found[0].segments["service"], "shop");
        assert_eq!(found[0].segments["model"], "m");
    }

    #[test]
    fn an_empty_text_is_no_turn_of_the_user() {
        let said = [Message::text(Role::User, "First?"), Message::text(Role::User, "")];
        assert_eq!(last_user_turn(&said).as_deref(), Some("First?"));
    }

    #[test]
    fn a_trace_is_judged_on_its_first_question_and_last_answer_at_its_root() {
        let root = SpanBuilder::new("POST /ask").id(9).times(0, 9_000);
        let found = of(vec![root, question_and_answer(1).parent(9)]);
        let trace = found.last().unwrap();
        assert_eq!((trace.kind, trace.span_id), (SubjectKind::Trace, span_id(9)));
        assert_eq!(trace.content.input.as_deref(), Some("First?"));
        assert_eq!(trace.content.output.as_deref(), Some("Two."));
        assert_eq!(trace.content.steps.len(), 1, "the HTTP span is no step of a trace's story");
    }

    #[test]
    fn the_reasons_not_to_judge_are_told_apart() {
        let call = |id| SpanBuilder::new("chat").id(id).with("gen_ai.operation.name", "chat");
        let cases = [
            (call(1).failed("429"), Some("call_failed")),
            (call(1), Some("not_captured")),
            (call(1).with("gen_ai.output.messages_ref", "s3://x"), Some("reference")),
            (
                SpanBuilder::new("x")
                    .with("openinference.span.kind", "LLM")
                    .with("llm.output_messages.0.message.content", "__REDACTED__"),
                Some("redacted"),
            ),
            (call(1).with("gen_ai.output.messages", r#"[{"role":"assistant","parts":[]}]"#), None),
        ];
        for (span, reason) in cases {
            assert_eq!(of(vec![span])[0].unjudgeable.as_deref(), reason);
        }
    }

    #[test]
    fn a_segment_is_read_from_the_span_then_the_root_then_the_resource() {
        let config = SegmentConfig(BTreeMap::from([
            ("topic".to_owned(), vec![SegmentPlace::Tag("topic".to_owned())]),
            ("plan".to_owned(), vec![SegmentPlace::Attribute("customer.plan".to_owned())]),
            ("channel".to_owned(), vec![SegmentPlace::Metadata("channel".to_owned())]),
        ]));
        let root = SpanBuilder::new("root").id(9).times(0, 9_000).with("customer.plan", "gold");
        let call = question_and_answer(1)
            .parent(9)
            .with("tag.tags", "[\"topic:billing\"]")
            .with("metadata", r#"{"channel":"web"}"#);
        let trace = assemble(vec![root.build(), call.build()], Vec::new());
        let segments = &subjects(&trace, &config)[0].segments;
        assert_eq!((&*segments["topic"], &*segments["plan"], &*segments["channel"]), ("billing", "gold", "web"));
    }
}
