//! Chance-corrected agreement of two raters: Cohen's kappa, Scott's pi, Gwet's AC1 and AC2.
//!
//! All have the form `(pa - pe) / (1 - pe)` and differ in what they call chance.

use super::confusion_matrix::Shares;
use super::{AgreementTable, Reason, Weighting};

/// `1 - pe` below this is rounding, not disagreement.
const NO_ROOM: f64 = 1e-12;

/// Cohen's (weighted) kappa: chance is the product of the two marginals (Cohen 1960, 1968).
///
/// One constant rater gives exactly 0 (see [`AgreementTable::constant_side`] for the flag); two constant and equal
/// raters leave no room above chance: [`Reason::NoVariance`].
pub fn cohen_kappa(table: &AgreementTable, weighting: Weighting) -> Result<f64, Reason> {
    let shares = Shares::of(table)?;
    match table.constant_side() {
        Some(Reason::NoVariance) => return Err(Reason::NoVariance),
        Some(_) => return Ok(0.0),
        None => {}
    }
    above_chance(shares.observed(weighting), product_chance(&shares, weighting))
}

/// Scott's pi: chance is the squared mean marginal (Scott 1955).
pub fn scott_pi(table: &AgreementTable) -> Result<f64, Reason> {
    let shares = Shares::of(table)?;
    let chance = (0..shares.categories).map(|i| shares.mean_share(i).powi(2)).sum();
    above_chance(shares.observed(Weighting::Identity), chance)
}

/// Gwet's AC1 (identity weights) and AC2 (others): `pe = Tw Σ π_i (1-π_i) / (q(q-1))` (Gwet 2008).
///
/// Stays near raw agreement when one class dominates, which is why it is shown beside kappa and never alone: it hides
/// a judge that catches none of the rare class.
pub fn gwet_ac(table: &AgreementTable, weighting: Weighting) -> Result<f64, Reason> {
    let shares = Shares::of(table)?;
    above_chance(shares.observed(weighting), gwet_chance(&shares, weighting)?)
}

fn product_chance(shares: &Shares, weighting: Weighting) -> f64 {
    let q = shares.categories;
    let cell = |cell: usize| {
        let (i, j) = (cell / q, cell % q);
        shares.human[i] * shares.judge[j] * weighting.weight(i, j, q)
    };
    (0..q * q).map(cell).sum()
}

fn gwet_chance(shares: &Shares, weighting: Weighting) -> Result<f64, Reason> {
    let q = shares.categories;
    if q < 2 {
        return Err(Reason::NoVariance);
    }
    let spread: f64 = (0..q).map(|i| shares.mean_share(i) * (1.0 - shares.mean_share(i))).sum();
    Ok(weight_sum(q, weighting) * spread / (q * (q - 1)) as f64)
}

fn weight_sum(q: usize, weighting: Weighting) -> f64 {
    (0..q * q).map(|cell| weighting.weight(cell / q, cell % q, q)).sum()
}

fn above_chance(observed: f64, chance: f64) -> Result<f64, Reason> {
    if 1.0 - chance < NO_ROOM { Err(Reason::NoVariance) } else { Ok((observed - chance) / (1.0 - chance)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(counts: &[f64]) -> AgreementTable {
        AgreementTable::from_counts(counts.to_vec()).unwrap()
    }

    #[test]
    fn the_kappa_paradox() {
        // 94 % agreement, and yet the judge caught none of the two bad answers.
        let paradox = table(&[0.0, 2.0, 5.0, 118.0]);
        assert!(cohen_kappa(&paradox, Weighting::Identity).unwrap() < 0.0);
        assert!(gwet_ac(&paradox, Weighting::Identity).unwrap() > 0.9);
    }

    #[test]
    fn constant_raters() {
        let judge_constant = table(&[0.0, 3.0, 0.0, 7.0]);
        assert_eq!(cohen_kappa(&judge_constant, Weighting::Identity), Ok(0.0));
        let both = table(&[0.0, 0.0, 0.0, 8.0]);
        assert_eq!(cohen_kappa(&both, Weighting::Identity), Err(Reason::NoVariance));
        assert_eq!(scott_pi(&both), Err(Reason::NoVariance));
        assert_eq!(gwet_ac(&both, Weighting::Identity), Ok(1.0));
    }

    proptest! {
        #[test]
        fn swapping_the_raters_changes_nothing(counts in prop::collection::vec(0_u8..20, 9)) {
            let straight = table(&counts.iter().copied().map(f64::from).collect::<Vec<_>>());
            let swapped = table(&(0..9).map(|cell| f64::from(counts[cell % 3 * 3 + cell / 3])).collect::<Vec<_>>());
            for weighting in [Weighting::Identity, Weighting::Linear, Weighting::Quadratic] {
                let (a, b) = (cohen_kappa(&straight, weighting), cohen_kappa(&swapped, weighting));
                match (a, b) {
                    (Ok(a), Ok(b)) => prop_assert!((a - b).abs() < 1e-12),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }

        #[test]
        fn no_coefficient_exceeds_1(counts in prop::collection::vec(0_u8..20, 9)) {
            let table = table(&counts.into_iter().map(f64::from).collect::<Vec<_>>());
            let values = [cohen_kappa(&table, Weighting::Quadratic), scott_pi(&table), gwet_ac(&table, Weighting::Linear)];
            prop_assert!(values.into_iter().flatten().all(|value| value <= 1.0 + 1e-12));
        }
    }
}
