//! Numbers in groups: cards, telephone numbers, IPv4 addresses, national numbers. A number is recognised as the shape
//! of its groups, never as a part of a longer one.

use super::checksums::{cpf, digits, is_issued, luhn, nir};
use super::email_ip;
use super::finding::Finding;
use super::national_ids;
use super::text::{Text, is_word};
use crate::config::privacy::Kind;

const MOST_GROUPS: usize = 8;
const FEWEST_DIGITS: usize = 6;

/// How British numbers are printed, with their leading 0.
const BRITISH: [&[usize]; 4] = [&[3, 4, 4], &[4, 3, 4], &[5, 6], &[5, 3, 3]];

/// Groups of digits that belong together as far as separators tell.
pub(super) struct Groups<'t> {
    pub(super) text: Text<'t>,
    /// Start, end and the separator before the group (0 before the first, `(` for any with parentheses).
    list: [(usize, usize, u8); MOST_GROUPS],
    len: usize,
}

impl<'t> Groups<'t> {
    /// The groups from the digit at `at` on. A group that runs into letters ends the list and is no part of it.
    fn collect(text: Text<'t>, at: usize) -> Self {
        let mut groups = Self { text, list: [(0, 0, 0); MOST_GROUPS], len: 0 };
        let (mut start, mut separator) = (at, 0);
        while groups.len < MOST_GROUPS {
            let end = start + text.bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if is_word(text.at(end)) {
                break;
            }
            groups.list[groups.len] = (start, end, separator);
            groups.len += 1;
            match next_group(text, end) {
                Some(next) => (start, separator) = next,
                None => break,
            }
        }
        groups
    }

    fn digits(&self) -> usize {
        self.list[..self.len].iter().map(|(start, end, _)| end - start).sum()
    }

    fn length(&self, group: usize) -> usize {
        self.list[group].1 - self.list[group].0
    }

    pub(super) fn digits_of(&self, group: usize) -> &'t str {
        &self.text.str[self.list[group].0..self.list[group].1]
    }

    fn start(&self) -> usize {
        self.list[0].0
    }

    fn end(&self, count: usize) -> usize {
        self.list[count - 1].1
    }

    /// Whether the first groups have exactly these lengths.
    fn begin(&self, lengths: &[usize]) -> bool {
        lengths.len() <= self.len && lengths.iter().enumerate().all(|(group, length)| self.length(group) == *length)
    }

    /// Whether the number made of the first groups of these lengths, separated alike by one of `separators`, stands free.
    fn shape(&self, lengths: &[usize], separators: &[u8]) -> bool {
        self.begin(lengths)
            && self.free_after(lengths.len())
            && (1..lengths.len()).all(|group| self.list[group].2 == self.list[1].2)
            && (lengths.len() == 1 || separators.contains(&self.list[1].2))
    }

    /// Whether nothing behind the first `count` groups ties them to a longer identifier.
    fn free_after(&self, count: usize) -> bool {
        !self.text.tied_after(self.end(count))
    }

    fn str(&self, count: usize) -> &'t str {
        &self.text.str[self.start()..self.end(count)]
    }
}

fn next_group(text: Text<'_>, end: usize) -> Option<(usize, u8)> {
    let digit = |at: usize| text.at(at).is_ascii_digit();
    match (text.at(end), text.at(end + 1), text.at(end + 2)) {
        (separator @ (b' ' | b'-' | b'.' | b'/'), _, _) if digit(end + 1) => Some((end + 1, separator)),
        (0xc2, 0xa0, _) if digit(end + 2) => Some((end + 2, b' ')),
        (b' ' | b')', b'(' | b' ' | b'-', _) if text.at(end) != text.at(end + 1) && digit(end + 2) => {
            Some((end + 2, b'('))
        }
        (b')' | b'(', _, _) if digit(end + 1) => Some((end + 1, b'(')),
        _ => None,
    }
}

/// The number that begins with the digit at `at`, and where to look next: behind it, or behind its first group.
pub(super) fn number(text: Text<'_>, at: usize) -> (Option<Finding>, usize) {
    let groups = Groups::collect(text, at);
    if groups.len == 0 {
        let rest = text.bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
        return (national_ids::digits_then_letter(text, at), at + rest);
    }
    // The shortest number of any kind has six digits, an address four groups: most numbers in a text are neither.
    if groups.digits() < FEWEST_DIGITS && groups.len < 4 {
        return (None, groups.end(1));
    }
    let finding = if text.tied_before(at) { None } else { standalone(&groups) };
    (finding.or_else(|| plain_address(&groups)), groups.list[0].1)
}

