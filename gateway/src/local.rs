//! The appliance's own socket: commands on the same machine come in here, as the service's account or root.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::config::LimitsConfig;
use crate::listeners::converse;
use crate::session::{Listener, Peer};

/// Commands that talk to the appliance at once.
const N_COMMANDS: usize = 16;
const ROOT: u32 = 0;

/// The socket, bound and not yet serving.
#[derive(Debug)]
pub struct LocalDoor {
    socket: UnixListener,
    router: Router,
    /// The service's own account, as the system wrote it on the socket.
    owner: u32,
}

impl LocalDoor {
    /// Binds the socket; one that a dead process left behind is replaced, one that answers is not.
    ///
    /// # Errors
    ///
    /// Another process serves there, or the path cannot be used.
    pub async fn bind(path: &Path, router: Router) -> std::io::Result<Self> {
        if path.exists() {
            if UnixStream::connect(path).await.is_ok() {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::AddrInUse,
                    "another appliance serves there",
                ));
            }
            std::fs::remove_file(path)?;
        }
        let socket = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        let owner = std::fs::metadata(path)?.uid();
        Ok(Self { socket, router, owner })
    }

    /// Serves for as long as the process lives.
    pub async fn serve(self, limits: LimitsConfig) {
        let slots = Arc::new(Semaphore::new(N_COMMANDS));
        loop {
            let stream = match self.socket.accept().await {
                Ok((stream, _)) => stream,
                Err(err) => {
                    tracing::warn!(%err, "a command could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            // The kernel says who calls; file permissions are not the only lock.
            let caller = stream.peer_cred().map(|caller| caller.uid());
            if !caller.is_ok_and(|uid| uid == self.owner || uid == ROOT) {
                tracing::warn!("a command of another account was turned away");
                continue;
            }
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
            let (router, limits) = (self.router.clone(), limits.clone());
            tokio::spawn(async move {
                let _slot = slot;
                let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let peer = Peer { address, listener: Listener::Local, certificate: None };
                converse(stream, false, peer, router, &limits).await;
            });
        }
    }
}
