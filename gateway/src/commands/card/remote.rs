//! The way to the appliance from somebody's own machine: TLS 1.3, then password and code, or a client certificate.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use axum::http::{Method, uri::Uri};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::hand::secret;
use crate::commands::connection::{Connection, expect};

/// Which appliance, and who asks.
#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// The appliance's address, for instance `https://e-cabinet.example.vn`, or that of its card door.
    #[arg(long)]
    server: Uri,
    /// PEM file of the authority that certified the appliance.
    #[arg(long)]
    tls_ca: PathBuf,
    /// PEM file with your certificate and its key, for the card door; instead of --user.
    #[arg(long, required_unless_present = "user")]
    tls_identity: Option<PathBuf>,
    /// Your account, for password and code.
    #[arg(long, conflicts_with = "tls_identity")]
    user: Option<String>,
    /// Number of an open file that holds your password; without it, the password is asked at the terminal.
    #[arg(long)]
    password_fd: Option<u32>,
    /// Number of an open file that holds the code of your authenticator; without it, the code is asked at the terminal.
    #[arg(long)]
    code_fd: Option<u32>,
}

impl Server {
    /// Connects and signs in.
    pub(super) async fn enter(&self) -> anyhow::Result<Connection> {
        let host = self.server.host().context("--server needs a host, as in https://e-cabinet.example.vn")?;
        if self.server.scheme_str() != Some("https") {
            bail!("--server must begin with https://");
        }
        let port = self.server.port_u16().unwrap_or(443);
        let authority = self.server.authority().context("--server needs a host")?.as_str().to_owned();
        let name = ServerName::try_from(host.to_owned()).context("--server has no usable host name")?;
        let stream = TcpStream::connect((host, port))
            .await
            .with_context(|| format!("no appliance answers at {authority}"))?;
        let tls = TlsConnector::from(Arc::new(self.tls()?));
        let stream = tls
            .connect(name, stream)
            .await
            .with_context(|| format!("{authority} is not the appliance that --tls-ca speaks for"))?;
        let mut connection = Connection::over(stream, authority).await?;
        self.sign_in(&mut connection).await?;
        Ok(connection)
    }

    fn tls(&self) -> anyhow::Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let unreadable = || format!("{} cannot be read as PEM", self.tls_ca.display());
        for anchor in CertificateDer::pem_file_iter(&self.tls_ca).with_context(unreadable)? {
            roots.add(anchor.with_context(unreadable)?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots);
        let mut config = match &self.tls_identity {
            Some(path) => {
                let unreadable = || format!("{} holds no certificate and key in PEM", path.display());
                let certificates = CertificateDer::pem_file_iter(path).with_context(unreadable)?;
                let certificates = certificates.collect::<Result<Vec<_>, _>>().with_context(unreadable)?;
                let key = PrivateKeyDer::from_pem_file(path).with_context(unreadable)?;
                builder.with_client_auth_cert(certificates, key)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    async fn sign_in(&self, connection: &mut Connection) -> anyhow::Result<()> {
        const WHAT: &str = "signing in";
        let Some(user) = &self.user else {
            let answer = connection.json(Method::POST, "/api/session/card", &Value::Null).await?;
            return expect(&answer, WHAT).map(drop);
        };
        let password = secret(self.password_fd, "password")?;
        let first = json!({"username": user, "password": password.as_str()});
        expect(&connection.json(Method::POST, "/api/session", &first).await?, WHAT)?;
        let code = secret(self.code_fd, "code of the authenticator")?;
        let second = json!({"code": code.as_str()});
        expect(&connection.json(Method::POST, "/api/session/totp", &second).await?, WHAT).map(drop)
    }
}
