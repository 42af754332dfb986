//! One line of a file of labels: what humans and judges said about an item.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::numbers::spelt;
use super::words::{side_of, spelling_key};

/// A value as a file writes it, not yet placed on a scale.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Label {
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
    /// A boolean.
    Flag(bool),
}

/// One labelled item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The item.
    pub item_id: String,
    /// The segment it belongs to.
    pub segment: Option<String>,
    /// Items of one cluster (a conversation) are not independent and are resampled together.
    pub cluster: Option<String>,
    /// How many items this one stands for: 1 / its sampling probability.
    pub weight: f64,
    /// Label of each annotator; `None` where they gave none.
    pub human: BTreeMap<String, Option<Label>>,
    /// Verdict of each judge; `None` where its reply could not be parsed.
    pub judge: BTreeMap<String, Option<Label>>,
    /// The probability that each judge gives the positive verdict, where it says so.
    pub probability: BTreeMap<String, f64>,
}

/// Why a line is not a labelled item.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// Not JSON, or not the expected fields.
    #[error("not a labelled item: {0}")]
    Json(#[from] serde_json::Error),
    /// A weight that cannot be one.
    #[error("weight {0} is not a positive number")]
    Weight(f64),
    /// A probability that cannot be one.
    #[error("the probability of `{0}` is not a number from 0 to 1")]
    Probability(String),
    /// A label that is a list or an object.
    #[error("the label of `{0}` is neither a number, a string, a boolean nor null")]
    Shape(String),
    /// The item has been read before.
    #[error("item `{item_id}` was already read on line {first}; give each item one line with all its labels")]
    Repeated {
        /// The item.
        item_id: String,
        /// The line of its first appearance.
        first: usize,
    },
}

#[derive(Deserialize)]
struct Line {
    item_id: Value,
    segment: Option<String>,
    #[serde(alias = "session_id")]
    cluster: Option<String>,
    weight: Option<f64>,
    human: Value,
    judge: Value,
    #[serde(default)]
    probability: Value,
}

impl Item {
    /// Reads one line of JSON. A single value instead of an object of annotators or judges is the label of one called
    /// `human` or `judge`.
    pub fn parse(line: &str) -> Result<Self, BadLine> {
        let line: Line = serde_json::from_str(line)?;
        let weight = line.weight.unwrap_or(1.0);
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(BadLine::Weight(weight));
        }
        Ok(Self {
            item_id: match line.item_id {
                Value::String(text) => text,
                other => other.to_string(),
            },
            segment: line.segment,
            cluster: line.cluster,
            weight,
            human: labels("human", line.human)?,
            judge: labels("judge", line.judge)?,
            probability: probabilities(line.probability)?,
        })
    }
}

/// The probabilities of each judge; a single number is that of the judge called `judge`.
fn probabilities(value: Value) -> Result<BTreeMap<String, f64>, BadLine> {
    let one = |name: String, value: &Value| match value.as_f64().filter(|number| (0.0..=1.0).contains(number)) {
        Some(number) => Ok((name, number)),
        None => Err(BadLine::Probability(name)),
    };
    match value {
        Value::Null => Ok(BTreeMap::new()),
        Value::Object(members) => {
            members.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| one(name, &value)).collect()
        }
        single => one("judge".to_owned(), &single).map(|pair| BTreeMap::from([pair])),
    }
}

fn labels(side: &str, value: Value) -> Result<BTreeMap<String, Option<Label>>, BadLine> {
    match value {
        Value::Object(labels) => {
            labels.into_iter().map(|(name, value)| Ok((name.clone(), Label::of(&name, value)?))).collect()
        }
        single => Ok(BTreeMap::from([(side.to_owned(), Label::of(side, single)?)])),
    }
}

impl Label {
    fn of(name: &str, value: Value) -> Result<Option<Self>, BadLine> {
        match value {
            Value::Array(_) | Value::Object(_) => Err(BadLine::Shape(name.to_owned())),
            single => Ok(Self::of_value(&single)),
        }
    }

    /// The label of a JSON value; none for null, blank text, lists and objects.
    pub fn of_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())).filter(|_| !text.trim().is_empty()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The label as a number, if it is one or spells one and no other, with a point or a comma.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => match spelt(text.trim()).as_slice() {
                [number] => Some(*number).filter(|number| number.is_finite()),
                _ => None,
            },
            Self::Flag(_) => None,
        }
    }

    /// Yes or no, where it says one of them.
    pub fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Text(text) => side_of(text),
            Self::Number(_) => None,
        }
    }

    /// The label as it is shown: numbers without a trailing `.0`, words without surrounding space.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text.trim()),
            Self::Flag(true) => Cow::Borrowed("true"),
            Self::Flag(false) => Cow::Borrowed("false"),
        }
    }

    /// What two spellings of one category share: numbers by value, words without regard to case and space.
    pub(super) fn key(&self) -> String {
        self.number().map_or_else(|| spelling_key(&self.text()), |number| number.to_string())
    }

    /// Whether two labels mean the same.
    pub fn same_as(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_several_annotators_and_an_unparseable_verdict() {
        let item = Item::parse(r#"{"item_id":"a","weight":2,"human":{"ann":1,"bob":"0"},"judge":{"j":null}}"#).unwrap();
        assert_eq!(item.weight, 2.0);
        assert_eq!(item.human["ann"], Some(Label::Number(1.0)));
        assert_eq!(item.judge["j"], None);
        assert!(item.human["bob"].as_ref().unwrap().same_as(&Label::Number(0.0)));
    }

    #[test]
    fn single_values_are_an_annotator_and_a_judge() {
        let item = Item::parse(r#"{"item_id":7,"human":"good","judge":true}"#).unwrap();
        assert_eq!(item.item_id, "7");
        assert_eq!(item.judge["judge"], Some(Label::Flag(true)));
    }

    #[test]
    fn a_blank_is_no_label_and_spellings_of_one_label_are_the_same() {
        let label = |json: &str| Label::of_value(&serde_json::from_str(json).unwrap());
        assert_eq!((label("\"\""), label("\" \"")), (None, None));
        for (one, other) in [("\"Pass\"", "\"pass \""), ("\"2,5\"", "2.5"), ("\"Very  Good\"", "\"very good\"")] {
            assert!(label(one).unwrap().same_as(&label(other).unwrap()), "{one} {other}");
        }
        assert!(!label("\"C++\"").unwrap().same_as(&label("\"C\"").unwrap()));
        assert_eq!(label("\"4,500\"").unwrap().number(), None, "4.5 or 4500");
    }

    #[test]
    fn what_cannot_be_a_label_is_refused_by_name() {
        let refused = |line: &str| Item::parse(line).unwrap_err().to_string();
        assert!(refused(r#"{"item_id":"a","human":{"ann":[1]},"judge":{}}"#).contains("`ann`"));
        assert!(refused(r#"{"item_id":"a","weight":0,"human":{},"judge":{}}"#).contains("weight 0"));
        assert!(refused(r#"{"item_id":"a","judge":{}}"#).contains("human"));
    }
}
