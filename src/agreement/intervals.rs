//! Which interval a number may have: one table for files, the report, the promotion gate and the pages. A number without
//! an honest one shows the reason instead.
//!
//! | number | interval | needs |
//! |---|---|---|
//! | a share of items: raw agreement, TPR, TNR, PPV, NPV, recall, precision | Wilson's; where items depend on each other or count differently, the cluster-robust one of [`clustered_share`] | [`MIN_CLUSTERS`] clusters then |
//! | corrected for chance: kappa, pi, AC1, alpha (among people too), MCC, F1, balanced accuracy | BCa over clusters | [`MIN_PAIRS`] items, [`MIN_MINORITY`] human labels outside the commonest class |
//! | differences and correlations: bias, errors, Pearson, Spearman, tau-b, CCC, advantage | BCa over clusters | [`MIN_RESAMPLED`] items |
//! | any of the last two, of dependent items | the same | [`MIN_RESAMPLED_CLUSTERS`] clusters |
//! | any, of items that count differently | the same | 30 effective items |
//! | one whose best value is 1, without a single disagreement | none | |

use std::collections::BTreeMap;

use super::clusters::ClusterId;
use crate::statistics::survey::{MIN_EFFECTIVE, effective_size};
use crate::statistics::{CONFIDENCE, ClusterShare, Estimate, Interval, Reason, clustered_share, wilson};

/// Items that a chance-corrected coefficient needs: below, no known interval keeps its level.
pub const MIN_PAIRS: usize = 100;
/// Human labels outside the commonest class that it needs.
pub const MIN_MINORITY: usize = 10;
/// Items that a mean of differences or a correlation needs.
pub(super) const MIN_RESAMPLED: usize = 30;
/// Clusters that a resampled interval of dependent items needs.
const MIN_RESAMPLED_CLUSTERS: usize = 20;
/// Clusters that a share of dependent or unequal items needs.
const MIN_CLUSTERS: usize = 5;

/// Which interval a number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Share,
    ChanceCorrected,
    Difference,
}

/// What decides which intervals of a set of items may be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    pub(super) items: usize,
    /// Kish's effective number of items; the number itself where all count the same.
    pub(super) effective: f64,
    /// Whether items count differently.
    pub(super) weighted: bool,
    /// The number of clusters, where any has several items.
    pub(super) clusters: Option<usize>,
    /// Human labels outside the commonest class; all of them on a numeric scale.
    pub(super) minority: usize,
    /// Whether not a single disagreement was seen.
    pub(super) perfect: bool,
}

impl Evidence {
    /// What cluster and weight of each item say; nothing of what was said of them.
    pub(super) fn of(items: impl Iterator<Item = (ClusterId, f64)> + Clone) -> Self {
        let clusters = count_clusters(items.clone().map(|item| item.0));
        let number = items.clone().count();
        let weighted = !equal(items.clone().map(|item| item.1));
        let effective = if weighted { effective_size(items.map(|item| item.1)) } else { number as f64 };
        let clusters = (clusters < number).then_some(clusters);
        Self { items: number, effective, weighted, clusters, minority: number, perfect: false }
    }

    /// Why a number of this family may have no interval, however it is made.
    pub(super) fn gate(&self, family: Family, best_is_1: bool) -> Result<(), Reason> {
        let few_clusters = self.clusters.is_some_and(|clusters| clusters < MIN_RESAMPLED_CLUSTERS);
        match family {
            Family::ChanceCorrected | Family::Difference if self.perfect && best_is_1 => Err(Reason::PerfectAgreement),
            _ if self.weighted && self.effective < MIN_EFFECTIVE => Err(Reason::FewEffective),
            Family::Share => Ok(()),
            Family::ChanceCorrected if self.items < MIN_PAIRS || self.minority < MIN_MINORITY => Err(Reason::Thin),
            Family::Difference if self.items < MIN_RESAMPLED => Err(Reason::TooFew),
            _ if few_clusters => Err(Reason::TooFew),
            Family::ChanceCorrected | Family::Difference => Ok(()),
        }
    }

    /// The share of some of these items that count; `none` tells why there may be none of them.
    pub(super) fn share(&self, counted: &[Counted], none: Reason) -> Estimate {
        let items: f64 = counted.iter().map(|one| one.items).sum();
        if items <= 0.0 {
            return if self.items == 0 { Reason::NoPairs.into() } else { none.into() };
        }
        let hits: f64 = counted.iter().map(|one| one.hits).sum();
        let interval = || match self.clusters {
            None if !self.weighted && is_whole(counted) => independent(counted),
            _ => dependent(counted),
        };
        let interval = self.gate(Family::Share, false).and_then(|()| interval());
        Estimate::new(Ok((hits / items).clamp(0.0, 1.0)), interval)
    }
}

/// An item that counts towards a share: with which weight, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counted {
    pub(super) cluster: ClusterId,
    pub(super) items: f64,
    pub(super) hits: f64,
}

