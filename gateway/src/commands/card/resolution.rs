//! `ecabinet card resolution`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use audit::bundle::Blob;
use axum::http::Method;
use cabinet::Digest;
use cabinet::id::{Id, ResolutionId};
use serde_json::{Value, json};
use signing::{Certificate, SignatureAlgorithm, pades};

use super::hand::{Card, ToBeSigned, keep};
use super::remote::Server;
use crate::commands::connection::{Connection, expect};
use crate::commands::{say, serve};

/// Stands under `ecabinet card resolution --help`.
pub(super) const EXAMPLE: &str = "Example: ecabinet card resolution --server https://e-cabinet.example.vn:8444 --tls-ca ca.pem \
--tls-identity me.pem --resolution 0198… --module /usr/lib/card.so --token \"TEST card\" --key signature --certificate mine.pem --out signing/\n\n\
The file that you sign is put into --out before you are asked: open it and read it.\nExit: 0 signed, 2 not signed.";

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct Options {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    card: Card,
    /// The Resolution.
    #[arg(long)]
    resolution: ResolutionId,
    /// The revision that you have read, as a file; without it, the appliance's is fetched for you to read.
    #[arg(long)]
    revision: Option<PathBuf>,
    /// Folder for the file that is signed, and for the signed one.
    #[arg(long)]
    out: PathBuf,
    /// Says what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// A revision that only lacks its signature.
struct Revision {
    pdf: Vec<u8>,
    hole: std::ops::Range<usize>,
}

/// Signs the Resolution.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (certificate, _) = options.card.certificates()?;
    serve::runtime()?.block_on(async {
        let mut connection = options.server.enter().await?;
        let signed = sign(options, &mut connection, &certificate).await;
        connection.sign_out().await;
        signed.map(|()| ExitCode::SUCCESS)
    })
}

async fn sign(
    options: &Options,
    connection: &mut Connection,
    certificate: &Certificate,
) -> anyhow::Result<()> {
    let path = format!("/api/resolutions/{}", options.resolution);
    let resolution =
        expect(&connection.json(Method::GET, &path, &Value::Null).await?, "looking at the Resolution")?;
    let read = match &options.revision {
        Some(file) => std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?,
        None => content(connection, &resolution).await?,
    };
    let path = format!("{path}/signature/card");
    let body = json!({"digest": Digest::of(&read).to_string()});
    let prepared = expect(&connection.json(Method::POST, &path, &body).await?, "preparing the signature")?;
    let id = prepared["to_sign"]["id"].as_str().context("the appliance's answer names nothing prepared")?;
    let revision = fetch(connection, &format!("{path}/{id}"), &prepared["shown"], &read).await?;
    let hash = SignatureAlgorithm::of(certificate)?.hash();
    let content = pades::content_imprint(&revision.pdf, revision.hole.clone(), hash)
        .context("the appliance's file is no revision that could be signed")?;
    let to_sign = ToBeSigned::check(&prepared, content, certificate, false)?;

    let file = keep(&options.out, "to-sign.pdf", &revision.pdf)?;
    options.card.agree(&words(&resolution, &read, &file), "Sign exactly this file?")?;
    let raw = options.card.sign(&to_sign.bytes, certificate)?;
    let body = json!({"signature": Blob(raw.as_bytes().to_vec())});
    let done = format!("{path}/{}", to_sign.id);
    let signed = expect(&connection.json(Method::POST, &done, &body).await?, "signing the Resolution")?;
    let pdf = self::content(connection, &signed).await?;
    ensure!(
        is_only_filled(&pdf, &revision),
        "the appliance recorded another file than the one that you signed: tell a security officer"
    );
    let file = keep(&options.out, "signed.pdf", &pdf)?;
    let digest = Digest::of(&pdf);
    if options.json {
        return say(&json!({"file": file, "digest": digest, "state": signed["state"]}).to_string());
    }
    say(&format!("signed: {} (SHA-256 {digest})", file.display()))
}

/// The words before the question. The title is the appliance's; the file is what counts.
fn words(resolution: &Value, read: &[u8], file: &Path) -> Vec<(String, String)> {
    let title = resolution["title"].as_str().unwrap_or("–").to_owned();
    [
        ("Văn bản", title),
        ("Bản đã xem", format!("SHA-256 {}", Digest::of(read))),
        ("Tệp sẽ ký", format!("{} (mở ra và đọc trước khi trả lời)", file.display())),
    ]
    .map(|(label, value)| (label.to_owned(), value))
    .to_vec()
}

/// The current revision's file.
async fn content(connection: &mut Connection, resolution: &Value) -> anyhow::Result<Vec<u8>> {
    // Parsed, so that the appliance cannot make us ask for anything else.
    let document: Id<()> =
        resolution["document"].as_str().context("the Resolution has no document")?.parse()?;
    let path = format!("/api/documents/{document}/content");
    let answer = connection.json(Method::GET, &path, &Value::Null).await?;
    expect(&answer, "fetching the Resolution")?;
    Ok(answer.body.to_vec())
}

/// The file that will be signed: it must be the one that was read and one revision more, which holds the signature.
async fn fetch(
    connection: &mut Connection,
    path: &str,
    shown: &Value,
    read: &[u8],
) -> anyhow::Result<Revision> {
    let answer = connection.json(Method::GET, path, &Value::Null).await?;
    expect(&answer, "fetching the file to sign")?;
    let place = |name: &str| {
        let at = shown[name].as_u64().and_then(|at| usize::try_from(at).ok());
        at.context("the appliance does not say where the signature goes")
    };
    let revision = Revision { pdf: answer.body.to_vec(), hole: place("hole_start")?..place("hole_end")? };
    ensure!(
        revision.pdf.starts_with(read) && revision.hole.start >= read.len(),
        "the file to sign is not the one that you have read with a signature added: nothing was signed"
    );
    Ok(revision)
}

fn is_only_filled(signed: &[u8], revision: &Revision) -> bool {
    let around = |pdf: &[u8]| {
        let (before, after) = (pdf.get(..revision.hole.start)?, pdf.get(revision.hole.end..)?);
        Some(Digest::of(&[before, after].concat()))
    };
    signed.len() == revision.pdf.len() && around(signed) == around(&revision.pdf)
}
