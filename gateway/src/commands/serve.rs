//! `ecabinet serve`: the appliance.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use office::App;
use office::parser::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower_http::timeout::TimeoutLayer;
use tracing_subscriber::EnvFilter;

use crate::commands::PARSER;
use crate::config::Config;
use crate::door;
use crate::listeners::{Bound, Slots, serve_plain};
use crate::local::LocalDoor;
use crate::metrics::Metrics;
use crate::passwords::Passwords;
use crate::session::Listener;
use crate::tls::{self, ClientCertificate};

/// Reads the configuration and serves until interrupted.
///
/// # Errors
///
/// A sentence that says what to do; nothing was served.
pub fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::read(path)?;
    restart_with(&config.keys.environment)?;
    start_logging();
    runtime()?.block_on(async {
        let appliance = Appliance::open(&config).await?;
        appliance.serve(&config).await?;
        until_interrupted().await
    })
}

/// Starts this program again with the variables that the PKCS#11 library reads, unless they are set already: a
/// process cannot change its own environment safely once a library may read it.
///
/// # Errors
///
/// The program cannot be started again.
pub fn restart_with(environment: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let is_set = |(name, value): (&String, &String)| std::env::var(name).is_ok_and(|found| found == *value);
    if environment.iter().all(is_set) {
        return Ok(());
    }
    let program = std::env::current_exe().context("finding this program")?;
    let error = Command::new(program).args(std::env::args_os().skip(1)).envs(environment).exec();
    Err(error).context("starting again with the token's environment")
}

/// The runtime: a thread per core; what blocks has threads of its own.
///
/// # Errors
///
/// Threads cannot be started.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")
}

/// Log lines go to standard error, as JSON; `ECABINET_LOG` sets the level.
pub fn start_logging() {
    let filter = EnvFilter::try_from_env("ECABINET_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,cryptoki=off"));
    let started =
        tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    if let Err(err) = started {
        tracing::debug!(%err, "logging was started before");
    }
}

/// The appliance, open and not yet listening.
#[derive(Debug)]
pub struct Appliance {
    /// The office.
    pub app: App,
    /// The whole service, for callers within the process.
    pub router: Router,
    metrics: Metrics,
}

impl Appliance {
    /// Opens the office and builds the service.
    ///
    /// # Errors
    ///
    /// What does not come up, and what to do.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let parser = Parser::new(program, PARSER);
        let app = office::start::open(
            config.office.clone(),
            config.keys.clone(),
            config.body.clone(),
            config.trust.clone(),
            &config.listen.door_names(),
            parser,
        )
        .await?;
        let metrics = Metrics::new().context("metrics")?;
        let router = door::service(&app, config, Passwords::new()?, metrics.clone())?;
        Ok(Self { app, router, metrics })
    }

    /// Binds all listeners and serves them in the background.
    ///
    /// # Errors
    ///
    /// An address is taken, or a certificate cannot be used.
    pub async fn serve(&self, config: &Config) -> anyhow::Result<()> {
        let open = tls::server_config(&config.tls, ClientCertificate::None)?;
        let closed = tls::server_config(&config.tls, ClientCertificate::Required)?;
        let slots = Slots::new(&config.limits, self.metrics.connections().clone());
        let metrics = self.metrics.clone().service(self.app.clone());
        let listen = &config.listen;
        for (address, tls, listener, router) in [
            (listen.public, &open, Listener::Public, &self.router),
            (listen.card, &closed, Listener::Card, &self.router),
            (listen.admin, &closed, Listener::Admin, &self.router),
            (listen.metrics, &open, Listener::Admin, &metrics),
        ] {
            let bound = Bound::bind(address, Arc::clone(tls), listener, router.clone())
                .await
                .with_context(|| format!("binding {address}: choose another address in [listen]"))?;
            tokio::spawn(bound.serve(config.limits.clone(), slots.clone()));
        }
        if let Some(address) = listen.services {
            let socket = TcpListener::bind(address)
                .await
                .with_context(|| format!("binding {address}: choose another address in listen.services"))?;
            let deadline = Duration::from_secs(config.limits.request_s);
            let router = office::trust::services::router(self.app.clone())
                .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, deadline));
            tokio::spawn(serve_plain(socket, router, config.limits.clone(), slots.clone()));
        }
        if let Some(path) = &listen.local {
            let door = LocalDoor::bind(path, self.router.clone())
                .await
                .with_context(|| format!("binding {}: see listen.local", path.display()))?;
            tokio::spawn(door.serve(config.limits.clone()));
        }
        Ok(())
    }
}

/// Waits for an interrupt or for the service manager's word.
///
/// # Errors
///
/// Signals cannot be watched.
pub async fn until_interrupted() -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}
