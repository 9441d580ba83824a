//! A TEST world with clocks: time-stamps, revocation lists, answers, and documents of every level.

use std::collections::BTreeMap;

use cabinet::Timestamp;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use signing::authority::{Authority, Profile, Subject, Validity};
use signing::ocsp::{self, IdHash, Reply, Responder};
use signing::pades::{self, DocMdp, Dss, Room, SignRequest, Vri};
use signing::register::Register;
use signing::timestamp::{Accuracy, Answer, Policy, Request, Settings, Token, respond, verify_response};
use signing::{Certificate, Hash, Imprint, SignatureAlgorithm, TrustStore, cades};

use crate::world::{self, NOW, Person};

pub(crate) const POLICY: &str = "1.3.6.1.4.1.99999.1";
/// How long certificates of signers are valid, in days.
pub(crate) const SIGNER_DAYS: i64 = 730;
/// How long the first time-stamping authority's certificate is valid, in days.
pub(crate) const CLOCK_DAYS: i64 = 1460;
/// How long the second one's is, in days.
pub(crate) const LATE_CLOCK_DAYS: i64 = 3650;

/// Noon on a day of this world; its certificates begin at the end of day 0.
pub(crate) fn day(number: i64) -> Timestamp {
    NOW.plus_seconds(number * 86_400)
}

/// What the authorities know about their certificates.
#[derive(Clone, Default)]
pub(crate) struct Registers {
    pub(crate) root: Register,
    pub(crate) sub: Register,
    pub(crate) clocks: Register,
}

pub(crate) struct Lasting {
    pub(crate) root: Authority,
    pub(crate) sub: Authority,
    pub(crate) clocks: Authority,
    pub(crate) leader: Person,
    pub(crate) organisation: Person,
    pub(crate) clock: Person,
    pub(crate) late_clock: Person,
    pub(crate) responder: Person,
    pub(crate) registers: Registers,
}

/// How a signature is made.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) field: &'a str,
    /// When the signer says that he signs.
    pub(crate) at: Timestamp,
    pub(crate) certify: Option<DocMdp>,
    pub(crate) algorithm: Option<SignatureAlgorithm>,
    /// Who stamps the signature, and when by his clock.
    pub(crate) stamp: Option<(&'a Person, Timestamp)>,
}

impl Step<'_> {
    pub(crate) const fn plain(field: &'static str, at: Timestamp) -> Step<'static> {
        Step { field, at, certify: None, algorithm: None, stamp: None }
    }
}

pub(crate) fn rsa_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

impl Lasting {
    pub(crate) fn new() -> Self {
        let root = Authority::create_root("TEST lasting root", NOW).unwrap();
        let sub = root.create_sub("TEST lasting signing CA", NOW).unwrap();
        let clocks = root.create_sub("TEST lasting time-stamping CA", NOW).unwrap();
        let mut registers = Registers::default();
        for authority in [&sub, &clocks] {
            registers.root.issued(authority.certificate());
        }
        let person = |authority: &Authority, key: PKey<Private>, name: &str, serial, n_days, profile| {
            let spki = key.public_key_to_der().unwrap();
            let validity = Validity::days(NOW, n_days);
            let certificate =
                authority.issue_signer(&spki, &Subject::named(name), serial, validity, profile).unwrap();
            Person { key, certificate }
        };
        let ec = world::ec_key;
        let leader = person(&sub, ec(), "Người ký (THỬ NGHIỆM)", 1001, SIGNER_DAYS, Profile::Person);
        let organisation =
            person(&sub, rsa_key(), "Cơ quan (THỬ NGHIỆM)", 1002, SIGNER_DAYS, Profile::Organisation);
        let responder =
            person(&sub, ec(), "TEST lasting OCSP", 1003, LATE_CLOCK_DAYS, Profile::OcspResponder);
        let clock = person(&clocks, ec(), "TEST clock", 2001, CLOCK_DAYS, Profile::TimeStamping);
        let late_clock =
            person(&clocks, ec(), "TEST late clock", 2002, LATE_CLOCK_DAYS, Profile::TimeStamping);
        for person in [&leader, &organisation, &responder] {
            registers.sub.issued(&person.certificate);
        }
        for person in [&clock, &late_clock] {
            registers.clocks.issued(&person.certificate);
        }
        Self { root, sub, clocks, leader, organisation, clock, late_clock, responder, registers }
    }

    pub(crate) fn trust(&self) -> TrustStore {
        TrustStore::new(vec![self.root.certificate().clone()])
    }

    pub(crate) fn paper() -> Vec<u8> {
        pades::add_fields(&world::paper("Nghi quyet"), &world::fields()).unwrap()
    }

    /// Certifies one more signer.
    pub(crate) fn certify(&mut self, key: PKey<Private>, name: &str, serial: u64) -> Person {
        let (spki, validity) = (key.public_key_to_der().unwrap(), Validity::days(NOW, SIGNER_DAYS));
        let (subject, profile) = (Subject::named(name), Profile::Person);
        let certificate = self.sub.issue_signer(&spki, &subject, serial, validity, profile).unwrap();
        self.registers.sub.issued(&certificate);
        Person { key, certificate }
    }

