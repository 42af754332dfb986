//! One call, one generation: spans that tell the same model call again are marked, never counted twice.
//!
//! Two instrumentations of one call give nested spans (a vendor SDK's own span inside a framework's), or spans with the
//! same response id, sometimes in different traces. Of each such group the span that says most stays live.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::trace::AssembledTrace;
use crate::conventions::{answer_text, weight};
use crate::model::{Message, SpanId, Step, StepKind, TraceId};

/// Marks the duplicates among the steps of one trace; the live span of a group takes over what only its twins know.
pub(crate) fn mark(steps: &mut [Step]) {
    let generations: Vec<usize> = (0..steps.len()).filter(|at| steps[*at].kind == StepKind::Generation).collect();
    if generations.len() < 2 {
        return;
    }
    let mut groups = Groups::new(steps.len());
    join_by_response(steps, &generations, &mut groups);
    join_streamed(steps, &generations, &mut groups);
    join_silent(steps, &generations, &mut groups);
    join_by_nesting(steps, &generations, &mut groups);
    join_failed_wrappers(steps, &generations, &mut groups);
    for group in groups.of(&generations) {
        settle(steps, &group);
    }
}

/// Marks generations that repeat one of another trace: the same response id, and no other answer.
pub fn mark_across(traces: &mut [AssembledTrace]) {
    let mut by_response: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    for (of, trace) in traces.iter().enumerate() {
        for (at, step) in trace.steps.iter().enumerate().filter(|(_, step)| step.is_live_generation()) {
            if let Some(id) = response_id(step) {
                by_response.entry(id.to_owned()).or_default().push((of, at));
            }
        }
    }
    for places in by_response.into_values().filter(|places| places.len() > 1) {
        let step = |place: (usize, usize)| &traces[place.0].steps[place.1];
        let Some(best) = places.iter().copied().max_by_key(|place| (says(step(*place)), Reverse(*place))) else {
            continue;
        };
        let target = (step(best).trace_id, step(best).span_id);
        let others: Vec<_> =
            places.into_iter().filter(|place| *place != best && same_call(step(*place), step(best))).collect();
        for (of, at) in others {
            let gone = (traces[of].steps[at].trace_id, traces[of].steps[at].span_id);
            traces[of].steps[at].duplicate_of = Some(target);
            redirect(&mut traces[of].steps, gone, target);
        }
    }
}

/// What repeated a span that turned out to be a repetition repeats the span behind it.
fn redirect(steps: &mut [Step], from: (TraceId, SpanId), to: (TraceId, SpanId)) {
    for step in steps.iter_mut().filter(|step| step.duplicate_of == Some(from)) {
        step.duplicate_of = Some(to);
    }
}

fn response_id(step: &Step) -> Option<&str> {
    step.response_id.as_deref().filter(|id| !id.is_empty())
}

/// Two different answers under one id (a gateway that hands out constant ids) are two calls.
fn same_call(one: &Step, two: &Step) -> bool {
    let text = |step: &Step| step.output.as_deref().and_then(answer_text).filter(|text| !text.trim().is_empty());
    match (text(one), text(two)) {
        (Some(one), Some(two)) => one.trim() == two.trim() || one.contains(two.trim()) || two.contains(one.trim()),
        _ => true,
    }
}

fn join_by_response(steps: &[Step], generations: &[usize], groups: &mut Groups) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for &at in generations {
        if let Some(id) = response_id(&steps[at]) {
            let other = *first.entry(id).or_insert(at);
            if other != at && same_call(&steps[at], &steps[other]) {
                groups.join(at, other);
            }
        }
    }
}

