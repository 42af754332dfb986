//! Whether a stored subject is judged now, and with which probability it would have been.
//!
//! A trace has one number `u`, uniform in [0, 1), and was stored because `u < g`: `g` is the rate of the prefilter, a function
//! of the trace's attributes and the configuration of that day, and never of `u`. Samplers upstream let it come that far
//! with the probability `π`. Let `k ≤ g` be a rate that is recorded with the trace. A backfill at the rate `r` judges
//! what has `u < min(r, k)`. As `min(r, k) ≤ g`, every such trace is in the store, so that
//!
//! ```text
//! P(judged) = π · P(u < min(r, k) and u < g) = π · min(r, k)
//! ```
//!
//! exactly, also where `k` is smaller than `g`: a bound that is too low costs subjects, never truth.
//!
//! The same version may have judged the past at another rate `q` before, in the way of all spans or by a backfill, with
//! the same `u`. What is judged after both is the union `u < q or u < min(r, k)`, which is `u < max(q, min(r, k))`: the
//! draws nest. So the probability of *every* evaluation in range, also of one that was scored long ago, becomes
//! `π · max(q, min(r, k))`. Left at `π · q`, the earlier scores would weigh for subjects that now have scores of their own.

use crate::model::{Outcome, Probability};
use crate::pipeline::assembly;
use crate::rubrics::Rubric;
use crate::store::PastSubject;

/// Retention came first.
const CONTENT_EXPIRED: &str = "content_expired";
/// Nothing recorded tells with which probability the trace was kept, and a score without it could not be weighed.
const RATE_UNKNOWN: &str = "rate_unknown";

/// What a backfill decides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    pub(super) probability: Probability,
}

/// Decides about one subject at the rate `rate`. What is decided already keeps its outcome.
pub(super) fn decide(past: &PastSubject, rubric: &Rubric, rate: Probability, judge_cut: bool) -> Decision {
    let drawn_at = past.rate.map(|kept| smaller(rate, kept));
    let probability = drawn_at.unwrap_or(rate).and(past.upstream);
    let before = past.decided.map_or(Probability::ZERO, |(_, before)| before);
    let (outcome, reason) = match (past.decided, drawn_at) {
        (Some((Outcome::SampledOut, _)), Some(rate)) if past.u < rate.get() => judged_if_content(past),
        (Some((Outcome::Expired, _)), _) => judged_if_content(past),
        (Some((decided, _)), _) => (decided, None),
        (None, None) => filtered(RATE_UNKNOWN),
        (None, Some(rate)) => first_decision(past, rubric, rate, judge_cut),
    };
    Decision { outcome, reason, probability: if before < probability { probability } else { before } }
}

fn judged_if_content(past: &PastSubject) -> (Outcome, Option<String>) {
    if past.content_kept { (Outcome::Pending, None) } else { filtered(CONTENT_EXPIRED) }
}

/// The decision that assembly makes, as far as the content it is made from is still there.
fn first_decision(
    past: &PastSubject,
    rubric: &Rubric,
    rate: Probability,
    judge_cut: bool,
) -> (Outcome, Option<String>) {
    if past.content_kept || past.subject.unjudgeable.is_some() || !rubric.applies_to(&past.subject) {
        assembly::decide(&past.subject, rubric, past.u, rate, judge_cut)
    } else {
        filtered(CONTENT_EXPIRED)
    }
}

fn filtered(reason: &str) -> (Outcome, Option<String>) {
    (Outcome::Filtered, Some(reason.to_owned()))
}

fn smaller(left: Probability, right: Probability) -> Probability {
    if right < left { right } else { left }
}
