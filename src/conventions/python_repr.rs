//! Python values as `repr` prints them: how producers write a dictionary that nobody serialised.

use bumpalo::collections::String as ArenaString;

use super::json_tree::{Arena, Node};

/// Values nested deeper than this are refused.
const MAX_DEPTH: usize = 64;

/// Reads literals, enumeration members (`<Role.USER: 'user'>`, their value) and objects (`Text(text='…')`, a map of their
/// arguments). `None` when the text is anything else or was cut off.
pub(crate) fn parse<'a>(text: &'a str, arena: &'a Arena) -> Option<Node<'a>> {
    let mut reader = Reader { rest: text, arena };
    let value = reader.value(0)?;
    reader.rest.trim().is_empty().then_some(value)
}

/// Whether text is what Python prints of an object that has no form of its own: `<Stream object at 0x7f…>`.
pub(crate) fn is_printed_object(text: &str) -> bool {
    let inner = in_brackets(text).and_then(|inner| inner.rsplit_once(" at 0x"));
    inner.is_some_and(|(name, address)| {
        (name.ends_with(" object") || name.contains(" object "))
            && !address.is_empty()
            && address.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether text is what Python prints of an object with a form of its own, in brackets:
/// `<NodeWithScore(node=TextNode(id_=…))>`.
pub(crate) fn is_printed_form(text: &str) -> bool {
    let form = in_brackets(text).and_then(|inner| inner.strip_suffix(')')).and_then(|inner| inner.split_once('('));
    form.is_some_and(|(name, _)| {
        name.starts_with(char::is_uppercase) && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
    })
}

/// Whether text is what Python prints of a document of Haystack's, whose text it shortens:
/// `Document(id=a1, content: 'The first words...', score: 0.5)`.
pub(crate) fn is_printed_document(text: &str) -> bool {
    let inner = text.strip_prefix("Document(id=").and_then(|rest| rest.strip_suffix(')'));
    inner.is_some_and(|inner| inner.contains(", content: '"))
}

/// What stands between the only angle brackets of a line.
fn in_brackets(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?.strip_suffix('>')?;
    (!inner.contains(['<', '>', '\n'])).then_some(inner)
}

struct Reader<'a> {
    rest: &'a str,
    arena: &'a Arena,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// Whether `expected` came next; it is then behind.
    fn take(&mut self, expected: char) -> bool {
        self.peek();
        let taken = self.rest.strip_prefix(expected);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            '{' => self.dictionary(depth),
            '[' => self.sequence('[', ']', depth),
            '(' => self.sequence('(', ')', depth),
            '\'' | '"' => self.string().map(Node::Str),
            '<' => self.member(depth),
            '-' | '0'..='9' => self.number(),
            first if first.is_alphabetic() || first == '_' => self.name_or_object(depth),
            _ => None,
        }
    }

    fn dictionary(&mut self, depth: usize) -> Option<Node<'a>> {
        self.take('{');
        let mut entries = Vec::new();
        while !self.take('}') {
            let key = match self.value(depth + 1)? {
                Node::Str(key) => key,
                other => self.arena.alloc_str(&other.to_text()),
            };
            if !self.take(':') {
                return None;
            }
            entries.push((key, self.value(depth + 1)?));
            self.separator('}')?;
        }
        Some(Node::Map(self.arena.alloc_slice_copy(&entries)))
    }

    fn sequence(&mut self, open: char, close: char, depth: usize) -> Option<Node<'a>> {
        self.take(open);
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.value(depth + 1)?);
            self.separator(close)?;
        }
        Some(Node::List(self.arena.alloc_slice_copy(&items)))
    }

    /// A comma, or the end that follows without one.
    fn separator(&mut self, close: char) -> Option<()> {
        (self.take(',') || self.peek()? == close).then_some(())
    }

    /// `<Name.MEMBER: value>`; what has no literal (`<function f.<locals>.<lambda> at 0x7f…>`) is null.
    fn member(&mut self, depth: usize) -> Option<Node<'a>> {
        self.take('<');
        self.name()?;
        if self.rest.starts_with(':') {
            self.take(':');
            let value = self.value(depth + 1)?;
            return self.take('>').then_some(value);
        }
        let mut open = 1usize;
        let end = self.rest.find(|c: char| {
            match c {
                '<' => open += 1,
                '>' => open -= 1,
                _ => {}
            }
            open == 0
        })?;
        self.rest = &self.rest[end + 1..];
        Some(Node::Null)
    }

    fn number(&mut self) -> Option<Node<'a>> {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_')))
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().map(Node::Int).or_else(|_| digits.parse().map(Node::Float)).ok()
    }

    fn name_or_object(&mut self, depth: usize) -> Option<Node<'a>> {
        let name = self.name()?;
        match (name, self.rest.chars().next()) {
            ("None", _) => Some(Node::Null),
            ("True", _) => Some(Node::Bool(true)),
            ("False", _) => Some(Node::Bool(false)),
            ("nan" | "inf", _) => Some(Node::Null),
            ("b" | "r" | "u", Some('\'' | '"')) => self.string().map(Node::Str),
            (_, Some('(')) => self.object(depth),
            _ => None,
        }
    }

    fn name(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(name)
    }

    /// The arguments of a constructor by name; those without a name are left out.
    fn object(&mut self, depth: usize) -> Option<Node<'a>> {
        self.take('(');
        let mut entries = Vec::new();
        while !self.take(')') {
            let before = self.rest;
            let key = self.name().filter(|name| !name.is_empty());
            if let Some(key) = key.filter(|_| self.rest.starts_with('=')) {
                self.take('=');
                entries.push((key, self.value(depth + 1)?));
            } else {
                self.rest = before;
                self.value(depth + 1)?;
            }
            self.separator(')')?;
        }
        Some(Node::Map(self.arena.alloc_slice_copy(&entries)))
    }

    fn string(&mut self) -> Option<&'a str> {
        let mut chars = self.rest.char_indices();
        let (_, quote) = chars.next()?;
        let mut text = ArenaString::new_in(self.arena);
        while let Some((at, next)) = chars.next() {
            match next {
                _ if next == quote => {
                    self.rest = &self.rest[at + quote.len_utf8()..];
                    return Some(text.into_bump_str());
                }
                '\\' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'x' => text.push(code_point(&mut chars, 2)?),
                    'u' => text.push(code_point(&mut chars, 4)?),
                    'U' => text.push(code_point(&mut chars, 8)?),
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
        None
    }
}

