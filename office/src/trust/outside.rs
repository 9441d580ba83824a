//! The only way out of the appliance: plain HTTP to the hosts of the configuration, small answers, one deadline.
//!
//! What is fetched this way is signed by whoever made it, so that the transport need not be trusted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::TrustConfig;

/// Longest address that is asked, in bytes.
const MAX_ADDRESS_BYTES: usize = 2_048;

/// The way out.
#[derive(Debug)]
pub(super) struct Outside {
    hosts: BTreeMap<String, SocketAddr>,
    deadline: Duration,
}

/// What is asked, of whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) address: &'a str,
    /// Its media type and content; nothing for a plain GET.
    pub(super) body: Option<(&'static str, &'a [u8])>,
    pub(super) max_answer_bytes: usize,
}

impl Outside {
    pub(super) fn new(config: &TrustConfig) -> Self {
        let deadline = Duration::from_secs(config.deadline_s.clamp(1, 180));
        Self { hosts: config.hosts.clone(), deadline }
    }

    /// Asks, and waits for the whole answer.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Bytes, String> {
        let (uri, host, address) = self.allowed(question.address)?;
        timeout(self.deadline, exchange(&uri, host, address, question))
            .await
            .map_err(|_elapsed| format!("{host} did not answer in {} s", self.deadline.as_secs()))?
            .map_err(|err| format!("{host}: {err}"))
    }

    /// The address of a host that may be asked.
    fn allowed<'a>(&'a self, text: &str) -> Result<(Uri, &'a str, SocketAddr), String> {
        let refuse = |why: &str| Err(format!("an address is not asked ({why})"));
        if text.len() > MAX_ADDRESS_BYTES {
            return refuse("it is too long");
        }
        let Ok(uri) = text.parse::<Uri>() else { return refuse("it is no address") };
        if uri.scheme_str() != Some("http") {
            return refuse("only http is asked; answers are signed");
        }
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        match self.hosts.get_key_value(&authority) {
            Some((host, address)) => Ok((uri, host, *address)),
            None => refuse("the host is not in trust.hosts"),
        }
    }
}

async fn exchange(
    uri: &Uri,
    host: &str,
    address: SocketAddr,
    question: Question<'_>,
) -> Result<Bytes, String> {
    let stream = TcpStream::connect(address).await.map_err(|err| err.to_string())?;
    stream.set_nodelay(true).map_err(|err| err.to_string())?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|err| err.to_string())?;
    tokio::spawn(async move {
        if let Err(err) = connection.await {
            tracing::debug!(%err, "a trust service's connection ended");
        }
    });
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::builder().uri(path).header(header::HOST, host);
    let request = match question.body {
        Some((kind, body)) => request
            .method(Method::POST)
            .header(header::CONTENT_TYPE, kind)
            .body(Full::new(Bytes::copy_from_slice(body))),
        None => request.method(Method::GET).body(Full::new(Bytes::new())),
    };
    let answer =
        sender.send_request(request.map_err(|err| err.to_string())?).await.map_err(|err| err.to_string())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("it answered {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), question.max_answer_bytes).collect().await;
    Ok(body.map_err(|err| format!("its answer broke off or is too large: {err}"))?.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_who_is_not_in_the_list() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let hosts = BTreeMap::from([("tsa.test".to_owned(), address), ("pki.test:81".to_owned(), address)]);
        let outside = Outside::new(&TrustConfig { hosts, ..TrustConfig::default() });
        assert!(outside.allowed("http://tsa.test/tsa").is_ok());
        assert!(outside.allowed("http://pki.test:81/x?y=z").is_ok());
        for foreign in [
            "http://169.254.169.254/latest/meta-data",
            "http://localhost/",
            "http://tsa.test:8080/",
            "http://pki.test/",
            "http://tsa.test@evil.test/",
            "http://evil.test/tsa.test",
            "http://tsa.test.evil.test/",
            "https://tsa.test/tsa",
            "file:///etc/passwd",
            "ldap://tsa.test/",
            "//tsa.test/",
            "",
            &format!("http://tsa.test/{}", "a".repeat(3_000)),
        ] {
            assert!(outside.allowed(foreign).is_err(), "{foreign}");
        }
    }
}
