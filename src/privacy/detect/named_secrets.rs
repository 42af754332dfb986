//! Values that the name before them calls a secret.

use std::ops::Range;

use super::secret_names::{LONGEST, SecretName};
use super::text::{Ahead, Class, Text, is_word};
use super::work::looked_at;
use crate::config::privacy::Kind;
use crate::privacy::finding::Finding;

/// The longest value in quotation marks that is taken for a secret, and the longest one that was cut before its closing mark.
const LONGEST_QUOTED: usize = 4096;
const LONGEST_CUT: usize = 512;

/// Words that stand for a value and are none.
const NO_VALUES: [&str; 22] = [
    "string",
    "str",
    "text",
    "required",
    "optional",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "password",
    "passwort",
    "secret",
    "token",
    "redacted",
    "hidden",
    "unknown",
    "n/a",
    "yes",
    "no",
    "empty",
];

/// Which values were looked at, so that a name inside one does not have its rest looked at again.
#[derive(Default)]
pub(super) struct Refused {
    /// Where the last value without quotation marks ends that was none.
    end: usize,
}

/// The value that stands behind the `:` or `=` at `at`, when the name before it says that it is a secret.
pub(super) fn assigned(text: Text<'_>, ahead: &mut Ahead, refused: &mut Refused, at: usize) -> Option<Finding> {
    let name_end = text.back(at, 6, |byte| matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b'`' | b'*'));
    if !SecretName::ends([text.before(name_end.saturating_sub(1)), text.before(name_end)]) {
        return None;
    }
    let name_start = text.back(name_end, LONGEST, |byte| is_word(byte) || matches!(byte, b'-' | b'.') || byte >= 0x80);
    // "API key", "connection string", "security code".
    let general = [b"key".as_slice(), b"string", b"code"]
        .iter()
        .any(|word| text.bytes[name_start..name_end].eq_ignore_ascii_case(word));
    let name_start = if general && text.before(name_start) == b' ' {
        text.back(name_start - 1, 16, |byte| byte.is_ascii_alphabetic() || byte == b'-')
    } else {
        name_start
    };
    let name = SecretName::of(&text.bytes[name_start..name_end])?;
    let begins = text.forward(at, 3, |byte| matches!(byte, b':' | b'=' | b'>'));
    let begins = text.forward(begins, 3, |byte| byte == b' ');
    let opening = text.forward(begins, 8, |byte| byte == b'\\');
    if let quote @ (b'"' | b'\'') = text.at(opening) {
        let (start, end) = quoted(text, ahead, opening + 1, quote, opening - begins)?;
        of_quoted(text, name, start, end)
    } else {
        let end = ahead.end(text, if text.at(at) == b'=' { Class::QueryValue } else { Class::Value }, begins);
        if end <= refused.end {
            return None;
        }
        looked_at(end - begins);
        let found = of_bare(text, ahead, name, begins..end, text.at(at) == b'=');
        if found.is_none() {
            refused.end = end;
        }
        found
    }
}

/// Whether the value of what is called `name` is a secret.
pub(super) fn is_secret_of(name: &str, value: &str) -> bool {
    let Some(secret) = SecretName::of(name.as_bytes()) else { return false };
    !is_variable(value)
        && match secret {
            SecretName::Random => is_mixed(value, 10) && !value.contains(' '),
            SecretName::Code => value.len() <= 12 && value.bytes().any(|byte| byte.is_ascii_digit()),
            SecretName::Key => !value.parse::<f64>().is_ok_and(|number| number < 1e6),
            SecretName::Ambiguous => is_opaque(value),
            SecretName::Password | SecretName::Cookie | SecretName::Authorization | SecretName::Connection => true,
        }
}

/// A value in quotation marks that begins at `start`, up to the mark that is escaped as the opening one is.
fn quoted(text: Text<'_>, ahead: &mut Ahead, start: usize, quote: u8, escapes: usize) -> Option<(usize, usize)> {
    let class = if quote == b'"' { Class::Quoted } else { Class::Apostrophes };
    let mut end = start;
    for _ in 0..8 {
        end = ahead.end(text, class, end);
        let most = if end == text.bytes.len() { LONGEST_CUT } else { LONGEST_QUOTED };
        if end - start > most {
            return None;
        }
        let slashes = end - text.back(end, 64, |byte| byte == b'\\');
        if slashes <= escapes || end == text.bytes.len() {
            return Some((start, end - slashes.min(end - start)));
        }
        end += 1;
    }
    None
}

fn of_quoted(text: Text<'_>, name: SecretName, start: usize, end: usize) -> Option<Finding> {
    let value = text.str.get(start..end)?;
    if is_variable(value) {
        return None;
    }
    let found = |from: usize| Some(Finding::new(from, end, Kind::Secret));
    match name {
        SecretName::Random => (is_mixed(value, 10) && !value.contains(' ')).then(|| found(start)).flatten(),
        SecretName::Authorization => {
            let credentials = value.split_once(' ').map_or(start, |(scheme, _)| start + scheme.len() + 1);
            if text.at(credentials) == b'<' { None } else { found(credentials) }
        }
        SecretName::Code => {
            (value.len() <= 12 && value.bytes().any(|byte| byte.is_ascii_digit())).then(|| found(start)).flatten()
        }
        SecretName::Key | SecretName::Ambiguous if is_of_logprobs(text, end) => None,
        SecretName::Ambiguous => is_opaque(value).then(|| found(start)).flatten(),
        SecretName::Password | SecretName::Key | SecretName::Cookie | SecretName::Connection => found(start),
    }
}

