//! Text that a terminal shows and does not obey.

use std::borrow::Cow;

/// `text` with the replacement character for what a terminal would obey: control characters, except the ends of lines and
/// tabs, and the marks that turn the direction of text.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |letter: char| is_obeyed(letter) && !matches!(letter, '\n' | '\t');
    if text.contains(obeyed) {
        Cow::Owned(text.replace("\r\n", "\n").replace(obeyed, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

pub(super) fn is_obeyed(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
