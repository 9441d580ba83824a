//! A TEST world: an authority with software keys, signers whose keys are in tokens.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use cabinet::Timestamp;
use hsm::{KeyKind, KeyLabel, Module, Pin, Pool, PoolConfig, PublicKeyDer, Scheme, ToSign, TokenLabel};
use signing::authority::{Authority, Profile, Subject, Validity};
use signing::pades::SignRequest;
use signing::{Certificate, TrustStore};

use crate::papers::FIELD;

/// Where Debian puts the library.
const SOFTHSM2: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The organisation's token.
const TOKEN: &str = "TEST org";
const PIN: &str = "1234-bench";
const SO_PIN: &str = "so-1234-bench";

/// The kinds of key that are measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    P256,
    Rsa2048,
}

impl Kind {
    pub(crate) const BOTH: [Self; 2] = [Self::P256, Self::Rsa2048];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::Rsa2048 => "RSA-2048",
        }
    }

    pub(crate) fn label(self) -> anyhow::Result<KeyLabel> {
        Ok(self.name().parse()?)
    }

    pub(crate) const fn of_token(self) -> KeyKind {
        match self {
            Self::P256 => KeyKind::EcP256,
            Self::Rsa2048 => KeyKind::Rsa2048,
        }
    }

    pub(crate) const fn scheme(self) -> Scheme {
        match self {
            Self::P256 => Scheme::EcdsaSha256,
            Self::Rsa2048 => Scheme::RsaPkcs1Sha256,
        }
    }
}

/// The authority, the library, and the folder that everything is in.
pub(crate) struct World {
    pub(crate) root: Authority,
    pub(crate) sub: Authority,
    pub(crate) trust: TrustStore,
    pub(crate) module: Module,
    pub(crate) folder: PathBuf,
    /// When this run began; certificates are valid from a day before.
    pub(crate) now: Timestamp,
}

impl World {
    /// Loads the library, whose configuration is in the folder already, and provides the organisation's token.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let now = Timestamp::from_micros(i64::try_from(since.as_micros())?);
        let root = Authority::create_root("TEST bench root", now.plus_seconds(-86_400))?;
        let sub = root.create_sub("TEST bench signing CA", now.plus_seconds(-86_400))?;
        let trust = TrustStore::new(vec![root.certificate().clone()]);
        let module = Module::load(Path::new(SOFTHSM2))?;
        let world = Self { root, sub, trust, module, folder: folder.to_owned(), now };
        world.provision(&TOKEN.parse()?)?;
        std::fs::write(world.at("root.pem"), world.root.certificate().to_pem())?;
        std::fs::write(world.at("chain.pem"), world.sub.certificate().to_pem())?;
        Ok(world)
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn provision(&self, token: &TokenLabel) -> anyhow::Result<()> {
        Ok(self.module.provision(token, &Pin::parse(SO_PIN)?, &Self::pin()?)?)
    }

    pub(crate) fn pin() -> anyhow::Result<Pin> {
        Ok(Pin::parse(PIN)?)
    }

    pub(crate) fn pool(&self, n_workers: usize) -> anyhow::Result<Pool> {
        let config = PoolConfig { n_workers, ..PoolConfig::default() };
        Ok(self.module.open_pool(&TOKEN.parse::<TokenLabel>()?, &Self::pin()?, config)?)
    }

    /// A certificate for a key in a token.
    pub(crate) fn certify(
        &self,
        key: &PublicKeyDer,
        name: &str,
        profile: Profile,
    ) -> anyhow::Result<Certificate> {
        self.certify_spki(key.as_bytes(), name, profile)
    }

    pub(crate) fn certify_spki(
        &self,
        spki: &[u8],
        name: &str,
        profile: Profile,
    ) -> anyhow::Result<Certificate> {
        let validity = Validity::days(self.now.plus_seconds(-86_400), 365);
        Ok(self.sub.issue_signer(spki, &Subject::named(name), 42, validity, profile)?)
    }

    pub(crate) fn chain(&self) -> Vec<Certificate> {
        vec![self.sub.certificate().clone()]
    }

    pub(crate) fn request(&self, signer: &Certificate) -> SignRequest {
        SignRequest::new(FIELD, signer.clone(), self.chain(), self.now)
    }
}

/// A signer whose key is in the pool's token.
pub(crate) struct Signer {
    pub(crate) pool: Pool,
    pub(crate) kind: Kind,
    pub(crate) label: KeyLabel,
    pub(crate) certificate: Certificate,
}

impl Signer {
    /// Takes the key that bears the kind's name, or makes it.
    pub(crate) fn new(world: &World, pool: &Pool, kind: Kind) -> anyhow::Result<Self> {
        let label = kind.label()?;
        let key = if pool.has_key(&label)? {
            pool.public_key(&label)?
        } else {
            pool.generate_key_pair(&label, kind.of_token())?
        };
        let certificate = world.certify(&key, "TEST organisation", Profile::Organisation)?;
        Ok(Self { pool: pool.clone(), kind, label, certificate })
    }

    pub(crate) fn sign(&self, digest: &cabinet::Digest) -> anyhow::Result<Vec<u8>> {
        Ok(self.pool.sign(&self.label, ToSign::Digest(digest), self.kind.scheme())?.into_bytes())
    }
}

/// Runs a command and gives what it prints.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let says = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {says}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
