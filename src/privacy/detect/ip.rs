//! IP addresses.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::text::{Ahead, Class, Text, is_word};
use crate::config::privacy::Kind;
use crate::privacy::finding::Finding;

/// The longest text of an IPv6 address.
const LONGEST: usize = 46;

/// Where the last run of hexadecimal digits and colons ended that was looked at: each is one candidate.
#[derive(Default)]
pub(super) struct Candidates {
    end: usize,
}

impl Candidates {
    /// An IPv6 address around the colon at `at`.
    pub(super) fn ipv6(&mut self, text: Text<'_>, ahead: &mut Ahead, at: usize) -> Option<Finding> {
        if at < self.end {
            return None;
        }
        let is_part = |byte: u8| Class::Ipv6.has(byte);
        if !is_part(text.before(at)) || !is_part(text.at(at + 1)) {
            return None;
        }
        self.end = ahead.end(text, Class::Ipv6, at);
        if self.end - at > LONGEST { None } else { ipv6(text, at) }
    }
}

fn ipv6(text: Text<'_>, at: usize) -> Option<Finding> {
    let is_part = |byte: u8| Class::Ipv6.has(byte);
    let start = text.back(at, 40, is_part);
    let ahead = text.forward(at, LONGEST, |byte| is_part(byte) || byte == b'.');
    let candidate = text.str.get(start..ahead)?.trim_end_matches('.');
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
    let address: Ipv4Addr = text.str.get(start..end)?.replace("[.]", ".").parse().ok()?;
    let pinned = text.bytes[..start].ends_with(b"==");
    let nobody = address.is_loopback() || address.is_unspecified() || address.is_broadcast();
    (!pinned && !nobody && !is_word(text.at(end))).then_some(Finding::new(start, end, Kind::Ip))
}
