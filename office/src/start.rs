//! Opening the office: what must be there is checked, what a crash left half-done is finished or undone, and only
//! then is anybody served.

use std::path::PathBuf;
use std::sync::Arc;

use audit::Act;
use cabinet::rules::RuleSet;
use papers::write::Typesetter;
use policies::Policy;
use serde::Deserialize;

use crate::app::{App, AppParts};
use crate::batches::Work;
use crate::blobs::Blobs;
use crate::cards::Waiting;
use crate::clock::Clock;
use crate::dossiers::pages::Pages;
use crate::entries::Draft;
use crate::intentions;
use crate::keys::offline::Writer;
use crate::keys::{Keys, KeysConfig, anchors, completing};
use crate::live::Live;
use crate::log::Log;
use crate::parser::Parser;
use crate::passkeys::{Ceremonies, DoorNames};
use crate::people::Directory;
use crate::search::Searching;
use crate::settings::BodyConfig;
use crate::store::{Db, SystemAct};
use crate::trust::{TrustConfig, TrustServices};

/// What the office needs to open.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeConfig {
    /// `sqlite:///…` or `postgres://…`.
    pub database: String,
    /// Folder of the sealed objects.
    pub objects: PathBuf,
    /// Folder in which documents of more than 64 MiB lie, unsealed, while they are signed; beside the objects if left
    /// out.
    #[serde(default)]
    pub work: Option<PathBuf>,
    /// Folder of the log's tiles.
    pub log: PathBuf,
    /// The log's name, as in its checkpoints: a domain and a path of yours.
    pub log_origin: String,
    /// File of the rule set in force.
    pub rules: PathBuf,
    /// Folder of the policy bundle; the built-in one if left out.
    #[serde(default)]
    pub policies: Option<PathBuf>,
    /// Folders of fonts for papers.
    pub fonts: Vec<PathBuf>,
}

/// The office cannot open. The sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file of the configuration is missing or wrong.
    #[error("{what}: {cause}")]
    Configuration {
        /// Which.
        what: String,
        /// Why.
        cause: String,
    },
    /// A part does not come up.
    #[error("{what} does not come up: {cause}")]
    Part {
        /// Which.
        what: &'static str,
        /// Why.
        cause: String,
    },
}

fn part<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> StartError {
    move |cause| StartError::Part { what, cause: cause.to_string() }
}

/// Opens database and keys: enough to set up accounts.
///
/// # Errors
///
/// * [`StartError`].
pub async fn open_vault(config: &OfficeConfig, keys: KeysConfig) -> Result<(Db, Keys), StartError> {
    let db = Db::open(&config.database).await.map_err(part("the database"))?;
    let keys = Keys::open(keys, db.clone()).await.map_err(part("the token"))?;
    Ok((db, keys))
}

/// Opens the office and starts its sequencer.
///
/// # Errors
///
/// * [`StartError`]: nobody is served.
pub async fn open(
    config: OfficeConfig,
    keys: KeysConfig,
    body: BodyConfig,
    trust: TrustConfig,
    names: &DoorNames,
    parser: Parser,
) -> Result<App, StartError> {
    let passkeys = Ceremonies::new(names, &body.name).map_err(part("signing in by passkey"))?;
    let rules = read_rules(&config)?;
    let policy = match &config.policies {
        Some(folder) => Policy::load(folder),
        None => Policy::embedded(),
    };
    let policy = policy.map_err(part("the policy bundle"))?;
    let fonts = config.fonts.clone();
    let typesetter = Typesetter::open(&fonts).map_err(part("typesetting"))?;
    let lock = Writer::alone(&config.log).map_err(part("the appliance"))?;
    let (db, keys) = open_vault(&config, keys).await?;
    if Clock.went_back(db.last_entry()) {
        // Reading goes on; whatever signs refuses until the clock is right.
        tracing::error!(last_entry = %db.last_entry(), "the clock stands before the last entry of the log: nothing will be signed");
    }
    let trust = TrustServices::open(trust, &keys).map_err(part("the trust services"))?;
    let blobs = Blobs::local(&config.objects).map_err(part("the object store"))?;
    let work = config.work.clone().unwrap_or_else(|| config.objects.with_file_name("work"));
    let work = Work::open(&work).map_err(part("the work folder"))?;
    let n_removed = blobs.remove_staged(&db).await.map_err(part("the object store"))?;
    let n_closed = intentions::close_cut_off(&db, Clock.now()).await.map_err(part("the database"))?;
    let log = Log::open(db.clone(), keys.clone(), config.log.clone(), config.log_origin.clone())
        .await
        .map_err(part("the log"))?;
    if let Some(list) = keys.trust_list() {
        anchors::adopt(&db, list, Clock.now()).await.map_err(part("the trust list"))?;
    }
    let directory = Directory::default();
    directory.reload(&db, &keys).await.map_err(part("the directory of people"))?;
    let searching = Searching::new().map_err(part("the index"))?;
    let n_indexed = searching.rebuild(&db, &keys, &blobs).await.map_err(part("the index"))?;
    tracing::info!(n_removed, n_closed, n_indexed, "office opened");
    let tx = db.begin_system(SystemAct("appliance started")).await.map_err(part("the database"))?;
    let body_entry = [("policies", policy.digest().to_string()), ("rules", rules.id.clone())];
    tx.commit(Clock.now(), Draft::act(Act::ApplianceStarted, None, body_entry))
        .await
        .map_err(part("the log"))?;
    tokio::spawn(log.clone().run());
    tokio::spawn(keys.clone().keep_asking());
    tokio::spawn(completing::keep(db.clone(), keys.clone()));
    Ok(App::new(AppParts {
        blobs,
        body,
        cards: Waiting::default(),
        clock: Clock,
        db,
        directory,
        keys,
        live: Live::default(),
        lock,
        log,
        pages: Pages::default(),
        parser,
        passkeys,
        policy: Arc::new(policy),
        rules,
        searching,
        trust,
        typesetter: Arc::new(typesetter),
        work,
    }))
}

fn read_rules(config: &OfficeConfig) -> Result<RuleSet, StartError> {
    let wrong = |cause: String| StartError::Configuration { what: config.rules.display().to_string(), cause };
    let text = std::fs::read_to_string(&config.rules).map_err(|err| wrong(err.to_string()))?;
    RuleSet::parse(&text).map_err(|err| wrong(err.to_string()))
}
