//! How both sides use the categories of a scale.

use serde::Serialize;

use super::intervals::{Counted, Evidence};
use super::pairs::Pair;
use super::scale::{Kind, LabelScale};
use crate::statistics::{Estimate, Reason};

/// One category.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    /// Its name.
    pub label: String,
    /// How many items the first side put there.
    pub human: u64,
    /// How many the second did.
    pub judge: u64,
    /// How many both did.
    pub agreed: u64,
    /// Of the human's, the share that the judge found.
    pub recall: Estimate,
    /// Of the judge's, the share that the human confirms.
    pub precision: Estimate,
}

/// The confusion matrix: rows are the human's, columns the judge's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion {
    /// Names of rows and columns.
    pub categories: Vec<String>,
    /// Unweighted counts.
    pub counts: Vec<Vec<u64>>,
}

/// The commonest human label as a judge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Majority {
    /// The label.
    pub label: String,
    /// Its agreement with the humans.
    pub raw_agreement: Estimate,
}

/// Whether the judge clumps on few labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// The judge's commonest label.
    pub modal_label: String,
    /// Its share.
    pub modal_share: f64,
    /// Labels that the judge used, of those declared.
    pub labels_used: usize,
    /// Entropy of the judge's labels in bits; at most log2 of the declared labels.
    pub entropy_bits: f64,
}

/// Unweighted counts, a row for each category of the human's; none on a numeric scale.
pub(super) fn counts(scale: &LabelScale, pairs: &[Pair]) -> Vec<Vec<u64>> {
    let q = scale.values().len();
    let mut counts = vec![vec![0; q]; q];
    if scale.kind() != Kind::Numeric {
        for pair in pairs {
            counts[pair.human.category][pair.judge.category] += 1;
        }
    }
    counts
}

/// The share of the pairs in a domain that count.
pub(super) fn share(
    evidence: &Evidence,
    pairs: &[Pair],
    none: Reason,
    domain: impl Fn(&Pair) -> bool,
    hit: impl Fn(&Pair) -> bool,
) -> Estimate {
    let counted = pairs.iter().filter(|pair| domain(pair));
    let counted: Vec<Counted> = counted.map(|pair| Counted::new(pair.cluster, pair.weight, hit(pair))).collect();
    evidence.share(&counted, none)
}

pub(super) fn classes(scale: &LabelScale, evidence: &Evidence, pairs: &[Pair], counts: &[Vec<u64>]) -> Vec<Class> {
    let class = |(category, label): (usize, String)| {
        let (of_human, of_judge) =
            (|pair: &Pair| pair.human.category == category, |pair: &Pair| pair.judge.category == category);
        Class {
            label,
            human: counts[category].iter().sum(),
            judge: counts.iter().map(|row| row[category]).sum(),
            agreed: counts[category][category],
            recall: share(evidence, pairs, Reason::NoPositives, of_human, of_judge),
            precision: share(evidence, pairs, Reason::JudgeNeverPositive, of_judge, of_human),
        }
    };
    scale.names().into_iter().enumerate().map(class).collect()
}

pub(super) fn confusion(scale: &LabelScale, counts: &[Vec<u64>]) -> Option<Confusion> {
    (scale.kind() != Kind::Numeric).then(|| Confusion { categories: scale.names(), counts: counts.to_vec() })
}

pub(super) fn majority(scale: &LabelScale, evidence: &Evidence, pairs: &[Pair]) -> Option<Majority> {
    let mut weights = vec![0.0; scale.values().len()];
    for pair in pairs.iter().filter(|_| scale.kind() != Kind::Numeric) {
        weights[pair.human.category] += pair.weight;
    }
    let (category, _) = weights.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let says_it = |pair: &Pair| pair.human.category == category;
    let raw_agreement = share(evidence, pairs, Reason::NoPairs, |_| true, says_it);
    Some(Majority { label: scale.name(category)?, raw_agreement })
}

pub(super) fn spread(scale: &LabelScale, counts: &[Vec<u64>]) -> Option<Spread> {
    let used: Vec<u64> = (0..counts.len()).map(|category| counts.iter().map(|row| row[category]).sum()).collect();
    let total: u64 = used.iter().sum();
    let (modal, most) = used.iter().enumerate().max_by_key(|(_, count)| **count)?;
    if total == 0 {
        return None;
    }
    let share = |count: u64| count as f64 / total as f64;
    let entropy: f64 = used.iter().filter(|count| **count > 0).map(|count| -share(*count) * share(*count).log2()).sum();
    Some(Spread {
        modal_label: scale.name(modal)?,
        modal_share: share(*most),
        labels_used: used.iter().filter(|count| **count > 0).count(),
        entropy_bits: entropy.max(0.0),
    })
}
