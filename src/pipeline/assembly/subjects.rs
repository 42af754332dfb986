//! From an assembled trace to what rubrics judge: one subject for each live generation, one for the trace, and of
//! several traces one for their session.

use std::collections::BTreeMap;

use super::assembled_trace::AssembledTrace;
use super::problems;
use super::tool_turns::{self, Children};
use crate::config::{SegmentConfig, SegmentPlace};
use crate::model::{
    ContentState, Document, Message, Part, Release, Role, Span, Step, StepKind, StepView, Subject, SubjectContent,
    SubjectId, SubjectKind, ToolCall, Turn, Value,
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
    /// The model of the last live generation that names one.
    model: Option<String>,
}

impl Known {
    fn of(trace: &AssembledTrace) -> Self {
        let live = trace.steps.iter().rev().filter(|step| step.is_live_generation());
        let model = live.filter_map(|step| field_value(step, &SegmentPlace::Model)).find(|model| !model.is_empty());
        Self { children: Children::of(&trace.steps), model }
    }
}

fn generation_subject(trace: &AssembledTrace, known: &Known, at: usize, segments: &SegmentConfig) -> Subject {
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
        segments: segments_of(trace, known, at, segments),
        release: release_of(trace, known, at),
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
        problems: problems::of_generation(trace, at),
    }
}

/// Why a generation cannot be judged at all, as a stable code.
fn unjudgeable(step: &Step) -> Option<&'static str> {
    if step.error.is_some() {
        return Some("call_failed");
    }
    match step.content {
        ContentState::Captured | ContentState::Empty if step.cut => Some("cut"),
        ContentState::Captured | ContentState::Empty => None,
        ContentState::NotCaptured => Some("not_captured"),
        ContentState::Redacted => Some("redacted"),
        ContentState::Reference => Some("reference"),
    }
}

fn joined(messages: &[Message]) -> Option<String> {
    let texts: Vec<String> = messages.iter().filter_map(Message::joined_text).collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

/// The last thing the user said; where nobody is called user, the last thing that was said to the model.
fn last_user_turn(messages: &[Message]) -> Option<String> {
    let text = |message: &Message| message.joined_text().filter(|text| !text.is_empty());
    let mut backwards = messages.iter().rev();
    backwards.find_map(|message| if message.role == Role::User { text(message) } else { None }).or_else(|| {
        messages.iter().rev().find_map(|message| if message.role == Role::Assistant { None } else { text(message) })
    })
}

fn tool_calls(output: Option<&[Message]>) -> Vec<ToolCall> {
    output.unwrap_or_default().iter().flat_map(Message::tool_calls).cloned().collect()
}

fn trace_subject(trace: &AssembledTrace, known: &Known, segments: &SegmentConfig) -> Option<Subject> {
    let at = trace.root?;
    let root = &trace.steps[at];
    let live: Vec<&Step> = trace.steps.iter().filter(|step| step.is_live_generation()).collect();
    let last = live.iter().copied().max_by_key(|step| step.end);
    let content = trace_content(trace, root, &live);
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
        segments: segments_of(trace, known, at, segments),
        release: release_of(trace, known, at),
        content,
        problems: problems::of_trace(trace, at),
    })
}

fn trace_content(trace: &AssembledTrace, root: &Step, live: &[&Step]) -> SubjectContent {
    let first = live.first().copied();
    let system: Vec<Message> = first
        .and_then(|step| step.input.as_ref())
        .map(|messages| messages.iter().filter(|message| message.role == Role::System).cloned().collect())
        .unwrap_or_default();
    let calls: Vec<ToolCall> = live.iter().flat_map(|step| tool_calls(step.output.as_deref())).collect();
    SubjectContent {
        system: joined(&system),
        input: trace_input(root, live),
        messages: Vec::new(),
        output: trace_output(root, live),
        documents: retrieved(trace),
        tools: live.iter().map(|step| &step.tools).max_by_key(|tools| tools.len()).cloned().unwrap_or_default(),
        tool_calls: if calls.is_empty() { executed_tools(trace) } else { calls },
        reference: trace.steps.iter().find_map(|step| step.reference.clone()),
        steps: steps(trace),
        turns: Vec::new(),
    }
}

