//! The share of good answers: what the judge's scores say, corrected by human labels.

use super::data::QualityReport;
use super::pairing::Pairs;
use super::traffic::{SeriesTraffic, Traffic};
use crate::agreement::{Observation, quality};
use crate::model::hour_of;
use crate::statistics::ppi::Unlabelled;

/// `is_complete`: whether all that was scored is summed up. As long as it is not, nobody knows which labelled answers are among
/// the sums, and the labels stand alone.
pub(super) fn report(traffic: &SeriesTraffic, drawn: &Pairs<'_>, is_complete: bool) -> QualityReport {
    let unlabelled = if is_complete { unlabelled(traffic, drawn) } else { None };
    let found = quality(&drawn.observations, |one| drawn.row(one).score.value(), unlabelled.as_ref());
    QualityReport { rate: found.rate, method: found.method, lambda: found.lambda, labels: found.labels as u64 }
}

/// The scores of the other answers, summed up by conversation. The mean of all of them is known, and that of the labelled
/// ones is taken out with the weight that each has as a label: labels on purpose given to doubtful answers leave better ones
/// behind, which do not stand for the rest. In which conversations the labelled ones stand is not kept, so that the spread
/// between conversations is taken for that of all of them.
fn unlabelled(traffic: &SeriesTraffic, drawn: &Pairs<'_>) -> Option<Unlabelled> {
    let labelled = Labelled::of(drawn, |hour| traffic.hours.contains_key(&hour));
    let (clusters, sums) = traffic.whole.conversations();
    let spread = Unlabelled::of_sums(clusters, sums).ok()?;
    let (a, w) = traffic.whole.rows();
    let share = (labelled.judged / w).min(1.0);
    let (mean, others) = ((a / w - share * labelled.mean) / (1.0 - share), clusters * (1.0 - share));
    (others >= 2.0 && mean.is_finite()).then_some(Unlabelled { clusters: others, mean, ..spread })
}

/// The scores of labelled answers.
struct Labelled {
    /// Weighted as labels are.
    mean: f64,
    /// Their weight among the scores that are summed up.
    judged: f64,
}

impl Labelled {
    fn of(drawn: &Pairs<'_>, is_summed_up: impl Fn(i64) -> bool) -> Self {
        let placed = |one: &&Observation| one.human.pass().is_some() && drawn.row(one).score.value().is_some();
        let (mut a, mut w, mut summed_up) = (0.0, 0.0, Vec::new());
        for one in drawn.observations.iter().filter(placed) {
            let row = drawn.row(one);
            a += one.weight * row.score.value().unwrap_or_default();
            w += one.weight;
            summed_up.extend(is_summed_up(hour_of(row.observed_at_ms)).then_some(row));
        }
        let judged = Traffic::of_rows(summed_up).scored().map(|(_, own)| own.whole.rows().1).sum();
        Self { mean: if w > 0.0 { a / w } else { 0.0 }, judged }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::agreement::{Clusters, Verdict};
    use crate::model::{Probability, Score};
    use crate::statistics::ppi::Method;
    use crate::store::ScoredEvaluation;
    use crate::testing::evaluated::scored_evaluation;

    /// 20,000 answers, of which people pass eight in ten and the judge errs in one of ten; the judge's failures are labelled with the
    /// probability 0.2, the others with 0.02.
    fn labelled_by_doubt(seed: u64) -> (Vec<ScoredEvaluation>, Vec<(usize, bool, f64)>) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for number in 0..20_000 {
            let human = rng.random::<f64>() < 0.8;
            let judge = human == (rng.random::<f64>() < 0.9);
            let score = Score::Number { number: f64::from(judge), passes: Some(judge), value: f64::from(judge) };
            let probability = if judge { 0.02 } else { 0.2 };
            if rng.random::<f64>() < probability {
                labels.push((rows.len(), human, probability));
            }
            rows.push(scored_evaluation(number, score, Probability::ONE));
        }
        (rows, labels)
    }

    fn pairs<'a>(rows: &'a [ScoredEvaluation], labels: &[(usize, bool, f64)]) -> Pairs<'a> {
        let mut clusters = Clusters::default();
        for _ in labels {
            clusters.push(None, None);
        }
        let of = |(item, (at, human, probability)): (usize, &(usize, bool, f64))| Observation {
            item,
            cluster: clusters.of(item),
            weight: 1.0 / probability,
            judge: Verdict::Side(rows[*at].score.passes() == Some(true)),
            human: Verdict::Side(*human),
        };
        Pairs {
            observations: labels.iter().enumerate().map(of).collect(),
            rows: labels.iter().map(|(at, ..)| &rows[*at]).collect(),
            ..Pairs::default()
        }
    }

    #[test]
    fn labels_given_to_doubtful_answers_on_purpose_do_not_shift_the_rate() {
        let mut held = 0;
        for seed in 0..100 {
            let (rows, labels) = labelled_by_doubt(seed);
            let traffic = Traffic::of_rows(&rows);
            let (_, own) = traffic.scored().next().unwrap();
            let found = report(own, &pairs(&rows, &labels), true);
            assert_eq!(found.method, Method::PredictionPowered);
            let interval = found.rate.interval().unwrap();
            held += u32::from((interval.low..=interval.high).contains(&0.8));
        }
        assert!((90..=99).contains(&held), "{held} of 100 intervals hold the true rate");
    }

    #[test]
    fn labels_stand_alone_while_scores_are_still_being_summed_up() {
        let (rows, labels) = labelled_by_doubt(1);
        let traffic = Traffic::of_rows(&rows[..10_000]);
        let (_, own) = traffic.scored().next().unwrap();
        assert_eq!(report(own, &pairs(&rows, &labels), false).method, Method::LabelsOnly);
    }
}
