//! The program's commands.

mod certificates;
mod connection;
mod doctor;
mod keys;
mod offline;
pub mod serve;
pub mod sign;
mod trust;

use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::demo;

/// The argument that makes this program the parser process.
pub const PARSER: &str = "parser-process";

/// The e-Cabinet appliance.
#[derive(Debug, Parser)]
#[command(name = "ecabinet", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the appliance until interrupted.
    #[command(after_help = "Example: ecabinet serve --config /etc/ecabinet/ecabinet.toml")]
    Serve {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Sets up a throw-away installation with a fictional Government and runs it, on loopback only.
    #[command(after_help = "Example: ecabinet demo --dir var/demo --fresh")]
    Demo {
        /// The installation's folder.
        #[arg(long, default_value = "var/demo")]
        dir: PathBuf,
        /// Begins anew: removes the folder first, if it bears the demo's marker.
        #[arg(long)]
        fresh: bool,
        /// Address of the public listener; the others take free ports.
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Raises the rate limits, for benchmarks.
        #[arg(long)]
        bench: bool,
    },
    /// Reads a configuration file and says what is wrong with it.
    #[command(after_help = "Example: ecabinet check-config --config /etc/ecabinet/ecabinet.toml")]
    CheckConfig {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Signs PDFs as a list, through the running appliance: authorised as exactly these, asked of policy, logged.
    #[command(after_help = sign::EXAMPLE)]
    Sign(sign::Options),
    /// Looks after the appliance's keys: ceremony, activation, inventory, suspension, destruction.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Asks an authority to certify a key: signs a certification request (PKCS #10) with it.
    #[command(after_help = certificates::CSR_EXAMPLE)]
    Csr(certificates::CsrOptions),
    /// Takes a certificate that an authority issued for a key of this appliance into use.
    #[command(after_help = certificates::IMPORT_EXAMPLE)]
    ImportCert(certificates::ImportOptions),
    /// Examines the installation and says what to do: configuration, tokens, files, clock, database, services.
    #[command(after_help = doctor::EXAMPLE)]
    Doctor(doctor::Options),
    /// Works on lists of trust anchors.
    #[command(subcommand)]
    Trust(trust::Command),
    /// Works on policy bundles.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Measures search on a judged collection: corpus.jsonl, queries.jsonl, qrels.tsv.
    #[command(after_help = "Example: ecabinet eval-search data/xquad-vi --run run.tsv")]
    EvalSearch {
        /// The collection's folder.
        dir: PathBuf,
        /// Where to write the run.
        #[arg(long)]
        run: Option<PathBuf>,
    },
    /// Reads papers for the appliance. Not for people.
    #[command(name = PARSER, hide = true)]
    ParserProcess,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Validates a bundle and runs its tests.
    #[command(after_help = "Example: ecabinet policy check policies/bundle")]
    Check {
        /// Folder of the bundle.
        folder: PathBuf,
    },
}

/// Runs the command that the arguments ask for.
///
/// # Errors
///
/// A sentence for the person at the terminal.
pub fn run() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Sign(options) => return sign::run(&options),
        Command::Keys(command) => return keys::run(&command),
        Command::Csr(options) => certificates::csr(&options),
        Command::ImportCert(options) => return certificates::import(&options),
        Command::Doctor(options) => return doctor::run(&options),
        Command::Trust(command) => return trust::run(&command),
        Command::Serve { config } => serve::run(&config),
        Command::Demo { dir, fresh, listen, bench } => {
            demo::run(&demo::Options { dir, fresh, listen, bench })
        }
        Command::CheckConfig { config } => {
            Config::read(&config)?;
            say(&format!("{}: in order", config.display()))
        }
        Command::Policy(PolicyCommand::Check { folder }) => {
            let policy = policies::Policy::load(&folder)?;
            say(&format!("{}: valid, its tests pass; digest {}", folder.display(), policy.digest()))
        }
        Command::EvalSearch { dir, run } => {
            let metrics = office::search::evaluate(&dir, run.as_deref())?;
            say(&serde_json::to_string(&metrics)?)
        }
        Command::ParserProcess => office::parser::run_worker().context("parser process"),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Longest PIN that is read, in bytes.
const MAX_PIN_BYTES: u64 = 256;

/// Reads a PIN from an open file, so that it stands on no command line.
fn read_pin(fd: u32) -> anyhow::Result<Zeroizing<String>> {
    let mut pin = Zeroizing::new(String::new());
    File::open(format!("/dev/fd/{fd}"))
        .and_then(|file| file.take(MAX_PIN_BYTES).read_to_string(&mut pin))
        .with_context(|| format!("no PIN can be read from descriptor {fd}: give it as in `{fd}<pin.txt`"))?;
    let kept = pin.trim_end_matches(['\r', '\n']).len();
    pin.truncate(kept);
    Ok(pin)
}

/// Writes a line for the person at the terminal.
///
/// # Errors
///
/// Standard output is closed.
pub fn say(line: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
