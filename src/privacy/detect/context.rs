//! The words around a value, which say what it is: "phone", "passport no.", "order". In the languages most often met.

use super::text::{Bytes, Text, table};
use super::topics::{Topics, topic_of};

/// Words that may stand between a keyword and the value it announces, in bytes.
const CONTEXT_BYTES: usize = 36;

/// What the words shortly before `at` announce. Only letters and light punctuation may stand between, so that a value
/// never gives context to the value behind it.
pub(super) fn before(text: Text<'_>, at: usize) -> Topics {
    let start = text.back(at, CONTEXT_BYTES, is_context);
    let mut bytes = [0u8; CONTEXT_BYTES];
    let window = &mut bytes[..at - start];
    window.copy_from_slice(&text.bytes[start..at]);
    window.make_ascii_lowercase();
    // The window may begin inside a word, whose tail says nothing.
    let skipped = if start > 0 && is_letter(text.before(start)) {
        window.iter().position(|byte| !is_letter(*byte)).unwrap_or(window.len())
    } else {
        0
    };
    words(&window[skipped..])
}

/// What stands directly behind a value: "… is my number".
pub(super) fn behind(text: Text<'_>, end: usize) -> Topics {
    const LINKS: [&[u8]; 9] = [
        b" is my ",
        b" is her ",
        b" is his ",
        b" is our ",
        b" is the ",
        b", my ",
        b" ist meine ",
        b" es mi ",
        b" est mon ",
    ];
    let stop = text.forward(end, CONTEXT_BYTES, |byte| is_letter(byte) || matches!(byte, b' ' | b',' | b'\''));
    let mut bytes = [0u8; CONTEXT_BYTES];
    let window = &mut bytes[..stop - end];
    window.copy_from_slice(&text.bytes[end..stop]);
    window.make_ascii_lowercase();
    let Some(rest) = LINKS.iter().find_map(|link| window.strip_prefix(*link)) else { return Topics::NONE };
    match rest.split(|byte| !is_letter(*byte)).next() {
        Some(b"number" | b"nummer" | b"no" | b"numero" | b"contact" | b"cell") => Topics::PHONE,
        Some(word) => words(word),
        None => Topics::NONE,
    }
}

/// What the words of a name or a sentence announce, whatever the case. In a name such as `tool.call.result` a verb announces
/// nothing.
pub(super) fn of_name(name: &str) -> Topics {
    let mut bytes = [0u8; 64];
    let name = &name.as_bytes()[name.len().saturating_sub(bytes.len())..];
    let lower = &mut bytes[..name.len()];
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let topics = words(lower);
    if lower.ends_with(b"cell") || lower.ends_with(b"contact") {
        return topics;
    }
    topics.without(Topics::PHONE_IF_SHAPED)
}

/// The ISO code of a country in capitals that stands right before `at`: `NO 412 34 567`.
pub(super) fn country(text: Text<'_>, at: usize) -> Option<&[u8]> {
    if !matches!(text.before(at), b' ' | b':' | b'(' | b'+') {
        return None;
    }
    let end = text.back(at, 4, |byte| matches!(byte, b' ' | b':' | b'(' | b'+'));
    let start = end.checked_sub(2)?;
    let code = text.bytes.get(start..end)?;
    (end < at && code.iter().all(u8::is_ascii_uppercase) && !is_letter(text.before(start)) && text.starts_word(start))
        .then_some(code)
}

/// The lower-case words of `window` (UTF-8, or a piece of it).
fn words(window: &[u8]) -> Topics {
    let mut last: &[u8] = b"";
    window.split(|byte| !is_letter(*byte)).filter(|word| word.len() > 1).fold(Topics::NONE, |topics, word| {
        let pair = of_pair(last, word);
        last = word;
        topics.with(topic_of(word)).with(pair)
    })
}

/// What two words say together that none of them says alone: "my number", "security code".
fn of_pair(first: &[u8], second: &[u8]) -> Topics {
    if !matches!(second[0], b'n' | b'c' | b'p') || second.len() > 8 {
        return Topics::NONE;
    }
    match (first, second) {
        (
            b"my" | b"her" | b"his" | b"our" | b"their" | b"mon" | b"meine" | b"mi" | b"mio" | b"minha" | b"mijn"
            | b"min" | b"contact",
            b"number" | b"nummer" | b"numero" | b"no" | b"nr",
        ) => Topics::PHONE,
        (
            b"verification" | b"security" | b"access" | b"login" | b"confirmation" | b"time" | b"auth" | b"sms"
            | b"authentication",
            b"code" | b"pin" | b"password",
        ) => Topics::CODE,
        (b"id" | b"identity", b"number" | b"no" | b"nr") => Topics::NATIONAL_IF_CHECKED,
        _ => Topics::NONE,
    }
}

/// ASCII letters, and bytes of letters of other alphabets.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

fn is_context(byte: u8) -> bool {
    CONTEXT[usize::from(byte)]
}

/// What may stand between a word and the value it announces: letters, underscores and light punctuation.
const CONTEXT: Bytes = {
    let mut context = table(b" :#=\"'\\._-([,\n");
    let mut byte = 0;
    while byte < 256 {
        context[byte] |= (byte as u8).is_ascii_alphabetic() || byte >= 0x80;
        byte += 1;
    }
    context
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_gives_no_context_to_the_next() {
        assert!(!before(Text::new("phone 12 4155552671"), 9).has(Topics::PHONE));
        assert!(before(Text::new("phone: 4155552671"), 7).has(Topics::PHONE));
        assert!(before(Text::new(r#"{"homePhone":"41"#), 14).has(Topics::PHONE));
        assert!(before(Text::new("henkilötunnus 1"), 15).has(Topics::NATIONAL));
    }

    #[test]
    fn words_behind_and_countries_before_say_what_a_number_is() {
        assert!(behind(Text::new("98 is my number"), 2).has(Topics::PHONE));
        assert_eq!(behind(Text::new("98 is my age"), 2), Topics::NONE);
        assert_eq!(country(Text::new("(NO 412"), 4), Some(b"NO".as_slice()));
        assert_eq!(country(Text::new("ISO 412"), 4), None);
    }
}
