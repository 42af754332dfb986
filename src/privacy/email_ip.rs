//! E-mail and IP addresses, and the credentials that URLs carry before their `@`.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::finding::Finding;
use super::text::{Text, is_word};
use crate::config::privacy::Kind;

/// The longest local part (RFC 5321), the longest domain, and how far back a URL's `://` is looked for.
const LOCAL_BYTES: usize = 64;
const DOMAIN_BYTES: usize = 253;
const CREDENTIAL_BYTES: usize = 200;

/// An e-mail address around the `@` (or `%40`) of `width` bytes at `at`, or the password of a URL before it.
pub(super) fn around_at_sign(text: Text<'_>, at: usize, width: usize) -> Option<Finding> {
    match url_credentials(text, at) {
        Credentials::Password(finding) => return Some(finding),
        Credentials::UserOnly => return None,
        Credentials::NoUrl => {}
    }
    let start = local_start(text, at)?;
    let end = domain_end(text, at + width)?;
    let (local, domain) = (&text.str[start..at], &text.str[at + width..end]);
    let is_remote = local == "git" && matches!(text.at(end), b':' | b'/');
    let is_image = matches!(domain.split_once('.'), Some(("1x" | "2x" | "3x" | "4x", _)));
    (!is_remote && !is_image).then_some(Finding::new(start, end, Kind::Email))
}

/// What an `@` ends when it stands in a URL.
enum Credentials {
    /// `scheme://user:password@`.
    Password(Finding),
    /// `scheme://user@`: no e-mail address, and no secret.
    UserOnly,
    /// It stands in no URL.
    NoUrl,
}

fn url_credentials(text: Text<'_>, at: usize) -> Credentials {
    let window = &text.bytes[at.saturating_sub(CREDENTIAL_BYTES)..at];
    let stop = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\\' | b'<' | b'>' | b'@');
    let start = at - window.iter().rev().take_while(|byte| !stop(byte)).count();
    if !text.bytes[..start].ends_with(b"://") {
        return Credentials::NoUrl;
    }
    let colon = text.bytes[start..at].iter().position(|byte| *byte == b':');
    let password = colon.map(|colon| start + colon + 1).filter(|password| *password < at && text.at(*password) != b'$');
    password.map_or(Credentials::UserOnly, |start| Credentials::Password(Finding::new(start, at, Kind::Secret)))
}

fn local_start(text: Text<'_>, at: usize) -> Option<usize> {
    let mut start = at;
    for (index, character) in text.str[..at].char_indices().rev() {
        if at - index > LOCAL_BYTES || !is_local(character) {
            break;
        }
        start = index;
    }
    let start = text.after_escape(start, at);
    let skipped = text.bytes[start..at].iter().take_while(|byte| matches!(byte, b'.' | b'-' | b'%' | b'+')).count();
    let start = start + skipped;
    (start < at && text.before(at) != b'.').then_some(start)
}

fn domain_end(text: Text<'_>, start: usize) -> Option<usize> {
    let length = text.str[start..]
        .char_indices()
        .find(|(_, character)| !(is_letter(*character) || character.is_ascii_digit() || matches!(character, '.' | '-')))
        .map_or(text.str.len() - start, |(length, _)| length);
    let domain = text.str[start..start + length].trim_end_matches(['.', '-']);
    let (rest, top) = domain.rsplit_once('.')?;
    let top_is_name = top.chars().count() >= 2 && (top.starts_with("xn--") || top.chars().all(is_letter));
    let labels_hold = rest.split('.').all(|label| !label.is_empty() && !label.starts_with('-'));
    (top_is_name && labels_hold && domain.len() <= DOMAIN_BYTES).then_some(start + domain.len())
}

fn is_local(character: char) -> bool {
    is_letter(character) || character.is_ascii_digit() || matches!(character, '.' | '_' | '%' | '+' | '-' | '&')
}

/// Letters that people's addresses are written in; scripts without spaces between words would swallow their sentence.
fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic() || matches!(character, '\u{c0}'..='\u{52f}' if character.is_alphabetic())
}

/// An IPv6 address around the colon at `at`.
pub(super) fn ipv6(text: Text<'_>, at: usize) -> Option<Finding> {
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
    if !is_part(&text.before(at)) || !is_part(&text.at(at + 1)) {
        return None;
    }
    let back = text.bytes[..at].iter().rev().take(40).take_while(|byte| is_part(byte)).count();
    let start = text.after_escape(at - back, at);
    let ahead = text.bytes[at..].iter().take(46).take_while(|byte| is_part(byte) || **byte == b'.').count();
    let candidate = text.str.get(start..at + ahead)?.trim_end_matches('.');
    let candidate = if candidate.ends_with("::") { candidate } else { candidate.trim_end_matches(':') };
    let end = start + candidate.len();
    if candidate.len() < 6 || !text.starts_word(start) || !text.ends_word(end) {
        return None;
    }
    let address: Ipv6Addr = candidate.parse().ok()?;
    let first = candidate.split(':').next().unwrap_or_default();
    let groups = candidate.split(':').filter(|group| !group.is_empty()).count();
    // `cafe::bad` is a path in a program as well as an address: a compressed one must begin as assigned ranges do.
    let assigned = first.len() == 4
        && matches!(first.as_bytes()[0], b'2' | b'3' | b'f' | b'F')
        && !first.eq_ignore_ascii_case("face");
    let plausible = groups == 8 || (assigned && (candidate.bytes().any(|byte| byte.is_ascii_digit())));
    (plausible && !address.is_loopback()).then_some(Finding::new(start, end, Kind::Ip))
}

/// An IPv4 address from `start` to `end`, four groups of digits with dots that are known to be free on both sides.
pub(super) fn ipv4(text: Text<'_>, start: usize, end: usize) -> Option<Finding> {
    let address: Ipv4Addr = text.str[start..end].parse().ok()?;
    let versioned = text.bytes[..start].ends_with(b"==")
        || text.announced(start, |word| matches!(word, "v" | "ver" | "version" | "release" | "build" | "firmware"));
    let nobody = address.is_loopback() || address.is_unspecified() || address.is_broadcast();
    (!versioned && !nobody && !is_word(text.at(end))).then_some(Finding::new(start, end, Kind::Ip))
}
