//! TLS of a listener: a certificate and its key, from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::net::tls::install_provider;

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// One of the two files is named, the other is not.
    #[error("tls_cert_file and tls_key_file go together; one of them is missing")]
    Half,
    #[error("{key} = {}: no PEM file of that kind", .path.display())]
    File {
        /// The configuration key.
        key: &'static str,
        path: PathBuf,
        source: pem::Error,
    },
    #[error("tls_cert_file = {}: there is no certificate in it", .0.display())]
    Empty(PathBuf),
    #[error("tls_cert_file and tls_key_file do not belong together")]
    Pair(#[source] rustls::Error),
}

/// Accepts TLS with the certificate chain and the key of these files; nothing when neither is named.
pub fn acceptor(certificate: Option<&Path>, key: Option<&Path>) -> Result<Option<TlsAcceptor>, ServerTlsError> {
    let (certificate, key) = match (certificate, key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => return Err(ServerTlsError::Half),
    };
    install_provider();
    let of_file = |key: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| ServerTlsError::File { key, path, source }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(of_file("tls_cert_file", certificate))?;
    if chain.is_empty() {
        return Err(ServerTlsError::Empty(certificate.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(of_file("tls_key_file", key))?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).map_err(ServerTlsError::Pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
