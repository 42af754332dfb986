//! Which kind of number a list of groups is: a card, a person's number, a telephone number, an address.

use super::checksums::{is_issued, luhn};
use super::context;
use super::groups::Groups;
use super::text::{Ahead, Text, is_word};
use super::topics::Topics;
use super::{ip, lettered, national_numbers, phones};
use crate::config::privacy::Kind;
use crate::privacy::finding::Finding;

/// Codes are shorter than any other number.
const CODE_DIGITS: std::ops::RangeInclusive<usize> = 3..=8;
const FEWEST_DIGITS: usize = 6;

/// The number that begins with the digit at `at`, and where to look next: behind it, or behind its first group.
pub(super) fn number(text: Text<'_>, ahead: &mut Ahead, at: usize) -> (Option<Finding>, usize) {
    let groups = Groups::collect(text, ahead, at);
    if groups.len == 0 {
        let rest = text.forward(at, usize::MAX, is_word);
        return (lettered::digits_first(text, at), rest);
    }
    let next = groups.end(1);
    // The shortest number of any kind has six digits, an address four groups: most numbers in a text are neither.
    if groups.digits(groups.len) < FEWEST_DIGITS && groups.len < 4 {
        return (code(&groups), next);
    }
    if groups.is_list() {
        let finding = card(&groups);
        return (finding, if groups.length(0) == 4 { next } else { groups.end(groups.len - 2) });
    }
    let finding = if text.tied_before(at) && !is_prefixed(text, at) { None } else { standalone(&groups) };
    (finding.or_else(|| plain_address(&groups)).or_else(|| code(&groups)), next)
}

/// Whether the hyphen before `at` belongs to a word that says what the number is, as in `ES-12345678-Z`.
fn is_prefixed(text: Text<'_>, at: usize) -> bool {
    text.before(at) == b'-'
        && (context::country(text, at - 1).is_some()
            || (matches!(text.before(at - 1), b'X'..=b'Z') && text.starts_word(at - 2)))
}

fn standalone(groups: &Groups<'_>) -> Option<Finding> {
    phones::international(groups)
        .or_else(|| card(groups))
        .or_else(|| lettered::behind_digits(groups.text, groups.start(), groups.end(1)))
        .or_else(|| national_id(groups))
        .or_else(|| phones::national(groups))
}

fn plain_address(groups: &Groups<'_>) -> Option<Finding> {
    let text = groups.text;
    let dotted = groups.len >= 4 && (1..4).all(|group| groups.separator(group) == b'.');
    let tied = text.tied_before(groups.start()) && text.before(groups.start()) != b'/';
    let in_name = text.before(groups.start()) == b'/' && is_word(text.before(groups.start() - 1));
    (dotted && !tied && !in_name && groups.free_after(4) && !groups.announced(Topics::VERSION))
        .then(|| ip::ipv4(text, groups.start(), groups.end(4)))
        .flatten()
}

fn card(groups: &Groups<'_>) -> Option<Finding> {
    const SHAPES: [&[usize]; 5] = [&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4], &[8, 8]];
    let found = |count: usize| {
        let mut buffer = [0; 19];
        let digits = groups.values(count, &mut buffer)?;
        (is_issued(digits) && luhn(digits)).then(|| Finding::new(groups.start(), groups.end(count), Kind::Card))
    };
    if groups.length(0) < 13 {
        return SHAPES.iter().find(|shape| groups.is(shape, b" -.")).and_then(|shape| found(shape.len()));
    }
    let one = groups.length(0) <= 19 && groups.free_after(1);
    one.then(|| found(1)).flatten().filter(|_| !is_other_number(groups))
}

/// An ungrouped number that its own announcement calls something else: every tenth number passes Luhn's formula.
fn is_other_number(groups: &Groups<'_>) -> bool {
    (groups.announced(Topics::OTHER) || groups.announced(Topics::ID)) && !groups.announced(Topics::CARD)
}

fn national_id(groups: &Groups<'_>) -> Option<Finding> {
    let start = groups.start();
    let found = |end: usize| Some(Finding::new(start, end, Kind::NationalId));
    for count in (1..=groups.len.min(7)).rev() {
        let mut buffer = [0; 19];
        if !(8..=18).contains(&groups.digits(count)) || !groups.free_after(count) {
            continue;
        }
        let Some(digits) = groups.values(count, &mut buffer) else { continue };
        let (separators, length) = groups.separators(count);
        let named = groups.announced(Topics::NATIONAL);
        let other = groups.announced(Topics::OTHER);
        let alone = national_numbers::stands_alone(groups.shape(count), &separators[..length], digits);
        if (alone && (count > 1 || !other)) || (named && !other) {
            return found(groups.end(count));
        }
        let perhaps = named || groups.announced(Topics::NATIONAL_IF_CHECKED) || groups.country().is_some();
        if perhaps && national_numbers::is_announced(digits, groups.announced(Topics::US_SOCIAL)) {
            return found(groups.end(count));
        }
        if count == 1 && matches!(digits.len(), 8 | 9) && groups.announced(Topics::DOCUMENT) {
            return found(groups.end(1));
        }
    }
    lettered::spaced_nino(groups.text, start)
}

/// A PIN, a one-time password, the number on the back of a card.
fn code(groups: &Groups<'_>) -> Option<Finding> {
    let stands = CODE_DIGITS.contains(&groups.length(0))
        && groups.free_after(1)
        && !groups.text.tied_before(groups.start())
        && groups.announced(Topics::CODE);
    stands.then(|| Finding::new(groups.start(), groups.end(1), Kind::Secret))
}
