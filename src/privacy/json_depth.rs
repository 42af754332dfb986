//! Which places of a JSON text lie inside a string, and inside JSON text in a string, in one pass.

use std::ops::Range;

/// The deepest nesting of JSON text in strings that is followed: each level doubles the backslashes.
const DEEPEST: usize = 8;

/// Follows the quotation marks of a text from its beginning. A mark behind 2ᵏ − 1 backslashes belongs to JSON text that
/// lies in k strings.
pub(super) struct JsonDepth<'t> {
    bytes: &'t [u8],
    position: usize,
    /// Of each string around the position, outermost first, whether its content begins as JSON text does.
    open: [bool; DEEPEST],
    depth: usize,
}

impl<'t> JsonDepth<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), position: 0, open: [false; DEEPEST], depth: 0 }
    }

    /// The quotation marks that a placeholder needs in the place of `value`: those of its depth when the value is a bare
    /// JSON number. Values are asked for in the order in which they stand.
    pub(super) fn quote_for_number(&mut self, value: Range<usize>) -> Option<String> {
        self.advance(value.start);
        let number = self.bytes[value.clone()].iter().all(u8::is_ascii_digit);
        let in_json = self.depth == 0 || self.open[self.depth - 1];
        let before = self.bytes[..value.start].iter().rev().take(64).find(|byte| !byte.is_ascii_whitespace());
        let after = self.bytes[value.end..].iter().take(64).find(|byte| !byte.is_ascii_whitespace());
        let bare = matches!(before, Some(b':' | b'[' | b',')) && matches!(after, Some(b',' | b'}' | b']' | b'\\'));
        (number && in_json && bare).then(|| "\\".repeat((1 << self.depth) - 1) + "\"")
    }

    fn advance(&mut self, to: usize) {
        while let Some(ahead) = memchr::memchr2(b'"', b'\\', self.bytes.get(self.position..to).unwrap_or_default()) {
            let at = self.position + ahead;
            let slashes = self.bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
            let mark = at + slashes;
            self.position = mark + 1;
            if self.bytes.get(mark) == Some(&b'"') {
                self.mark((slashes + 1).is_power_of_two().then(|| (slashes + 1).ilog2() as usize));
            } else if slashes > 0 && self.bytes[mark..].starts_with(b"u0022") {
                self.position = mark + 5;
                self.mark(slashes.is_power_of_two().then(|| slashes.ilog2() as usize + 1));
            }
        }
        self.position = self.position.max(to);
    }

    /// A quotation mark of `level` before the position opens a string there or closes it with all that is inside.
    fn mark(&mut self, level: Option<usize>) {
        match level {
            Some(level) if level < self.depth => self.depth = level,
            Some(level) if level == self.depth && level < DEEPEST => {
                let first = self.bytes[self.position..].iter().take(64).find(|byte| !byte.is_ascii_whitespace());
                self.open[level] = matches!(first, Some(b'{' | b'['));
                self.depth += 1;
            }
            _ => {}
        }
    }
}
