//! A text under the eyes of the recognisers: word boundaries and runs of bytes around a place. Every look around is
//! bounded or remembered ([`Ahead`]), so that a text costs time in proportion to its length whatever it holds.

use super::work::looked_at;

/// A borrowed text with the questions the recognisers ask of it.
#[derive(Clone, Copy)]
pub(super) struct Text<'t> {
    /// The whole text.
    pub(super) str: &'t str,
    /// The same as bytes.
    pub(super) bytes: &'t [u8],
}

impl<'t> Text<'t> {
    pub(super) fn new(str: &'t str) -> Self {
        Self { str, bytes: str.as_bytes() }
    }

    /// The byte at `at`, or 0 past either end (no recogniser looks for 0).
    pub(super) fn at(self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The byte before `at`, or 0 at the start.
    pub(super) fn before(self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |at| self.at(at))
    }

    /// Whether a word can start at `at`: nothing or no word character stands before it.
    pub(super) fn starts_word(self, at: usize) -> bool {
        !is_word(self.before(at))
    }

    /// Whether a word that ends before `at` is over there.
    pub(super) fn ends_word(self, at: usize) -> bool {
        !is_word(self.at(at))
    }

    /// Where the run of at most `most` bytes begins that `over` accepts and that ends at `from`.
    pub(super) fn back(self, from: usize, most: usize, over: impl Fn(u8) -> bool) -> usize {
        let length = self.bytes[..from].iter().rev().take(most).take_while(|byte| over(**byte)).count();
        looked_at(length + 1);
        from - length
    }

    /// Where the run of at most `most` bytes ends that `over` accepts and that begins at `from`.
    pub(super) fn forward(self, from: usize, most: usize, over: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        let length = rest.iter().take(most).take_while(|byte| over(**byte)).count();
        looked_at(length + 1);
        from + length
    }

    /// The text of at most `most` bytes before `at`, whole characters.
    pub(super) fn window_before(self, at: usize, most: usize) -> &'t str {
        let mut start = at.saturating_sub(most);
        while !self.str.is_char_boundary(start) {
            start += 1;
        }
        looked_at(at - start);
        self.str.get(start..at).unwrap_or_default()
    }

    /// Whether `at` is tied to something before it by a hyphen, slash, or a dot behind a digit: the value would be a
    /// part of a longer identifier.
    pub(super) fn tied_before(self, at: usize) -> bool {
        match self.before(at) {
            b'-' | b'/' => !self.starts_word(at - 1),
            b'.' => at >= 2 && self.bytes[at - 2].is_ascii_digit(),
            _ => false,
        }
    }

    /// Whether something follows `at` that makes a longer identifier of it.
    pub(super) fn tied_after(self, at: usize) -> bool {
        is_word(self.at(at)) || (matches!(self.at(at), b'-' | b'.') && self.at(at + 1).is_ascii_digit())
    }
}

/// How many bytes are looked at together.
const STRIDE: usize = 32;

/// A set of bytes, as a table.
pub(super) type Bytes = [bool; 256];

/// The table of what `wanted` lists.
pub(super) const fn table(wanted: &[u8]) -> Bytes {
    let mut table = [false; 256];
    let mut index = 0;
    while index < wanted.len() {
        table[wanted[index] as usize] = true;
        index += 1;
    }
    table
}

/// The next place from `from` on whose byte is one of `wanted`. Where they stand close together they are looked up one by
/// one; longer pieces without one are passed by comparisons that a processor does for many bytes at once, by
/// `may_be_wanted`, which says the same.
#[inline]
pub(super) fn next_of(bytes: &[u8], from: usize, wanted: &Bytes, may_be_wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let near = bytes.get(from..)?;
    let near = &near[..near.len().min(STRIDE)];
    if let Some(ahead) = near.iter().position(|byte| wanted[usize::from(*byte)]) {
        return Some(from + ahead);
    }
    let mut at = from + near.len();
    while let Some(piece) = bytes[at..].first_chunk::<STRIDE>() {
        if piece.iter().fold(0, |any, byte| any | u8::from(may_be_wanted(*byte))) != 0 {
            break;
        }
        at += STRIDE;
    }
    bytes[at..].iter().position(|byte| wanted[usize::from(*byte)]).map(|ahead| at + ahead)
}

