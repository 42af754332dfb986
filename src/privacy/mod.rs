//! Redaction: what identifies a person or opens a door never reaches the store, a judge or a sink.
//!
//! Pure. A [`Redactor`] replaces values by placeholders such as `<EMAIL_kqzwhtrb>`; the letters come from a keyed hash
//! of trace, kind and value, so that every worker writes the same placeholder without shared state. At assembly
//! [`renumber`] turns them into `<EMAIL_1>`, `<EMAIL_2>` in order of appearance, so that a judge can still tell people
//! apart. JSON text stays JSON text. Precision matters as much as recall: a judge needs order numbers, model names and
//! dates as they are, so that every kind is checked (issuer, Luhn, modulo 97, check letters, number plans).

mod detect;
mod finding;
mod json_depth;
mod otlp_redaction;
mod placeholders;
mod replace;
#[cfg(test)]
mod samples;
mod shared;
mod step_texts;
mod steps;
#[cfg(test)]
mod test_corpus;

use std::borrow::Cow;
use std::collections::HashMap;

use regex::{Regex, RegexSet};
use serde::de::IgnoredAny;
use serde_json::Value as Json;

pub use crate::config::privacy::Kind;
pub use placeholders::{PlaceholderKey, renumber};
pub use shared::SharedRedactor;

use crate::config::privacy::PrivacyConfig;
use crate::model::Named as _;
use finding::{Finding, What};
use placeholders::Tagger;

/// Why the privacy section cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// A pattern's name cannot become a placeholder.
    #[error(
        "`privacy.patterns`: the name `{0}` must be a letter followed by letters, digits or underscores, at most 32"
    )]
    Name(String),
    /// Two patterns, or a pattern and a built-in kind, would share a placeholder.
    #[error("`privacy.patterns`: the name `{0}` is taken; choose another")]
    Taken(String),
    /// A pattern is no regular expression, or one too large.
    #[error("`privacy.patterns`: `{name}` is not a usable regular expression")]
    Regex {
        /// The pattern's name.
        name: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// A pattern that matches the empty text would put placeholders between all letters.
    #[error("`privacy.patterns`: `{0}` matches the empty text; make it need at least one character")]
    Empty(String),
}

/// How often a text is looked at again after something in it was replaced.
const ROUNDS: usize = 4;

/// A user's pattern.
struct Pattern {
    placeholder: String,
    regex: Regex,
}

