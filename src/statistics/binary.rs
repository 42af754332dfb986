//! What a judge catches and what it misses: rates of a confusion table, human = truth.

use super::{AgreementTable, Reason};

/// The rates of one category against all others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// True positive rate: of what humans call positive, the share that the judge calls positive.
    pub tpr: Result<f64, Reason>,
    /// True negative rate.
    pub tnr: Result<f64, Reason>,
    /// Positive predictive value: of what the judge calls positive, the share that humans do.
    pub ppv: Result<f64, Reason>,
    /// Negative predictive value.
    pub npv: Result<f64, Reason>,
}

/// The rates of `positive` against the rest.
pub fn rates(table: &AgreementTable, positive: usize) -> Rates {
    let hits = table.count(positive, positive);
    let humans: f64 = (0..table.categories()).map(|j| table.count(positive, j)).sum();
    let judged: f64 = (0..table.categories()).map(|i| table.count(i, positive)).sum();
    let total = table.total();
    let rejected = (total - humans - judged + hits).max(0.0);
    let rate = |successes: f64, n: f64, reason: Reason| match n {
        _ if total <= 0.0 => Err(Reason::NoPairs),
        n if n <= 1e-9 * total => Err(reason),
        n => Ok(successes.min(n) / n),
    };
    Rates {
        tpr: rate(hits, humans, Reason::NoPositives),
        tnr: rate(rejected, total - humans, Reason::NoNegatives),
        ppv: rate(hits, judged, Reason::JudgeNeverPositive),
        npv: rate(rejected, total - judged, Reason::JudgeNeverNegative),
    }
}

/// F1 of `positive`: `2 TP / (2 TP + FP + FN)`.
pub fn f1(table: &AgreementTable, positive: usize) -> Result<f64, Reason> {
    if table.total() <= 0.0 {
        return Err(Reason::NoPairs);
    }
    let humans: f64 = (0..table.categories()).map(|j| table.count(positive, j)).sum();
    let judged: f64 = (0..table.categories()).map(|i| table.count(i, positive)).sum();
    if humans + judged <= 0.0 {
        return Err(Reason::NoPositives);
    }
    Ok(2.0 * table.count(positive, positive) / (humans + judged))
}

/// The mean F1 over all declared categories; a category that neither side used counts as 0, so that a scale with dead
/// categories does not look better than it is.
pub fn macro_f1(table: &AgreementTable) -> Result<f64, Reason> {
    if table.total() <= 0.0 {
        return Err(Reason::NoPairs);
    }
    let sum: f64 = (0..table.categories()).map(|category| f1(table, category).unwrap_or(0.0)).sum();
    Ok(sum / table.categories() as f64)
}

/// The mean recall over the categories that humans used.
pub fn balanced_accuracy(table: &AgreementTable) -> Result<f64, Reason> {
    let humans = table.human_totals();
    let recalls: Vec<f64> = (0..table.categories())
        .filter(|&category| humans[category] > 0.0)
        .map(|category| table.count(category, category) / humans[category])
        .collect();
    if recalls.is_empty() {
        return Err(Reason::NoPairs);
    }
    Ok(recalls.iter().sum::<f64>() / recalls.len() as f64)
}

/// Matthews' correlation coefficient, for any number of categories (Gorodkin 2004).
///
/// 0/0 with a constant rater: undefined, where some libraries say 0.
pub fn mcc(table: &AgreementTable) -> Result<f64, Reason> {
    let total = table.total();
    if total <= 0.0 {
        return Err(Reason::NoPairs);
    }
    if let Some(reason) = table.constant_side() {
        return Err(reason);
    }
    let (human, judge) = (table.human_totals(), table.judge_totals());
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let covariance = table.agreed() * total - product(&human, &judge);
    let spread = (total * total - product(&human, &human)) * (total * total - product(&judge, &judge));
    Ok(covariance / spread.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_that_passes_everything_has_no_tnr_to_be_proud_of() {
        let table = AgreementTable::from_counts(vec![0.0, 3.0, 0.0, 7.0]).unwrap();
        let rates = rates(&table, 1);
        assert_eq!((rates.tpr, rates.tnr), (Ok(1.0), Ok(0.0)));
        assert_eq!(rates.npv, Err(Reason::JudgeNeverNegative));
        assert_eq!(mcc(&table), Err(Reason::JudgeConstant));
    }

    #[test]
    fn nothing_compared_is_no_rate() {
        let table = AgreementTable::new(2);
        assert_eq!(rates(&table, 1).tpr, Err(Reason::NoPairs));
        assert_eq!(macro_f1(&table), Err(Reason::NoPairs));
    }
}
