//! Secrets: where the configuration says they are, and the keys that judged makes for itself.

pub mod derive;
mod masking;
pub mod salt;
pub mod source;
mod tokens;

pub use derive::{InstallationSecret, MacKey, Purpose, same};
pub use masking::{masked, masked_url, remember};
pub use salt::{PUBLIC_SALT, random_salt};
pub use source::{SecretError, SecretPlace, Variables, process_variable};
pub use tokens::{Tokens, WeakToken, check_strength};
