//! Placeholders. Stored ones carry a keyed hash, so that every worker gives a value of a trace the same one without
//! talking to the others; readers see them numbered in order of appearance.

use std::collections::HashMap;
use std::ops::Range;

use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};

use super::step_texts::visit_texts;
use crate::model::Step;
use crate::secrets::MacKey;

/// Letters of the hash in a tag: no vowels, so that no word arises; no digits, so that no number does.
const LETTERS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
const TAG_LETTERS: usize = 8;

/// What the letters of placeholders depend on.
pub enum PlaceholderKey {
    /// A key that workers of earlier versions may hold as well: the configured one, or the salt of a database of theirs.
    Shared(SecretSlice<u8>),
    /// Made from the installation's secret.
    Installation(MacKey),
}

/// Makes tags under one key.
pub(super) enum Tagger {
    /// As earlier versions do, whose workers may share the key: two passes of SHA-256.
    TwoPasses([u8; 32]),
    /// HMAC.
    Mac(MacKey),
}

impl Tagger {
    pub(super) fn new(key: &PlaceholderKey) -> Self {
        match key {
            PlaceholderKey::Shared(secret) => {
                let mut hash = Sha256::new();
                hash.update(b"judged/placeholder/1\0");
                hash.update(secret.expose_secret());
                Self::TwoPasses(hash.finalize().into())
            }
            PlaceholderKey::Installation(key) => Self::Mac(key.clone()),
        }
    }

    /// `<EMAIL_bcdfghjk>`: the same for the same value of the same trace, telling nothing about the value without the key.
    pub(super) fn tag(&self, trace_id: &[u8], name: &str, value: &str) -> String {
        let digest = match self {
            Self::TwoPasses(key) => two_passes(key, trace_id, name, value),
            Self::Mac(key) => key.mac(&[trace_id, name.as_bytes(), value.as_bytes()]),
        };
        let mut number = digest[..8].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let mut tag = String::with_capacity(name.len() + TAG_LETTERS + 3);
        tag.push('<');
        tag.push_str(name);
        tag.push('_');
        for _ in 0..TAG_LETTERS {
            tag.push(char::from(LETTERS[(number % LETTERS.len() as u64) as usize]));
            number /= LETTERS.len() as u64;
        }
        tag.push('>');
        tag
    }
}

fn two_passes(key: &[u8; 32], trace_id: &[u8], name: &str, value: &str) -> [u8; 32] {
    let mut inner = Sha256::new();
    inner.update(key);
    inner.update((trace_id.len() as u64).to_be_bytes());
    inner.update(trace_id);
    inner.update(name.as_bytes());
    inner.update([0]);
    inner.update(value.as_bytes());
    Sha256::new().chain_update(key).chain_update(inner.finalize()).finalize().into()
}

/// Numbers the placeholders of `steps` in order of appearance: `<EMAIL_1>`, `<EMAIL_2>`, …
///
/// Identity attributes (session, user) keep their tags, which are the same across traces. Steps given together share
/// their numbers, so that a session's are numbered by giving all its steps at once.
pub fn renumber(steps: &mut [Step]) {
    let mut numbering = Numbering::default();
    visit_texts(steps, &mut |text| numbering.reserve(text));
    visit_texts(steps, &mut |text| numbering.apply(text));
}

/// The numbers given so far.
#[derive(Debug, Default)]
struct Numbering {
    numbers: HashMap<String, String>,
    /// The last number of each name; begins behind numbered placeholders that arrived from upstream.
    last: HashMap<String, u64>,
}

impl Numbering {
    fn reserve(&mut self, text: &str) {
        for (name, number) in
            placeholders(text).filter_map(|(_, name, suffix)| Some((name, suffix.parse::<u64>().ok()?)))
        {
            match self.last.get_mut(name) {
                Some(last) => *last = number.max(*last),
                None => drop(self.last.insert(name.to_owned(), number)),
            }
        }
    }

    fn apply(&mut self, text: &mut String) {
        let tags: Vec<(Range<usize>, String)> = placeholders(text)
            .filter(|(_, _, suffix)| is_tag(suffix))
            .map(|(range, name, _)| (range.clone(), self.number(&text[range], name)))
            .collect();
        for (range, numbered) in tags.into_iter().rev() {
            text.replace_range(range, &numbered);
        }
    }

