//! The scale on which labels are compared: declared, or inferred and then stated.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::label::{Item, Label};
use super::observation::{Place, Verdict};
use super::words::spelling_key;
use crate::model::{FAIL, PASS};

/// Whole numbers over a range this wide are still levels.
const MAX_INFERRED_RANGE: f64 = 10.0;

/// Words that mean "good" in files people have; the other of two labels is then the negative one.
const POSITIVE_WORDS: [&str; 10] =
    ["pass", "true", "yes", "good", "correct", "positive", "acceptable", "faithful", "safe", "win"];

/// What a user declares with `--scale`.
#[derive(Debug, Clone, PartialEq)]
pub enum Declaration {
    /// `nominal`: unordered categories, as found in the labels.
    Nominal,
    /// `binary:POSITIVE`: this label against all others.
    Binary(Label),
    /// `ordinal:A,B,C`: these levels, lowest first.
    Ordinal(Vec<Label>),
    /// `numeric`: any number.
    Numeric,
}

/// Why a declaration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    /// None of the known forms.
    #[error("`{0}` is no scale; use nominal, binary:POSITIVE, ordinal:LOWEST,…,HIGHEST or numeric")]
    Unknown(String),
    /// One level cannot be ordered.
    #[error("an ordinal scale needs at least two levels, lowest first, as in ordinal:1,2,3,4,5")]
    TooFewLevels,
    /// Numeric levels out of order, or a level twice.
    #[error("the levels of an ordinal scale must be distinct and, when they are numbers, ascend")]
    Disordered,
}

impl FromStr for Declaration {
    type Err = ScaleError;

    fn from_str(text: &str) -> Result<Self, ScaleError> {
        let label = |text: &str| Label::Text(text.trim().to_owned());
        match text.split_once(':') {
            None if text == "nominal" => Ok(Self::Nominal),
            None if text == "numeric" => Ok(Self::Numeric),
            Some(("binary", positive)) if !positive.trim().is_empty() => Ok(Self::Binary(label(positive))),
            Some(("ordinal", levels)) => {
                let levels: Vec<Label> = levels.split(',').map(label).collect();
                let distinct = levels.iter().enumerate().all(|(i, a)| levels[..i].iter().all(|b| !a.same_as(b)));
                let numbers: Option<Vec<f64>> = levels.iter().map(Label::number).collect();
                let ascends = numbers.is_none_or(|numbers| numbers.is_sorted());
                match levels.len() {
                    0 | 1 => Err(ScaleError::TooFewLevels),
                    _ if !distinct || !ascends => Err(ScaleError::Disordered),
                    _ => Ok(Self::Ordinal(levels)),
                }
            }
            _ => Err(ScaleError::Unknown(text.to_owned())),
        }
    }
}

/// What an order of categories means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unordered.
    Nominal,
    /// Negative and positive.
    Binary,
    /// Ordered.
    Ordinal,
    /// Numbers, no categories.
    Numeric,
}

/// A scale on which every label has a place, or none.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelScale {
    kind: Kind,
    categories: Vec<Label>,
    values: Vec<f64>,
    inferred: bool,
    others_are_negative: Vec<String>,
}

impl LabelScale {
    /// The scale of `items`, declared or inferred.
    pub fn of(declaration: Option<&Declaration>, items: &[Item]) -> Self {
        let human: Vec<&Label> = items.iter().flat_map(|item| item.human.values().flatten()).collect();
        let judge: Vec<&Label> = items.iter().flat_map(|item| item.judge.values().flatten()).collect();
        let mut scale = match declaration {
            Some(declaration) => Self::declared(declaration, &human, &judge),
            None => Self::infer(&human, &judge),
        };
        scale.inferred = declaration.is_none();
        scale
    }

    fn declared(declaration: &Declaration, human: &[&Label], judge: &[&Label]) -> Self {
        match declaration {
            Declaration::Numeric => Self::of_categories(Kind::Numeric, Vec::new()),
            Declaration::Nominal => Self::of_categories(Kind::Nominal, distinct(human.iter().chain(judge).copied())),
            Declaration::Ordinal(levels) => Self::of_categories(Kind::Ordinal, levels.clone()),
            Declaration::Binary(positive) => {
                let others = distinct(human.iter().copied().filter(|label| !matches(positive, label)));
                let name =
                    if others.len() == 1 { others[0].text().into_owned() } else { format!("not {}", positive.text()) };
                let mut scale = Self::of_categories(Kind::Binary, vec![Label::Text(name), positive.clone()]);
                scale.others_are_negative = others.iter().map(|label| label.text().into_owned()).collect();
                scale
            }
        }
    }

