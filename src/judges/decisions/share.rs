//! What one call used up, shared among the rubrics that it judged by: the state in equal parts, and to each its own question.
//! Pure.

use super::question::Question;
use crate::judges::request::{JudgeUsage, Spent};

/// The part of every question, adding up to 1.
pub(super) fn of_questions(state_bytes: usize, questions: &[Question<'_>]) -> Vec<f64> {
    let equal = state_bytes as f64 / questions.len().max(1) as f64;
    let sizes: Vec<f64> = questions.iter().map(|question| equal + question.size() as f64).collect();
    let sum: f64 = sizes.iter().sum();
    sizes.iter().map(|size| size / sum).collect()
}

/// Every rubric's part of `spent`; tokens are whole, and add up exactly. Each says that it took as many calls as there were.
pub(super) fn split(spent: &Spent, shares: &[f64]) -> Vec<Spent> {
    let usage = &spent.usage;
    let counts = [usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_input_tokens]
        .map(|count| count.map(|count| whole(count, shares)));
    let part = |counts: &Option<Vec<i64>>, index: usize| counts.as_ref().and_then(|parts| parts.get(index).copied());
    shares
        .iter()
        .enumerate()
        .map(|(index, share)| Spent {
            model: spent.model.clone(),
            usage: JudgeUsage {
                input_tokens: part(&counts[0], index),
                output_tokens: part(&counts[1], index),
                cached_input_tokens: part(&counts[2], index),
                cache_write_input_tokens: part(&counts[3], index),
            },
            cost_usd: spent.cost_usd.map(|cost| cost * share),
            calls: spent.calls,
        })
        .collect()
}

/// `count` in whole parts that add up to it, each within one of its share.
fn whole(count: i64, shares: &[f64]) -> Vec<i64> {
    crate::model::whole_parts(count, shares)
}
