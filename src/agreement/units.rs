//! Items as units of resampling: those that depend on each other are one.

use std::collections::BTreeMap;

use super::clusters::ClusterId;
use crate::statistics::bootstrap::{Contribution, Sample};

/// The sample of these items, each with its cluster and what it adds to the totals.
pub(super) fn sample(dimensions: usize, items: impl Iterator<Item = (ClusterId, Contribution)>) -> Sample {
    let mut clusters: BTreeMap<ClusterId, BTreeMap<u32, f64>> = BTreeMap::new();
    for (cluster, contribution) in items {
        let totals = clusters.entry(cluster).or_default();
        for (cell, amount) in contribution {
            *totals.entry(cell).or_default() += amount;
        }
    }
    Sample::new(dimensions, clusters.into_values().map(|cells| cells.into_iter().collect()))
}
