//! One call of a tool told by several spans: by the framework or client that asked for it, and by the server that ran it.

use std::collections::HashMap;

use crate::model::{CutPart, CutParts, Message, Span, SpanId, Step, StepKind};

/// Plain spans (HTTP, queues) between a client and a server that are looked through.
const MAX_LEVELS: usize = 8;

/// Marks the calls over the Model Context Protocol that repeat the call around them, which takes over what it lacks.
/// `spans` are what the steps were read from, index by index; both are in order of time.
pub(crate) fn mark_tools(steps: &mut [Step], spans: &[Span]) {
    let is_remote = |at: &usize| spans[*at].attributes.str("mcp.method.name") == Some("tools/call");
    let inner: Vec<usize> = (0..steps.len()).filter(|at| steps[*at].kind == StepKind::Tool).filter(is_remote).collect();
    if inner.is_empty() {
        return;
    }
    let at: HashMap<SpanId, usize> = steps.iter().enumerate().map(|(at, step)| (step.span_id, at)).collect();
    let around = |call: &usize| tool_around(steps, *call, &at).filter(|around| is_same(&steps[*around], &steps[*call]));
    let mut told: Vec<(usize, usize)> = inner.iter().filter_map(|call| Some((around(call)?, *call))).collect();
    keep_one_of_each(&mut told, steps);
    for (around, call) in told {
        // Parents stand before their children, so that the outermost span of a chain is known.
        let outermost = steps[around].duplicate_of.and_then(|(_, id)| at.get(&id).copied()).unwrap_or(around);
        if outermost != call {
            let told = steps[call].clone();
            take_over(&mut steps[outermost], told);
            steps[call].duplicate_of = Some((steps[outermost].trace_id, steps[outermost].span_id));
        }
    }
}

/// Of several calls inside one span (a retry, a loop), it tells of the one it took its result from: the last one that did
/// not fail. The others are calls of their own. `told` are spans and the calls inside, in order of time.
fn keep_one_of_each(told: &mut Vec<(usize, usize)>, steps: &[Step]) {
    let mut taken: HashMap<usize, usize> = HashMap::new();
    for (around, call) in told.iter().copied() {
        let newest = taken.entry(around).or_insert(call);
        if steps[call].error.is_none() || steps[*newest].error.is_some() {
            *newest = call;
        }
    }
    told.retain(|(around, call)| taken.get(around) == Some(call));
}

/// The tool around a step, with nothing but plain spans between them.
fn tool_around(steps: &[Step], call: usize, at: &HashMap<SpanId, usize>) -> Option<usize> {
    let parent = |of: usize| steps[of].parent_span_id.and_then(|id| at.get(&id).copied());
    let above = std::iter::successors(parent(call), |of| parent(*of)).take(MAX_LEVELS);
    let found = above.into_iter().find(|of| steps[*of].kind != StepKind::Other)?;
    (steps[found].kind == StepKind::Tool && found != call).then_some(found)
}

fn is_same(around: &Step, call: &Step) -> bool {
    let names = (around.entity_name.as_deref(), call.entity_name.as_deref());
    let same_name = !matches!(names, (Some(one), Some(two)) if one != two);
    same_name && call.start < around.end.max(around.start + 1)
}

/// What was asked for, and what came back: the parts that a loss of either is in.
const ASKED: [CutPart; 2] = [CutPart::Input, CutPart::Documents];
const RETURNED: [CutPart; 2] = [CutPart::Output, CutPart::ToolCalls];

/// Gives `outer` what only `told` has, or has whole. What was cut of a copy that nothing is taken of is no loss.
fn take_over(outer: &mut Step, told: Step) {
    let is_there = |messages: &Option<Vec<Message>>| messages.as_ref().is_some_and(|messages| !messages.is_empty());
    let is_cut = |step: &Step, parts: [CutPart; 2]| parts.iter().any(|part| step.cut.contains(*part));
    let is_better =
        |there: bool, here: bool, parts| (there && !here) || (there && is_cut(outer, parts) && !is_cut(&told, parts));
    let takes_input = is_better(is_there(&told.input), is_there(&outer.input), ASKED);
    let takes_output = is_better(is_there(&told.output), is_there(&outer.output), RETURNED);
    let takes_error = outer.error.is_none() && told.error.is_some();
    let of = |taken: bool| if taken { told.cut } else { outer.cut };
    let sides = of(takes_input).only(&ASKED) | of(takes_output).only(&RETURNED);
    // A cut copy may have lost steps as well, unless what it told of them was taken whole from the other.
    let is_mended = (takes_input || takes_output) && sides.is_empty();
    let lost = |step: &Step| step.cut.contains(CutPart::Steps);
    let steps = CutParts::of(CutPart::Steps, (lost(outer) && !is_mended) || (lost(&told) && takes_error));
    outer.cut = sides | steps;
    if takes_input {
        outer.input = told.input;
    }
    if takes_output {
        (outer.output, outer.output_text) = (told.output, told.output_text);
    }
    if takes_error {
        outer.error = told.error;
    }
    outer.entity_name = outer.entity_name.take().or(told.entity_name);
}

