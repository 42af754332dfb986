//! Why a webhook cannot be built from its configuration.

use crate::secrets::SecretError;

/// Why a webhook cannot be built from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum WebhookConfigError {
    /// A key is missing.
    #[error("webhook `{webhook}`: `{key}` is missing; {remedy}")]
    Missing {
        /// The webhook.
        webhook: String,
        /// The key.
        key: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// A key that this kind of webhook does not have.
    #[error("webhook `{webhook}`: `{key}` means nothing to a webhook of kind `{kind}`; remove it")]
    Foreign {
        /// The webhook.
        webhook: String,
        /// The key.
        key: &'static str,
        /// The webhook's kind.
        kind: &'static str,
    },
    /// A value that cannot be used.
    #[error("webhook `{webhook}`: `{key}`: {problem}")]
    Value {
        /// The webhook.
        webhook: String,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A secret that is not where it should be.
    #[error("webhook `{webhook}`: {problem}")]
    Secret {
        /// The webhook.
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
    Client {
        /// The webhook.
        webhook: String,
        /// Why.
        source: reqwest::Error,
    },
}
