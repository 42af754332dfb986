//! How an answer was drawn, under a seal: only what judged drew may prove something about a judge.

use crate::model::{LabelStream, Named as _, Probability, SubjectId};
use crate::secrets::{MacKey, same};

/// The seal of a draw; it belongs to the rubric and the subject.
pub fn seal_of(key: &MacKey, rubric: &str, subject: SubjectId, stream: &str, probability: &str) -> String {
    key.seal(&["label draw", rubric, &subject.to_string(), stream, probability])
}

/// A draw as one text, which no spreadsheet rounds.
pub fn sealed(key: &MacKey, rubric: &str, subject: SubjectId, stream: LabelStream, probability: Probability) -> String {
    let probability = probability.get().to_string();
    let seal = seal_of(key, rubric, subject, stream.as_str(), &probability);
    format!("{} {probability} {seal}", stream.as_str())
}

/// The draw that a text of [`sealed`] holds; none where the seal is not of this key, rubric and subject.
pub(super) fn opened(key: &MacKey, rubric: &str, subject: SubjectId, text: &str) -> Option<(LabelStream, Probability)> {
    let mut parts = text.split_whitespace();
    let (stream, probability, seal) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !same(&seal_of(key, rubric, subject, stream, probability), seal) {
        return None;
    }
    let number = probability.parse::<f64>().ok()?;
    Some((LabelStream::parse(stream)?, Probability::try_from(number).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_believed_only_as_it_was_sealed() {
        let key = MacKey::of_text("key");
        let (subject, probability) = (SubjectId::of_session("s"), Probability::try_from(1.0 / 3.0).unwrap());
        let text = sealed(&key, "r", subject, LabelStream::Uniform, probability);
        assert_eq!(opened(&key, "r", subject, &text), Some((LabelStream::Uniform, probability)));
        assert_eq!(opened(&key, "other", subject, &text), None);
        assert_eq!(opened(&key, "r", SubjectId::of_session("t"), &text), None);
        assert_eq!(opened(&MacKey::of_text("yek"), "r", subject, &text), None);
        assert_eq!(opened(&key, "r", subject, &text.replace("uniform", "targeted")), None);
        assert_eq!(opened(&key, "r", subject, "uniform 1"), None);
    }
}
