//! Krippendorff's alpha: any number of raters, any scale, missing labels allowed.
//!
//! `alpha = 1 - Do/De = 1 - (N-1) Σ o_cd δ²_cd / Σ n_c n_d δ²_cd` over the coincidence matrix
//! (Krippendorff 2004; 2011). Units with fewer than two labels carry no information and drop out.

use super::{AgreementTable, Reason};

/// How far apart two values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// 0 or 1.
    Nominal,
    /// The labels that lie between, by how often they were used.
    Ordinal,
}

/// The coincidence matrix: how often two raters of one unit said `c` and `d`.
#[derive(Debug, Clone, PartialEq)]
pub struct Coincidences {
    categories: usize,
    counts: Vec<f64>,
}

impl Coincidences {
    /// A matrix from row-major sums, as [`Coincidences::unit`] contributes them.
    pub fn from_sums(categories: usize, sums: &[f64]) -> Result<Self, Reason> {
        if sums.len() != categories * categories {
            return Err(Reason::InvalidInput);
        }
        Ok(Self { categories, counts: sums.to_vec() })
    }

    /// What a unit with these labels (category indices) adds: (cell, amount), `1/(m-1)` for each ordered pair.
    pub fn unit(categories: usize, labels: &[usize]) -> Vec<(usize, f64)> {
        if labels.len() < 2 || labels.iter().any(|&label| label >= categories) {
            return Vec::new();
        }
        let share = 1.0 / (labels.len() - 1) as f64;
        let mut cells = Vec::with_capacity(labels.len() * (labels.len() - 1));
        for (i, &first) in labels.iter().enumerate() {
            for (j, &second) in labels.iter().enumerate() {
                if i != j {
                    cells.push((first * categories + second, share));
                }
            }
        }
        cells
    }

    /// The matrix of two raters that both labelled every unit of `table`.
    pub fn of_table(table: &AgreementTable) -> Self {
        let q = table.categories();
        let counts = (0..q * q).map(|cell| table.count(cell / q, cell % q) + table.count(cell % q, cell / q)).collect();
        Self { categories: q, counts }
    }

    /// Alpha.
    ///
    /// No unit with two labels: [`Reason::NoPairs`]; one value throughout: [`Reason::NoVariance`].
    pub fn alpha(&self, metric: Metric) -> Result<f64, Reason> {
        let q = self.categories;
        let totals: Vec<f64> = self.counts.chunks(q.max(1)).map(|row| row.iter().sum()).collect();
        let labels: f64 = totals.iter().sum();
        if labels <= 1.0 {
            return Err(Reason::NoPairs);
        }
        let cumulated: Vec<f64> = std::iter::once(0.0)
            .chain(totals.iter().scan(0.0, |sum, total| {
                *sum += total;
                Some(*sum)
            }))
            .collect();
        let (mut observed, mut expected) = (0.0, 0.0);
        for c in 0..q {
            for d in c + 1..q {
                let distance = match metric {
                    Metric::Nominal => 1.0,
                    Metric::Ordinal => cumulated[d + 1] - cumulated[c] - f64::midpoint(totals[c], totals[d]),
                };
                let squared = distance * distance;
                observed += (self.counts[c * q + d] + self.counts[d * q + c]) * squared;
                expected += 2.0 * totals[c] * totals[d] * squared;
            }
        }
        if expected <= 0.0 { Err(Reason::NoVariance) } else { Ok(1.0 - (labels - 1.0) * observed / expected) }
    }
}

/// The sums from which interval alpha follows, so that continuous scores need no matrix.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct IntervalSums {
    /// `Σ_units Σ_pairs (a-b)² / (m-1)`.
    pub within: f64,
    /// Number of labels in units with at least two.
    pub labels: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
}

impl IntervalSums {
    /// What one unit contributes. Centre the values on a common point first when they are large.
    pub fn of_unit(values: &[f64]) -> Self {
        if values.len() < 2 {
            return Self::default();
        }
        let labels = values.len() as f64;
        let mean = values.iter().sum::<f64>() / labels;
        let scatter: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            within: 2.0 * labels * scatter / (labels - 1.0),
            labels,
            sum: mean * labels,
            sum_of_squares: values.iter().map(|value| value * value).sum(),
        }
    }

    /// The sums of units of two labels each, weighted.
    pub fn of_pairs(pairs: impl Iterator<Item = (f64, f64)>, weights: &[f64]) -> Self {
        let mut sums = Self::default();
        for ((a, b), weight) in pairs.zip(weights) {
            let unit = Self {
                within: weight * 2.0 * (a - b).powi(2),
                labels: weight * 2.0,
                sum: weight * (a + b),
                sum_of_squares: weight * (a * a + b * b),
            };
            sums.add(unit);
        }
        sums
    }

    /// Adds another unit's sums.
    pub fn add(&mut self, other: Self) {
        self.within += other.within;
        self.labels += other.labels;
        self.sum += other.sum;
        self.sum_of_squares += other.sum_of_squares;
    }

    /// Interval alpha.
    pub fn alpha(self) -> Result<f64, Reason> {
        if self.labels <= 1.0 {
            return Err(Reason::NoPairs);
        }
        let expected = 2.0 * (self.labels * self.sum_of_squares - self.sum * self.sum);
        if expected <= 1e-12 * self.labels * self.sum_of_squares {
            return Err(Reason::NoVariance);
        }
        Ok(1.0 - (self.labels - 1.0) * self.within / expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix<'a>(categories: usize, units: impl IntoIterator<Item = &'a [usize]>) -> Coincidences {
        let mut sums = vec![0.0; categories * categories];
        for (cell, share) in units.into_iter().flat_map(|labels| Coincidences::unit(categories, labels)) {
            sums[cell] += share;
        }
        Coincidences::from_sums(categories, &sums).unwrap()
    }

    proptest! {
        #[test]
        fn perfect_agreement_is_1_on_every_metric(labels in prop::collection::vec(0_usize..4, 2..30), raters in 2_usize..5) {
            prop_assume!(labels.iter().any(|&label| label != labels[0]));
            let units: Vec<Vec<usize>> = labels.iter().map(|&label| vec![label; raters]).collect();
            let coincidences = matrix(4, units.iter().map(Vec::as_slice));
            for metric in [Metric::Nominal, Metric::Ordinal] {
                prop_assert!((coincidences.alpha(metric).unwrap() - 1.0).abs() < 1e-12);
            }
            let mut sums = IntervalSums::default();
            for unit in &units {
                sums.add(IntervalSums::of_unit(&unit.iter().map(|&label| label as f64).collect::<Vec<_>>()));
            }
            prop_assert!((sums.alpha().unwrap() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn units_labelled_once_say_nothing() {
        assert_eq!(matrix(2, [&[1][..]]).alpha(Metric::Nominal), Err(Reason::NoPairs));
        assert_eq!(matrix(2, [&[1][..], &[1, 1]]).alpha(Metric::Nominal), Err(Reason::NoVariance));
    }
}
