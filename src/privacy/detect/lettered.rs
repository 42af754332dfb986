//! Numbers with letters in them: IBAN, and national numbers that carry a check letter or a fixed form.

use super::checksums::{codice_fiscale, dni_letter, iban_length, mod97, value, weighted};
use super::context;
use super::national_numbers::{begins_with_day, chinese};
use super::text::{Text, is_word};
use super::topics::Topics;
use crate::config::privacy::Kind;
use crate::privacy::finding::Finding;

/// The longest word of letters and digits that is looked at.
const LONGEST: usize = 20;
const SHORTEST: usize = 7;

/// A word of letters and digits that begins with letters, and whose first digit is at `at`.
pub(super) fn letters_first(text: Text<'_>, at: usize) -> Option<Finding> {
    let start = text.back(at, 7, |byte| byte.is_ascii_alphabetic());
    if !text.starts_word(start)
        || (text.tied_before(start) && context::country(text, start.saturating_sub(1)).is_none())
    {
        return None;
    }
    let letters = at - start;
    if letters == 2
        && let Some(iban) = iban(text, start)
    {
        return Some(iban);
    }
    let end = text.forward(at, LONGEST + 1, |byte| byte.is_ascii_alphanumeric());
    if is_word(text.at(end)) || !(SHORTEST..=LONGEST).contains(&(end - start)) {
        return None;
    }
    let mut buffer = [0; LONGEST];
    let word = capitals(text, start, end, &mut buffer);
    let capital = text.bytes[start..end].iter().all(|byte| !byte.is_ascii_lowercase());
    let found = |end: usize| Some(Finding::new(start, end, Kind::NationalId));
    if letters == 1
        && let Some(end) = nie(text, word, end)
    {
        return found(end);
    }
    if text.tied_after(end) {
        return None;
    }
    let announced = || context::before(text, start);
    let fits = match word.len() {
        16 => codice_fiscale(word),
        18 => capital && curp(word),
        13 => {
            capital && has_form(word, b"LLLLDDDDDDXXX") && is_yymmdd(&word[4..10]) && announced().has(Topics::NATIONAL)
        }
        10 => capital && has_form(word, b"LLLLLDDDDL") && (word[3] == b'P' || announced().has(Topics::NATIONAL)),
        9 => capital && (nino(word) || nric(word)),
        _ => false,
    };
    (fits || (capital && document(text, start, word))).then(|| found(end)).flatten()
}

/// A word of letters and digits that begins with digits, at `at`.
pub(super) fn digits_first(text: Text<'_>, at: usize) -> Option<Finding> {
    let end = text.forward(at, LONGEST + 1, |byte| byte.is_ascii_alphanumeric());
    if !(SHORTEST..=LONGEST).contains(&(end - at))
        || text.tied_before(at)
        || is_word(text.at(end))
        || text.tied_after(end)
    {
        return None;
    }
    let mut buffer = [0; LONGEST];
    let word = capitals(text, at, end, &mut buffer);
    let mut digits = [0; LONGEST];
    let count = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits.iter_mut().zip(&word[..count]).for_each(|(digit, byte)| *digit = byte - b'0');
    let digits = &digits[..count];
    let fits = match (word.len(), count) {
        (9, 8) => dni_letter(value(digits)) == word[8],
        (11, 6) => b"ABCDEFUVWXY".contains(&word[6]) && finnish(word),
        (18, 17) => word[17] == b'X' && chinese(digits, 10),
        (8 | 9, 7) => irish(digits, &word[7..]) && context::before(text, at).has(Topics::NATIONAL),
        _ => false,
    };
    (fits || document(text, at, word)).then(|| Finding::new(at, end, Kind::NationalId))
}

