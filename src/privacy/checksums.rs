//! Check digits: what tells a card, an account or a person's number from any other number.

/// The digits of `text` as numbers, separators skipped.
pub(super) fn digits(text: &str) -> impl DoubleEndedIterator<Item = u32> + Clone + '_ {
    text.bytes().filter(u8::is_ascii_digit).map(|digit| u32::from(digit - b'0'))
}

/// Luhn's formula, as on payment cards.
pub(super) fn luhn(number: &str) -> bool {
    let sum: u32 = digits(number)
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => digit,
            _ if digit > 4 => 2 * digit - 9,
            _ => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether a card number of this length begins as an issuer's does.
pub(super) fn is_issued(number: &str) -> bool {
    let length = digits(number).count();
    let prefix = digits(number).take(6).fold(0, |prefix, digit| prefix * 10 + digit);
    match prefix {
        400_000..=499_999 => matches!(length, 13 | 16 | 19),
        510_000..=559_999 | 222_100..=272_099 => length == 16,
        340_000..=349_999 | 370_000..=379_999 => length == 15,
        300_000..=305_999 | 360_000..=369_999 | 380_000..=399_999 => length == 14,
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
pub(super) fn dni_letter(number: u32) -> u8 {
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize]
}

/// The two check digits of a Brazilian CPF.
pub(super) fn cpf(number: &str) -> bool {
    let all: Vec<u32> = digits(number).collect();
    let check = |length: usize| {
        let sum: u32 =
            all[..length].iter().zip((2..=length as u32 + 1).rev()).map(|(digit, weight)| digit * weight).sum();
        sum * 10 % 11 % 10
    };
    all.len() == 11 && all.iter().any(|digit| *digit != all[0]) && check(9) == all[9] && check(10) == all[10]
}

/// The key of a French social security number: 13 digits and 97 minus their remainder.
pub(super) fn nir(number: &str) -> bool {
    let all: Vec<u32> = digits(number).collect();
    let value = |part: &[u32]| part.iter().fold(0u64, |value, digit| value * 10 + u64::from(*digit));
    let months = || matches!(value(&all[3..5]), 1..=12 | 20 | 30..=42 | 50..=99);
    all.len() == 15 && matches!(all[0], 1 | 2) && months() && 97 - value(&all[..13]) % 97 == value(&all[13..])
}

/// The control letter of an Italian codice fiscale of 16 characters.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_test_numbers_pass_and_their_neighbours_do_not() {
        for card in ["4111111111111111", "5500 0000 0000 0004", "378282246310005", "6011111111111117"] {
            assert!(luhn(card) && is_issued(card), "{card}");
        }
        assert!(!luhn("4111111111111112"));
        assert!(luhn("1234567812345670") && !is_issued("1234567812345670"));
        assert!(mod97(b"GB29NWBK60161331926819") && !mod97(b"GB28NWBK60161331926819"));
        assert!(cpf("529.982.247-25") && !cpf("529.982.247-26") && !cpf("111.111.111-11"));
        assert!(nir("255081416802538") && !nir("255081416802539"));
        assert!(codice_fiscale(b"RSSMRA85T10A562S") && !codice_fiscale(b"RSSMRA85T10A562T"));
        assert_eq!(dni_letter(12_345_678), b'Z');
    }
}
