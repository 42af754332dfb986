//! Numeric pairs of human and judge: correlation, concordance, bias.
//!
//! Pairs are held as distinct (human, judge) values in a fixed order, and every statistic takes the weight of each:
//! a count, a sampling weight, or the multiplicity that a bootstrap resample gave it. Sorting happens once.

use super::Reason;

/// Distinct pairs of numbers, sorted by the human's and then the judge's value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairGrid {
    human: Vec<f64>,
    judge: Vec<f64>,
    human_rank: Vec<usize>,
    judge_rank: Vec<usize>,
    judge_ranks: usize,
}

/// First and second moments of weighted pairs.
#[derive(Debug, Clone, Copy)]
struct Moments {
    human: f64,
    judge: f64,
    human_variance: f64,
    judge_variance: f64,
    covariance: f64,
    human_varies: bool,
    judge_varies: bool,
}

impl PairGrid {
    /// The grid of these pairs, and for each pair the index of its cell. All values must be finite.
    pub fn of(pairs: &[(f64, f64)]) -> Result<(Self, Vec<usize>), Reason> {
        if pairs.iter().any(|(human, judge)| !human.is_finite() || !judge.is_finite()) {
            return Err(Reason::InvalidInput);
        }
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by(|&a, &b| pairs[a].0.total_cmp(&pairs[b].0).then(pairs[a].1.total_cmp(&pairs[b].1)));
        let (mut human, mut judge) = (Vec::new(), Vec::new());
        let mut cell_of = vec![0; pairs.len()];
        for &index in &order {
            let pair = pairs[index];
            if human.last() != Some(&pair.0) || judge.last() != Some(&pair.1) {
                human.push(pair.0);
                judge.push(pair.1);
            }
            cell_of[index] = human.len() - 1;
        }
        let (human_rank, _) = dense_ranks(&human);
        let (judge_rank, judge_ranks) = dense_ranks(&judge);
        Ok((Self { human, judge, human_rank, judge_rank, judge_ranks }, cell_of))
    }

    /// The grid of a table whose category `i` has the number `values[i]`, in ascending order; its weights are the
    /// table's counts.
    pub fn of_values(values: &[f64]) -> Result<Self, Reason> {
        let pairs: Vec<(f64, f64)> =
            values.iter().flat_map(|&human| values.iter().map(move |&judge| (human, judge))).collect();
        let (grid, cell_of) = Self::of(&pairs)?;
        // Row-major order is the grid's order only when the values ascend strictly.
        if cell_of.iter().enumerate().any(|(index, &cell)| index != cell) {
            return Err(Reason::InvalidInput);
        }
        Ok(grid)
    }

    /// The number of distinct pairs.
    pub fn cells(&self) -> usize {
        self.human.len()
    }

    /// (human, judge) of each cell.
    pub fn pairs(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.human.iter().copied().zip(self.judge.iter().copied())
    }

