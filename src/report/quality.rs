//! The share of good answers: what the judge's scores say, corrected by human labels.

use std::collections::{HashMap, HashSet};

use super::data::QualityReport;
use super::pairing::Pairs;
use super::scores::Scored;
use crate::agreement::quality;
use crate::statistics::ClusterShare;
use crate::statistics::ppi::Unlabelled;

pub(super) fn report(scored: &[Scored<'_>], drawn: &Pairs<'_>) -> QualityReport {
    let unlabelled = unlabelled(scored, drawn);
    let found = quality(&drawn.observations, |one| drawn.row(one).score.value(), unlabelled.as_ref());
    QualityReport { rate: found.rate, method: found.method, lambda: found.lambda, labels: found.labels as u64 }
}

/// The scores of the other answers, summed up by conversation.
fn unlabelled(scored: &[Scored<'_>], drawn: &Pairs<'_>) -> Option<Unlabelled> {
    let labelled: HashSet<_> = drawn.rows.iter().map(|evaluation| evaluation.id).collect();
    let (mut alone, mut conversations) = (Vec::new(), HashMap::<&str, ClusterShare>::new());
    for scored in scored.iter().filter(|scored| !labelled.contains(&scored.evaluation.id)) {
        let weight = 1.0 / scored.evaluation.inclusion_probability.get();
        let Some(value) = scored.value().filter(|_| weight.is_finite()) else { continue };
        match scored.evaluation.session_id.as_deref() {
            None => alone.push(ClusterShare { items: weight, hits: weight * value }),
            Some(session) => {
                let cluster = conversations.entry(session).or_default();
                cluster.items += weight;
                cluster.hits += weight * value;
            }
        }
    }
    let mut conversations: Vec<_> = conversations.into_iter().collect();
    // In an order of their own, so that sums round the same way each time.
    conversations.sort_unstable_by_key(|(session, _)| *session);
    alone.extend(conversations.into_iter().map(|(_, cluster)| cluster));
    Unlabelled::of(&alone).ok()
}
