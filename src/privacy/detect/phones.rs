//! Telephone numbers: international ones by their country code, national ones by the plan of a country that is named, by
//! a word, or by a shape that hardly anything else has.

use super::context;
use super::groups::Groups;
use super::topics::Topics;
use crate::config::privacy::Kind;
use crate::privacy::finding::Finding;

/// How British numbers are printed, with their leading 0.
const BRITISH: [&[usize]; 4] = [&[3, 4, 4], &[4, 3, 4], &[5, 6], &[5, 3, 3]];

/// `+` or `00`, a country code, and 7 to 15 digits in all.
pub(super) fn international(groups: &Groups<'_>) -> Option<Finding> {
    let text = groups.text;
    let at = groups.start();
    let plus = at.checked_sub(1).filter(|plus| text.bytes[*plus] == b'+');
    let first = groups.digits_of(0);
    let start = match plus {
        Some(plus) if text.starts_word(plus) && !first.starts_with('0') => plus,
        None if first.starts_with("00") && first.len() > 3 && has_country_code(&first[2..]) => at,
        _ => return None,
    };
    let most = if first == "1" { 11 } else { 16 };
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
        // A single group of digits with two zeros is a number of something else more often.
        (None, 1) => is_phone_by_word(groups),
        (None, count) => total >= 10 && (count >= 3 || groups.length(0) <= 5),
    };
    (enough && groups.free_after(count)).then(|| Finding::new(start, groups.end(count), Kind::Phone))
}

/// Whether a country's code leads (ITU E.164).
fn has_country_code(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    let Some((first, second)) = bytes.first().zip(bytes.get(1)) else { return false };
    let two = match first {
        b'1' | b'7' => true,
        b'2' => matches!(second, b'0' | b'7'),
        b'3' => matches!(second, b'0'..=b'4' | b'6' | b'9'),
        b'4' => matches!(second, b'0' | b'1' | b'3'..=b'9'),
        b'5' => matches!(second, b'1'..=b'8'),
        b'6' => matches!(second, b'0'..=b'6'),
        b'8' => matches!(second, b'1' | b'2' | b'4' | b'6'),
        b'9' => matches!(second, b'0'..=b'5' | b'8'),
        _ => return false,
    };
    two || bytes.len() >= 3
}

/// How long the numbers of a country are, with their leading 0 where they have one, and how they begin.
fn plan(country: &[u8]) -> Option<(std::ops::RangeInclusive<usize>, &'static [u8])> {
    Some(match country {
        b"ES" => (9..=9, b"6789"),
        b"PT" => (9..=9, b"239"),
        b"IT" => (8..=11, b"03"),
        b"FR" => (10..=10, b"0"),
        b"BE" | b"SK" | b"RO" | b"BG" | b"NL" | b"CH" | b"MA" | b"UA" | b"RS" | b"HR" => (9..=10, b"0"),
        b"DE" | b"AT" => (8..=13, b"0"),
        b"SE" | b"FI" => (7..=11, b"0"),
        b"NO" => (8..=8, b"2345679"),
        b"DK" => (8..=8, b"23456789"),
        b"IS" => (7..=7, b"45678"),
        b"PL" => (9..=9, b"123456789"),
        b"CZ" => (9..=9, b"234567"),
        b"HU" => (9..=11, b"0"),
        b"GR" => (10..=10, b"26"),
        b"CY" | b"EE" | b"LV" => (7..=8, b"23456789"),
        b"LT" => (8..=9, b"0568"),
        b"IE" => (9..=10, b"0"),
        b"GB" | b"UK" => (10..=11, b"0"),
        b"TR" => (10..=11, b"0235"),
        b"RU" | b"KZ" => (10..=11, b"789"),
        b"IL" => (9..=10, b"0"),
        b"SA" | b"AE" | b"JO" => (9..=10, b"0"),
        b"EG" => (10..=11, b"0"),
        b"ZA" | b"KE" | b"GH" | b"TH" => (9..=10, b"0"),
        b"NG" => (10..=11, b"0"),
        b"IN" => (10..=11, b"06789"),
        b"PK" | b"BD" => (10..=11, b"0"),
        b"CN" => (11..=12, b"01"),
        b"HK" | b"SG" => (8..=8, b"235689"),
        b"TW" | b"MY" | b"VN" | b"NZ" => (9..=11, b"0"),
        b"KR" | b"JP" => (9..=11, b"0"),
        b"PH" => (10..=11, b"0"),
        b"AU" => (10..=10, b"01"),
        b"US" | b"CA" => (10..=11, b"123456789"),
        b"MX" | b"AR" => (10..=11, b"0123456789"),
        b"BR" => (10..=12, b"0123456789"),
        b"CL" | b"PE" => (9..=9, b"29"),
        b"CO" => (10..=10, b"36"),
        _ => return None,
    })
}

