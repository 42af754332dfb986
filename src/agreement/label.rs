//! One line of a file of labels: what humans and judges said about an item.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A value as a file writes it, not yet placed on a scale.
#[derive(Debug, Clone, PartialEq)]
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
        })
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

    /// The label of a JSON value; none for null, lists and objects.
    pub fn of_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The label as a number, if it is one or spells one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Flag(_) => None,
        }
    }

    /// The label as categories are compared: numbers without a trailing `.0`, words without surrounding space.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text.trim()),
            Self::Flag(true) => Cow::Borrowed("true"),
            Self::Flag(false) => Cow::Borrowed("false"),
        }
    }

    /// Whether two labels mean the same: by number where both have one, else by text.
    pub fn same_as(&self, other: &Self) -> bool {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a == b,
            _ => self.text() == other.text(),
        }
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
    fn what_cannot_be_a_label_is_refused_by_name() {
        let refused = |line: &str| Item::parse(line).unwrap_err().to_string();
        assert!(refused(r#"{"item_id":"a","human":{"ann":[1]},"judge":{}}"#).contains("`ann`"));
        assert!(refused(r#"{"item_id":"a","weight":0,"human":{},"judge":{}}"#).contains("weight 0"));
        assert!(refused(r#"{"item_id":"a","judge":{}}"#).contains("human"));
    }
}
