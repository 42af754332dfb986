//! Numbers with letters in them: IBAN, and national numbers that carry a check letter or a fixed form.

use super::checksums::{codice_fiscale, dni_letter, iban_length, mod97};
use super::finding::Finding;
use super::text::{Text, is_word};
use crate::config::privacy::Kind;

/// A word of letters whose first digit is at `at`: an IBAN, a UK national insurance number, a Spanish NIE or an Italian
/// codice fiscale.
pub(super) fn lettered(text: Text<'_>, at: usize) -> Option<Finding> {
    let letters = text.bytes[..at].iter().rev().take(7).take_while(|byte| byte.is_ascii_uppercase()).count();
    let start = at - letters;
    if !text.starts_word(start) || text.tied_before(start) {
        return None;
    }
    match letters {
        1 => nie(text, start),
        2 => iban(text, start).or_else(|| nino(text, start)),
        6 => whole_word(text, start, 16).filter(|end| codice_fiscale(&text.bytes[start..*end])).map(national(start)),
        _ => None,
    }
}

fn national(start: usize) -> impl Fn(usize) -> Finding {
    move |end| Finding::new(start, end, Kind::NationalId)
}

/// The end of a word of exactly `length` bytes at `start`.
fn whole_word(text: Text<'_>, start: usize, length: usize) -> Option<usize> {
    let end = start + length;
    (end <= text.bytes.len() && text.bytes[start..end].iter().all(u8::is_ascii_alphanumeric) && !text.tied_after(end))
        .then_some(end)
}

/// Two letters, two check digits, and as many characters as the country's numbers have; printed in groups of four.
fn iban(text: Text<'_>, start: usize) -> Option<Finding> {
    let length = iban_length(&text.bytes[start..start + 2])?;
    let mut number = Vec::with_capacity(length);
    let mut at = start;
    while number.len() < length {
        match text.at(at) {
            character if character.is_ascii_uppercase() || character.is_ascii_digit() => number.push(character),
            b' ' | b'-' if number.len().is_multiple_of(4) && text.before(at).is_ascii_alphanumeric() => {}
            _ => return None,
        }
        at += 1;
    }
    (text.ends_word(at) && mod97(&number)).then(|| Finding::new(start, at, Kind::Iban))
}

/// A UK national insurance number without spaces.
fn nino(text: Text<'_>, start: usize) -> Option<Finding> {
    let end = whole_word(text, start, 9)?;
    let (prefix, rest) = text.bytes[start..end].split_at(2);
    let (number, suffix) = rest.split_at(6);
    (is_nino_prefix(prefix) && number.iter().all(u8::is_ascii_digit) && matches!(suffix, [b'A'..=b'D']))
        .then(|| national(start)(end))
}

/// A UK national insurance number in pairs, whose first pair of digits is at `at`.
pub(super) fn spaced_nino(text: Text<'_>, at: usize) -> Option<Finding> {
    let start = at.checked_sub(3)?;
    let number = text.bytes.get(start..start + 13)?;
    let fits = is_nino_prefix(&number[..2])
        && [2, 5, 8, 11].iter().all(|space| number[*space] == b' ')
        && [3, 4, 6, 7, 9, 10].iter().all(|digit| number[*digit].is_ascii_digit())
        && matches!(number[12], b'A'..=b'D');
    (fits && text.starts_word(start) && text.ends_word(start + 13)).then(|| national(start)(start + 13))
}

/// Prefixes that are given out, and `QQ`, which stands for them in every form's example.
fn is_nino_prefix(prefix: &[u8]) -> bool {
    let given_out = |letter: &u8| letter.is_ascii_uppercase() && !b"DFIQUV".contains(letter);
    prefix == b"QQ"
        || (prefix.iter().all(given_out)
            && prefix[1] != b'O'
            && !matches!(prefix, b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ"))
}

/// A Spanish foreigner's number.
fn nie(text: Text<'_>, start: usize) -> Option<Finding> {
    let end = whole_word(text, start, 9)?;
    let first = b"XYZ".iter().position(|letter| *letter == text.bytes[start])?;
    let number: u32 = text.str[start + 1..end - 1].parse().ok()?;
    (dni_letter(first as u32 * 10_000_000 + number) == text.bytes[end - 1]).then(|| national(start)(end))
}

/// A Spanish identity number, eight digits and their letter, at `at`.
pub(super) fn digits_then_letter(text: Text<'_>, at: usize) -> Option<Finding> {
    let digits = text.bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let letter = at + digits;
    if digits != 8 || text.tied_before(at) || is_word(text.at(letter + 1)) {
        return None;
    }
    let number: u32 = text.str[at..letter].parse().ok()?;
    (dni_letter(number) == text.at(letter) && !text.tied_after(letter + 1)).then(|| national(at)(letter + 1))
}