/// A generation inside a generation is the same call, told by somebody nearer to the wire.
fn join_by_nesting(steps: &[Step], generations: &[usize], groups: &mut Groups) {
    let outer = enclosing_generations(steps);
    let mut inside: HashMap<usize, Vec<usize>> = HashMap::new();
    for &at in generations {
        if let Some(parent) = outer[at].filter(|parent| !follows(&steps[at], &steps[*parent])) {
            inside.entry(parent).or_default().push(at);
        }
    }
    for (parent, children) in inside {
        let calls = calls_of(steps, &children, groups);
        // An outer span that made several calls (a retry, an adapter's fallback) tells of the one it took its answer from.
        let told = calls.iter().max_by_key(|call| {
            let last = call.iter().map(|at| steps[*at].start).max().unwrap_or(0);
            let answered = call.iter().any(|at| steps[*at].error.is_none());
            (call.iter().any(|at| repeats(&steps[*at], &steps[parent])), answered, last)
        });
        if let Some(call) = told {
            groups.join(parent, call[0]);
        }
    }
}

/// A call that began after the span around it had ended is the next call: an SDK did not give its context back. Spans
/// that tell the same are one call all the same (the clocks of two machines differ), and so are those that tell nothing
/// else where the outer one has no length.
fn follows(inner: &Step, outer: &Step) -> bool {
    if inner.start < outer.end {
        return false;
    }
    let (one, two) = (response_id(inner), response_id(outer));
    let differ = !same_call(inner, outer) || (one.is_some() && two.is_some() && one != two);
    let agree = (one.is_some() && one == two) || repeats(inner, outer);
    differ || (!agree && outer.start < outer.end && outer.end < inner.start)
}

/// Of two instrumentations beside each other under one parent, one may tell neither what was asked nor what was
/// answered nor a response id. It is the same call if its time lies in the other's (or the other way round) and both
/// failed, or both count the same tokens.
fn join_silent(steps: &[Step], generations: &[usize], groups: &mut Groups) {
    let is_silent = |step: &Step| step.input.is_none() && step.output.is_none() && response_id(step).is_none();
    // A span around another call belongs to that one.
    let encloses: HashSet<usize> = enclosing_generations(steps).into_iter().flatten().collect();
    let (silent, telling): (Vec<usize>, Vec<usize>) = generations.iter().partition(|at| is_silent(&steps[**at]));
    let mut beside: HashMap<SpanId, Vec<usize>> = HashMap::new();
    for at in silent.into_iter().filter(|at| !encloses.contains(at)) {
        if let Some(parent) = steps[at].parent_span_id {
            beside.entry(parent).or_default().push(at);
        }
    }
    for at in telling {
        let siblings = steps[at].parent_span_id.and_then(|parent| beside.get_mut(&parent));
        let Some(siblings) = siblings else { continue };
        let twins = (0..siblings.len()).filter(|place| is_twin(&steps[at], &steps[siblings[*place]]));
        // Of several, the one whose times are nearest.
        let distance = |other: &Step| steps[at].start.abs_diff(other.start) + steps[at].end.abs_diff(other.end);
        if let Some(twin) = twins.min_by_key(|place| distance(&steps[siblings[*place]])) {
            groups.join(at, siblings.swap_remove(twin));
        }
    }
}

/// Whether two spans beside each other are one call, the second of which says nothing of it.
fn is_twin(telling: &Step, silent: &Step) -> bool {
    let within = |one: &Step, two: &Step| two.start <= one.start && one.end <= two.end;
    let tokens = |step: &Step| step.usage.input_tokens.zip(step.usage.output_tokens).filter(|count| *count != (0, 0));
    let both_failed = telling.error.is_some() && silent.error.is_some() && telling.output.is_none();
    let same_tokens = tokens(telling).is_some() && tokens(telling) == tokens(silent);
    (within(telling, silent) || within(silent, telling)) && (both_failed || same_tokens)
}

