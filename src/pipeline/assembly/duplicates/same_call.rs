//! What tells that two steps are one call.

use crate::conventions::answer_text;
use crate::model::Step;

/// The id that the provider gave the response; one that was masked on its way may be any call's.
pub(super) fn response_id(step: &Step) -> Option<&str> {
    step.response_id.as_deref().filter(|id| !id.is_empty() && !id.contains("**"))
}

/// Two different answers under one id (a gateway that hands out constant ids) are two calls.
pub(super) fn same_call(one: &Step, two: &Step) -> bool {
    let text = |step: &Step| step.output.as_deref().and_then(answer_text).filter(|text| !text.trim().is_empty());
    match (text(one), text(two)) {
        (Some(one), Some(two)) => one.trim() == two.trim() || one.contains(two.trim()) || two.contains(one.trim()),
        _ => true,
    }
}
