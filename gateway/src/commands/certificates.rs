//! `ecabinet csr` and `ecabinet import-cert`: from a key to a certificate in use. The appliance is stopped meanwhile,
//! for both leave an entry in its log, and certificates are read at start.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use audit::Act;
use cabinet::Digest;
use hsm::ToSign;
use office::keys::config::TokenConfig;
use office::keys::{offline, scheme_of};
use serde_json::json;
use signing::authority::{Profile, Subject};
use signing::profile::{self, Finding, Severity};
use signing::{Certificate, csr};

use super::offline::{Stopped, replace, write_new};
use super::say;

/// Stands under `ecabinet csr --help`.
pub(super) const CSR_EXAMPLE: &str = "Example: ecabinet csr --config /etc/ecabinet/ecabinet.toml --key organisation \
--subject \"VĂN PHÒNG CHÍNH PHỦ\" --out organisation.csr\n\nStop the appliance first. Check the request with: openssl req -verify \
-noout -subject -nameopt utf8 -in organisation.csr";

/// Stands under `ecabinet import-cert --help`.
pub(super) const IMPORT_EXAMPLE: &str = "Example: ecabinet import-cert --config /etc/ecabinet/ecabinet.toml --key \
organisation chain.pem\n\nStop the appliance first. The file holds the new certificate, then those of its issuers. The certificate that was in use stays \
beside it.\nExit: 0 imported, 1 refused because of what was found, 2 nothing was examined.";

/// Largest file of certificates, in bytes.
const MAX_CHAIN_BYTES: u64 = 1 << 20;

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct CsrOptions {
    /// The appliance's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Label of the key.
    #[arg(long)]
    key: String,
    /// Whom the certificate shall name (common name).
    #[arg(long)]
    subject: String,
    /// The organisation that the certificate shall name.
    #[arg(long)]
    organisation: Option<String>,
    /// File for the request, PEM; it must not be there yet.
    #[arg(long)]
    out: PathBuf,
}

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct ImportOptions {
    /// The appliance's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Label of the key.
    #[arg(long)]
    key: String,
    /// Says what was found as JSON.
    #[arg(long)]
    json: bool,
    /// PEM file: the new certificate, then those of its issuers.
    chain: PathBuf,
}

/// Signs a request with the key in its token, verifies it, logs it, and writes it.
pub(super) fn csr(options: &CsrOptions) -> anyhow::Result<()> {
    let (stopped, runtime) = Stopped::open(&options.config)?;
    let (_, token) = stopped.token(&options.key)?;
    let subject =
        Subject { common_name: options.subject.clone(), organisation: options.organisation.clone() };
    let pool = stopped.pool(token)?;
    let spki = pool.public_key(&token.key)?;
    let prepared = csr::prepare(spki.as_bytes(), &subject)?;
    let scheme = scheme_of(prepared.algorithm());
    let digest = Digest::of(prepared.to_sign());
    // The entry first: the key signs nothing that the log does not tell of.
    let body = [
        ("key", options.key.clone()),
        ("public_key", Digest::of(spki.as_bytes()).to_string()),
        ("request", digest.to_string()),
    ];
    runtime
        .block_on(offline::record(&stopped.db, &stopped.writer, Act::CertificateRequested, body))
        .context("logging the request")?;
    let raw = pool.sign(&token.key, ToSign::Message(prepared.to_sign()), scheme)?;
    let request = prepared.embed(raw.as_bytes())?;
    csr::verify(&request)?;
    write_new(&options.out, csr::to_pem(&request).as_bytes())?;
    say(&format!("{}: request for {} with the key {}", options.out.display(), options.subject, options.key))
}