    /// `judge - human` of each cell.
    pub fn differences(&self) -> impl Iterator<Item = f64> + '_ {
        self.human.iter().zip(&self.judge).map(|(human, judge)| judge - human)
    }

    /// Mean of judge minus human, in units of the scale: above 0 the judge is lenient.
    pub fn bias(&self, weights: &[f64]) -> Result<f64, Reason> {
        self.mean_of(weights, |difference| difference)
    }

    /// Mean absolute error.
    pub fn mae(&self, weights: &[f64]) -> Result<f64, Reason> {
        self.mean_of(weights, f64::abs)
    }

    /// Root mean squared error.
    pub fn rmse(&self, weights: &[f64]) -> Result<f64, Reason> {
        Ok(self.mean_of(weights, |difference| difference * difference)?.sqrt())
    }

    /// Pearson's correlation.
    pub fn pearson(&self, weights: &[f64]) -> Result<f64, Reason> {
        let moments = self.moments(weights)?;
        moments.both_vary()?;
        Ok(correlation(&moments))
    }

    /// Lin's concordance correlation: `2 cov / (var_h + var_j + (mean_h - mean_j)²)`, moments with `n` (Lin 1989).
    /// Unlike correlations it punishes a shift. Undefined only when both sides are constant and equal.
    pub fn lin_ccc(&self, weights: &[f64]) -> Result<f64, Reason> {
        let moments = self.moments(weights)?;
        let shift = moments.human - moments.judge;
        if !moments.human_varies && !moments.judge_varies && shift == 0.0 {
            return Err(Reason::NoVariance);
        }
        let spread = moments.human_variance + moments.judge_variance + shift * shift;
        Ok(2.0 * moments.covariance / spread)
    }

    /// Spearman's rank correlation: Pearson's of the average ranks.
    pub fn spearman(&self, weights: &[f64]) -> Result<f64, Reason> {
        self.check(weights)?;
        let mut human_weight = vec![0.0; self.human_rank.last().map_or(0, |rank| rank + 1)];
        let mut judge_weight = vec![0.0; self.judge_ranks];
        for (cell, &weight) in weights.iter().enumerate() {
            human_weight[self.human_rank[cell]] += weight;
            judge_weight[self.judge_rank[cell]] += weight;
        }
        let (human, judge) = (mid_ranks(&human_weight), mid_ranks(&judge_weight));
        let moments = moments_of(weights, |cell| (human[self.human_rank[cell]], judge[self.judge_rank[cell]]))?;
        moments.both_vary()?;
        Ok(correlation(&moments))
    }

    /// Kendall's tau-b: concordant minus discordant pairs, over the geometric mean of the pairs untied on either side.
    ///
    /// O(n log n): one pass in the human's order over a Fenwick tree of the judge's ranks.
    pub fn kendall_tau_b(&self, weights: &[f64]) -> Result<f64, Reason> {
        self.check(weights)?;
        let total: f64 = weights.iter().sum();
        let mut below = FenwickTree::new(self.judge_ranks);
        let (mut balance, mut seen, mut tied_human) = (0.0, 0.0, 0.0);
        let mut group_start = 0;
        for cell in 0..self.cells() {
            if self.human_rank[cell] != self.human_rank[group_start] {
                tied_human += self.absorb(group_start..cell, weights, &mut below, &mut seen);
                group_start = cell;
            }
            if weights[cell] > 0.0 {
                let rank = self.judge_rank[cell];
                let lower = below.sum_below(rank);
                let higher = seen - below.sum_below(rank + 1);
                balance += weights[cell] * (lower - higher);
            }
        }
        tied_human += self.absorb(group_start..self.cells(), weights, &mut below, &mut seen);
        let tied_judge: f64 = below.values().map(|weight| weight * weight).sum();
        let untied = |tied: f64| (total * total - tied) / 2.0;
        let (human, judge) = (untied(tied_human), untied(tied_judge));
        let nothing = 1e-12 * total * total;
        if human <= nothing || judge <= nothing {
            return Err(Reason::NoVariance);
        }
        Ok(balance / (human * judge).sqrt())
    }

    /// Moves a group of equal human values into the tree; returns the square of its weight.
    fn absorb(&self, group: std::ops::Range<usize>, weights: &[f64], below: &mut FenwickTree, seen: &mut f64) -> f64 {
        let mut weight = 0.0;
        for cell in group {
            below.add(self.judge_rank[cell], weights[cell]);
            weight += weights[cell];
        }
        *seen += weight;
        weight * weight
    }

    fn mean_of(&self, weights: &[f64], value: impl Fn(f64) -> f64) -> Result<f64, Reason> {
        self.check(weights)?;
        let total: f64 = weights.iter().sum();
        let sum: f64 = self.differences().zip(weights).map(|(difference, weight)| weight * value(difference)).sum();
        Ok(sum / total)
    }

    fn moments(&self, weights: &[f64]) -> Result<Moments, Reason> {
        self.check(weights)?;
        moments_of(weights, |cell| (self.human[cell], self.judge[cell]))
    }

    fn check(&self, weights: &[f64]) -> Result<(), Reason> {
        if weights.len() != self.cells() {
            return Err(Reason::InvalidInput);
        }
        if weights.iter().any(|&weight| weight > 0.0) { Ok(()) } else { Err(Reason::NoPairs) }
    }
}

impl Moments {
    fn both_vary(&self) -> Result<(), Reason> {
        match (self.human_varies, self.judge_varies) {
            (true, true) => Ok(()),
            (true, false) => Err(Reason::JudgeConstant),
            (false, true) => Err(Reason::HumanConstant),
            (false, false) => Err(Reason::NoVariance),
        }
    }
}

fn correlation(moments: &Moments) -> f64 {
    let value = moments.covariance / (moments.human_variance * moments.judge_variance).sqrt();
    value.clamp(-1.0, 1.0)
}

fn moments_of(weights: &[f64], pair: impl Fn(usize) -> (f64, f64)) -> Result<Moments, Reason> {
    let mut used = weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
    let origin = used.next().map(|(cell, _)| pair(cell)).ok_or(Reason::NoPairs)?;
    // Measured from one of the pairs, so that large values far from 0 lose no digits.
    let mut sums = [0.0; 6];
    let (mut human_varies, mut judge_varies) = (false, false);
    for (cell, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        let (human, judge) = pair(cell);
        let (human, judge) = (human - origin.0, judge - origin.1);
        human_varies |= human != 0.0;
        judge_varies |= judge != 0.0;
        let terms = [1.0, human, judge, human * human, judge * judge, human * judge];
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum += weight * term;
        }
    }
    let [weight, human, judge, human_square, judge_square, product] = sums;
    let (human, judge) = (human / weight, judge / weight);
    Ok(Moments {
        human: human + origin.0,
        judge: judge + origin.1,
        human_variance: (human_square / weight - human * human).max(0.0),
        judge_variance: (judge_square / weight - judge * judge).max(0.0),
        covariance: product / weight - human * judge,
        human_varies,
        judge_varies,
    })
}

