//! From the configuration to tokens that are logged in and keys whose certificates fit.

use hsm::{KekMember, KekSet, Module, PersonalTokens, Pool, SignerMember, SignerSet};
use policies::resource::KeyPurpose;
use signing::{Certificate, TrustStore};

use super::anchors::{self, TrustList};
use super::config::{invalid, read};
use super::{CertifiedKey, DocumentKey, KeysConfig, KeysError, TokenConfig, scheme_of};
use crate::clock::Clock;

/// What [`load`] found.
pub(super) struct Loaded {
    pub(super) config: KeysConfig,
    pub(super) personal: PersonalTokens,
    pub(super) organisation: DocumentKey,
    pub(super) batch: Option<DocumentKey>,
    pub(super) timestamping: Option<CertifiedKey>,
    pub(super) responder: Option<CertifiedKey>,
    pub(super) log: Pool,
    pub(super) encryption: KekSet,
    /// The key-encryption tokens, in order of preference.
    pub(super) encryption_pools: Vec<Pool>,
    pub(super) trust: TrustStore,
    pub(super) list: Option<TrustList>,
    pub(super) chain: Vec<Certificate>,
    pub(super) log_certificate: Certificate,
}

/// Loads the modules, logs in, and checks that each certificate belongs to its key. Blocks.
///
/// A token without stand-in must be there. Of those that stand in for each other, one is enough.
pub(super) fn load(config: KeysConfig, newest: Option<&TrustList>) -> Result<Loaded, KeysError> {
    config.check().map_err(KeysError::Invalid)?;
    let personal = Module::load_with(&config.first_module())?.personal(config.members.for_members())?;
    let log = open(&config, &config.log)?;
    let (encryption, encryption_pools) = encryption(&config)?;
    let (trust, list) = anchors::read(&config, newest, Clock.now())?;
    let chain =
        Certificate::all_from_pem(&read(&config.chain)?).map_err(|err| invalid(&config.chain, err))?;
    let organisation = organisation(&config)?;
    let batch = config.batch.as_ref().map(|batch| {
        let key = certified_key(&config, batch)?;
        document_key(vec![("batch".to_owned(), key)], KeyPurpose::Batch)
    });
    let batch = batch.transpose()?;
    let certified =
        |token: &Option<TokenConfig>| token.as_ref().map(|token| certified_key(&config, token)).transpose();
    let (timestamping, responder) = (certified(&config.timestamping)?, certified(&config.responder)?);
    let log_certificate = certificate_of(&config.log)?;
    check_belongs(&config.log, &log_certificate, &log)?;
    Ok(Loaded {
        personal,
        organisation,
        batch,
        timestamping,
        responder,
        log,
        encryption,
        encryption_pools,
        trust,
        list,
        chain,
        log_certificate,
        config,
    })
}

fn open(config: &KeysConfig, token: &TokenConfig) -> Result<Pool, KeysError> {
    let module = Module::load_with(&config.module_of(token)?)?;
    Ok(module.open_pool(&token.token, &token.pin()?, token.threads.for_pool())?)
}

/// Starts a pool whose token may be away.
fn start(config: &KeysConfig, token: &TokenConfig) -> Result<Pool, KeysError> {
    let module = Module::load_with(&config.module_of(token)?)?;
    Ok(module.start_pool(&token.token, &token.pin()?, token.threads.for_pool())?)
}

fn encryption(config: &KeysConfig) -> Result<(KekSet, Vec<Pool>), KeysError> {
    let tokens: Vec<&TokenConfig> =
        std::iter::once(&config.encryption).chain(&config.encryption_stand_ins).collect();
    let (mut members, mut pools) = (Vec::new(), Vec::new());
    for (token, n) in tokens.iter().zip(1..) {
        let pool = start(config, token)?;
        let name = if n == 1 { "encryption".to_owned() } else { format!("encryption-{n}") };
        members.push(KekMember { name, pool: pool.clone(), key: token.key.clone() });
        pools.push(pool);
    }
    at_least_one(tokens.iter().zip(&pools).map(|(token, pool)| {
        if pool.has_key(&token.key)? {
            Ok(())
        } else {
            Err(hsm::TokenError::KeyNotFound { label: token.key.clone() }.into())
        }
    }))?;
    Ok((KekSet::new(members)?, pools))
}

fn organisation(config: &KeysConfig) -> Result<DocumentKey, KeysError> {
    let mut members = vec![("organisation".to_owned(), &config.organisation)];
    members.extend((2..).map(|n| format!("organisation-{n}")).zip(&config.organisation_stand_ins));
    let mut keys = Vec::new();
    let mut checks = Vec::new();
    for (name, token) in members {
        let pool = start(config, token)?;
        let certificate = certificate_of(token)?;
        checks.push(check_belongs(token, &certificate, &pool));
        keys.push((name, CertifiedKey::new(token.key.clone(), certificate, pool, token.quota)));
    }
    at_least_one(checks.into_iter())?;
    document_key(keys, KeyPurpose::Organisation)
}

/// Passes if one of them does. A set-up that is wrong is refused though another token is well; a token that is away
/// is only told.
fn at_least_one(checks: impl Iterator<Item = Result<(), KeysError>>) -> Result<(), KeysError> {
    let (mut n_well, mut last) = (0_usize, None);
    for check in checks {
        match check {
            Ok(()) => n_well = n_well.saturating_add(1),
            Err(KeysError::Token(err)) => {
                tracing::error!(%err, "a token that stands in for another is not usable");
                last = Some(KeysError::Token(err));
            }
            Err(err) => return Err(err),
        }
    }
    match last {
        Some(err) if n_well == 0 => Err(err),
        Some(_) | None => Ok(()),
    }
}

fn certified_key(config: &KeysConfig, token: &TokenConfig) -> Result<CertifiedKey, KeysError> {
    let pool = open(config, token)?;
    let certificate = certificate_of(token)?;
    check_belongs(token, &certificate, &pool)?;
    Ok(CertifiedKey::new(token.key.clone(), certificate, pool, token.quota))
}

fn document_key(keys: Vec<(String, CertifiedKey)>, purpose: KeyPurpose) -> Result<DocumentKey, KeysError> {
    let members = keys.iter().map(|(name, key)| {
        Ok(SignerMember {
            name: name.clone(),
            pool: key.pool().clone(),
            key: key.label_on_token().clone(),
            scheme: scheme_of(key.certificate())?,
        })
    });
    let set = SignerSet::new(members.collect::<Result<_, KeysError>>()?)?;
    DocumentKey::new(keys.into_iter().map(|(_, key)| key).collect(), set, purpose)
}

/// The certificate of the configuration.
pub(super) fn certificate_of(token: &TokenConfig) -> Result<Certificate, KeysError> {
    let path = token.certificate.as_ref().ok_or(KeysError::NoKey)?;
    Certificate::from_pem(&read(path)?).map_err(|err| invalid(path, err))
}

/// Refuses a certificate that does not belong to the key on the token.
fn check_belongs(token: &TokenConfig, certificate: &Certificate, pool: &Pool) -> Result<(), KeysError> {
    if pool.public_key(&token.key)?.as_bytes() == certificate.spki_der() {
        return Ok(());
    }
    let path = token.certificate.as_deref().unwrap_or_else(|| std::path::Path::new("the certificate"));
    Err(invalid(path, "it does not belong to the key on the token; import the one issued for that key"))
}
