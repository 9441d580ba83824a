//! `ecabinet-audit`: verifies evidence without server, network or token.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use audit::verify::{self, Conditions, MAX_FILE_BYTES, Report, Verdict};
use cabinet::Timestamp;
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use signing::TrustStore;
use signing::validation::{Indication, Integrity, SignatureReport};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The exit code of bad use and of what cannot be told.
const EXIT_CANNOT_TELL: u8 = 2;
/// The largest checkpoint that is read, in bytes.
const MAX_CHECKPOINT_BYTES: u64 = 4_096;

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
    /// Verifies signed PDFs, evidence bundles and log exports.
    ///
    /// Exit code: 0 verified, 1 contradicted, 2 cannot tell; of several files, the worst (1 before 2 before 0).
    #[command(after_help = "Example:\n  ecabinet-audit verify evidence.json --trust trust/\n\n\
        Without --trust an intact signature proves only that nothing was changed: exit code 2.")]
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Verify {
    /// Files to verify.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Folder (or one file) of trust anchors in PEM.
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    /// Instant at which certificates must be valid, as 2026-06-07T16:05:31+07:00; by default now.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<Timestamp>,
    /// Checkpoint kept elsewhere, which a log export must extend.
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
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
    let trust = arguments.trust.as_deref().map(TrustStore::from_pem_files).transpose()?;
    let seen = arguments.seen.as_deref().map(read_checkpoint).transpose()?;
    let at = match arguments.at {
        Some(at) => at,
        None => now()?,
    };
    let conditions = Conditions { at, seen: seen.as_deref(), trust: trust.as_ref() };
    let mut out = io::stdout().lock();
    let mut worst = Verdict::Verified;
    for path in &arguments.paths {
        let report = match read(path, MAX_FILE_BYTES) {
            Ok(bytes) => verify::file(&bytes, &conditions),
            Err(error) => Report::unreadable(&format!("{error:#}.")),
        };
        worst = worst.max(report.verdict);
        if arguments.json {
            write_json(&mut out, path, &report)?;
        } else {
            write_text(&mut out, path, &report)?;
        }
    }
    Ok(worst)
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
    for signature in &report.signatures {
        writeln!(out, "    {}", signature_line(signature))?;
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

/// Texts come out of foreign files; what could steer a terminal is shown as a mark instead.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || is_direction(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// Characters that turn the direction of writing, by which a text can be made to look like another.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn read_checkpoint(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(read(path, MAX_CHECKPOINT_BYTES)?)
        .with_context(|| format!("{} is no text", path.display()))
}

fn read(path: &Path, max_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown} cannot be opened"))?;
    let mut bytes = Vec::new();
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("{shown} cannot be read"))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= max_bytes) {
        Ok(bytes)
    } else {
        bail!("{shown} is larger than {max_bytes} bytes")
    }
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
