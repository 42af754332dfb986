//! Secrets that stand in a text as a word with a digit in it: keys known by their prefix, and words that a scheme, a
//! command or a sentence before them calls a secret.

use super::context;
use super::key_prefixes::is_key;
use super::text::{Ahead, Class, Text, is_word};
use super::topics::Topics;
use crate::config::privacy::Kind;
use crate::privacy::finding::Finding;

/// How far before its first digit a word is looked at, and how far into it keys may begin behind a hyphen or dot.
const BACK_BYTES: usize = 96;
const INSIDE_BYTES: usize = 256;

/// The shortest value that a word before it makes a secret.
const SHORTEST: usize = 4;

/// The words that were looked at: each is looked at once, at its first digit.
#[derive(Default)]
pub(super) struct Tokens {
    token_end: usize,
    value_end: usize,
}

impl Tokens {
    /// The secret whose first digit is at `at`.
    pub(super) fn around_digit(&mut self, text: Text<'_>, ahead: &mut Ahead, at: usize) -> Option<Finding> {
        // Most numbers stand by themselves.
        let digits_end = ahead.end(text, Class::Digits, at);
        if !Class::Encoded.has(text.before(at)) && !Class::Encoded.has(text.at(digits_end)) {
            return None;
        }
        let mut found = None;
        if at >= self.token_end {
            self.token_end = ahead.end(text, Class::Token, at);
            found = key(text, at, self.token_end);
        }
        if found.is_none() && at >= self.value_end {
            self.value_end = ahead.end(text, Class::Encoded, at);
            let start = text.back(at, BACK_BYTES, |byte| Class::Encoded.has(byte));
            if self.value_end - start >= SHORTEST && matches!(text.before(start), b' ' | b':') {
                found = called_secret(text, start, self.value_end);
            }
        }
        found
    }
}

/// A key in the word around `at` that ends at `end`.
fn key(text: Text<'_>, at: usize, end: usize) -> Option<Finding> {
    let start = text.back(at, BACK_BYTES, |byte| Class::Token.has(byte));
    if text.before(start) == b'/'
        && let Some(hook) = webhook(text, start)
    {
        return Some(hook);
    }
    if text.at(end) != b'~' && end < start + 16 {
        return None;
    }
    let last = text.back(end, end - start, |byte| matches!(byte, b'.' | b'-'));
    if text.at(end) == b'~' && end > start && text.before(end) == b'Q' {
        let end = text.forward(end, 64, |byte| Class::Token.has(byte) || byte == b'~');
        return (end - start >= 32).then(|| Finding::new(start, end, Kind::Secret));
    }
    if last < start + 16 {
        return None;
    }
    let stop = last.min(start + INSIDE_BYTES);
    let begins = |one: &usize| *one == start || matches!(text.before(*one), b'-' | b'.');
    let from = (start..stop)
        .filter(begins)
        .find(|from| text.starts_word(*from) && is_key(&text.str[*from..last.min(*from + 512)]))?;
    Some(Finding::new(from, last, Kind::Secret))
}

/// The path of an incoming webhook is its secret.
fn webhook(text: Text<'_>, start: usize) -> Option<Finding> {
    let lead = text.window_before(start, 40);
    let hook = lead.ends_with("hooks.slack.com/services/")
        || lead.ends_with("/api/webhooks/")
        || lead.ends_with("/webhookb2/");
    if !hook {
        return None;
    }
    let end = text.forward(start, 256, |byte| Class::Token.has(byte) || matches!(byte, b'/' | b'@'));
    (end > start + 16).then(|| Finding::new(start, end, Kind::Secret))
}

