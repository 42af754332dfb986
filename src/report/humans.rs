//! What humans said of each subject, taken together.

use std::collections::BTreeMap;

use super::data::HumanReport;
use crate::agreement::{AmongPeople, Clusters, Said, ScaleReader, Verdict, among_people};
use crate::model::{Label, LabelStream, SubjectId};
use crate::statistics::Reason;
use crate::statistics::bootstrap::Plan;
use crate::store::ScoredEvaluation;

/// What annotators said of one subject for one rubric: each annotator's latest word, before they talked to each other.
#[derive(Debug, Clone, Default)]
pub(super) struct HumanItem<'a> {
    pub(super) labels: BTreeMap<&'a str, &'a Label>,
    /// What they agreed on, or a third person decided, where they had said different things. It is what people say of the
    /// item; how far they agree by themselves is told by `labels`.
    settled: Option<&'a Label>,
    /// Every draw that brought it to an annotator: labelling again does not undo how it was chosen.
    draws: Vec<(LabelStream, Option<f64>)>,
}

/// Humans taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Consensus {
    /// They have a majority, or a median.
    Of(Verdict),
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
        if label.instead_of.is_some() {
            item.settled = Some(label);
        } else if item.settled.is_none() {
            item.labels.insert(label.annotator.as_str(), label);
        }
        item.draws.push((label.stream, label.probability.map(f64::from).filter(|p| *p > 0.0)));
    }
    items
}

impl HumanItem<'_> {
    /// What annotators said of it on the scale.
    fn said(&self, reader: &ScaleReader) -> Vec<Verdict> {
        self.labels.values().filter_map(|label| reader.read(label.score.as_ref()?)).collect()
    }

    pub(super) fn consensus(&self, reader: &ScaleReader) -> Consensus {
        let said = match self.settled {
            Some(settled) => settled.score.as_ref().and_then(|score| reader.read(score)).into_iter().collect(),
            None => self.said(reader),
        };
        match reader.together(&said) {
            Some(verdict) => Consensus::Of(verdict),
            None if said.is_empty() => Consensus::OffScale,
            None => Consensus::Tie,
        }
    }

    pub(super) fn selection(&self) -> Selection {
        let drawn = |stream: LabelStream| self.draws.iter().filter(move |draw| draw.0 == stream);
        if let Some((_, first)) = drawn(LabelStream::Uniform).next() {
            return Selection::Uniform(drawn(LabelStream::Uniform).find_map(|draw| draw.1).or(*first));
        }
        drawn(LabelStream::Targeted).find_map(|draw| draw.1).map_or(Selection::Unknown, Selection::Targeted)
    }

    /// The labels that stand for what people say of it.
    pub(super) fn spoken(&self) -> Vec<&Label> {
        match self.settled {
            Some(settled) => vec![settled],
            None => self.labels.values().copied().collect(),
        }
    }

    /// Reasons that annotators gave.
    pub(super) fn rationale(&self) -> Option<String> {
        self.spoken().into_iter().find_map(|label| label.rationale.clone()).filter(|text| !text.trim().is_empty())
    }
}

/// What annotators say of each other.
pub(super) fn report(
    items: &BTreeMap<SubjectId, HumanItem<'_>>,
    judged: &BTreeMap<SubjectId, &ScoredEvaluation>,
    reader: Option<&ScaleReader>,
) -> HumanReport {
    let mut annotators: BTreeMap<String, u64> = BTreeMap::new();
    for name in items.values().flat_map(|item| item.labels.keys()) {
        *annotators.entry((*name).to_owned()).or_default() += 1;
    }
    let undefined = |reason: Reason| AmongPeople {
        shared_items: 0,
        raw_agreement: reason.into(),
        krippendorff_alpha: reason.into(),
    };
    let among = match reader {
        None => undefined(Reason::InvalidInput),
        Some(_) if annotators.len() < 2 => undefined(Reason::TooFewAnnotators),
        Some(reader) => among_people(reader.levels(), &said(items, judged, reader), &Plan::default()),
    };
    HumanReport {
        annotators,
        shared_items: among.shared_items as u64,
        raw_agreement: among.raw_agreement,
        krippendorff_alpha: among.krippendorff_alpha,
    }
}

/// What was said of each item, with what it depends on where that is known: a label may stand without a score.
fn said(
    items: &BTreeMap<SubjectId, HumanItem<'_>>,
    judged: &BTreeMap<SubjectId, &ScoredEvaluation>,
    reader: &ScaleReader,
) -> Vec<Said> {
    let mut clusters = Clusters::default();
    for subject in items.keys() {
        let known = judged.get(subject);
        let conversation = known.and_then(|evaluation| evaluation.session_id.as_deref());
        clusters.push(conversation, known.map(|evaluation| evaluation.content_digest.as_slice()));
    }
    let of = |(index, item): (usize, &HumanItem<'_>)| Said { cluster: clusters.of(index), verdicts: item.said(reader) };
    items.values().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Scale, Score};

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
            via: None,
            instead_of: None,
        }
    }

    fn five_levels() -> Scale {
        Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap()
    }

    #[test]
    fn the_latest_word_of_an_annotator_counts() {
        let labels = [
            label("ann", 1.0, LabelStream::Uniform),
            label("ann", 4.0, LabelStream::Unknown),
            label("bob", 5.0, LabelStream::Unknown),
        ];
        let items = by_subject(&labels, "r");
        let item = items.values().next().unwrap();
        let reader = ScaleReader::of(&five_levels());
        assert_eq!(item.consensus(&reader), Consensus::Of(Verdict::Side(true)), "no level, and both pass");
        let one = by_subject(&labels[..2], "r");
        let Consensus::Of(latest) = one.values().next().unwrap().consensus(&reader) else { panic!("a tie") };
        assert_eq!(latest.place().map(|place| place.number), Some(4.0));
        assert_eq!(item.selection(), Selection::Uniform(None), "labelling again does not undo how it was chosen");
    }

    #[test]
    fn a_settled_verdict_is_what_people_say_and_no_part_of_how_far_they_agree() {
        let labels = [
            label("ann", 1.0, LabelStream::Uniform),
            label("bob", 5.0, LabelStream::Unknown),
            Label { instead_of: Some(Vec::new()), ..label("carol", 2.0, LabelStream::Unknown) },
            label("bob", 2.0, LabelStream::Unknown),
        ];
        let reader = ScaleReader::of(&five_levels());
        let items = by_subject(&labels, "r");
        let item = items.values().next().unwrap();
        let Consensus::Of(verdict) = item.consensus(&reader) else { panic!("a tie") };
        assert_eq!(verdict.place().map(|place| place.number), Some(2.0));
        assert_eq!(item.said(&reader).len(), 2, "carol settles, and bob came round after that");
        assert_eq!(item.labels["bob"].score, labels[1].score);
        assert_eq!(item.selection(), Selection::Uniform(None), "it was drawn before they talked");
    }

    #[test]
    fn a_single_annotator_has_nobody_to_agree_with() {
        let labels = [label("ann", 1.0, LabelStream::Uniform)];
        let report = report(&by_subject(&labels, "r"), &BTreeMap::new(), Some(&ScaleReader::of(&five_levels())));
        assert_eq!(report.raw_agreement.reason(), Some(Reason::TooFewAnnotators));
    }
}
