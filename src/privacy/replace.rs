//! Putting placeholders where values were, so that JSON text stays JSON text.

use super::finding::Finding;
use super::json_depth::JsonDepth;

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

/// The text with `placeholder` of each finding in its place. A bare number of JSON text becomes a string, at whatever
/// depth of JSON text inside strings of JSON text it stands.
pub(super) fn replaced(text: &str, found: &[Finding], mut placeholder: impl FnMut(&Finding) -> String) -> String {
    let mut depth = looks_like_json(text).then(|| JsonDepth::new(text));
    let mut result = String::with_capacity(text.len() + 16 * found.len());
    let mut position = 0;
    for finding in found {
        if finding.start < position {
            continue;
        }
        let quote =
            depth.as_mut().and_then(|depth| depth.quote_for_number(finding.start..finding.end)).unwrap_or_default();
        result.push_str(&text[position..finding.start]);
        result.push_str(&quote);
        result.push_str(&placeholder(finding));
        result.push_str(&quote);
        position = finding.end;
    }
    result.push_str(&text[position..]);
    result
}

/// Whether the text begins as a JSON object or array does.
pub(super) fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::privacy::Kind;

    fn with_number_replaced(text: &str) -> String {
        let start = text.find("4111").unwrap();
        let found = [Finding::new(start, start + 4, Kind::Card)];
        replaced(text, &found, |_| "<CARD_x>".to_owned())
    }

    #[test]
    fn a_bare_number_becomes_a_string_at_any_depth() {
        assert_eq!(with_number_replaced(r#"{"a": 4111}"#), r#"{"a": "<CARD_x>"}"#);
        assert_eq!(with_number_replaced(r#"{"a":"{\"b\": 4111}"}"#), r#"{"a":"{\"b\": \"<CARD_x>\"}"}"#);
        assert_eq!(with_number_replaced(r#"["{\"a\":\"[4111]\"}"]"#), r#"["{\"a\":\"[\\\"<CARD_x>\\\"]\"}"]"#);
        assert_eq!(
            with_number_replaced(r#"{"a":"{\u0022b\u0022: 4111}"}"#),
            r#"{"a":"{\u0022b\u0022: \"<CARD_x>\"}"}"#
        );
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
