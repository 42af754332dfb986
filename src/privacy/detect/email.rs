//! E-mail addresses, also as people write them to hide them from machines, and the credentials that URLs carry before
//! their `@`.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::text::Text;
use crate::config::privacy::Kind;
use crate::privacy::finding::Finding;

/// The longest local part (RFC 5321), the longest domain, and how far back a URL's `://` is looked for.
const LOCAL_BYTES: usize = 64;
const DOMAIN_BYTES: usize = 253;
const CREDENTIAL_BYTES: usize = 200;

/// An e-mail address around the mark of `width` bytes at `at` that stands for `@`, or the password of a URL before it.
pub(super) fn around_at_sign(text: Text<'_>, at: usize, width: usize) -> Option<Finding> {
    if width == 1 {
        match url_credentials(text, at) {
            Credentials::Password(finding) => return Some(finding),
            Credentials::UserOnly => return None,
            Credentials::NoUrl => {}
        }
    }
    let spaced = text.before(at) == b' ' && text.at(at + 1) == b' ';
    if spaced {
        return around_spaced(text, at);
    }
    let start = local_start(text, at)?;
    let end = domain_end(text, after_break(text, at + width)).or_else(|| local_host_end(text, at + width))?;
    let (local, domain) = (text.str.get(start..at)?, text.str.get(at + width..end)?.trim_start());
    let is_remote = local == "git" && matches!(text.at(end), b':' | b'/');
    let is_image = matches!(domain.split_once('.'), Some(("1x" | "2x" | "3x" | "4x", _)));
    (!is_remote && !is_image).then_some(Finding::new(start, end, Kind::Email))
}

/// `anna.berg @ example.org`, where the words around it look like an address: one place may stand `@` another.
fn around_spaced(text: Text<'_>, at: usize) -> Option<Finding> {
    let start = local_start(text, at - 1)?;
    let end = domain_end(text, at + 2)?;
    let marked =
        text.str.get(start..at - 1)?.contains(|one: char| matches!(one, '.' | '_' | '+') || one.is_ascii_digit());
    marked.then(|| Finding::new(start, end, Kind::Email))
}

/// A line that was broken behind the `@`.
fn after_break(text: Text<'_>, at: usize) -> usize {
    if text.at(at) == b'\n' { text.forward(at + 1, 4, |byte| byte == b' ') } else { at }
}

/// The `(at)`, `[at]` or `{at}` that opens at `at`: the address around it.
pub(super) fn around_bracket(text: Text<'_>, at: usize) -> Option<Finding> {
    let (end, word) = bracketed(text, at)?;
    if !word.eq_ignore_ascii_case(b"at") && word != b"@" {
        return None;
    }
    let before = text.back(at, 2, |byte| byte == b' ');
    let after = text.forward(end, 2, |byte| byte == b' ');
    let start = local_start(text, before)?;
    let end = domain_end(text, after).or_else(|| spelt_domain_end(text, after))?;
    Some(Finding::new(start, end, Kind::Email))
}

/// `=40` of quoted-printable text, where the address around it is one by its other marks.
pub(super) fn around_quoted_printable(text: Text<'_>, at: usize) -> Option<Finding> {
    let lettered = text.before(at).is_ascii_alphanumeric() || text.before(at) == b'}';
    (lettered && text.at(at + 3).is_ascii_alphabetic()).then(|| around_at_sign(text, at, 3)).flatten()
}

static DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" dot "));
static CAPITAL_DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" DOT "));

/// Every address whose marks are spelt out as words: `anna.berg at example dot org`.
pub(super) fn spelt(text: Text<'_>, found: &mut Vec<Finding>) {
    for at in DOT.find_iter(text.bytes).chain(CAPITAL_DOT.find_iter(text.bytes)) {
        found.extend(around_spelt_dot(text, at));
    }
}

