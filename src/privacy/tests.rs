use proptest::prelude::*;

use super::linear_tests::TRIGGERS;
use super::test_corpus::{FOUND, LEFT};
use super::*;
use crate::config::privacy::{PatternConfig, PrivacyConfig};

const TRACE: [u8; 16] = [7; 16];

fn placeholder_key() -> PlaceholderKey {
    PlaceholderKey::Shared(b"salt".to_vec().into())
}

pub(super) fn redactor() -> Redactor {
    Redactor::from_config(&PrivacyConfig::default(), &placeholder_key()).unwrap()
}

fn with_pattern(name: &str, regex: &str) -> Result<Redactor, PrivacyError> {
    let patterns = vec![PatternConfig { name: name.into(), regex: regex.into() }];
    Redactor::from_config(&PrivacyConfig { patterns, ..PrivacyConfig::default() }, &placeholder_key())
}

#[test]
fn every_labelled_value_is_found() {
    let redactor = redactor();
    let survived: Vec<_> = FOUND
        .iter()
        .flat_map(|(text, values)| {
            let redacted = redactor.redact_text(&TRACE, text).into_owned();
            values.iter().filter(move |value| redacted.contains(**value)).map(move |value| (*text, *value))
        })
        .collect();
    assert!(survived.is_empty(), "{survived:#?}");
}

#[test]
fn look_alikes_are_left_as_they_are() {
    let redactor = redactor();
    let touched: Vec<_> = LEFT
        .iter()
        .filter_map(|text| match redactor.redact_text(&TRACE, text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(redacted) => Some(redacted),
        })
        .collect();
    assert!(touched.is_empty(), "{touched:#?}");
}

