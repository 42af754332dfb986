//! The offline judge: compares words, and nothing else. Deterministic, instant, free.
//!
//! It makes the first run need no key, and is the bar that a real judge must clear: whatever it gets right needs no
//! model. It knows no negation, no paraphrase and no fact. What it measures follows from the rubric's name
//! (`docs/judges.md` has the table); for anything else, and where the material is missing, it abstains, also under a
//! rubric that does not provide for it, because it never guesses. Good is high: the measure is spread evenly over the
//! scale's levels, the highest being the best.

mod lexical_metrics;
mod lexicon;
mod tokens;

use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Scale, Score, Verdict};

use super::request::{JudgeReply, JudgeRequest, JudgeUsage};

/// The name under which its scores form a series; changes with every change of what it says.
pub const MODEL: &str = "judged-baseline-1";

/// Judges by words.
pub fn judge(request: &JudgeRequest<'_>) -> JudgeReply {
    let started = Instant::now();
    let verdict = verdict(request);
    JudgeReply {
        verdict,
        distribution: None,
        shown_hash: None,
        model: Some(MODEL.to_owned()),
        fingerprint: None,
        usage: JudgeUsage::default(),
        cost_usd: Some(0.0),
        latency: started.elapsed().max(Duration::from_nanos(1)),
        calls: 0,
    }
}

fn verdict(request: &JudgeRequest<'_>) -> Verdict {
    let measured = match lexical_metrics::measure(request.rubric, request.content) {
        Ok(measured) => measured,
        Err(reason) => return Verdict::Abstained { rationale: format!("Lexical baseline: {reason}.") },
    };
    match spread(request.scale, measured.value) {
        Some(score) => Verdict::Scored { score, rationale: format!("Lexical baseline: {}", measured.reason) },
        None => Verdict::Abstained {
            rationale: format!(
                "Lexical baseline: the labels have no order to place {:.2} on. {}",
                measured.value, measured.reason
            ),
        },
    }
}

/// Places a value in [0, 1] on the scale, the levels evenly spaced.
fn spread(scale: &Scale, value: f64) -> Option<Score> {
    match scale {
        Scale::Binary { .. } => Score::of_number(scale, f64::from(u8::from(value >= 0.5))),
        Scale::Ordinal { levels, .. } => {
            let index = (value * (levels.len() - 1) as f64).round() as usize;
            Score::of_number(scale, levels.get(index)?.0 as f64)
        }
        Scale::Numeric { min, max, .. } => Score::of_number(scale, (min + value * (max - min)).clamp(*min, *max)),
        // Only where exactly one label is meant by "good" or by "bad".
        Scale::Categorical { labels, pass } => {
            let good = value >= 0.5;
            let mut meant = labels.iter().filter(|(label, _)| pass.contains(label) == good);
            match (meant.next(), meant.next()) {
                (Some((label, _)), None) if !pass.is_empty() => Score::of_label(scale, label),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
