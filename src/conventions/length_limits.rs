//! Limits on the length of texts. SDKs, Collectors and people cut without leaving a sign, so that only lengths tell.

use crate::model::{Attributes, LogRecord, Span, Value};

/// The shortest text that a limit is looked for in.
const SHORTEST: usize = 100;

/// Lengths at which SDKs, Collectors and people cut text: powers of two and round numbers, and one less where a limit
/// counts an end mark.
fn is_round(length: usize) -> bool {
    length >= SHORTEST
        && (length.is_power_of_two()
            || (length + 1).is_power_of_two()
            || (length < 1_000 && length.is_multiple_of(50))
            || length.is_multiple_of(1_000)
            || length.is_multiple_of(1_024)
            || matches!(length, 1_200 | 1_500 | 2_500))
}

/// The lengths among them that are common enough to be believed of a text inside JSON, where there are many texts.
fn is_usual(length: usize) -> bool {
    is_round(length)
        && (matches!(length, 200 | 250 | 300 | 400 | 500 | 1_500 | 2_500)
            || (length >= 255 && (length.is_power_of_two() || (length + 1).is_power_of_two()))
            || length.is_multiple_of(1_000)
            || length.is_multiple_of(1_024))
}

/// What producers put behind a text that they cut, in any case.
const MARKS: [&str; 5] = ["[truncated]", "(truncated)", "<truncated>", "... truncated", "…[cut]"];

/// The length of a text in the units in which limits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Length {
    characters: usize,
    bytes: usize,
    utf16_units: usize,
}

impl Length {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self { characters: text.len(), bytes: text.len(), utf16_units: text.len() };
        }
        let characters = text.chars().count();
        // A character of four bytes is two units of UTF-16.
        let long = text.bytes().filter(|byte| *byte >= 0xF0).count();
        Self { characters, bytes: text.len(), utf16_units: characters + long }
    }

    fn max(self, other: Self) -> Self {
        Self {
            characters: self.characters.max(other.characters),
            bytes: self.bytes.max(other.bytes),
            utf16_units: self.utf16_units.max(other.utf16_units),
        }
    }

    fn units(self) -> [(Unit, usize); 3] {
        [(Unit::Characters, self.characters), (Unit::Bytes, self.bytes), (Unit::Utf16, self.utf16_units)]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Characters,
    Bytes,
    Utf16,
}

/// A limit on the length of texts that some text seems to have met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthLimit {
    unit: Unit,
    length: usize,
}

/// What one look at some texts tells of limits: it is taken of every span.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Survey {
    longest: Length,
    /// Without the dots that are put behind what was cut: they count within some limits, and are added by others.
    longest_without_dots: Length,
    /// Whether a text ends in a mark of whoever cut it.
    pub(super) has_mark: bool,
}

impl Survey {
    /// Of texts one by one.
    pub(super) fn among<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut survey = Self::default();
        texts.for_each(|text| survey.add(text));
        survey
    }

    /// Of every text that may hold content.
    pub(super) fn of(span: &Span, logs: &[LogRecord]) -> Self {
        let mut survey = Self::default();
        let mut add = |attributes: &Attributes| attributes.iter().for_each(|(_, value)| survey.add_value(value));
        add(&span.attributes);
        span.events.iter().for_each(|event| add(&event.attributes));
        for log in logs {
            add(&log.attributes);
        }
        for log in logs {
            survey.add_value(&log.body);
        }
        survey
    }

    fn add_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::List(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Map(members) => members.iter().for_each(|(_, member)| self.add_value(member)),
            Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Bytes(_) => {}
        }
    }

    #[inline]
    fn add(&mut self, text: &str) {
        self.has_mark |= says_that_it_was_cut(text);
        // No unit counts more than bytes, and none less than characters.
        if text.len() <= self.longest_without_dots.characters {
            return;
        }
        let length = Length::of(text);
        self.longest = self.longest.max(length);
        let bare = without_dots(text);
        let length = if bare.len() == text.len() { length } else { Length::of(bare) };
        self.longest_without_dots = self.longest_without_dots.max(length);
    }

    /// The lengths of the longest texts that are round.
    fn limits(self, round: fn(usize) -> bool) -> impl Iterator<Item = LengthLimit> {
        let longest = [self.longest, self.longest_without_dots].into_iter().flat_map(Length::units);
        longest.filter(move |(_, length)| round(*length)).map(|(unit, length)| LengthLimit { unit, length })
    }
}

impl LengthLimit {
    /// The length of the longest text in some unit, where that is round and a text of that length ends in the middle of
    /// something. A longer text proves that there was no such limit, and an answer of a round length is mostly whole.
    pub(super) fn among<'a>(survey: Survey, texts: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        survey.limits(is_round).find(|limit| limit.is_met_in(texts.clone()))
    }

    /// The same of texts that stand inside JSON.
    pub(super) fn among_nested<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        Survey::among(texts.clone()).limits(is_usual).find(|limit| limit.is_met_in(texts.clone()))
    }

    fn is_met_in<'a>(self, mut texts: impl Iterator<Item = &'a str>) -> bool {
        texts.any(|text| self.is_met_by(text) && !ends_by_itself(text))
    }

    /// Whether the longest of the texts has just this length, so that the limit may have held for them.
    pub(super) fn holds_for(self, survey: Survey) -> bool {
        self.in_unit(survey.longest_without_dots) == self.length
    }

    /// Whether one of the texts is longer, so that the limit did not hold for them.
    pub(super) fn is_passed_by(self, survey: Survey) -> bool {
        self.in_unit(survey.longest_without_dots) > self.length
    }

    pub(super) fn is_met_by(self, text: &str) -> bool {
        let is_met = |text: &str| text.len() >= self.length && self.in_unit(Length::of(text)) == self.length;
        is_met(text) || is_met(without_dots(text))
    }

    pub(super) fn length(self) -> usize {
        self.length
    }

    fn in_unit(self, length: Length) -> usize {
        match self.unit {
            Unit::Characters => length.characters,
            Unit::Bytes => length.bytes,
            Unit::Utf16 => length.utf16_units,
        }
    }
}

