//! Text that stands in a text as base64.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::work::looked_at;

/// The shortest run that is decoded: an address of a dozen letters.
const LEAST: usize = 20;
/// How much of a run must be text before the rest is decoded.
const HEAD: usize = 32;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// The runs of base64 in `text` that decode to text, with what they say.
pub(in crate::privacy) fn decoded(text: &str) -> Vec<(Range<usize>, String)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut position = 0;
    // Every run of this length covers a place that far on, so that most of a text is stepped over.
    while let Some(probe) = bytes.get(position + LEAST - 1) {
        if !is_base64(*probe) {
            position += LEAST;
            continue;
        }
        let back = bytes[position..position + LEAST].iter().rev().take_while(|byte| is_base64(**byte)).count();
        looked_at(back + 1);
        if back < LEAST {
            position += LEAST - back;
            continue;
        }
        let length = LEAST + bytes[position + LEAST..].iter().take_while(|byte| is_base64(**byte)).count();
        looked_at(length);
        let run = position..position + length;
        if let Some(content) = content(&text[run.clone()]) {
            let padding = bytes[run.end..].iter().take(2).take_while(|byte| **byte == b'=').count();
            found.push((run.start..run.end + padding, content));
        }
        position = run.end;
    }
    found
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn content(run: &str) -> Option<String> {
    // Words and paths have few capitals or no small letters; text in base64 has both.
    let head = &run[..run.len().min(HEAD) / 4 * 4];
    let mixed =
        head.bytes().any(|byte| byte.is_ascii_uppercase()) && head.bytes().any(|byte| byte.is_ascii_lowercase());
    if !mixed {
        return None;
    }
    let engine = if run.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    if !engine.decode(head).ok()?.iter().all(|byte| is_text(*byte)) {
        return None;
    }
    let whole = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    String::from_utf8(engine.decode(whole).ok()?).ok()
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_are_text_are_decoded_and_others_are_not() {
        let encoded = STANDARD.encode("mail anna@example.org");
        let text = format!("internationalization {encoded} and a30e0c04b7c7f05d9e7f61037cb86b6b");
        let found = decoded(&text);
        assert_eq!(found.len(), 1);
        assert_eq!(&text[found[0].0.clone()], encoded);
        assert_eq!(found[0].1, "mail anna@example.org");
    }
}
