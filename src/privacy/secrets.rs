//! Secrets: keys and tokens known by their prefix, and values that the name before them calls a secret.

use std::sync::LazyLock;

use regex::Regex;

use super::finding::Finding;
use super::text::{Text, is_word};
use crate::config::privacy::Kind;

/// Prefixes as issuers give them out. The literals lead, so that the expression engine looks for them all at once.
const PREFIXED: &str = concat!(
    r"sk-(?:ant-|proj-|svcacct-|or-|lf-)?[A-Za-z0-9_-]{20,}",
    r"|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}",
    r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,}",
    r"|gl(?:pat|ptt|dt|rt|soat|oas)-[A-Za-z0-9_.-]{20,}",
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{20,}",
    r"|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}",
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}",
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"|dop_v1_[a-f0-9]{40,}|shp(?:at|ss|ca)_[a-fA-F0-9]{32}|whsec_[A-Za-z0-9+/]{20,}",
    r"|hv[sbr]\.[A-Za-z0-9_-]{24,}|dapi[a-f0-9]{32}|pplx-[A-Za-z0-9]{40,}|gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{40,}",
    r"|hooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
    r"|[Bb]earer [A-Za-z0-9._~+/-]{16,}=*|[Bb]asic [A-Za-z0-9+/]{16,}={0,2}",
    r"|-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----",
);

/// How names of secrets end, in lower case and without separators.
const NAMES: [&str; 16] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "secretkey",
    "apikey",
    "accesskey",
    "privatekey",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "sessiontoken",
    "bearertoken",
    "authorization",
];

/// The last two letters of all of them: what passes over most names at once.
const ENDINGS: [&[u8; 2]; 8] = [b"rd", b"wd", b"se", b"de", b"et", b"ey", b"en", b"on"];

static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(PREFIXED).ok());

/// Every secret that its prefix betrays.
pub(super) fn prefixed(text: Text<'_>, found: &mut Vec<Finding>) {
    let Some(secrets) = SECRETS.as_ref() else { return };
    let mut position = 0;
    while let Some(hit) = secrets.find_at(text.str, position) {
        position = match secret(text, hit.start(), hit.end()) {
            Some(finding) => {
                found.push(finding);
                finding.end.max(hit.end())
            }
            // Not one itself, but one may begin inside it; every prefix begins with an ASCII letter or hyphen.
            None => hit.start() + 1,
        };
    }
}

fn secret(text: Text<'_>, start: usize, end: usize) -> Option<Finding> {
    let hit = &text.str[start..end];
    if hit.starts_with("-----") {
        return Some(Finding::new(start, private_key_end(text, end), Kind::Secret));
    }
    if !text.starts_word(start) || !text.ends_word(end) {
        return None;
    }
    let value = hit.split_once(' ').map_or(start, |(scheme, _)| start + scheme.len() + 1);
    let end = end - text.str[value..end].bytes().rev().take_while(|byte| matches!(byte, b'.' | b'-' | b'/')).count();
    let random = text.str[value..end].bytes().any(|byte| byte.is_ascii_digit());
    (random && end > value).then(|| Finding::new(value, end, Kind::Secret))
}

/// Where a private key ends whose first line ends at `start`: behind its last line, or with its last character of key
/// when the text was cut. Line breaks may be real or escaped any number of times.
fn private_key_end(text: Text<'_>, start: usize) -> usize {
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=\\:,.-".contains(byte);
    let body = start + text.bytes[start..].iter().take_while(|byte| is_key(byte)).count();
    let mut end = match text.str[start..body].find("-----END") {
        Some(last_line) => {
            let label = start + last_line + "-----END".len();
            text.str[label..body].find("-----").map_or(body, |dashes| label + dashes + 5)
        }
        None => body,
    };
    while end > start && matches!(text.bytes[end - 1], b'\\' | b' ' | b'\n' | b'\r' | b'\t') {
        end -= 1;
    }
    end
}

/// The value that stands behind the `:` or `=` at `at`, when the name before it says that it is a secret.
pub(super) fn assigned(text: Text<'_>, at: usize) -> Option<Finding> {
    let name_end = back_over(text, at, |byte| matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b'`'), 6);
    let ending = [text.before(name_end.saturating_sub(1)), text.before(name_end)].map(|byte| byte.to_ascii_lowercase());
    if !ENDINGS.contains(&&ending) {
        return None;
    }
    let name_start = back_over(text, name_end, |byte| is_word(byte) || byte == b'-', 48);
    if !names_a_secret(&text.bytes[name_start..name_end]) {
        return None;
    }
    let mut value = at + text.bytes[at..].iter().take(3).take_while(|byte| matches!(byte, b':' | b'=' | b'>')).count();
    value += text.bytes[value..].iter().take(3).take_while(|byte| **byte == b' ').count();
    let opening = text.bytes[value..].iter().take(8).take_while(|byte| **byte == b'\\').count();
    let quote = text.at(value + opening);
    if matches!(quote, b'"' | b'\'') {
        value += opening + 1;
        let length = text.bytes[value..].iter().take(512).position(|byte| *byte == quote)?;
        let escapes = text.bytes[value..value + length].iter().rev().take_while(|byte| **byte == b'\\').count();
        return credible(text, value, value + length - escapes.min(opening));
    }
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace() || b"\"'\\,;)}]<>`".contains(byte) || (*byte == b'&' && text.at(at) == b'=')
    };
    let length = text.bytes[value..].iter().position(ends).unwrap_or(text.bytes.len() - value);
    let end = value + text.str[value..value + length].trim_end_matches(['.', '!', '?', ':']).len();
    credible(text, value, end)
}

fn back_over(text: Text<'_>, from: usize, over: impl Fn(u8) -> bool, most: usize) -> usize {
    from - text.bytes[..from].iter().rev().take(most).take_while(|byte| over(**byte)).count()
}

fn names_a_secret(name: &[u8]) -> bool {
    let letters = || name.iter().rev().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    NAMES.iter().any(|secret| {
        let mut letters = letters();
        secret.bytes().rev().all(|wanted| letters.next() == Some(wanted))
    })
}

/// A value that somebody chose or drew: letters and digits mixed, not a variable, not a sentence.
fn credible(text: Text<'_>, start: usize, end: usize) -> Option<Finding> {
    let value = text.str.get(start..end)?;
    let mixed = value.bytes().any(|byte| byte.is_ascii_digit()) && value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let variable =
        value.starts_with(['$', '{', '<', '%', '*', '[', '(']) || value.contains("${") || value.contains("{{");
    let sentence = value.contains(' ');
    (value.len() >= 8 && mixed && !variable && !sentence).then(|| Finding::new(start, end, Kind::Secret))
}