/// Letters, digits and the underscore.
pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What a run of bytes is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Decimal digits.
    Digits,
    /// A word with hyphens and dots, as keys and tokens are written.
    Token,
    /// The same with what base64 and credentials are written with.
    Encoded,
    /// A value without quotation marks, up to white space or punctuation.
    Value,
    /// The same in a query, where `&` ends it.
    QueryValue,
    /// The lines of a private key.
    KeyLines,
    /// Anything but `"`.
    Quoted,
    /// Anything but `'`.
    Apostrophes,
    /// Anything but a line's end.
    Line,
    /// Hexadecimal digits and colons.
    Ipv6,
}

impl Class {
    const COUNT: usize = 10;

    pub(super) fn has(self, byte: u8) -> bool {
        CLASSES[usize::from(byte)] & 1 << self as usize != 0
    }

    const fn holds(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Token => is_word(byte) || matches!(byte, b'-' | b'.'),
            Self::Encoded => Self::Token.holds(byte) || matches!(byte, b'+' | b'/' | b'=' | b'~' | b'!' | b'#' | b'$'),
            Self::Value => {
                !byte.is_ascii_whitespace()
                    && !matches!(byte, b'"' | b'\'' | b'\\' | b',' | b';' | b')' | b'}' | b']' | b'<' | b'>' | b'`')
            }
            Self::QueryValue => byte != b'&' && Self::Value.holds(byte),
            Self::KeyLines => {
                byte.is_ascii_alphanumeric()
                    || byte.is_ascii_whitespace()
                    || matches!(byte, b'+' | b'/' | b'=' | b'\\' | b':' | b',' | b'.' | b'-')
            }
            Self::Quoted => byte != b'"',
            Self::Apostrophes => byte != b'\'',
            Self::Line => !matches!(byte, b'\n' | b'\r'),
            Self::Ipv6 => byte.is_ascii_hexdigit() || byte == b':',
        }
    }
}

/// Of every byte the classes that hold it, as bits.
const CLASSES: [u16; 256] = {
    const ALL: [Class; Class::COUNT] = [
        Class::Digits,
        Class::Token,
        Class::Encoded,
        Class::Value,
        Class::QueryValue,
        Class::KeyLines,
        Class::Quoted,
        Class::Apostrophes,
        Class::Line,
        Class::Ipv6,
    ];
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut class = 0;
        while class < ALL.len() {
            if ALL[class].holds(byte as u8) {
                table[byte] |= 1 << ALL[class] as usize;
            }
            class += 1;
        }
        byte += 1;
    }
    table
};

/// Where runs end, remembered: asked for ever later places, it looks at each byte once for each class.
#[derive(Default)]
pub(super) struct Ahead {
    /// Of each class a run by its start and end.
    known: [(usize, usize); Class::COUNT],
}

impl Ahead {
    /// Where the run of `class` ends that begins at `from`: `from` itself when the byte there is none of it.
    pub(super) fn end(&mut self, text: Text<'_>, class: Class, from: usize) -> usize {
        let (start, end) = self.known[class as usize];
        if (start..=end).contains(&from) && end > 0 {
            return end;
        }
        let end = text.forward(from, usize::MAX, |byte| class.has(byte));
        self.known[class as usize] = (from, end);
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_tied_to_what_makes_a_longer_identifier_of_it() {
        let text = Text::new("a-12 3.14 (99) 7-8");
        assert!(text.tied_before(2));
        assert!(text.tied_before(7));
        assert!(!text.tied_before(11));
        assert!(text.tied_after(16));
        assert!(!text.tied_after(13));
    }

    #[test]
    fn the_end_of_a_run_is_the_same_when_remembered() {
        let text = Text::new("123a45");
        let mut ahead = Ahead::default();
        let ends: Vec<usize> = (0..6).map(|from| ahead.end(text, Class::Digits, from)).collect();
        assert_eq!(ends, [3, 3, 3, 3, 6, 6]);
    }
}
