//! One call, one generation: spans that tell the same model call again are marked, never counted twice.
//!
//! Two instrumentations of one call give nested spans (a vendor SDK's own span inside a framework's), or spans with the
//! same response id, sometimes in different traces. Of each such group the span that says most stays live.

mod nested_spans;
mod same_call;
mod sibling_spans;
#[cfg(test)]
mod tests;
mod tool_calls;

use std::cmp::Reverse;
use std::collections::HashMap;

use nested_spans::{enclosing_generations, join_by_nesting, join_failed_wrappers};
use same_call::{response_id, same_call};
use sibling_spans::{join_silent, join_streamed};

pub(crate) use tool_calls::mark_tools;

use super::assembled_trace::AssembledTrace;
use crate::conventions::{is_provider_body, weight};
use crate::model::{CutPart, CutParts, Message, SpanId, Step, StepKind, TraceId};
use crate::statistics::Groups;

/// Marks the duplicates among the steps of one trace; the live span of a group takes over what only its twins know.
pub(crate) fn mark(steps: &mut [Step]) {
    let generations: Vec<usize> = (0..steps.len()).filter(|at| steps[*at].kind == StepKind::Generation).collect();
    if generations.len() < 2 {
        return;
    }
    let mut groups = Groups::new(steps.len());
    let outer = enclosing_generations(steps);
    join_by_response(steps, &generations, &mut groups);
    join_streamed(steps, &generations, &mut groups);
    join_silent(steps, &generations, &outer, &mut groups);
    join_by_nesting(steps, &generations, &outer, &mut groups);
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

/// How much a span says of its call; the larger stays live. What the provider sent stays behind what the client received.
fn says(step: &Step) -> (bool, bool, bool, usize, usize) {
    let said = |messages: &Option<Vec<Message>>| messages.as_deref().map_or(0, weight);
    let received = !is_provider_body(step);
    (step.output.is_some(), step.error.is_some(), received, said(&step.output), said(&step.input) + step.tools.len())
}

fn settle(steps: &mut [Step], group: &[usize]) {
    let Some(live) = group.iter().copied().max_by_key(|at| (says(&steps[*at]), Reverse(*at))) else { return };
    let target = (steps[live].trace_id, steps[live].span_id);
    for &at in group.iter().filter(|at| **at != live) {
        let twin = steps[at].clone();
        if is_provider_body(&twin) {
            count_as_told(&mut steps[live], &twin);
        }
        inherit(&mut steps[live], twin);
        steps[at].duplicate_of = Some(target);
    }
}

/// The model and the tokens that the provider itself told, instead of those that a gateway counted.
fn count_as_told(live: &mut Step, provider: &Step) {
    if provider.response_model.is_some() {
        live.response_model.clone_from(&provider.response_model);
    }
    let told = provider.usage;
    live.usage.input_tokens = told.input_tokens.or(live.usage.input_tokens);
    live.usage.output_tokens = told.output_tokens.or(live.usage.output_tokens);
    live.usage.cached_input_tokens = told.cached_input_tokens.or(live.usage.cached_input_tokens);
    live.usage.reasoning_tokens = told.reasoning_tokens.or(live.usage.reasoning_tokens);
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
        let lost = |step: CutParts| CutParts::of(CutPart::Input, step.contains(CutPart::Input));
        live.cut = live.cut.without(CutPart::Input) | lost(twin.cut);
    }
}
