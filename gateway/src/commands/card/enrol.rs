//! `ecabinet card enrol`: a person's card is made known by its certificate, while the appliance is stopped.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use office::cards::enrol::{self, TokenKey};
use office::keys::Keys;
use office::people::directory::Account;
use office::people::store;
use signing::authority::Profile;
use signing::profile::{self, Finding, Severity};
use signing::{Certificate, SignatureAlgorithm};

use crate::commands::certificates::{lengthen_chain, read_chain, report};
use crate::commands::offline::Stopped;
use crate::commands::say;

/// Stands under `ecabinet card enrol --help`.
pub(super) const EXAMPLE: &str = "Example: ecabinet card enrol --config /etc/ecabinet/ecabinet.toml --user bt05 --only chain.pem\n\n\
Stop the appliance first. The file holds the card's certificate, then those of its issuers; it signs in votes that are opened \
afterwards. With --only the person's key on the appliance goes off the record: have its certificate revoked and its token destroyed, \
for other readers of signatures know nothing of this record.\nExit: 0 enrolled, 1 refused because of what was found, 2 nothing was examined.";

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct Options {
    /// The appliance's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Whose card it is: the account.
    #[arg(long)]
    user: String,
    /// The card alone signs for this person from now on; without it, his key on the appliance goes on signing too.
    #[arg(long)]
    only: bool,
    /// PEM file: the card's certificate, then those of its issuers.
    chain: PathBuf,
}

/// Examines the certificate and enrols the card.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (stopped, runtime) = Stopped::open(&options.config)?;
    let certificates = read_chain(&options.chain)?;
    let (certificate, issuers) = certificates.split_first().context("the file holds no certificate")?;
    let chain_file = std::fs::read(&stopped.config.keys.chain)?;
    let mut chain = Certificate::all_from_pem(&chain_file)?;
    let missing: Vec<_> = issuers.iter().filter(|issuer| !chain.contains(issuer)).cloned().collect();
    chain.extend(missing.iter().cloned());
    let (keys, accounts) = runtime.block_on(async {
        let keys = Keys::open(stopped.config.keys.clone(), stopped.db.clone()).await?;
        let accounts = store::all(&stopped.db, &keys).await?;
        anyhow::Ok((keys, accounts))
    })?;
    let account = accounts.iter().find(|account| account.person.username == options.user);
    let account = account.with_context(|| format!("there is no account {}", options.user))?;

    let mut found = examine(&stopped, account, &accounts, certificate, &chain)?;
    if account.signer.as_ref().is_some_and(|signer| signer.certificate == *certificate) {
        let sentence = "It is the certificate of his key on the appliance, not of a card.".to_owned();
        found.push(Finding { severity: Severity::Error, code: "own-key", sentence });
    }
    if !report(certificate, &found)? {
        return Ok(ExitCode::from(1));
    }
    lengthen_chain(&stopped, &chain_file, &missing)?;
    let token_key = if options.only { TokenKey::Dropped } else { TokenKey::Kept };
    let (db, writer, now) = (&stopped.db, &stopped.writer, stopped.now);
    let recorded = enrol::record(db, &keys, writer, account, certificate.clone(), token_key, now);
    let card = runtime.block_on(recorded).context("enrolling the card")?;
    say(&format!("{}: enrolled for {} from the next start", card.label, options.user))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether it leads to an anchor, is fit for a person's signature, names this person and is nobody else's.
pub(in crate::commands) fn examine(
    stopped: &Stopped,
    account: &Account,
    accounts: &[Account],
    certificate: &Certificate,
    chain: &[Certificate],
) -> anyhow::Result<Vec<Finding>> {
    let trust = stopped.anchors()?;
    let path = trust.path(certificate, chain, stopped.now);
    let issuers = path.as_deref().map_or(chain, |path| path.get(1..).unwrap_or_default());
    let mut found = profile::check(certificate, issuers, Profile::Person, stopped.now);
    let mut error = |code, sentence| found.push(Finding { severity: Severity::Error, code, sentence });
    if let Err(err) = path {
        error("path", format!("No path leads to a trust anchor ({err}): add the issuers to the file."));
    }
    if let Err(err) = SignatureAlgorithm::of(certificate) {
        error("key", format!("{err}."));
    }
    let (named, name) = (certificate.common_name(), &account.person.name);
    if !named.to_lowercase().contains(&name.to_lowercase()) {
        error("name", format!("It names “{named}”, and the account is that of “{name}”."));
    }
    if let Some(holder) = enrol::holder(accounts, certificate, account.person.id) {
        error("holder", format!("It is in use for the account {} already.", holder.person.username));
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(found)
}
