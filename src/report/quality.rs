//! The share of good answers: what the judge's scores say, corrected by human labels.

use std::collections::HashSet;

use super::data::QualityReport;
use super::pairing::Pairs;
use super::scores::Scored;
use super::weighing::Observations;
use crate::statistics::distribution::two_sided_z;
use crate::statistics::ppi::{MIN_LABELS, MIN_MINORITY, Method, ppi_mean, quality_rate};
use crate::statistics::survey::{Design, MIN_EFFECTIVE, hajek_mean};
use crate::statistics::{CONFIDENCE, Estimate, Interval, Reason};

/// PPI++ behind its gate, else the labels alone; weighted where items were drawn with different probabilities.
pub(super) fn report(scored: &[Scored<'_>], drawn: &Pairs<'_>) -> QualityReport {
    let labelled: HashSet<_> = drawn.items.iter().map(|pair| pair.evaluation.id).collect();
    let unlabelled: Vec<&Scored<'_>> =
        scored.iter().filter(|scored| !labelled.contains(&scored.evaluation.id) && scored.value().is_some()).collect();
    let items: Vec<Labelled> = drawn
        .items
        .iter()
        .filter_map(|pair| Some(Labelled { good: pair.human.pass?, score: pair.judge.value?, weight: pair.weight }))
        .collect();
    let equally_drawn = equal(items.iter().map(|item| item.weight))
        && equal(scored.iter().map(|scored| scored.evaluation.inclusion_probability.get()));
    let labels = items.len() as u64;
    if equally_drawn {
        let good: Vec<bool> = items.iter().map(|item| item.good).collect();
        let scores: Vec<f64> = items.iter().map(|item| item.score).collect();
        let others: Vec<f64> = unlabelled.iter().filter_map(|scored| scored.value()).collect();
        let quality = quality_rate(&good, &scores, &others);
        return QualityReport { rate: quality.rate, method: quality.method, lambda: quality.lambda, labels };
    }
    weighted(&items, &unlabelled, labels)
}

fn equal(mut numbers: impl Iterator<Item = f64>) -> bool {
    let first = numbers.next().unwrap_or(1.0);
    numbers.all(|number| (number - first).abs() < 1e-9 * first.abs().max(1.0))
}

struct Labelled {
    good: bool,
    score: f64,
    weight: f64,
}

/// The difference estimator with every mean a Hájek mean: mean of `y - λ f` over labels plus λ times that of `f` over the
/// unlabelled. Any λ is unbiased; the tuned one of the unweighted sample is near the best.
fn weighted(items: &[Labelled], unlabelled: &[&Scored<'_>], labels: u64) -> QualityReport {
    // Hájek's mean needs weights up to a factor only: a probability that is inversely proportional to the weight.
    let lightest = items.iter().map(|item| item.weight).filter(|weight| *weight > 0.0).fold(f64::MAX, f64::min);
    let probability: Vec<f64> = items.iter().map(|item| lightest / item.weight).collect();
    let y: Vec<f64> = items.iter().map(|item| f64::from(u8::from(item.good))).collect();
    let scores: Vec<f64> = items.iter().map(|item| item.score).collect();

    let good = items.iter().filter(|item| item.good).count();
    let gate = items.len() >= MIN_LABELS && good.min(items.len() - good) >= MIN_MINORITY;
    let mut others = Observations::default();
    for scored in unlabelled {
        if let Some(value) = scored.value() {
            others.push(value, scored.evaluation.inclusion_probability.get(), scored.evaluation.session_id.as_deref());
        }
    }
    if gate && others.effective() >= MIN_EFFECTIVE {
        let powered = ppi_mean(&y, &scores, &others.y).and_then(|tuned| {
            let lambda = tuned.lambda;
            let rectified: Vec<f64> = y.iter().zip(&scores).map(|(y, f)| y - lambda * f).collect();
            let own = hajek_mean(&rectified, &probability, Design::Independent)?;
            let theirs = hajek_mean(&others.y, &others.probability, Design::Independent)?;
            let error = own.standard_error.hypot(lambda * theirs.standard_error);
            let mean = own.value + lambda * theirs.value;
            let interval = Interval::around(mean, two_sided_z(CONFIDENCE) * error).clamped(0.0, 1.0);
            Ok((Estimate::new(Ok(mean.clamp(0.0, 1.0)), Ok(interval)), lambda))
        });
        if let Ok((rate, lambda)) = powered {
            return QualityReport { rate, method: Method::PredictionPowered, lambda: Some(lambda), labels };
        }
    }
    let mut alone = Observations::default();
    for (y, p) in y.iter().zip(&probability) {
        alone.push(*y, *p, None);
    }
    let rate = if items.is_empty() { Reason::NoPairs.into() } else { alone.share() };
    QualityReport { rate, method: Method::LabelsOnly, lambda: None, labels }
}