    /// Decided by the human labels; a judge's numbers may widen a range, its words may not change the kind.
    fn infer(human: &[&Label], judge: &[&Label]) -> Self {
        let labels = if human.is_empty() { judge } else { human };
        let numbers: Option<Vec<f64>> = labels.iter().map(|label| label.number()).collect();
        if let Some(numbers) = numbers.filter(|numbers| !numbers.is_empty()) {
            let all: Vec<f64> = numbers.into_iter().chain(judge.iter().filter_map(|label| label.number())).collect();
            return Self::infer_numbers(&all);
        }
        let categories = distinct(labels.iter().copied());
        let positive = |label: &&Label| POSITIVE_WORDS.contains(&label.text().to_lowercase().as_str());
        let flags = labels.iter().all(|label| matches!(label, Label::Flag(_)));
        match (categories.len(), categories.iter().position(|label| positive(&label))) {
            (2, Some(index)) => {
                let ordered = vec![categories[1 - index].clone(), categories[index].clone()];
                Self::of_categories(Kind::Binary, ordered)
            }
            _ if flags && !labels.is_empty() => {
                Self::of_categories(Kind::Binary, vec![Label::Flag(false), Label::Flag(true)])
            }
            _ => Self::of_categories(Kind::Nominal, distinct(labels.iter().chain(judge).copied())),
        }
    }

    fn infer_numbers(numbers: &[f64]) -> Self {
        let (low, high) = numbers
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| (low.min(*number), high.max(*number)));
        let whole = numbers.iter().all(|number| number.fract() == 0.0);
        if whole && low >= 0.0 && high <= 1.0 {
            return Self::of_categories(Kind::Binary, vec![Label::Number(0.0), Label::Number(1.0)]);
        }
        // Half points are levels, too: people who rate give them.
        let halves = numbers.iter().all(|number| (number * 2.0).fract() == 0.0);
        if halves && high - low <= MAX_INFERRED_RANGE && high > low {
            let step = if whole { 1.0 } else { 0.5 };
            let levels = (0..=((high - low) / step) as i64).map(|level| Label::Number(low + level as f64 * step));
            return Self::of_categories(Kind::Ordinal, levels.collect());
        }
        Self::of_categories(Kind::Numeric, Vec::new())
    }

    /// A scale of these categories, lowest first; none for a numeric one.
    pub(super) fn of_categories(kind: Kind, categories: Vec<Label>) -> Self {
        let numbers: Option<Vec<f64>> = categories.iter().map(Label::number).collect();
        let codes = (0..categories.len()).map(|code| code as f64).collect();
        let values = match kind {
            Kind::Ordinal => numbers.unwrap_or(codes),
            _ => codes,
        };
        Self { kind, categories, values, inferred: false, others_are_negative: Vec::new() }
    }

    /// Fail and pass.
    pub fn pass_fail() -> Self {
        Self::of_categories(Kind::Binary, [FAIL, PASS].map(|side| Label::Text(side.to_owned())).into())
    }

    /// What order of categories means.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether nobody declared it.
    pub fn inferred(&self) -> bool {
        self.inferred
    }

    /// Names of the categories, in order; none on a numeric scale.
    pub fn names(&self) -> Vec<String> {
        self.categories.iter().map(|label| label.text().into_owned()).collect()
    }

    /// The name of a category.
    pub fn name(&self, category: usize) -> Option<String> {
        Some(self.categories.get(category)?.text().into_owned())
    }

    /// Whether two verdicts say the same: pass or fail where both have a side, else the category. None where they have
    /// neither in common: numbers without a threshold are near each other, not equal.
    pub fn agree(&self, one: Verdict, other: Verdict) -> Option<bool> {
        match (one.pass().zip(other.pass()), one.place().zip(other.place())) {
            (Some((one, other)), _) => Some(one == other),
            (None, Some((one, other))) if self.kind != Kind::Numeric => Some(one.category == other.category),
            _ => None,
        }
    }

    /// Numbers of the categories, in order.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The index of the positive category of a binary scale.
    pub fn positive(&self) -> Option<usize> {
        (self.kind == Kind::Binary).then_some(1)
    }

    /// Several labels that a declared binary scale counts as negative; empty when it is clear.
    pub fn others_are_negative(&self) -> &[String] {
        if self.others_are_negative.len() > 1 { &self.others_are_negative } else { &[] }
    }

    /// Where a label lies; `None` off the scale.
    pub fn place(&self, label: &Label) -> Option<Place> {
        match self.kind {
            Kind::Numeric => label.number().map(|number| Place { category: 0, number }),
            Kind::Binary if !self.others_are_negative.is_empty() => {
                let category = usize::from(matches(&self.categories[1], label));
                let known = category == 1
                    || self.others_are_negative.iter().any(|other| spelling_key(other) == spelling_key(&label.text()));
                known.then_some(Place { category, number: category as f64 })
            }
            _ => {
                let category = self.categories.iter().position(|category| matches(category, label))?;
                Some(Place { category, number: self.values[category] })
            }
        }
    }
}

