//! Secrets: where the configuration says they are, and the keys that judged makes for itself.

pub mod derive;
pub mod salt;
pub mod source;
mod tokens;

pub use derive::{InstallationSecret, MacKey, Purpose, same};
pub use salt::{PUBLIC_SALT, random_salt};
pub use source::{SecretError, SecretPlace, Variables, process_variable};
pub use tokens::{Tokens, WeakToken, check_strength};
