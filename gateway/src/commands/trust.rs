//! `ecabinet trust`: lists of trust anchors that a publisher signs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use cabinet::Timestamp;
use clap::{Args, Subcommand, ValueEnum};
use office::clock::Clock;
use signing::TrustStore;
use signing::trust::{Anchor, Bundle, Purpose};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::say;

const DRAFT_EXAMPLE: &str = "Example: write a list, review it, and have its publisher sign it:\n  \
    ecabinet trust draft --sequence 7 --anchor root.pem --use signing > trust.bundle\n  \
    openssl cms -sign -cades -binary -in trust.bundle -signer publisher.pem -inkey publisher.key \\\n    \
    -outform PEM -out signature.pem\n  cat signature.pem >> trust.bundle\n\n\
    Remarks and dates of single anchors can be edited before it is signed.";
const SHOW_EXAMPLE: &str = "Example: ecabinet trust show trust.bundle --signers publisher.pem";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Writes the text of a list, to be signed by its publisher.
    #[command(after_help = DRAFT_EXAMPLE)]
    Draft(DraftOptions),
    /// Checks a list's signature and says what it trusts.
    #[command(after_help = SHOW_EXAMPLE)]
    Show {
        /// The signed list.
        file: PathBuf,
        /// PEM certificates, a file or a folder, one of which must have signed it.
        #[arg(long, value_name = "PEM")]
        signers: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct DraftOptions {
    /// Number of the list, higher than of any before.
    #[arg(long, value_name = "N")]
    sequence: u64,
    /// PEM certificates of anchors, files or folders.
    #[arg(long = "anchor", value_name = "PEM", required = true)]
    anchors: Vec<PathBuf>,
    /// What certificates under them may be used for.
    #[arg(long = "use", value_enum, required = true)]
    uses: Vec<Use>,
    /// From when they are trusted, as 2026-06-07T00:00:00+07:00; from ever if left out.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<Timestamp>,
    /// Until when they are trusted; for ever if left out.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// Why they are trusted, for people.
    #[arg(long, default_value = "")]
    remark: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Use {
    /// Signatures on documents, ballots and the log.
    Signing,
    /// Time-stamps.
    TimeStamping,
    /// Signing in with a card.
    TlsCard,
}

impl From<Use> for Purpose {
    fn from(of: Use) -> Self {
        match of {
            Use::Signing => Self::Signing,
            Use::TimeStamping => Self::TimeStamping,
            Use::TlsCard => Self::TlsCard,
        }
    }
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Draft(options) => say(draft(options)?.trim_end()),
        Command::Show { file, signers } => {
            let (bundle, digest) = Bundle::open_file(file, signers, None, Clock.now())?;
            say(&show(&bundle))?;
            say(&format!("SHA-256 {digest}"))
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

fn draft(options: &DraftOptions) -> anyhow::Result<String> {
    let mut anchors = Vec::new();
    for path in &options.anchors {
        let found = TrustStore::from_pem_files(path)?;
        anchors.extend(found.anchors().iter().map(|certificate| Anchor {
            certificate: certificate.clone(),
            uses: options.uses.iter().map(|of| Purpose::from(*of)).collect(),
            from: options.from,
            until: options.until,
            remark: options.remark.clone(),
        }));
    }
    Bundle { sequence: options.sequence, issued: Clock.now(), anchors }
        .to_text()
        .context("a list of these anchors cannot be written")
}

fn show(bundle: &Bundle) -> String {
    let mut text = format!("List {}, made {}", bundle.sequence, bundle.issued.iso_vietnam());
    for anchor in &bundle.anchors {
        let uses: Vec<_> = anchor.uses.iter().map(|of| of.name()).collect();
        let date = |at: Option<Timestamp>| at.map_or_else(|| "…".to_owned(), Timestamp::iso_vietnam);
        text.push_str(&format!(
            "\n  {}\n    for {}; {} – {}",
            anchor.certificate.subject(),
            uses.join(", "),
            date(anchor.from),
            date(anchor.until),
        ));
        if !anchor.remark.is_empty() {
            text.push_str(&format!("\n    {}", anchor.remark));
        }
        text.push_str(&format!("\n    SHA-256 {}", anchor.certificate.fingerprint()));
    }
    text
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| format!("write it as 2026-06-07T16:05:31+07:00 ({error})"))?;
    Ok(Timestamp::from_micros(0).plus_seconds(time.unix_timestamp()))
}
