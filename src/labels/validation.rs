//! What every label must satisfy, whichever way it comes in.

use super::error::{LabelError, RATIONALE_MAX};

/// A name longer than this is no name.
const NAME_MAX: usize = 80;
/// Clocks of others may be ahead, and some write local time as if it were UTC.
const AHEAD_MS: i64 = 86_400_000;

/// A name as it is stored.
pub fn annotator(text: &str) -> Result<String, LabelError> {
    let name = text.trim();
    if name.is_empty() {
        return Err(LabelError::Annotator("it is empty"));
    }
    if name.chars().count() > NAME_MAX {
        return Err(LabelError::Annotator("it has more than 80 characters"));
    }
    if name.chars().any(is_unseen) {
        return Err(LabelError::Annotator("it holds characters that cannot be seen"));
    }
    Ok(name.to_owned())
}

/// Characters that control a terminal, turn the direction of text, or show as nothing, so that two names look like one.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{3164}' | '\u{e0000}'..='\u{e007f}')
}

/// Reasons as they are stored; none where there are no words.
pub fn rationale(text: Option<String>) -> Result<Option<String>, LabelError> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    match text.chars().count() {
        length if length > RATIONALE_MAX => Err(LabelError::Rationale(length)),
        _ => Ok(Some(text)),
    }
}

/// When a label was given, milliseconds since the Unix epoch.
pub(super) fn labelled_at_ms(at: jiff::Timestamp, now_ms: i64) -> Result<i64, LabelError> {
    match at.as_millisecond() {
        ms if ms > now_ms.saturating_add(AHEAD_MS) => Err(LabelError::Future(at)),
        ms => Ok(ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_read_by_people() {
        assert_eq!(annotator("  Änne Müller ").unwrap(), "Änne Müller");
        assert_eq!(annotator("مریم‌گلی").unwrap().chars().count(), 8, "a joiner inside a word is part of it");
        for text in ["", " \t", "a\u{202e}b", "a\nb", "a\u{200b}", "\u{1b}[31mred", &"x".repeat(81)] {
            assert!(matches!(annotator(text), Err(LabelError::Annotator(_))), "{text:?}");
        }
    }

    #[test]
    fn reasons_are_kept_as_they_are_up_to_a_length() {
        assert_eq!(rationale(Some(" two\nlines ".into())).unwrap().as_deref(), Some(" two\nlines "));
        assert_eq!(rationale(Some(" ".into())).unwrap(), None);
        assert!(rationale(Some("x".repeat(RATIONALE_MAX + 1))).is_err());
    }

    #[test]
    fn a_label_from_the_day_after_tomorrow_is_refused() {
        let at = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(labelled_at_ms(at(AHEAD_MS), 0).unwrap(), AHEAD_MS);
        assert!(labelled_at_ms(at(AHEAD_MS + 1), 0).is_err());
    }
}