/// The character of a hexadecimal escape; a half surrogate becomes the replacement character.
fn code_point(chars: &mut std::str::CharIndices<'_>, digits: usize) -> Option<char> {
    let number = (0..digits).try_fold(0u32, |sum, _| Some((sum << 4) | chars.next()?.1.to_digit(16)?))?;
    Some(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Option<serde_json::Value> {
        parse(text, &Arena::new()).map(Node::to_json)
    }

    #[test]
    fn literals_are_read() {
        let printed =
            r#"[{'role': 'user', 'n': -1, 'x': 1.5e-3, "it's": ("a", None, True), 'text': 'caf\xe9 \'q\' \n'}]"#;
        let expected =
            json!([{"role": "user", "n": -1, "x": 1.5e-3, "it's": ["a", null, true], "text": "café 'q' \n"}]);
        assert_eq!(read(printed), Some(expected));
    }

    #[test]
    fn objects_are_maps_of_their_arguments() {
        let printed = "ChatMessage(_role=<ChatRole.USER: 'user'>, _content=[TextContent(text='Why?')], at=<f.<locals>.<lambda> at 0x7f>)";
        assert_eq!(read(printed), Some(json!({"_role": "user", "_content": [{"text": "Why?"}], "at": null})));
    }

    #[test]
    fn printed_objects_are_told_from_markup() {
        for text in ["<groq.Stream object at 0x7f8b>", "<generator object f at 0x7f>"] {
            assert!(is_printed_object(text), "{text}");
        }
        assert!(is_printed_form("<NodeWithScore(node=TextNode(id_=4cc), score=0.8)>"));
        let markup = [
            "<b>bold</b>",
            "<br>",
            "<p>The crash is at 0x0 in main.</p>",
            "<analysis>Object at 0x7f, null deref.</analysis>",
            "<f(a)> and <g(b)>",
            "<doc>Fault at 0x10 means null.</doc>",
        ];
        for text in markup {
            assert!(!is_printed_object(text) && !is_printed_form(text), "{text}");
        }
    }

    #[test]
    fn what_was_cut_off_is_nothing() {
        for text in ["[{'a': 'b'", "{'a'}", "[1,,2]", "'open", "x y", "", "f(", "<a: "] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"[".repeat(100_000)), None);
    }

    fn literal() -> impl Strategy<Value = serde_json::Value> {
        let text = || "[a-zé🙂'\"\\\\{}\\[\\]:, \n]{0,8}";
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            text().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(text(), inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// As Python's `repr` prints it.
    fn printed(value: &serde_json::Value) -> String {
        use serde_json::Value;
        let quoted = |text: &str| {
            let escaped = text.replace('\\', r"\\").replace('\'', r"\'").replace('\n', r"\n");
            format!("'{escaped}'")
        };
        match value {
            Value::Null => "None".to_owned(),
            Value::Bool(truth) => if *truth { "True" } else { "False" }.to_owned(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => quoted(text),
            Value::Array(items) => format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(", ")),
            Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), printed(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    proptest! {
        #[test]
        fn what_python_prints_is_read_back(value in prop::collection::vec(literal(), 0..3)) {
            let value = serde_json::Value::from(value);
            prop_assert_eq!(read(&printed(&value)), Some(value));
        }

        #[test]
        fn what_python_prints_is_nothing_without_its_end(value in prop::collection::vec(literal(), 0..3), part in 0.0..1.0) {
            let text = printed(&value.into());
            let end = text.floor_char_boundary((text.len() as f64 * part) as usize);
            prop_assert_eq!(read(&text[..end]), None);
        }
    }
}
