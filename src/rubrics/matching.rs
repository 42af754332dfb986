//! `match:` decides which subjects a rubric applies to.

use std::collections::BTreeMap;

use crate::model::Subject;

/// A value to compare with; a `*` at its end stands for any rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern as written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether `value` is what the pattern says.
    pub fn admits(&self, value: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => value.starts_with(prefix),
            None => value == self.0,
        }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The conditions of `match:`. All keys must hold; of several values of one key, any.
/// `operation` and `model` ask the subject, every other key asks the segment of that name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubjectMatch(BTreeMap<String, Vec<Pattern>>);

impl SubjectMatch {
    /// Conditions from key and admitted values.
    pub fn new(conditions: impl IntoIterator<Item = (String, Vec<Pattern>)>) -> Self {
        Self(conditions.into_iter().collect())
    }

    /// The conditions, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Pattern])> {
        self.0.iter().map(|(key, patterns)| (key.as_str(), patterns.as_slice()))
    }

    /// Whether `subject` meets every condition. What a subject does not have meets none.
    pub fn admits(&self, subject: &Subject) -> bool {
        self.0.iter().all(|(key, patterns)| {
            let value = match key.as_str() {
                "operation" => subject.operation.as_deref(),
                "model" => subject.model.as_deref(),
                segment => subject.segments.get(segment).map(String::as_str),
            };
            value.is_some_and(|value| patterns.iter().any(|pattern| pattern.admits(value)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_admits_any_rest() {
        assert!(Pattern::new("gpt-4*").admits("gpt-4o-mini"));
        assert!(!Pattern::new("gpt-4*").admits("gpt-5"));
        assert!(!Pattern::new("chat").admits("chat_completion"));
    }
}
