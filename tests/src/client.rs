//! Somebody with an account, a cookie and one TLS connection.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use uuid::Uuid;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Header fields.
    pub headers: hyper::HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Somebody who uses the appliance.
pub struct User {
    /// His account, as in `accounts.json`.
    pub account: Value,
    authority: String,
    tls: TlsConnector,
    cookie: Option<String>,
    connection: Option<SendRequest<Full<Bytes>>>,
    clock_offset_s: i64,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User {}", self.account["username"])
    }
}

impl Answer {
    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as JSON, of an answer with that status.
    ///
    /// # Errors
    ///
    /// Another status; the problem stands in the message.
    pub fn expect(&self, status: u16) -> anyhow::Result<Value> {
        if self.status.as_u16() == status {
            Ok(self.json())
        } else {
            bail!("expected {status}, got {}: {}", self.status, String::from_utf8_lossy(&self.body))
        }
    }

    /// Status and problem code.
    #[must_use]
    pub fn problem(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl User {
    /// The holder of an account, not signed in.
    ///
    /// # Errors
    ///
    /// There is no such account.
    pub fn new(addresses: &Value, accounts: &Value, username: &str) -> anyhow::Result<Self> {
        let account = accounts
            .as_array()
            .and_then(|accounts| accounts.iter().find(|account| account["username"] == username))
            .with_context(|| format!("no account {username}"))?;
        let public = addresses["public"].as_str().context("public address")?;
        let authority = public.strip_prefix("https://").context("https")?.to_owned();
        let mut roots = RootCertStore::empty();
        for anchor in CertificateDer::pem_file_iter(addresses["tls_ca"].as_str().context("CA")?)? {
            roots.add(anchor?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            account: account.clone(),
            authority,
            tls: TlsConnector::from(Arc::new(config)),
            cookie: None,
            connection: None,
            clock_offset_s: 0,
        })
    }

    /// Signs in with password and one-time code; waits for the next code where this one was used.
    ///
    /// # Errors
    ///
    /// He cannot.
    pub async fn sign_in(&mut self) -> anyhow::Result<Value> {
        let (name, password) = (self.account["username"].clone(), self.account["password"].clone());
        self.post("/api/session", &json!({"username": name, "password": password})).await?.expect(200)?;
        loop {
            let answer = self.post("/api/session/totp", &json!({"code": self.code()?})).await?;
            if answer.problem() == (401, "code-already-used".to_owned()) {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                continue;
            }
            return answer.expect(200);
        }
    }

    /// The one-time code of now.
    ///
    /// # Errors
    ///
    /// The account has no secret.
    pub fn code(&self) -> anyhow::Result<String> {
        let secret = self.account["totp_secret"].as_str().and_then(gateway::totp::from_base32);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_micros();
        let now = cabinet::Timestamp::from_micros(i64::try_from(now)?).plus_seconds(self.clock_offset_s);
        Ok(gateway::totp::code(&secret.context("TOTP secret")?, now)?)
    }

    /// Sets his authenticator's clock, in seconds from ours.
    pub const fn set_clock(&mut self, offset_s: i64) {
        self.clock_offset_s = offset_s;
    }

    /// His PIN, as an activation.
    #[must_use]
    pub fn activation(&self) -> Value {
        json!({"pin": self.account["pin"]})
    }

    /// GET.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, "application/json", Bytes::new(), &[]).await
    }

    /// POST of JSON.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(Method::POST, path, "application/json", serde_json::to_vec(body)?.into(), &[]).await
    }

    /// PUT of JSON.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn put(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(Method::PUT, path, "application/json", serde_json::to_vec(body)?.into(), &[]).await
    }

    /// POST of JSON under an idempotency key.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn act(&mut self, path: &str, body: &Value, key: &str) -> anyhow::Result<Answer> {
        let body = serde_json::to_vec(body)?.into();
        self.send(Method::POST, path, "application/json", body, &[("idempotency-key", key)]).await
    }

    /// Casts a ballot under a fresh idempotency key.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn cast(&mut self, vote: &str, choice: &str) -> anyhow::Result<Answer> {
        let body = json!({"choice": choice, "activation": self.activation()});
        self.act(&format!("/api/votes/{vote}/ballots"), &body, &Uuid::new_v4().to_string()).await
    }

    /// Uploads a PDF.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn upload(&mut self, item: &str, title: &str, pdf: Vec<u8>) -> anyhow::Result<Answer> {
        let path = format!("/api/items/{item}/documents?kind=other&title={}", title.replace(' ', "%20"));
        self.send(Method::POST, &path, "application/pdf", pdf.into(), &[]).await
    }

    /// Any request.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.authority);
        let is_set = |name: &str| fields.iter().any(|(field, _)| *field == name);
        if !is_set("origin") {
            request = request.header(header::ORIGIN, format!("https://{}", self.authority));
        }
        if !is_set("content-type") {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body))?;
        let response = self.connection().await?.send_request(request).await?;
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
            if !pair.ends_with('=') {
                self.cookie = Some(pair);
            }
        }
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.collect().await?.to_bytes() })
    }

    /// Goes on with another start of the same appliance, whose ports are other ones.
    ///
    /// # Errors
    ///
    /// The addresses cannot be read.
    pub fn move_to(&mut self, addresses: &Value) -> anyhow::Result<()> {
        let public = addresses["public"].as_str().context("public address")?;
        self.authority = public.strip_prefix("https://").context("https")?.to_owned();
        self.connection = None;
        Ok(())
    }

    /// Forgets the connection; the next request opens another.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    async fn connection(&mut self) -> anyhow::Result<&mut SendRequest<Full<Bytes>>> {
        let is_usable = match &mut self.connection {
            Some(connection) => connection.ready().await.is_ok(),
            None => false,
        };
        if !is_usable {
            let port: u16 = self.authority.rsplit(':').next().context("port")?.parse()?;
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            let stream = self.tls.connect(ServerName::try_from("localhost")?, stream).await?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(async move { drop(connection.await) });
            self.connection = Some(sender);
        }
        self.connection.as_mut().context("connected")
    }
}
