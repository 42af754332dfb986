//! Putting placeholders where values were, so that JSON text stays JSON text.

use std::ops::Range;

use serde_json::Value as Json;

use super::finding::Finding;
use super::text::Text;

/// Sorts findings and joins those that overlap; the longer of two says what the union is.
pub(super) fn settle(found: &mut Vec<Finding>) {
    found.sort_unstable_by_key(|finding| (finding.start, finding.end));
    let mut kept = 0;
    for next in 1..found.len() {
        let (last, finding) = (found[kept], found[next]);
        if finding.start < last.end {
            let longer = if finding.end - finding.start > last.end - last.start { finding } else { last };
            found[kept] = Finding { start: last.start, end: last.end.max(finding.end), what: longer.what };
        } else {
            kept += 1;
            found[kept] = finding;
        }
    }
    found.truncate(kept + usize::from(!found.is_empty()));
}

/// The text with `placeholder` of each finding in its place.
///
/// JSON text inside a string of JSON text is redacted as the JSON text it is, by `nested`, and escaped again.
pub(super) fn replaced(
    text: &str,
    found: &[Finding],
    placeholder: impl Fn(&Finding) -> String,
    nested: impl Fn(&str) -> String,
) -> String {
    let mut strings = looks_like_json(text).then(|| Strings { text: Text::new(text), position: 0, opened: None });
    let mut result = String::with_capacity(text.len() + 16 * found.len());
    let mut position = 0;
    for finding in found {
        if finding.start < position {
            continue;
        }
        let mut quote = "";
        if let Some(strings) = &mut strings {
            strings.advance(finding.start);
            if let Some((string, content)) = strings.nested_json() {
                result.push_str(&text[position..string.start]);
                result.push_str(&Json::String(nested(&content)).to_string());
                position = string.end;
                continue;
            }
            quote = strings.quote_for(finding);
        }
        result.push_str(&text[position..finding.start]);
        result.push_str(quote);
        result.push_str(&placeholder(finding));
        result.push_str(quote);
        position = finding.end;
    }
    result.push_str(&text[position..]);
    result
}

/// Whether the text begins as a JSON object or array does.
pub(super) fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// Follows which places of a JSON text lie inside a string.
struct Strings<'t> {
    text: Text<'t>,
    position: usize,
    /// Where the string around `position` begins, with its quotation mark.
    opened: Option<usize>,
}

impl Strings<'_> {
    fn advance(&mut self, to: usize) {
        while self.position < to {
            match (self.text.bytes[self.position], self.opened) {
                (b'\\', Some(_)) => self.position += 1,
                (b'"', None) => self.opened = Some(self.position),
                (b'"', Some(_)) => self.opened = None,
                _ => {}
            }
            self.position += 1;
        }
    }

    /// The string around the position, with its quotation marks, and its content when that is JSON text itself.
    fn nested_json(&self) -> Option<(Range<usize>, String)> {
        let start = self.opened?;
        let first = self.text.bytes[start + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
        if !matches!(first, Some(b'{' | b'[')) {
            return None;
        }
        let mut end = Strings { text: self.text, position: self.position, opened: self.opened };
        while end.opened.is_some() {
            if end.position >= self.text.bytes.len() {
                return None;
            }
            end.advance(end.position + 1);
        }
        let content = serde_json::from_str(&self.text.str[start..end.position]).ok()?;
        Some((start..end.position, content))
    }

    /// The quotation mark a placeholder needs around it: one, when the value is a bare JSON number.
    fn quote_for(&self, finding: &Finding) -> &'static str {
        let bytes = self.text.bytes;
        let number = bytes[finding.start..finding.end].iter().all(u8::is_ascii_digit);
        if number && self.opened.is_none() { "\"" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::privacy::Kind;

    fn with_number_replaced(text: &str) -> String {
        let start = text.find("4111").unwrap();
        let found = [Finding::new(start, start + 4, Kind::Card)];
        replaced(text, &found, |_| "<CARD_x>".to_owned(), with_number_replaced)
    }

    #[test]
    fn a_bare_number_becomes_a_string_at_any_depth() {
        assert_eq!(with_number_replaced(r#"{"a": 4111}"#), r#"{"a": "<CARD_x>"}"#);
        assert_eq!(with_number_replaced(r#"{"a":"{\"b\": 4111}"}"#), r#"{"a":"{\"b\": \"<CARD_x>\"}"}"#);
        assert_eq!(with_number_replaced(r#"{"a":"card: 4111, ok"}"#), r#"{"a":"card: <CARD_x>, ok"}"#);
        assert_eq!(with_number_replaced("card: 4111, ok"), "card: <CARD_x>, ok");
    }

    #[test]
    fn overlapping_findings_are_one() {
        let mut found =
            vec![Finding::new(5, 20, Kind::Secret), Finding::new(0, 8, Kind::Email), Finding::new(30, 31, Kind::Ip)];
        settle(&mut found);
        assert_eq!(found, [Finding::new(0, 20, Kind::Secret), Finding::new(30, 31, Kind::Ip)]);
    }
}
