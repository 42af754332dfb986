//! Keyed digests: session cookies and drawn labels that cannot be made up.

use sha2::{Digest, Sha256};

/// A digest of `text` that only who knows `key` can make, for one `purpose`; hexadecimal.
pub(super) fn seal(key: &[u8], purpose: &str, text: &str) -> String {
    // Two passes, so that nothing can be appended to what was sealed (the idea of HMAC).
    let inner = digest(key, &[purpose.as_bytes(), &(purpose.len() as u64).to_be_bytes(), text.as_bytes()]);
    let outer = digest(key, &[b"outer", &inner]);
    outer
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}

fn digest(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update((key.len() as u64).to_be_bytes());
    hasher.update(key);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub(super) fn same(a: &str, b: &str) -> bool {
    // Digests have one length, whatever the lengths of the secrets.
    let (a, b): ([u8; 32], [u8; 32]) = (Sha256::digest(a).into(), Sha256::digest(b).into());
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_depends_on_key_purpose_and_text() {
        let sealed = seal(b"key", "draw", "text");
        assert_eq!(sealed.len(), 64);
        assert_eq!(sealed, seal(b"key", "draw", "text"));
        for other in [seal(b"kex", "draw", "text"), seal(b"key", "drawt", "ext"), seal(b"key", "draw", "text2")] {
            assert!(!same(&sealed, &other));
        }
        assert!(same("abc", "abc") && !same("abc", "abcd"));
    }
}