/// What stands behind digits from `at` to `end` makes a national number of them: `131052-308T`, `12345678-Z`.
pub(super) fn behind_digits(text: Text<'_>, at: usize, end: usize) -> Option<Finding> {
    let found = |start: usize, end: usize| {
        (text.ends_word(end) && !text.tied_after(end)).then(|| Finding::new(start, end, Kind::NationalId))
    };
    if end - at == 6 && matches!(text.at(end), b'-' | b'+') {
        let number = text.bytes.get(at..at + 11)?;
        return number[7..10]
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| finnish(number))
            .filter(|fits| *fits)
            .and_then(|_| found(at, at + 11));
    }
    // 12.345.678-Z
    let dotted = text.bytes.get(at..at + 10).filter(|number| end - at == 2 && number[2] == b'.' && number[6] == b'.');
    let (number, end) = match dotted {
        Some(number) => (number, at + 10),
        None => (text.bytes.get(at..end)?, end),
    };
    let mut digits = [0; 10];
    let mut count = 0;
    for byte in number.iter().filter(|byte| byte.is_ascii_digit()).take(10) {
        digits[count] = byte - b'0';
        count += 1;
    }
    let digits = &digits[..count];
    let letter = end + usize::from(matches!(text.at(end), b'-' | b' '));
    let capital = text.at(letter).to_ascii_uppercase();
    match digits.len() {
        8 if letter > end && text.at(letter).is_ascii_uppercase() && dni_letter(value(digits)) == capital => {
            found(at, letter + 1)
        }
        7 | 8 if letter > end && capital == b'K' && rut_is_k(digits) => found(at, letter + 1),
        // X-1234567-L
        7 if text.before(at) == b'-' && letter > end => {
            let first = b"XYZ".iter().position(|one| *one == text.before(at - 1))?;
            (dni_letter(first as u64 * 10_000_000 + value(digits)) == capital)
                .then(|| found(at - 2, letter + 1))
                .flatten()
        }
        _ => None,
    }
}

/// The word from `start` to `end` in capitals.
fn capitals<'b>(text: Text<'_>, start: usize, end: usize, buffer: &'b mut [u8; LONGEST]) -> &'b [u8] {
    let word = &mut buffer[..end - start];
    word.copy_from_slice(&text.bytes[start..end]);
    word.make_ascii_uppercase();
    word
}

/// Whether the word is made of letters (`L`), digits (`D`) and either (`X`) as the form says.
fn has_form(word: &[u8], form: &[u8]) -> bool {
    word.len() == form.len()
        && word.iter().zip(form).all(|(byte, class)| match class {
            b'L' => byte.is_ascii_uppercase(),
            b'D' => byte.is_ascii_digit(),
            _ => byte.is_ascii_alphanumeric(),
        })
}

fn is_yymmdd(date: &[u8]) -> bool {
    let two = |at: usize| (date[at] - b'0') * 10 + (date[at + 1] - b'0');
    matches!(two(2), 1..=12) && matches!(two(4), 1..=31)
}

/// Two letters, two check digits, and as many characters as the country's numbers have; printed in groups of four.
fn iban(text: Text<'_>, start: usize) -> Option<Finding> {
    let lower = text.at(start).is_ascii_lowercase();
    let country = [text.at(start).to_ascii_uppercase(), text.at(start + 1).to_ascii_uppercase()];
    let length = iban_length(&country)?;
    let mut number = [0; 34];
    let (mut at, mut count) = (start, 0);
    while count < length {
        match text.at(at) {
            character
                if character.is_ascii_digit()
                    || (character.is_ascii_alphabetic() && character.is_ascii_lowercase() == lower) =>
            {
                number[count] = character.to_ascii_uppercase();
                count += 1;
            }
            b' ' | b'-' | b'.' if count > 3 && text.before(at).is_ascii_alphanumeric() => {}
            _ => return None,
        }
        at += 1;
    }
    (text.ends_word(at) && mod97(&number[..length])).then(|| Finding::new(start, at, Kind::Iban))
}

/// A UK national insurance number: two letters, six digits and a letter.
fn nino(word: &[u8]) -> bool {
    has_form(word, b"LLDDDDDDL") && is_nino_prefix(&word[..2]) && matches!(word[8], b'A'..=b'D')
}

/// A UK national insurance number in pairs, whose first pair of digits is at `at`.
pub(super) fn spaced_nino(text: Text<'_>, at: usize) -> Option<Finding> {
    let start = at.checked_sub(3)?;
    let number = text.bytes.get(start..start + 13)?;
    let fits = is_nino_prefix(&number[..2])
        && [2, 5, 8, 11].iter().all(|space| matches!(number[*space], b' ' | b'-'))
        && [3, 4, 6, 7, 9, 10].iter().all(|digit| number[*digit].is_ascii_digit())
        && matches!(number[12], b'A'..=b'D');
    (fits && text.starts_word(start) && text.ends_word(start + 13))
        .then(|| Finding::new(start, start + 13, Kind::NationalId))
}

