//! Spans around spans: the same call told twice, a wrapper of a call, or the next call under a context that leaked.

use std::collections::{HashMap, HashSet};

use super::same_call::{response_id, same_call};
use crate::model::{SpanId, Step, StepKind};
use crate::statistics::Groups;

/// A generation inside a generation is the same call, told by somebody nearer to the wire.
pub(super) fn join_by_nesting(steps: &[Step], generations: &[usize], outer: &[Option<usize>], groups: &mut Groups) {
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

/// A span that failed and tells neither an answer nor tokens wrapped the call that is found somewhere inside it, also by
/// its time: what failed was reading the answer.
pub(super) fn join_failed_wrappers(steps: &[Step], generations: &[usize], groups: &mut Groups) {
    /// Frameworks wrap a call in a handful of spans.
    const MAX_LEVELS: usize = 8;
    let is_wrapper = |step: &Step| {
        step.error.is_some()
            && step.output.is_none()
            && step.usage.input_tokens.is_none()
            && response_id(step).is_none()
    };
    if !generations.iter().any(|at| is_wrapper(&steps[*at])) {
        return;
    }
    let answered: HashSet<usize> =
        generations.iter().filter(|at| steps[**at].output.is_some()).map(|at| groups.root(*at)).collect();
    let mut wrappers: HashMap<SpanId, usize> = generations
        .iter()
        .filter(|at| is_wrapper(&steps[**at]) && !answered.contains(&groups.root(**at)))
        .map(|at| (steps[*at].span_id, *at))
        .collect();
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

/// For each step the generation around it, looking through plain spans (HTTP clients) but not through tools or agents.
pub(super) fn enclosing_generations(steps: &[Step]) -> Vec<Option<usize>> {
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
