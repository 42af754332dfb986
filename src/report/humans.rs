//! What humans said of each subject, taken together.

use std::collections::BTreeMap;

use super::data::HumanReport;
use super::placing::{Placed, has_threshold, levels, place};
use crate::model::{Label, LabelStream, Scale, Score, SubjectId};
use crate::statistics::bootstrap::{Contribution, Plan, Sample, bootstrap};
use crate::statistics::krippendorff::{Coincidences, IntervalSums, Metric};
use crate::statistics::{Estimate, Interval, Reason, proportion};

/// Fewer doubly labelled items than this give alpha no interval.
const ALPHA_MIN_ITEMS: usize = 100;

/// What annotators said of one subject for one rubric: each annotator's latest word.
#[derive(Debug, Clone, Default)]
pub(super) struct HumanItem<'a> {
    pub(super) labels: BTreeMap<&'a str, &'a Label>,
    /// Every draw that brought it to an annotator: labelling again does not undo how it was chosen.
    draws: Vec<(LabelStream, Option<f64>)>,
}

/// Humans taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Consensus {
    /// They have a majority (or a median that is a level).
    Of(Placed),
    /// They are split evenly.
    Tie,
    /// No label lies on this scale.
    OffScale,
}

/// How an item was chosen, over all its labels: one uniform draw makes it uniform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Selection {
    Uniform(Option<f64>),
    Targeted(f64),
    Unknown,
}

/// The labels of one rubric, by subject.
pub(super) fn by_subject<'a>(labels: &'a [Label], rubric: &str) -> BTreeMap<SubjectId, HumanItem<'a>> {
    let mut items: BTreeMap<SubjectId, HumanItem<'a>> = BTreeMap::new();
    // In order of time: a later label by the same annotator replaces the earlier.
    for label in labels.iter().filter(|label| label.rubric == rubric) {
        let item = items.entry(label.subject).or_default();
        item.labels.insert(label.annotator.as_str(), label);
        item.draws.push((label.stream, label.probability.map(f64::from).filter(|p| *p > 0.0)));
    }
    items
}

impl HumanItem<'_> {
    pub(super) fn consensus(&self, scale: &Scale) -> Consensus {
        let mut placed: Vec<Placed> = self.labels.values().filter_map(|label| placed_on(scale, label)).collect();
        if placed.is_empty() {
            return Consensus::OffScale;
        }
        match scale {
            Scale::Numeric { .. } | Scale::Ordinal { .. } => {
                placed.sort_by(|a, b| a.number.unwrap_or(0.0).total_cmp(&b.number.unwrap_or(0.0)));
                let (lower, upper) = (placed[(placed.len() - 1) / 2], placed[placed.len() / 2]);
                if lower == upper {
                    return Consensus::Of(lower);
                }
                if matches!(scale, Scale::Ordinal { .. }) {
                    return Consensus::Tie;
                }
                let middle = lower.number.zip(upper.number).map(|(low, high)| f64::midpoint(low, high));
                let score = middle.and_then(|middle| Score::of_number(scale, middle));
                score.and_then(|score| place(scale, &score)).map_or(Consensus::OffScale, Consensus::Of)
            }
            Scale::Binary { .. } | Scale::Categorical { .. } => majority(&placed),
        }
    }

    pub(super) fn selection(&self) -> Selection {
        let drawn = |stream: LabelStream| self.draws.iter().filter(move |draw| draw.0 == stream);
        if let Some((_, first)) = drawn(LabelStream::Uniform).next() {
            return Selection::Uniform(drawn(LabelStream::Uniform).find_map(|draw| draw.1).or(*first));
        }
        drawn(LabelStream::Targeted).find_map(|draw| draw.1).map_or(Selection::Unknown, Selection::Targeted)
    }

    /// Reasons that annotators gave.
    pub(super) fn rationale(&self) -> Option<String> {
        self.labels.values().find_map(|label| label.rationale.clone()).filter(|text| !text.trim().is_empty())
    }
}

fn placed_on(scale: &Scale, label: &Label) -> Option<Placed> {
    place(scale, label.score.as_ref()?)
}

fn majority(placed: &[Placed]) -> Consensus {
    let count = |of: &Placed| placed.iter().filter(|other| other.level == of.level).count();
    let most = placed.iter().map(count).max().unwrap_or(0);
    let mut winners = placed.iter().filter(|placed| count(placed) == most);
    match winners.next() {
        Some(first) if winners.all(|other| other.level == first.level) => Consensus::Of(*first),
        _ => Consensus::Tie,
    }
}

/// What annotators say of each other.
pub(super) fn report(items: &BTreeMap<SubjectId, HumanItem<'_>>, scale: Option<&Scale>) -> HumanReport {
    let mut annotators: BTreeMap<String, u64> = BTreeMap::new();
    for name in items.values().flat_map(|item| item.labels.keys()) {
        *annotators.entry((*name).to_owned()).or_default() += 1;
    }
    let undefined = |reason: Reason| (0, Estimate::Undefined(reason), Estimate::Undefined(reason));
    let (shared_items, raw_agreement, krippendorff_alpha) = match scale {
        None => undefined(Reason::InvalidInput),
        Some(_) if annotators.len() < 2 => undefined(Reason::TooFewAnnotators),
        Some(scale) => between(items, scale),
    };
    HumanReport { annotators, shared_items, raw_agreement, krippendorff_alpha }
}

