//! The implementation of TLS that the process uses.

use std::sync::{LazyLock, Once};

use rustls::crypto::ring;

/// Makes ring the process's provider of cryptography; without one, building a client panics, even for plain HTTP. The
/// program does this first of all. Whatever builds clients on its own, as tests do, repeats it without harm.
pub fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if ring::default_provider().install_default().is_err() {
            tracing::debug!("another TLS provider is installed already");
        }
    });
}

/// Whether the system has certificates to trust.
pub(super) fn system_has_certificates() -> bool {
    static FOUND: LazyLock<bool> = LazyLock::new(|| {
        install_provider();
        let found = reqwest::Client::builder().build().is_ok();
        if !found {
            tracing::warn!(
                "the system has no certificates, so that no HTTPS server is trusted; install them or set SSL_CERT_FILE"
            );
        }
        found
    });
    *FOUND
}
