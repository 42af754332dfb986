//! Check digits: what tells a card, an account or a person's number from any other number. Digits are numbers from 0 to 9.

/// The sum of digits times weights.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// The number that the digits write.
pub(super) fn value(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(*digit))
}

/// Luhn's formula, as on payment cards.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let places = digits.iter().rev().map(|digit| u32::from(*digit)).enumerate();
    let sum: u32 = places.map(|(place, digit)| if place % 2 == 0 { digit } else { doubled(digit) }).sum();
    sum.is_multiple_of(10)
}

/// Verhoeff's formula: permutations in the dihedral group of order 10.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTED: [[u8; 10]; 8] = {
        let mut table = [
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
            [0; 10],
            [0; 10],
            [0; 10],
            [0; 10],
            [0; 10],
            [0; 10],
        ];
        let mut row = 2;
        while row < 8 {
            let mut column = 0;
            while column < 10 {
                table[row][column] = table[row - 1][table[1][column] as usize];
                column += 1;
            }
            row += 1;
        }
        table
    };
    let product = |one: u8, two: u8| match (one < 5, two < 5) {
        (true, true) => (one + two) % 5,
        (true, false) => (one + two) % 5 + 5,
        (false, true) => (one + 10 - two) % 5 + 5,
        (false, false) => (one + 5 - two) % 5,
    };
    let places = digits.iter().rev().enumerate();
    places.fold(0, |check, (place, digit)| product(check, PERMUTED[place % 8][usize::from(*digit)])) == 0
}

/// ISO 7064 modulo 11,10, as German and Croatian tax numbers are checked.
pub(super) fn mod11_10(digits: &[u8]) -> bool {
    let Some((check, number)) = digits.split_last() else { return false };
    let product = number.iter().fold(10, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*check)
}

/// The check digit of an EAN: weights 1 and 3 in turn.
pub(super) fn ean(digits: &[u8]) -> bool {
    let places = digits.iter().rev().enumerate();
    let sum: u32 = places.map(|(place, digit)| u32::from(*digit) * if place % 2 == 0 { 1 } else { 3 }).sum();
    sum.is_multiple_of(10)
}

/// Whether a card number of this length begins as an issuer's does.
pub(super) fn is_issued(digits: &[u8]) -> bool {
    let length = digits.len();
    match value(&digits[..length.min(6)]) {
        400_000..=499_999 => matches!(length, 13 | 16 | 19),
        510_000..=559_999 | 222_100..=272_099 => length == 16,
        340_000..=349_999 | 370_000..=379_999 => length == 15,
        300_000..=305_999 | 360_000..=369_999 | 380_000..=399_999 => length == 14,
        500_000..=509_999 | 560_000..=589_999 | 630_000..=639_999 | 670_000..=679_999 => length == 16,
        352_800..=358_999 | 601_100..=601_199 | 620_000..=629_999 | 644_000..=659_999 | 810_000..=817_199 => {
            matches!(length, 16..=19)
        }
        _ => false,
    }
}

/// How many characters an IBAN of `country` has; `None` for a country that issues none.
pub(super) fn iban_length(country: &[u8]) -> Option<usize> {
    Some(match country {
        b"NO" => 15,
        b"BE" => 16,
        b"DK" | b"FI" | b"FO" | b"GL" | b"NL" => 18,
        b"MK" | b"SI" => 19,
        b"AT" | b"BA" | b"EE" | b"KZ" | b"LT" | b"LU" | b"XK" => 20,
        b"CH" | b"CR" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"BH" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" | b"VA" => 22,
        b"AE" | b"GI" | b"IL" | b"IQ" | b"TL" | b"OM" | b"SO" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"PK" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" | b"VG" => 24,
        b"PT" | b"ST" => 25,
        b"IS" | b"TR" => 26,
        b"FR" | b"GR" | b"IT" | b"MC" | b"MR" | b"SM" => 27,
        b"AL" | b"AZ" | b"BY" | b"CY" | b"DO" | b"GT" | b"HU" | b"LB" | b"NI" | b"PL" | b"SV" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"JO" | b"KW" | b"MU" | b"YE" => 30,
        b"MT" | b"SC" => 31,
        b"LC" => 32,
        b"RU" => 33,
        _ => return None,
    })
}

/// ISO 7064 modulo 97 over an IBAN without spaces.
pub(super) fn mod97(iban: &[u8]) -> bool {
    let Some((head, rest)) = iban.split_at_checked(4) else { return false };
    let remainder = rest.iter().chain(head).try_fold(0u32, |remainder, &character| match character {
        b'0'..=b'9' => Some((remainder * 10 + u32::from(character - b'0')) % 97),
        b'A'..=b'Z' => Some((remainder * 100 + u32::from(character - b'A') + 10) % 97),
        _ => None,
    });
    remainder == Some(1)
}

/// The control letter of a Spanish DNI or NIE whose number is `number`.
pub(super) fn dni_letter(number: u64) -> u8 {
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize]
}

/// The control letter of an Italian codice fiscale of 16 capitals and digits.
pub(super) fn codice_fiscale(code: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let shape = b"LLLLLLDDLDDLDDDL";
    let fits = code.len() == 16
        && code.iter().zip(shape).all(|(character, class)| match class {
            b'L' => character.is_ascii_uppercase(),
            _ => character.is_ascii_digit() || b"LMNPQRSTUV".contains(character),
        });
    if !fits {
        return false;
    }
    let order = |character: u8| u32::from(if character.is_ascii_digit() { character - b'0' } else { character - b'A' });
    let sum: u32 = code[..15]
        .iter()
        .enumerate()
        .map(|(place, &character)| if place % 2 == 0 { ODD[order(character) as usize] } else { order(character) })
        .sum();
    order(code[15]) == sum % 26
}

/// The digits of a text as numbers, for tests.
#[cfg(test)]
pub(super) fn digits(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_test_numbers_pass_and_their_neighbours_do_not() {
        for card in ["4111111111111111", "5500 0000 0000 0004", "378282246310005", "6011111111111117"] {
            assert!(luhn(&digits(card)) && is_issued(&digits(card)), "{card}");
        }
        assert!(!luhn(&digits("4111111111111112")));
        assert!(luhn(&digits("1234567812345670")) && !is_issued(&digits("1234567812345670")));
        assert!(mod97(b"GB29NWBK60161331926819") && !mod97(b"GB28NWBK60161331926819"));
        assert!(verhoeff(&digits("2363")) && !verhoeff(&digits("2364")));
        assert!(mod11_10(&digits("86095742719")) && !mod11_10(&digits("86095742718")));
        assert!(ean(&digits("4006381333931")) && !ean(&digits("4006381333932")));
        assert!(codice_fiscale(b"RSSMRA85T10A562S") && !codice_fiscale(b"RSSMRA85T10A562T"));
        assert_eq!(dni_letter(12_345_678), b'Z');
    }
}
