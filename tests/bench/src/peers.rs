//! pyHanko and OpenSSL, run beside us.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use signing::authority::Profile;

use crate::watch::Scale;
use crate::world::{Kind, World, run};

/// What a peer reached.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) per_second: f64,
}

/// How many of these signatures a second pyHanko makes with a software key.
pub(crate) fn pyhanko_signs(world: &World, scale: Scale, pdf: &Path, kind: Kind) -> anyhow::Result<Peer> {
    let key = match kind {
        Kind::P256 => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            PKey::from_ec_key(EcKey::generate(&group)?)?
        }
        Kind::Rsa2048 => PKey::from_rsa(Rsa::generate(2048)?)?,
    };
    let signer = world.certify_spki(&key.public_key_to_der()?, "TEST peer", Profile::Organisation)?;
    std::fs::write(world.at("peer.key"), key.private_key_to_pem_pkcs8()?)?;
    std::fs::write(world.at("peer.pem"), signer.to_pem())?;
    let files = [pdf.to_owned(), world.at("peer.key"), world.at("peer.pem"), world.at("chain.pem")];
    pyhanko(scale, Command::new(python()?).arg(script()).arg("sign").args(files))
}

/// How many validations of this signed PDF a second pyHanko does.
pub(crate) fn pyhanko_validates(world: &World, scale: Scale, pdf: &Path) -> anyhow::Result<Peer> {
    let files = [pdf.to_owned(), world.at("root.pem")];
    pyhanko(scale, Command::new(python()?).arg(script()).arg("validate").args(files))
}

/// How many time-stamps a second the `openssl` tool makes, a process each, with a software key.
pub(crate) fn openssl_stamps(world: &World, scale: Scale, request: &[u8]) -> anyhow::Result<Peer> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let signer = world.certify_spki(&key.public_key_to_der()?, "TEST peer", Profile::TimeStamping)?;
    std::fs::write(world.at("tsa.key"), key.private_key_to_pem_pkcs8()?)?;
    std::fs::write(world.at("tsa.pem"), signer.to_pem())?;
    std::fs::write(world.at("query"), request)?;
    std::fs::write(world.at("serial"), "0A\n")?;
    let config = "[tsa]\nserial = serial\ncrypto_device = builtin\nsigner_cert = tsa.pem\ncerts = chain.pem\n\
                  signer_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.3.6.1.4.1.99999.1\n\
                  digests = sha256\nordering = yes\ness_cert_id_chain = no\ness_cert_id_alg = sha256\n";
    std::fs::write(world.at("tsa.conf"), config)?;
    let once = || {
        let arguments = ["ts", "-reply", "-config", "tsa.conf", "-section", "tsa", "-queryfile", "query"];
        let mut command = Command::new("openssl");
        run(command.args(arguments).args(["-out", "reply"]).current_dir(&world.folder)).map(drop)
    };
    let per_second = crate::watch::rate(scale, 1, &once)?.per_second;
    Ok(Peer { name: "openssl ts -reply, a process each".to_owned(), per_second })
}

fn pyhanko(scale: Scale, command: &mut Command) -> anyhow::Result<Peer> {
    let said = run(command.arg(scale.pick("4", "0.01")))?;
    let said: serde_json::Value = serde_json::from_str(&said)?;
    let name = said["name"].as_str().context("the peer has no name")?;
    Ok(Peer { name: name.to_owned(), per_second: said["rate"].as_f64().context("the peer has no rate")? })
}

/// The Python of `tests/scripts/pyhanko`.
fn python() -> anyhow::Result<String> {
    let home = std::env::var("HOME").context("HOME is not set")?;
    let python = format!("{home}/.cache/ecabinet/pyhanko/bin/python");
    anyhow::ensure!(Path::new(&python).exists(), "pyHanko is not there: run tests/scripts/pyhanko");
    Ok(python)
}

const fn script() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/peer.py")
}