/// Ranks without gaps, and how many there are.
fn dense_ranks(values: &[f64]) -> (Vec<usize>, usize) {
    let mut distinct = values.to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let ranks = values.iter().map(|value| distinct.partition_point(|other| other < value)).collect();
    (ranks, distinct.len())
}

/// The average rank of each group of ties, up to a shift that correlations do not see.
fn mid_ranks(group_weights: &[f64]) -> Vec<f64> {
    let mut before = 0.0;
    group_weights
        .iter()
        .map(|weight| {
            let rank = before + weight / 2.0;
            before += weight;
            rank
        })
        .collect()
}

/// Prefix sums under updates, both O(log n).
struct FenwickTree {
    sums: Vec<f64>,
    leaves: Vec<f64>,
}

impl FenwickTree {
    fn new(size: usize) -> Self {
        Self { sums: vec![0.0; size + 1], leaves: vec![0.0; size] }
    }

    fn add(&mut self, index: usize, weight: f64) {
        self.leaves[index] += weight;
        let mut node = index + 1;
        while node < self.sums.len() {
            self.sums[node] += weight;
            node += node & node.wrapping_neg();
        }
    }

    /// The sum of the leaves before `index`.
    fn sum_below(&self, index: usize) -> f64 {
        let mut node = index;
        let mut sum = 0.0;
        while node > 0 {
            sum += self.sums[node];
            node &= node - 1;
        }
        sum
    }

    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.leaves.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit_weights(grid: &PairGrid, cell_of: &[usize]) -> Vec<f64> {
        let mut weights = vec![0.0; grid.cells()];
        for &cell in cell_of {
            weights[cell] += 1.0;
        }
        weights
    }

    fn tau_b_by_definition(pairs: &[(f64, f64)]) -> f64 {
        let (mut balance, mut human, mut judge) = (0.0, 0.0, 0.0);
        for (index, a) in pairs.iter().enumerate() {
            for b in &pairs[..index] {
                let (x, y) =
                    ((a.0 - b.0).signum() * f64::from(a.0 != b.0), (a.1 - b.1).signum() * f64::from(a.1 != b.1));
                balance += x * y;
                human += x.abs();
                judge += y.abs();
            }
        }
        balance / f64::sqrt(human * judge)
    }

    proptest! {
        #[test]
        fn tau_b_is_its_definition(pairs in prop::collection::vec((0_u8..6, 0_u8..6), 2..40)) {
            let pairs: Vec<(f64, f64)> = pairs.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).collect();
            let (grid, cell_of) = PairGrid::of(&pairs).unwrap();
            let weights = unit_weights(&grid, &cell_of);
            match grid.kendall_tau_b(&weights) {
                Ok(tau) => prop_assert!((tau - tau_b_by_definition(&pairs)).abs() < 1e-12),
                Err(reason) => prop_assert_eq!(reason, Reason::NoVariance),
            }
        }

        #[test]
        fn ccc_never_exceeds_pearson(pairs in prop::collection::vec((0_u8..6, 0_u8..6), 3..40)) {
            let pairs: Vec<(f64, f64)> = pairs.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).collect();
            let (grid, cell_of) = PairGrid::of(&pairs).unwrap();
            let weights = unit_weights(&grid, &cell_of);
            if let (Ok(ccc), Ok(pearson)) = (grid.lin_ccc(&weights), grid.pearson(&weights)) {
                prop_assert!(ccc.abs() <= pearson.abs() + 1e-12);
            }
        }
    }

    #[test]
    fn a_judge_one_level_too_harsh_ranks_perfectly_and_is_biased() {
        let (grid, cell_of) = PairGrid::of(&[(1.0, 0.0), (2.0, 1.0), (3.0, 2.0)]).unwrap();
        let weights = unit_weights(&grid, &cell_of);
        assert_eq!(grid.bias(&weights), Ok(-1.0));
        assert!((grid.spearman(&weights).unwrap() - 1.0).abs() < 1e-12);
        assert!(grid.lin_ccc(&weights).unwrap() < 0.6);
    }

    #[test]
    fn constant_sides_are_named() {
        let (grid, _) = PairGrid::of(&[(1.0, 3.0), (2.0, 3.0)]).unwrap();
        assert_eq!(grid.pearson(&[1.0, 1.0]), Err(Reason::JudgeConstant));
        assert_eq!(grid.pearson(&[0.0, 0.0]), Err(Reason::NoPairs));
        assert_eq!(PairGrid::of(&[(f64::NAN, 1.0)]).unwrap_err(), Reason::InvalidInput);
    }
}
