//! `keys ceremony` and `keys activate`: with the appliance stopped, on the machine that the token is at.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use audit::Act;
use cabinet::Digest;
use clap::ValueEnum;
use hsm::{KeyKind, KeyLabel, TokenLabel};
use office::keys::ceremony::{Made, Plan, hold};
use office::keys::custody::{Secret, Share};
use office::keys::offline::{self, CeremonyRecord};
use zeroize::Zeroizing;

use crate::commands::offline::{Stopped, replace, write_new};
use crate::commands::say;

/// Stands under `ecabinet keys ceremony --help`.
pub(super) const EXAMPLE: &str = "Example: ecabinet keys ceremony --config /etc/ecabinet/ecabinet.toml --token organisation-2027 \
--key organisation-2027 --kind p256 --custodians \"Nguyễn A\" --custodians \"Trần B\" --custodians \"Lê C\" --quorum 2 --minutes \
minutes.txt --sheets sheets/\n\nWhat is split is the token's PINs; the key never leaves the token. Print each sheet for its custodian alone, seal it, and \
remove the file.";

/// Stands under `ecabinet keys activate --help`.
pub(super) const ACTIVATE_EXAMPLE: &str = "Example: ecabinet keys activate --config /etc/ecabinet/ecabinet.toml --key organisation-2027 \
--share share-1.txt --share share-3.txt\n\nWrites the PIN to the pin_file of the configuration; put that file on a file system in memory.";

/// Largest sheet, in bytes.
const MAX_SHEET_BYTES: u64 = 16 << 10;

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct Options {
    /// The appliance's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Label of the new token.
    #[arg(long)]
    token: TokenLabel,
    /// Label of the new key.
    #[arg(long)]
    key: KeyLabel,
    /// What kind of key: ed25519 for the log, aes256 to wrap the keys of papers.
    #[arg(long)]
    kind: Kind,
    /// The custodians' names, one share each.
    #[arg(long, required = true, num_args = 1..)]
    custodians: Vec<String>,
    /// How many of them restore the PINs.
    #[arg(long)]
    quorum: u8,
    /// File for the minutes; it must not be there yet.
    #[arg(long)]
    minutes: PathBuf,
    /// Folder for the custodians' sheets; the minutes' folder if left out.
    #[arg(long)]
    sheets: Option<PathBuf>,
}

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct ActivateOptions {
    /// The appliance's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Label of the key.
    #[arg(long)]
    key: String,
    /// A custodian's sheet; once for each.
    #[arg(long = "share", required = true)]
    shares: Vec<PathBuf>,
}

/// A kind of key.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    P256,
    P384,
    Ed25519,
    Rsa2048,
    Rsa3072,
    Aes256,
}

impl Kind {
    const fn made(self) -> Made {
        match self {
            Self::P256 => Made::Pair(KeyKind::EcP256),
            Self::P384 => Made::Pair(KeyKind::EcP384),
            Self::Ed25519 => Made::Pair(KeyKind::Ed25519),
            Self::Rsa2048 => Made::Pair(KeyKind::Rsa2048),
            Self::Rsa3072 => Made::Pair(KeyKind::Rsa3072),
            Self::Aes256 => Made::Wrapping,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Aes256 => "aes256",
        }
    }
}

/// Holds the ceremony.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let (stopped, runtime) = Stopped::open(&options.config)?;
    let folder = match &options.sheets {
        Some(folder) => folder.clone(),
        None => options.minutes.parent().unwrap_or(Path::new(".")).to_owned(),
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let sheet = |number: usize| folder.join(format!("{}.share-{number}.txt", options.token));
    let mut places = (1..=options.custodians.len()).map(sheet).chain([options.minutes.clone()]);
    if let Some(taken) = places.find(|path| path.exists()) {
        bail!("{} is there already: nothing was made; choose another name", taken.display());
    }
    if runtime.block_on(offline::is_known(&stopped.db, options.key.as_str()))? {
        bail!("a key {} was made before: give the new one a label of its own", options.key);
    }
    let plan = Plan {
        token: options.token.clone(),
        key: options.key.clone(),
        kind: options.kind.made(),
        custodians: options.custodians.clone(),
        quorum: options.quorum,
        at: stopped.now,
    };
    let held = hold(&stopped.config.keys, &plan)?;
    let record = CeremonyRecord {
        ceremony: held.ceremony.clone(),
        key: options.key.to_string(),
        token: options.token.to_string(),
        kind: options.kind.name().to_owned(),
        n_custodians: u8::try_from(options.custodians.len()).unwrap_or(u8::MAX),
        quorum: options.quorum,
        secret_check: held.secret_check,
        minutes: Digest::of(held.minutes.as_bytes()),
        public_key: held.public_key,
    };
    runtime
        .block_on(offline::record_ceremony(&stopped.db, &stopped.writer, &record))
        .context("the ceremony could not be logged: initialise the new token again, nobody has its PINs")?;
    write_new(&options.minutes, held.minutes.as_bytes())?;
    for (text, number) in held.sheets.iter().zip(1..) {
        write_new(&sheet(number), text.as_bytes())?;
    }
    say(&held.minutes)?;
    say(&format!("minutes: {} (SHA-256 {})", options.minutes.display(), record.minutes))?;
    for number in 1..=options.custodians.len() {
        say(&format!("sheet {number}: {}", sheet(number).display()))?;
    }
    Ok(())
}

/// Restores the PIN and tries it once.
pub(super) fn activate(options: &ActivateOptions) -> anyhow::Result<()> {
    let (stopped, runtime) = Stopped::open(&options.config)?;
    let (_, token) = stopped.token(&options.key)?;
    let shares = read_shares(&options.shares)?;
    let secret = Secret::restore(&shares)?;
    let recorded = runtime.block_on(offline::secret_check(&stopped.db, &options.key))?;
    if recorded != Some(secret.check()) {
        bail!("these shares do not belong to the ceremony in which the key {} was made", options.key);
    }
    let module = hsm::Module::load_with(&stopped.config.keys.module_of(token)?)?;
    // A login is the only way to try a PIN.
    drop(module.open_pool(&token.token, &secret.user_pin()?, token.threads.for_pool())?);
    let body = [("key", options.key.clone()), ("n_shares", shares.len().to_string())];
    runtime
        .block_on(offline::record(&stopped.db, &stopped.writer, Act::KeyActivated, body))
        .context("logging the activation")?;
    if token.pin_file.exists() {
        // No copy of an earlier PIN is kept.
        std::fs::remove_file(&token.pin_file)?;
    }
    replace(&token.pin_file, secret.user_pin_text().as_bytes(), 0o600, stopped.now)?;
    say(&format!("{}: holds the PIN of the token {}", token.pin_file.display(), secret.token))
}

/// Reads custodians' sheets.
fn read_shares(paths: &[PathBuf]) -> anyhow::Result<Vec<Share>> {
    let texts = read_sheets(paths)?;
    let shares = texts.iter().zip(paths);
    shares.map(|(text, path)| text.parse().with_context(|| path.display().to_string())).collect()
}

/// The text of custodians' sheets.
pub(super) fn read_sheets(paths: &[PathBuf]) -> anyhow::Result<Vec<Zeroizing<String>>> {
    paths
        .iter()
        .map(|path| {
            let says = || format!("{} cannot be read", path.display());
            if std::fs::metadata(path).with_context(says)?.len() > MAX_SHEET_BYTES {
                bail!("{} is no custodian's sheet: it is too long", path.display());
            }
            Ok(Zeroizing::new(std::fs::read_to_string(path).with_context(says)?))
        })
        .collect()
}