pub(super) fn national(groups: &Groups<'_>) -> Option<Finding> {
    let at = groups.start();
    let found = |count: usize| {
        let start = if groups.text.before(at) == b'(' && groups.text.at(groups.end(1)) == b')' { at - 1 } else { at };
        Some(Finding::new(start, groups.end(count), Kind::Phone))
    };
    if let Some(count) = of_named_country(groups) {
        return found(count);
    }
    if let Some(count) = north_american(groups) {
        let clear =
            (1..count).all(|group| matches!(groups.separator(group), b'-' | b'.' | b'(')) || groups.length(0) == 1;
        let bracketed = (1..count).any(|group| groups.separator(group) == b'(');
        return (clear || bracketed || is_phone_by_word(groups)).then(|| found(count)).flatten();
    }
    if let Some(count) = bracketed_area(groups).or_else(|| leading_zero(groups)) {
        return (!groups.announced(Topics::OTHER) || is_phone_by_word(groups)).then(|| found(count)).flatten();
    }
    announced(groups).and_then(found)
}

/// A country's code stands before the number, and the number is one of its plan.
fn of_named_country(groups: &Groups<'_>) -> Option<usize> {
    let country = groups.country()?;
    let (lengths, begins) = plan(country)?;
    let first = groups.digits_of(0).as_bytes()[0];
    let fitting =
        (1..=groups.len).rev().find(|count| lengths.contains(&groups.digits(*count)) && groups.free_after(*count))?;
    // "NO" is "number" as well: an ungrouped one says nothing.
    let american = !matches!(country, b"US" | b"CA") || fitting == 1 || north_american(groups).is_some();
    (begins.contains(&first) && american && !is_zip(groups) && (country != b"NO" || fitting > 1)).then_some(fitting)
}

/// `(11) 91234-5678`: an area code in parentheses that leads.
fn bracketed_area(groups: &Groups<'_>) -> Option<usize> {
    let at = groups.start();
    let bracketed =
        groups.text.before(at) == b'(' && groups.text.at(groups.end(1)) == b')' && groups.text.starts_word(at - 1);
    let fitting =
        (2..=groups.len).rev().find(|count| (8..=11).contains(&groups.digits(*count)) && groups.free_after(*count))?;
    (bracketed && (2..=5).contains(&groups.length(0)) && groups.length(1) >= 2).then_some(fitting)
}

/// Groups that begin with a single 0 and are printed as some country prints its numbers.
fn leading_zero(groups: &Groups<'_>) -> Option<usize> {
    let first = groups.digits_of(0).as_bytes();
    if first[0] != b'0' || first.len() < 2 || !matches!(first[1], b'1'..=b'9') {
        return None;
    }
    if groups.begin(&[2, 2, 2, 2, 2]) && groups.free_after(5) && groups.is_uniform(5) {
        return french(groups).then_some(5);
    }
    let british = BRITISH.iter().find(|shape| groups.is(shape, b" "));
    if let Some(shape) = british
        && matches!(first[1], b'1' | b'2' | b'3' | b'7' | b'8')
    {
        return Some(shape.len());
    }
    let fits = |count: &usize| {
        let most = if *count == 2 { 12 } else { 11 };
        let rest = (1..*count).all(|group| groups.length(group) >= 2);
        // An area code with a hyphen or slash, then groups with spaces, as in Sweden and Germany.
        let mixed =
            matches!(groups.separator(1), b'-' | b'/') && (2..*count).all(|group| groups.separator(group) == b' ');
        let uniform = groups.is_uniform(*count) && matches!(groups.separator(1), b' ' | b'-' | b'/');
        (9..=most).contains(&groups.digits(*count)) && groups.free_after(*count) && rest && (uniform || mixed)
    };
    let dated = groups.begin(&[2, 2, 4]) || (groups.begin(&[2, 2, 2]) && groups.separator(1) != b' ');
    if dated || first.len() > 5 || is_zip(groups) {
        return None;
    }
    (2..=groups.len.min(5)).rev().find(fits)
}

