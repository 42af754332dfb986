//! The share of good answers: what the judge's scores say, corrected by human labels.

use super::data::QualityReport;
use super::pairing::Pairs;
use super::traffic::{SeriesTraffic, Traffic};
use crate::agreement::quality;
use crate::cells::Sums;
use crate::statistics::ppi::Unlabelled;

pub(super) fn report(traffic: &SeriesTraffic, drawn: &Pairs<'_>) -> QualityReport {
    let unlabelled = unlabelled(&traffic.whole, drawn);
    let found = quality(&drawn.observations, |one| drawn.row(one).score.value(), unlabelled.as_ref());
    QualityReport { rate: found.rate, method: found.method, lambda: found.lambda, labels: found.labels as u64 }
}

/// The scores of the other answers, summed up by conversation: those of the labelled ones are taken out. In which
/// conversations these stand is not kept, so that the spread between conversations is taken for that of all of them.
fn unlabelled(all: &Sums, drawn: &Pairs<'_>) -> Option<Unlabelled> {
    let labelled = Traffic::of_rows(drawn.rows.iter().copied());
    let mut own = Sums::default();
    for (_, traffic) in labelled.scored() {
        own.add(&traffic.whole, 1);
    }
    let (clusters, [a, w, aa, aw, ww]) = all.conversations();
    let (_, [own_a, own_w, ..]) = own.conversations();
    let whole = Unlabelled::of_sums(clusters, [a, w, aa, aw, ww]).ok()?;
    let left = (w - own_w) / w;
    let others = clusters * left;
    (others >= 2.0).then(|| Unlabelled { clusters: others, mean: (a - own_a) / (w - own_w), ..whole })
}
