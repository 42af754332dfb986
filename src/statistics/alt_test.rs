//! The alternative-annotator test: may the judge stand in for an annotator? (Calderon, Reichart, Dror 2025)
//!
//! Each annotator in turn is left out; on the items they labelled, the judge and they are compared by how well each
//! agrees with the remaining annotators.

use super::Reason;
use super::distribution::student_t_cdf;
use super::multiplicity::benjamini_yekutieli;

/// The level of the Benjamini–Yekutieli procedure over annotators.
const FALSE_DISCOVERY_RATE: f64 = 0.05;
/// Annotators needed.
pub const MIN_ANNOTATORS: usize = 3;
/// Items needed for each of them.
const MIN_ITEMS: usize = 30;

/// How two labels agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alignment {
    /// The share of other annotators with the same label.
    Accuracy,
    /// Minus the root mean squared difference to the other annotators.
    NegativeRmse,
}

/// One item: the label of each annotator, in a fixed order of annotators, and the judge's.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Label of each annotator; `None` where they gave none.
    pub humans: Vec<Option<f64>>,
    /// The judge's label.
    pub judge: f64,
}

/// What the test found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AltTest {
    /// Share of annotators against whom the judge's disadvantage is significantly below `epsilon`.
    pub winning_rate: f64,
    /// Whether that is at least half of them.
    pub passed: bool,
    /// Mean probability that the judge is at least as well aligned as the annotator.
    pub advantage_probability: f64,
    /// The advantage that is granted to a human for the cost they cause: 0.2 expert, 0.15 skilled, 0.1 crowd.
    pub epsilon: f64,
    /// Items compared, by annotator.
    pub items: Vec<usize>,
    /// Benjamini–Yekutieli adjusted p-values, by annotator.
    pub p_adjusted: Vec<f64>,
}

/// Runs the test with the cost-benefit penalty `epsilon`.
///
/// [`Reason::TooFewAnnotators`] below three; [`Reason::TooFew`] when one of them has fewer than 30 items in common
/// with another. An annotator without variance of differences is decided by the mean (p = 0 or 1).
pub fn alt_test(items: &[Item], alignment: Alignment, epsilon: f64) -> Result<AltTest, Reason> {
    let annotators = items.iter().map(|item| item.humans.len()).max().unwrap_or(0);
    let labelled = |annotator: usize| items.iter().any(|item| item.humans.get(annotator).is_some_and(Option::is_some));
    let active: Vec<usize> = (0..annotators).filter(|&annotator| labelled(annotator)).collect();
    if active.len() < MIN_ANNOTATORS {
        return Err(Reason::TooFewAnnotators);
    }
    let comparisons: Vec<Vec<(f64, f64)>> =
        active.iter().map(|&left_out| compare(items, left_out, alignment)).collect();
    if comparisons.iter().any(|wins| wins.len() < MIN_ITEMS) {
        return Err(Reason::TooFew);
    }
    let p: Vec<f64> = comparisons.iter().map(|wins| p_value(wins, epsilon)).collect();
    let p_adjusted = benjamini_yekutieli(&p);
    let won = p_adjusted.iter().filter(|&&p| p < FALSE_DISCOVERY_RATE).count();
    let winning_rate = won as f64 / active.len() as f64;
    let mean_win = |wins: &Vec<(f64, f64)>| wins.iter().map(|win| win.0).sum::<f64>() / wins.len() as f64;
    Ok(AltTest {
        winning_rate,
        passed: winning_rate >= 0.5,
        advantage_probability: comparisons.iter().map(mean_win).sum::<f64>() / active.len() as f64,
        epsilon,
        items: comparisons.iter().map(Vec::len).collect(),
        p_adjusted,
    })
}

/// (judge at least as good, annotator at least as good) on each item that the annotator and another labelled.
fn compare(items: &[Item], left_out: usize, alignment: Alignment) -> Vec<(f64, f64)> {
    items
        .iter()
        .filter_map(|item| {
            let own = item.humans.get(left_out).copied().flatten()?;
            let others: Vec<f64> = item
                .humans
                .iter()
                .enumerate()
                .filter(|(annotator, _)| *annotator != left_out)
                .filter_map(|(_, label)| *label)
                .collect();
            if others.is_empty() {
                return None;
            }
            let (judge, human) = (score(item.judge, &others, alignment), score(own, &others, alignment));
            Some((f64::from(judge >= human), f64::from(human >= judge)))
        })
        .collect()
}

fn score(label: f64, others: &[f64], alignment: Alignment) -> f64 {
    let mean = |value: &dyn Fn(f64) -> f64| others.iter().map(|&other| value(other)).sum::<f64>() / others.len() as f64;
    match alignment {
        Alignment::Accuracy => mean(&|other| f64::from(other == label)),
        Alignment::NegativeRmse => -mean(&|other| (other - label).powi(2)).sqrt(),
    }
}

/// One-sided one-sample t-test of mean(human wins - judge wins) < epsilon.
fn p_value(wins: &[(f64, f64)], epsilon: f64) -> f64 {
    let n = wins.len() as f64;
    let differences = wins.iter().map(|(judge, human)| human - judge);
    let mean = differences.clone().sum::<f64>() / n;
    let variance = differences.map(|difference| (difference - mean).powi(2)).sum::<f64>() / (n - 1.0);
    if variance <= 0.0 {
        return f64::from(mean >= epsilon);
    }
    student_t_cdf((mean - epsilon) / (variance / n).sqrt(), n - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 items; three annotators who each miss every tenth item, at different places.
    fn items(judge: impl Fn(usize) -> f64) -> Vec<Item> {
        let truth = |index: usize| f64::from(u8::from(index.is_multiple_of(3)));
        let human = |index: usize, annotator: usize| {
            let slips = index % 10 == annotator;
            Some(if slips { 1.0 - truth(index) } else { truth(index) })
        };
        (0..40)
            .map(|index| Item {
                humans: (0..3).map(|annotator| human(index, annotator)).collect(),
                judge: judge(index),
            })
            .collect()
    }

    #[test]
    fn a_judge_as_good_as_the_annotators_passes() {
        let result =
            alt_test(&items(|index| f64::from(u8::from(index.is_multiple_of(3)))), Alignment::Accuracy, 0.2).unwrap();
        assert!(result.passed);
        assert_eq!(result.winning_rate, 1.0);
        assert_eq!(result.items, [40, 40, 40]);
    }

    #[test]
    fn a_judge_that_always_says_no_fails() {
        let result = alt_test(&items(|_| 0.0), Alignment::Accuracy, 0.1).unwrap();
        assert!(!result.passed);
    }

    #[test]
    fn two_annotators_or_few_items_are_not_enough() {
        let few = items(|_| 0.0);
        assert_eq!(alt_test(&few[..20], Alignment::Accuracy, 0.2), Err(Reason::TooFew));
        let two: Vec<Item> =
            few.iter().map(|item| Item { humans: item.humans[..2].to_vec(), judge: item.judge }).collect();
        assert_eq!(alt_test(&two, Alignment::NegativeRmse, 0.2), Err(Reason::TooFewAnnotators));
    }
}