/// Examines a certificate and takes it into use.
pub(super) fn import(options: &ImportOptions) -> anyhow::Result<ExitCode> {
    let (stopped, runtime) = Stopped::open(&options.config)?;
    let (part, token) = stopped.token(&options.key)?;
    let place = token.certificate.clone().with_context(|| {
        format!("keys.{part}.certificate is not set: name the file in which the certificate shall stand")
    })?;
    let certificates = read_chain(&options.chain)?;
    let (certificate, issuers) = certificates.split_first().context("the file holds no certificate")?;
    let chain_file = std::fs::read(&stopped.config.keys.chain)?;
    let mut chain = Certificate::all_from_pem(&chain_file)?;
    let missing: Vec<_> = issuers.iter().filter(|issuer| !chain.contains(issuer)).cloned().collect();
    chain.extend(missing.iter().cloned());
    let mut found = examine(&stopped, &part, token, certificate, &chain)?;
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let is_refused = found.iter().any(|finding| finding.severity == Severity::Error);
    tell(options, certificate, &found, is_refused)?;
    if is_refused {
        return Ok(ExitCode::from(1));
    }
    let earlier = place.exists().then(|| std::fs::read(&place)).transpose()?;
    let earlier = earlier.and_then(|pem| Certificate::from_pem(&pem).ok());
    let body = [
        ("certificate", certificate.fingerprint().to_string()),
        ("earlier", earlier.map_or_else(|| "none".to_owned(), |earlier| earlier.fingerprint().to_string())),
        ("key", options.key.clone()),
        ("not_after", certificate.not_after().iso_vietnam()),
        ("part", part),
    ];
    runtime
        .block_on(offline::record(&stopped.db, &stopped.writer, Act::CertificateImported, body))
        .context("logging the import")?;
    lengthen_chain(&stopped, &chain_file, &missing)?;
    let kept = replace(&place, certificate.to_pem().as_bytes(), 0o644, stopped.now)?;
    if !options.json {
        let kept = kept.map_or_else(String::new, |kept| format!("; the earlier one is kept as {kept}"));
        say(&format!("{}: in use from the next start{kept}", place.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds issuers to the chain that goes out with our signatures; anchors need not go.
pub(super) fn lengthen_chain(
    stopped: &Stopped,
    chain_file: &[u8],
    missing: &[Certificate],
) -> anyhow::Result<()> {
    let anchors = stopped.anchors()?;
    let missing: Vec<_> = missing.iter().filter(|issuer| !anchors.anchors().contains(issuer)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(chain_file).into_owned();
    for issuer in missing {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&issuer.to_pem());
    }
    replace(&stopped.config.keys.chain, text.as_bytes(), 0o644, stopped.now)?;
    Ok(())
}

pub(super) fn read_chain(path: &std::path::Path) -> anyhow::Result<Vec<Certificate>> {
    let len = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?.len();
    if len > MAX_CHAIN_BYTES {
        bail!("{}: over the limit of 1 MiB", path.display());
    }
    Ok(Certificate::all_from_pem(&std::fs::read(path)?)?)
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Says what was found of a certificate; whether it may be taken.
pub(super) fn report(certificate: &Certificate, found: &[Finding]) -> anyhow::Result<bool> {
    say(&format!("{}, until {}", certificate.subject(), certificate.not_after().iso_vietnam()))?;
    for finding in found {
        say(&format!("  {:<7} {}: {}", word(finding.severity), finding.code, finding.sentence))?;
    }
    let is_fit = found.iter().all(|finding| finding.severity != Severity::Error);
    if !is_fit {
        say("nothing was changed: the errors must be mended first")?;
    }
    Ok(is_fit)
}

/// Whether it belongs to the key, leads to an anchor and is fit for its place.
fn examine(
    stopped: &Stopped,
    part: &str,
    token: &TokenConfig,
    certificate: &Certificate,
    chain: &[Certificate],
) -> anyhow::Result<Vec<Finding>> {
    let error = |code, sentence: String| Finding { severity: Severity::Error, code, sentence };
    let expected = match part.split('-').next().unwrap_or_default() {
        "organisation" | "batch" => Profile::Organisation,
        "log" => Profile::Log,
        "timestamping" => Profile::TimeStamping,
        "responder" => Profile::OcspResponder,
        other => bail!("the part keys.{other} takes no certificate"),
    };
    let trust = stopped.anchors()?;
    let mut found = match trust.path(certificate, chain, stopped.now) {
        Ok(path) => profile::check(certificate, path.get(1..).unwrap_or_default(), expected, stopped.now),
        Err(err) => {
            let mut found = profile::check(certificate, chain, expected, stopped.now);
            found.push(error(
                "path",
                format!("No path leads to a trust anchor ({err}): add the issuers to the file."),
            ));
            found
        }
    };
    if stopped.pool(token)?.public_key(&token.key)?.as_bytes() != certificate.spki_der() {
        found.push(error(
            "key",
            format!(
                "The certificate does not belong to the key {}: import the one issued for it.",
                token.key
            ),
        ));
    }
    Ok(found)
}

fn tell(
    options: &ImportOptions,
    certificate: &Certificate,
    found: &[Finding],
    is_refused: bool,
) -> anyhow::Result<()> {
    if options.json {
        let findings: Vec<_> = found
            .iter()
            .map(|finding| json!({"severity": word(finding.severity), "code": finding.code, "says": finding.sentence}))
            .collect();
        let answer = json!({
            "imported": !is_refused, "key": options.key, "subject": certificate.subject(),
            "fingerprint": certificate.fingerprint().to_string(), "findings": findings,
        });
        return say(&answer.to_string());
    }
    report(certificate, found).map(drop)
}