    fn number(&mut self, tag: &str, name: &str) -> String {
        if let Some(number) = self.numbers.get(tag) {
            return number.clone();
        }
        let last = self.last.entry(name.to_owned()).or_default();
        *last = last.saturating_add(1);
        let numbered = format!("<{name}_{last}>");
        self.numbers.insert(tag.to_owned(), numbered.clone());
        numbered
    }
}

fn is_tag(suffix: &str) -> bool {
    suffix.len() == TAG_LETTERS && suffix.bytes().all(|byte| LETTERS.contains(&byte))
}

/// Everything of the form `<NAME_suffix>`: its place, name and suffix.
fn placeholders(text: &str) -> impl Iterator<Item = (Range<usize>, &str, &str)> {
    text.match_indices('<').filter_map(|(start, _)| {
        let inner = &text[start + 1..];
        let length = inner.bytes().take(80).position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_'))?;
        let (name, suffix) = inner[..length].rsplit_once('_')?;
        let named = name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        (named && inner.as_bytes()[length] == b'>').then(|| (start..start + length + 2, name, suffix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Message, Role, SpanId, TraceId};

    fn step(text: &str) -> Step {
        let (trace_id, span_id) = (TraceId::try_from([1; 16].as_slice()), SpanId::try_from([2; 8].as_slice()));
        let mut step = Step::bare(trace_id.unwrap(), span_id.unwrap());
        step.input = Some(vec![Message::text(Role::User, text)]);
        step
    }

    fn shared(key: &[u8]) -> PlaceholderKey {
        PlaceholderKey::Shared(key.to_vec().into())
    }

    fn said(step: &Step) -> String {
        step.input.iter().flatten().filter_map(Message::joined_text).collect()
    }

    #[test]
    fn placeholders_are_numbered_in_order_of_appearance_across_steps() {
        let tagger = Tagger::new(&shared(b"key"));
        let (anna, bob) = (tagger.tag(&[1; 16], "EMAIL", "anna@x.io"), tagger.tag(&[1; 16], "EMAIL", "bob@x.io"));
        let mut steps = [step(&format!("from {bob} to {anna}")), step(&format!("{anna}, {bob}"))];
        steps[1].session_id = Some(anna.clone());
        renumber(&mut steps);
        assert_eq!(said(&steps[0]), "from <EMAIL_1> to <EMAIL_2>");
        assert_eq!(said(&steps[1]), "<EMAIL_2>, <EMAIL_1>");
        assert_eq!(steps[1].session_id.as_deref(), Some(anna.as_str()));
    }

    #[test]
    fn numbers_that_came_from_upstream_are_not_given_again() {
        let tag = Tagger::new(&shared(b"key")).tag(&[1; 16], "EMAIL", "anna@x.io");
        let mut steps = [step(&format!("{tag} is not <EMAIL_1>"))];
        renumber(&mut steps);
        assert_eq!(said(&steps[0]), "<EMAIL_2> is not <EMAIL_1>");
    }

    #[test]
    fn a_tag_depends_on_key_trace_kind_and_value() {
        let derived = |text: &str| PlaceholderKey::Installation(MacKey::of_text(text));
        for (key, another) in [(shared(b"k"), shared(b"x")), (derived("k"), derived("x"))] {
            let tag = |trace: u8, name, value| Tagger::new(&key).tag(&[trace; 16], name, value);
            let base = tag(1, "EMAIL", "a@b.io");
            assert_eq!(base, tag(1, "EMAIL", "a@b.io"));
            let under_another = Tagger::new(&another).tag(&[1; 16], "EMAIL", "a@b.io");
            for other in [under_another, tag(2, "EMAIL", "a@b.io"), tag(1, "EMAIL", "c@b.io")] {
                assert_ne!(base, other);
            }
            assert_ne!(base["<EMAIL_".len()..], tag(1, "PHONE", "a@b.io")["<PHONE_".len()..]);
        }
    }

    #[test]
    fn under_a_shared_key_the_tags_are_those_of_earlier_versions() {
        let tagger = Tagger::new(&shared(b"judged"));
        assert_eq!(tagger.tag(&[1; 16], "EMAIL", "anna@x.io"), "<EMAIL_pmwtzlvj>");
        assert_eq!(tagger.tag(&[], "EMAIL", "anna.berg@example.org"), "<EMAIL_vgjsfdkc>");
    }
}
