//! The text as a reader would see it: escapes of JSON, URLs, HTML and Markdown decoded, spaces and hyphens of every kind
//! made plain, what is invisible left out, digits of other scripts and full-width letters made ASCII. Findings in it are
//! mapped back to the text as it was written.

use std::borrow::Cow;
use std::ops::Range;

use super::text::{Bytes, next_of, table};

/// A text made plain, with the way back.
pub(super) struct View<'t> {
    text: Cow<'t, str>,
    /// Places from which on the text of the view stands at another place than the text itself: in the view, in the text.
    shifts: Vec<(usize, usize)>,
}

/// What stands for a piece of text.
enum Plain {
    Char(char),
    Nothing,
}

/// The bytes at which something to be made plain can begin.
const BEGINS: Bytes = table(&[b'\\', b'%', b'&', 0xc2, 0xd9, 0xdb, 0xe0, 0xe2, 0xe3, 0xef]);

/// Whether [`BEGINS`] has this byte.
fn begins(byte: u8) -> bool {
    let is = |one: u8| u8::from(byte == one);
    let ascii = is(b'\\') | is(b'%') | is(b'&');
    (ascii | is(0xc2) | is(0xd9) | is(0xdb) | is(0xe0) | is(0xe2) | is(0xe3) | is(0xef)) != 0
}

impl<'t> View<'t> {
    pub(super) fn of(raw: &'t str) -> Self {
        let bytes = raw.as_bytes();
        let mut view = String::new();
        let mut shifts = Vec::new();
        let (mut position, mut copied) = (0, 0);
        while let Some(at) = next_of(bytes, position, &BEGINS, begins) {
            let (length, plain) = plain(raw, at);
            if let Some(plain) = plain {
                view.push_str(&raw[copied..at]);
                shifts.push((view.len(), at));
                if let Plain::Char(character) = plain {
                    view.push(character);
                }
                copied = at + length;
                shifts.push((view.len(), copied));
            }
            position = at + length;
        }
        if shifts.is_empty() {
            return Self { text: Cow::Borrowed(raw), shifts };
        }
        view.push_str(&raw[copied..]);
        Self { text: Cow::Owned(view), shifts }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where `range` of the view stands in the text.
    pub(super) fn written(&self, range: Range<usize>) -> Range<usize> {
        self.place(range.start)..self.place(range.end)
    }

    fn place(&self, at: usize) -> usize {
        let next = self.shifts.partition_point(|(view, _)| *view <= at);
        match next.checked_sub(1).and_then(|last| self.shifts.get(last)) {
            Some((view, written)) => written + (at - view),
            None => at,
        }
    }
}

/// How many bytes at `at` belong together, and what stands for them in the view; `None` when they stay.
fn plain(raw: &str, at: usize) -> (usize, Option<Plain>) {
    let rest = &raw.as_bytes()[at..];
    match rest[0] {
        b'\\' => escape(rest),
        b'%' => percent(rest),
        b'&' => entity(rest),
        _ => {
            let Some(character) = raw[at..].chars().next() else { return (1, None) };
            (character.len_utf8(), of_char(character))
        }
    }
}

/// A backslash escape, whose backslashes may themselves have been escaped any number of times.
fn escape(rest: &[u8]) -> (usize, Option<Plain>) {
    let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
    let simple = |character| (slashes + 1, Some(Plain::Char(character)));
    match rest.get(slashes) {
        Some(b'n' | b'r') => simple('\n'),
        Some(b't' | b'b' | b'f') => simple(' '),
        Some(byte @ (b'/' | b'_' | b'.' | b'-' | b'@' | b'+' | b'(' | b')' | b'#')) => simple(char::from(*byte)),
        Some(b'x') => match hex(&rest[slashes + 1..], 2) {
            Some(value @ 0x20..0x7f) => (slashes + 3, char::from_u32(value).map(Plain::Char)),
            _ => (slashes, None),
        },
        Some(b'u') => match utf16(rest, slashes) {
            Some((character, length)) => (length, Some(of_char(character).unwrap_or(Plain::Char(character)))),
            None => (slashes, None),
        },
        _ => (slashes, None),
    }
}

/// `\u00e9` or a pair of surrogates: the character and how many bytes it takes.
fn utf16(rest: &[u8], slashes: usize) -> Option<(char, usize)> {
    let first = hex(&rest[slashes + 1..], 4)?;
    let length = slashes + 5;
    if let Some(character) = char::from_u32(first) {
        return Some((character, length));
    }
    let second = rest.get(length..).filter(|next| {
        next.len() > slashes && next[..slashes].iter().all(|byte| *byte == b'\\') && next[slashes] == b'u'
    });
    let pair = second.and_then(|next| hex(&next[slashes + 1..], 4)).filter(|low| (0xdc00..0xe000).contains(low));
    match pair {
        Some(low) if first < 0xdc00 => {
            let character = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00))?;
            Some((character, length + slashes + 5))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, length)),
    }
}

