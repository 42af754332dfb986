//! Recognisers of personal data and secrets. Pure, and linear: one pass over the bytes, in which only a digit, `@`, `:`,
//! `=` or an opening bracket can begin or betray a value; everything else is passed at the speed of a table look-up.
//! Each look around a place is bounded, or remembered so that no byte is looked at again and again.

mod base64_runs;
mod checksums;
mod context;
mod email;
mod groups;
mod ip;
mod key_prefixes;
mod lettered;
mod named_secrets;
mod national_numbers;
mod numbers;
mod phones;
mod secret_names;
mod text;
mod tokens;
mod topics;
mod view;
mod work;

pub(super) use base64_runs::decoded as decoded_base64;
#[cfg(test)]
pub(crate) use work::taken as bytes_looked_at;

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::finding::Finding;
use named_secrets::Refused;
use text::{Ahead, Bytes, Text, is_word, next_of, table};
use tokens::Tokens;
use view::View;

/// The bytes at which a value can begin, or by which it is betrayed.
const TRIGGERS: Bytes = table(b"0123456789@:=([{");

/// Whether [`TRIGGERS`] has this byte.
fn triggers(byte: u8) -> bool {
    let is = |one: u8| u8::from(byte == one);
    let digit = u8::from(byte.wrapping_sub(b'0') < 10);
    (digit | is(b'@') | is(b':') | is(b'=') | is(b'(') | is(b'[') | is(b'{')) != 0
}

static PRIVATE_KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("PRIVATE KEY"));

/// What was found in `raw`, unsorted; findings may overlap.
pub(super) fn find(raw: &str) -> Vec<Finding> {
    let view = View::of(raw);
    let text = Text::new(view.text());
    work::looked_at(raw.len() + text.bytes.len());
    let mut scan = Scan::new(text);
    scan.run();
    let mut keys = Ahead::default();
    let mut key_end = 0;
    for at in PRIVATE_KEY.find_iter(text.bytes) {
        // The last line of a key names it too.
        if at >= key_end
            && let Some(key) = tokens::private_key(text, &mut keys, at)
        {
            key_end = key.end;
            scan.found.push(key);
        }
    }
    email::spelt(text, &mut scan.found);
    let mut found = scan.found;
    for finding in &mut found {
        let written = view.written(finding.start..finding.end);
        // Whole characters: rather one too many than a place inside one.
        finding.start = raw.floor_char_boundary(written.start);
        finding.end = raw.ceil_char_boundary(written.end);
    }
    found
}

/// Whether `value` is a secret because of the name of what it stands in.
pub(super) fn is_secret_of(name: &str, value: &str) -> bool {
    named_secrets::is_secret_of(name, value)
}

/// Whether a name says what the value behind it is: a telephone number, an order.
pub(super) fn says_something(name: &str) -> bool {
    context::of_name(name) != topics::Topics::NONE
}

/// Every word and name that makes the recognisers look at what is behind it.
#[cfg(test)]
pub(super) fn announcements() -> impl Iterator<Item = &'static str> {
    topics::listed().chain(secret_names::SecretName::names())
}

/// The text as a reader would see it, for values that can be written in several ways.
pub(super) fn as_seen(raw: &str) -> String {
    View::of(raw).text().to_owned()
}

/// A pass over a text.
struct Scan<'t> {
    text: Text<'t>,
    ahead: Ahead,
    tokens: Tokens,
    refused: Refused,
    addresses: ip::Candidates,
    found: Vec<Finding>,
}

impl<'t> Scan<'t> {
    fn new(text: Text<'t>) -> Self {
        Self {
            text,
            ahead: Ahead::default(),
            tokens: Tokens::default(),
            refused: Refused::default(),
            addresses: ip::Candidates::default(),
            found: Vec::new(),
        }
    }

    fn run(&mut self) {
        let bytes = self.text.bytes;
        let mut position = 0;
        while let Some(at) = next_of(bytes, position, &TRIGGERS, triggers) {
            // Brackets are frequent, and those that stand for an `@` have something of it behind them.
            if matches!(bytes[at], b'(' | b'[' | b'{') && !matches!(self.text.at(at + 1), b'a' | b'A' | b'@' | b' ') {
                position = at + 1;
                continue;
            }
            let (finding, next) = self.look(at);
            position = next;
            if let Some(finding) = finding {
                position = position.max(finding.end);
                self.found.push(finding);
            }
        }
    }

    /// What the trigger at `at` betrays, and where to go on.
    fn look(&mut self, at: usize) -> (Option<Finding>, usize) {
        let text = self.text;
        let finding = match text.at(at) {
            b'@' => email::around_at_sign(text, at, 1),
            b':' => self
                .addresses
                .ipv6(text, &mut self.ahead, at)
                .or_else(|| tokens::telegram(text, at))
                .or_else(|| named_secrets::assigned(text, &mut self.ahead, &mut self.refused, at)),
            b'=' if text.bytes[at..].starts_with(b"=40") => email::around_quoted_printable(text, at)
                .or_else(|| named_secrets::assigned(text, &mut self.ahead, &mut self.refused, at)),
            b'=' => named_secrets::assigned(text, &mut self.ahead, &mut self.refused, at),
            b'(' | b'[' | b'{' => email::around_bracket(text, at),
            _ => return self.look_at_digits(at),
        };
        (finding, at + 1)
    }

    fn look_at_digits(&mut self, at: usize) -> (Option<Finding>, usize) {
        let text = self.text;
        if let Some(secret) = self.tokens.around_digit(text, &mut self.ahead, at) {
            return (Some(secret), at + 1);
        }
        if text.starts_word(at) {
            return numbers::number(text, &mut self.ahead, at);
        }
        (lettered::letters_first(text, at), text.forward(at, usize::MAX, is_word))
    }
}