/// Prefixes that are given out, and `QQ`, which stands for them in every form's example.
fn is_nino_prefix(prefix: &[u8]) -> bool {
    let given_out = |letter: &u8| letter.is_ascii_uppercase() && !b"DFIQUV".contains(letter);
    prefix == b"QQ"
        || (prefix.iter().all(given_out)
            && prefix[1] != b'O'
            && !matches!(prefix, b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ"))
}

/// A Spanish foreigner's number in `word`, whose letter may stand behind a hyphen: where it ends.
fn nie(text: Text<'_>, word: &[u8], end: usize) -> Option<usize> {
    let first = b"XYZ".iter().position(|letter| *letter == word[0])?;
    let (letter, end) = match (word.len(), text.at(end)) {
        (9, _) => (word[8], end),
        (8, b'-') => (text.at(end + 1).to_ascii_uppercase(), end + 2),
        _ => return None,
    };
    let digits = word.get(1..8).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let number = digits.iter().fold(first as u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    (dni_letter(number) == letter && text.ends_word(end)).then_some(end)
}

/// A Finnish henkilötunnus: a date, a mark of the century, three digits and a check character.
fn finnish(number: &[u8]) -> bool {
    let mut digits = [0; 9];
    let of = number[..6].iter().chain(&number[7..10]);
    if !of.clone().all(u8::is_ascii_digit) {
        return false;
    }
    digits.iter_mut().zip(of).for_each(|(digit, byte)| *digit = byte - b'0');
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(value(&digits) % 31) as usize];
    begins_with_day(&digits) && number[10].to_ascii_uppercase() == check
}

/// An Irish PPS number: seven digits and a check letter, and perhaps another one.
fn irish(digits: &[u8], letters: &[u8]) -> bool {
    let extra = letters.get(1).map_or(0, |letter| u32::from(letter.saturating_sub(b'A' - 1)) * 9);
    let check = (weighted(digits, &[8, 7, 6, 5, 4, 3, 2]) + extra) % 23;
    letters.iter().all(u8::is_ascii_uppercase) && b"WABCDEFGHIJKLMNOPQRSTUV"[check as usize] == letters[0]
}

/// A Singaporean NRIC or FIN.
fn nric(word: &[u8]) -> bool {
    if !has_form(word, b"LDDDDDDDL") {
        return false;
    }
    let digits: [u8; 7] = std::array::from_fn(|place| word[place + 1] - b'0');
    let sum = weighted(&digits, &[2, 7, 6, 5, 4, 3, 2]) as usize;
    match word[0] {
        b'S' => b"JZIHGFEDCBA"[sum % 11] == word[8],
        b'T' => b"JZIHGFEDCBA"[(sum + 4) % 11] == word[8],
        b'F' => b"XWUTRQPNMLK"[sum % 11] == word[8],
        b'G' => b"XWUTRQPNMLK"[(sum + 4) % 11] == word[8],
        _ => false,
    }
}

/// A Mexican CURP.
fn curp(word: &[u8]) -> bool {
    has_form(word, b"LLLLDDDDDDLLLLLLXD") && is_yymmdd(&word[4..10]) && matches!(word[10], b'H' | b'M' | b'X')
}

/// A Chilean number whose check is 10.
fn rut_is_k(digits: &[u8]) -> bool {
    let sum: u32 =
        digits.iter().rev().zip([2u32, 3, 4, 5, 6, 7, 2, 3]).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    11 - sum % 11 == 10
}

/// A passport or identity card of letters and digits, where a word or a country before it says so.
fn document(text: Text<'_>, start: usize, word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    if !(7..=10).contains(&word.len()) || digits < 2 {
        return false;
    }
    let window = text.window_before(start, 40);
    let said = || context::before(text, start).has(Topics::DOCUMENT) || context::of_name(window).has(Topics::DOCUMENT);
    said()
        || (word.len() == 9 && context::country(text, start) == Some(b"DE") && b"CFGHJKLMNPRTVWXYZ".contains(&word[0]))
}