fn standalone(groups: &Groups<'_>) -> Option<Finding> {
    international_phone(groups)
        .or_else(|| card(groups))
        .or_else(|| national_id(groups))
        .or_else(|| national_phone(groups))
}

fn plain_address(groups: &Groups<'_>) -> Option<Finding> {
    let text = groups.text;
    let dotted = groups.len >= 4 && (1..4).all(|group| groups.list[group].2 == b'.');
    let tied = text.tied_before(groups.start()) && text.before(groups.start()) != b'/';
    let in_name = text.before(groups.start()) == b'/' && is_word(text.before(groups.start() - 1));
    (dotted && !tied && !in_name && groups.free_after(4))
        .then(|| email_ip::ipv4(text, groups.start(), groups.end(4)))
        .flatten()
}

fn card(groups: &Groups<'_>) -> Option<Finding> {
    const SHAPES: [&[usize]; 4] = [&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4]];
    let found = |count: usize| {
        let number = groups.str(count);
        (luhn(number) && is_issued(number)).then(|| Finding::new(groups.start(), groups.end(count), Kind::Card))
    };
    if let Some(shape) = SHAPES.iter().find(|shape| groups.shape(shape, b" -")) {
        return found(shape.len());
    }
    let one = (13..=19).contains(&groups.length(0)) && groups.free_after(1);
    (one && !is_other_number(groups)).then(|| found(1)).flatten()
}

/// An ungrouped number that its own announcement calls something else: every tenth number passes Luhn's formula.
fn is_other_number(groups: &Groups<'_>) -> bool {
    const OTHER: [&str; 18] = [
        "id",
        "ids",
        "order",
        "orders",
        "tracking",
        "invoice",
        "ref",
        "reference",
        "transaction",
        "ticket",
        "sku",
        "serial",
        "isbn",
        "timestamp",
        "ts",
        "time",
        "nanos",
        "seed",
    ];
    const CARD: [&str; 10] =
        ["card", "cards", "cardnumber", "cc", "pan", "visa", "mastercard", "amex", "credit", "debit"];
    let at = groups.start();
    let announced = |words: &'static [&'static str]| groups.text.announced(at, |word| words.contains(&word));
    announced(&OTHER) && !announced(&CARD)
}

fn national_id(groups: &Groups<'_>) -> Option<Finding> {
    let at = groups.start();
    let found = |count: usize| Some(Finding::new(at, groups.end(count), Kind::NationalId));
    let social = || groups.text.announced(at, |word| matches!(word, "ssn" | "social" | "itin" | "tin" | "taxpayer"));
    if groups.shape(&[3, 2, 4], b"- ") && us_social(groups.str(3)) && (groups.list[1].2 == b'-' || social()) {
        return found(3);
    }
    if groups.shape(&[9], b"") && us_social(groups.str(1)) && social() {
        return found(1);
    }
    let cpf_separators = groups.begin(&[3, 3, 3, 2]) && [1, 2, 3].map(|group| groups.list[group].2) == *b"..-";
    if cpf_separators && groups.free_after(4) && cpf(groups.str(4)) {
        return found(4);
    }
    if (groups.shape(&[15], b"") && nir(groups.str(1)) && !is_other_number(groups))
        || (groups.shape(&[1, 2, 2, 2, 3, 3, 2], b" .") && nir(groups.str(7)))
    {
        return found(if groups.length(0) == 15 { 1 } else { 7 });
    }
    national_ids::spaced_nino(groups.text, at)
}

/// Numbers the US Social Security Administration or the tax office can have given out.
fn us_social(number: &str) -> bool {
    let value = digits(number).fold(0u32, |value, digit| value * 10 + digit);
    let (area, group, serial) = (value / 1_000_000, value / 10_000 % 100, value % 10_000);
    let taxpayer = area >= 900 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
    area != 0 && area != 666 && group != 0 && serial != 0 && (area < 900 || taxpayer)
}

