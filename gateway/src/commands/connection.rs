//! A conversation with the appliance, over its own socket or over TLS.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use office::batches::MAX_DOCUMENT_BYTES;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufWriter};
use tokio::net::UnixStream;
use tokio::time::timeout;
use uuid::Uuid;

use crate::session::{COOKIE, FIRST_STEP_COOKIE};

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// Largest answer that is no document, in bytes.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// Largest signed document: the document and what a signature adds, in bytes.
const MAX_SIGNED_BYTES: usize = MAX_DOCUMENT_BYTES + (16 << 20);
/// How much of a document is sent at a time, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// A request's body: a text, or a document that is read while it is sent.
type Sent = UnsyncBoxBody<Bytes, std::io::Error>;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Answer {
    /// What went wrong, with its code.
    pub(super) fn problem(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        match (problem["code"].as_str(), problem["detail"].as_str()) {
            (Some(code), Some(detail)) => match problem["tries_left"].as_u64() {
                Some(tries) => format!("{code}: {detail} ({tries} tries left)"),
                None => format!("{code}: {detail}"),
            },
            _ => format!("the appliance answered {}", self.status),
        }
    }
}

/// A connection and its session.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Sent>,
    host: String,
    /// Name and value of the newest cookie.
    cookie: Option<String>,
}

impl Connection {
    pub(super) async fn open(socket: &Path, host: String) -> anyhow::Result<Self> {
        Self::over(UnixStream::connect(socket).await?, host).await
    }

    /// Speaks HTTP over a stream that leads to `host`.
    pub(super) async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        host: String,
    ) -> anyhow::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(err) = connection.await {
                tracing::debug!(%err, "connection ended");
            }
        });
        Ok(Self { sender, host, cookie: None })
    }

    pub(super) async fn sign_in(&mut self, user: &str, pin: &str) -> anyhow::Result<Answer> {
        self.json(Method::POST, "/api/session/local", &json!({"username": user, "pin": pin})).await
    }

    pub(super) async fn authorise(&mut self, request: &Value) -> anyhow::Result<Answer> {
        self.json(Method::POST, "/api/batches", request).await
    }

    /// Sends the document `pdf`, and writes the signed one to `signed`. Neither is ever whole in memory.
    pub(super) async fn sign(
        &mut self,
        batch: &str,
        number: u32,
        pdf: &Path,
        signed: &Path,
    ) -> anyhow::Result<Answer> {
        let path = format!("/api/batches/{batch}/documents/{number}");
        let file = File::open(pdf).await.with_context(|| format!("{} cannot be read", pdf.display()))?;
        let pieces = stream::unfold(file, |mut file| async {
            let mut piece = vec![0; PIECE_BYTES];
            match file.read(&mut piece).await {
                Ok(0) => None,
                Ok(n) => {
                    piece.truncate(n);
                    Some((Ok(Frame::data(Bytes::from(piece))), file))
                }
                Err(err) => Some((Err(err), file)),
            }
        });
        let body = StreamBody::new(pieces).boxed_unsync();
        self.send(Method::PUT, &path, "application/pdf", body, Some(signed)).await
    }

    /// Takes the rest of the list back; if that fails it expires by itself.
    pub(super) async fn withdraw(&mut self, batch: &str) {
        drop(self.json(Method::DELETE, &format!("/api/batches/{batch}"), &Value::Null).await);
    }

    /// Ends the session; if that fails it expires by itself.
    pub(super) async fn sign_out(&mut self) {
        drop(self.json(Method::DELETE, "/api/session", &Value::Null).await);
    }

    pub(super) async fn json(&mut self, method: Method, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
        self.send(method, path, "application/json", body, None).await
    }

    /// What a successful answer holds goes to `place`, if there is one.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        kind: &str,
        body: Sent,
        place: Option<&Path>,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::ORIGIN, format!("https://{}", self.host))
            .header(header::CONTENT_TYPE, kind)
            .header("idempotency-key", Uuid::now_v7().to_string());
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let request = request.body(body)?;
        let asked = async {
            self.sender.ready().await?;
            let answer = self.sender.send_request(request).await?;
            let (head, body) = answer.into_parts();
            let body = match place.filter(|_| head.status.is_success()) {
                Some(place) => write(body, place).await.map(|()| Bytes::new()),
                None => Limited::new(body, MAX_ANSWER_BYTES).collect().await.map(|body| body.to_bytes()),
            };
            let body = body.map_err(|err| anyhow::anyhow!("the answer broke off: {err}"))?;
            anyhow::Ok((head, body))
        };
        let (head, body) =
            timeout(DEADLINE, asked).await.context("the appliance did not answer in two minutes")??;
        for set in head.headers.get_all(header::SET_COOKIE) {
            let pair = set.to_str().ok().and_then(|set| set.split(';').next()?.split_once('='));
            if let Some((name, value)) = pair
                && [COOKIE, FIRST_STEP_COOKIE].contains(&name)
                && !value.is_empty()
            {
                self.cookie = Some(format!("{name}={value}"));
            }
        }
        Ok(Answer { status: head.status, body })
    }
}

/// Writes an answer to a file.
async fn write(body: Incoming, place: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut body = Limited::new(body, MAX_SIGNED_BYTES);
    let mut file = BufWriter::with_capacity(PIECE_BYTES, File::create(place).await?);
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            file.write_all(&piece).await?;
        }
    }
    Ok(file.flush().await?)
}

/// What a successful answer holds; the problem as a sentence otherwise.
pub(super) fn expect(answer: &Answer, what: &str) -> anyhow::Result<Value> {
    if answer.status.is_success() {
        Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    } else {
        anyhow::bail!("{what}: {}", answer.problem())
    }
}
