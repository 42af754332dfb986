//! National numbers of persons that are written in digits alone: which schemes there are, and which of them are taken
//! without a word before them. Two check digits are enough, or one with a valid date or the usual separators; one alone
//! lets nine in a hundred numbers of its length pass.

use super::checksums::{ean, luhn, mod11_10, value, verhoeff, weighted};

/// The lengths of groups of digits as one number: `shape(&[3, 2, 4])`.
pub(super) const fn shape(lengths: &[usize]) -> u64 {
    let mut code = 0;
    let mut index = 0;
    while index < lengths.len() {
        code = code << 5 | lengths[index] as u64 & 31;
        index += 1;
    }
    code
}

const BARE_10: u64 = shape(&[10]);
const BARE_11: u64 = shape(&[11]);
const BARE_12: u64 = shape(&[12]);
const BARE_13: u64 = shape(&[13]);
const BARE_15: u64 = shape(&[15]);
const BARE_18: u64 = shape(&[18]);
const SIX_FOUR: u64 = shape(&[6, 4]);
const SIX_FIVE: u64 = shape(&[6, 5]);
const EIGHT_FOUR: u64 = shape(&[8, 4]);
const SOCIAL: u64 = shape(&[3, 2, 4]);
const THREES_AND_TWO: u64 = shape(&[3, 3, 3, 2]);
const BELGIAN: u64 = shape(&[2, 2, 2, 3, 2]);
const AADHAAR: u64 = shape(&[4, 4, 4]);
const GERMAN_TAX: u64 = shape(&[2, 3, 3, 3]);
const DUTCH: u64 = shape(&[4, 2, 3]);
const NHS: u64 = shape(&[3, 3, 4]);
const SWISS: u64 = shape(&[3, 4, 4, 2]);
const SOUTH_AFRICAN: u64 = shape(&[6, 4, 2, 1]);
const KOREAN: u64 = shape(&[6, 7]);
const THAI: u64 = shape(&[1, 4, 5, 2, 1]);
const CNPJ: u64 = shape(&[2, 3, 3, 4, 2]);
const POLISH_TAX: u64 = shape(&[3, 3, 2, 2]);
const CUIT: u64 = shape(&[2, 8, 1]);
const RUT: u64 = shape(&[2, 3, 3, 1]);
const FRENCH: u64 = shape(&[1, 2, 2, 2, 3, 3, 2]);

/// Whether digits in groups of this shape are a person's number without a word before them. `separators` stand between
/// the groups.
pub(super) fn stands_alone(shape: u64, separators: &[u8], digits: &[u8]) -> bool {
    let all = |separator: u8| separators.iter().all(|one| *one == separator);
    match shape {
        // Seconds since 1970 begin so, from 2020 to 2033; those born in these years are children.
        BARE_10 => !matches!(value(&digits[..2]), 16..=19) && swedish(digits),
        BARE_11 => norwegian(digits) || cpf(digits) || turkish(digits) || pesel(digits) || belgian(digits),
        BARE_12 => swedish_with_century(digits) || russian_tax(digits),
        BARE_13 => digits.starts_with(&[7, 5, 6]) && ean(digits),
        BARE_15 => french(digits),
        BARE_18 => chinese(digits, digits[17]),
        SIX_FOUR if all(b'-') => swedish(digits) || danish(digits) || icelandic(digits),
        SIX_FOUR if all(b'/') => czech(digits),
        SIX_FIVE if all(b' ') => norwegian(digits),
        EIGHT_FOUR if all(b'-') => swedish_with_century(digits),
        SOCIAL if all(b'-') => us_social(digits),
        THREES_AND_TWO => cpf(digits) || snils(digits),
        BELGIAN => belgian(digits),
        AADHAAR if all(b' ') || all(b'-') => aadhaar(digits),
        GERMAN_TAX if all(b' ') => german_tax(digits),
        DUTCH if all(b'.') => dutch(digits),
        NHS if all(b' ') => matches!(digits[0], 4 | 6 | 7) && nhs(digits),
        SWISS if all(b'.') => digits.starts_with(&[7, 5, 6]) && ean(digits),
        SOUTH_AFRICAN if all(b' ') => south_african(digits),
        KOREAN if all(b'-') => matches!(digits[6], 1..=8) && is_date(year_2(digits), month(digits, 2), day(digits, 4)),
        THAI => all(b'-') && thai(digits),
        CNPJ => separators == b"../-" && cnpj(digits),
        POLISH_TAX => all(b'-') && polish_tax(digits),
        CUIT => all(b'-') && cuit(digits),
        RUT => separators == b"..-" && rut(digits),
        FRENCH if all(b' ') || all(b'.') => french(digits),
        _ => false,
    }
}

