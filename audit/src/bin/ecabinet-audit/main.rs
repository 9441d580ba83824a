//! `ecabinet-audit`: verifies evidence without server, network or token.

mod evidence;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use audit::verify::{self, Conditions, MAX_FILE_BYTES, Report, Verdict};
use cabinet::Timestamp;
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use signing::TrustStore;
use signing::algorithm_policy::AlgorithmPolicy;
use signing::trust::Bundle;
use signing::validation::text::printable;
use signing::validation::{Context, Indication, Integrity, RevocationRule, SignatureReport};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The exit code of bad use and of what cannot be told.
const EXIT_CANNOT_TELL: u8 = 2;
/// The largest checkpoint that is read, in bytes.
const MAX_CHECKPOINT_BYTES: u64 = 4_096;
/// The largest algorithm policy that is read, in bytes (64 KiB).
const MAX_POLICY_BYTES: u64 = 64 << 10;

/// Verifies the e-Cabinet's evidence offline.
#[derive(Debug, Parser)]
#[command(name = "ecabinet-audit", version)]
#[command(after_help = "Example:\n  ecabinet-audit verify evidence.json --trust trust/")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verifies signed PDFs, CMS signatures (.p7s, .p7m), evidence bundles and log exports.
    ///
    /// Anybody's PDF: signatures and time-stamps are judged by ETSI EN 319 102-1, at a time that time-stamps prove
    /// where today is too late. Nothing is fetched: the same files, --at and evidence give the same bytes.
    ///
    /// Exit code: 0 verified, 1 contradicted, 2 cannot tell; of several files, the worst (1 before 2 before 0).
    #[command(after_help = "Examples:\n  ecabinet-audit verify evidence.json --trust trust/\n  \
        ecabinet-audit verify signed.pdf --trust trust/ --evidence lists/ --require-revocation --xml report.xml\n  \
        ecabinet-audit verify letter.p7s --content letter.txt --trust trust/\n\n\
        Without --trust an intact signature proves only that nothing was changed: exit code 2.")]
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Verify {
    /// Files to verify.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Folder (or one file) of trust anchors in PEM; with --trust-signers, a signed trust bundle.
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    /// PEM certificates, one of which must have signed the trust bundle.
    #[arg(long, value_name = "PEM", requires = "trust")]
    trust_signers: Option<PathBuf>,
    /// Instant at which certificates must be valid, as 2026-06-07T16:05:31+07:00; by default now.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<Timestamp>,
    /// Checkpoint kept elsewhere, which a log export must extend.
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
    /// Further certificates (*.crt, *.cer, *.pem, *.der), revocation lists (*.crl) and OCSP answers (*.ocsp).
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    /// Cannot tell, unless evidence says of every certificate below the anchor that it was not revoked.
    #[arg(long)]
    require_revocation: bool,
    /// Algorithm policy: until when which algorithms are accepted; by default the one that is built in.
    #[arg(long, value_name = "FILE")]
    algorithms: Option<PathBuf>,
    /// What a CMS signature is over that does not hold its content; for one signature at a time.
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
    /// Writes the report of ETSI TS 119 102-2 to this file; for one PDF or CMS signature at a time.
    #[arg(long, value_name = "FILE")]
    xml: Option<PathBuf>,
    /// One JSON object a file, instead of text.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let Command::Verify(arguments) = Cli::parse().command;
    match verify_all(&arguments) {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => {
            // Nothing more can be said if even this cannot be written.
            drop(writeln!(io::stderr(), "ecabinet-audit: {error:#}"));
            ExitCode::from(EXIT_CANNOT_TELL)
        }
    }
}

fn verify_all(arguments: &Verify) -> anyhow::Result<Verdict> {
    let is_for_one = arguments.xml.is_some() || arguments.content.is_some();
    if is_for_one && arguments.paths.len() != 1 {
        bail!("--xml and --content are for one file: give exactly one path");
    }
    let trust = arguments
        .trust
        .as_deref()
        .map(|path| anchors(path, arguments.trust_signers.as_deref()))
        .transpose()?;
    let seen = arguments.seen.as_deref().map(read_checkpoint).transpose()?;
    let material = arguments.evidence.as_deref().map(evidence::of_folder).transpose()?.unwrap_or_default();
    let algorithms = arguments.algorithms.as_deref().map(read_policy).transpose()?;
    let read_content = |path: &Path| evidence::bounded(path, MAX_FILE_BYTES);
    let content = arguments.content.as_deref().map(read_content).transpose()?;
    let at = match arguments.at {
        Some(at) => at,
        None => now()?,
    };
    let built_in = Context::at(trust.as_ref(), at);
    let context = Context {
        algorithms: algorithms.as_ref().or(built_in.algorithms),
        revocation: if arguments.require_revocation { RevocationRule::Required } else { built_in.revocation },
        evidence: if arguments.evidence.is_some() { &material } else { built_in.evidence },
        ..built_in
    };
    let conditions = Conditions { context, content: content.as_deref(), seen: seen.as_deref() };
    let mut out = io::stdout().lock();
    let mut worst = Verdict::Verified;
    for path in &arguments.paths {
        let report = match evidence::bounded(path, MAX_FILE_BYTES) {
            Ok(bytes) => verify::file(&bytes, &conditions),
            Err(error) => Report::unreadable(&format!("{error:#}.")),
        };
        worst = worst.max(report.verdict);
        if let Some(place) = &arguments.xml {
            write_xml(place, path, &report, &conditions)?;
        }
        if arguments.json {
            write_json(&mut out, path, &report)?;
        } else {
            write_text(&mut out, path, &report)?;
        }
    }
    Ok(worst)
}