    fn chain(authority: &Authority) -> Vec<Certificate> {
        vec![authority.certificate().clone()]
    }

    /// The answer of a time-stamping authority to a request, at `at` by its clock.
    pub(crate) fn answer(&self, clock: &Person, request: &[u8], at: Timestamp) -> Vec<u8> {
        let settings = Settings::verify(
            &clock.certificate,
            &Self::chain(&self.clocks),
            Policy::parse(POLICY).unwrap(),
            Accuracy::from_micros(500_000),
            &[Hash::Sha256],
        );
        let serial = u128::try_from(at.as_micros()).unwrap();
        let Answer::ToSign(prepared) = respond(request, &settings.unwrap(), serial, at) else {
            panic!("rejected")
        };
        let raw = world::sign_raw(&clock.key, prepared.algorithm(), prepared.to_sign());
        prepared.embed(&raw).unwrap()
    }

    pub(crate) fn token(&self, clock: &Person, imprint: Imprint, at: Timestamp) -> Token {
        let request = Request::new(imprint, [7; 16]);
        verify_response(&request, &self.answer(clock, &request.to_der(), at), &[]).unwrap()
    }

    /// Prepares, signs outside, stamps if asked, embeds.
    pub(crate) fn sign(&self, pdf: &[u8], signer: &Person, step: Step<'_>) -> Vec<u8> {
        let chain = Self::chain(&self.sub);
        let mut request = SignRequest::new(step.field, signer.certificate.clone(), chain, step.at);
        request.appearance = Some(pades::Appearance::image_png(&world::disc([0, 0, 200])).unwrap());
        (request.certify, request.algorithm) = (step.certify, step.algorithm);
        request.room = Room::TIMESTAMPED;
        let prepared = pades::prepare(pdf, &request).unwrap();
        let raw = world::sign_raw(&signer.key, prepared.algorithm(), prepared.signed_attributes());
        let Some((clock, at)) = step.stamp else { return prepared.embed(&raw).unwrap() };
        let cms = prepared.cms(&raw).unwrap();
        let cms = cades::add_timestamp(&cms, &self.token_over(clock, &cms, at)).unwrap();
        prepared.embed_cms(&cms).unwrap()
    }

    /// A time-stamp over the signature value of a CMS.
    pub(crate) fn token_over(&self, clock: &Person, cms: &[u8], at: Timestamp) -> Token {
        let value = cades::signature_value(cms).unwrap();
        self.token(clock, Imprint::of(Hash::Sha256, value).unwrap(), at)
    }

    /// Fresh revocation lists of all authorities, as these registers stand.
    pub(crate) fn lists(&self, registers: &Registers, at: Timestamp) -> Vec<Vec<u8>> {
        vec![
            self.root.crl_of(&registers.root, at).unwrap(),
            self.sub.crl_of(&registers.sub, at).unwrap(),
            self.clocks.crl_of(&registers.clocks, at).unwrap(),
        ]
    }

    /// All certificates between signers and anchor, and the lists of that day.
    pub(crate) fn evidence(&self, registers: &Registers, at: Timestamp) -> Dss {
        let certificates = [&self.sub, &self.clocks, &self.root]
            .map(|authority| authority.certificate().to_der().to_vec())
            .to_vec();
        Dss { certificates, crls: self.lists(registers, at), ..Dss::default() }
    }

    /// An answer of the signing CA's responder about one of its certificates.
    pub(crate) fn ocsp(&self, about: &Certificate, registers: &Registers, at: Timestamp) -> Vec<u8> {
        let issuer = self.sub.certificate();
        let request = ocsp::request(about, issuer, IdHash::Sha256, None).unwrap();
        let certificate = &self.responder.certificate;
        let responder = Responder { certificate, issuer, now: at, validity_s: 86_400 };
        let reply = ocsp::respond(&request, &responder, |serial| registers.sub.status(serial)).unwrap();
        let Reply::ToSign(prepared) = reply else { panic!("an error") };
        let raw = world::sign_raw(&self.responder.key, prepared.algorithm(), prepared.to_sign());
        prepared.embed(&raw).unwrap()
    }

    /// Appends the store, with what is in it also named for each signature.
    pub(crate) fn keep(pdf: &[u8], dss: &Dss) -> Vec<u8> {
        let part =
            Vri { certificates: dss.certificates.clone(), crls: dss.crls.clone(), ocsps: dss.ocsps.clone() };
        let keys = pades::signature_keys(pdf).unwrap();
        let vri: BTreeMap<_, _> = keys.into_iter().map(|(_, key)| (key, part.clone())).collect();
        pades::append_dss(pdf, &Dss { vri, ..dss.clone() }).unwrap()
    }

    /// Appends a document time-stamp.
    pub(crate) fn archive(&self, pdf: &[u8], clock: &Person, at: Timestamp) -> Vec<u8> {
        let prepared = pades::prepare_document_timestamp(pdf, Room::TIMESTAMPED).unwrap();
        let imprint = prepared.imprint().clone();
        prepared.embed(self.token(clock, imprint, at).to_der()).unwrap()
    }
}