/// Whether digits, however they are grouped, are a person's number where a word or the name of a member says so.
pub(super) fn is_announced(digits: &[u8], us_social_named: bool) -> bool {
    match digits.len() {
        9 => {
            (us_social_named && us_social(digits))
                || dutch(digits)
                || portuguese(digits)
                || luhn(digits)
                || australian_tax(digits)
                || is_date(year_2(digits), month(digits, 2) % 50, day(digits, 4))
        }
        10 => {
            nhs(digits)
                || swedish(digits)
                || is_date(0, month(digits, 2), day(digits, 0))
                || czech(digits)
                || bulgarian(digits)
                || austrian(digits)
                || uk_tax(digits)
                || polish_tax(digits)
        }
        11 => {
            norwegian(digits)
                || cpf(digits)
                || turkish(digits)
                || pesel(digits)
                || belgian(digits)
                || mod11_10(digits)
                || estonian(digits)
                || snils(digits)
                || cuit(digits)
        }
        12 => {
            verhoeff(digits)
                || swedish_with_century(digits)
                || japanese(digits)
                || russian_tax(digits)
                || is_date(year_2(digits), month(digits, 2), day(digits, 4))
        }
        13 => {
            south_african(digits)
                || thai(digits)
                || romanian(digits)
                || yugoslav(digits)
                || ean(digits)
                || (matches!(digits[0], 1 | 2) && matches!(value(&digits[3..5]), 1..=12 | 20 | 30..=42 | 50..=99))
        }
        14 => cnpj(digits),
        15 => french(digits),
        18 => chinese(digits, digits[17]),
        _ => false,
    }
}

/// Whether there is such a day; a year of two digits counts as a leap year when it may be one.
fn is_date(year: u64, month: u64, day: u64) -> bool {
    let longest = match month {
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    };
    (1..=longest).contains(&day)
}

fn year_2(digits: &[u8]) -> u64 {
    value(&digits[..2])
}

fn month(digits: &[u8], at: usize) -> u64 {
    value(&digits[at..at + 2])
}

fn day(digits: &[u8], at: usize) -> u64 {
    value(&digits[at..at + 2])
}

/// Whether `ddmmyy` leads.
pub(super) fn begins_with_day(digits: &[u8]) -> bool {
    digits.len() >= 6 && is_date(value(&digits[4..6]), month(digits, 2), day(digits, 0))
}

/// Whether not all digits are the same.
fn is_varied(digits: &[u8]) -> bool {
    digits.iter().any(|digit| *digit != digits[0])
}

/// Numbers the US Social Security Administration or the tax office can have given out.
pub(super) fn us_social(digits: &[u8]) -> bool {
    if digits.len() != 9 {
        return false;
    }
    let (area, group, serial) = (value(&digits[..3]), value(&digits[3..5]), value(&digits[5..]));
    let taxpayer = area >= 900 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
    area != 0 && area != 666 && group != 0 && serial != 0 && (area < 900 || taxpayer)
}

/// Personnummer and samordningsnummer (day + 60): a date and Luhn's formula.
fn swedish(digits: &[u8]) -> bool {
    let day = day(digits, 4);
    digits.len() == 10
        && luhn(digits)
        && is_date(year_2(digits), month(digits, 2), if day > 60 { day - 60 } else { day })
}

fn swedish_with_century(digits: &[u8]) -> bool {
    digits.len() == 12 && matches!(value(&digits[..2]), 18..=20) && swedish(&digits[2..])
}