#[cfg(test)]
mod tests {
    use super::super::super::subjects::subjects;
    use super::super::super::trace::assemble;
    use crate::config::SegmentConfig;
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{Subject, SubjectKind};

    fn tool(id: u16, name: &str) -> SpanBuilder {
        SpanBuilder::new(&format!("tools/call {name}"))
            .id(id)
            .times(u64::from(id) * 10, 500 - u64::from(id))
            .with("gen_ai.operation.name", "execute_tool")
            .with("gen_ai.tool.name", name)
    }

    fn remote(id: u16, name: &str) -> SpanBuilder {
        tool(id, name).with("mcp.method.name", "tools/call")
    }

    fn trace(spans: Vec<SpanBuilder>) -> Subject {
        let trace = assemble(spans.into_iter().map(SpanBuilder::build).collect(), Vec::new());
        let all = subjects(&trace, &SegmentConfig::default());
        all.into_iter().find(|subject| subject.kind == SubjectKind::Trace).unwrap()
    }

    fn calls(spans: Vec<SpanBuilder>) -> Vec<String> {
        let content = trace(spans).content;
        assert_eq!(content.steps.len(), content.tool_calls.len());
        content.tool_calls.into_iter().map(|call| call.name).collect()
    }

    #[test]
    fn client_and_server_of_one_call_are_one_step_and_call() {
        let sent = SpanBuilder::new("MCP send tools/call w").id(2).parent(1).times(20, 400);
        let spans = vec![remote(1, "w"), sent.with("mcp.method.name", "tools/call"), remote(3, "w").parent(2)];
        assert_eq!(calls(spans), ["w"]);
        let server = remote(3, "w").parent(1).with("gen_ai.tool.call.result", "rain");
        let one = trace(vec![tool(1, "w"), server]);
        assert_eq!(one.content.steps[0].output.as_deref(), Some("rain"), "what only the server told");
    }

    #[test]
    fn of_several_calls_inside_one_the_last_that_did_not_fail_is_the_one_it_tells() {
        let attempt = |id: u16| remote(id, "w").parent(1).times(u64::from(id) * 10, u64::from(id) * 10 + 5);
        let tried = vec![tool(1, "w"), attempt(2), attempt(3).with("gen_ai.tool.call.result", "rain")];
        assert_eq!(calls(tried), ["w", "w"]);
        let trace =
            trace(vec![tool(1, "w"), attempt(2).with("gen_ai.tool.call.result", "rain"), attempt(3).failed("no")]);
        let told: Vec<_> = trace.content.steps.iter().map(|step| step.output.as_deref()).collect();
        assert_eq!(told, [None, Some("rain")], "the failed one stands alone");
    }

    #[test]
    fn a_copy_that_was_cut_takes_nothing_from_the_whole_one() {
        let cut = "word ".repeat(40);
        let whole = format!("{cut}and the rest of it.");
        let told = |outer: &str, inner: &str| {
            let outer = tool(1, "w").with("gen_ai.tool.call.result", outer);
            let subject = trace(vec![outer, remote(2, "w").parent(1).with("gen_ai.tool.call.result", inner)]);
            (subject.content.steps[0].output.clone(), subject.cut.is_empty())
        };
        assert_eq!(told(&whole, &cut), (Some(whole.clone()), true));
        assert_eq!(told(&cut, &whole), (Some(whole.clone()), true));
        assert_eq!(told(&cut, &cut), (Some(cut.clone()), false));
    }

    #[test]
    fn a_tool_that_calls_another_made_two_calls() {
        assert_eq!(calls(vec![remote(1, "plan"), remote(2, "w").parent(1)]), ["plan", "w"]);
        assert_eq!(
            calls(vec![tool(1, "w"), tool(2, "w").parent(1)]),
            ["w", "w"],
            "nothing says that it went over a wire"
        );
    }
}