#[test]
fn only_the_value_goes_and_its_surroundings_stay() {
    let redactor = redactor();
    let shape = |text: &str| {
        let redacted = redactor.redact_text(&TRACE, text).into_owned();
        let letters = Regex::new("_[b-z]{8}>").unwrap();
        letters.replace_all(&redacted, ">").into_owned()
    };
    insta::assert_snapshot!(FOUND.iter().map(|(text, _)| shape(text)).collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_address_ends_where_text_without_spaces_begins() {
    let redactor = redactor();
    for (text, start, end) in [
        ("请把发票发送到anna@example.org谢谢", "请把发票发送到<EMAIL_", ">谢谢"),
        ("メールはanna.berg@example.co.jpです。", "メールは<EMAIL_", ">です。"),
        ("山田@例え.jpへ", "<EMAIL_", ">へ"),
        ("jörg.müller@beispiel.de", "<EMAIL_", ">"),
    ] {
        let redacted = redactor.redact_text(&TRACE, text);
        assert!(redacted.starts_with(start) && redacted.ends_with(end), "{redacted}");
    }
}

#[test]
fn a_cookie_goes_up_to_its_attributes_also_behind_an_empty_value() {
    let redactor = redactor();
    let redacted = redactor.redact_text(&TRACE, "Cookie: consent=; name=Zoë");
    assert!(redacted.starts_with("Cookie: consent=<SECRET_") && redacted.ends_with('>'), "{redacted}");
    assert_eq!(redactor.redact_text(&TRACE, "Set-Cookie: consent=; Path=/"), "Set-Cookie: consent=; Path=/");
}

#[test]
fn the_same_value_gets_the_same_placeholder_within_a_trace_however_it_is_written() {
    let redactor = redactor();
    let tag = |trace: &[u8], text: &str| redactor.redact_text(trace, text).into_owned();
    assert_eq!(tag(&TRACE, "Jane@Example.com"), tag(&TRACE, "jane@example.com"));
    assert_eq!(tag(&TRACE, "4111 1111 1111 1111"), tag(&TRACE, "4111-1111-1111-1111"));
    assert_ne!(tag(&TRACE, "jane@example.com"), tag(&[8; 16], "jane@example.com"));
}

#[test]
fn a_pattern_that_takes_in_quotation_marks_cannot_break_json() {
    let redactor = with_pattern("ticket", r#"T-\d+"?"#).unwrap();
    let redacted = redactor.redact_text(&TRACE, r#"{"a":["T-17","x"]}"#).into_owned();
    let json: Json = serde_json::from_str(&redacted).unwrap();
    assert!(json["a"][0].as_str().unwrap().starts_with("<TICKET_"));
    assert_eq!(json["a"][1], "x");
}

#[test]
fn a_kind_that_is_off_stays_and_is_not_mistaken_for_another() {
    let config = PrivacyConfig { redact: vec![Kind::Phone], ..PrivacyConfig::default() };
    let redactor = Redactor::from_config(&config, &placeholder_key()).unwrap();
    assert_eq!(redactor.redact_text(&TRACE, "pay 378282246310005"), "pay 378282246310005");
    assert!(redactor.redact_text(&TRACE, "ring 415-555-2671").contains("<PHONE_"));
}

#[test]
fn unusable_patterns_are_refused_with_the_reason() {
    assert!(matches!(with_pattern("my ticket", "T"), Err(PrivacyError::Name(_))));
    assert!(matches!(with_pattern("email", "T"), Err(PrivacyError::Taken(_))));
    assert!(matches!(with_pattern("t", "("), Err(PrivacyError::Regex { .. })));
    assert!(matches!(with_pattern("t", "x*"), Err(PrivacyError::Empty(_))));
}

fn value() -> impl Strategy<Value = String> {
    let found: Vec<&'static str> = FOUND.iter().flat_map(|(_, values)| values.iter().copied()).collect();
    let left: Vec<&'static str> = LEFT.to_vec();
    let texts: Vec<&'static str> = FOUND.iter().map(|(text, _)| *text).collect();
    prop_oneof![
        3 => prop::sample::select(found).prop_map(str::to_owned),
        1 => prop::sample::select(left).prop_map(str::to_owned),
        2 => prop::sample::select(texts).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9 @.:=+%\\\\\"'(){}\\[\\],\n_/-]{0,24}",
        1 => "\\PC{0,12}",
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    let glue = prop_oneof![
        6 => Just(" ".to_owned()),
        2 => Just("\n".to_owned()),
        1 => Just("\\n".to_owned()),
        2 => "[ ,;:.\"'<>()]{1,3}",
    ];
    prop::collection::vec((value(), glue), 0..8)
        .prop_map(|parts| parts.into_iter().map(|(value, glue)| value + &glue).collect())
}

/// Arbitrary text between whatever makes a recogniser look around.
fn provocation() -> impl Strategy<Value = String> {
    let announcements: Vec<&'static str> = detect::announcements().collect();
    let piece = prop_oneof![
        prop::sample::select(TRIGGERS.to_vec()).prop_map(str::to_owned),
        prop::sample::select(announcements).prop_map(str::to_owned),
        prop::sample::select(vec![":", ": ", "=", ";", "; ", "\"", " ", "@", ".", "ë", "谢"]).prop_map(str::to_owned),
        "[0-9]{1,12}",
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn nested(text: &str, depth: u8) -> String {
    (0..depth).fold(text.to_owned(), |inner, level| {
        let key = format!("k{level}");
        serde_json::json!([{ key: inner }]).to_string()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn redacting_twice_is_redacting_once(text in any_text(), depth in 0u8..3) {
        let redactor = redactor();
        let once = redactor.redact_text(&TRACE, &nested(&text, depth)).into_owned();
        let twice = redactor.redact_text(&TRACE, &once).into_owned();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn json_stays_json_at_every_depth(text in any_text(), number in 0u64.., depth in 1u8..4) {
        let redactor = redactor();
        let inner = serde_json::json!({ "text": text, "card": 4_111_111_111_111_111_u64, "number": number }).to_string();
        let mut current = redactor.redact_text(&TRACE, &nested(&inner, depth)).into_owned();
        for level in (0..depth).rev() {
            let json: Json = serde_json::from_str(&current).unwrap();
            current = json[0][format!("k{level}")].as_str().unwrap().to_owned();
        }
        let json: Json = serde_json::from_str(&current).unwrap();
        prop_assert!(json["card"].as_str().unwrap().starts_with("<CARD_"));
    }

    #[test]
    fn no_address_or_card_survives_wherever_it_stands(
        before in "[a-z ,.;:!?\"'()\n]{0,20}[ ,;:\"(\n]",
        after in "[ ,;:!?\")\n][a-z ,.;:!?\"'()\n]{0,20}",
        local in "[a-z][a-z0-9._+-]{0,12}[a-z0-9]",
        domain in "[a-z]{2,10}(\\.[a-z]{2,8}){1,2}",
        card in prop::sample::select(vec!["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"]),
        depth in 0u8..3,
    ) {
        prop_assume!(local != "git");
        let address = format!("{local}@{domain}");
        let text = nested(&format!("{before}{address}{after} card {card}{after}"), depth);
        let redacted = redactor().redact_text(&TRACE, &text).into_owned();
        prop_assert!(!redacted.contains(&address), "{redacted}");
        prop_assert!(!redacted.contains(card), "{redacted}");
    }

    #[test]
    fn no_text_whatever_stops_the_redactor(text in prop_oneof!["\\PC{0,200}".boxed(), provocation().boxed()]) {
        let redacted = redactor().redact_text(&TRACE, &text).into_owned();
        prop_assert!(redacted.len() <= 32 * (text.len() + 1));
    }
}
