//! Making the installation: tokens, a TEST certificate chain, images, accounts.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use cabinet::{Id, Timestamp};
use hsm::{KeyKind, KeyLabel, Module, PersonalConfig, Pin, PoolConfig, TokenLabel};
use office::clock::Clock;
use office::keys::LOG_KEY;
use office::people::store::{self, NewPerson};
use signing::Certificate;
use signing::authority::{Authority, Profile, Services, Subject, Validity};
use signing::register::Register;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::SignerKeys;
use super::accounts::{ASSISTED, Account, Figure, figures};
use super::folder::{AUTHORITIES, Folder, PKI_HOST};
use crate::config::Config;
use crate::{passwords, totp};

/// Days that the demonstration's certificates are valid.
const VALID_DAYS: i64 = 365;
/// The rules that the demonstration runs by.
const RULES: &str = include_str!("../../../cabinet/rules/government-2026-05-29.json");

/// A figure with everything that was made for him.
struct Made {
    figure: Figure,
    account: Account,
    totp_secret: Zeroizing<Vec<u8>>,
    certificate: Certificate,
    card: Certificate,
}

/// Makes everything, and marks it as whole at the end.
pub(super) async fn provision(folder: &Folder, keys: SignerKeys) -> anyhow::Result<()> {
    let (made, hashes) = {
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || make(&folder, keys)).await.context("provisioning")??
    };
    folder.write_config([([127, 0, 0, 1], 0).into(); 5])?;
    let config = Config::read(&folder.config())?;
    let (db, keys) = office::start::open_vault(&config.office, config.keys).await?;
    store::create(&db, &keys, people(made, hashes)?, Clock.now()).await?;
    folder.mark_provisioned()
}

type Hashes = BTreeMap<String, Zeroizing<String>>;

fn make(folder: &Folder, keys: SignerKeys) -> anyhow::Result<(Vec<Made>, Hashes)> {
    let now = Clock.now();
    let module = Module::load(&Folder::module()?)?;
    let [root_name, signing_name] = AUTHORITIES;
    let root = Authority::create_root("TEST e-Cabinet Root CA", now)?.with_services(services(root_name));
    let sub = root.create_sub("TEST e-Cabinet Signing CA", now)?.with_services(services(signing_name));
    let (mut by_root, mut by_sub) = (Register::default(), Register::default());
    by_root.issued(sub.certificate());
    folder.write_secret(&format!("secrets/{root_name}.pem"), root.to_pem()?.as_bytes())?;
    folder.write_secret(&format!("secrets/{signing_name}.pem"), sub.to_pem()?.as_bytes())?;
    fs::write(folder.path("trust/root.pem"), root.certificate().to_pem())?;
    fs::write(folder.path("data/chain.pem"), sub.certificate().to_pem())?;
    fs::write(folder.path("rules.json"), RULES)?;
    make_tls(folder, now)?;
    for certificate in make_appliance_tokens(folder, &module, &sub, keys, now)? {
        by_sub.issued(&certificate);
    }
    let made = figures()
        .into_iter()
        .zip(100..)
        .map(|(figure, serial)| make_person(folder, &module, &sub, figure, (serial, keys.of_members()), now))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for made in &made {
        by_sub.issued(&made.certificate);
    }
    for (name, register) in AUTHORITIES.into_iter().zip([by_root, by_sub]) {
        fs::write(folder.path(&format!("data/{name}.register.json")), serde_json::to_vec_pretty(&register)?)?;
    }
    let accounts: Vec<_> = made.iter().map(|made| &made.account).collect();
    folder.write_secret("accounts.json", &serde_json::to_vec_pretty(&accounts)?)?;
    let names: Vec<_> =
        made.iter().map(|made| (made.account.username.clone(), made.account.name.clone())).collect();
    let seal = folder.path("images/seal.png");
    office::setup::draw_images(
        &Folder::fonts()?,
        "CHÍNH PHỦ",
        (&seal, 36.0),
        &folder.path("images/signatures"),
        &names,
    )?;
    let hashes = hash_all(&made)?;
    Ok((made, hashes))
}