/// `+`, a country code, and 8 to 15 digits.
fn international_phone(groups: &Groups<'_>) -> Option<Finding> {
    let text = groups.text;
    let at = groups.start();
    let plus = at.checked_sub(1).filter(|plus| text.bytes[*plus] == b'+');
    let first = groups.digits_of(0);
    let start = match plus {
        Some(plus) if text.starts_word(plus) && !first.starts_with('0') => plus,
        None if first.len() > 3 && first.len() < 7 && first.starts_with("00") && first.as_bytes()[2] != b'0' => at,
        _ => return None,
    };
    let most = if first == "1" { 11 } else { 15 };
    let (mut total, mut count) = (0, 0);
    while count < groups.len && total + groups.length(count) <= most && (count == 0 || total < most) {
        total += groups.length(count);
        count += 1;
    }
    while count > 1 && !groups.free_after(count) {
        count -= 1;
        total -= groups.length(count);
    }
    let enough = match (plus, count) {
        (_, 0) => false,
        (Some(_), 1) => total >= 10,
        (Some(_), _) => total >= 8 && groups.length(0) <= 4,
        (None, count) => count >= 3 && total >= 10,
    };
    (enough && groups.free_after(count)).then(|| Finding::new(start, groups.end(count), Kind::Phone))
}

fn national_phone(groups: &Groups<'_>) -> Option<Finding> {
    let at = groups.start();
    let announced = || groups.text.announced(at, is_phone_word);
    let found = |count: usize| {
        let start = if groups.text.before(at) == b'(' { at - 1 } else { at };
        Some(Finding::new(start, groups.end(count), Kind::Phone))
    };
    if let Some(count) = north_american(groups) {
        let clear = (1..count).all(|group| matches!(groups.list[group].2, b'-' | b'.' | b'(')) || groups.length(0) == 1;
        let bracketed = (1..count).any(|group| groups.list[group].2 == b'(');
        return (clear || bracketed || announced()).then(|| found(count)).flatten();
    }
    if groups.shape(&[2, 2, 2, 2, 2], b" .-") && groups.digits_of(0).starts_with('0') {
        let longer = groups.len > 5 && groups.list[5].2 == groups.list[1].2 && groups.length(5) == 2;
        let mobile = matches!(groups.digits_of(0), "06" | "07") && groups.digits_of(1) != next_of(groups.digits_of(0));
        return (!longer && (mobile || groups.list[1].2 == b'.' || announced())).then(|| found(5)).flatten();
    }
    let british = BRITISH.iter().find(|shape| groups.shape(shape, b" "));
    if let Some(shape) = british
        && matches!(&groups.digits_of(0).as_bytes()[..2], b"01" | b"02" | b"03" | b"07" | b"08")
    {
        return found(shape.len());
    }
    announced_phone(groups).filter(|_| announced()).and_then(found)
}

/// After a word such as `phone`, looser shapes are numbers to call too: how many groups this one has.
fn announced_phone(groups: &Groups<'_>) -> Option<usize> {
    if groups.free_after(1) && (10..=12).contains(&groups.length(0)) {
        return Some(1);
    }
    if groups.shape(&[3, 4], b"- .") && !groups.digits_of(0).starts_with(['0', '1']) {
        return Some(2);
    }
    let mut total = 0;
    let fitting = (0..groups.len).take_while(|group| {
        total += groups.length(*group);
        total <= 12
    });
    let count = fitting.count();
    let total: usize = (0..count).map(|group| groups.length(group)).sum();
    (count >= 1 && groups.digits_of(0).starts_with('0') && total >= 9 && groups.free_after(count)).then_some(count)
}

/// How many groups of the list are a number of the North American plan.
fn north_american(groups: &Groups<'_>) -> Option<usize> {
    let skip = usize::from(groups.length(0) == 1 && groups.digits_of(0) == "1");
    let fits = groups.len >= skip + 3
        && [3, 3, 4].iter().enumerate().all(|(group, length)| groups.length(skip + group) == *length)
        && groups.free_after(skip + 3)
        && (1..skip + 3).all(|group| groups.list[group].2 != b'/');
    let begins = |group: usize| matches!(groups.digits_of(group).as_bytes()[0], b'2'..=b'9');
    (fits && begins(skip) && begins(skip + 1)).then_some(skip + 3)
}

fn next_of(pair: &str) -> &'static str {
    if pair == "06" { "07" } else { "08" }
}

fn is_phone_word(word: &str) -> bool {
    const STEMS: [&str; 6] = ["phone", "telephone", "telefon", "telefono", "mobile", "whatsapp"];
    matches!(
        word,
        "tel"
            | "call"
            | "cell"
            | "cellphone"
            | "fax"
            | "mobil"
            | "handy"
            | "ring"
            | "dial"
            | "sms"
            | "hotline"
            | "appelez"
    ) || STEMS.iter().any(|stem| word.starts_with(stem))
}
