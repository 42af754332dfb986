//! Why a webhook cannot be built from its configuration.

use crate::secrets::SecretError;

/// Why a webhook cannot be built from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum WebhookConfigError {
    /// A key is missing.
    #[error("webhook `{webhook}`: `{key}` is missing; {remedy}")]
    Missing {
        webhook: String,
        key: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// A key that this kind of webhook does not have.
    #[error("webhook `{webhook}`: `{key}` means nothing to a webhook of kind `{kind}`; remove it")]
    Foreign { webhook: String, key: &'static str, kind: &'static str },
    /// A value that cannot be used.
    #[error("webhook `{webhook}`: `{key}`: {problem}")]
    Value {
        webhook: String,
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A secret that is not where it should be.
    #[error("webhook `{webhook}`: {problem}")]
    Secret {
        webhook: String,
        /// Which key names it, and what is wrong.
        problem: SecretError,
    },
    /// Two webhooks of one name would share an outbox.
    #[error("two webhooks are named `{0}`; every name has its own backlog, so give one of them another `name`")]
    Repeated(String),
    /// The address for links is none.
    #[error("[alerts] public_url = \"{0}\" is no http or https address")]
    PublicUrl(String),
    /// The HTTP client cannot be made.
    #[error("webhook `{webhook}`: the HTTP client cannot be made")]
    Client { webhook: String, source: reqwest::Error },
}
