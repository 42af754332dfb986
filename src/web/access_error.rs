//! Why it cannot be found out who asks for a page.

use std::net::SocketAddr;

use crate::secrets::{SecretError, WeakToken};

/// What is wrong with the tokens and the proxy of `[web]`.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// An address that others can reach, without a token.
    #[error(
        "[web] listen = \"{0}\" can be reached from other machines, which needs a token: set `token_env` or `token_file` in [web], \
         or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// A token is not where the configuration says.
    #[error("[web] {0}")]
    Secret(SecretError),
    /// The configuration does not say where a token is.
    #[error("[[web.tokens]] `{0}`: name the token's place: `token_env` or `token_file`")]
    NoPlace(String),
    #[error("[[web.tokens]]: a token has no name; say whose it is")]
    Nameless,
    #[error("[[web.tokens]]: two tokens are named `{0}`")]
    Repeated(String),
    /// A token that could be guessed.
    #[error("[web] the token{}: {source}", if .name.is_empty() { String::new() } else { format!(" of `{name}`") })]
    Weak { name: String, source: WeakToken },
    #[error("[web.login_proxy] header: `{0}` is no header name")]
    Header(String),
}
