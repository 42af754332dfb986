//! A turn that asked for a tool, told by the tool's span alone: some instrumentations record neither an answer nor the
//! call on the model's span.

use std::collections::HashMap;

use crate::model::{ContentState, Message, Part, Role, SpanId, Step, StepKind, ToolCall};

/// Calls that one turn is given at most, however many tools ran beside it.
const MAX_CALLS: usize = 128;

/// The positions of the steps directly inside each span, in order of time.
pub(super) struct Children(HashMap<SpanId, Vec<usize>>);

/// For each span that repeats another, that one: what ran inside either ran inside the call.
pub(super) fn live_of_repeated(steps: &[Step]) -> HashMap<SpanId, SpanId> {
    let repeated = steps.iter().filter_map(|step| Some((step, step.duplicate_of?)));
    repeated
        .filter(|(step, (trace, _))| step.trace_id == *trace)
        .map(|(step, (_, live))| (step.span_id, live))
        .collect()
}

impl Children {
    /// `steps` are in order of time.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut inside: HashMap<SpanId, Vec<usize>> = HashMap::new();
        let live = live_of_repeated(steps);
        for (at, step) in steps.iter().enumerate() {
            if let Some(parent) = step.parent_span_id {
                inside.entry(live.get(&parent).copied().unwrap_or(parent)).or_default().push(at);
            }
        }
        Self(inside)
    }

    fn inside(&self, parent: SpanId) -> &[usize] {
        self.0.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// The calls of the tools directly inside a span.
    fn calls_inside(&self, steps: &[Step], parent: SpanId) -> Vec<ToolCall> {
        self.inside(parent).iter().filter_map(|at| call_of(&steps[*at])).take(MAX_CALLS).collect()
    }
}

/// Gives generations that ended by asking for tools the calls that the tools' spans carry out. `steps` are in order of
/// time.
pub(super) fn complete(steps: &mut [Step]) {
    let children = Children::of(steps);
    for at in 0..steps.len() {
        if !lacks_its_calls(&steps[at]) {
            continue;
        }
        let calls = calls_of(steps, &children, at);
        if calls.is_empty() {
            continue;
        }
        let parts = calls.into_iter().map(Part::ToolCall).collect();
        let step = &mut steps[at];
        step.output = Some(vec![Message { role: Role::Assistant, name: None, parts, finish_reason: None }]);
        step.content = ContentState::Captured;
    }
}

/// A turn whose question was recorded and whose answer was not, although nothing failed.
fn lacks_its_calls(step: &Step) -> bool {
    let asked = step.input.iter().flatten().any(|message| message.joined_text().is_some_and(|text| !text.is_empty()));
    let answered = step.output.iter().flatten().any(|message| !message.parts.is_empty());
    step.is_live_generation() && step.error.is_none() && asked && !answered
}

/// The calls of the tools inside the turn; where its reason to end was a tool, also of those beside it that began
/// between it and the next turn.
fn calls_of(steps: &[Step], children: &Children, at: usize) -> Vec<ToolCall> {
    let turn = &steps[at];
    let found = children.calls_inside(steps, turn.span_id);
    let asked_tool = turn.finish_reasons.iter().any(|reason| reason == "tool_calls");
    let Some(parent) = turn.parent_span_id.filter(|_| found.is_empty() && asked_tool) else { return found };
    let beside = children.inside(parent);
    let later = &beside[beside.partition_point(|other| steps[*other].start < turn.end)..];
    let later = later.iter().filter(|other| **other != at).map(|other| &steps[*other]);
    later.take_while(|step| !step.is_live_generation()).filter_map(call_of).take(MAX_CALLS).collect()
}

/// The calls that a generation asked for: those of its output, else those of the tools that ran inside it.
pub(super) fn made_by(steps: &[Step], children: &Children, step: &Step) -> Vec<ToolCall> {
    let told: Vec<ToolCall> = step.output.iter().flatten().flat_map(Message::tool_calls).cloned().collect();
    if told.is_empty() { children.calls_inside(steps, step.span_id) } else { told }
}

fn call_of(step: &Step) -> Option<ToolCall> {
    if step.kind != StepKind::Tool || step.duplicate_of.is_some() {
        return None;
    }
    step.input.iter().flatten().flat_map(Message::tool_calls).find(|call| !call.name.is_empty()).cloned()
}

#[cfg(test)]
mod tests {
    use super::super::trace::assemble;
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, Message, Step};

    fn turn(id: u16, reason: &str) -> SpanBuilder {
        SpanBuilder::new("completion m")
            .id(id)
            .parent(9)
            .with("gen_ai.request.model", "m")
            .with("gen_ai.prompt", "Where is it?")
            .with("gen_ai.response.finish_reasons", reason)
    }

    fn tool(id: u16, parent: u16, name: &str) -> SpanBuilder {
        SpanBuilder::new("execute_tool")
            .id(id)
            .parent(parent)
            .with("gen_ai.operation.name", "execute_tool")
            .with("gen_ai.tool.name", name)
            .with("gen_ai.tool.call.arguments", r#"{"id":"7"}"#)
    }

    fn calls(step: &Step) -> Vec<&str> {
        step.output.iter().flatten().flat_map(Message::tool_calls).map(|call| call.name.as_str()).collect()
    }

    fn steps(spans: Vec<SpanBuilder>) -> Vec<Step> {
        assemble(spans.into_iter().map(SpanBuilder::build).collect(), Vec::new()).steps
    }

    #[test]
    fn the_call_is_read_from_the_tool_beside_the_turn() {
        let found = steps(vec![
            turn(1, "TOOL_EXECUTION").times(0, 10),
            tool(2, 9, "status").times(10, 20),
            turn(3, "STOP").with("gen_ai.completion", "In Lund.").times(20, 30),
            tool(4, 9, "later").times(30, 40),
        ]);
        assert_eq!((calls(&found[0]), found[0].content), (vec!["status"], ContentState::Captured));
        assert_eq!(found[0].output_text, None);
        assert!(calls(&found[2]).is_empty());
    }

    #[test]
    fn the_call_is_read_from_the_tool_inside_the_turn() {
        let found = steps(vec![turn(1, "stop").times(0, 30), tool(2, 1, "status").times(10, 20)]);
        assert_eq!(calls(&found[0]), ["status"]);
    }

    #[test]
    fn a_turn_without_a_recorded_question_has_its_content_switched_off() {
        let bare = SpanBuilder::new("chat m").id(1).parent(9).with("gen_ai.operation.name", "chat").times(0, 10);
        let bare = bare.with("gen_ai.response.finish_reasons", "tool_calls");
        let found = steps(vec![bare, tool(2, 9, "status").times(10, 20)]);
        assert_eq!(found[0].content, ContentState::NotCaptured);
    }
}