/// The tokens of a text with their probabilities are no secrets.
fn is_of_logprobs(text: Text<'_>, end: usize) -> bool {
    let stop = text.forward(end, 40, |byte| byte != b'}' && byte != b'\n');
    let behind = &text.bytes[end..stop];
    memchr::memmem::find(behind, b"logprob").is_some() || memchr::memmem::find(behind, b"bytes").is_some()
}

fn of_bare(
    text: Text<'_>,
    ahead: &mut Ahead,
    name: SecretName,
    range: Range<usize>,
    is_equals: bool,
) -> Option<Finding> {
    let start = range.start;
    let end = start + text.str.get(range)?.trim_end_matches(['.', '!', '?', ':']).len();
    let value = text.str.get(start..end)?;
    let is_secret = match name {
        SecretName::Cookie if !is_equals => return cookies(text, ahead, start),
        SecretName::Authorization if !is_equals => return authorization(text, ahead, start, end),
        _ if is_variable(value) || value.contains(['(', '[']) => false,
        SecretName::Password => is_chosen(value),
        SecretName::Code => value.bytes().all(|byte| byte.is_ascii_digit()) && (3..=8).contains(&value.len()),
        SecretName::Random => is_mixed(value, 10),
        SecretName::Key
        | SecretName::Ambiguous
        | SecretName::Cookie
        | SecretName::Authorization
        | SecretName::Connection => is_mixed(value, 8),
    };
    is_secret.then(|| Finding::new(start, end, Kind::Secret))
}

/// `Cookie: a=b; c=d` from its first value on: all of it, or of `Set-Cookie` what stands before the attributes.
fn cookies(text: Text<'_>, ahead: &mut Ahead, start: usize) -> Option<Finding> {
    let name_end = text.forward(start, 64, |byte| is_word(byte) || matches!(byte, b'-' | b'.'));
    if text.at(name_end) != b'=' || name_end == start || matches!(text.at(name_end + 1), b'<' | b'$' | b'{' | b'*') {
        return None;
    }
    let line = [Class::Line, Class::Quoted, Class::Apostrophes].map(|class| ahead.end(text, class, start));
    let line = line.into_iter().min().unwrap_or(start);
    let begins = name_end + 1;
    let mut end = begins;
    for (index, pair) in text.str.get(begins..line)?.split(';').enumerate() {
        if index > 0 && is_cookie_attribute(pair) {
            break;
        }
        end += pair.len() + usize::from(index > 0);
    }
    let end = begins + text.str.get(begins..end)?.trim_end().len();
    looked_at(end - begins);
    (end > begins).then(|| Finding::new(begins, end, Kind::Secret))
}

/// What a server says of a cookie behind its value.
fn is_cookie_attribute(pair: &str) -> bool {
    const ATTRIBUTES: [&str; 7] = ["path", "expires", "max-age", "domain", "httponly", "secure", "samesite"];
    let name = pair.split('=').next().unwrap_or_default().trim();
    ATTRIBUTES.iter().any(|attribute| name.eq_ignore_ascii_case(attribute))
}

/// The credentials behind a scheme, or alone.
fn authorization(text: Text<'_>, ahead: &mut Ahead, start: usize, end: usize) -> Option<Finding> {
    let scheme = text.bytes[start..end].iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
    let (start, end) =
        if scheme && text.at(end) == b' ' { (end + 1, ahead.end(text, Class::Value, end + 1)) } else { (start, end) };
    let value = text.str.get(start..end)?;
    // What stands behind a scheme may be base64 without a digit.
    let encoded = scheme && value.len() >= 8 && value.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    let credible = (encoded || is_mixed(value, 8)) && !is_variable(value);
    credible.then(|| Finding::new(start, end, Kind::Secret))
}

/// A reference to a value, a placeholder, or a word that says there is none.
fn is_variable(value: &str) -> bool {
    let value = value.trim();
    value.is_empty()
        || value.starts_with(['$', '{', '<', '%', '*', '[', '('])
        || value.starts_with("os.")
        || value.starts_with("process.env")
        || value.bytes().all(|byte| matches!(byte, b'.' | b'x' | b'X' | b'-' | b'_'))
        || NO_VALUES.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A password that somebody chose, not a word of a sentence.
fn is_chosen(value: &str) -> bool {
    let has = |class: fn(&u8) -> bool| value.as_bytes().iter().any(class);
    let letters = has(u8::is_ascii_alphabetic);
    let marked = has(|byte| b"!@#$%^&*+?~|".contains(byte));
    value.len() >= 4 && (has(u8::is_ascii_digit) || (letters && marked && value.len() >= 6))
}

/// What is hardly a word or a label: letters and digits mixed, or longer than words are.
fn is_opaque(value: &str) -> bool {
    !value.contains(char::is_whitespace) && (is_mixed(value, 8) || value.chars().nth(19).is_some())
}

/// Letters and digits mixed, and at least so many characters.
fn is_mixed(value: &str, least: usize) -> bool {
    value.len() >= least
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}