/// What the user first said: as the outermost span has it, else as the first model call has it.
fn trace_input(root: &Step, live: &[&Step]) -> Option<String> {
    let first_user = |step: &Step| {
        let messages = step.input.as_deref().unwrap_or_default();
        let mut users = messages.iter().filter(|message| message.role == Role::User);
        users.find_map(Message::joined_text).filter(|text| !text.is_empty())
    };
    let said = first_user(root).filter(|text| !is_raw(text));
    said.or_else(|| live.iter().copied().find_map(first_user)).or_else(|| first_user(root))
}

/// What the user finally got: as the outermost span has it, else the last answer of a model.
fn trace_output(root: &Step, live: &[&Step]) -> Option<String> {
    let text = |step: &Step| step.output_text.clone().filter(|text| !text.is_empty());
    let said = text(root).filter(|text| !is_raw(text));
    let mut by_end: Vec<&Step> = live.to_vec();
    by_end.sort_by_key(|step| step.end);
    said.or_else(|| by_end.iter().rev().copied().find_map(text))
        .or_else(|| text(root))
        .or_else(|| by_end.last().and_then(|step| step.output_text.clone()))
}

/// The state of a program rather than something that was said.
fn is_raw(text: &str) -> bool {
    matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['))
}

fn trace_unjudgeable(content: &SubjectContent, root: &Step, live: &[&Step]) -> Option<&'static str> {
    if content.output.is_some() {
        // What the user got is the root's text or the last answer.
        let is_cut = root.cut || live.iter().max_by_key(|step| step.end).is_some_and(|step| step.cut);
        return is_cut.then_some("cut");
    }
    if root.error.is_some() {
        return Some("call_failed");
    }
    live.iter().rev().find_map(|step| unjudgeable(step)).or(Some("not_captured"))
}

fn retrieved(trace: &AssembledTrace) -> Vec<Document> {
    let mut seen = std::collections::HashSet::new();
    let steps = trace.steps.iter().filter(|step| step.kind == StepKind::Retrieval);
    steps
        .flat_map(|step| step.documents.iter().map(move |document| (step.span_id, document)))
        .filter(|(_, document)| seen.insert((&document.id, &document.text)))
        .map(|(source, document)| Document { source: Some(source), ..document.clone() })
        .collect()
}