fn anchors(path: &Path, signers: Option<&Path>) -> anyhow::Result<TrustStore> {
    match signers {
        None => Ok(TrustStore::from_pem_files(path)?),
        Some(signers) => Ok(Bundle::open_file(path, signers, None, now()?)?.0.into_store()),
    }
}

fn write_xml(place: &Path, path: &Path, report: &Report, conditions: &Conditions<'_>) -> anyhow::Result<()> {
    let Some(xml) = report.to_xml(conditions) else {
        let says = report.checks.first().map_or("", |check| check.says.as_str());
        bail!(
            "there is no XML report on {}: it is no PDF or CMS signature that can be read. {says}",
            path.display()
        );
    };
    std::fs::write(place, xml).with_context(|| format!("{} cannot be written", place.display()))
}

fn write_json(out: &mut impl Write, path: &Path, report: &Report) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        path: String,
        #[serde(flatten)]
        report: &'a Report,
    }
    serde_json::to_writer(&mut *out, &Line { path: path.display().to_string(), report })?;
    writeln!(out)?;
    Ok(())
}

fn write_text(out: &mut impl Write, path: &Path, report: &Report) -> anyhow::Result<()> {
    writeln!(out, "{}", path.display())?;
    for check in &report.checks {
        let mark = match check.verdict {
            Verdict::Verified => '✔',
            Verdict::CannotTell => '?',
            Verdict::Contradicted => '✘',
        };
        writeln!(out, "  {mark} {:<22} {}", check.name, printable(&check.says))?;
    }
    match report.to_text() {
        Some(text) => {
            for line in text.lines() {
                writeln!(out, "    {line}")?;
            }
        }
        None => {
            for signature in &report.signatures {
                writeln!(out, "    {}", signature_line(signature))?;
            }
        }
    }
    if let Some(outcome) = &report.recount {
        writeln!(out, "  Kết quả kiểm lại: {}", outcome.arithmetic())?;
    }
    writeln!(out, "  {}", report.verdict)?;
    Ok(())
}

fn signature_line(signature: &SignatureReport) -> String {
    let signer = signature.signer.as_deref().map_or_else(|| "unknown signer".to_owned(), printable);
    let time = signature.time.map(|time| format!(", {time}")).unwrap_or_default();
    let integrity = match signature.integrity {
        Integrity::Intact => "intact",
        Integrity::Broken => "broken",
    };
    let indication = match signature.indication {
        Indication::TotalPassed => "TOTAL-PASSED",
        Indication::TotalFailed => "TOTAL-FAILED",
        Indication::Indeterminate => "INDETERMINATE",
    };
    let sub = signature.sub_indication.map(|sub| format!(" ({sub})")).unwrap_or_default();
    format!("signature: {signer}{time}: {integrity}, {indication}{sub}")
}

fn read_checkpoint(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(evidence::bounded(path, MAX_CHECKPOINT_BYTES)?)
        .with_context(|| format!("{} is no text", path.display()))
}

fn read_policy(path: &Path) -> anyhow::Result<AlgorithmPolicy> {
    let shown = path.display();
    let text = String::from_utf8(evidence::bounded(path, MAX_POLICY_BYTES)?)
        .with_context(|| format!("{shown} is no text"))?;
    AlgorithmPolicy::parse(&text).with_context(|| format!("{shown} is not accepted"))
}

fn now() -> anyhow::Result<Timestamp> {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .context("the clock stands before 1970: set it, or give --at")?;
    Ok(Timestamp::from_micros(
        i64::try_from(since.as_micros()).context("the clock is out of range: set it, or give --at")?,
    ))
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| format!("write it as 2026-06-07T16:05:31+07:00 ({error})"))?;
    Ok(Timestamp::from_micros(0).plus_seconds(time.unix_timestamp()))
}