/// A span that failed and tells neither an answer nor tokens wrapped the call that is found somewhere inside it, also by
/// its time: what failed was reading the answer.
fn join_failed_wrappers(steps: &[Step], generations: &[usize], groups: &mut Groups) {
    /// Frameworks wrap a call in a handful of spans.
    const MAX_LEVELS: usize = 8;
    let is_wrapper = |step: &Step| {
        step.error.is_some()
            && step.output.is_none()
            && step.usage.input_tokens.is_none()
            && response_id(step).is_none()
    };
    let mut members: HashMap<usize, usize> = HashMap::new();
    for &at in generations {
        *members.entry(groups.root(at)).or_default() += 1;
    }
    let mut wrappers: HashMap<SpanId, usize> = generations
        .iter()
        .filter(|at| is_wrapper(&steps[**at]) && members.get(&groups.root(**at)) == Some(&1))
        .map(|at| (steps[*at].span_id, *at))
        .collect();
    if wrappers.is_empty() {
        return;
    }
    let by_id: HashMap<SpanId, &Step> = steps.iter().map(|step| (step.span_id, step)).collect();
    for &at in generations.iter().filter(|at| steps[**at].output.is_some()) {
        let above = std::iter::successors(steps[at].parent_span_id, |id| by_id.get(id)?.parent_span_id);
        // Whoever runs a tool in between makes calls of its own; who ended before did not wait for this one.
        let wraps =
            |id: &SpanId| by_id.get(id).is_some_and(|step| step.kind != StepKind::Tool && steps[at].end <= step.end);
        for id in above.take(MAX_LEVELS).take_while(wraps) {
            // Of several calls inside, the first: they stay calls of their own.
            if let Some(wrapper) = wrappers.remove(&id) {
                groups.join(wrapper, at);
            }
        }
    }
}

fn repeats(inner: &Step, outer: &Step) -> bool {
    matches!((&inner.output_text, &outer.output_text), (Some(one), Some(two)) if !one.is_empty() && one == two)
}

/// Children of one generation, put together by call.
fn calls_of(steps: &[Step], children: &[usize], groups: &mut Groups) -> Vec<Vec<usize>> {
    let mut calls: HashMap<usize, Vec<usize>> = HashMap::new();
    for &at in children {
        calls.entry(groups.root(at)).or_default().push(at);
    }
    let mut calls: Vec<Vec<usize>> = calls.into_values().collect();
    calls.sort_by_key(|call| call.iter().map(|at| (steps[*at].start, *at)).min());
    calls
}

/// The request span of a streamed call ends before the answer is there; what the stream added up to stands in an
/// instant record beside it, with the same input.
fn join_streamed(steps: &[Step], generations: &[usize], groups: &mut Groups) {
    /// Open requests that a record may belong to; more at a time under one parent are not told apart.
    const MAX_OPEN: usize = 16;
    let mut waiting: HashMap<Option<SpanId>, Vec<usize>> = HashMap::new();
    for &at in generations {
        let step = &steps[at];
        let open = waiting.entry(step.parent_span_id).or_default();
        if step.output.is_none() && step.error.is_none() && step.end > step.start {
            if open.len() == MAX_OPEN {
                open.remove(0);
            }
            open.push(at);
        } else if step.start == step.end && step.output.is_some() {
            let request = open.iter().rposition(|other| steps[*other].input == step.input);
            if let Some(found) = request {
                groups.join(open.remove(found), at);
            }
        }
    }
}

/// For each step the generation around it, looking through plain spans (HTTP clients) but not through tools or agents.
fn enclosing_generations(steps: &[Step]) -> Vec<Option<usize>> {
    let at: HashMap<SpanId, usize> = steps.iter().enumerate().map(|(at, step)| (step.span_id, at)).collect();
    let parent =
        |of: usize| steps[of].parent_span_id.and_then(|id| at.get(&id).copied()).filter(|parent| *parent != of);
    let mut outer: Vec<Option<Option<usize>>> = vec![None; steps.len()];
    for start in 0..steps.len() {
        // Walk up until the answer is known, then hand it down the path; `seen` breaks cycles of forged parents.
        let mut path = Vec::new();
        let mut here = start;
        let found = loop {
            if let Some(known) = outer[here] {
                break known;
            }
            // A cycle: `here` is on the path already.
            if path.len() > steps.len() {
                break None;
            }
            path.push(here);
            match parent(here) {
                None => break None,
                Some(next) => match steps[next].kind {
                    StepKind::Generation => break Some(next),
                    StepKind::Other => here = next,
                    _ => break None,
                },
            }
        };
        for step in path {
            outer[step] = Some(found);
        }
    }
    outer.into_iter().map(Option::flatten).collect()
}

