//! The sampling salt: which traces are drawn. It is no key of anything.

/// What earlier versions drew by unless `sampling.salt` was set. Everybody can read it here, so that whoever chooses a trace
/// id knows whether the trace is judged.
pub const PUBLIC_SALT: &str = "judged";

/// 128 random bits in hexadecimal.
pub fn random_salt() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
