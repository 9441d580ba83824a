//! `ecabinet card ballot`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use audit::bundle::Blob;
use axum::http::Method;
use cabinet::id::VoteId;
use cabinet::statement::{BALLOT_TYPE, BallotStatement};
use cabinet::vote::Choice;
use cabinet::{Digest, canonical};
use office::votes::view::PreparedView;
use serde_json::{Value, json};
use signing::{Certificate, Imprint, SignatureAlgorithm, cades};

use super::hand::{Card, ToBeSigned, keep, legible};
use super::remote::Server;
use crate::commands::connection::{Connection, expect};
use crate::commands::{say, serve};

/// Stands under `ecabinet card ballot --help`.
pub(super) const EXAMPLE: &str = "Example: ecabinet card ballot --server https://e-cabinet.example.vn --tls-ca ca.pem --user bt05 \
--vote 0198… --choice agree --module /usr/lib/card.so --token \"TEST card\" --key signature --certificate mine.pem --out ballot/\n\n\
What you are shown is read out of the bytes that your card signs.\nExit: 0 cast, 2 not cast.";

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct Options {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    card: Card,
    /// The vote.
    #[arg(long)]
    vote: VoteId,
    /// Your choice.
    #[arg(long, value_parser = ["agree", "disagree", "other_opinion"])]
    choice: String,
    /// Your words; needed for another opinion.
    #[arg(long)]
    comment: Option<String>,
    /// A paper that you have read: it must be one of those voted on. Once for each.
    #[arg(long = "paper")]
    papers: Vec<PathBuf>,
    /// Folder in which your statement, signature and receipt are kept.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The receipt as JSON.
    #[arg(long)]
    json: bool,
}

/// Casts the ballot.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let certificates = options.card.certificates()?;
    serve::runtime()?.block_on(async {
        let mut connection = options.server.enter().await?;
        let cast = cast(options, &mut connection, &certificates).await;
        connection.sign_out().await;
        cast.map(|()| ExitCode::SUCCESS)
    })
}

async fn cast(
    options: &Options,
    connection: &mut Connection,
    (certificate, issuers): &(Certificate, Vec<Certificate>),
) -> anyhow::Result<()> {
    let path = format!("/api/votes/{}/ballots/card", options.vote);
    let body = json!({"choice": options.choice, "comment": options.comment});
    let prepared = expect(&connection.json(Method::POST, &path, &body).await?, "preparing the ballot")?;
    let text = prepared["shown"]["statement"].as_str().context("the appliance shows no statement")?;
    let statement = check(options, text)?;
    let content = Imprint::of(SignatureAlgorithm::of(certificate)?.hash(), text.as_bytes())?;
    let to_sign = ToBeSigned::check(&prepared, content, certificate, true)?;

    options.card.agree(&PreparedView::new(&statement).lines(), "Sign exactly this ballot?")?;
    let raw = options.card.sign(&to_sign.bytes, certificate)?;
    let at = to_sign.at.context("a ballot bears its time")?;
    // Whether it is this certificate's signature over these bytes is found here, before the appliance sees it.
    let cms = cades::prepare_content(text.as_bytes(), certificate, issuers, at)?
        .embed(raw.as_bytes())
        .context("the card's key is not that of --certificate")?;
    let body = json!({"signature": Blob(raw.as_bytes().to_vec())});
    let done = format!("{path}/{}", to_sign.id);
    let receipt = expect(&connection.json(Method::POST, &done, &body).await?, "casting the ballot")?;
    check_receipt(&receipt, text)?;
    if let Some(folder) = &options.out {
        keep(folder, "ballot.json", text.as_bytes())?;
        keep(folder, "ballot.p7s", &cms)?;
        keep(folder, "receipt.json", receipt.to_string().as_bytes())?;
    }
    if options.json {
        return say(&receipt.to_string());
    }
    say(&format!(
        "cast: ballot {}, receipt {}",
        receipt["version"],
        legible(receipt["code"].as_str().unwrap_or("–"))
    ))
}

/// Reads the statement from the one spelling it may have, and holds it against what was asked for.
fn check(options: &Options, text: &str) -> anyhow::Result<BallotStatement> {
    let statement: BallotStatement =
        canonical::from_bytes(text.as_bytes()).context("the appliance shows no ballot")?;
    let choice: Choice = serde_json::from_value(Value::String(options.choice.clone()))?;
    let comment = options.comment.as_deref().map(str::trim).filter(|words| !words.is_empty());
    let is_asked = statement.type_ == BALLOT_TYPE
        && statement.vote == options.vote
        && statement.choice == choice
        && statement.comment.as_deref() == comment;
    ensure!(
        is_asked,
        "the appliance wrote another ballot than you asked for: nothing was signed; tell a security officer"
    );
    for path in &options.papers {
        let paper = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let digest = Digest::of(&paper);
        ensure!(
            statement.documents.iter().any(|voted_on| voted_on.digest == digest),
            "{}: this is none of the papers that are voted on; nothing was signed",
            path.display()
        );
    }
    Ok(statement)
}

fn check_receipt(receipt: &Value, text: &str) -> anyhow::Result<()> {
    let digest = Digest::of(text.as_bytes()).to_string();
    ensure!(
        receipt["statement_digest"].as_str() == Some(&digest),
        "the appliance's receipt is for another statement: keep what you signed and tell a security officer"
    );
    Ok(())
}