/// How much a span says of its call; the larger stays live.
fn says(step: &Step) -> (bool, bool, usize, usize) {
    let said = |messages: &Option<Vec<Message>>| messages.as_deref().map_or(0, weight);
    (step.output.is_some(), step.error.is_some(), said(&step.output), said(&step.input) + step.tools.len())
}

fn settle(steps: &mut [Step], group: &[usize]) {
    let Some(live) = group.iter().copied().max_by_key(|at| (says(&steps[*at]), Reverse(*at))) else { return };
    let target = (steps[live].trace_id, steps[live].span_id);
    for &at in group.iter().filter(|at| **at != live) {
        let twin = steps[at].clone();
        inherit(&mut steps[live], twin);
        steps[at].duplicate_of = Some(target);
    }
}

/// Facts that only a twin knows; never its messages, which are the same ones again.
fn inherit(live: &mut Step, twin: Step) {
    fn fill<T>(slot: &mut Option<T>, value: Option<T>) {
        if slot.is_none() {
            *slot = value;
        }
    }
    fill(&mut live.response_id, twin.response_id);
    fill(&mut live.response_model, twin.response_model);
    fill(&mut live.request_model, twin.request_model);
    fill(&mut live.provider, twin.provider);
    fill(&mut live.session_id, twin.session_id);
    fill(&mut live.user_id, twin.user_id);
    fill(&mut live.prompt_name, twin.prompt_name);
    fill(&mut live.prompt_version, twin.prompt_version);
    fill(&mut live.reference, twin.reference);
    fill(&mut live.usage.input_tokens, twin.usage.input_tokens);
    fill(&mut live.usage.output_tokens, twin.usage.output_tokens);
    fill(&mut live.usage.cached_input_tokens, twin.usage.cached_input_tokens);
    fill(&mut live.usage.reasoning_tokens, twin.usage.reasoning_tokens);
    if live.tools.is_empty() {
        live.tools = twin.tools;
    }
    if live.finish_reasons.is_empty() {
        live.finish_reasons = twin.finish_reasons;
    }
    if live.prompt_variables.is_empty() {
        live.prompt_variables = twin.prompt_variables;
    }
    if live.input.is_none() {
        live.input = twin.input;
    }
}

/// Disjoint groups of steps (union-find with path halving).
struct Groups(Vec<usize>);

impl Groups {
    fn new(size: usize) -> Self {
        Self((0..size).collect())
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, one: usize, two: usize) {
        let (one, two) = (self.root(one), self.root(two));
        let (low, high) = (one.min(two), one.max(two));
        self.0[high] = low;
    }