/// Replaces personal data and secrets by placeholders.
pub struct Redactor {
    kinds: [bool; Kind::ALL.len()],
    patterns: Vec<Pattern>,
    prefilter: RegexSet,
    keep: Vec<String>,
    tagger: Tagger,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl Redactor {
    /// The redactor that `config` describes. `key` decides the placeholders: workers that share a store share it.
    pub fn from_config(config: &PrivacyConfig, key: &PlaceholderKey) -> Result<Self, PrivacyError> {
        let mut patterns: Vec<Pattern> = Vec::with_capacity(config.patterns.len());
        for pattern in &config.patterns {
            let placeholder = pattern.name.to_ascii_uppercase();
            let fits = placeholder.starts_with(|first: char| first.is_ascii_uppercase())
                && placeholder.len() <= 32
                && placeholder.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !fits {
                return Err(PrivacyError::Name(pattern.name.clone()));
            }
            let taken = Kind::ALL.iter().any(|kind| kind.placeholder() == placeholder)
                || patterns.iter().any(|earlier| earlier.placeholder == placeholder);
            if taken {
                return Err(PrivacyError::Taken(pattern.name.clone()));
            }
            let regex = Regex::new(&pattern.regex)
                .map_err(|source| PrivacyError::Regex { name: pattern.name.clone(), source: Box::new(source) })?;
            if regex.is_match("") {
                return Err(PrivacyError::Empty(pattern.name.clone()));
            }
            patterns.push(Pattern { placeholder, regex });
        }
        let prefilter = RegexSet::new(config.patterns.iter().map(|pattern| &pattern.regex))
            .map_err(|source| PrivacyError::Regex { name: "all together".into(), source: Box::new(source) })?;
        let mut kinds = [false; Kind::ALL.len()];
        for kind in &config.redact {
            kinds[*kind as usize] = true;
        }
        Ok(Self { kinds, patterns, prefilter, keep: config.keep_attributes.clone(), tagger: Tagger::new(key) })
    }

    /// The text with placeholders for what must not be kept; borrowed when there was nothing.
    pub fn redact_text<'t>(&self, trace_id: &[u8], text: &'t str) -> Cow<'t, str> {
        let mut redacted = Cow::Borrowed(text);
        // A value that was tied to another is sometimes recognised only when that other is gone.
        for _ in 0..ROUNDS {
            match self.redact_once(trace_id, &redacted) {
                Some(again) => redacted = Cow::Owned(again),
                None => break,
            }
        }
        redacted
    }

    fn redact_once(&self, trace_id: &[u8], text: &str) -> Option<String> {
        let found = self.find(text);
        if found.is_empty() {
            return None;
        }
        let mut known = HashMap::new();
        let redacted = replace::replaced(text, &found, |finding| {
            let value = (&text[finding.start..finding.end], finding.what);
            known.entry(value).or_insert_with(|| self.placeholder(trace_id, text, finding)).clone()
        });
        let broken = replace::looks_like_json(text) && is_json(text) && !is_json(&redacted);
        if broken { self.redact_parsed(trace_id, text).or(Some(redacted)) } else { Some(redacted) }
    }

    /// The value of what is called `name` (an attribute, a member), which says what it is; `None` when there was nothing.
    fn redact_member(&self, trace_id: &[u8], name: &str, text: &str) -> Option<String> {
        if self.kinds[Kind::Secret as usize] && detect::is_secret_of(name, text) {
            return Some(self.tagger.tag(trace_id, Kind::Secret.placeholder(), text));
        }
        if detect::says_something(name) && !text.is_empty() {
            // JSON has names of its own, but for the items of an array.
            let redacted = if replace::looks_like_json(text) && is_json(text) {
                self.redact_items(trace_id, name, text)
            } else {
                self.redact_behind(trace_id, name, text)
            };
            if redacted.is_some() {
                return redacted;
            }
        }
        match self.redact_text(trace_id, text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(redacted) => Some(redacted),
        }
    }

    /// The text as it would be redacted behind its name; `None` when there was nothing.
    fn redact_behind(&self, trace_id: &[u8], name: &str, text: &str) -> Option<String> {
        let lead = format!("{name}: ");
        let whole = format!("{lead}{text}");
        let redacted = self.redact_text(trace_id, &whole);
        redacted.strip_prefix(&lead).filter(|value| *value != text).map(str::to_owned)
    }

    /// A JSON array whose name says what its items are; `None` when it is none, or there was nothing.
    fn redact_items(&self, trace_id: &[u8], name: &str, text: &str) -> Option<String> {
        let mut json: Json = serde_json::from_str(text).ok().filter(Json::is_array)?;
        let before = json.clone();
        self.redact_json(trace_id, Some(name), &mut json);
        (json != before).then(|| json.to_string())
    }

    /// An identity with a placeholder for what it says of a person, the same in every trace; `None` when there was nothing.
    fn redact_identity(&self, text: &str) -> Option<String> {
        let mut found = self.find(text);
        found.retain(|finding| finding.what != What::Kind(Kind::Ip));
        let placeholder = |finding: &Finding| self.placeholder(&[], text, finding);
        (!found.is_empty()).then(|| replace::replaced(text, &found, placeholder))
    }

    fn is_off(&self) -> bool {
        self.patterns.is_empty() && self.kinds.iter().all(|on| !on)
    }

    fn keeps(&self, key: &str) -> bool {
        self.keep.iter().any(|kept| kept == key)
    }

    fn is_on(&self, what: What) -> bool {
        match what {
            What::Kind(kind) => self.kinds[kind as usize],
            What::Pattern(_) => true,
        }
    }

    fn find(&self, text: &str) -> Vec<Finding> {
        let mut found = self.find_plain(text);
        for (range, content) in detect::decoded_base64(text) {
            let inside = self.find_plain(&content).first().map(|first| first.what);
            found.extend(inside.map(|what| Finding { start: range.start, end: range.end, what }));
        }
        replace::settle(&mut found);
        found
    }

    fn find_plain(&self, text: &str) -> Vec<Finding> {
        let mut found = detect::find(text);
        // What is off was looked for all the same, so that a card is not taken for a telephone number.
        found.retain(|finding| self.is_on(finding.what));
        for index in self.prefilter.matches(text) {
            let hits = self.patterns[index].regex.find_iter(text).filter(|hit| !hit.is_empty());
            found.extend(hits.map(|hit| Finding { start: hit.start(), end: hit.end(), what: What::Pattern(index) }));
        }
        found
    }

    fn placeholder(&self, trace_id: &[u8], text: &str, finding: &Finding) -> String {
        let value = &text[finding.start..finding.end];
        match finding.what {
            What::Kind(kind) => {
                self.tagger.tag(trace_id, kind.placeholder(), &normalised(kind, &detect::as_seen(value)))
            }
            What::Pattern(index) => self.tagger.tag(trace_id, &self.patterns[index].placeholder, value),
        }
    }

    /// The long way round for JSON text that a replacement would break: string by string. A user's pattern may take in
    /// a quotation mark.
    fn redact_parsed(&self, trace_id: &[u8], text: &str) -> Option<String> {
        let mut json: Json = serde_json::from_str(text).ok()?;
        self.redact_json(trace_id, None, &mut json);
        Some(json.to_string())
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The value without the freedom of writing it, so that `+1 555 234-5678` and `+1-555-234-5678` are one.
fn normalised(kind: Kind, value: &str) -> Cow<'_, str> {
    match kind {
        Kind::Email => Cow::Owned(value.to_lowercase()),
        Kind::Phone | Kind::Card => Cow::Owned(value.chars().filter(char::is_ascii_digit).collect()),
        Kind::Iban | Kind::NationalId => Cow::Owned(value.chars().filter(char::is_ascii_alphanumeric).collect()),
        Kind::Ip => value.parse::<core::net::IpAddr>().map_or(Cow::Borrowed(value), |ip| Cow::Owned(ip.to_string())),
        Kind::Secret => Cow::Borrowed(value),
    }
}

#[cfg(test)]
mod linear_tests;
#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;
