//! `ecabinet keys person-request` and `person-certificate`: a new key for a person, while the appliance is stopped.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use cabinet::Digest;
use clap::ValueEnum;
use hsm::{KeyKind, Pin, TokenLabel};
use office::keys::Keys;
use office::keys::personal::{self, WaitingKey};
use office::people::directory::Account;
use office::people::store;
use signing::authority::Subject;
use signing::profile::{Finding, Severity};
use signing::{Certificate, csr};
use zeroize::Zeroizing;

use crate::commands::card::examine;
use crate::commands::certificates::{lengthen_chain, read_chain, report};
use crate::commands::offline::{Stopped, write_new};
use crate::commands::{read_pin, say};

/// Stands under `ecabinet keys person-request --help`.
pub(super) const REQUEST_EXAMPLE: &str = "Example: ecabinet keys person-request --config /etc/ecabinet/ecabinet.toml --user bt05 --token \
bt05-2027 --out bt05.csr\n\nStop the appliance first. The person types his new PIN twice, alone. Nobody can set another one later: if it is forgotten, or all \
passkeys that unlock the key are lost, make a new key in this way. Nothing changes until its certificate is taken into use.";

/// Stands under `ecabinet keys person-certificate --help`.
pub(super) const CERTIFICATE_EXAMPLE: &str = "Example: ecabinet keys person-certificate --config /etc/ecabinet/ecabinet.toml --user bt05 chain.pem\n\n\
Stop the appliance first. The file holds the new certificate, then those of its issuers; it signs in votes that are opened afterwards. Have the \
earlier certificate revoked and its token destroyed.\nExit: 0 in use, 1 refused because of what was found, 2 nothing was examined.";

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct RequestOptions {
    /// The appliance's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Whose key it is: the account.
    #[arg(long)]
    user: String,
    /// Label of the new token.
    #[arg(long)]
    token: TokenLabel,
    /// What kind of key.
    #[arg(long, value_enum, default_value = "p256")]
    kind: Kind,
    /// Whom the certificate shall name; the name of the account if left out.
    #[arg(long)]
    subject: Option<String>,
    /// The organisation that the certificate shall name.
    #[arg(long)]
    organisation: Option<String>,
    /// File for the request, PEM; it must not be there yet.
    #[arg(long)]
    out: PathBuf,
    /// Reads the new PIN from this open file, instead of asking for it twice.
    #[arg(long, value_name = "N")]
    pin_fd: Option<u32>,
}

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct CertificateOptions {
    /// The appliance's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Whose key it is: the account.
    #[arg(long)]
    user: String,
    /// PEM file: the new certificate, then those of its issuers.
    chain: PathBuf,
}

/// A kind of key for persons.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    P256,
    P384,
    Rsa2048,
    Rsa3072,
}

impl From<Kind> for KeyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::P256 => Self::EcP256,
            Kind::P384 => Self::EcP384,
            Kind::Rsa2048 => Self::Rsa2048,
            Kind::Rsa3072 => Self::Rsa3072,
        }
    }
}