    /// The groups with more than one member, in order.
    fn of(&mut self, members: &[usize]) -> Vec<Vec<usize>> {
        let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
        for &at in members {
            groups.entry(self.root(at)).or_default().push(at);
        }
        let mut groups: Vec<_> = groups.into_values().filter(|group| group.len() > 1).collect();
        groups.sort_unstable();
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::super::trace::assemble;
    use super::*;
    use crate::conventions::testing::{SpanBuilder, span_id, trace_id};
    use crate::model::Span;

    fn chat(id: u16) -> SpanBuilder {
        let start = 100 * u64::from(id);
        SpanBuilder::new("chat").id(id).times(start, start + 50).with("gen_ai.operation.name", "chat")
    }

    fn answer(text: &str) -> String {
        format!(r#"[{{"role":"assistant","parts":[{{"type":"text","content":"{text}"}}]}}]"#)
    }

    fn live(spans: Vec<Span>) -> Vec<SpanId> {
        let trace = assemble(spans, Vec::new());
        trace.steps.iter().filter(|step| step.is_live_generation()).map(|step| step.span_id).collect()
    }

    #[test]
    fn a_vendor_span_inside_an_instrumented_one_is_the_same_call() {
        let outer = chat(1).times(100, 1_000).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        let inner = chat(2).parent(1).with("gen_ai.response.id", "msg_1").build();
        let trace = assemble(vec![outer, inner], Vec::new());
        assert_eq!(trace.steps[1].duplicate_of, Some((trace_id(1), span_id(1))));
        assert_eq!(trace.steps[0].response_id.as_deref(), Some("msg_1"), "the live span takes over the response id");
    }

    #[test]
    fn the_span_with_the_answer_stays_wherever_it_stands() {
        let outer = chat(1).times(100, 1_000).build();
        let http = SpanBuilder::new("POST").id(2).parent(1).build();
        let inner = chat(3).parent(2).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        assert_eq!(live(vec![outer, http, inner]), [span_id(3)]);
    }

    #[test]
    fn a_streamed_call_that_left_three_spans_is_one_call() {
        let outer = chat(1).times(100, 1_000).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        let request = chat(2).parent(1).build();
        let record = chat(3).parent(1).times(400, 400).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        assert_eq!(live(vec![outer, request, record]).len(), 1);
    }

    #[test]
    fn a_streamed_call_outside_any_other_span_is_one_call_too() {
        let request = |id| chat(id).parent(9).with("gen_ai.request.model", "m");
        let record = chat(3).parent(9).times(400, 400).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        assert_eq!(live(vec![request(1).build(), request(2).build(), record]), [span_id(1), span_id(3)]);
    }

    #[test]
    fn both_calls_of_a_fallback_are_calls() {
        let outer = chat(1).times(100, 1_000).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        let failed = chat(2).parent(1).failed("no JSON").build();
        let second = chat(3).parent(1).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        let left = live(vec![outer, failed, second]);
        assert_eq!(left.len(), 2);
        assert!(left.contains(&span_id(2)));
    }

    #[test]
    fn a_wrapper_that_failed_to_read_the_answer_is_no_second_call() {
        let wrapper = || chat(1).times(100, 900).failed("ValueError").build();
        let program = SpanBuilder::new("program").id(2).parent(1).times(110, 890);
        let program = program.with("gen_ai.operation.name", "invoke_agent").build();
        let ended = chat(1).failed("429").build();
        let retry = chat(2).parent(1).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        assert_eq!(live(vec![ended, retry]).len(), 2, "a retry under a context that was not given back");
        let call = |id: u16| chat(id).parent(2).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        assert_eq!(live(vec![wrapper(), program.clone(), call(3)]), [span_id(3)]);
        assert_eq!(live(vec![wrapper(), program.clone(), call(3), call(4)]).len(), 2, "calls inside stay calls");
        assert_eq!(live(vec![wrapper(), program]), [span_id(1)], "a call that failed");
    }

    #[test]
    fn the_next_call_under_a_context_that_was_not_given_back_is_a_call() {
        let first = chat(1).with("gen_ai.output.messages", answer("Yes.").as_str());
        let next = chat(2).parent(1).with("gen_ai.output.messages", answer("No.").as_str());
        assert_eq!(live(vec![first.build(), next.build()]).len(), 2);
        let asked = chat(1).with("gen_ai.response.id", "one").with("gen_ai.output.messages", "[]");
        let next =
            chat(2).parent(1).with("gen_ai.response.id", "two").with("gen_ai.output.messages", answer("No.").as_str());
        assert_eq!(live(vec![asked.build(), next.build()]).len(), 2, "each has a response of its own");
        let late = |text: &str| chat(2).parent(1).with("gen_ai.output.messages", answer(text).as_str()).build();
        let told = || chat(1).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        assert_eq!(live(vec![told(), late("Yes.")]).len(), 1, "the clocks of two machines differ");
        let instant = told();
        let instant = Span { start: 100, end: 100, ..instant };
        let native = chat(2).parent(1).times(100, 100).with("gen_ai.response.id", "one").build();
        assert_eq!(live(vec![instant, native]).len(), 1, "spans without a length");
    }

    #[test]
    fn two_tellings_of_a_failure_beside_each_other_are_one_call() {
        let question = r#"[{"role":"user","parts":[{"type":"text","content":"Why?"}]}]"#;
        let asked = |id| chat(id).parent(9).with("gen_ai.input.messages", question).failed("429");
        let silent = chat(2).parent(9).times(110, 140).failed("rate_limit_error");
        assert_eq!(live(vec![asked(1).build(), silent.build()]), [span_id(1)]);
        assert_eq!(live(vec![asked(1).build(), asked(2).times(110, 140).build()]).len(), 2, "two calls, both asked");
        let later = chat(2).parent(9).failed("rate_limit_error");
        assert_eq!(live(vec![asked(1).build(), later.build()]).len(), 2, "a retry");
    }

    #[test]
    fn a_span_beside_a_call_that_counts_the_same_tokens_and_tells_nothing_is_the_same_call() {
        let tokens = |span: SpanBuilder, input: i64| {
            span.parent(9).with("gen_ai.usage.input_tokens", input).with("gen_ai.usage.output_tokens", 7)
        };
        let told = || tokens(chat(1), 30).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        let native = |input| tokens(chat(2), input).times(110, 140).build();
        assert_eq!(live(vec![told(), native(30)]), [span_id(1)]);
        assert_eq!(live(vec![told(), native(31)]).len(), 2, "another call at the same time");
        let inner = chat(3).parent(2).times(115, 130).with("gen_ai.output.messages", answer("No.").as_str()).build();
        assert_eq!(live(vec![told(), native(30), inner]).len(), 2, "a span around another call");
    }

    #[test]
    fn calls_of_an_agent_inside_a_tool_are_their_own() {
        let outer = chat(1).times(100, 1_000).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        let tool = SpanBuilder::new("t").id(2).parent(1).with("gen_ai.operation.name", "execute_tool").build();
        let inner = chat(3).parent(2).with("gen_ai.output.messages", answer("No.").as_str()).build();
        assert_eq!(live(vec![outer, tool, inner]).len(), 2);
    }

    #[test]
    fn one_response_id_with_two_answers_is_two_calls() {
        let one =
            chat(1).with("gen_ai.response.id", "x").with("gen_ai.output.messages", answer("Yes.").as_str()).build();
        let two =
            chat(2).with("gen_ai.response.id", "x").with("gen_ai.output.messages", answer("No.").as_str()).build();
        assert_eq!(live(vec![one, two]).len(), 2);
    }

    #[test]
    fn a_twin_in_another_trace_is_marked_by_its_response_id() {
        let native = chat(1).trace(2).with("gen_ai.response.id", "msg_1").build();
        let told = chat(1).with("gen_ai.response.id", "msg_1").with("gen_ai.output.messages", answer("Yes.").as_str());
        let mut traces: Vec<_> =
            [native, told.build()].into_iter().map(|span| assemble(vec![span], Vec::new())).collect();
        mark_across(&mut traces);
        assert_eq!(traces[0].steps[0].duplicate_of, Some((trace_id(1), span_id(1))));
        assert!(traces[1].steps[0].is_live_generation());
    }

    #[test]
    fn forged_parents_in_a_circle_end() {
        let one = SpanBuilder::new("a").id(1).parent(2).build();
        let two = SpanBuilder::new("b").id(2).parent(1).build();
        assert!(live(vec![one, two, chat(3).parent(1).build(), chat(4).parent(2).build()]).len() <= 2);
    }
}
