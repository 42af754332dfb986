//! A text under the eyes of the recognisers: word boundaries and the words before a place, in plain text as well as in
//! JSON text, where `\n` before a value is no letter of it.

/// Words that may stand between a keyword and the value it announces, in bytes.
const CONTEXT_BYTES: usize = 28;

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
        at.checked_sub(1).map_or(0, |at| self.bytes[at])
    }

    /// Whether a word can start at `at`: nothing, no word character, or the end of a JSON escape stands before it.
    pub(super) fn starts_word(self, at: usize) -> bool {
        !is_word(self.before(at)) || self.ends_escape(at)
    }

    /// Whether a word that ends before `at` is over there.
    pub(super) fn ends_word(self, at: usize) -> bool {
        !is_word(self.at(at))
    }

    /// Whether `\n`, `\t`, … or `\u00e9` ends right before `at`.
    pub(super) fn ends_escape(self, at: usize) -> bool {
        let back = |bytes: usize| at.checked_sub(bytes).map_or(0, |at| self.bytes[at]);
        (matches!(back(1), b'n' | b'r' | b't' | b'b' | b'f') && back(2) == b'\\')
            || (back(6) == b'\\' && back(5) == b'u' && (1..=4).all(|bytes| back(bytes).is_ascii_hexdigit()))
    }

    /// The end of the `\u00e9` whose digits `at` is one of.
    pub(super) fn escape_around(self, at: usize) -> Option<usize> {
        let start =
            (2..=5).filter_map(|back| at.checked_sub(back)).find(|start| self.bytes[*start..].starts_with(b"\\u"))?;
        (start + 2..start + 6).all(|digit| self.at(digit).is_ascii_hexdigit()).then_some(start + 6)
    }

    /// The first byte from `start` on that belongs to a word ending at `end`, when `start..end` may begin inside a JSON
    /// escape whose backslash stands before `start`.
    pub(super) fn after_escape(self, start: usize, end: usize) -> usize {
        if self.before(start) != b'\\' {
            return start;
        }
        let skipped = match self.at(start) {
            b'n' | b'r' | b't' | b'b' | b'f' => 1,
            b'u' if (start + 1..start + 5).all(|at| self.at(at).is_ascii_hexdigit()) => 5,
            _ => 0,
        };
        (start + skipped).min(end)
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

    /// Whether one of the words shortly before `at` satisfies `wanted`. Only letters and light punctuation may stand
    /// between, so that a value never gives context to the value behind it.
    pub(super) fn announced(self, at: usize, wanted: impl Fn(&str) -> bool) -> bool {
        let mut start = at;
        while start > 0 && at - start < CONTEXT_BYTES && is_context(self.bytes[start - 1]) {
            start -= 1;
        }
        let Some(window) = self.str.get(start..at) else { return false };
        let window = window.replace("\\n", "  ").to_ascii_lowercase();
        let mut words = window.split(|character: char| !character.is_ascii_alphabetic());
        // The window may begin inside a word, whose tail says nothing.
        if !self.starts_word(start) {
            words.next();
        }
        words.any(|word| !word.is_empty() && wanted(word))
    }
}

/// Letters, digits and the underscore.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_context(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
        || matches!(byte, b' ' | b':' | b'#' | b'=' | b'"' | b'\'' | b'\\' | b'.' | b'_' | b'-' | b'(' | b'[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_no_letter_of_the_next_word() {
        let text = Text::new(r"say\nbob \u00e9bob xbob");
        assert!(text.starts_word(5));
        assert!(text.starts_word(15));
        assert!(!text.starts_word(20));
        assert_eq!(text.after_escape(4, 8), 5);
    }

    #[test]
    fn a_value_gives_no_context_to_the_next() {
        let text = Text::new("phone a@b.io 4155552671");
        assert!(!text.announced(13, |word| word == "phone"));
        assert!(Text::new("phone: 4155552671").announced(7, |word| word == "phone"));
    }
}