fn around_spelt_dot(text: Text<'_>, dot: usize) -> Option<Finding> {
    // How `@` is written before the domain, and whether that is the mark itself.
    const MARKS: [(&str, bool); 5] = [(" at ", false), (" AT ", false), (" ät ", false), ("@", true), (" @ ", true)];
    let label = text.back(dot, 40, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    let before = text.str.get(..label)?;
    let (written, plain) = MARKS.into_iter().find(|(written, _)| before.ends_with(written))?;
    let mark = label - written.len();
    let start = local_start(text, mark)?;
    let local = text.str.get(start..mark)?;
    let end = spelt_domain_end(text, label)?;
    let lead = text.window_before(start, 24).to_ascii_lowercase();
    let announced = ["mail", "write", "contact", "reach", "adres"].iter().any(|word| lead.contains(word));
    // "look at example dot org" is no address.
    let joined = text.window_before(start, 5).eq_ignore_ascii_case(" dot ");
    let credible = plain
        || announced
        || joined
        || local.contains(['.', '_', '-'])
        || local.bytes().any(|byte| byte.is_ascii_digit());
    (label < dot && credible).then_some(Finding::new(start, end, Kind::Email))
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
    let stop = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\\' | b'<' | b'>' | b'@');
    let start = text.back(at, CREDENTIAL_BYTES, |byte| !stop(byte));
    if !text.bytes[..start].ends_with(b"://") {
        return Credentials::NoUrl;
    }
    let colon = text.bytes[start..at].iter().position(|byte| *byte == b':');
    let password = colon.map(|colon| start + colon + 1).filter(|password| *password < at && text.at(*password) != b'$');
    password.map_or(Credentials::UserOnly, |start| Credentials::Password(Finding::new(start, at, Kind::Secret)))
}

/// Where the local part begins that ends at `at`.
fn local_start(text: Text<'_>, at: usize) -> Option<usize> {
    let mut start = at;
    let mut rest = text.window_before(at, LOCAL_BYTES);
    let is_of_latin = rest.ends_with(is_latin);
    while let Some(character) = rest.chars().next_back() {
        let joined = match character {
            ')' | ']' | '}' => spelt_mark(rest),
            '\'' | '’' => rest[..rest.len() - character.len_utf8()]
                .ends_with(|one: char| one.is_ascii_alphabetic())
                .then_some(character.len_utf8()),
            _ => (is_local(character) && (is_latin(character) || !is_of_latin)).then_some(character.len_utf8()),
        };
        let Some(length) = joined.filter(|_| start > at.saturating_sub(LOCAL_BYTES)) else { break };
        start -= length;
        rest = &rest[..rest.len() - length];
    }
    let skipped = text.bytes[start..at]
        .iter()
        .take_while(|byte| matches!(byte, b'.' | b'-' | b'%' | b'+' | b'\'' | b'='))
        .count();
    let start = start + skipped;
    (start < at && text.before(at) != b'.').then_some(start)
}

/// How long the `(dot)` is with which `text` ends.
fn spelt_mark(text: &str) -> Option<usize> {
    let tail = text.get(text.len().saturating_sub(9)..).unwrap_or(text);
    let open = tail.rfind(['(', '[', '{'])?;
    let inside = tail[open + 1..tail.len() - 1].trim();
    let spaces = tail[..open].len() - tail[..open].trim_end_matches(' ').len();
    let word = inside.to_ascii_lowercase();
    (matches!(word.as_str(), "dot" | "punkt" | "punto" | "point" | ".")).then_some(tail.len() - open + spaces)
}

/// The word in brackets that open at `at`, and where they are closed.
fn bracketed(text: Text<'_>, at: usize) -> Option<(usize, &[u8])> {
    let close = match text.at(at) {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        _ => return None,
    };
    let end = at + 1 + text.bytes[at + 1..].iter().take(8).position(|byte| *byte == close)?;
    Some((end + 1, text.bytes[at + 1..end].trim_ascii()))
}

/// Where a domain ends that begins at `start` and whose dots may be spelt: `example [dot] org`.
fn spelt_domain_end(text: Text<'_>, start: usize) -> Option<usize> {
    let label =
        |from: usize| text.forward(from, 63, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    let mut end = label(start);
    let mut labels = 0;
    while labels < 6 && end > start {
        let Some(next) = behind_spelt_dot(text, end) else { break };
        let after = label(next);
        if after == next {
            break;
        }
        (end, labels) = (after, labels + 1);
    }
    let domain = text.str.get(start..end)?.trim_end_matches(['.', '-']);
    let top = domain.rsplit(|one: char| !one.is_ascii_alphanumeric()).next()?;
    let is_name = top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    (labels > 0 && is_name).then_some(start + domain.len())
}

fn behind_spelt_dot(text: Text<'_>, at: usize) -> Option<usize> {
    let from = text.forward(at, 2, |byte| byte == b' ');
    if let Some((end, word)) = bracketed(text, from) {
        let dot =
            [b"dot".as_slice(), b".", b"punkt", b"punto", b"point"].iter().any(|one| word.eq_ignore_ascii_case(one));
        return dot.then(|| text.forward(end, 2, |byte| byte == b' '));
    }
    let rest = text.bytes.get(at..)?;
    let words = [b" dot ".as_slice(), b" DOT ", b" punkt ", b" punto ", b" point "];
    words.iter().find(|word| rest.starts_with(word)).map(|word| at + word.len())
}

fn domain_end(text: Text<'_>, start: usize) -> Option<usize> {
    let rest = text.str.get(start..)?;
    let length = rest
        .char_indices()
        .take(DOMAIN_BYTES)
        .find(|(_, character)| !(character.is_alphanumeric() || matches!(character, '.' | '-')))
        .map_or(rest.len().min(DOMAIN_BYTES), |(length, _)| length);
    let whole = rest.get(..length)?;
    let end = |domain: &str| domain_length(domain).map(|length| start + length);
    end(before_other_script(whole)).or_else(|| end(whole))
}

/// What of a domain stands before text of another script that no space separates from it.
fn before_other_script(domain: &str) -> &str {
    let mut is_of_latin = false;
    let mut last = '.';
    let end = domain.char_indices().find(|(_, character)| {
        if last == '.' {
            is_of_latin = is_latin(*character);
        }
        last = *character;
        is_of_latin && !is_latin(*character)
    });
    end.map_or(domain, |(end, _)| &domain[..end])
}

/// How much of this is a domain, which ends with a name.
fn domain_length(domain: &str) -> Option<usize> {
    let domain = domain.trim_end_matches(['.', '-']);
    let (labels, top) = domain.rsplit_once('.')?;
    let top_is_name = top.chars().count() >= 2 && (top.starts_with("xn--") || top.chars().all(char::is_alphabetic));
    let labels_hold = labels.split('.').all(|label| !label.is_empty() && !label.starts_with('-'));
    (top_is_name && labels_hold).then_some(domain.len())
}

/// `anna@localhost`: a name of this machine, without a dot.
fn local_host_end(text: Text<'_>, start: usize) -> Option<usize> {
    const NAMES: [&[u8]; 3] = [b"localhost", b"localdomain", b"intranet"];
    let name = NAMES.iter().find(|name| text.bytes.get(start..).is_some_and(|rest| rest.starts_with(name)))?;
    text.ends_word(start + name.len()).then_some(start + name.len())
}

/// Letters of Latin alphabets, digits and marks: what stands together in an address, and apart from text in scripts that
/// put no spaces between words.
fn is_latin(character: char) -> bool {
    matches!(character, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

fn is_local(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '_' | '%' | '+' | '-' | '&' | '=' | '~')
}