fn between(items: &BTreeMap<SubjectId, HumanItem<'_>>, scale: &Scale) -> (u64, Estimate, Estimate) {
    let shared: Vec<Vec<Placed>> = items
        .values()
        .map(|item| item.labels.values().filter_map(|label| placed_on(scale, label)).collect::<Vec<_>>())
        .filter(|placed| placed.len() > 1)
        .collect();
    if shared.is_empty() {
        return (0, Reason::NoPairs.into(), Reason::NoPairs.into());
    }
    let same = |a: &Placed, b: &Placed| if has_threshold(scale) { a.pass == b.pass } else { a.level == b.level };
    let agreeing: f64 = shared.iter().map(|placed| pairwise_share(placed, same)).sum();
    let raw = if has_threshold(scale) || !levels(scale).is_empty() {
        proportion(agreeing, shared.len() as f64)
    } else {
        Reason::NotCategorical.into()
    };
    (shared.len() as u64, raw, alpha(&shared, scale))
}

/// The share of pairs of annotators of one item that agree.
fn pairwise_share(placed: &[Placed], same: impl Fn(&Placed, &Placed) -> bool) -> f64 {
    let pairs = placed.len() * (placed.len() - 1) / 2;
    let agreeing = (0..placed.len())
        .flat_map(|i| (i + 1..placed.len()).map(move |j| (i, j)))
        .filter(|(i, j)| same(&placed[*i], &placed[*j]));
    agreeing.count() as f64 / pairs as f64
}

fn alpha(shared: &[Vec<Placed>], scale: &Scale) -> Estimate {
    if matches!(scale, Scale::Numeric { .. }) {
        let mut sums = IntervalSums::default();
        for placed in shared {
            sums.add(IntervalSums::of_unit(&placed.iter().filter_map(|placed| placed.number).collect::<Vec<_>>()));
        }
        return Estimate::new(sums.alpha(), Err(Reason::Thin));
    }
    let categories = levels(scale).len();
    let metric = if matches!(scale, Scale::Ordinal { .. }) { Metric::Ordinal } else { Metric::Nominal };
    let units = || {
        shared.iter().map(|placed| {
            let labels: Vec<usize> = placed.iter().filter_map(|placed| placed.level).collect();
            Coincidences::unit(categories, &labels)
                .into_iter()
                .map(|(cell, share)| (cell as u32, share))
                .collect::<Contribution>()
        })
    };
    let sample = Sample::new(categories * categories, units());
    let of_sums = |sums: &[f64]| Coincidences::from_sums(categories, sums).and_then(|counts| counts.alpha(metric));
    let value = of_sums(&sample.totals());
    let interval = match &value {
        Ok(value) if *value >= 1.0 => Err(Reason::PerfectAgreement),
        Ok(_) if shared.len() < ALPHA_MIN_ITEMS => Err(Reason::Thin),
        Ok(_) => first(bootstrap(&sample, &Plan::default(), &|sums: &[f64]| vec![of_sums(sums).unwrap_or(f64::NAN)])),
        Err(reason) => Err(*reason),
    };
    Estimate::new(value, interval)
}

/// The only interval of a bootstrap of one statistic.
pub(super) fn first(intervals: Vec<Result<Interval, Reason>>) -> Result<Interval, Reason> {
    intervals.into_iter().next().unwrap_or(Err(Reason::TooFew))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(annotator: &str, score: f64, stream: LabelStream) -> Label {
        Label {
            subject: SubjectId::of_session("s"),
            rubric: "r".into(),
            annotator: annotator.into(),
            score: Score::of_number(&five_levels(), score),
            rationale: None,
            stream,
            probability: None,
            labelled_at_ms: 0,
        }
    }

    fn five_levels() -> Scale {
        Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap()
    }

    #[test]
    fn the_latest_word_of_an_annotator_counts_and_an_even_split_is_a_tie() {
        let labels = [
            label("ann", 1.0, LabelStream::Uniform),
            label("ann", 4.0, LabelStream::Unknown),
            label("bob", 5.0, LabelStream::Unknown),
        ];
        let items = by_subject(&labels, "r");
        let item = items.values().next().unwrap();
        assert_eq!(item.consensus(&five_levels()), Consensus::Tie);
        let one = by_subject(&labels[..2], "r");
        let Consensus::Of(placed) = one.values().next().unwrap().consensus(&five_levels()) else { panic!("a tie") };
        assert_eq!(placed.pass, Some(true));
        assert_eq!(item.selection(), Selection::Uniform(None), "labelling again does not undo how it was chosen");
    }

    #[test]
    fn a_single_annotator_has_nobody_to_agree_with() {
        let labels = [label("ann", 1.0, LabelStream::Uniform)];
        let report = report(&by_subject(&labels, "r"), Some(&five_levels()));
        assert_eq!(report.raw_agreement.reason(), Some(Reason::TooFewAnnotators));
    }
}
