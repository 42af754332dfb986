//! Redaction takes time in proportion to the length of a text, whatever it holds: counted in bytes looked at.

use proptest::prelude::*;

use super::samples;
use super::tests::redactor;

/// What can begin a value, or makes a recogniser look around.
pub(super) const TRIGGERS: [&str; 65] = [
    "sk-",
    "glpat-",
    "xoxb-",
    "eyJ",
    "eyJ.",
    "password:",
    "password=",
    "password:\"",
    "token=",
    "pwd:'",
    "\"pwd\":\"",
    "{\"a\":\"{\n",
    "x1@example.org ",
    "@",
    "a@",
    "%40",
    "%2540",
    "(at)",
    "a (at) ",
    "1 ",
    "1-",
    "12 ",
    "123456 ",
    "4111 ",
    "4111-1111-1111-1112 ",
    "+1",
    "00",
    "0",
    "0123 ",
    "12.",
    "1:",
    "::",
    "a:1:",
    "2001:db8:",
    "\\",
    "\\n",
    "\\u0041",
    "&#64;",
    " dot ",
    " at x dot ",
    "PRIVATE KEY",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----a-----END",
    "Cookie: a=",
    "Cookie: a=;",
    "Cookie:a=b ; path= ",
    "Authorization: x ",
    "phone ",
    "tel 1 ",
    "NO 1 ",
    "a1-",
    "a1.",
    "a1/",
    "a1=",
    "Bearer a1 ",
    "QWxhZGRpbjpvcGVuIHNlc2FtZQ",
    "aB3",
    "=40",
    "[",
    "{",
    "\"",
    "pwd:\"\\\"",
    "otp 12 ",
    "\u{200b}",
    "１",
];

/// How many bytes are looked at when `text` is redacted.
fn work(text: &str) -> u64 {
    super::detect::bytes_looked_at();
    redactor().redact_text(&[7; 16], text);
    super::detect::bytes_looked_at()
}

/// Text that is twice as long costs at most a little more than twice the work.
fn assert_linear(text: impl Fn(usize) -> String) {
    let (short, long) = (text(9_000), text(18_000));
    let (of_short, of_long) = (work(&short), work(&long));
    assert!(
        of_long * 10 <= of_short * 25 + 100_000,
        "{of_short} bytes, doubled {of_long}: {:?}",
        &short[..64.min(short.len())]
    );
}

#[test]
fn every_trigger_repeated_costs_in_proportion_to_its_length() {
    for trigger in TRIGGERS {
        assert_linear(|length| trigger.repeat(length / trigger.len()));
    }
}

#[test]
fn every_sample_repeated_costs_in_proportion_to_its_length() {
    for (index, (_, text, _)) in samples::hard().enumerate() {
        // Every other one behind what looks like JSON text and is none.
        let lead = if index % 2 == 0 { "" } else { "{\"a\":\"{\n" };
        assert_linear(|length| format!("{lead}{}", text.repeat(length / text.len())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_mixture_of_triggers_costs_in_proportion_to_its_length(
        parts in prop::collection::vec(prop::sample::select(TRIGGERS.to_vec()), 1..6),
        lead in prop::sample::select(TRIGGERS.to_vec()),
    ) {
        let unit = parts.concat();
        assert_linear(|length| format!("{lead}{}", unit.repeat(length / unit.len())));
    }
}
