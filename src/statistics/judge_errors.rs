//! How often a judge passes what people pass and fails what people fail, and whether that is the same on two sides.

use super::distribution::two_sided_z;

/// The labelled items of one cluster: sums of weights by what people said (`good`, `bad`), and of those the judge agrees with.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ErrorCluster {
    pub good: f64,
    /// Good by people, passed by the judge.
    pub good_passed: f64,
    pub bad: f64,
    /// Bad by people, failed by the judge.
    pub bad_failed: f64,
}

/// A rate among labelled items of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    pub value: f64,
    /// Of the estimate, between clusters; not less than that of as many independent items one half away from the ends.
    pub variance: f64,
    /// Clusters with such an item.
    pub clusters: f64,
}

/// A judge's error rates with what is needed to carry their uncertainty on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRates {
    /// True positive rate: of what people pass, the share that the judge passes.
    pub tpr: Rate,
    /// True negative rate: of what people fail, the share that the judge fails.
    pub tnr: Rate,
    /// Between clusters, of the two estimates.
    pub covariance: f64,
}

impl ErrorRates {
    /// None where people passed nothing or failed nothing.
    pub fn of(clusters: &[ErrorCluster]) -> Option<Self> {
        let tpr = rate(clusters, |one| (one.good, one.good_passed))?;
        let tnr = rate(clusters, |one| (one.bad, one.bad_failed))?;
        let (good, bad) = (sum(clusters, |one| one.good), sum(clusters, |one| one.bad));
        let products = clusters
            .iter()
            .map(|one| (one.good_passed - tpr.value * one.good) / good * (one.bad_failed - tnr.value * one.bad) / bad);
        let n = clusters.len() as f64;
        Some(Self { tpr, tnr, covariance: n / (n - 1.0).max(1.0) * products.sum::<f64>() })
    }

    /// Youden's J: by how much a change of the share of good answers moves the share that the judge passes.
    pub fn youden(&self) -> f64 {
        self.tpr.value + self.tnr.value - 1.0
    }

    /// The variance of [`ErrorRates::youden`].
    pub fn youden_variance(&self) -> f64 {
        (self.tpr.variance + self.tnr.variance + 2.0 * self.covariance).max(0.0)
    }
}

fn sum(clusters: &[ErrorCluster], of: impl Fn(&ErrorCluster) -> f64) -> f64 {
    clusters.iter().map(of).sum()
}

fn rate(clusters: &[ErrorCluster], of: impl Fn(&ErrorCluster) -> (f64, f64)) -> Option<Rate> {
    let own: Vec<(f64, f64)> = clusters.iter().map(of).filter(|(items, _)| *items > 0.0).collect();
    let (items, hits) = own.iter().fold((0.0, 0.0), |(n, x), one| (n + one.0, x + one.1));
    if own.is_empty() {
        return None;
    }
    let (value, n) = ((hits / items).clamp(0.0, 1.0), own.len() as f64);
    let squares: f64 = own.iter().map(|(items, hits)| (hits - value * items).powi(2)).sum();
    let between = if n > 1.0 { n / (n - 1.0) * squares / (items * items) } else { f64::INFINITY };
    let effective = items * items / own.iter().map(|one| one.0 * one.0).sum::<f64>();
    let moved = (value * effective + 1.0) / (effective + 2.0);
    Some(Rate { value, variance: between.max(moved * (1.0 - moved) / (effective + 2.0)), clusters: n })
}

/// What is known of whether two sides have the same error rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameErrors {
    /// Labels of both sides do not speak against it.
    NotRefuted,
    /// They differ by more than chance.
    Differ,
    /// A side has too few labels of a kind to tell.
    Untested,
}

/// Clusters with an item of the kind that each side needs for the test.
const LEAST: f64 = 5.0;

/// Tests both rates at 2.5 % each.
pub fn same_errors(one: Option<&ErrorRates>, other: Option<&ErrorRates>) -> SameErrors {
    let (Some(one), Some(other)) = (one, other) else { return SameErrors::Untested };
    let (mut tested, mut differ) = (true, false);
    for (a, b) in [(one.tpr, other.tpr), (one.tnr, other.tnr)] {
        if a.clusters.min(b.clusters) < LEAST {
            tested = false;
        } else if (a.value - b.value).abs() > two_sided_z(0.975) * (a.variance + b.variance).sqrt() {
            differ = true;
        }
    }
    match (differ, tested) {
        (true, _) => SameErrors::Differ,
        (false, true) => SameErrors::NotRefuted,
        (false, false) => SameErrors::Untested,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn independent(good: (usize, usize), bad: (usize, usize)) -> Vec<ErrorCluster> {
        let of = |(hits, items): (usize, usize), is_good: bool| {
            (0..items).map(move |item| {
                let hit = f64::from(u8::from(item < hits));
                if is_good {
                    ErrorCluster { good: 1.0, good_passed: hit, ..ErrorCluster::default() }
                } else {
                    ErrorCluster { bad: 1.0, bad_failed: hit, ..ErrorCluster::default() }
                }
            })
        };
        of(good, true).chain(of(bad, false)).collect()
    }

    #[test]
    fn rates_of_independent_items_have_the_binomial_variance() {
        let rates = ErrorRates::of(&independent((90, 100), (32, 40))).unwrap();
        assert!((rates.tpr.value - 0.9).abs() < 1e-12 && (rates.tnr.value - 0.8).abs() < 1e-12);
        assert!((rates.tpr.variance - 0.09 / 99.0).abs() < 5e-5, "{rates:?}");
        assert!((rates.youden() - 0.7).abs() < 1e-12);
        assert!((rates.youden_variance() - 0.09 / 99.0 - 0.16 / 39.0).abs() < 1e-4, "{rates:?}");
    }

    #[test]
    fn a_judge_that_made_no_error_may_still_err() {
        let rates = ErrorRates::of(&independent((100, 100), (10, 10))).unwrap();
        assert!(rates.tnr.variance > 0.0 && rates.tpr.variance > 0.0);
    }

    #[test]
    fn items_of_one_conversation_say_less_than_as_many_conversations() {
        let five =
            |hit: bool| ErrorCluster { good: 5.0, good_passed: if hit { 5.0 } else { 0.0 }, bad: 1.0, bad_failed: 1.0 };
        let clusters: Vec<ErrorCluster> = (0..20).map(|number| five(number < 18)).collect();
        let tied = ErrorRates::of(&clusters).unwrap().tpr;
        let apart = ErrorRates::of(&independent((90, 100), (20, 20))).unwrap().tpr;
        assert!(tied.variance > 4.0 * apart.variance, "{tied:?} {apart:?}");
    }

    #[test]
    fn rates_that_differ_by_more_than_chance_are_told_apart() {
        let rates = |good, bad| ErrorRates::of(&independent(good, bad));
        let (one, same, worse) = (rates((90, 100), (32, 40)), rates((88, 100), (30, 40)), rates((60, 100), (32, 40)));
        assert_eq!(same_errors(one.as_ref(), same.as_ref()), SameErrors::NotRefuted);
        assert_eq!(same_errors(one.as_ref(), worse.as_ref()), SameErrors::Differ);
        assert_eq!(same_errors(one.as_ref(), rates((9, 10), (3, 3)).as_ref()), SameErrors::Untested);
        assert_eq!(same_errors(one.as_ref(), None), SameErrors::Untested);
    }

    #[test]
    fn people_who_pass_everything_leave_a_rate_unknown() {
        assert_eq!(ErrorRates::of(&independent((90, 100), (0, 0))), None);
        assert_eq!(ErrorRates::of(&[]), None);
    }
}
