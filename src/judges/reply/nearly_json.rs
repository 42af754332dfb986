//! A reader of JSON as language models write it: raw line breaks in strings, commas too many or too few, Python's and
//! JavaScript's ways of writing the same. Only what has one possible reading is read; an object that does not end has none.

/// How deep a reply may nest; deeper is no verdict.
const DEEPEST: usize = 32;

/// A value as it was written: members in order, repeated ones included.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The text ends first.
    Unfinished,
    /// It is written in no way that is known.
    Syntax,
}

/// Reads one value at the beginning of `text`; also says how many bytes it took.
pub(super) fn read(text: &str) -> Result<(Value, usize), Fault> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    Ok((value, reader.at))
}

/// The longest name of a member; more is not looked at to tell an object from prose.
const LONGEST_NAME: usize = 200;

/// Whether an object may begin at the brace that `text` starts with: a brace of prose, of a set or of code is no object.
pub(super) fn begins_object(text: &str) -> bool {
    let text = &text[..text.floor_char_boundary(LONGEST_NAME)];
    let mut reader = Reader { text, at: 1, depth: 0 };
    reader.blanks();
    match reader.peek() {
        Some('"' | '}') => true,
        Some('\'' | '“' | '‘') => reader.string().is_ok() && reader.is_before_colon(),
        Some(letter) if is_of_name(letter) => {
            reader.name();
            reader.is_before_colon()
        }
        _ => false,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$')
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn take_if(&mut self, mark: &str) -> bool {
        let found = self.rest().starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    /// Passes over blanks and comments.
    fn blanks(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                self.at += trimmed.find("*/").map_or(trimmed.len(), |end| end + 2);
            } else {
                return;
            }
        }
    }

    fn is_before_colon(&mut self) -> bool {
        self.blanks();
        self.peek() == Some(':')
    }

    fn value(&mut self) -> Result<Value, Fault> {
        self.blanks();
        match self.peek().ok_or(Fault::Unfinished)? {
            '{' => self.nested(Self::object),
            '[' | '(' => self.nested(Self::list),
            '"' | '\'' | '“' | '‘' => self.string().map(Value::Text),
            '-' | '+' | '.' | '0'..='9' => self.number(),
            letter if is_of_name(letter) => self.word(),
            _ => Err(Fault::Syntax),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Fault>) -> Result<Value, Fault> {
        if self.depth == DEEPEST {
            return Err(Fault::Syntax);
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value, Fault> {
        self.take();
        let mut members = Vec::new();
        loop {
            self.separators();
            match self.peek().ok_or(Fault::Unfinished)? {
                '}' => {
                    self.take();
                    return Ok(Value::Object(members));
                }
                '"' | '\'' | '“' | '‘' => {
                    let name = self.string()?;
                    members.push((name, self.member()?));
                }
                letter if is_of_name(letter) => {
                    let name = self.name().to_owned();
                    members.push((name, self.member()?));
                }
                _ => return Err(Fault::Syntax),
            }
        }
    }

    fn member(&mut self) -> Result<Value, Fault> {
        self.blanks();
        match self.take() {
            Some(':') => self.value(),
            Some(_) => Err(Fault::Syntax),
            None => Err(Fault::Unfinished),
        }
    }

    fn list(&mut self) -> Result<Value, Fault> {
        let close = if self.take() == Some('(') { ')' } else { ']' };
        let mut items = Vec::new();
        loop {
            self.separators();
            if self.peek().ok_or(Fault::Unfinished)? == close {
                self.take();
                return Ok(Value::List(items));
            }
            items.push(self.value()?);
        }
    }

    /// One comma, none, or several: what stands before and behind is the same.
    fn separators(&mut self) {
        loop {
            self.blanks();
            if !self.take_if(",") {
                return;
            }
        }
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|letter| !is_of_name(letter)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn word(&mut self) -> Result<Value, Fault> {
        match self.name() {
            "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
            "null" | "None" | "undefined" | "nil" | "NULL" => Ok(Value::Null),
            word if self.rest().is_empty() && !word.is_empty() => Err(Fault::Unfinished),
            _ => Err(Fault::Syntax),
        }
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let rest = self.rest();
        let end =
            rest.find(|letter: char| !matches!(letter, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let (written, behind) = rest.split_at(end);
        // `4/5` and `4%` without quotes say something that only their text says; `12ab` says nothing.
        let tail = behind.find([',', '}', ']', '\n']).unwrap_or(behind.len());
        let extra = behind[..tail].trim();
        if !extra.is_empty() && extra.starts_with(['/', '%']) && !extra.starts_with("//") && !extra.starts_with("/*") {
            self.at += end + tail;
            return Ok(Value::Text(format!("{written}{extra}")));
        }
        if behind.starts_with(is_of_name) {
            return Err(Fault::Syntax);
        }
        let number: f64 = written.parse().map_err(|_| Fault::Syntax)?;
        self.at += end;
        Ok(Value::Number(number))
    }

    fn string(&mut self) -> Result<String, Fault> {
        let close = match self.rest() {
            rest if rest.starts_with("\"\"\"") => "\"\"\"",
            rest if rest.starts_with("'''") => "'''",
            rest if rest.starts_with('"') => "\"",
            rest if rest.starts_with('\'') => "'",
            rest if rest.starts_with('“') => "”",
            _ => "’",
        };
        // Opening and closing marks have the same length.
        self.at += close.len();
        let mut said = String::new();
        loop {
            if self.take_if(close) {
                return Ok(said);
            }
            match self.take().ok_or(Fault::Unfinished)? {
                '\\' => self.escape(&mut said)?,
                letter => said.push(letter),
            }
        }
    }

    /// What stands behind a backslash. One that JSON does not have stands for the character itself.
    fn escape(&mut self, said: &mut String) -> Result<(), Fault> {
        match self.take().ok_or(Fault::Unfinished)? {
            'n' => said.push('\n'),
            't' => said.push('\t'),
            'r' => said.push('\r'),
            'b' => said.push('\u{8}'),
            'f' => said.push('\u{c}'),
            'u' => self.unicode(said),
            letter @ ('"' | '\'' | '\\' | '/' | '\n') => said.push(letter),
            letter => {
                said.push('\\');
                said.push(letter);
            }
        }
        Ok(())
    }

    fn unicode(&mut self, said: &mut String) {
        let Some(first) = self.four_digits() else { return said.push_str("\\u") };
        let is_high = (0xd800..0xdc00).contains(&first);
        let before = self.at;
        if is_high && self.take_if("\\u") {
            if let Some(second) = self.four_digits().filter(|second| (0xdc00..0xe000).contains(second)) {
                let whole = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return said.push(char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        said.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(written: &str) -> Value {
        Value::Text(written.to_owned())
    }

    fn members(written: &str) -> Vec<(String, Value)> {
        match read(written) {
            Ok((Value::Object(members), end)) if end == written.len() => members,
            other => panic!("{written}: {other:?}"),
        }
    }

    #[test]
    fn what_models_write_for_json_has_one_reading() {
        let expected = vec![("rationale".to_owned(), text("It's fine")), ("score".to_owned(), Value::Number(4.0))];
        for written in [
            r#"{"rationale": "It's fine", "score": 4}"#,
            r#"{"rationale": "It's fine", "score": 4,}"#,
            r#"{,"rationale": "It's fine",, "score": 4.}"#,
            "{\"rationale\": \"It's fine\"\n \"score\": +4}",
            r"{'rationale': 'It\'s fine', 'score': 4}",
            r#"{rationale: "It\u0027s fine", score: 4.0}"#,
            "{“rationale”: “It's fine”, “score”: 4}",
            "{\"rationale\": \"\"\"It's fine\"\"\", // why\n \"score\": 4 /* of 5 */}",
        ] {
            assert_eq!(members(written), expected, "{written}");
        }
        assert_eq!(members("{\"a\": None, \"b\": True, \"c\": [1, 2,]}").len(), 3);
        assert_eq!(members("{\"score\": 4/5}"), [("score".to_owned(), text("4/5"))]);
    }

    #[test]
    fn strings_keep_what_is_in_them() {
        for (written, said) in [
            ("\"one\ntwo\tthree\"", "one\ntwo\tthree"),
            (r#""a_\_b \d""#, r"a_\_b \d"),
            (r#""f(x,} and [1,]""#, "f(x,} and [1,]"),
            (r#""\ud83d\ude00 \ud83d""#, "😀 \u{fffd}"),
            (r#""\u00zz""#, "\\u00zz"),
        ] {
            assert_eq!(read(written), Ok((text(said), written.len())), "{written}");
        }
    }

    #[test]
    fn what_does_not_end_or_is_something_else_is_told_apart() {
        for written in ["{\"a\": 1", "{\"a\": \"x", "[1, 2", "{\"a\"", "{\"a\": tru"] {
            assert_eq!(read(written), Err(Fault::Unfinished), "{written}");
        }
        for written in ["{\"a\": ?}", "{\"a\" 1}", "{\"a\": 4five}", "{\"a\": good}", &"[".repeat(100)] {
            assert!(read(written).is_err(), "{written}");
        }
    }

    #[test]
    fn braces_of_prose_are_no_objects() {
        for prose in ["{really}", "{1, 2}", "{'a', 'b'}", "{ x }", "{{ name }}"] {
            assert!(!begins_object(prose), "{prose}");
        }
        for object in ["{}", "{\"a\": 1}", "{ 'a' : 1}", "{a: 1}", "{\n“a”: 1}"] {
            assert!(begins_object(object), "{object}");
        }
    }

    fn written_by_serde() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn same(value: &Value, json: &serde_json::Value) -> bool {
        match (value, json) {
            (Value::Null, serde_json::Value::Null) => true,
            (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
            (Value::Number(a), serde_json::Value::Number(b)) => Some(*a) == b.as_f64(),
            (Value::Text(a), serde_json::Value::String(b)) => a == b,
            (Value::List(a), serde_json::Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), serde_json::Value::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((n, a), (m, b))| n == m && same(a, b))
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn json_reads_as_json(json in written_by_serde()) {
            let written = json.to_string();
            let (value, end) = read(&written).unwrap();
            prop_assert_eq!(end, written.len());
            prop_assert!(same(&value, &json), "{:?} {}", value, written);
        }

        #[test]
        fn nothing_makes_it_panic(written in "[\\PC\n]{0,80}") {
            drop(read(&written));
            if written.starts_with('{') {
                begins_object(&written);
            }
        }
    }
}
