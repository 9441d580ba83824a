//! What commands need that act on tokens while the appliance is stopped.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use cabinet::Timestamp;
use office::clock::Clock;
use office::keys::anchors;
use office::keys::config::TokenConfig;
use office::keys::offline::{self, Writer};
use office::store::Db;
use signing::TrustStore;

use super::serve;
use crate::config::Config;

/// The installation, with the right to write its log.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) config: Config,
    pub(super) db: Db,
    pub(super) writer: Writer,
    pub(super) now: Timestamp,
}

impl Stopped {
    /// Reads the configuration, restarts with the token's environment, and takes the log for itself.
    pub(super) fn open(path: &Path) -> anyhow::Result<(Self, tokio::runtime::Runtime)> {
        let config = Config::read(path)?;
        serve::restart_with(&config.keys.environment)?;
        let runtime = serve::runtime()?;
        let writer = Writer::alone(&config.office.log)?;
        let db = runtime.block_on(Db::open(&config.office.database)).context("the database")?;
        let now = Clock.now();
        if !offline::clock_is_right(&db, now) {
            bail!("the clock stands before the last entry of the log: set it, then repeat");
        }
        Ok((Self { config, db, writer, now }, runtime))
    }

    /// The trust anchors in force.
    pub(super) fn anchors(&self) -> anyhow::Result<TrustStore> {
        Ok(anchors::read(&self.config.keys, None, self.now)?.0)
    }

    /// The token whose key bears this label, with the name of its part.
    pub(super) fn token(&self, label: &str) -> anyhow::Result<(String, &TokenConfig)> {
        self.config.keys.token_of_key(label).with_context(|| {
            format!("no part of [keys] names the key {label}: add its token to the configuration first")
        })
    }

    /// Opens a token's pool with the PIN of its file.
    pub(super) fn pool(&self, token: &TokenConfig) -> anyhow::Result<hsm::Pool> {
        let module = hsm::Module::load_with(&self.config.keys.module_of(token)?)?;
        Ok(module.open_pool(&token.token, &token.pin()?, token.threads.for_pool())?)
    }
}

/// Writes a file that was not there, readable by this account alone, and makes it last.
pub(super) fn write_new(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()?;
        sync_folder(path)
    };
    write().with_context(|| format!("{} cannot be written: it must not be there yet", path.display()))
}

/// Puts `content` at `path`, complete or not at all; what was there before stays beside it, under the name returned.
pub(super) fn replace(
    path: &Path,
    content: &[u8],
    mode: u32,
    now: Timestamp,
) -> anyhow::Result<Option<String>> {
    let name = path.file_name().and_then(|name| name.to_str()).context("the file has a name")?;
    let put = || -> std::io::Result<Option<String>> {
        let unfinished = path.with_file_name(format!("{name}.unfinished"));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        let old = if path.exists() {
            let old = format!("{name}.before-{}", now.as_seconds());
            let kept = path.with_file_name(&old);
            // A second within the same second leaves the first, which is the older one.
            if !kept.exists() {
                fs::hard_link(path, &kept)?;
            }
            Some(old)
        } else {
            None
        };
        fs::rename(&unfinished, path)?;
        sync_folder(path)?;
        Ok(old)
    };
    put().with_context(|| format!("{} cannot be written", path.display()))
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