fn executed_tools(trace: &AssembledTrace) -> Vec<ToolCall> {
    let tools = trace.steps.iter().filter(|step| step.kind == StepKind::Tool);
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
        .filter(|step| step.kind != StepKind::Other && step.duplicate_of.is_none())
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

fn segments_of(trace: &AssembledTrace, known: &Known, at: usize, segments: &SegmentConfig) -> BTreeMap<String, String> {
    let value = |places: &Vec<SegmentPlace>| places.iter().find_map(|place| place_value(trace, known, at, place));
    segments.0.iter().filter_map(|(name, places)| Some((name.clone(), value(places)?))).collect()
}

/// Which release of the application the step at `at` belongs to.
fn release_of(trace: &AssembledTrace, known: &Known, at: usize) -> Release {
    let version = SegmentPlace::Attribute("service.version".to_owned());
    let prompt = |at: usize| trace.steps[at].prompt_version.clone().filter(|version| !version.is_empty());
    Release {
        service_version: place_value(trace, known, at, &version),
        prompt_version: prompt(at).or_else(|| trace.root.and_then(prompt)),
    }
}

/// The value of one place: of the step itself, else of the root, else of the resource.
fn place_value(trace: &AssembledTrace, known: &Known, at: usize, place: &SegmentPlace) -> Option<String> {
    let own = |at: usize| match place {
        SegmentPlace::Attribute(name) => attribute(&trace.spans[at], name),
        own => field_value(&trace.steps[at], own),
    };
    let found = own(at).or_else(|| trace.root.filter(|root| *root != at).and_then(own));
    match place {
        SegmentPlace::Environment => found.or_else(|| trace.environment.clone()),
        SegmentPlace::Model => found.or_else(|| known.model.clone()),
        SegmentPlace::Attribute(name) => {
            found.or_else(|| trace.spans[at].resource.attributes.get(name).map(Value::display))
        }
        _ => found,
    }
    .filter(|value| !value.is_empty())
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    span.attributes.get(name).map(Value::display).filter(|value| !value.is_empty())
}

fn field_value(step: &Step, place: &SegmentPlace) -> Option<String> {
    match place {
        SegmentPlace::Model => step.response_model.clone().or_else(|| step.request_model.clone()),
        SegmentPlace::Provider => step.provider.clone(),
        SegmentPlace::Operation => step.operation.clone(),
        SegmentPlace::Prompt => step.prompt_name.clone(),
        SegmentPlace::Agent => step.entity_name.clone().filter(|_| step.kind == StepKind::Agent),
        SegmentPlace::Metadata(key) => {
            step.metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        }
        SegmentPlace::Tag(prefix) => {
            let rest = |tag: &String| {
                tag.strip_prefix(prefix.as_str())?.strip_prefix([':', '=']).map(|rest| rest.trim().to_owned())
            };
            step.tags.iter().find_map(rest)
        }
        // What is a property of the span, or of the whole trace.
        SegmentPlace::Attribute(_) | SegmentPlace::Environment => None,
    }
}

/// The subject of a conversation, from the trace subjects of its turns; `None` without any.
///
/// Its scores are attached to the root of the latest turn.
pub fn session_subject(session_id: &str, turns: &[Subject]) -> Option<Subject> {
    let mut turns: Vec<&Subject> = turns.iter().filter(|turn| turn.kind == SubjectKind::Trace).collect();
    turns.sort_by_key(|turn| turn.start);
    let (first, last) = (turns.first()?, turns.last()?);
    let judgeable = turns.iter().any(|turn| turn.unjudgeable.is_none());
    Some(Subject {
        id: SubjectId::of_session(session_id),
        kind: SubjectKind::Session,
        trace_id: last.trace_id,
        span_id: last.span_id,
        session_id: Some(session_id.to_owned()),
        start: first.start,
        end: turns.iter().map(|turn| turn.end).max().unwrap_or(last.end),
        response_id: None,
        model: last.model.clone(),
        operation: None,
        unjudgeable: if judgeable { None } else { last.unjudgeable.clone() },
        segments: last.segments.clone(),
        release: last.release.clone(),
        content: SubjectContent {
            system: turns.iter().find_map(|turn| turn.content.system.clone()),
            input: first.content.input.clone(),
            output: last.content.output.clone(),
            documents: distinct_documents(&turns),
            tools: last.content.tools.clone(),
            tool_calls: turns.iter().flat_map(|turn| turn.content.tool_calls.clone()).collect(),
            turns: turns
                .iter()
                .map(|turn| Turn { input: turn.content.input.clone(), output: turn.content.output.clone() })
                .collect(),
            ..SubjectContent::default()
        },
        problems: problems::of_session(&turns),
    })
}

fn distinct_documents(turns: &[&Subject]) -> Vec<Document> {
    let mut seen = std::collections::HashSet::new();
    let all = turns.iter().flat_map(|turn| &turn.content.documents);
    all.filter(|document| seen.insert((&document.id, &document.text))).cloned().collect()
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_session_is_its_turns_in_order_of_time() {
        let turn = |trace: u8, start: u64| {
            let spans = vec![question_and_answer(1).trace(trace).times(start, start + 5)];
            of(spans).pop().unwrap()
        };
        let session = session_subject("s1", &[turn(2, 200), turn(1, 100)]).unwrap();
        assert_eq!(session.content.turns.len(), 2);
        assert_eq!((session.start, session.end), (100, 205));
        assert!(session_subject("s1", &[]).is_none());
    }
}