/// The form that `--scale` accepts.
impl fmt::Display for LabelScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Nominal => f.write_str("nominal"),
            Kind::Numeric => f.write_str("numeric"),
            Kind::Binary => write!(f, "binary:{}", self.categories[1].text()),
            Kind::Ordinal => write!(f, "ordinal:{}", self.names().join(",")),
        }
    }
}

/// Whether a label is this category; a boolean also matches 0 and 1.
fn matches(category: &Label, label: &Label) -> bool {
    let as_number = |label: &Label| match label {
        Label::Flag(flag) => Some(f64::from(u8::from(*flag))),
        other => other.number(),
    };
    category.same_as(label) || as_number(category).is_some_and(|number| as_number(label) == Some(number))
}

/// Distinct labels, numbers ascending before words in alphabetical order; of several spellings the most frequent stands for all.
fn distinct<'a>(labels: impl Iterator<Item = &'a Label>) -> Vec<Label> {
    let mut spellings: BTreeMap<String, BTreeMap<Cow<'a, str>, (usize, &'a Label)>> = BTreeMap::new();
    for label in labels {
        let spelt = spellings.entry(label.key()).or_default().entry(label.text()).or_insert((0, label));
        spelt.0 += 1;
    }
    let most_frequent = |spelt: BTreeMap<Cow<'a, str>, (usize, &'a Label)>| spelt.into_values().max_by_key(|one| one.0);
    let mut labels: Vec<&Label> = spellings.into_values().filter_map(most_frequent).map(|(_, label)| label).collect();
    labels.sort_by(|a, b| match (a.number(), b.number()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => a.text().cmp(&b.text()),
    });
    labels.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(human: &[&str], judge: &[&str]) -> Vec<Item> {
        let line = |(human, judge): (&&str, &&str)| format!(r#"{{"item_id":1,"human":{human},"judge":{judge}}}"#);
        human.iter().zip(judge).map(|pair| Item::parse(&line(pair)).unwrap()).collect()
    }

    fn inferred(human: &[&str], judge: &[&str]) -> String {
        LabelScale::of(None, &items(human, judge)).to_string()
    }

    #[test]
    fn inference_is_what_a_reader_would_guess() {
        assert_eq!(inferred(&["0", "1"], &["1", "1"]), "binary:1");
        assert_eq!(inferred(&["\"fail\"", "\"pass\""], &["\"pass\"", "\"ERROR\""]), "binary:pass");
        assert_eq!(inferred(&["true", "true"], &["true", "false"]), "binary:true");
        assert_eq!(inferred(&["2", "5"], &["1", "4"]), "ordinal:1,2,3,4,5");
        assert_eq!(inferred(&["\"1,0\"", "2.5"], &["1", "\"3,0\""]), "ordinal:1,1.5,2,2.5,3");
        assert_eq!(inferred(&["0.25", "1"], &["0.5", "1"]), "numeric");
        assert_eq!(inferred(&["1", "90"], &["5", "7"]), "numeric");
        assert_eq!(inferred(&["\"a\"", "\"b\""], &["\"a\"", "\"c\""]), "nominal");
    }

    #[test]
    fn a_judge_that_writes_prose_does_not_change_the_scale() {
        let items = items(&["1", "5"], &["\"I would say 4\"", "5"]);
        let scale = LabelScale::of(None, &items);
        assert_eq!(scale.to_string(), "ordinal:1,2,3,4,5");
        assert_eq!(scale.place(items[0].judge["judge"].as_ref().unwrap()), None);
    }

    #[test]
    fn declared_scales_parse_or_name_the_remedy() {
        let parse = |text: &str| text.parse::<Declaration>();
        assert_eq!(parse("ordinal:1"), Err(ScaleError::TooFewLevels));
        assert_eq!(parse("ordinal:3,2,1"), Err(ScaleError::Disordered));
        assert!(parse("likert").unwrap_err().to_string().contains("ordinal:LOWEST"));
        let binary = parse("binary:good").unwrap();
        let scale =
            LabelScale::of(Some(&binary), &items(&["\"good\"", "\"bad\"", "\"ok\""], &["\"good\"", "\"ok\"", "\"?\""]));
        assert_eq!(scale.others_are_negative(), ["bad", "ok"]);
        assert_eq!(scale.place(&Label::Text("ok".into())), Some(Place { category: 0, number: 0.0 }));
        assert_eq!(scale.place(&Label::Text("?".into())), None);
    }

    #[test]
    fn named_levels_are_numbered() {
        let declared = "ordinal:poor,fair,good".parse().unwrap();
        let scale = LabelScale::of(Some(&declared), &[]);
        assert_eq!(scale.place(&Label::Text("good".into())), Some(Place { category: 2, number: 2.0 }));
    }
}
