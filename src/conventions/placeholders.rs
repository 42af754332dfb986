//! Texts that stand where content was: what producers write when they mask it, and when they were told not to record it.

use crate::model::ContentState;

/// Whole texts by which producers say that they masked a text, in lower case.
const MASKS: [&str; 6] = ["__redacted__", "<elided>", "<redacted>", "[redacted]", "redacted-by-litellm", "redacted"];

/// Whole texts, in lower case, that say that there was content and that it was not recorded.
const OMISSIONS: [&str; 8] = [
    "[redaction_failed]",
    "<hidden>",
    "[hidden]",
    "[omitted]",
    "<omitted>",
    "[not captured]",
    "<not captured>",
    "[content not captured]",
];

/// What a text says of the content in whose place it stands; `None` for content itself.
pub(super) fn state_of(text: &str) -> Option<ContentState> {
    let text = text.trim();
    if text.len() > 2 && text.bytes().all(|byte| byte == b'*') {
        return Some(ContentState::Redacted);
    }
    if is_digest(text) {
        return Some(ContentState::Redacted);
    }
    // The longest is shorter than this, and answers are mostly longer.
    if text.len() > 32 {
        return None;
    }
    // What all of them begin with; most short texts begin otherwise.
    if !matches!(text.as_bytes().first(), Some(b'_' | b'<' | b'[' | b'r' | b'R' | b'H')) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    if MASKS.contains(&&*lower) {
        return Some(ContentState::Redacted);
    }
    // Koog: `HIDDEN:non-empty`, `HIDDEN:empty`.
    let is_hidden = text.strip_prefix("HIDDEN:").is_some_and(|rest| !rest.contains(char::is_whitespace));
    (is_hidden || OMISSIONS.contains(&&*lower)).then_some(ContentState::NotCaptured)
}

/// Whether a text is nothing but a digest (SHA-1, SHA-2 or SHA-3), which a Collector's processor writes in its place.
fn is_digest(text: &str) -> bool {
    matches!(text.len(), 40 | 56 | 64 | 96 | 128)
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_what_was_said() {
        for text in ["__REDACTED__", " <redacted> ", "[REDACTED]", "****", &"*".repeat(400)] {
            assert_eq!(state_of(text), Some(ContentState::Redacted), "{text}");
        }
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(state_of(digest), Some(ContentState::Redacted));
        assert_eq!(state_of(&digest[..32]), None, "an id of 32 digits may be the answer");
        for text in ["HIDDEN:non-empty", "[redaction_failed]"] {
            assert_eq!(state_of(text), Some(ContentState::NotCaptured), "{text}");
        }
        for text in ["The number is ****", "Hidden: it is behind the shelf", "**", "Redacted by whom?", ""] {
            assert_eq!(state_of(text), None, "{text}");
        }
    }
}
