//! How both sides use the categories of a scale.

use serde::Serialize;

use crate::statistics::{AgreementTable, Estimate, binary, proportion};

use super::gate::Facts;
use super::scale::{Kind, LabelScale};

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
    /// Counts.
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

pub(super) fn classes(scale: &LabelScale, facts: &Facts, table: &AgreementTable) -> Vec<Class> {
    let column = |category: usize| facts.counts.iter().map(|row| row[category]).sum();
    let class = |(category, label): (usize, String)| {
        let rates = binary::rates(table, category);
        Class {
            label,
            human: facts.counts[category].iter().sum(),
            judge: column(category),
            agreed: facts.counts[category][category],
            recall: facts.part(rates.tpr),
            precision: facts.part(rates.ppv),
        }
    };
    scale.names().into_iter().enumerate().map(class).collect()
}

pub(super) fn confusion(scale: &LabelScale, counts: &[Vec<u64>]) -> Option<Confusion> {
    (scale.kind() != Kind::Numeric).then(|| Confusion { categories: scale.names(), counts: counts.to_vec() })
}

pub(super) fn majority(scale: &LabelScale, facts: &Facts, table: &AgreementTable) -> Option<Majority> {
    let totals = table.human_totals();
    let (category, count) = totals.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let raw_agreement = facts.part(proportion(*count, table.total()));
    Some(Majority { label: scale.names().get(category)?.clone(), raw_agreement })
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
        modal_label: scale.names().get(modal)?.clone(),
        modal_share: share(*most),
        labels_used: used.iter().filter(|count| **count > 0).count(),
        entropy_bits: entropy.max(0.0),
    })
}
