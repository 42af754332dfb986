//! Limits on the length of texts. SDKs, Collectors and people cut without leaving a sign, so that only lengths tell.

use crate::model::{LogRecord, Span, Value};

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

    /// The longest of some texts.
    fn longest<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        texts.fold(Self::default(), |longest, text| {
            // No unit counts more than bytes, and none less than characters.
            if text.len() <= longest.characters { longest } else { longest.max(Self::of(text)) }
        })
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

impl LengthLimit {
    /// The length of the longest text in some unit, where that is round and a text of that length ends in the middle of
    /// something. A longer text proves that there was no such limit, and an answer of a round length is mostly whole.
    pub(super) fn among<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        Self::met_by_longest(texts, is_round)
    }

    /// The same of texts that stand inside JSON.
    pub(super) fn among_nested<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        Self::met_by_longest(texts, is_usual)
    }

    fn met_by_longest<'a>(texts: impl Iterator<Item = &'a str> + Clone, round: fn(usize) -> bool) -> Option<Self> {
        // The dots that are put behind what was cut count within some limits, and are added by others.
        let longest = [Length::longest(texts.clone()), Length::longest(texts.clone().map(without_dots))];
        let limits = longest.into_iter().flat_map(Length::units).filter(|(_, length)| round(*length));
        let mut limits = limits.map(|(unit, length)| Self { unit, length });
        limits.find(|limit| texts.clone().any(|text| limit.is_met_by(text) && !ends_by_itself(text)))
    }

    /// Whether the longest of these texts has just this length, so that the limit may have held for them.
    pub(super) fn holds_for<'a>(self, texts: impl Iterator<Item = &'a str>) -> bool {
        self.in_unit(Length::longest(texts.map(without_dots))) == self.length
    }

    /// Whether one of these texts is longer, so that the limit did not hold for them.
    pub(super) fn is_passed_by<'a>(self, texts: impl Iterator<Item = &'a str>) -> bool {
        self.in_unit(Length::longest(texts.map(without_dots))) > self.length
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
        assert_eq!(Length::longest(["a", "äöü", "abcd"].into_iter()), length(4, 6, 4));
    }

    #[test]
    fn a_limit_is_believed_where_a_longest_text_ends_in_the_middle_of_something() {
        let cut = "word ".repeat(40);
        let whole = format!("{}word.", &cut[..195]);
        assert!(LengthLimit::among([cut.as_str(), "b"].into_iter()).is_some());
        assert_eq!(LengthLimit::among([whole.as_str()].into_iter()), None);
        assert!(
            LengthLimit::among([whole.as_str(), cut.as_str()].into_iter()).is_some_and(|one| one.is_met_by(&whole))
        );
        assert_eq!(LengthLimit::among([cut.as_str(), &"w".repeat(201)].into_iter()), None);
        for dotted in [format!("{cut}..."), format!("{}...", &cut[..197])] {
            let limit = LengthLimit::among([dotted.as_str()].into_iter());
            assert!(limit.is_some_and(|limit| limit.is_met_by(&dotted)), "{}", dotted.len());
        }
        assert_eq!(LengthLimit::among_nested([&cut[..150]].into_iter()), None, "too common among texts inside JSON");
    }

    #[test]
    fn texts_inside_lists_and_maps_are_seen() {
        let map = Value::Map(vec![("a".into(), "one".into()), ("b".into(), Value::List(vec!["two".into()]))]);
        let mut found = Vec::new();
        inside("body", &map, &mut found);
        assert_eq!(found, [("body", "one"), ("body", "two")]);
    }
}
