//! How much a JSON text would become when it is read: counted without reading it.

/// Values in one record: beyond it a few megabytes of text become hundreds of memory.
const MOST_VALUES: usize = 50_000;
/// Brackets in each other that the parser reads, less than its limit of 128.
const DEEPEST: usize = 120;

/// What reading takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JsonSize {
    /// Lists, objects and their members.
    values: usize,
    depth: usize,
}

impl JsonSize {
    /// Of a text that is JSON.
    pub(super) fn of(text: &str) -> Self {
        let body = text.as_bytes();
        let (mut values, mut depth, mut deepest) = (0, 0_usize, 0);
        let mut at = 0;
        while let Some(byte) = body.get(at) {
            match byte {
                b'"' => at = end_of_string(body, at + 1),
                b'{' | b'[' => {
                    values += 1;
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b',' => values += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        Self { values, depth: deepest }
    }

    pub(super) fn is_within_limits(self) -> bool {
        self.values <= MOST_VALUES && !self.is_too_deep()
    }

    pub(super) fn is_too_deep(self) -> bool {
        self.depth > DEEPEST
    }
}

/// Where the string ends that begins at `at`.
fn end_of_string(body: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', body.get(at..).unwrap_or_default()) {
        at += found;
        if body[at] == b'"' {
            return at;
        }
        at += 2;
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_strings_does_not_count() {
        let of = |text| (JsonSize::of(text).values, JsonSize::of(text).depth);
        assert_eq!(of(r#"{"a":"[{,\"[,","b":[1,2]}"#), (4, 2));
        assert_eq!(of("7"), (0, 0));
    }

    #[test]
    fn a_long_text_is_small_and_a_long_list_is_not() {
        assert!(JsonSize::of(&format!("[\"{}\"]", "a,".repeat(1_000_000))).is_within_limits());
        assert!(!JsonSize::of(&format!("[{}1]", "1,".repeat(50_000))).is_within_limits());
        assert!(!JsonSize::of(&"[".repeat(121)).is_within_limits());
    }
}
