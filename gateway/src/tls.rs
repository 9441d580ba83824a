//! TLS 1.3, and nothing older; on the card and admin listeners a client certificate, verified before it is looked at.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use crate::config::TlsConfig;

/// The listeners' certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read.
    #[error("{file}: {cause}")]
    Pem {
        /// The file.
        file: String,
        /// Why.
        cause: String,
    },
    /// Certificate, key or anchors do not fit.
    #[error("TLS: {0}; check that tls.key belongs to tls.certificate")]
    Setup(String),
}

/// Whether a listener asks for a client certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClientCertificate {
    /// None.
    None,
    /// Required.
    Required,
}

/// Makes a listener's TLS configuration.
///
/// # Errors
///
/// * [`TlsError`].
pub fn server_config(
    tls: &TlsConfig,
    client: ClientCertificate,
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let setup = |err: &dyn std::fmt::Display| TlsError::Setup(err.to_string());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|err| setup(&err))?;
    let builder = match client {
        ClientCertificate::None => builder.with_no_client_auth(),
        ClientCertificate::Required => builder.with_client_cert_verifier(verifier(tls, provider)?),
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|err| pem(&tls.key, &err))?;
    let mut config =
        builder.with_single_cert(certificates(&tls.certificate)?, key).map_err(|err| setup(&err))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    if client == ClientCertificate::Required {
        // A resumed session would bring back a certificate that nobody verified again.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    }
    Ok(Arc::new(config))
}

fn verifier(
    tls: &TlsConfig,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for anchor in certificates(&tls.client_anchors)? {
        roots.add(anchor).map_err(|err| pem(&tls.client_anchors, &err))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|err| TlsError::Setup(err.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|err| pem(path, &err))
}

fn pem(path: &Path, cause: &dyn std::fmt::Display) -> TlsError {
    TlsError::Pem { file: path.display().to_string(), cause: cause.to_string() }
}
