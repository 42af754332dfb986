//! A turn that asked for a tool, told by the tool's span alone: some instrumentations record neither an answer nor the
//! call on the model's span.

use std::collections::HashMap;

use crate::model::{
    ContentState, CutPart, Message, Part, Problem, ProblemCode, Role, SpanId, Step, StepKind, ToolCall,
};

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
    fn calls_inside<'a>(&self, steps: &'a [Step], parent: SpanId) -> impl Iterator<Item = &'a ToolCall> {
        self.inside(parent).iter().filter_map(|at| call_of(&steps[*at]))
    }
}

/// Gives generations that ended by asking for tools the calls that the tools' spans carry out, and says where that is not all
/// of them. `steps` are in order of time.
pub(super) fn complete(steps: &mut [Step]) {
    let children = Children::of(steps);
    for at in 0..steps.len() {
        if !steps[at].is_live_generation() || tells_calls(&steps[at]) {
            continue;
        }
        let lacks_its_calls = lacks_its_calls(&steps[at]);
        let found = if lacks_its_calls {
            calls_of(steps, &children, at)
        } else {
            children.calls_inside(steps, steps[at].span_id).collect()
        };
        let left_out = found.len().saturating_sub(MAX_CALLS);
        let given: Option<Vec<Part>> = (lacks_its_calls && !found.is_empty())
            .then(|| found.into_iter().take(MAX_CALLS).cloned().map(Part::ToolCall).collect());
        let step = &mut steps[at];
        if left_out > 0 {
            let detail = format!("{left_out} calls of tools that ran beside the turn are not given to the judge");
            step.problems.push(Problem::new(ProblemCode::ToolCallsLeftOut, detail));
            step.cut = step.cut | CutPart::ToolCalls.into();
        }
        if let Some(parts) = given {
            step.output = Some(vec![Message { role: Role::Assistant, name: None, parts, finish_reason: None }]);
            step.content = ContentState::Captured;
        }
    }
}

fn tells_calls(step: &Step) -> bool {
    step.output.iter().flatten().flat_map(Message::tool_calls).next().is_some()
}

/// A turn whose question was recorded and whose answer was not, although nothing failed.
fn lacks_its_calls(step: &Step) -> bool {
    let asked = step.input.iter().flatten().any(|message| message.joined_text().is_some_and(|text| !text.is_empty()));
    let answered = step.output.iter().flatten().any(|message| !message.parts.is_empty());
    step.error.is_none() && asked && !answered
}

/// The calls of the tools inside the turn; where its reason to end was a tool, also of those beside it that began
/// between it and the next turn.
fn calls_of<'a>(steps: &'a [Step], children: &Children, at: usize) -> Vec<&'a ToolCall> {
    let turn = &steps[at];
    let found: Vec<&ToolCall> = children.calls_inside(steps, turn.span_id).collect();
    let asked_tool = turn.finish_reasons.iter().any(|reason| reason == "tool_calls");
    let Some(parent) = turn.parent_span_id.filter(|_| found.is_empty() && asked_tool) else { return found };
    let beside = children.inside(parent);
    let later = &beside[beside.partition_point(|other| steps[*other].start < turn.end)..];
    let later = later.iter().filter(|other| **other != at).map(|other| &steps[*other]);
    later.take_while(|step| !step.is_live_generation()).filter_map(call_of).collect()
}

/// The calls that a generation asked for: those of its output, else those of the tools that ran inside it.
pub(super) fn made_by(steps: &[Step], children: &Children, step: &Step) -> Vec<ToolCall> {
    let told: Vec<ToolCall> = step.output.iter().flatten().flat_map(Message::tool_calls).cloned().collect();
    if told.is_empty() { children.calls_inside(steps, step.span_id).take(MAX_CALLS).cloned().collect() } else { told }
}

fn call_of(step: &Step) -> Option<&ToolCall> {
    if step.kind != StepKind::Tool || step.duplicate_of.is_some() {
        return None;
    }
    step.input.iter().flatten().flat_map(Message::tool_calls).find(|call| !call.name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::trace::assemble;
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, CutPart, Message, ProblemCode, Step};

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
    fn more_calls_than_a_turn_is_given_are_named() {
        let beside = |count: u16, turn: SpanBuilder| {
            let tools = (0..count).map(|number| tool(100 + number, 1, "status").times(11 + u64::from(number), 900));
            steps([turn.times(0, 1_000)].into_iter().chain(tools).collect()).remove(0)
        };
        let silent = |count| beside(count, turn(1, "stop"));
        let (all, most) = (silent(128), silent(130));
        assert_eq!((calls(&all).len(), all.problems.len()), (128, 0));
        assert_eq!((calls(&most).len(), most.problems[0].code), (128, ProblemCode::ToolCallsLeftOut));
        assert!(most.cut.contains(CutPart::ToolCalls) && !all.cut.contains(CutPart::ToolCalls));
        let answered = beside(130, turn(1, "stop").with("gen_ai.completion", "In Lund."));
        assert_eq!(answered.problems[0].code, ProblemCode::ToolCallsLeftOut);
    }

    #[test]
    fn a_turn_without_a_recorded_question_has_its_content_switched_off() {
        let bare = SpanBuilder::new("chat m").id(1).parent(9).with("gen_ai.operation.name", "chat").times(0, 10);
        let bare = bare.with("gen_ai.response.finish_reasons", "tool_calls");
        let found = steps(vec![bare, tool(2, 9, "status").times(10, 20)]);
        assert_eq!(found[0].content, ContentState::NotCaptured);
    }
}