/// A value from `start` to `end` that what stands before it calls a secret.
fn called_secret(text: Text<'_>, start: usize, end: usize) -> Option<Finding> {
    let end = end - text.bytes[start..end].iter().rev().take_while(|byte| matches!(byte, b'.' | b'-' | b'/')).count();
    let value = text.str.get(start..end)?;
    if text.before(start) == b' ' && !value.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let lead = text.window_before(start, 12);
    let found = |from: usize| Some(Finding::new(from, end, Kind::Secret));
    if let Some(attached) = value.strip_prefix("-p") {
        let command = text.window_before(start, 80);
        let client = ["mysql", "mariadb", "sshpass", "mongo"].iter().any(|name| command.contains(name));
        return (client && attached.len() >= 4).then(|| found(start + 2)).flatten();
    }
    if lead.ends_with(' ') {
        let scheme = ["Bearer ", "bearer ", "Basic ", "basic "].iter().any(|scheme| lead.ends_with(scheme));
        if scheme && value.len() >= 16 {
            return found(start);
        }
        let option = ["--password ", "--passwd ", "--token ", "--secret ", "--api-key ", "--apikey ", "-password "];
        if value.len() >= 6 && option.iter().any(|option| lead.ends_with(option)) {
            return found(start);
        }
        let password = ["password ", "Password ", "passwort ", "Passwort ", "passwd ", "pwd "];
        let mixed = value.len() >= 6;
        if mixed && password.iter().any(|name| lead.ends_with(name)) {
            return found(start);
        }
        return (mixed && is_linked(lead) && context::before(text, start).has(Topics::PASSWORD))
            .then(|| found(start))
            .flatten();
    }
    (text.before(start) == b':' && value.len() >= 4 && is_login(text, start - 1)).then(|| found(start)).flatten()
}

/// "… is", "… lautet": what links a password to its value.
fn is_linked(lead: &str) -> bool {
    const LINKS: [&str; 12] =
        [" is ", ": ", " ist ", " lautet ", " es ", " est ", " è ", " é ", " er ", " är ", " on ", " to "];
    LINKS.iter().any(|link| lead.ends_with(link))
}

/// `curl -u anna:`, up to the colon at `at`.
fn is_login(text: Text<'_>, at: usize) -> bool {
    let start = text.back(at, 40, |byte| is_word(byte) || matches!(byte, b'.' | b'-' | b'@'));
    let lead = text.window_before(start, 8);
    let words = text.window_before(start, 80);
    (lead.ends_with("-u ") || lead.ends_with("-U ") || lead.ends_with("--user "))
        && ["curl", "http", "wget"].iter().any(|name| words.contains(name))
}

/// The token of a Telegram bot around the colon at `at`: an id and 35 characters.
pub(super) fn telegram(text: Text<'_>, at: usize) -> Option<Finding> {
    if !text.before(at).is_ascii_digit() || !is_word(text.at(at + 1)) {
        return None;
    }
    let start = text.back(at, 11, |byte| byte.is_ascii_digit());
    let end = text.forward(at + 1, 36, |byte| is_word(byte) || byte == b'-');
    let fits = (8..=10).contains(&(at - start)) && end - at == 36 && text.ends_word(end) && text.at(end) != b'-';
    (fits && (text.starts_word(start) || text.window_before(start, 3).ends_with("bot")))
        .then(|| Finding::new(start, end, Kind::Secret))
}

/// The private key whose first line names it at `at` (`PRIVATE KEY`): up to its last line, or with its last character
/// of key when the text was cut.
pub(super) fn private_key(text: Text<'_>, ahead: &mut Ahead, at: usize) -> Option<Finding> {
    let lead = text.window_before(at, 40);
    let begin = at - lead.len() + lead.rfind("-----BEGIN")?;
    if text.bytes[begin..at].contains(&b'\n') {
        return None;
    }
    let label = text.forward(at, 32, |byte| byte.is_ascii_alphabetic() || byte == b' ');
    let first = text.forward(label, 5, |byte| byte == b'-');
    let body = ahead.end(text, Class::KeyLines, first);
    let mut end = match memchr::memmem::find(&text.bytes[first..body], b"-----END") {
        Some(last_line) => {
            let label = first + last_line + "-----END".len();
            memchr::memmem::find(&text.bytes[label..body.min(label + 64)], b"-----")
                .map_or(body, |dashes| label + dashes + 5)
        }
        None => body,
    };
    while end > first && matches!(text.bytes[end - 1], b'\\' | b' ' | b'\n' | b'\r' | b'\t') {
        end -= 1;
    }
    Some(Finding::new(begin, end, Kind::Secret))
}
