//! The accept loops: TLS, then HTTP/1.1 or HTTP/2 by what was agreed, with every deadline set.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus::IntGauge;
use rustls::ServerConfig;
use signing::Certificate;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use crate::config::LimitsConfig;
use crate::session::{Listener, Peer};

/// Largest head of an HTTP/1.1 request, in bytes.
const MAX_HEAD_BYTES: usize = 32 * 1_024;
/// Most header fields of a request.
const MAX_HEADERS: usize = 64;
/// Largest header list of an HTTP/2 request, in bytes.
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1_024;
/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 64;
/// How often a silent HTTP/2 connection is asked whether it lives, in seconds.
const KEEP_ALIVE_S: u64 = 20;

/// A listener that is bound and not yet serving.
#[derive(Debug)]
pub struct Bound {
    socket: TcpListener,
    tls: Arc<ServerConfig>,
    listener: Listener,
    router: Router,
}

/// Connections counted over all listeners.
#[derive(Clone, Debug)]
pub struct Slots {
    all: Arc<Semaphore>,
    by_address: Arc<std::sync::Mutex<HashMap<IpAddr, usize>>>,
    max_by_address: usize,
    gauge: IntGauge,
}

struct Slot {
    _permit: OwnedSemaphorePermit,
    slots: Slots,
    address: IpAddr,
}

impl Slots {
    /// Slots within the limits.
    #[must_use]
    pub fn new(limits: &LimitsConfig, gauge: IntGauge) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.n_connections)),
            by_address: Arc::default(),
            max_by_address: limits.n_connections_per_address,
            gauge,
        }
    }

    fn take(&self, address: IpAddr) -> Option<Slot> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let n = by_address.entry(address).or_default();
        if *n >= self.max_by_address {
            return None;
        }
        *n = n.saturating_add(1);
        self.gauge.inc();
        Some(Slot { _permit: permit, slots: self.clone(), address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut by_address = self.slots.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = by_address.get_mut(&self.address) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                by_address.remove(&self.address);
            }
        }
        self.slots.gauge.dec();
    }
}

/// Serves `router` over plain HTTP for as long as the process lives: for what is signed and not secret.
pub async fn serve_plain(socket: TcpListener, router: Router, limits: LimitsConfig, slots: Slots) {
    loop {
        let (stream, address) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(err) => {
                tracing::warn!(%err, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(slot) = slots.take(address.ip()) else {
            tracing::warn!("connection refused: too many are open");
            continue;
        };
        if let Err(err) = stream.set_nodelay(true) {
            tracing::debug!(%err, "nodelay");
        }
        let (router, limits) = (router.clone(), limits.clone());
        tokio::spawn(async move {
            let _slot = slot;
            let peer = Peer { address: address.ip(), listener: Listener::Services, certificate: None };
            converse(stream, false, peer, router, &limits).await;
        });
    }
}

impl Bound {
    /// Binds an address.
    ///
    /// # Errors
    ///
    /// The address is taken or not ours.
    pub async fn bind(
        address: SocketAddr,
        tls: Arc<ServerConfig>,
        listener: Listener,
        router: Router,
    ) -> std::io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await?, tls, listener, router })
    }

    /// Serves for as long as the process lives.
    pub async fn serve(self, limits: LimitsConfig, slots: Slots) {
        let acceptor = TlsAcceptor::from(self.tls);
        loop {
            let (stream, address) = match self.socket.accept().await {
                Ok(accepted) => accepted,
                Err(err) => {
                    // Out of file descriptors, most likely: let some close.
                    tracing::warn!(%err, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some(slot) = slots.take(address.ip()) else {
                tracing::warn!("connection refused: too many are open");
                continue;
            };
            let (acceptor, router, limits, listener) =
                (acceptor.clone(), self.router.clone(), limits.clone(), self.listener);
            tokio::spawn(async move {
                let _slot = slot;
                if let Some((stream, peer)) = shake_hands(&acceptor, stream, address, listener, &limits).await
                {
                    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    converse(stream, is_h2, peer, router, &limits).await;
                }
            });
        }
    }
}

async fn shake_hands(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    address: SocketAddr,
    listener: Listener,
    limits: &LimitsConfig,
) -> Option<(TlsStream<TcpStream>, Peer)> {
    if let Err(err) = stream.set_nodelay(true) {
        tracing::debug!(%err, "nodelay");
    }
    let stream = match timeout(Duration::from_secs(limits.handshake_s), acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(err)) => {
            tracing::debug!(%err, "TLS handshake failed");
            return None;
        }
        Err(_) => return None,
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    // Verified by the handshake already; what cannot be parsed again identifies nobody.
    let certificate = certificate.and_then(|der| Certificate::from_der(der).ok());
    Some((stream, Peer { address: address.ip(), listener, certificate }))
}

/// Serves one connection until it ends.
pub(crate) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_h2: bool,
    peer: Peer,
    router: Router,
    limits: &LimitsConfig,
) {
    let service = router.map_request(move |mut request: axum::http::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request
    });
    let service = TowerToHyperService::new(service);
    let io = TokioIo::new(stream);
    let head = Duration::from_secs(limits.head_s);
    let served = if is_h2 {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(128)
            .keep_alive_interval(Duration::from_secs(KEEP_ALIVE_S))
            .keep_alive_timeout(head)
            .serve_connection(io, service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .half_close(false)
            .serve_connection(io, service)
            .await
    };
    if let Err(err) = served {
        tracing::debug!(%err, "connection ended");
    }
}
