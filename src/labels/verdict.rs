//! What a line says on its rubric's scale.

use super::error::LabelError;
use super::line::LabelLine;
use crate::agreement::{Label as Verdict, spelling};
use crate::model::{Scale, Score};

/// The one verdict of a line; `None` of somebody who looked at it and could not judge.
pub(super) fn of(scale: &Scale, rubric: &str, line: &LabelLine) -> Result<Option<Score>, LabelError> {
    let mut one: Option<(&'static str, Score)> = None;
    for (name, verdict) in line.verdicts() {
        // A number beside a category is of another kind.
        if name == "score" && line.label.is_some() && matches!(scale, Scale::Categorical { .. }) {
            continue;
        }
        let Some(score) = read(scale, rubric, verdict)? else { continue };
        one = Some(match one {
            None => (name, score),
            Some((earlier, said)) => {
                (earlier, together(said, score).ok_or(LabelError::Contradiction { one: earlier, other: name })?)
            }
        });
    }
    match one {
        Some((_, score)) => Ok(Some(score)),
        None if line.skipped => Ok(None),
        None => Err(LabelError::NoVerdict),
    }
}

fn read(scale: &Scale, rubric: &str, verdict: &Verdict) -> Result<Option<Score>, LabelError> {
    spelling::of_person(scale, Some(verdict)).map_err(|_| LabelError::OffScale {
        verdict: verdict.text().into_owned(),
        scale: scale.name(),
        rubric: rubric.to_owned(),
        allowed: spelling::allowed(scale),
    })
}

/// What both say: a level and its side are one verdict.
fn together(one: Score, other: Score) -> Option<Score> {
    match (&one, &other) {
        _ if one == other => Some(one),
        (Score::Pass(side), _) => (other.passes() == Some(*side)).then_some(other),
        (_, Score::Pass(side)) => (one.passes() == Some(*side)).then_some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five() -> Scale {
        Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap()
    }

    fn line(score: Option<Verdict>, label: Option<&str>, pass: Option<bool>) -> LabelLine {
        let label = label.map(|text| Verdict::Text(text.to_owned()));
        LabelLine { score, label, pass: pass.map(Verdict::Flag), ..LabelLine::default() }
    }

    #[test]
    fn a_level_and_its_side_are_one_verdict_and_two_levels_none() {
        let number = |number: f64| Some(Verdict::Number(number));
        let five = five();
        let of = |line: LabelLine| of(&five, "r", &line).map_err(|error| error.to_string());
        let level = of(line(number(4.0), None, None)).unwrap();
        assert_eq!(of(line(number(4.0), Some("pass"), Some(true))).unwrap(), level);
        assert_eq!(of(line(None, Some("4/5"), Some(true))).unwrap(), level);
        assert_eq!(of(line(number(4.0), Some("fail"), None)).unwrap_err(), "`score` and `label` say different things");
        assert_eq!(of(line(None, Some("fail"), None)).unwrap(), Some(Score::Pass(false)));
        assert_eq!(of(line(None, None, None)).unwrap_err(), "a label needs a verdict: `score`, `label` or `pass`");
        assert_eq!(
            of(line(number(6.0), None, None)).unwrap_err(),
            "`6` is not on the ordinal scale of rubric `r`; allowed: 1, 2, 3, 4, 5"
        );
    }

    #[test]
    fn a_number_beside_a_category_is_of_another_kind() {
        let labels = ["polite", "rude"].map(|label| (label.to_owned(), String::new()));
        let scale = Scale::categorical(labels.into(), vec![]).unwrap();
        let said = of(&scale, "r", &line(Some(Verdict::Number(0.3)), Some("Rude"), None)).unwrap().unwrap();
        assert_eq!(said.label(), Some("rude"));
    }

    #[test]
    fn somebody_may_have_looked_and_not_judged() {
        let skipped = LabelLine { skipped: true, ..LabelLine::default() };
        assert_eq!(of(&five(), "r", &skipped).unwrap(), None);
    }
}
