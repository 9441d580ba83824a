//! `ecabinet sign`: a list of PDFs, authorised once, signed one by one through the running appliance.

mod documents;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::json;

use self::documents::Document;
use super::connection::{Answer, Connection, expect};
use super::{read_pin, say};
use crate::commands::serve;
use crate::config::Config;

/// Stands under `ecabinet sign --help`.
pub(super) const EXAMPLE: &str = "Example: ecabinet sign --config /etc/ecabinet/ecabinet.toml --user vanhanh --pin-fd 3 \
--key batch --out signed/ *.pdf 3<pin.txt\n\nA document whose signed copy is in --out already is passed over, so \
that a list which was stopped goes on where it was. Ctrl-C stops after the document at hand.\nExit: 0 all signed, 1 some \
not, 2 nothing was begun.";

/// What the command line says.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The appliance's configuration file: it names the socket.
    #[arg(long)]
    config: PathBuf,
    /// Your account.
    #[arg(long)]
    user: String,
    /// Number of an open file that holds the PIN of your token.
    #[arg(long)]
    pin_fd: u32,
    /// Label of the key that signs.
    #[arg(long)]
    key: String,
    /// The signature level.
    #[arg(long, default_value = "B", value_parser = ["B", "T", "LT", "LTA"])]
    level: String,
    /// Folder for the signed documents; made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Stops at the first document that is not signed.
    #[arg(long)]
    stop_on_error: bool,
    /// Does not ask at a terminal before the list is authorised.
    #[arg(long)]
    yes: bool,
    /// One JSON object per document.
    #[arg(long)]
    json: bool,
    /// The documents.
    #[arg(required = true)]
    documents: Vec<PathBuf>,
}

/// Signs the list.
///
/// # Errors
///
/// A sentence that says what to do; nothing was signed.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::read(&options.config)?;
    let socket = config.listen.local.as_ref().context(
        "this appliance has no socket of its own: set listen.local in its configuration and start it again",
    )?;
    let host = config.listen.names.first().cloned().unwrap_or_default();
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("{} cannot be made: choose another --out", options.out.display()))?;
    let documents = documents::read(&options.documents, &options.out)?;
    let (done, left): (Vec<_>, Vec<_>) = documents.into_iter().partition(|document| document.is_done);
    for document in &done {
        report(options, document, "already signed", None, None)?;
    }
    if left.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    review(options, &left)?;
    let pin = read_pin(options.pin_fd)?;
    serve::runtime()?.block_on(async {
        let mut connection = Connection::open(socket, host).await.with_context(|| {
            format!("no appliance answers at {}: start it, or use its account", socket.display())
        })?;
        let signed_in = connection.sign_in(&options.user, &pin).await?;
        expect(&signed_in, "signing in")?;
        let result = sign_all(options, &mut connection, &left, &pin).await;
        connection.sign_out().await;
        result
    })
}

/// Shows what will be authorised; a person at a terminal is asked.
fn review(options: &Options, documents: &[Document]) -> anyhow::Result<()> {
    if !options.json {
        say(&format!("{} documents, key {}, level {}:", documents.len(), options.key, options.level))?;
        for (document, number) in documents.iter().zip(1..) {
            say(&format!(
                "  {number:>4}  {}  {:>11} B  {}",
                document.digest, document.n_bytes, document.name
            ))?;
        }
    }
    let is_asked = !options.yes && !options.json && std::io::stdin().is_terminal();
    if is_asked {
        let mut out = std::io::stdout().lock();
        write!(out, "Sign exactly these? [y/N] ")?;
        out.flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "c" | "C") {
            bail!("nothing was signed, as you answered");
        }
    }
    Ok(())
}

async fn sign_all(
    options: &Options,
    connection: &mut Connection,
    documents: &[Document],
    pin: &str,
) -> anyhow::Result<ExitCode> {
    let list: Vec<_> = documents
        .iter()
        .map(|document| json!({"name": document.name, "digest": document.digest.to_string()}))
        .collect();
    let request = json!({
        "key": options.key, "level": options.level, "documents": list, "activation": {"pin": pin},
    });
    let batch = expect(&connection.authorise(&request).await?, "authorising the list")?;
    let batch = batch["id"].as_str().context("the appliance's answer names no batch")?.to_owned();
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let mut n_signed = 0_usize;
    for (document, number) in documents.iter().zip(1..) {
        let started = Instant::now();
        // Not raced against the interrupt: what is being signed is finished and kept.
        let answer = connection.sign(&batch, number, &document.path, &document.unfinished()).await;
        match settle(document, answer) {
            Ok(()) => {
                n_signed = n_signed.saturating_add(1);
                report(options, document, "signed", Some((number, documents.len())), Some(started))?;
            }
            Err(why) => {
                let why = format!("not signed: {why:#}");
                report(options, document, &why, Some((number, documents.len())), Some(started))?;
                if options.stop_on_error {
                    break;
                }
            }
        }
        let is_stopped = tokio::time::timeout(std::time::Duration::ZERO, &mut interrupted).await.is_ok();
        if is_stopped {
            break;
        }
    }
    if n_signed == documents.len() {
        return Ok(ExitCode::SUCCESS);
    }
    connection.withdraw(&batch).await;
    if !options.json {
        say(&format!("{n_signed} of {} signed; run the same command again for the rest", documents.len()))?;
    }
    Ok(ExitCode::from(1))
}

/// Keeps the signed document, whole or not at all.
fn settle(document: &Document, answer: anyhow::Result<Answer>) -> anyhow::Result<()> {
    let kept = answer.and_then(|answer| {
        if answer.status.is_success() { document.keep() } else { bail!("{}", answer.problem()) }
    });
    if kept.is_err() {
        // Perhaps there is none; what is left of one is worth nothing.
        drop(std::fs::remove_file(document.unfinished()));
    }
    kept
}

fn report(
    options: &Options,
    document: &Document,
    state: &str,
    place: Option<(u32, usize)>,
    started: Option<Instant>,
) -> anyhow::Result<()> {
    let took_ms = started.map(|started| started.elapsed().as_millis());
    if options.json {
        let row = json!({
            "path": document.path, "out": document.out, "state": state, "took_ms": took_ms,
            "number": place.map(|(number, _)| number), "of": place.map(|(_, of)| of),
        });
        return say(&row.to_string());
    }
    let place = place.map_or_else(String::new, |(number, of)| format!("[{number}/{of}] "));
    let took = took_ms.map_or_else(String::new, |took_ms| format!(" ({took_ms} ms)"));
    say(&format!("{place}{}: {state}{took}", document.name))
}