/// The text without the dots that many producers put behind what they cut.
fn without_dots(text: &str) -> &str {
    text.strip_suffix("...").or_else(|| text.strip_suffix('…')).unwrap_or(text)
}

/// Whether a text ends as whole ones do: with a sentence, a block of code, or the bracket that its JSON opened with. A
/// limit cuts just there in one or two of a hundred texts. Dots that trail off are how many producers end what they cut.
fn ends_by_itself(text: &str) -> bool {
    const CLOSING: [char; 9] = ['"', '\'', '”', '’', '»', ')', '*', '_', '」'];
    const SENTENCE: [char; 8] = ['.', '!', '?', '。', '！', '？', '؟', '।'];
    let text = text.trim();
    let is_json = (text.starts_with('{') && text.ends_with('}')) || (text.starts_with('[') && text.ends_with(']'));
    let said = text.trim_end_matches(CLOSING);
    is_json || text.ends_with("```") || (said.ends_with(SENTENCE) && !said.ends_with(".."))
}

/// Whether a text ends in a mark of whoever cut it.
pub(super) fn says_that_it_was_cut(text: &str) -> bool {
    // Nearly every text ends otherwise than all marks do.
    if matches!(text.as_bytes().last(), Some(last) if last.is_ascii_graphic() && !matches!(last, b']' | b')' | b'>' | b'd' | b'D'))
    {
        return false;
    }
    let text = text.trim_end().as_bytes();
    let end = |mark: &str| text.len().checked_sub(mark.len()).map(|from| &text[from..]);
    MARKS.iter().any(|mark| end(mark).is_some_and(|end| end.eq_ignore_ascii_case(mark.as_bytes())))
}

/// Every text that may hold content, with the name under which it stands.
pub(super) fn texts<'a>(span: &'a Span, logs: &'a [LogRecord]) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
    let events = span.events.iter().flat_map(|event| event.attributes.iter());
    let records = logs.iter().flat_map(|log| log.attributes.iter().chain([("body", &log.body)]));
    span.attributes.iter().chain(events).chain(records).flat_map(|(key, value)| {
        let mut found = Vec::new();
        let first = value.as_str().map(|text| (key, text));
        if first.is_none() {
            inside(key, value, &mut found);
        }
        first.into_iter().chain(found)
    })
}

/// The texts inside lists and maps, to which limits apply one by one.
fn inside<'a>(key: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::List(items) => items.iter().for_each(|item| inside(key, item, found)),
        Value::Map(members) => members.iter().for_each(|(_, member)| inside(key, member, found)),
        Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Bytes(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_every_unit() {
        let length = |characters, bytes, utf16_units| Length { characters, bytes, utf16_units };
        assert_eq!(Length::of("äb🙂"), length(3, 7, 4));
        assert_eq!(Survey::among(["a", "äöü", "abcd"].into_iter()).longest, length(4, 6, 4));
    }

    fn among(texts: &[&str]) -> Option<LengthLimit> {
        let texts = texts.iter().copied();
        LengthLimit::among(Survey::among(texts.clone()), texts)
    }

    #[test]
    fn a_limit_is_believed_where_a_longest_text_ends_in_the_middle_of_something() {
        let cut = "word ".repeat(40);
        let whole = format!("{}word.", &cut[..195]);
        assert!(among(&[&cut, "b"]).is_some());
        assert_eq!(among(&[&whole]), None);
        assert!(among(&[&whole, &cut]).is_some_and(|one| one.is_met_by(&whole)));
        assert_eq!(among(&[&cut, &"w".repeat(201)]), None);
        for dotted in [format!("{cut}..."), format!("{}...", &cut[..197])] {
            let limit = among(&[&dotted]);
            assert!(limit.is_some_and(|limit| limit.is_met_by(&dotted)), "{}", dotted.len());
        }
        assert_eq!(LengthLimit::among_nested([&cut[..150]].into_iter()), None, "too common among texts inside JSON");
    }

    #[test]
    fn marks_are_told_by_the_last_words_of_a_text() {
        for text in ["a [truncated]", "a (Truncated) ", "a <TRUNCATED>", "a ... truncated", "a …[cut]"] {
            assert!(says_that_it_was_cut(text), "{text}");
        }
        for text in ["", "a list [1]", "(a)", "truncated", "end", "a…"] {
            assert!(!says_that_it_was_cut(text), "{text}");
        }
    }

    #[test]
    fn texts_inside_lists_and_maps_are_seen() {
        let map = Value::Map(vec![("a".into(), "one".into()), ("b".into(), Value::List(vec!["two".into()]))]);
        let mut found = Vec::new();
        inside("body", &map, &mut found);
        assert_eq!(found, [("body", "one"), ("body", "two")]);
    }
}
