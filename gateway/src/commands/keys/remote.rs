//! `keys list`, `suspend`, `resume`, `destroy`: through the running appliance, as a person with a PIN.

use std::path::PathBuf;

use anyhow::Context as _;
use axum::http::Method;
use serde_json::{Value, json};

use super::ceremony::read_sheets;
use crate::commands::connection::{Connection, expect};
use crate::commands::{read_pin, say, serve};
use crate::config::Config;

/// Stands under `ecabinet keys list --help`.
pub(super) const LIST_EXAMPLE: &str = "Example: ecabinet keys list --config /etc/ecabinet/ecabinet.toml --user vanhanh --pin-fd 3 --json 3<pin.txt";
/// Stands under `ecabinet keys suspend --help`.
pub(super) const SUSPEND_EXAMPLE: &str = "Example: ecabinet keys suspend --config /etc/ecabinet/ecabinet.toml --user anninh1 \
--pin-fd 3 --key batch --reason compromise-suspected 3<pin.txt";
/// Stands under `ecabinet keys resume --help`.
pub(super) const RESUME_EXAMPLE: &str = "Example: ecabinet keys resume --config /etc/ecabinet/ecabinet.toml --user anninh1 --pin-fd 3 --key batch 3<pin.txt";
/// Stands under `ecabinet keys destroy --help`.
pub(super) const DESTROY_EXAMPLE: &str = "Example: ecabinet keys destroy --config /etc/ecabinet/ecabinet.toml --user anninh1 \
--pin-fd 3 --key batch-2026 --confirm batch-2026 --share share-1.txt --share share-3.txt 3<pin.txt\n\nThe key must be suspended. Nothing brings it back.";

/// Who asks, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Caller {
    /// The appliance's configuration file: it names the socket.
    #[arg(long)]
    config: PathBuf,
    /// Your account.
    #[arg(long)]
    user: String,
    /// Number of an open file that holds the PIN of your token.
    #[arg(long)]
    pin_fd: u32,
}

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct ListOptions {
    #[command(flatten)]
    caller: Caller,
    /// The list as JSON.
    #[arg(long)]
    json: bool,
}

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct KeyOptions {
    #[command(flatten)]
    caller: Caller,
    /// Label of the key.
    #[arg(long)]
    key: String,
}

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct SuspendOptions {
    #[command(flatten)]
    key: KeyOptions,
    /// Why; the log keeps the word.
    #[arg(long, value_parser = ["compromise-suspected", "maintenance", "personnel", "other"])]
    reason: String,
}

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct DestroyOptions {
    #[command(flatten)]
    key: KeyOptions,
    /// The label once more.
    #[arg(long)]
    confirm: String,
    /// A custodian's sheet; once for each.
    #[arg(long = "share", required = true)]
    shares: Vec<PathBuf>,
}

/// Lists the keys.
pub(super) fn list(options: &ListOptions) -> anyhow::Result<()> {
    let listed = ask(&options.caller, Method::GET, "/api/keys", &Value::Null, "listing the keys")?;
    if options.json {
        return say(&listed.to_string());
    }
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    for key in listed["keys"].as_array().context("the appliance's answer lists no keys")? {
        let quota = key["quota"].as_u64().map_or_else(String::new, |quota| format!(" of {quota}"));
        let days = key["days_left"].as_i64().map_or_else(String::new, |days| format!(" ({days} days)"));
        say(&format!(
            "{:<20} {:<15} {:<8} {:<9} uses {}{quota}  until {}{days}  {}",
            text(&key["label"]),
            text(&key["part"]),
            text(&key["kind"]),
            text(&key["state"]),
            key["n_uses"],
            text(&key["not_after"]),
            text(&key["subject"]),
        ))?;
        for warning in key["warnings"].as_array().into_iter().flatten() {
            say(&format!("{:<20} warning: {}", "", text(warning)))?;
        }
    }
    Ok(())
}

/// Suspends a key.
pub(super) fn suspend(options: &SuspendOptions) -> anyhow::Result<()> {
    let (key, body) = (&options.key, json!({"reason": options.reason}));
    ask(&key.caller, Method::POST, &path(&key.key, "suspension"), &body, "suspending the key")?;
    say(&format!("{}: suspended", key.key))
}

/// Resumes a key.
pub(super) fn resume(options: &KeyOptions) -> anyhow::Result<()> {
    let path = path(&options.key, "suspension");
    ask(&options.caller, Method::DELETE, &path, &Value::Null, "resuming the key")?;
    say(&format!("{}: active", options.key))
}

/// Destroys a key.
pub(super) fn destroy(options: &DestroyOptions) -> anyhow::Result<()> {
    let key = &options.key;
    let shares = read_sheets(&options.shares)?;
    let shares: Vec<&str> = shares.iter().map(|share| share.as_str()).collect();
    let body = json!({"confirm": options.confirm, "shares": shares});
    ask(&key.caller, Method::POST, &path(&key.key, "destruction"), &body, "destroying the key")?;
    say(&format!("{}: destroyed; take it out of the configuration before the next start", key.key))
}

/// Labels are any UTF-8: what is not plain goes percent-encoded.
fn path(label: &str, what: &str) -> String {
    let mut path = "/api/keys/".to_owned();
    for byte in label.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{path}/{what}")
}

/// Asks the running appliance, in a session of its own.
fn ask(caller: &Caller, method: Method, path: &str, body: &Value, what: &str) -> anyhow::Result<Value> {
    let config = Config::read(&caller.config)?;
    let socket = config.listen.local.as_ref().context(
        "this appliance has no socket of its own: set listen.local in its configuration and start it again",
    )?;
    let host = config.listen.names.first().cloned().unwrap_or_default();
    let pin = read_pin(caller.pin_fd)?;
    serve::runtime()?.block_on(async {
        let mut connection = Connection::open(socket, host)
            .await
            .with_context(|| format!("no appliance answers at {}: start it", socket.display()))?;
        expect(&connection.sign_in(&caller.user, &pin).await?, "signing in")?;
        let answer = connection.json(method, path, body).await;
        connection.sign_out().await;
        expect(&answer?, what)
    })
}
