//! Spans beside each other under one parent that tell one call.

use std::collections::{HashMap, HashSet};

use super::same_call::response_id;
use crate::model::{SpanId, Step};
use crate::statistics::Groups;

/// Of two instrumentations beside each other under one parent, one may tell neither what was asked nor what was
/// answered nor a response id. It is the same call if its time lies in the other's (or the other way round) and both
/// failed, or both count the same tokens.
pub(super) fn join_silent(steps: &[Step], generations: &[usize], outer: &[Option<usize>], groups: &mut Groups) {
    let is_silent = |step: &Step| step.input.is_none() && step.output.is_none() && response_id(step).is_none();
    // A span around another call belongs to that one.
    let encloses: HashSet<usize> = generations.iter().filter_map(|at| outer[*at]).collect();
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

/// The request span of a streamed call ends before the answer is there; what the stream added up to stands in an
/// instant record beside it, with the same input.
pub(super) fn join_streamed(steps: &[Step], generations: &[usize], groups: &mut Groups) {
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
