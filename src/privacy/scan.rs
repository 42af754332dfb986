//! One pass over the bytes: only a digit, `@`, `%40`, `:` or `=` can begin or betray a value, everything else is passed
//! at the speed of a table look-up. Secrets that betray themselves by a prefix have their own pass.

use super::finding::Finding;
use super::text::{Text, is_word};
use super::{cards_phones, email_ip, national_ids, secrets};

const TRIGGERS: [bool; 256] = {
    let mut triggers = [false; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        triggers[digit as usize] = true;
        digit += 1;
    }
    triggers[b'@' as usize] = true;
    triggers[b'%' as usize] = true;
    triggers[b':' as usize] = true;
    triggers[b'=' as usize] = true;
    triggers
};

/// Everything found by looking at single places; unsorted only in that an e-mail address or IPv6 address reaches back.
pub(super) fn scan(text: Text<'_>, found: &mut Vec<Finding>) {
    let mut position = 0;
    while let Some(ahead) = text.bytes[position..].iter().position(|byte| TRIGGERS[usize::from(*byte)]) {
        let at = position + ahead;
        let (finding, next) = look(text, at);
        position = next;
        if let Some(finding) = finding {
            position = position.max(finding.end);
            found.push(finding);
        }
    }
}

/// What the trigger at `at` betrays, and where to go on.
fn look(text: Text<'_>, at: usize) -> (Option<Finding>, usize) {
    match text.bytes[at] {
        b'@' => (email_ip::around_at_sign(text, at, 1), at + 1),
        b'%' if text.bytes[at..].starts_with(b"%40") => (email_ip::around_at_sign(text, at, 3), at + 3),
        b'%' => (None, at + 1),
        b':' => (email_ip::ipv6(text, at).or_else(|| secrets::assigned(text, at)), at + 1),
        b'=' => (secrets::assigned(text, at), at + 1),
        _ => look_at_digits(text, at),
    }
}

fn look_at_digits(text: Text<'_>, at: usize) -> (Option<Finding>, usize) {
    if let Some(end) = text.escape_around(at) {
        return (None, end);
    }
    if text.starts_word(at) {
        return cards_phones::number(text, at);
    }
    let rest_of_word = text.bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
    (national_ids::lettered(text, at), at + rest_of_word)
}
