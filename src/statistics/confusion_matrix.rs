//! The agreement table: humans in rows, the judge in columns, over the categories that were declared.
//!
//! Declared, not observed: weights of ordinal coefficients and the chance term of Gwet's depend on categories that
//! nobody used. Counts may be weights.

use super::Reason;

/// How much a disagreement between category `i` and `j` counts as agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// 1 on the diagonal, else 0.
    Identity,
    /// `1 - |i-j| / (q-1)`.
    Linear,
    /// `1 - ((i-j) / (q-1))²`.
    Quadratic,
}

impl Weighting {
    /// The weight of cell (`i`, `j`) on a scale of `q` categories.
    pub fn weight(self, i: usize, j: usize, q: usize) -> f64 {
        if i == j {
            return 1.0;
        }
        let distance = i.abs_diff(j) as f64 / (q.max(2) - 1) as f64;
        match self {
            Self::Identity => 0.0,
            Self::Linear => 1.0 - distance,
            Self::Quadratic => 1.0 - distance * distance,
        }
    }
}

/// Counts (or weights) of (human, judge) category pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreementTable {
    categories: usize,
    counts: Vec<f64>,
}

impl AgreementTable {
    /// An empty table over `categories` declared categories.
    pub fn new(categories: usize) -> Self {
        Self { categories, counts: vec![0.0; categories * categories] }
    }

    /// A table from row-major counts; the length must be a square, every count finite and not negative.
    pub fn from_counts(counts: Vec<f64>) -> Result<Self, Reason> {
        let categories = counts.len().isqrt();
        let valid = |count: &f64| count.is_finite() && *count >= 0.0;
        if categories * categories != counts.len() || !counts.iter().all(valid) {
            return Err(Reason::InvalidInput);
        }
        Ok(Self { categories, counts })
    }

    /// Adds one pair. Pairs outside the declared categories are the caller's to count; here they are refused.
    pub fn add(&mut self, human: usize, judge: usize, weight: f64) -> Result<(), Reason> {
        if human >= self.categories || judge >= self.categories || !weight.is_finite() || weight < 0.0 {
            return Err(Reason::InvalidInput);
        }
        self.counts[human * self.categories + judge] += weight;
        Ok(())
    }

    /// The number of declared categories.
    pub fn categories(&self) -> usize {
        self.categories
    }

    /// The counts, row-major.
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// The count of one cell; 0 outside the table.
    pub fn count(&self, human: usize, judge: usize) -> f64 {
        if human < self.categories && judge < self.categories {
            self.counts[human * self.categories + judge]
        } else {
            0.0
        }
    }

    /// The sum of all counts.
    pub fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// The counts on the diagonal.
    pub fn agreed(&self) -> f64 {
        (0..self.categories).map(|i| self.count(i, i)).sum()
    }

    /// Human totals by category.
    pub fn human_totals(&self) -> Vec<f64> {
        (0..self.categories).map(|i| (0..self.categories).map(|j| self.count(i, j)).sum()).collect()
    }

    /// Judge totals by category.
    pub fn judge_totals(&self) -> Vec<f64> {
        (0..self.categories).map(|j| (0..self.categories).map(|i| self.count(i, j)).sum()).collect()
    }

    /// The share of agreement; no value without pairs.
    pub fn raw_agreement(&self) -> Result<f64, Reason> {
        let total = self.total();
        if total > 0.0 { Ok(self.agreed() / total) } else { Err(Reason::NoPairs) }
    }

    /// Which side gave one and the same value throughout, if any; both and the same is [`Reason::NoVariance`].
    pub fn constant_side(&self) -> Option<Reason> {
        let used = |totals: &[f64]| totals.iter().filter(|&&total| total > 0.0).count();
        let human = used(&self.human_totals()) == 1;
        let judge = used(&self.judge_totals()) == 1;
        match (human, judge) {
            (true, true) if self.agreed() > 0.0 => Some(Reason::NoVariance),
            (_, true) => Some(Reason::JudgeConstant),
            (true, false) => Some(Reason::HumanConstant),
            (false, false) => None,
        }
    }
}

/// A table as shares, with its marginals: what every coefficient starts from.
pub(super) struct Shares {
    pub(super) categories: usize,
    pub(super) cells: Vec<f64>,
    pub(super) human: Vec<f64>,
    pub(super) judge: Vec<f64>,
}

impl Shares {
    pub(super) fn of(table: &AgreementTable) -> Result<Self, Reason> {
        let total = table.total();
        if total <= 0.0 {
            return Err(Reason::NoPairs);
        }
        let share = |counts: Vec<f64>| counts.into_iter().map(|count| count / total).collect();
        Ok(Self {
            categories: table.categories(),
            cells: share(table.counts().to_vec()),
            human: share(table.human_totals()),
            judge: share(table.judge_totals()),
        })
    }

    /// Every cell as (human category, judge category, share).
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let q = self.categories;
        self.cells.iter().enumerate().map(move |(cell, &share)| (cell / q, cell % q, share))
    }

    /// Observed weighted agreement.
    pub(super) fn observed(&self, weighting: Weighting) -> f64 {
        self.iter().map(|(i, j, p)| p * weighting.weight(i, j, self.categories)).sum()
    }

    /// The mean share of a category over the two raters.
    pub(super) fn mean_share(&self, category: usize) -> f64 {
        f64::midpoint(self.human[category], self.judge[category])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_count_unused_categories() {
        assert_eq!(Weighting::Linear.weight(0, 1, 5), 0.75);
        assert_eq!(Weighting::Quadratic.weight(0, 4, 5), 0.0);
        assert_eq!(Weighting::Quadratic.weight(0, 1, 2), 0.0);
    }

    #[test]
    fn pairs_off_the_scale_are_refused() {
        let mut table = AgreementTable::new(2);
        assert_eq!(table.add(0, 2, 1.0), Err(Reason::InvalidInput));
        assert_eq!(table.add(0, 1, f64::NAN), Err(Reason::InvalidInput));
        assert_eq!(table.total(), 0.0);
        assert_eq!(table.raw_agreement(), Err(Reason::NoPairs));
    }

    #[test]
    fn names_the_side_that_never_varies() {
        let table = |counts: [f64; 4]| AgreementTable::from_counts(counts.to_vec()).unwrap();
        assert_eq!(table([0.0, 3.0, 0.0, 7.0]).constant_side(), Some(Reason::JudgeConstant));
        assert_eq!(table([0.0, 0.0, 3.0, 7.0]).constant_side(), Some(Reason::HumanConstant));
        assert_eq!(table([0.0, 0.0, 0.0, 7.0]).constant_side(), Some(Reason::NoVariance));
        assert_eq!(table([1.0, 0.0, 0.0, 7.0]).constant_side(), None);
    }
}
