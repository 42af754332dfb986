//! The tables of `docs/privacy.md`, measured.

use std::collections::BTreeMap;

use super::samples::{self, Hard};
use super::tests::redactor;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/privacy.md");
const BEGIN: &str = "<!-- Measured. After a change of the recognisers: UPDATE_DOCS=1 cargo test --lib docs_page -->\n";
const END: &str = "<!-- end -->\n";

/// How a text is put into an attribute, and what the redactor's answer is read back as.
type Placement = (&'static str, fn(&str) -> String, fn(&str) -> String);

const PLACEMENTS: [Placement; 7] = [
    ("plain text", str::to_owned, str::to_owned),
    ("in a sentence", |text| format!("As I said: {text} , thank you."), str::to_owned),
    ("JSON", |text| json(text).to_string(), unquoted),
    ("JSON, ASCII only (Python)", |text| ascii_only(&json(text).to_string(), |_| false), unquoted),
    ("JSON as .NET writes it", |text| ascii_only(&json(text).to_string(), |one| "+<>&'`".contains(one)), unquoted),
    ("JSON in a string of JSON", |text| json(&json(text).to_string()).to_string(), |text| unquoted(&unquoted(text))),
    ("base64", |text| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text), decoded),
];

fn json(text: &str) -> serde_json::Value {
    serde_json::json!([{ "role": "user", "content": text }])
}

fn unquoted(text: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    json[0]["content"].as_str().unwrap().to_owned()
}

fn decoded(text: &str) -> String {
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn ascii_only(json: &str, also: fn(char) -> bool) -> String {
    let mut written = String::new();
    for character in json.chars() {
        if character.is_ascii() && !also(character) {
            written.push(character);
        } else {
            character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| written.push_str(&format!("\\u{unit:04X}")));
        }
    }
    written
}

/// Whether nothing of a sample survives in a placement.
fn is_found(sample: &Hard, (_, put, read): &Placement) -> bool {
    let redacted = read(&redactor().redact_text(&[7; 16], &put(sample.1)));
    !sample.2.iter().any(|value| redacted.contains(value))
}

fn table() -> String {
    let mut kinds: BTreeMap<&str, Vec<&Hard>> = BTreeMap::new();
    for sample in samples::hard() {
        kinds.entry(sample.0).or_default().push(sample);
    }
    let mut page = format!("| Found of | {} |\n", kinds.keys().copied().collect::<Vec<_>>().join(" | "));
    page.push_str(&format!("|---|{}\n", "---:|".repeat(kinds.len())));
    for placement in &PLACEMENTS {
        let cells = kinds.values().map(|samples| {
            let found = samples.iter().filter(|sample| is_found(sample, placement)).count();
            format!(" {found}/{} |", samples.len())
        });
        page.push_str(&format!("| {} |{}\n", placement.0, cells.collect::<String>()));
    }
    let redactor = redactor();
    let unchanged = |texts: &mut dyn Iterator<Item = String>| {
        let (mut all, mut same) = (0, 0);
        for text in texts {
            all += 1;
            same += usize::from(redactor.redact_text(&[7; 16], &text) == text);
        }
        format!("{same}/{all}")
    };
    let runs = unchanged(&mut samples::digit_runs());
    let together = unchanged(&mut samples::harmless());
    page.push_str(&format!(
        "\nHarmless texts left as they are: {together}, among them {runs} bare runs of 9 to 12 digits.\n"
    ));
    page
}

#[test]
fn docs_page() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let written = format!("{before}{BEGIN}\n{}\n{END}{after}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, written).unwrap();
        return;
    }
    assert!(written == page, "docs/privacy.md is out of date; run UPDATE_DOCS=1 cargo test --lib docs_page");
}

#[test]
fn nearly_every_sample_is_found_and_nearly_every_harmless_text_stays() {
    let missed: Vec<_> = samples::hard()
        .flat_map(|sample| PLACEMENTS.iter().filter(|one| !is_found(sample, one)).map(|one| (one.0, sample.1)))
        .collect();
    assert!(missed.len() * 50 < samples::hard().count() * PLACEMENTS.len(), "{missed:#?}");
    let redactor = redactor();
    let changed: Vec<String> =
        samples::harmless().filter(|text| redactor.redact_text(&[7; 16], text) != text.as_str()).collect();
    assert!(changed.len() * 50 < samples::harmless().count(), "{changed:#?}");
}
