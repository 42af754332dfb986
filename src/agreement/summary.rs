//! What the numbers say, in a sentence that a reader can act on.

use crate::statistics::{Estimate, Interval};

use super::coefficient::Coefficient;
use super::comparison::Comparison;
use super::confusion::Class;
use super::scale::{Kind, LabelScale};

/// One or two sentences about a judge.
pub(super) fn summary(scale: &LabelScale, comparison: &Comparison) -> String {
    if comparison.pairs == 0 {
        return "nothing to say: no item has both a human label and a verdict on the scale".to_owned();
    }
    let mut sentences = match scale.kind() {
        Kind::Binary => binary(comparison),
        Kind::Nominal => nominal(comparison),
        Kind::Ordinal => graded(comparison, "level"),
        Kind::Numeric => graded(comparison, "point"),
    };
    sentences.extend(against_majority(comparison));
    sentences.join("; ")
}

/// The weaker of the two classes first: what the judge misses is what it was hired to find.
fn binary(comparison: &Comparison) -> Vec<String> {
    let mut classes: Vec<&Class> = comparison.classes.iter().filter(|class| class.recall.value().is_some()).collect();
    classes.sort_by(|a, b| a.recall.value().partial_cmp(&b.recall.value()).unwrap_or(std::cmp::Ordering::Equal));
    let rate = |class: &Class| {
        let label = &class.label;
        match class.recall.value() {
            Some(value) if value < 1.0 => {
                format!(
                    "the judge misses {} answers that humans call {label}: TPR of {label} {}",
                    missed(class),
                    shown(class.recall)
                )
            }
            _ => {
                format!("the judge finds every answer that humans call {label}: TPR of {label} {}", shown(class.recall))
            }
        }
    };
    let mut sentences: Vec<String> = classes.into_iter().map(rate).collect();
    for class in comparison.classes.iter().filter(|class| class.human == 0) {
        sentences.push(format!("no human label is {}, so nothing is known about finding it", class.label));
    }
    sentences
}

fn nominal(comparison: &Comparison) -> Vec<String> {
    let used = comparison.classes.iter().filter(|class| class.human > 0);
    let worst =
        used.min_by(|a, b| a.recall.value().partial_cmp(&b.recall.value()).unwrap_or(std::cmp::Ordering::Equal));
    let agreement = comparison.coefficients.get(Coefficient::RawAgreement);
    let mut sentences = vec![format!("the judge agrees with the humans on {} of items", shown(agreement))];
    if let Some(class) = worst.filter(|class| class.recall.value().is_some_and(|recall| recall < 1.0)) {
        let (label, missed) = (&class.label, missed(class));
        sentences.push(format!("it is weakest on {label}: it misses {missed}, TPR {}", shown(class.recall)));
    }
    sentences
}

fn graded(comparison: &Comparison, unit: &str) -> Vec<String> {
    let bias = comparison.coefficients.get(Coefficient::Bias);
    let mae = comparison.coefficients.get(Coefficient::Mae);
    let ranks = comparison.coefficients.get(Coefficient::Spearman);
    let mut sentences = vec![format!("the judge is off by {} {unit}s on average", shown(mae))];
    match bias.interval() {
        Some(Interval { low, .. }) if low > 0.0 => sentences.push(format!("it is lenient by {}", shown(bias))),
        Some(Interval { low, high }) if high < 0.0 => {
            let harshness = Estimate::Interval(-bias.value().unwrap_or(0.0), Interval { low: -high, high: -low });
            sentences.push(format!("it is harsh by {}", shown(harshness)));
        }
        Some(_) => sentences.push(format!("no bias can be told from 0: {}", shown(bias))),
        None => sentences.push(format!("its bias is {}", shown(bias))),
    }
    sentences.push(format!("it ranks items like the humans do to a degree of {}", shown(ranks)));
    sentences
}

/// A judge must beat the one that always says the commonest thing.
fn against_majority(comparison: &Comparison) -> Option<String> {
    let majority = comparison.majority_class.as_ref()?;
    let bar = majority.raw_agreement.value()?;
    let agreement = comparison.coefficients.get(Coefficient::RawAgreement);
    let label = &majority.label;
    match agreement.interval() {
        _ if agreement.value()? <= bar => Some(format!(
            "its agreement {} is no better than always saying {label}, which gets {bar:.2}",
            shown(agreement)
        )),
        Some(interval) if interval.low <= bar => Some(format!(
            "its agreement {} cannot be told from always saying {label}, which gets {bar:.2}",
            shown(agreement)
        )),
        _ => None,
    }
}

/// `2 of 12`: counts, whatever the items weigh.
fn missed(class: &Class) -> String {
    format!("{} of {}", class.human - class.agreed, class.human)
}

/// `0.61 [0.44, 0.76]`, or `0.61 (why there is no interval)`.
pub fn shown(estimate: Estimate) -> String {
    match estimate {
        Estimate::Interval(value, Interval { low, high }) => {
            // As many decimals as the interval's width gives a meaning.
            let decimals = match high - low {
                width if width < 0.002 => 4,
                width if width < 0.02 => 3,
                _ => 2,
            };
            let [value, low, high] = [value, low, high].map(|number| rounded(number, decimals));
            format!("{value} [{low}, {high}]")
        }
        Estimate::Bare(value, reason) => format!("{} ({reason})", rounded(value, 2)),
        Estimate::Undefined(reason) => format!("- ({reason})"),
    }
}

/// No minus before a zero.
fn rounded(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.starts_with('-') && text.chars().all(|digit| matches!(digit, '-' | '0' | '.')) {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Reason;

    #[test]
    fn a_number_is_shown_with_its_interval_or_the_reason() {
        assert_eq!(shown(Estimate::Interval(0.614, Interval { low: -0.001, high: 0.759 })), "0.61 [0.00, 0.76]");
        assert_eq!(shown(Estimate::Interval(0.6143, Interval { low: 0.61, high: 0.619 })), "0.614 [0.610, 0.619]");
        assert!(shown(Estimate::Bare(1.0, Reason::PerfectAgreement)).starts_with("1.00 (no disagreement"));
        assert_eq!(shown(Reason::NoPairs.into()), "- (no pair of labels to compare)");
    }
}
