//! The one reader of scores on a rubric's scale, whoever gave them: judges' and people's, numbers, labels and bare passes.

use std::cmp::Ordering;

use super::consensus::consensus;
use super::label::Label;
use super::observation::{Place, Verdict};
use super::scale::{Kind, LabelScale};
use crate::model::{FAIL, PASS, Scale, Score};

/// Reads verdicts on one rubric's scale.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleReader {
    rubric: Scale,
    levels: LabelScale,
}

impl ScaleReader {
    pub fn of(rubric: &Scale) -> Self {
        let text = |name: &str| Label::Text(name.to_owned());
        let levels = match rubric {
            Scale::Binary { .. } => LabelScale::pass_fail(),
            Scale::Ordinal { levels, .. } => {
                let levels = levels.iter().map(|(level, _)| Label::Number(*level as f64));
                LabelScale::of_categories(Kind::Ordinal, levels.collect())
            }
            Scale::Categorical { labels, .. } => {
                LabelScale::of_categories(Kind::Nominal, labels.iter().map(|(name, _)| text(name)).collect())
            }
            Scale::Numeric { .. } => LabelScale::of_categories(Kind::Numeric, Vec::new()),
        };
        Self { rubric: rubric.clone(), levels }
    }

    /// The scale as categories.
    pub fn levels(&self) -> &LabelScale {
        &self.levels
    }

    /// Whether the scale divides verdicts into passing and failing ones.
    pub fn has_threshold(&self) -> bool {
        match &self.rubric {
            Scale::Binary { .. } => true,
            Scale::Ordinal { pass, .. } => pass.is_some(),
            Scale::Categorical { pass, .. } => !pass.is_empty(),
            Scale::Numeric { pass, .. } => pass.is_some(),
        }
    }

    /// What a score says; none when it is not on this scale, as one of another version may be.
    pub fn read(&self, score: &Score) -> Option<Verdict> {
        match (&self.rubric, score) {
            (Scale::Categorical { labels, .. }, _) => {
                let category = labels.iter().position(|(name, _)| Some(name.as_str()) == score.label())?;
                Some(self.placed(category, category as f64, score.label()))
            }
            (Scale::Binary { .. }, Score::Category { label, .. }) => {
                let number = [FAIL, PASS].iter().position(|side| side == label)?;
                Some(self.placed(number, number as f64, None))
            }
            (Scale::Binary { .. }, Score::Pass(pass)) => {
                let number = usize::from(*pass);
                Some(self.placed(number, number as f64, None))
            }
            (Scale::Binary { .. } | Scale::Ordinal { .. } | Scale::Numeric { .. }, Score::Number { number, .. }) => {
                self.of_number(*number)
            }
            (Scale::Ordinal { .. } | Scale::Numeric { .. }, Score::Pass(pass)) => {
                self.has_threshold().then_some(Verdict::Side(*pass))
            }
            (Scale::Ordinal { .. } | Scale::Numeric { .. }, Score::Category { .. }) => None,
        }
    }

    fn of_number(&self, number: f64) -> Option<Verdict> {
        let category = match self.levels.kind() {
            Kind::Numeric => 0,
            Kind::Nominal | Kind::Binary | Kind::Ordinal => {
                self.levels.values().iter().position(|level| *level == number)?
            }
        };
        self.rubric.admits(number).then(|| self.placed(category, number, None))
    }

    fn placed(&self, category: usize, number: f64, label: Option<&str>) -> Verdict {
        Verdict::Placed { place: Place { category, number }, pass: self.rubric.passes(Some(number), label) }
    }

    /// How far two verdicts are apart, in [0, 1]; 0 or 1 where they cannot be measured.
    pub fn distance(&self, one: Verdict, other: Verdict) -> f64 {
        let value = |verdict: Verdict| {
            let place = verdict.place()?;
            self.rubric.value(Some(place.number), self.levels.name(place.category).as_deref())
        };
        match (value(one), value(other)) {
            (Some(one), Some(other)) => (one - other).abs(),
            _ => f64::from(self.levels.agree(one, other) == Some(false)),
        }
    }

    /// What several people say of one item together: the level that they have in common, else the side that most are on. None
    /// without a word, and where they are split evenly.
    pub fn together(&self, said: &[Verdict]) -> Option<Verdict> {
        let places: Vec<Place> = said.iter().filter_map(|verdict| verdict.place()).collect();
        let level = consensus(self.levels.kind(), &places).map(|place| {
            let name = self.levels.name(place.category);
            self.placed(place.category, place.number, name.as_deref())
        });
        if level.is_some() && places.len() == said.len() {
            return level;
        }
        let on = |side: bool| said.iter().filter(|verdict| verdict.pass() == Some(side)).count();
        let side = match on(true).cmp(&on(false)) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => return None,
        };
        level.filter(|level| level.pass() == Some(side)).or(Some(Verdict::Side(side)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five_levels() -> ScaleReader {
        ScaleReader::of(&Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap())
    }

    fn numbers(reader: &ScaleReader, said: &[f64]) -> Vec<Verdict> {
        said.iter().map(|number| reader.of_number(*number).unwrap()).collect()
    }

    #[test]
    fn labels_of_people_and_scores_of_judges_meet_on_the_scale() {
        let scale = Scale::Binary { pass: "yes".into(), fail: "no".into() };
        let reader = ScaleReader::of(&scale);
        let by_number = Score::of_number(&scale, 0.0).unwrap();
        assert_eq!(reader.read(&Score::Pass(false)), reader.read(&by_number));
        assert_eq!(reader.read(&Score::Number { number: 3.0, passes: None, value: 0.5 }), None);
    }

    #[test]
    fn a_bare_pass_is_a_verdict_on_every_scale_with_a_threshold() {
        let categorical =
            Scale::categorical(vec![("ok".into(), String::new()), ("bad".into(), String::new())], vec!["ok".into()]);
        let numeric = |pass| Scale::numeric(0.0, 10.0, pass, String::new()).unwrap();
        let pass = Score::Pass(true);
        assert_eq!(five_levels().read(&pass), Some(Verdict::Side(true)));
        assert_eq!(ScaleReader::of(&numeric(Some(7.0))).read(&pass), Some(Verdict::Side(true)));
        assert_eq!(ScaleReader::of(&numeric(None)).read(&pass), None);
        assert_eq!(ScaleReader::of(&categorical.unwrap()).read(&pass), None, "no category is meant");
    }

    #[test]
    fn people_have_a_level_in_common_or_a_side_or_nothing() {
        let reader = five_levels();
        let together = |said: &[f64]| reader.together(&numbers(&reader, said));
        let number = |verdict: Option<Verdict>| verdict.and_then(Verdict::place).map(|place| place.number);
        assert_eq!(number(together(&[1.0, 5.0, 4.0])), Some(4.0));
        assert_eq!(together(&[4.0, 5.0]), Some(Verdict::Side(true)), "no level between them, and both pass");
        assert_eq!(together(&[3.0, 4.0]), None);
        assert_eq!(together(&[]), None);
    }

    #[test]
    fn a_bare_pass_does_not_hide_the_level_that_another_said() {
        let reader = five_levels();
        let with = |number: f64, side: bool| {
            let mut said = numbers(&reader, &[number]);
            said.push(Verdict::Side(side));
            reader.together(&said)
        };
        assert_eq!(with(4.0, true), reader.of_number(4.0));
        assert_eq!(with(2.0, true), None);
    }
}
