//! The demonstration's folder: what lies where, and what may be removed.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::accounts::Account;

/// Bears witness that a folder was made by `ecabinet demo` and may be removed by it.
const MARKER: &str = ".ecabinet-demo";
/// Written last: what is set up is whole.
const PROVISIONED: &str = ".provisioned";
/// Says that keys under documents pad by PSS.
const PSS: &str = "data/.pss";
/// Where Debian puts the SoftHSM2 library.
const SOFTHSM: [&str; 2] =
    ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];
/// Where Debian puts fonts with all Vietnamese letters.
const FONTS: [&str; 2] = ["/usr/share/fonts/truetype/croscore", "/usr/share/fonts/truetype/liberation2"];
/// The name under which certificates of the demonstration say that their status is asked.
pub(super) const PKI_HOST: &str = "pki.ecabinet.test";
/// The demonstration's authorities: the root, and the one that certifies signers.
pub(super) const AUTHORITIES: [&str; 2] = ["root", "signing"];
/// An identifier under the enterprise number that is reserved for examples (RFC 5612).
const TIMESTAMP_POLICY: &str = "1.3.6.1.4.1.32473.1.1";
/// The demonstration's folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Opens or makes the folder; with `fresh`, removes what a demonstration left there.
    pub(super) fn open(dir: &Path, fresh: bool) -> anyhow::Result<Self> {
        if dir.exists() && !dir.join(MARKER).exists() && fs::read_dir(dir)?.next().is_some() {
            bail!("{} holds something else than a demonstration: choose another --dir", dir.display());
        }
        if fresh && dir.join(MARKER).exists() {
            fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("making {}", dir.display()))?;
        let folder = Self(dir.canonicalize()?);
        for sub in ["tokens", "secrets", "cards", "trust", "tls", "data", "images"] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.0.join(sub))?;
        }
        fs::write(folder.0.join(MARKER), "This folder may be removed by `ecabinet demo --fresh`.\n")?;
        let config = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            folder.0.join("tokens").display()
        );
        fs::write(folder.softhsm_config(), config)?;
        Ok(folder)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The appliance's own socket. Not in this folder: it is no file that could be read or copied, and its name must
    /// be short. Its own folder belongs to this account alone.
    pub(super) fn socket(&self) -> anyhow::Result<PathBuf> {
        let folder = self.run_folder();
        if let Err(err) = fs::DirBuilder::new().mode(0o700).create(&folder)
            && err.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(err).with_context(|| format!("making {}", folder.display()));
        }
        let (found, own) = (fs::symlink_metadata(&folder)?, fs::metadata(&self.0)?);
        let is_ours = found.is_dir() && found.uid() == own.uid() && found.mode() & 0o077 == 0;
        if !is_ours {
            bail!("{} belongs to somebody else: remove it, or set XDG_RUNTIME_DIR", folder.display());
        }
        Ok(folder.join("local.sock"))
    }

    /// Removes what lies outside of the folder.
    pub(super) fn clear_run_folder(&self) {
        // What stays is empty, and is taken over by the next start.
        drop(fs::remove_dir_all(self.run_folder()));
    }

    fn run_folder(&self) -> PathBuf {
        let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let name = cabinet::Digest::of(self.0.as_os_str().as_bytes()).to_string();
        base.join(format!("ecabinet-{}", name.chars().take(16).collect::<String>()))
    }

    pub(super) fn softhsm_config(&self) -> PathBuf {
        self.path("softhsm2.conf")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path("ecabinet.toml")
    }

    pub(super) fn accounts(&self) -> PathBuf {
        self.path("accounts.json")
    }

    pub(super) fn tls_ca(&self) -> PathBuf {
        self.path("tls/ca.pem")
    }

    pub(super) fn is_provisioned(&self) -> bool {
        self.path(PROVISIONED).exists()
    }

    pub(super) fn mark_provisioned(&self) -> anyhow::Result<()> {
        Ok(fs::write(self.path(PROVISIONED), "")?)
    }

    /// Lets the keys that sign documents pad by PSS, now and after each start.
    pub(super) fn choose_pss(&self) -> anyhow::Result<()> {
        Ok(fs::write(self.path(PSS), "")?)
    }

    /// The SoftHSM2 library of this machine.
    pub(super) fn module() -> anyhow::Result<PathBuf> {
        let found = SOFTHSM.iter().map(PathBuf::from).find(|path| path.exists());
        found.context("SoftHSM2 is not installed: apt-get install softhsm2")
    }

    /// Font folders of this machine.
    pub(super) fn fonts() -> anyhow::Result<Vec<PathBuf>> {
        let found: Vec<_> = FONTS.iter().map(PathBuf::from).filter(|path| path.exists()).collect();
        if found.is_empty() {
            bail!("no font with all Vietnamese letters is installed: apt-get install fonts-croscore");
        }
        Ok(found)
    }

    /// Writes a file that only this account may read.
    pub(super) fn write_secret(&self, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
        use std::io::Write as _;
        let path = self.path(name);
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(content)?;
        Ok(path)
    }

    pub(super) fn read_accounts(&self) -> anyhow::Result<Vec<Account>> {
        Ok(serde_json::from_slice(&fs::read(self.accounts())?)?)
    }

    /// Writes `addresses.json`.
    pub(super) fn write_addresses(
        &self,
        [public, card, admin, metrics, services]: [SocketAddr; 5],
        meeting: &str,
    ) -> anyhow::Result<()> {
        let url = |address: SocketAddr| format!("https://localhost:{}", address.port());
        let addresses = json!({
            "public": url(public),
            "card": url(card),
            "admin": url(admin),
            "metrics": url(metrics),
            "services": format!("http://localhost:{}", services.port()),
            "tls_ca": self.tls_ca(),
            "meeting": meeting,
        });
        Ok(fs::write(self.path("addresses.json"), serde_json::to_vec_pretty(&addresses)?)?)
    }

    /// Writes the configuration that the demonstration runs by.
    pub(super) fn write_config(
        &self,
        [public, card, admin, metrics, services]: [SocketAddr; 5],
    ) -> anyhow::Result<()> {
        let path = |name: &str| toml::Value::String(self.path(name).display().to_string());
        let fonts: Vec<_> = Self::fonts()?.iter().map(|path| path.display().to_string()).collect();
        let config = toml::toml! {
            test_installation = true

            [listen]
            names = ["localhost", "127.0.0.1"]

            [office]
            log_origin = "demo.ecabinet.example/log"

            [body]
            letterhead = "CHÍNH PHỦ"
            name = "Chính phủ"
            place = "Hà Nội"
            resolution_symbol = "NQ-CP"
            signature_authority = "TM. CHÍNH PHỦ"
            signature_position = "THỦ TƯỚNG"
            resolution_bases = [
                "Căn cứ Luật Tổ chức Chính phủ số 63/2025/QH15",
                "Căn cứ Quy chế làm việc của Chính phủ ban hành kèm theo Nghị định số 191/2026/NĐ-CP",
            ]
            resolution_recipients = [
                "Các Bộ, cơ quan ngang Bộ",
                "Ủy ban nhân dân các tỉnh, thành phố",
                "Văn phòng Chính phủ: các Vụ, Cục",
            ]
            invitation_symbol = "GM-VPCP"
            office_letterhead = "VĂN PHÒNG CHÍNH PHỦ"
            seal_diameter_mm = 36.0
        };
        let mut config = config;
        put(&mut config, "listen", "public", public.to_string().into());
        put(&mut config, "listen", "card", card.to_string().into());
        put(&mut config, "listen", "admin", admin.to_string().into());
        put(&mut config, "listen", "metrics", metrics.to_string().into());
        put(&mut config, "listen", "local", self.socket()?.display().to_string().into());
        put(&mut config, "tls", "certificate", path("tls/server.pem"));
        put(&mut config, "tls", "key", path("tls/server.key"));
        put(&mut config, "tls", "client_anchors", path("tls/ca.pem"));
        let database = format!("sqlite://{}?mode=rwc", self.path("data/ecabinet.sqlite").display());
        put(&mut config, "office", "database", database.into());
        put(&mut config, "office", "objects", path("data/objects"));
        put(&mut config, "office", "log", path("data/log"));
        put(&mut config, "office", "rules", path("rules.json"));
        put(&mut config, "office", "fonts", fonts.into());
        self.put_keys(&mut config)?;
        self.put_trust(&mut config, services);
        put(&mut config, "body", "seal_image", path("images/seal.png"));
        put(&mut config, "body", "signature_images", path("images/signatures"));
        Ok(fs::write(self.config(), toml::to_string_pretty(&config)?)?)
    }

    /// The trust services are those of the demonstration itself: it asks them by a name that stands for its own address.
    fn put_trust(&self, config: &mut toml::Table, services: SocketAddr) {
        put(config, "listen", "services", services.to_string().into());
        let hosts = toml::Table::from_iter([(PKI_HOST.to_owned(), services.to_string().into())]);
        put(config, "trust", "hosts", hosts.into());
        put(config, "trust", "timestamps", vec![format!("http://{PKI_HOST}/tsa")].into());
        put(config, "trust", "timestamp_policy", TIMESTAMP_POLICY.into());
        put(config, "trust", "level", "LTA".into());
        let authorities: Vec<toml::Value> = AUTHORITIES
            .iter()
            .map(|name| {
                let path = |name: String| toml::Value::String(self.path(&name).display().to_string());
                toml::Table::from_iter([
                    ("name".to_owned(), (*name).into()),
                    ("key".to_owned(), path(format!("secrets/{name}.pem"))),
                    ("register".to_owned(), path(format!("data/{name}.register.json"))),
                ])
                .into()
            })
            .collect();
        put(config, "trust", "test_authorities", authorities.into());
    }

    /// The tokens, keys and certificates that `provision` made.
    fn put_keys(&self, config: &mut toml::Table) -> anyhow::Result<()> {
        let path = |name: &str| toml::Value::String(self.path(name).display().to_string());
        let token = |name: &str, key: &str, certificate: Option<&str>| {
            let mut table = toml::Table::new();
            table.insert("token".to_owned(), name.into());
            table.insert("key".to_owned(), key.into());
            table.insert("pin_file".to_owned(), path(&format!("secrets/{name}.pin")));
            if let Some(certificate) = certificate {
                table.insert("certificate".to_owned(), path(certificate));
            }
            toml::Value::Table(table)
        };
        let is_pss = self.path(PSS).exists();
        let token = |name: &str, key: &str, certificate: Option<&str>| {
            let mut token = token(name, key, certificate);
            if let (true, "organisation" | "batch", Some(table)) = (is_pss, name, token.as_table_mut()) {
                table.insert("rsa_padding".to_owned(), "pss".into());
            }
            token
        };
        let module = Self::module()?.display().to_string();
        put(config, "keys", "module", module.into());
        let environment = toml::Table::from_iter([("SOFTHSM2_CONF".to_owned(), path("softhsm2.conf"))]);
        put(config, "keys", "environment", environment.into());
        put(config, "keys", "trust", path("trust"));
        put(config, "keys", "chain", path("data/chain.pem"));
        put(
            config,
            "keys",
            "organisation",
            token("organisation", "organisation", Some("data/organisation.pem")),
        );
        put(config, "keys", "log", token("log", "log", Some("data/log.pem")));
        put(config, "keys", "encryption", token("encryption", "kek-1", None));
        for name in ["batch", "timestamping", "responder"] {
            put(config, "keys", name, token(name, name, Some(&format!("data/{name}.pem"))));
        }
        Ok(())
    }
}

fn put(config: &mut toml::Table, section: &str, key: &str, value: toml::Value) {
    let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
    if let Some(table) = section.as_table_mut() {
        table.insert(key.to_owned(), value);
    }
}
