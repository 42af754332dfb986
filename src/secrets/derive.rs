//! Keys that judged makes for itself: one secret for the installation, one key for each purpose.

use std::fmt;

use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Length of the installation's secret and of the keys made from it.
const KEY_BYTES: usize = 32;

/// What a key is for. Keys of different purposes tell nothing about each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The keys of data blocks in prompts.
    Fence,
    /// Seals on forms of the pages.
    Seal,
    /// The letters of placeholders.
    Placeholder,
}

impl Purpose {
    /// Part of what workers share: another label makes other keys.
    fn label(self) -> &'static [u8] {
        match self {
            Self::Fence => b"judged/fence/1",
            Self::Seal => b"judged/seal/1",
            Self::Placeholder => b"judged/placeholder/2",
        }
    }
}

/// The random secret that all workers on one database share. Whoever has the database has it.
#[derive(Clone)]
pub struct InstallationSecret(Zeroizing<[u8; KEY_BYTES]>);

/// Bytes that are no secret of an installation.
#[derive(Debug, thiserror::Error)]
#[error("a secret of {found} bytes instead of {KEY_BYTES}")]
pub struct WrongLength {
    found: usize,
}

impl InstallationSecret {
    /// A new one, from the operating system's randomness.
    pub fn random() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The key for one purpose.
    pub fn derive(&self, purpose: Purpose) -> MacKey {
        MacKey::new(&Zeroizing::new(MacKey::new(&self.0).mac(&[purpose.label()])))
    }
}

impl TryFrom<&[u8]> for InstallationSecret {
    type Error = WrongLength;

    fn try_from(stored: &[u8]) -> Result<Self, WrongLength> {
        let bytes = stored.try_into().map_err(|_| WrongLength { found: stored.len() })?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

impl fmt::Debug for InstallationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationSecret")
    }
}

/// A key of HMAC-SHA256.
#[derive(Clone)]
pub struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// From 32 bytes that nobody can guess.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut block = Key::<Hmac<Sha256>>::default();
        block[..KEY_BYTES].copy_from_slice(key);
        Self(Hmac::new(&block))
    }

    /// From text of any length, say a token.
    pub fn of_text(text: &str) -> Self {
        Self::new(&Sha256::digest(text).into())
    }

    /// The code of `parts`, each with its length, so that no two lists of parts have the same one.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; KEY_BYTES] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The code in hexadecimal, for text that must come back unchanged.
    pub fn seal(&self, parts: &[&str]) -> String {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        hex::encode(self.mac(&parts))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn same(a: &str, b: &str) -> bool {
    // Digests have one length, whatever the lengths of the secrets.
    Sha256::digest(a).ct_eq(Sha256::digest(b).as_slice()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let secret = InstallationSecret::try_from([7; 32].as_slice()).unwrap();
        let code = |purpose| hex::encode(secret.derive(purpose).mac(&[b"text"]));
        let codes = [Purpose::Fence, Purpose::Seal, Purpose::Placeholder].map(code);
        assert_eq!(codes[0], code(Purpose::Fence));
        assert!(codes[0] != codes[1] && codes[1] != codes[2] && codes[0] != codes[2]);
    }

    /// Workers of one installation must agree across releases.
    #[test]
    fn derived_keys_stay_what_they_are() {
        let secret = InstallationSecret::try_from([7; 32].as_slice()).unwrap();
        let code = |purpose| hex::encode(&secret.derive(purpose).mac(&[b"text"])[..8]);
        assert_eq!(
            [code(Purpose::Fence), code(Purpose::Seal), code(Purpose::Placeholder)],
            ["2dbfe52690c1e260", "8eb1f3ef43cee910", "f8c23a973de9686e"]
        );
    }

    #[test]
    fn the_parts_of_a_code_cannot_run_into_each_other() {
        let key = MacKey::of_text("key");
        assert_ne!(key.seal(&["draw", "text"]), key.seal(&["drawt", "ext"]));
        assert_ne!(key.seal(&["draw", "text"]), MacKey::of_text("kex").seal(&["draw", "text"]));
        assert_eq!(key.seal(&["draw"]).len(), 64);
    }

    #[test]
    fn secrets_are_compared_whole_and_do_not_show() {
        assert!(same("abc", "abc") && !same("abc", "abcd") && !same("abc", ""));
        let secret = InstallationSecret::random();
        assert_ne!(secret.as_bytes(), InstallationSecret::random().as_bytes());
        assert_eq!(format!("{secret:?} {:?}", secret.derive(Purpose::Seal)), "InstallationSecret MacKey");
        assert!(InstallationSecret::try_from([0; 31].as_slice()).is_err());
    }
}
