//! Answers of which people say different things, until somebody settles it.

use std::collections::BTreeMap;

use crate::agreement::{ScaleReader, Verdict};
use crate::model::{Label, SubjectId};

/// An answer of which people say different things, with the latest word of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Disputed<'a> {
    /// The answer.
    pub subject: SubjectId,
    /// What each said, by name.
    pub said: Vec<&'a Label>,
    /// How far they are apart, in [0, 1].
    apart: f64,
}

/// The disputed answers of a rubric, furthest apart first; those that are settled are none.
pub fn disputed<'a>(labels: &'a [Label], rubric: &str, reader: &ScaleReader) -> Vec<Disputed<'a>> {
    let mut by_subject: BTreeMap<SubjectId, Option<BTreeMap<&str, &Label>>> = BTreeMap::new();
    // In order of time: a later label by the same annotator replaces the earlier.
    for label in labels.iter().filter(|label| label.rubric == rubric) {
        let said = by_subject.entry(label.subject).or_insert_with(|| Some(BTreeMap::new()));
        if label.instead_of.is_some() {
            *said = None;
        } else if let Some(said) = said {
            said.insert(&label.annotator, label);
        }
    }
    let mut disputed: Vec<Disputed<'_>> = by_subject
        .into_iter()
        .filter_map(|(subject, said)| Some((subject, said?.into_values().collect::<Vec<_>>())))
        .map(|(subject, said)| Disputed { subject, apart: apart(&said, reader), said })
        .filter(|one| one.apart > 0.0)
        .collect();
    disputed.sort_by(|a, b| b.apart.total_cmp(&a.apart).then(a.subject.cmp(&b.subject)));
    disputed
}

/// How far the two are apart that are furthest apart; verdicts of which nobody knows how far count as wholly apart.
fn apart(said: &[&Label], reader: &ScaleReader) -> f64 {
    let verdicts: Vec<Verdict> = said.iter().filter_map(|label| reader.read(label.score.as_ref()?)).collect();
    let mut furthest = 0.0_f64;
    for (index, one) in verdicts.iter().enumerate() {
        for other in &verdicts[..index] {
            furthest = furthest.max(reader.distance(*one, *other));
        }
    }
    furthest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LabelStream, Scale, Score};

    #[test]
    fn what_people_see_differently_waits_until_it_is_settled() {
        let scale = Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap();
        let label = |answer: u32, annotator: &str, score: f64| Label {
            subject: SubjectId::of_session(&answer.to_string()),
            rubric: "r".into(),
            annotator: annotator.into(),
            score: Score::of_number(&scale, score),
            rationale: None,
            stream: LabelStream::Unknown,
            probability: None,
            labelled_at_ms: 0,
            via: None,
            instead_of: None,
        };
        let mut labels = vec![
            label(1, "ann", 1.0),
            label(1, "bob", 5.0),
            label(2, "ann", 3.0),
            label(2, "bob", 4.0),
            label(3, "ann", 3.0),
            label(3, "bob", 3.0),
            label(4, "ann", 2.0),
            label(5, "ann", 1.0),
            label(5, "bob", 5.0),
            label(5, "bob", 1.0),
        ];
        let reader = ScaleReader::of(&scale);
        let found = |labels: &[Label]| -> Vec<SubjectId> {
            disputed(labels, "r", &reader).into_iter().map(|one| one.subject).collect()
        };
        let of = |answer: u32| SubjectId::of_session(&answer.to_string());
        assert_eq!(found(&labels), [of(1), of(2)], "the furthest apart first; bob came round by himself on the fifth");
        labels.push(Label { instead_of: Some(Vec::new()), ..label(1, "carol", 2.0) });
        assert_eq!(found(&labels), [of(2)]);
    }
}
