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
    // The longest is shorter than this, and answers are mostly longer.
    if text.len() > 32 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_what_was_said() {
        for text in ["__REDACTED__", " <redacted> ", "[REDACTED]", "****", &"*".repeat(400)] {
            assert_eq!(state_of(text), Some(ContentState::Redacted), "{text}");
        }
        for text in ["HIDDEN:non-empty", "[redaction_failed]"] {
            assert_eq!(state_of(text), Some(ContentState::NotCaptured), "{text}");
        }
        for text in ["The number is ****", "Hidden: it is behind the shelf", "**", "Redacted by whom?", ""] {
            assert_eq!(state_of(text), None, "{text}");
        }
    }
}
