//! Paired tables: the same anchors judged before and after. Did the judge's labels move, and in one direction?

use super::distribution::{binomial_cdf, chi_squared_tail};
use super::{AgreementTable, Reason};

/// A test statistic that is chi-squared when nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ChiSquared {
    /// The statistic.
    pub statistic: f64,
    /// Its degrees of freedom.
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

/// McNemar's mid-p: less conservative than the exact test and close to its level (Fagerland 2013).
pub fn mcnemar_mid_p(b: u64, c: u64) -> f64 {
    if b + c == 0 {
        return 1.0;
    }
    let least = b.min(c);
    let below = if least == 0 { 0.0 } else { binomial_cdf(least - 1, b + c, 0.5) };
    let mass = binomial_cdf(least, b + c, 0.5) - below;
    (2.0 * binomial_cdf(least, b + c, 0.5) - mass).min(1.0)
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

/// The Stuart–Maxwell test of marginal homogeneity: do both replays use the categories equally often?
///
/// Categories that neither replay used drop out. No difference in any margin: p = 1.
pub fn stuart_maxwell(table: &AgreementTable) -> Result<ChiSquared, Reason> {
    if table.total() <= 0.0 {
        return Err(Reason::NoPairs);
    }
    let (before, after) = (table.human_totals(), table.judge_totals());
    let used: Vec<usize> = (0..table.categories()).filter(|&i| before[i] + after[i] > 0.0).collect();
    // One category follows from the others.
    let kept = &used[..used.len() - 1];
    let differences: Vec<f64> = kept.iter().map(|&i| before[i] - after[i]).collect();
    if used.iter().all(|&i| before[i] == after[i]) {
        return Ok(ChiSquared::new(0.0, kept.len() as f64));
    }
    let covariance = |i: usize, j: usize| {
        if i == j { before[i] + after[i] - 2.0 * table.count(i, i) } else { -(table.count(i, j) + table.count(j, i)) }
    };
    let matrix: Vec<Vec<f64>> = kept.iter().map(|&i| kept.iter().map(|&j| covariance(i, j)).collect()).collect();
    let solution = solve(matrix, differences.clone()).ok_or(Reason::NoVariance)?;
    let statistic = differences.iter().zip(&solution).map(|(d, s)| d * s).sum();
    Ok(ChiSquared::new(statistic, kept.len() as f64))
}

/// Solves `a x = b` by elimination with partial pivoting; `None` when `a` is singular.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        if a[pivot][column].abs() < 1e-12 {
            return None;
        }
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in column + 1..n {
            let factor = a[row][column] / a[column][column];
            let (above, below) = a.split_at_mut(row);
            for (value, pivot_value) in below[0].iter_mut().zip(&above[column]).skip(column) {
                *value -= factor * pivot_value;
            }
            b[row] -= factor * b[column];
        }
    }
    let mut x = vec![0.0; n];
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|column| a[row][column] * x[column]).sum();
        x[row] = (b[row] - known) / a[row][row];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_replay_is_no_alarm() {
        // A library that corrects for continuity here reports p = 0.
        assert_eq!(mcnemar_exact(0, 0), 1.0);
        assert_eq!(mcnemar_mid_p(0, 0), 1.0);
        let same = AgreementTable::from_counts(vec![60.0, 0.0, 0.0, 40.0]).unwrap();
        assert_eq!(bowker(&same).unwrap().p, 1.0);
        assert_eq!(stuart_maxwell(&same).unwrap().p, 1.0);
    }

    #[test]
    fn unused_categories_cost_no_degrees_of_freedom() {
        let mut table = AgreementTable::new(5);
        for (i, j, n) in [(0, 0, 20.0), (0, 1, 9.0), (1, 0, 1.0), (1, 1, 20.0)] {
            table.add(i, j, n).unwrap();
        }
        assert_eq!(bowker(&table).unwrap().degrees_of_freedom, 1.0);
        assert_eq!(stuart_maxwell(&table).unwrap().degrees_of_freedom, 1.0);
    }
}