/// An American postal code of nine digits.
fn is_zip(groups: &Groups<'_>) -> bool {
    groups.begin(&[5, 4]) && groups.separator(1) == b'-'
}

/// Five pairs: not a list that counts on, unless dots or a word say so.
fn french(groups: &Groups<'_>) -> bool {
    let longer = groups.len > 5 && groups.separator(5) == groups.separator(1) && groups.length(5) == 2;
    let counts_on =
        groups.digits_of(1) == next_of(groups.digits_of(0)) && groups.digits_of(2) == next_of(groups.digits_of(1));
    let separated = matches!(groups.separator(1), b' ' | b'.' | b'-');
    separated && !longer && (!counts_on || is_phone_by_word(groups))
}

/// Whether a word before announces a telephone number, of digits that have the shape of one.
fn is_phone_by_word(groups: &Groups<'_>) -> bool {
    groups.announced(Topics::PHONE) || groups.announced(Topics::PHONE_IF_SHAPED)
}

/// Digits without separators, or in two halves, as a North American or a national number with its leading 0 is written.
fn is_shaped(groups: &Groups<'_>, count: usize) -> bool {
    let digits = groups.digits_of(0).as_bytes();
    let american = match digits {
        [b'1', digits @ ..] if digits.len() == 10 => digits,
        digits => digits,
    };
    let is_american = american.len() == 10 && [0, 3].iter().all(|at| matches!(american[*at], b'2'..=b'9'));
    let is_trunk = matches!(digits, [b'0', b'1'..=b'9', ..]);
    (count == 1 && is_american) || is_trunk
}

fn next_of(pair: &str) -> String {
    pair.parse::<u8>().map_or_else(|_| String::new(), |pair| format!("{:02}", pair.saturating_add(1)))
}

/// After a word such as `phone`, looser shapes are numbers to call too: how many groups this one has.
fn announced(groups: &Groups<'_>) -> Option<usize> {
    let said = |count: usize| {
        groups.announced(Topics::PHONE)
            || (groups.announced(Topics::PHONE_IF_SHAPED) && is_shaped(groups, count))
            || context::behind(groups.text, groups.end(count)).has(Topics::PHONE)
    };
    if groups.is(&[3, 4], b"- .") && !groups.digits_of(0).starts_with(['0', '1']) {
        // "reach 800-1200 degrees": what begins with 0 ends no range.
        let is_shaped = groups.announced(Topics::PHONE_IF_SHAPED) && groups.digits_of(1).starts_with('0');
        return (groups.announced(Topics::PHONE) || is_shaped).then_some(2);
    }
    // A decimal fraction.
    if groups.len == 2 && groups.separator(1) == b'.' && !is_shaped(groups, 2) {
        return None;
    }
    let other = groups.announced(Topics::OTHER) || groups.announced(Topics::ID);
    let fits = |count: usize| {
        let least = if count == 1 { 9 } else { 8 };
        (least..=13).contains(&groups.digits(count)) && groups.free_after(count) && !(count == 1 && other)
    };
    let count = (1..=groups.len).rev().find(|count| fits(*count))?;
    let dated = groups.begin(&[4, 2, 2]) || (groups.begin(&[2, 2, 4]) && !groups.is_uniform(groups.len.min(4)));
    (!dated && said(count)).then_some(count)
}

/// How many groups of the list are a number of the North American plan.
fn north_american(groups: &Groups<'_>) -> Option<usize> {
    let skip = usize::from(groups.length(0) == 1 && groups.digits_of(0) == "1");
    let fits = groups.len >= skip + 3
        && [3, 3, 4].iter().enumerate().all(|(group, length)| groups.length(skip + group) == *length)
        && groups.free_after(skip + 3)
        && (1..skip + 3).all(|group| groups.separator(group) != b'/');
    let begins = |group: usize| matches!(groups.digits_of(group).as_bytes()[0], b'2'..=b'9');
    (fits && begins(skip) && begins(skip + 1)).then_some(skip + 3)
}
