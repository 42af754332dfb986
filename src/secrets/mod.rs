//! Secrets: where the configuration says they are, and the keys that judged makes for itself.

pub mod source;

pub use source::{SecretError, SecretPlace, Variables, process_variable};
