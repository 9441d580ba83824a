//! `ecabinet demo`: a throw-away installation with a fictional Government, served like any other.

mod accounts;
mod folder;
mod papers;
mod provision;
mod session;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use hsm::KeyKind;
use office::keys::SIGNER_KEY;

use crate::commands::{say, serve};
use crate::config::{Config, LimitsConfig};

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// The installation's folder.
    pub dir: PathBuf,
    /// Begin anew.
    pub fresh: bool,
    /// Address of the public listener.
    pub listen: Option<SocketAddr>,
    /// Raise the rate limits.
    pub bench: bool,
    /// The keys that sign; an installation that is there already keeps its own.
    pub keys: SignerKeys,
}

/// What keys sign in a demonstration. Members' own keys stay elliptic: a card with RSA is rare and slow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum SignerKeys {
    /// ECDSA on P-256, everybody.
    #[default]
    P256,
    /// ECDSA on P-384, everybody.
    P384,
    /// RSA of 3072 bits with PKCS #1 v1.5 under documents, P-256 for all else.
    Rsa3072,
    /// The same with RSASSA-PSS.
    RsaPss,
}

impl SignerKeys {
    /// The kind of the keys of members and of trust services.
    const fn of_members(self) -> KeyKind {
        match self {
            Self::P256 | Self::Rsa3072 | Self::RsaPss => SIGNER_KEY,
            Self::P384 => KeyKind::EcP384,
        }
    }

    /// The kind of the appliance's keys that sign documents.
    const fn of_documents(self) -> KeyKind {
        match self {
            Self::P256 | Self::P384 => self.of_members(),
            Self::Rsa3072 | Self::RsaPss => KeyKind::Rsa3072,
        }
    }
}

/// Ports when no address is given: public, card, admin, metrics, trust services.
const PORTS: [u16; 5] = [8443, 8444, 8445, 9443, 8446];
/// Rate limits under `--bench`.
const BENCH_RATE: u32 = 1_000_000;

/// Sets up the installation if it is not there yet, and serves it until interrupted.
///
/// # Errors
///
/// A sentence that says what to do.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let folder = folder::Folder::open(&options.dir, options.fresh && !is_second_start())?;
    let environment = BTreeMap::from([
        ("SOFTHSM2_CONF".to_owned(), folder.softhsm_config().display().to_string()),
        (SECOND_START.to_owned(), "1".to_owned()),
    ]);
    serve::restart_with(&environment)?;
    serve::start_logging();
    check_loopback(options.listen)?;
    serve::runtime()?.block_on(async {
        if !folder.is_provisioned() {
            provision::provision(&folder, options.keys).await?;
        }
        // Late, so that nobody else takes them meanwhile.
        let addresses = addresses(options.listen)?;
        folder.write_config(addresses)?;
        let mut config = Config::read(&folder.config())?;
        if options.bench {
            config.limits = bench_limits();
        }
        let appliance = serve::Appliance::open(&config).await?;
        appliance.serve(&config).await?;
        let meeting = session::prepared(&folder, &appliance, addresses[0]).await?;
        folder.write_addresses(addresses, &meeting)?;
        announce(&folder, addresses)?;
        let served = serve::until_interrupted().await;
        folder.clear_run_folder();
        served
    })
}

/// Set once the program was started again with the token's environment.
const SECOND_START: &str = "ECABINET_DEMO_STARTED";

fn is_second_start() -> bool {
    std::env::var_os(SECOND_START).is_some()
}

fn bench_limits() -> LimitsConfig {
    LimitsConfig {
        n_connections_per_address: 4_096,
        sign_ins_per_address: BENCH_RATE,
        sign_in_failures: BENCH_RATE,
        requests_burst: BENCH_RATE,
        requests_per_s: BENCH_RATE,
        ..LimitsConfig::default()
    }
}

fn check_loopback(public: Option<SocketAddr>) -> anyhow::Result<()> {
    match public {
        Some(public) if !public.ip().is_loopback() => {
            bail!(
                "--listen {public}: the demonstration listens on loopback only, for instance 127.0.0.1:8443"
            )
        }
        Some(_) | None => Ok(()),
    }
}

/// The addresses of the five listeners: the usual ports, or free ones beside the one asked for.
fn addresses(public: Option<SocketAddr>) -> anyhow::Result<[SocketAddr; 5]> {
    let Some(public) = public else {
        return Ok(PORTS.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
    };
    // All are held at once, so that no two are the same.
    let held = (0..5)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()
        .context("finding free ports")?;
    let mut addresses = [public; 5];
    for (address, held) in addresses.iter_mut().zip(&held) {
        *address = held.local_addr()?;
    }
    if public.port() != 0 {
        addresses[0] = public;
    }
    Ok(addresses)
}

fn announce(
    folder: &folder::Folder,
    [public, card, admin, metrics, services]: [SocketAddr; 5],
) -> anyhow::Result<()> {
    say("e-Cabinet, bản trình diễn (THỬ NGHIỆM)")?;
    for (what, address) in [("public ", public), ("card   ", card), ("admin  ", admin), ("metrics", metrics)]
    {
        say(&format!("  {what}  https://localhost:{}", address.port()))?;
    }
    say(&format!("  services   http://localhost:{} (TSA /tsa, OCSP /ocsp, CRL)", services.port()))?;
    say(&format!("  accounts   {}", folder.accounts().display()))?;
    say(&format!("  TLS CA     {}", folder.tls_ca().display()))?;
    for account in folder.read_accounts()?.into_iter().filter(|account| account.is_shown()) {
        say(&format!(
            "  {:<10} {:<22} mật khẩu {}   TOTP {}   PIN {}",
            account.username, account.role, account.password, account.totp_secret, account.pin
        ))?;
    }
    say("ready")
}