/// Fødselsnummer; D-numbers add 40 to the day, H-numbers 40 to the month. Two check digits.
fn norwegian(digits: &[u8]) -> bool {
    let (day, month) = (day(digits, 0), month(digits, 2));
    digits.len() == 11
        && is_date(
            value(&digits[4..6]),
            if month > 40 { month - 40 } else { month },
            if day > 40 { day - 40 } else { day },
        )
        && weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// CPR numbers of before 2007 have a check digit.
fn danish(digits: &[u8]) -> bool {
    begins_with_day(digits) && weighted(digits, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Kennitala: the ninth digit checks, the tenth is the century.
fn icelandic(digits: &[u8]) -> bool {
    begins_with_day(digits)
        && matches!(digits[9], 0 | 8 | 9)
        && weighted(digits, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Rodné číslo of ten digits; women's months have 50 more.
fn czech(digits: &[u8]) -> bool {
    let month = month(digits, 2);
    digits.len() == 10
        && value(digits).is_multiple_of(11)
        && is_date(year_2(digits), if month > 50 { month - 50 } else { month }, day(digits, 4))
}

fn bulgarian(digits: &[u8]) -> bool {
    let check = weighted(digits, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    is_date(year_2(digits), month(digits, 2) % 20, day(digits, 4)) && check == u32::from(digits[9])
}

/// Sozialversicherungsnummer: the fourth digit checks, the rest is the day of birth.
fn austrian(digits: &[u8]) -> bool {
    let check = weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    check == u32::from(digits[3]) && is_date(value(&digits[8..]), month(digits, 6), day(digits, 4))
}

/// The unique taxpayer reference: the first digit checks the others.
fn uk_tax(digits: &[u8]) -> bool {
    let remainder = weighted(&digits[1..], &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11;
    b"\x02\x01\x09\x08\x07\x06\x05\x04\x03\x02\x01"[remainder as usize] == digits[0]
}

fn nhs(digits: &[u8]) -> bool {
    is_varied(digits) && weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// PESEL of the 20th and 21st century, whose months have 20 more.
fn pesel(digits: &[u8]) -> bool {
    let month = month(digits, 2);
    is_date(year_2(digits), if month > 20 { month - 20 } else { month }, day(digits, 4))
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

fn polish_tax(digits: &[u8]) -> bool {
    digits.len() == 10
        && weighted(digits, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == u32::from(digits[9])
        && is_varied(digits)
}

/// CPF: two check digits.
fn cpf(digits: &[u8]) -> bool {
    let check = |length: usize| {
        let weights: [u32; 10] = std::array::from_fn(|place| (length as u32 + 1).saturating_sub(place as u32));
        weighted(&digits[..length], &weights) * 10 % 11 % 10
    };
    digits.len() == 11 && is_varied(digits) && check(9) == u32::from(digits[9]) && check(10) == u32::from(digits[10])
}

/// CNPJ: two check digits.
fn cnpj(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = |length: usize| {
        let remainder = weighted(&digits[..length], &WEIGHTS[13 - length..]) % 11;
        if remainder < 2 { 0 } else { 11 - remainder }
    };
    digits.len() == 14 && is_varied(digits) && check(12) == u32::from(digits[12]) && check(13) == u32::from(digits[13])
}

/// T.C. kimlik no: two check digits.
fn turkish(digits: &[u8]) -> bool {
    let sum = |from: usize, to: usize| (from..to).step_by(2).map(|place| u32::from(digits[place])).sum::<u32>();
    let (odd, even) = (sum(0, 9), sum(1, 8));
    digits[0] != 0
        && (odd * 7 + 100 - even) % 10 == u32::from(digits[9])
        && weighted(digits, &[1; 10]) % 10 == u32::from(digits[10])
}

/// A date, and 97 minus the remainder of the first nine digits; those born since 2000 put a 2 before them.
fn belgian(digits: &[u8]) -> bool {
    let (number, check) = (value(&digits[..9]), value(&digits[9..]));
    let checks = 97 - number % 97 == check || 97 - (2_000_000_000 + number) % 97 == check;
    checks && is_date(year_2(digits), month(digits, 2), day(digits, 4))
}

fn german_tax(digits: &[u8]) -> bool {
    digits[0] != 0 && mod11_10(digits)
}

fn estonian(digits: &[u8]) -> bool {
    let first = weighted(digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(digits, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10;
    let check = if first < 10 { first } else { second };
    matches!(digits[0], 1..=8)
        && is_date(year_2(&digits[1..]), month(digits, 3), day(digits, 5))
        && check == u32::from(digits[10])
}

/// СНИЛС: two check digits.
fn snils(digits: &[u8]) -> bool {
    let sum = u64::from(weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2, 1]));
    is_varied(digits) && sum % 101 % 100 == value(&digits[9..])
}

/// ИНН of a person: two check digits.
fn russian_tax(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let check = |length: usize| weighted(&digits[..length], &WEIGHTS[11 - length..]) % 11 % 10;
    is_varied(digits) && check(10) == u32::from(digits[10]) && check(11) == u32::from(digits[11])
}

fn cuit(digits: &[u8]) -> bool {
    let check = 11 - weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    matches!(value(&digits[..2]), 20 | 23 | 24 | 25 | 26 | 27) && check % 11 == u32::from(digits[10])
}

fn rut(digits: &[u8]) -> bool {
    let check = 11 - weighted(digits, &[3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    check % 11 == u32::from(digits[8])
}

fn aadhaar(digits: &[u8]) -> bool {
    digits[0] >= 2 && verhoeff(digits)
}

/// BSN: the eleven test.
fn dutch(digits: &[u8]) -> bool {
    is_varied(digits) && (weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) + 10 * u32::from(digits[8])).is_multiple_of(11)
}

/// NIF.
fn portuguese(digits: &[u8]) -> bool {
    let remainder = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    u32::from(digits[8]) == if remainder < 2 { 0 } else { 11 - remainder }
}

fn australian_tax(digits: &[u8]) -> bool {
    weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

fn japanese(digits: &[u8]) -> bool {
    let remainder = weighted(digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    u32::from(digits[11]) == if remainder < 2 { 0 } else { 11 - remainder }
}

fn south_african(digits: &[u8]) -> bool {
    digits.len() == 13
        && matches!(digits[10], 0..=2)
        && luhn(digits)
        && is_date(year_2(digits), month(digits, 2), day(digits, 4))
}

fn thai(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    digits[0] != 0 && (11 - sum % 11) % 10 == u32::from(digits[12])
}

fn romanian(digits: &[u8]) -> bool {
    let check = weighted(digits, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    digits[0] != 0
        && is_date(year_2(&digits[1..]), month(digits, 3), day(digits, 5))
        && u32::from(digits[12]) == if check == 10 { 1 } else { check }
}

/// JMBG, in the countries that were Yugoslavia.
fn yugoslav(digits: &[u8]) -> bool {
    let check = 11 - weighted(digits, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    is_date(value(&digits[4..7]), month(digits, 2), day(digits, 0)) && check % 11 % 10 == u32::from(digits[12])
}

/// The key of a French social security number: 13 digits and 97 minus their remainder.
fn french(digits: &[u8]) -> bool {
    let months = || matches!(value(&digits[3..5]), 1..=12 | 20 | 30..=42 | 50..=99);
    digits.len() == 15
        && matches!(digits[0], 1 | 2)
        && months()
        && 97 - value(&digits[..13]) % 97 == value(&digits[13..])
}

/// A resident's number of 17 digits and a check, 10 for `X`.
pub(super) fn chinese(digits: &[u8], check: u8) -> bool {
    let sum = weighted(&digits[..17], &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    (12 - sum % 11) % 11 == u32::from(check)
        && matches!(value(&digits[6..8]), 18..=20)
        && is_date(value(&digits[6..10]), month(digits, 10), day(digits, 12))
}

#[cfg(test)]
mod tests {
    use super::super::checksums::digits;
    use super::*;

    /// Made up, with check digits that hold.
    #[test]
    fn each_scheme_takes_its_numbers_and_not_their_neighbours() {
        let schemes: [(fn(&[u8]) -> bool, &str); 22] = [
            (swedish, "8112189876"),
            (norwegian, "01010112377"),
            (danish, "0707614285"),
            (czech, "7103192745"),
            (nhs, "9434765919"),
            (pesel, "44051401359"),
            (cpf, "52998224725"),
            (cnpj, "11222333000181"),
            (turkish, "10000000146"),
            (belgian, "85073003328"),
            (german_tax, "86095742719"),
            (estonian, "37605030299"),
            (snils, "11223344595"),
            (russian_tax, "500100732259"),
            (cuit, "20123456786"),
            (aadhaar, "234123412346"),
            (dutch, "111222333"),
            (portuguese, "123456789"),
            (australian_tax, "123456782"),
            (south_african, "8001015009087"),
            (romanian, "1800101221144"),
            (french, "255081416802538"),
        ];
        for (scheme, number) in schemes {
            let mut digits = digits(number);
            assert!(scheme(&digits), "{number}");
            let last = digits.len() - 1;
            digits[last] = (digits[last] + 1) % 10;
            assert!(!scheme(&digits), "{number} with another last digit");
        }
    }
}