/// `%40`, and `%2540` where a URL stands in another.
fn percent(rest: &[u8]) -> (usize, Option<Plain>) {
    let mut at = 1;
    while rest[at..].starts_with(b"25") && hex(&rest[at + 2..], 2).is_some() {
        at += 2;
    }
    match hex(&rest[at..], 2) {
        Some(value @ 0x20..0x7f) => (at + 2, char::from_u32(value).map(Plain::Char)),
        _ => (1, None),
    }
}

/// The entities of HTML in which addresses are hidden.
fn entity(rest: &[u8]) -> (usize, Option<Plain>) {
    const NAMED: [(&[u8], char); 8] = [
        (b"&commat;", '@'),
        (b"&period;", '.'),
        (b"&nbsp;", ' '),
        (b"&plus;", '+'),
        (b"&hyphen;", '-'),
        (b"&lowbar;", '_'),
        (b"&quot;", '"'),
        (b"&colon;", ':'),
    ];
    if let Some((name, character)) = NAMED.iter().find(|(name, _)| rest.starts_with(name)) {
        return (name.len(), Some(Plain::Char(*character)));
    }
    let Some(number) = rest.strip_prefix(b"&#") else { return (1, None) };
    let (radix, digits) = match number.first() {
        Some(b'x' | b'X') => (16, &number[1..]),
        _ => (10, number),
    };
    let length = digits.iter().take(7).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let value = std::str::from_utf8(&digits[..length]).ok().and_then(|text| u32::from_str_radix(text, radix).ok());
    let ended = digits.get(length) == Some(&b';');
    match value.and_then(char::from_u32).filter(|_| ended) {
        Some(character) => {
            let whole = rest.len() - digits.len() + length + 1;
            (whole, Some(of_char(character).unwrap_or(Plain::Char(character))))
        }
        None => (1, None),
    }
}

/// A character that looks like another one, or like none; `None` when it is plain.
fn of_char(character: char) -> Option<Plain> {
    let digit = |zero: char| char::from_digit(u32::from(character) - u32::from(zero), 10);
    let plain = match character {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
            return Some(Plain::Nothing);
        }
        '\u{2010}'..='\u{2013}' | '\u{2212}' => Some('-'),
        '\u{2024}' => Some('.'),
        '\u{fe6b}' => Some('@'),
        '\u{660}'..='\u{669}' => digit('\u{660}'),
        '\u{6f0}'..='\u{6f9}' => digit('\u{6f0}'),
        '\u{966}'..='\u{96f}' => digit('\u{966}'),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0),
        _ => None,
    };
    plain.map(Plain::Char)
}

fn hex(bytes: &[u8], length: usize) -> Option<u32> {
    let digits = bytes.get(..length)?;
    digits.iter().try_fold(0, |value, byte| Some(value << 4 | char::from(*byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(raw: &str) -> String {
        View::of(raw).text().to_owned()
    }

    #[test]
    fn what_a_reader_sees_is_decoded() {
        assert_eq!(seen(r"mail anna\u0040example.org\nBye"), "mail anna@example.org\nBye");
        assert_eq!(seen(r"ring \\\u002B49 \ud83d\ude00"), "ring +49 😀");
        assert_eq!(seen("4111\u{a0}1111\u{2011}1111\u{200b}1"), "4111 1111-11111");
        assert_eq!(seen("anna%40x.org &#64; &#x40; a%2540b 100% & co"), "anna@x.org @ @ a@b 100% & co");
        assert_eq!(seen("ａ＠ｂ．ｏｒｇ ١٢٣"), "a@b.org 123");
        assert_eq!(seen(r#"a \"quoted\" word"#), r#"a \"quoted\" word"#);
        assert!(matches!(View::of("plain – no").text, Cow::Owned(_)));
        assert!(matches!(View::of("plain, é, 文").text, Cow::Borrowed(_)));
    }

    #[test]
    fn every_place_in_the_view_leads_back() {
        let raw = r"x\u0040y \\n end";
        let view = View::of(raw);
        let found = view.text().find('y').unwrap();
        assert_eq!(&raw[view.written(found - 1..found + 1)], r"\u0040y");
        let end = view.text().find("end").unwrap();
        assert_eq!(&raw[view.written(end..end + 3)], "end");
        assert_eq!(&raw[view.written(0..1)], "x");
    }
}
