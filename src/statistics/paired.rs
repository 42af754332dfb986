//! Paired tables: the same anchors judged before and after. Did the judge's labels move?

use super::distribution::{binomial_cdf, chi_squared_tail};
use super::{AgreementTable, Reason};

/// A test statistic that is chi-squared when nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ChiSquared {
    pub statistic: f64,
    pub degrees_of_freedom: f64,
    /// P of a statistic at least as large.
    pub p: f64,
}

impl ChiSquared {
    pub(super) fn new(statistic: f64, degrees_of_freedom: f64) -> Self {
        Self { statistic, degrees_of_freedom, p: chi_squared_tail(statistic, degrees_of_freedom) }
    }
}

/// McNemar's exact test of the two discordant counts, two-sided: `min(1, 2 P(X ≤ min(b, c)))`, `X ~ Bin(b+c, ½)`.
/// Without discordant pairs nothing changed: p = 1.
pub fn mcnemar_exact(b: u64, c: u64) -> f64 {
    if b + c == 0 {
        return 1.0;
    }
    (2.0 * binomial_cdf(b.min(c), b + c, 0.5)).min(1.0)
}

/// Bowker's test of symmetry: `Σ (n_ij - n_ji)² / (n_ij + n_ji)` over pairs of categories that occurred; these, and
/// not all pairs, are its degrees of freedom.
pub fn bowker(table: &AgreementTable) -> Result<ChiSquared, Reason> {
    if table.total() <= 0.0 {
        return Err(Reason::NoPairs);
    }
    let (mut statistic, mut pairs) = (0.0, 0.0);
    for i in 0..table.categories() {
        for j in i + 1..table.categories() {
            let (there, back) = (table.count(i, j), table.count(j, i));
            if there + back > 0.0 {
                statistic += (there - back).powi(2) / (there + back);
                pairs += 1.0;
            }
        }
    }
    Ok(ChiSquared::new(statistic, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_replay_is_no_alarm() {
        // A library that corrects for continuity here reports p = 0.
        assert_eq!(mcnemar_exact(0, 0), 1.0);
        let same = AgreementTable::from_counts(vec![60.0, 0.0, 0.0, 40.0]).unwrap();
        assert_eq!(bowker(&same).unwrap().p, 1.0);
    }

    #[test]
    fn unused_categories_cost_no_degrees_of_freedom() {
        let mut table = AgreementTable::new(5);
        for (i, j, n) in [(0, 0, 20.0), (0, 1, 9.0), (1, 0, 1.0), (1, 1, 20.0)] {
            table.add(i, j, n).unwrap();
        }
        assert_eq!(bowker(&table).unwrap().degrees_of_freedom, 1.0);
    }
}