/// Argon2id on both cores: it is meant to be slow.
fn hash_all(made: &[Made]) -> anyhow::Result<Hashes> {
    let middle = made.len().div_ceil(2);
    let (first, second) = made.split_at(middle);
    let hash = |part: &[Made]| -> anyhow::Result<Hashes> {
        part.iter()
            .map(|made| {
                Ok((made.account.username.clone(), passwords::hash(made.account.password.as_bytes())?))
            })
            .collect()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| hash(second));
        let mut hashes = hash(first)?;
        hashes.extend(other.join().map_err(|_cause| anyhow::anyhow!("hashing passwords stopped"))??);
        Ok(hashes)
    })
}

fn make_tls(folder: &Folder, now: Timestamp) -> anyhow::Result<()> {
    let ca = Authority::create_root("TEST e-Cabinet TLS CA", now)?;
    let server =
        ca.issue_tls_server(&["localhost", "127.0.0.1"], Validity::days(now.plus_seconds(-60), VALID_DAYS))?;
    fs::write(folder.tls_ca(), ca.certificate().to_pem())?;
    fs::write(folder.path("tls/server.pem"), server.chain_pem)?;
    folder.write_secret("tls/server.key", server.key_pem.as_bytes())?;
    folder.write_secret("secrets/tls-ca.pem", ca.to_pem()?.as_bytes())?;
    Ok(())
}

fn make_appliance_tokens(
    folder: &Folder,
    module: &Module,
    sub: &Authority,
    keys: SignerKeys,
    now: Timestamp,
) -> anyhow::Result<Vec<Certificate>> {
    if keys == SignerKeys::RsaPss {
        folder.choose_pss()?;
    }
    let validity = Validity::days(now.plus_seconds(-60), VALID_DAYS);
    let mut issued = Vec::new();
    for (token, key, profile) in [
        ("organisation", "organisation", Some((Profile::Organisation, "CHÍNH PHỦ (THỬ NGHIỆM)", 10_u64))),
        ("log", "log", Some((Profile::Log, "LOG e-Cabinet (THỬ NGHIỆM)", 11))),
        ("batch", "batch", Some((Profile::Organisation, "VĂN PHÒNG CHÍNH PHỦ (THỬ NGHIỆM)", 12))),
        ("timestamping", "timestamping", Some((Profile::TimeStamping, "TSA e-Cabinet (THỬ NGHIỆM)", 13))),
        ("responder", "responder", Some((Profile::OcspResponder, "OCSP e-Cabinet (THỬ NGHIỆM)", 14))),
        ("encryption", "kek-1", None),
    ] {
        let (label, key): (TokenLabel, KeyLabel) = (token.parse()?, key.parse()?);
        let (so_pin, pin) = (draw_pin(12)?, draw_pin(12)?);
        folder.write_secret(&format!("secrets/{token}.pin"), pin.as_bytes())?;
        folder.write_secret(&format!("secrets/{token}.so-pin"), so_pin.as_bytes())?;
        let pin = Pin::parse(&pin)?;
        module.provision(&label, &Pin::parse(&so_pin)?, &pin)?;
        let pool = module.open_pool(&label, &pin, PoolConfig::default())?;
        let Some((profile, name, serial)) = profile else {
            pool.generate_aes256(&key)?;
            continue;
        };
        let kind = match profile {
            Profile::Log => LOG_KEY,
            Profile::Organisation => keys.of_documents(),
            Profile::Person | Profile::TimeStamping | Profile::OcspResponder => keys.of_members(),
        };
        let public = pool.generate_key_pair(&key, kind)?;
        let certificate =
            sub.issue_signer(public.as_bytes(), &Subject::named(name), serial, validity, profile)?;
        fs::write(folder.path(&format!("data/{token}.pem")), certificate.to_pem())?;
        issued.push(certificate);
    }
    Ok(issued)
}

/// Where certificates of the demonstration's authority say that their status is asked.
fn services(name: &str) -> Services {
    Services {
        ocsp_url: format!("http://{PKI_HOST}/ocsp"),
        crl_url: format!("http://{PKI_HOST}/{name}.crl"),
        issuer_url: format!("http://{PKI_HOST}/{name}.crt"),
    }
}

