//! JSON text inside attributes: told apart from prose, and from what a length limit cut off.

use super::json::{Unreadable, read};
use super::json_tree::{Arena, Node};

/// How often JSON text inside a JSON string is unpacked; producers do it at most twice.
const MAX_UNFOLDS: usize = 3;

/// What the text of an attribute turned out to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Parsed<'a> {
    /// JSON.
    Tree(Node<'a>),
    /// Text that was never meant as JSON.
    Text(&'a str),
    /// JSON that ends too early: an attribute length limit cut it off.
    Truncated,
    /// Meant as JSON, but wrong.
    Malformed,
}

/// Reads JSON text.
pub(crate) fn parse<'a>(text: &'a str, arena: &'a Arena) -> Parsed<'a> {
    if !looks_like_json(text) {
        return Parsed::Text(text);
    }
    match read(text, arena) {
        Ok(node) => Parsed::Tree(node),
        Err(Unreadable::Ended) => Parsed::Truncated,
        Err(Unreadable::Malformed) if is_bracketed_prose(text) => Parsed::Text(text),
        Err(Unreadable::Malformed) => Parsed::Malformed,
    }
}

/// Whether text starts the way a JSON container or a quoted JSON string does.
fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start();
    match text.as_bytes().first() {
        Some(b'{' | b'[') => true,
        Some(b'"') => text.trim_end().len() > 1 && text.trim_end().ends_with('"'),
        _ => false,
    }
}

/// `[hr-01] Parental leave: …`, `{not json}` and `"quoted" words "here"` open like JSON and are prose.
fn is_bracketed_prose(text: &str) -> bool {
    let mut inside = text.trim_start().bytes();
    let opening = inside.next();
    let first = inside.find(|byte| !byte.is_ascii_whitespace());
    match opening {
        Some(b'{') => !matches!(first, Some(b'"' | b'}')),
        Some(b'[') => !matches!(first, Some(b'{' | b'[' | b'"' | b']')),
        _ => true,
    }
}

impl<'a> Node<'a> {
    /// Text that is itself JSON, unpacked; anything else as it is.
    pub(crate) fn unfolded<'b>(self, arena: &'b Arena) -> Node<'b>
    where
        'a: 'b,
    {
        let mut node: Node<'b> = self;
        for _ in 0..MAX_UNFOLDS {
            let Node::Str(text) = node else { break };
            let Parsed::Tree(tree) = parse(text, arena) else { break };
            node = tree;
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::tree;
    use super::*;

    #[test]
    fn prose_that_opens_like_json_stays_prose() {
        for text in ["[hr-01] Parental leave", "{curly} talk", "\"Yes\", she said, \"no\"", "Canberra."] {
            assert_eq!(parse(text, &Arena::new()), Parsed::Text(text));
        }
    }

    #[test]
    fn what_a_length_limit_cut_off_is_told_apart_from_what_is_wrong() {
        let arena = Arena::new();
        assert_eq!(parse(r#"[{"role":"user","content":"Do I ne"#, &arena), Parsed::Truncated);
        assert_eq!(parse(r#"[{"role":"user"}, oops]"#, &arena), Parsed::Malformed);
    }

    #[test]
    fn numbers_and_escapes_that_json_does_not_know_are_mended() {
        let node = tree(r#"{"score": NaN, "low": -Infinity, "text": "half \ud83d, whole \ud83d\ude00, NaN"}"#);
        assert_eq!(node.get("score"), None);
        assert_eq!(node.str_of(&["text"]), Some("half \u{FFFD}, whole 😀, NaN"));
    }

    #[test]
    fn json_in_json_in_json_is_unpacked() {
        let arena = Arena::new();
        let node = Node::Str(r#""{\"city\":\"Bergen\"}""#).unfolded(&arena);
        assert_eq!(node.str_of(&["city"]), Some("Bergen"));
    }

    #[test]
    fn nesting_without_end_is_refused_rather_than_followed() {
        assert_eq!(parse(&"[".repeat(100_000), &Arena::new()), Parsed::Malformed);
    }
}
