//! Validation with its report, of levels B-B and B-LTA.

use anyhow::{Context as _, ensure};
use hsm::ToSign;
use signing::authority::Profile;
use signing::pades::{self, Dss, Room};
use signing::timestamp::{Accuracy, Answer, Policy, Request, Settings, Token, respond, verify_response};
use signing::validation::{Context, RevocationRule, validate_in, validate_pdf};
use signing::{Hash, Imprint, cades};

use crate::peers;
use crate::report::{Goal, Row};
use crate::signatures::{PAPER, sign};
use crate::watch::{Scale, rate};
use crate::world::{Kind, Signer, World};

pub(crate) fn rows(world: &World, scale: Scale) -> anyhow::Result<Vec<Row>> {
    let pool = world.pool(1)?;
    let signer = Signer::new(world, &pool, Kind::P256)?;
    let pdf = PAPER.reserved()?;
    let signed = sign(&signer, &pdf, &world.request(&signer.certificate))?;
    let path = world.at("signed-small.pdf");
    std::fs::write(&path, &signed)?;
    let peer = peers::pyhanko_validates(world, scale, &path)?;
    let validate = || {
        let report = validate_pdf(&signed, Some(&world.trust), world.now)?;
        ensure!(report.is_passed(), "not passed: {report:?}");
        Ok(())
    };
    let ours = rate(scale, 1, &validate)?;
    let two = rate(scale, 2, &validate)?;
    let archived = archived(world, &signer, &pdf)?;
    let context =
        Context { revocation: RevocationRule::Required, ..Context::at(Some(&world.trust), world.now) };
    let lta = rate(scale, 1, &|| {
        let report = validate_in(&archived, &context)?;
        ensure!(report.is_passed(), "not passed: {report:?}");
        Ok(())
    })?;
    let limit = format!(
        "one SHA-256 of the file and one ECDSA check, the chain's being known; processor: {:.3} ms each; two threads: {:.0}/s",
        ours.cpu_ms, two.per_second
    );
    let name = "validation with report, 137 kB, B-B, P-256, one thread";
    Ok(vec![
        Row::new(name, ours.per_second, "1/s").goal(Goal::AtLeast(1000.0)).limit(limit),
        Row::new(format!("{name}, beside pyHanko"), ours.per_second, "1/s")
            .beside(&peer.name, peer.per_second)
            .goal(Goal::RatioAtLeast(10.0))
            .limit("the chain is the same in both; pyHanko keeps one validation context"),
        Row::new("validation with report, 137 kB, B-LTA, P-256, one thread", lta.per_second, "1/s").limit(
            format!(
                "two SHA-256 of the file, two time-stamps and two revocation lists more; revocation required; processor: {:.3} ms each",
                lta.cpu_ms
            ),
        ),
    ])
}

/// The paper at level B-LTA.
fn archived(world: &World, signer: &Signer, pdf: &[u8]) -> anyhow::Result<Vec<u8>> {
    let stamp = Stamp::new(world, signer)?;
    let mut request = world.request(&signer.certificate);
    request.room = Room::TIMESTAMPED;
    let prepared = pades::prepare(pdf, &request)?;
    let cms = prepared.cms(&signer.sign(&prepared.digest())?)?;
    let value = Imprint::of(Hash::Sha256, cades::signature_value(&cms)?)?;
    let stamped = prepared.embed_cms(&cades::add_timestamp(&cms, &stamp.token(value)?)?)?;
    let dss = Dss {
        certificates: vec![
            world.sub.certificate().to_der().to_vec(),
            world.root.certificate().to_der().to_vec(),
        ],
        crls: vec![world.sub.crl(world.now)?, world.root.crl(world.now)?],
        ..Dss::default()
    };
    let kept = pades::append_dss(&stamped, &dss)?;
    let reserved = pades::prepare_document_timestamp(&kept, Room::TIMESTAMPED)?;
    let covered = reserved.imprint().clone();
    Ok(reserved.embed(stamp.token(covered)?.to_der())?)
}

/// A time-stamping authority whose key is in the signer's token.
pub(crate) struct Stamp<'a> {
    pub(crate) settings: Settings,
    signer: &'a Signer,
    world: &'a World,
}

impl<'a> Stamp<'a> {
    pub(crate) fn new(world: &'a World, signer: &'a Signer) -> anyhow::Result<Self> {
        let key = signer.pool.public_key(&signer.label)?;
        let certificate = world.certify(&key, "TEST time-stamping authority", Profile::TimeStamping)?;
        let policy = Policy::parse("1.3.6.1.4.1.99999.1").ok().context("a policy")?;
        let (chain, accuracy) = (world.chain(), Accuracy::from_micros(500_000));
        let settings = Settings::verify(&certificate, &chain, policy, accuracy, &[Hash::Sha256])?;
        Ok(Self { settings, signer, world })
    }

    /// The answer to a request.
    pub(crate) fn answer(&self, request: &[u8], serial: u128) -> anyhow::Result<Vec<u8>> {
        match respond(request, &self.settings, serial, self.world.now) {
            Answer::ToSign(prepared) => {
                let digest = cabinet::Digest::of(prepared.to_sign());
                let signer = self.signer;
                let raw = signer.pool.sign(&signer.label, ToSign::Digest(&digest), signer.kind.scheme())?;
                Ok(prepared.embed(raw.as_bytes())?)
            }
            Answer::Rejected(rejection) => anyhow::bail!("{rejection}"),
        }
    }

    fn token(&self, imprint: Imprint) -> anyhow::Result<Token> {
        let request = Request::new(imprint, [7; 16]);
        Ok(verify_response(&request, &self.answer(&request.to_der(), 1)?, &[])?)
    }
}
