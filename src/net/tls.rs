//! The implementation of TLS that the process uses.

use std::sync::Once;

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
