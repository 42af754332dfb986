//! A reader of JSON that borrows, made for what instrumentations write: it forgives what Python's encoder lets through
//! (`NaN`, `Infinity`, half surrogates) and raw control characters, and tells what was cut off from what is wrong.

use bumpalo::collections::String as ArenaString;

use super::json_tree::{Arena, Node};

/// Lists and maps nested deeper than this are refused.
const MAX_DEPTH: usize = 127;
/// How many values of open lists and maps find room at once.
const ROOM: usize = 16;

/// Why text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It ends too early.
    Ended,
    /// It is wrong.
    Malformed,
}

type Read<T> = Result<T, Unreadable>;

/// Reads one JSON value and nothing after it.
pub(super) fn read<'a>(text: &'a str, arena: &'a Arena) -> Read<Node<'a>> {
    let (items, entries) = (Vec::with_capacity(ROOM), Vec::with_capacity(ROOM));
    let mut reader = Reader { text, at: 0, arena, items, entries };
    let value = reader.value(0)?;
    match reader.token() {
        Err(Unreadable::Ended) => Ok(value),
        _ => Err(Unreadable::Malformed),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    arena: &'a Arena,
    /// Items of the lists that are open; each list takes its own to the arena when it closes.
    items: Vec<Node<'a>>,
    /// Entries of the maps that are open.
    entries: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Reader<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is no white space; it stays.
    fn token(&mut self) -> Read<u8> {
        while let Some(byte) = self.bytes().get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Ok(*byte);
            }
            self.at += 1;
        }
        Err(Unreadable::Ended)
    }

    fn value(&mut self, depth: usize) -> Read<Node<'a>> {
        match self.token()? {
            b'"' => self.string().map(Node::Str),
            b'{' => self.map(depth),
            b'[' => self.list(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Node::Bool(true)),
            b'f' => self.word("false", Node::Bool(false)),
            b'n' => self.word("null", Node::Null),
            b'N' if self.rest().starts_with("NaN") => self.word("NaN", Node::Null),
            b'I' if self.rest().starts_with("Infinity") => self.word("Infinity", Node::Null),
            _ => Err(Unreadable::Malformed),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn word(&mut self, word: &str, meaning: Node<'a>) -> Read<Node<'a>> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            Ok(meaning)
        } else if word.starts_with(self.rest()) {
            Err(Unreadable::Ended)
        } else {
            Err(Unreadable::Malformed)
        }
    }

    fn list(&mut self, depth: usize) -> Read<Node<'a>> {
        let first = self.items.len();
        if self.opened(b']', depth)? {
            loop {
                let item = self.value(depth + 1)?;
                self.items.push(item);
                if self.closed(b']')? {
                    break;
                }
            }
        }
        let list = self.arena.alloc_slice_copy(&self.items[first..]);
        self.items.truncate(first);
        Ok(Node::List(list))
    }

    fn map(&mut self, depth: usize) -> Read<Node<'a>> {
        let first = self.entries.len();
        if self.opened(b'}', depth)? {
            loop {
                let key = self.key()?;
                let value = self.value(depth + 1)?;
                self.entries.push((key, value));
                if self.closed(b'}')? {
                    break;
                }
            }
        }
        let map = self.arena.alloc_slice_copy(&self.entries[first..]);
        self.entries.truncate(first);
        Ok(Node::Map(map))
    }

    /// Steps into a list or map; false when it ends at once.
    fn opened(&mut self, close: u8, depth: usize) -> Read<bool> {
        if depth >= MAX_DEPTH {
            return Err(Unreadable::Malformed);
        }
        self.at += 1;
        let empty = self.token()? == close;
        self.at += usize::from(empty);
        Ok(!empty)
    }

    /// Steps over what follows a value: a comma, or the end, for which it says true.
    fn closed(&mut self, close: u8) -> Read<bool> {
        let next = self.token()?;
        if next != b',' && next != close {
            return Err(Unreadable::Malformed);
        }
        self.at += 1;
        Ok(next == close)
    }

    fn key(&mut self) -> Read<&'a str> {
        if self.token()? != b'"' {
            return Err(Unreadable::Malformed);
        }
        let key = self.string()?;
        if self.token()? != b':' {
            return Err(Unreadable::Malformed);
        }
        self.at += 1;
        Ok(key)
    }

    /// A string whose opening quote is next. Only one with escapes is copied.
    fn string(&mut self) -> Read<&'a str> {
        let start = self.at + 1;
        let end = self.quote_or_escape(start)?;
        if self.bytes()[end] == b'"' {
            self.at = end + 1;
            return Ok(&self.text[start..end]);
        }
        let mut text = ArenaString::from_str_in(&self.text[start..end], self.arena);
        self.at = end;
        loop {
            self.escape(&mut text)?;
            let end = self.quote_or_escape(self.at)?;
            text.push_str(&self.text[self.at..end]);
            self.at = end;
            if self.bytes()[end] == b'"' {
                self.at += 1;
                return Ok(text.into_bump_str());
            }
        }
    }

    /// Where the next `"` or `\` stands.
    fn quote_or_escape(&self, from: usize) -> Read<usize> {
        const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
        const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
        // The lowest byte that is marked is one that is equal; those above it may be marked by a borrow.
        let equal = |word: u64, byte: u8| {
            let difference = word ^ (ONES * u64::from(byte));
            difference.wrapping_sub(ONES) & !difference & HIGH
        };
        let mut at = from;
        // Most names end within eight bytes, which is not worth the call of a function.
        if let Some(eight) = self.bytes().get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*eight);
            let found = equal(word, b'"') | equal(word, b'\\');
            if found != 0 {
                return Ok(at + found.trailing_zeros() as usize / 8);
            }
            at += 8;
        }
        let rest = self.bytes().get(at..).unwrap_or_default();
        memchr::memchr2(b'"', b'\\', rest).map(|found| at + found).ok_or(Unreadable::Ended)
    }

    /// Steps over an escape and says what it means.
    fn escape(&mut self, text: &mut ArenaString<'_>) -> Read<()> {
        let letter = *self.bytes().get(self.at + 1).ok_or(Unreadable::Ended)?;
        self.at += 2;
        text.push(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => self.code_point()?,
            _ => return Err(Unreadable::Malformed),
        });
        Ok(())
    }

    /// The character of four hexadecimal digits or, for what needs two code units, of the pair; half of a pair is the
    /// replacement character.
    fn code_point(&mut self) -> Read<char> {
        let first = self.code_unit(self.at)?;
        self.at += 4;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        if first < 0xDC00 && self.rest().starts_with("\\u") {
            let second = self.code_unit(self.at + 2)?;
            if (0xDC00..0xE000).contains(&second) {
                self.at += 6;
                let both = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    /// Four hexadecimal digits.
    fn code_unit(&self, at: usize) -> Read<u32> {
        (at..at + 4).try_fold(0, |sum, at| {
            let byte = *self.bytes().get(at).ok_or(Unreadable::Ended)?;
            let digit = char::from(byte).to_digit(16).ok_or(Unreadable::Malformed)?;
            Ok(sum << 4 | digit)
        })
    }

    fn number(&mut self) -> Read<Node<'a>> {
        let start = self.at;
        if self.rest().starts_with("-Infinity") {
            return self.word("-Infinity", Node::Null);
        }
        self.at += usize::from(self.bytes()[start] == b'-');
        let leading_zero = self.bytes().get(self.at) == Some(&b'0');
        if self.digits()? > 1 && leading_zero {
            return Err(Unreadable::Malformed);
        }
        let mut whole = true;
        if self.bytes().get(self.at) == Some(&b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes().get(self.at), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            self.at += usize::from(matches!(self.bytes().get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        if whole && let Ok(number) = text.parse() {
            return Ok(Node::Int(number));
        }
        let number: f64 = text.parse().map_err(|_| Unreadable::Malformed)?;
        // As unbounded as `Infinity`, which is null.
        Ok(if number.is_finite() { Node::Float(number) } else { Node::Null })
    }

    /// Steps over digits, of which there must be one, and says how many there were.
    fn digits(&mut self) -> Read<usize> {
        let rest = &self.bytes()[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        match count {
            0 if rest.is_empty() => Err(Unreadable::Ended),
            0 => Err(Unreadable::Malformed),
            count => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read_value(text: &str) -> Value {
        read(text, &Arena::new()).map_or(json!("unreadable"), Node::to_json)
    }

    fn error(text: &str) -> Option<Unreadable> {
        read(text, &Arena::new()).err()
    }

    #[test]
    fn values_are_read() {
        let text =
            r#" {"a": [1, -2.5, 1e3, true, false, null], "": {}, "b\n": "caf\u00e9 \ud83d\ude00 \"\\\/\t", "c": []} "#;
        let expected = json!({"a": [1, -2.5, 1000.0, true, false, null], "": {}, "b\n": "café 😀 \"\\/\t", "c": []});
        assert_eq!(read_value(text), expected);
    }

    #[test]
    fn what_encoders_let_through_is_forgiven() {
        assert_eq!(read_value("[NaN, Infinity, -Infinity, 1e999]"), json!([null, null, null, null]));
        assert_eq!(
            read_value(r#"["\ud83d", "\ude00", "\ud83dx", "\ud83d\u0041"]"#),
            json!(["\u{FFFD}", "\u{FFFD}", "\u{FFFD}x", "\u{FFFD}A"])
        );
        assert_eq!(read_value("[\"two\nlines\"]"), json!(["two\nlines"]));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for text in [
            "[1,]",
            "{\"a\" 1}",
            "{a:1}",
            "[01]",
            "[1.]",
            "[-]",
            "[\"\\x\"]",
            "[\"\\u12g4\"]",
            "[nul]",
            "1 2",
            "[+1]",
            "[.5]",
        ] {
            assert_eq!(error(text), Some(Unreadable::Malformed), "{text}");
        }
        assert_eq!(error(&"[".repeat(100_000)), Some(Unreadable::Malformed));
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_reads(text in r#"([\[\]{},: ]|"[a-zé"\\u0-9/]{0,12}"|-?[0-9]{1,20}(\.[0-9]{1,3})?(e-?[0-9]{1,2})?|true|null){0,12}"#) {
            let arena = Arena::new();
            let ours = read(&text, &arena);
            match serde_json::from_str::<Value>(&text) {
                Ok(theirs) => prop_assert!(same(&ours.unwrap().to_json(), &theirs), "{text}"),
                Err(error) if error.is_eof() => prop_assert_eq!(ours, Err(Unreadable::Ended), "{}", text),
                Err(_) => prop_assert!(ours != Err(Unreadable::Ended) || text.contains("\\u"), "{text}"),
            }
        }

        #[test]
        fn whatever_is_written_is_read_again(value in any_json()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert!(same(&read_value(&text), &value), "{text}");
                let cut: String = text.chars().take(text.chars().count() - 1).collect();
                if value.is_object() || value.is_array() || value.is_string() {
                    prop_assert_eq!(error(&cut), Some(Unreadable::Ended), "{}", cut);
                }
            }
        }
    }

    /// Equal but for the last digit of a fraction and the sign of zero.
    fn same(one: &Value, two: &Value) -> bool {
        match (one, two) {
            (Value::Number(one), Value::Number(two)) => {
                let (one, two) = (one.as_f64().unwrap(), two.as_f64().unwrap());
                one == two || (one - two).abs() <= one.abs() * 1e-15
            }
            (Value::Array(one), Value::Array(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same(one, two))
            }
            (Value::Object(one), Value::Object(two)) => {
                one.len() == two.len()
                    && one.iter().all(|(key, value)| two.get(key).is_some_and(|two| same(value, two)))
            }
            _ => one == two,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(|number: f64| Value::from(number)),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((".{0,9}", inner), 0..6).prop_map(|pairs| pairs.into_iter().collect()),
            ]
        })
    }
}
