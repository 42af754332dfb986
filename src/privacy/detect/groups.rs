//! Groups of digits with separators between them: a number is recognised as the shape of its groups, never as a part of
//! a longer one.

use std::cell::OnceCell;

use super::context;
use super::national_numbers::shape;
use super::text::{Ahead, Class, Text, is_word};
use super::topics::Topics;

const MOST_GROUPS: usize = 8;
/// Of the longest number that is looked at digit by digit.
const MOST_DIGITS: usize = 19;

/// Groups of digits that belong together as far as separators tell.
pub(super) struct Groups<'t> {
    pub(super) text: Text<'t>,
    /// Start, end and the separator before the group (0 before the first, `(` for any with parentheses).
    list: [(usize, usize, u8); MOST_GROUPS],
    pub(super) len: usize,
    /// What the words before say, once somebody asked.
    announced: OnceCell<Topics>,
    /// The country whose code stands before.
    country: OnceCell<Option<&'t [u8]>>,
}

impl<'t> Groups<'t> {
    /// The groups from the digit at `at` on. A group that runs into letters ends the list and is no part of it.
    pub(super) fn collect(text: Text<'t>, ahead: &mut Ahead, at: usize) -> Self {
        let mut groups =
            Self { text, list: [(0, 0, 0); MOST_GROUPS], len: 0, announced: OnceCell::new(), country: OnceCell::new() };
        let (mut start, mut separator) = (at, 0);
        while groups.len < MOST_GROUPS {
            // The first group is remembered, and those behind it are short in any number that matters.
            let end = if groups.len == 0 {
                ahead.end(text, Class::Digits, start)
            } else {
                text.forward(start, MOST_DIGITS + 1, |byte| byte.is_ascii_digit())
            };
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

    pub(super) fn digits(&self, count: usize) -> usize {
        self.list[..count].iter().map(|(start, end, _)| end - start).sum()
    }

    /// The digits of the first `count` groups as numbers, when they are not too many.
    pub(super) fn values<'b>(&self, count: usize, buffer: &'b mut [u8; MOST_DIGITS]) -> Option<&'b [u8]> {
        let length = self.digits(count);
        let values = buffer.get_mut(..length)?;
        let bytes = self.list[..count].iter().flat_map(|(start, end, _)| &self.text.bytes[*start..*end]);
        values.iter_mut().zip(bytes).for_each(|(value, byte)| *value = byte - b'0');
        Some(values)
    }

    pub(super) fn length(&self, group: usize) -> usize {
        self.list[group].1 - self.list[group].0
    }

    pub(super) fn digits_of(&self, group: usize) -> &'t str {
        &self.text.str[self.list[group].0..self.list[group].1]
    }

    /// What stands before `group`.
    pub(super) fn separator(&self, group: usize) -> u8 {
        self.list[group].2
    }

    /// What stands between the first `count` groups.
    pub(super) fn separators(&self, count: usize) -> ([u8; MOST_GROUPS], usize) {
        let mut separators = [0; MOST_GROUPS];
        let between = self.list[..count].iter().skip(1).map(|(_, _, separator)| *separator);
        separators.iter_mut().zip(between).for_each(|(place, separator)| *place = separator);
        (separators, count.saturating_sub(1))
    }

    pub(super) fn start(&self) -> usize {
        self.list[0].0
    }

    pub(super) fn end(&self, count: usize) -> usize {
        self.list[count - 1].1
    }

    /// The lengths of the first `count` groups as one number.
    pub(super) fn shape(&self, count: usize) -> u64 {
        let lengths: [usize; MOST_GROUPS] =
            std::array::from_fn(|group| if group < count { self.length(group) } else { 0 });
        shape(&lengths[..count])
    }

    /// Whether the first groups have exactly these lengths.
    pub(super) fn begin(&self, lengths: &[usize]) -> bool {
        lengths.len() <= self.len && lengths.iter().enumerate().all(|(group, length)| self.length(group) == *length)
    }

    /// Whether the number made of the first groups of these lengths, separated alike by one of `separators`, stands free.
    pub(super) fn is(&self, lengths: &[usize], separators: &[u8]) -> bool {
        self.begin(lengths)
            && self.free_after(lengths.len())
            && self.is_uniform(lengths.len())
            && (lengths.len() == 1 || separators.contains(&self.list[1].2))
    }

    /// Whether the first `count` groups are separated alike.
    pub(super) fn is_uniform(&self, count: usize) -> bool {
        (1..count).all(|group| self.list[group].2 == self.list[1].2)
    }

    /// Whether nothing behind the first `count` groups ties them to a longer identifier.
    pub(super) fn free_after(&self, count: usize) -> bool {
        !self.text.tied_after(self.end(count))
    }

    /// Whether it is a list of numbers of one length, which is no number.
    pub(super) fn is_list(&self) -> bool {
        let length = self.length(0);
        self.len == MOST_GROUPS
            && length != 8
            && (1..self.len).all(|group| self.length(group) == length)
            && self.is_uniform(self.len)
    }

    /// The country whose code stands before the number, or before its opening parenthesis.
    pub(super) fn country(&self) -> Option<&'t [u8]> {
        *self.country.get_or_init(|| context::country(self.text, self.start()))
    }

    /// Whether the words before the number say this of it.
    pub(super) fn announced(&self, topic: Topics) -> bool {
        self.announced.get_or_init(|| context::before(self.text, self.start())).has(topic)
    }
}

fn next_group(text: Text<'_>, end: usize) -> Option<(usize, u8)> {
    let digit = |at: usize| text.at(at).is_ascii_digit();
    match (text.at(end), text.at(end + 1), text.at(end + 2)) {
        (separator @ (b' ' | b'-' | b'.' | b'/'), _, _) if digit(end + 1) => Some((end + 1, separator)),
        (b' ' | b')', b'(' | b' ' | b'-' | b'/', _) if text.at(end) != text.at(end + 1) && digit(end + 2) => {
            Some((end + 2, b'('))
        }
        (b' ', b' ', _) if digit(end + 2) => Some((end + 2, b' ')),
        (b')' | b'(', _, _) if digit(end + 1) => Some((end + 1, b'(')),
        (b'[', b'.', b']') if digit(end + 3) => Some((end + 3, b'.')),
        (b' ', separator @ (b'-' | b'/'), b' ') if digit(end + 3) => Some((end + 3, separator)),
        _ => None,
    }
}