fn make_person(
    folder: &Folder,
    module: &Module,
    sub: &Authority,
    figure: Figure,
    (serial, kind): (u64, KeyKind),
    now: Timestamp,
) -> anyhow::Result<Made> {
    let label: TokenLabel = figure.username.parse()?;
    let pin = draw_pin(8)?;
    // Nobody keeps the officer's PIN of a member's token: it would open the key too.
    let officers = Zeroizing::new(draw_word(SO_PIN_LETTERS)?);
    module.provision(&label, &Pin::parse(&officers)?, &Pin::parse(&pin)?)?;
    let personal = module.personal(PersonalConfig { n_workers: 1, ..PersonalConfig::default() })?;
    let public = personal.generate_key_pair(&label, &Pin::parse(&pin)?, &KEY.parse()?, kind)?;
    let validity = Validity::days(now.plus_seconds(-60), VALID_DAYS);
    let subject = Subject::named(&format!("{} (THỬ NGHIỆM)", figure.name));
    let certificate = sub.issue_signer(public.as_bytes(), &subject, serial, validity, Profile::Person)?;
    let card_password = draw_word(12)?;
    let tls = Authority::from_pem(&fs::read(folder.path("secrets/tls-ca.pem"))?)?;
    let (card, p12) = tls.issue_client_p12(&subject, &card_password, validity)?;
    let card_path = folder.write_secret(&format!("cards/{}.p12", figure.username), &p12)?;
    let mut totp_secret = Zeroizing::new(vec![0; totp::SECRET_BYTES]);
    getrandom::fill(&mut totp_secret).context("random bytes")?;
    let account = Account {
        username: figure.username.clone(),
        name: figure.name.clone(),
        role: figure.role.name().to_owned(),
        password: draw_word(16)?,
        totp_secret: totp::base32(&totp_secret),
        pin: pin.to_string(),
        card_p12: card_path.display().to_string(),
        card_p12_password: card_password,
    };
    Ok(Made { figure, account, totp_secret, certificate, card })
}

/// More than 128 bits.
const SO_PIN_LETTERS: usize = 26;

/// Label of a person's signing key on his token.
const KEY: &str = "signature";

fn people(made: Vec<Made>, mut hashes: Hashes) -> anyhow::Result<Vec<NewPerson>> {
    let ids: BTreeMap<_, _> =
        made.iter().map(|made| (made.figure.username.clone(), Id::from_uuid(Uuid::now_v7()))).collect();
    made.into_iter()
        .zip(0..)
        .map(|(made, rank)| {
            let username = made.figure.username.clone();
            let id = ids.get(&username).copied().context("an id for everybody")?;
            let assists =
                (made.figure.role == cabinet::Role::Assistant).then(|| ids.get(ASSISTED).copied()).flatten();
            Ok(NewPerson {
                id,
                roles: made.figure.roles(),
                name: made.figure.name,
                position: made.figure.position,
                unit: made.figure.unit,
                assists,
                password_phc: hashes.remove(&username).context("a hash for everybody")?,
                totp_secret: made.totp_secret,
                token: username.parse()?,
                key: KEY.parse()?,
                certificate: made.certificate,
                card: Some(made.card),
                rank,
                username,
            })
        })
        .collect()
}

fn draw_pin(n_digits: usize) -> anyhow::Result<Zeroizing<String>> {
    Ok(Zeroizing::new(draw(n_digits, b"0123456789")?))
}

/// A word without letters that look alike.
fn draw_word(n_letters: usize) -> anyhow::Result<String> {
    draw(n_letters, b"abcdefghjkmnpqrstuvwxyz23456789")
}

/// Draws letters evenly: bytes beyond the last whole round of the alphabet are thrown away.
fn draw(n: usize, alphabet: &[u8]) -> anyhow::Result<String> {
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::new();
    while text.len() < n {
        let mut byte = [0; 1];
        getrandom::fill(&mut byte).context("random bytes")?;
        let value = usize::from(byte[0]);
        if value < fair {
            text.extend(alphabet.get(value % alphabet.len()).copied().map(char::from));
        }
    }
    Ok(text)
}