/// Makes the token and the key, and has the key sign the request for its certificate.
pub(super) fn request(options: &RequestOptions) -> anyhow::Result<()> {
    ensure!(!options.out.exists(), "{} is there already: choose another name", options.out.display());
    let (stopped, runtime) = Stopped::open(&options.config)?;
    let accounts = runtime.block_on(accounts(&stopped))?.1;
    let person = account(&accounts, &options.user)?.person.clone();
    let pin = Pin::parse(&new_pin(options.pin_fd)?).context("the PIN cannot be used")?;
    let (config, key) = (&stopped.config.keys, personal::KEY.parse()?);
    let public = personal::make(config, &options.token, &key, &pin, options.kind.into())?;
    let spki_der = public.as_bytes().to_vec();
    let waiting = WaitingKey { person: person.id, token: options.token.clone(), key, spki_der };
    let subject = Subject {
        common_name: options.subject.clone().unwrap_or(person.name),
        organisation: options.organisation.clone(),
    };
    let prepared = csr::prepare(&waiting.spki_der, &subject)?;
    // The entry first: the key signs nothing that the log does not tell of.
    let digest = Digest::of(prepared.to_sign());
    let recorded = personal::record_made(&stopped.db, &stopped.writer, &waiting, digest, stopped.now);
    runtime.block_on(recorded).context("logging the new key: initialise its token again")?;
    let raw = personal::sign_request(config, &waiting, &pin, &prepared)?;
    let request = prepared.embed(raw.as_bytes())?;
    csr::verify(&request)?;
    write_new(&options.out, csr::to_pem(&request).as_bytes())?;
    say(&format!(
        "{}: request for {}, by the new key on {}",
        options.out.display(),
        subject.common_name,
        waiting.token
    ))
}

/// Examines a certificate and takes it with its key into use.
pub(super) fn certificate(options: &CertificateOptions) -> anyhow::Result<ExitCode> {
    let (stopped, runtime) = Stopped::open(&options.config)?;
    let certificates = read_chain(&options.chain)?;
    let (certificate, issuers) = certificates.split_first().context("the file holds no certificate")?;
    let chain_file = std::fs::read(&stopped.config.keys.chain)?;
    let mut chain = Certificate::all_from_pem(&chain_file)?;
    let missing: Vec<_> = issuers.iter().filter(|issuer| !chain.contains(issuer)).cloned().collect();
    chain.extend(missing.iter().cloned());
    let (keys, accounts) = runtime.block_on(accounts(&stopped))?;
    let account = account(&accounts, &options.user)?;
    let waiting = runtime.block_on(personal::waiting(&stopped.db, account.person.id))?;
    let waiting = waiting
        .with_context(|| format!("no new key of {} waits: ecabinet keys person-request", options.user))?;

    let mut found = examine(&stopped, account, &accounts, certificate, &chain)?;
    if certificate.spki_der() != waiting.spki_der {
        found.push(Finding {
            severity: Severity::Error,
            code: "key",
            sentence: format!(
                "It does not belong to the key on {}: import the one issued for it.",
                waiting.token
            ),
        });
    }
    if !report(certificate, &found)? {
        return Ok(ExitCode::from(1));
    }
    lengthen_chain(&stopped, &chain_file, &missing)?;
    let (db, writer, now) = (&stopped.db, &stopped.writer, stopped.now);
    runtime
        .block_on(personal::take_into_use(db, &keys, writer, account, &waiting, certificate, now))
        .context("taking the key into use")?;
    say(&format!("{}: signs for {} from the next start", waiting.token, options.user))?;
    Ok(ExitCode::SUCCESS)
}

async fn accounts(stopped: &Stopped) -> anyhow::Result<(Keys, Vec<Account>)> {
    let keys = Keys::open(stopped.config.keys.clone(), stopped.db.clone()).await?;
    let accounts = store::all(&stopped.db, &keys).await?;
    Ok((keys, accounts))
}

fn account<'a>(accounts: &'a [Account], user: &str) -> anyhow::Result<&'a Account> {
    let found = accounts.iter().find(|account| account.person.username == user);
    found.with_context(|| format!("there is no account {user}"))
}

/// The PIN that the person chooses, typed twice alike.
fn new_pin(fd: Option<u32>) -> anyhow::Result<Zeroizing<String>> {
    if let Some(fd) = fd {
        return read_pin(fd);
    }
    let ask = |what: &str| rpassword::prompt_password(what).context("no PIN can be asked here: use --pin-fd");
    let pin = Zeroizing::new(ask("New PIN: ")?);
    let again = Zeroizing::new(ask("New PIN, once more: ")?);
    ensure!(pin == again, "the two were not alike: nothing was made");
    Ok(pin)
}