impl Counted {
    pub(super) fn new(cluster: ClusterId, weight: f64, hit: bool) -> Self {
        Self { cluster, items: weight, hits: if hit { weight } else { 0.0 } }
    }
}

/// Whether each item counts as a whole or not at all.
fn is_whole(counted: &[Counted]) -> bool {
    counted.iter().all(|one| one.hits == 0.0 || one.hits == one.items)
}

fn independent(counted: &[Counted]) -> Result<Interval, Reason> {
    let hits = counted.iter().filter(|one| one.hits > 0.0).count();
    wilson(hits as f64, counted.len() as f64, CONFIDENCE)
}

/// Of items that depend on each other or count differently, as far as any of these do.
fn dependent(counted: &[Counted]) -> Result<Interval, Reason> {
    let mut clusters: BTreeMap<ClusterId, ClusterShare> = BTreeMap::new();
    for one in counted {
        let cluster = clusters.entry(one.cluster).or_default();
        cluster.items += one.items;
        cluster.hits += one.hits;
    }
    if clusters.len() == counted.len() && is_whole(counted) && equal(counted.iter().map(|one| one.items)) {
        return independent(counted);
    }
    if clusters.len() < MIN_CLUSTERS {
        return Err(Reason::TooFew);
    }
    let mut clusters: Vec<ClusterShare> = clusters.into_values().collect();
    // Sums round the same way in whatever order items were read.
    clusters.sort_by(|a, b| a.items.total_cmp(&b.items).then(a.hits.total_cmp(&b.hits)));
    clustered_share(&clusters, effective_size(counted.iter().map(|one| one.items)), CONFIDENCE)
}

fn count_clusters(clusters: impl Iterator<Item = ClusterId>) -> usize {
    let mut clusters: Vec<ClusterId> = clusters.collect();
    clusters.sort_unstable();
    clusters.dedup();
    clusters.len()
}

fn equal(mut weights: impl Iterator<Item = f64>) -> bool {
    let first = weights.next().unwrap_or(1.0);
    weights.all(|weight| (weight - first).abs() <= 1e-9 * first.abs())
}

#[cfg(test)]
mod tests {
    use super::super::clusters::Clusters;
    use super::*;

    /// Items of conversations of `turns`, every fifth conversation wrong; the weights go round.
    fn counted(items: usize, turns: usize, weights: &[f64]) -> Vec<Counted> {
        let mut clusters = Clusters::default();
        let of = |index: usize| {
            clusters.push(Some(&(index / turns).to_string()), None);
            Counted::new(clusters.of(index), weights[index % weights.len()], !(index / turns).is_multiple_of(5))
        };
        (0..items).map(of).collect()
    }

    fn share(counted: &[Counted]) -> Estimate {
        let evidence = Evidence::of(counted.iter().map(|one| (one.cluster, one.items)));
        evidence.share(counted, Reason::NoPositives)
    }

    #[test]
    fn independent_items_have_wilsons_interval_however_few_they_are() {
        assert_eq!(share(&counted(10, 1, &[1.0])), crate::statistics::proportion(8.0, 10.0));
    }

    #[test]
    fn what_depends_on_four_conversations_has_no_interval() {
        assert_eq!(share(&counted(100, 25, &[1.0])).reason(), Some(Reason::TooFew));
        assert!(share(&counted(100, 20, &[1.0])).interval().is_some());
    }

    #[test]
    fn weights_cost_precision_and_below_30_effective_items_the_interval() {
        let width = |estimate: Estimate| estimate.interval().map(|interval| interval.high - interval.low);
        let (equal, unequal) = (counted(200, 1, &[1.0]), counted(200, 1, &[1.0, 6.0]));
        assert!(width(share(&unequal)).unwrap() > 1.2 * width(share(&equal)).unwrap());
        assert_eq!(share(&counted(40, 1, &[1.0, 20.0])).reason(), Some(Reason::FewEffective));
    }

    #[test]
    fn each_family_has_its_least_numbers() {
        let evidence = |items, minority, clusters| Evidence {
            items,
            effective: items as f64,
            weighted: false,
            clusters,
            minority,
            perfect: false,
        };
        let gate = |evidence: Evidence, family| evidence.gate(family, true).err();
        assert_eq!(gate(evidence(99, 30, None), Family::ChanceCorrected), Some(Reason::Thin));
        assert_eq!(gate(evidence(500, 9, None), Family::ChanceCorrected), Some(Reason::Thin));
        assert_eq!(gate(evidence(100, 10, None), Family::ChanceCorrected), None);
        assert_eq!(gate(evidence(100, 10, Some(19)), Family::ChanceCorrected), Some(Reason::TooFew));
        assert_eq!(gate(evidence(29, 29, None), Family::Difference), Some(Reason::TooFew));
        assert_eq!(gate(evidence(30, 30, Some(20)), Family::Difference), None);
        let perfect = Evidence { perfect: true, ..evidence(500, 50, None) };
        assert_eq!(gate(perfect, Family::ChanceCorrected), Some(Reason::PerfectAgreement));
        assert_eq!(gate(perfect, Family::Share), None);
    }
}
