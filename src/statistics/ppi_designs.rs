//! Prediction-powered means where labels were not a simple random draw: strata, conversations, unequal probabilities.

use std::collections::BTreeMap;

use super::Reason;
use super::ppi::{PpiMean, Tuning, covariance, mean, ppi_mean, variance};

/// One judged subject: its score, and its label if it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The human label.
    pub label: Option<f64>,
    /// The judge's score.
    pub score: f64,
}

/// Stratified PPI++: one mean and tuning for each stratum, joined by the share of subjects in it.
///
/// Each stratum needs two labelled and two unlabelled subjects.
pub fn stratified(subjects: &[Judged], strata: &[usize], tuning: Tuning) -> Result<PpiMean, Reason> {
    if subjects.len() != strata.len() {
        return Err(Reason::InvalidInput);
    }
    let mut members: BTreeMap<usize, Vec<Judged>> = BTreeMap::new();
    for (subject, stratum) in subjects.iter().zip(strata) {
        members.entry(*stratum).or_default().push(*subject);
    }
    if members.is_empty() {
        return Err(Reason::NoPairs);
    }
    let mut joined = PpiMean { mean: 0.0, standard_error: 0.0, lambda: 0.0 };
    let mut variance = 0.0;
    for stratum in members.values() {
        let share = stratum.len() as f64 / subjects.len() as f64;
        let (labels, scores, unlabelled) = split(stratum);
        let part = ppi_mean(&labels, &scores, &unlabelled, tuning)?;
        joined.mean += share * part.mean;
        joined.lambda += share * part.lambda;
        variance += (share * part.standard_error).powi(2);
    }
    Ok(PpiMean { standard_error: variance.sqrt(), ..joined })
}

/// PPI++ over conversations: the means of whole conversations are the observations, so that labels of one conversation
/// do not count as independent. A conversation is labelled when all its subjects are; partly labelled ones are refused.
pub fn clustered(subjects: &[Judged], conversations: &[usize], tuning: Tuning) -> Result<PpiMean, Reason> {
    if subjects.len() != conversations.len() {
        return Err(Reason::InvalidInput);
    }
    let mut members: BTreeMap<usize, Vec<Judged>> = BTreeMap::new();
    for (subject, conversation) in subjects.iter().zip(conversations) {
        members.entry(*conversation).or_default().push(*subject);
    }
    let (mut labels, mut scores, mut unlabelled) = (Vec::new(), Vec::new(), Vec::new());
    for conversation in members.values() {
        let (own_labels, own_scores, own_unlabelled) = split(conversation);
        match (own_labels.is_empty(), own_unlabelled.is_empty()) {
            (false, true) => {
                labels.push(mean(&own_labels));
                scores.push(mean(&own_scores));
            }
            (true, false) => unlabelled.push(mean(&own_unlabelled)),
            _ => return Err(Reason::InvalidInput),
        }
    }
    ppi_mean(&labels, &scores, &unlabelled, tuning)
}

/// Active inference (augmented inverse probability weighting): subjects were labelled with recorded probabilities.
///
/// `mean_i [λ f_i + ξ_i (y_i - λ f_i) / p_i]`, standard error `sd / √n`; tuned `λ = cov(a, b) / var a`,
/// `a = f (ξ/p - 1)`, `b = y ξ / p`, clipped to [0, 1] (Zrnic and Candès 2024).
pub fn active(subjects: &[Judged], probability: &[f64], tuning: Tuning) -> Result<PpiMean, Reason> {
    let valid = probability.iter().all(|p| *p > 0.0 && *p <= 1.0);
    if subjects.len() != probability.len() || !valid || subjects.iter().any(|subject| !subject.score.is_finite()) {
        return Err(Reason::InvalidInput);
    }
    if subjects.len() < 2 {
        return Err(if subjects.is_empty() { Reason::NoPairs } else { Reason::TooFew });
    }
    let weight = |subject: &Judged, p: f64| if subject.label.is_some() { 1.0 / p } else { 0.0 };
    let drawn = || subjects.iter().zip(probability.iter().copied());
    let lambda = match tuning {
        Tuning::Fixed(lambda) => lambda,
        Tuning::Tuned => {
            let a: Vec<f64> = drawn().map(|(subject, p)| subject.score * (weight(subject, p) - 1.0)).collect();
            let b: Vec<f64> = drawn().map(|(subject, p)| subject.label.unwrap_or(0.0) * weight(subject, p)).collect();
            let spread = variance(&a);
            if spread > 0.0 { (covariance(&a, &b) / spread).clamp(0.0, 1.0) } else { 0.0 }
        }
    };
    let rectified: Vec<f64> = drawn()
        .map(|(subject, p)| {
            let proxy = lambda * subject.score;
            proxy + weight(subject, p) * (subject.label.unwrap_or(0.0) - proxy)
        })
        .collect();
    let standard_error = (variance(&rectified) / rectified.len() as f64).sqrt();
    Ok(PpiMean { mean: mean(&rectified), standard_error, lambda })
}

/// (labels, their scores, scores of the unlabelled).
fn split(subjects: &[Judged]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (mut labels, mut scores, mut unlabelled) = (Vec::new(), Vec::new(), Vec::new());
    for subject in subjects {
        match subject.label {
            Some(label) => {
                labels.push(label);
                scores.push(subject.score);
            }
            None => unlabelled.push(subject.score),
        }
    }
    (labels, scores, unlabelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partly_labelled_conversation_is_refused() {
        let subjects = [Judged { label: Some(1.0), score: 1.0 }, Judged { label: None, score: 1.0 }];
        assert_eq!(clustered(&subjects, &[7, 7], Tuning::Tuned), Err(Reason::InvalidInput));
    }

    #[test]
    fn labelling_everything_with_certainty_is_the_mean_of_the_labels() {
        let subjects = [1.0, 0.0, 1.0, 1.0].map(|label| Judged { label: Some(label), score: 0.3 });
        let estimate = active(&subjects, &[1.0; 4], Tuning::Fixed(1.0)).unwrap();
        assert!((estimate.mean - 0.75).abs() < 1e-12);
    }
}
