//! One call of a tool told by several spans: by the framework or client that asked for it, and by the server that ran it.

use std::collections::HashMap;

use crate::model::{Span, SpanId, Step, StepKind};

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
    for call in inner {
        let Some(around) = tool_around(steps, call, &at).filter(|around| is_same(&steps[*around], &steps[call])) else {
            continue;
        };
        // Parents stand before their children, so that the outermost span of a chain is known.
        let outermost = steps[around].duplicate_of.and_then(|(_, id)| at.get(&id).copied()).unwrap_or(around);
        if outermost != call {
            let told = steps[call].clone();
            take_over(&mut steps[outermost], told);
            steps[call].duplicate_of = Some((steps[outermost].trace_id, steps[outermost].span_id));
        }
    }
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

fn take_over(outer: &mut Step, told: Step) {
    let lacks = |messages: &Option<Vec<_>>| messages.as_ref().is_none_or(Vec::is_empty);
    if lacks(&outer.input) {
        outer.input = told.input;
    }
    if lacks(&outer.output) {
        (outer.output, outer.output_text) = (told.output, told.output_text);
    }
    outer.entity_name = outer.entity_name.take().or(told.entity_name);
    outer.error = outer.error.take().or(told.error);
    outer.cut = outer.cut | told.cut;
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
    fn a_tool_that_calls_another_made_two_calls() {
        assert_eq!(calls(vec![remote(1, "plan"), remote(2, "w").parent(1)]), ["plan", "w"]);
        assert_eq!(
            calls(vec![tool(1, "w"), tool(2, "w").parent(1)]),
            ["w", "w"],
            "nothing says that it went over a wire"
        );
    }
}
