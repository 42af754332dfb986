//! Signatures as Standard Webhooks define them: HMAC-SHA256 over the message's id, its time and its body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// How a secret in base64 begins.
const ENCODED: &str = "whsec_";

/// The key of the signatures.
pub(super) struct SigningKey(Hmac<Sha256>);

/// A secret that is no key.
#[derive(Debug, thiserror::Error)]
#[error("after `whsec_` comes base64; this is not")]
pub(super) struct BadKey;

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// `whsec_` and base64, or any other text as it stands.
    pub(super) fn of(secret: &SecretString) -> Result<Self, BadKey> {
        let text = secret.expose_secret();
        let key = match text.strip_prefix(ENCODED) {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| BadKey)?,
            None => text.as_bytes().to_vec(),
        };
        Hmac::new_from_slice(&key).map(Self).map_err(|_| BadKey)
    }

    /// The value of the header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_is_signed_as_published() {
        let key = SigningKey::of(&SecretString::from("whsec_plJ3nmyCDGBKInavdOK15jsl")).unwrap();
        let body = br#"{"event_type":"ping","data":{"success":true}}"#;
        assert_eq!(
            key.sign("msg_loFOjxBNrRLzqYUf", 1_731_705_121, body),
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
        );
    }

    #[test]
    fn the_hmac_is_that_of_rfc_4231() {
        // Test case 2, whose text is cut at its two full stops here: key "Jefe".
        let key = SigningKey::of(&SecretString::from("Jefe")).unwrap();
        let mut mac = key.0.clone();
        mac.update(b"what do ya want for nothing?");
        let digest = mac.finalize().into_bytes();
        assert_eq!(digest[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(digest[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    #[test]
    fn a_broken_key_is_refused_and_none_shows() {
        assert!(SigningKey::of(&SecretString::from("whsec_not base64")).is_err());
        let key = SigningKey::of(&SecretString::from("hush")).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey");
    }
}
