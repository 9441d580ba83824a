//! OpenSSL asks and judges our time-stamps, and we judge OpenSSL's.

use std::path::{Path, PathBuf};
use std::process::Command;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use signing::authority::{Profile, Subject, Validity};
use signing::timestamp::{
    Accuracy, Answer, Failure, Integer, Policy, Reference, Rejection, Request, Response, ResponseError,
    Settings, Token, TokenError, respond, verify_response,
};
use signing::{Certificate, Hash, Imprint, Invalid, cades};

use crate::world::{self, NOW, Person, World};

const POLICY: &str = "1.3.6.1.4.1.99999.1";
const PAPER: &[u8] = "nghị quyết".as_bytes();

/// A time-stamping authority under the TEST world's, and a folder for what OpenSSL reads and writes.
struct Clock {
    world: World,
    authority: Person,
    folder: tempfile::TempDir,
}

impl Clock {
    fn new(key: PKey<Private>) -> Self {
        let world = World::new();
        let spki = key.public_key_to_der().unwrap();
        let subject = Subject::named("TEST time-stamping authority");
        let (validity, profile) = (Validity::days(NOW, 3 * 365), Profile::TimeStamping);
        let certificate = world.sub.issue_signer(&spki, &subject, 77, validity, profile).unwrap();
        let clock =
            Self { world, authority: Person { key, certificate }, folder: tempfile::tempdir().unwrap() };
        clock.file("root.pem", clock.world.root.certificate().to_pem().as_bytes());
        clock.file("paper", PAPER);
        clock
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn settings(&self) -> Settings {
        let (chain, accuracy) = (self.world.chain(), Accuracy::from_micros(500_000));
        let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
        Settings::verify(
            &self.authority.certificate,
            &chain,
            Policy::parse(POLICY).unwrap(),
            accuracy,
            &hashes,
        )
        .unwrap()
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        // 0.1 s after: a fraction with zeros at its end.
        let now = cabinet::Timestamp::from_micros(NOW.as_micros() + 100_000);
        match respond(request, &self.settings(), 0x8000_0001, now) {
            Answer::ToSign(prepared) => {
                let raw = world::sign_raw(&self.authority.key, prepared.algorithm(), prepared.to_sign());
                prepared.embed(&raw).unwrap()
            }
            Answer::Rejected(rejection) => panic!("{rejection}"),
        }
    }

    fn rejection(&self, request: &[u8]) -> Rejection {
        match respond(request, &self.settings(), 1, NOW) {
            Answer::ToSign(_) => panic!("not rejected"),
            Answer::Rejected(rejection) => rejection,
        }
    }

    /// OpenSSL's time-stamping tool, in the folder.
    fn openssl(&self, arguments: &[&str]) -> (String, bool) {
        let (says, output) =
            world::judge(Command::new("openssl").arg("ts").args(arguments).current_dir(self.folder.path()));
        (says, output.status.success())
    }

    fn openssl_asks(&self, arguments: &[&str]) -> Vec<u8> {
        let (says, done) =
            self.openssl(&[&["-query", "-data", "paper", "-out", "query"], arguments].concat());
        assert!(done, "{says}");
        std::fs::read(self.folder.path().join("query")).unwrap()
    }

    fn openssl_verifies(&self, query: &[u8], answer: &[u8]) -> (String, bool) {
        self.file("query", query);
        self.file("answer", answer);
        let known = [&self.authority.certificate, self.world.sub.certificate()].map(Certificate::to_pem);
        self.file("known.pem", known.concat().as_bytes());
        let untrusted = ["-untrusted", "known.pem"];
        self.openssl(
            &[&["-verify", "-queryfile", "query", "-in", "answer", "-CAfile", "root.pem"][..], &untrusted]
                .concat(),
        )
    }

    /// OpenSSL as the authority.
    fn openssl_answers(&self, query: &[u8], ess_hash: &str) -> Vec<u8> {
        self.file("query", query);
        self.file("serial", b"0A\n");
        self.file("tsa.pem", self.authority.certificate.to_pem().as_bytes());
        self.file("chain.pem", self.world.sub.certificate().to_pem().as_bytes());
        self.file("key.pem", &self.authority.key.private_key_to_pem_pkcs8().unwrap());
        let config = format!(
            "[tsa]\nserial = serial\ncrypto_device = builtin\nsigner_cert = tsa.pem\ncerts = chain.pem\n\
             signer_key = key.pem\nsigner_digest = sha256\ndefault_policy = {POLICY}\ndigests = sha256, sha512\n\
             accuracy = secs:1, millisecs:500, microsecs:100\nclock_precision_digits = 6\nordering = yes\n\
             tsa_name = yes\ness_cert_id_chain = yes\ness_cert_id_alg = {ess_hash}\n"
        );
        self.file("config", config.as_bytes());
        let (says, done) = self.openssl(&[
            "-reply",
            "-config",
            "config",
            "-section",
            "tsa",
            "-queryfile",
            "query",
            "-out",
            "answer",
        ]);
        assert!(done, "{says}");
        std::fs::read(self.folder.path().join("answer")).unwrap()
    }
}

fn request(hash: Hash) -> Request {
    Request::new(Imprint::of(hash, PAPER).unwrap(), [0xe1; 16])
}

fn p384_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A request whose nonce is a negative number.
fn negative_request() -> (Vec<u8>, Request) {
    let mut der = request(Hash::Sha256).to_der();
    let at = der.windows(3).position(|window| window == [17, 0, 0xe1]).unwrap() + 1;
    der[at] = 0xb3;
    let parsed = Request::parse(&der).unwrap();
    assert_eq!(parsed.to_der(), der);
    (der, parsed)
}

#[test]
fn openssl_verifies_our_time_stamps() {
    let rsa = || PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    for key in [world::ec_key(), p384_key(), rsa()] {
        let clock = Clock::new(key);
        for arguments in [&["-sha256", "-cert"][..], &["-sha384"], &["-sha512", "-no_nonce", "-cert"]] {
            let query = clock.openssl_asks(arguments);
            let answer = clock.answer(&query);
            let imprint = &query[5..7 + usize::from(query[6])];
            assert!(answer.windows(imprint.len()).any(|window| window == imprint), "echoed as sent");
            let (says, accepted) = clock.openssl_verifies(&query, &answer);
            assert!(accepted, "{arguments:?}: {says}");
            let (text, _) = clock.openssl(&["-reply", "-in", "answer", "-text"]);
            for line in
                ["Jun  7 09:05:31.1 2026 GMT", "0x80000001", "0x01F4 millis", "Ordering: no", "Granted"]
            {
                assert!(text.contains(line), "{line} in {text}");
            }
            let (says, accepted) = clock.openssl_verifies(&clock.openssl_asks(arguments), &answer);
            assert_eq!(accepted, arguments.contains(&"-no_nonce"), "an answer to another request: {says}");
        }
        let (negative, request) = negative_request();
        let answer = clock.answer(&negative);
        let (says, accepted) = clock.openssl_verifies(&negative, &answer);
        assert!(accepted, "{says}");
        assert_eq!(verify_response(&request, &answer, &[]).unwrap().info().nonce, request.nonce);
    }
}

#[test]
fn time_stamps_of_openssl_are_accepted() {
    let clock = Clock::new(world::ec_key());
    let (_, negative) = negative_request();
    for (ess_hash, reference) in
        [("sha1", Reference::Sha1), ("sha256", Reference::Strong), ("sha512", Reference::Strong)]
    {
        for request in [request(Hash::Sha256), request(Hash::Sha512), negative.clone()] {
            let answer = clock.openssl_answers(&request.to_der(), ess_hash);
            let token = verify_response(&request, &answer, &[]).unwrap();
            token.verify_imprint(PAPER).unwrap();
            assert_eq!(token.reference(), reference);
            assert_eq!(*token.authority(), clock.authority.certificate);
            assert_eq!(token.info().policy.to_string(), POLICY);
            assert_eq!(token.info().serial.to_string(), "0b");
            assert_eq!(token.info().accuracy.map(Accuracy::as_micros), Some(1_500_100));
            let path = token.verify_path(&clock.world.trust(), token.info().gen_time).unwrap();
            assert_eq!(path.len(), 3);
        }
    }
    let refused = clock.openssl_answers(&request(Hash::Sha384).to_der(), "sha256");
    let Err(ResponseError::Refused(rejection)) = verify_response(&request(Hash::Sha384), &refused, &[])
    else {
        panic!("OpenSSL was told to refuse SHA-384");
    };
    assert_eq!(rejection.failure, Some(Failure::BadAlg));
}

#[test]
fn the_published_samples_are_read_and_refused_for_sha1() {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("ECABINET_DATA").map_or(default, PathBuf::from).join("rfc3161");
    let clock = Clock::new(world::ec_key());
    for name in ["sample", "sample-certreq"] {
        let query = std::fs::read(data.join(name).with_extension("tsq")).unwrap();
        assert_eq!(Request::parse(&query).unwrap_err().failure, Some(Failure::BadAlg), "{name}");
        assert_eq!(clock.rejection(&query).failure, Some(Failure::BadAlg), "{name}");
        let answer = std::fs::read(data.join(name).with_extension("tsr")).unwrap();
        let Response::Granted(token) = Response::parse(&answer).unwrap() else { panic!("{name}") };
        let sha1 = Invalid::Algorithm("1.3.14.3.2.26".to_owned());
        assert_eq!(Token::verify(token, &[]).unwrap_err(), TokenError::Invalid(sha1), "{name}");
    }
}

#[test]
fn no_byte_of_a_time_stamp_is_free() {
    let clock = Clock::new(world::ec_key());
    let request = request(Hash::Sha256);
    let trust = clock.world.trust();
    let accepts = |token: &[u8]| {
        let Ok(token) = Token::verify(token, &[]) else { return false };
        token.verify_imprint(PAPER).is_ok() && token.verify_path(&trust, NOW).is_ok()
    };
    let by_openssl = clock.openssl_answers(&request.to_der(), "sha256");
    for answer in [clock.answer(&request.to_der()), by_openssl] {
        let Response::Granted(token) = Response::parse(&answer).unwrap() else { panic!() };
        assert!(accepts(token));
        let mut token = token.to_vec();
        for at in 0..token.len() {
            for mask in [0x01, 0x20, 0xff] {
                token[at] ^= mask;
                assert!(!accepts(&token), "byte {at} mask {mask:#x}");
                token[at] ^= mask;
            }
        }
        for len in 0..token.len() {
            assert!(!accepts(&token[..len]), "{len} bytes");
        }
        assert!(!accepts(&[token.as_slice(), &[0]].concat()));
        assert!(accepts(&token));
    }
}

#[test]
fn bad_requests_are_rejected_with_the_reason() {
    let clock = Clock::new(world::ec_key());
    let good = request(Hash::Sha256).to_der();
    let edited = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|window| window == from).unwrap();
        [&good[..at], to, &good[at + from.len()..]].concat()
    };
    let policy = Request { policy: Some(Policy::parse("1.2.3").unwrap()), ..request(Hash::Sha256) };
    let mut extended = [&good[..], &[0xa0, 2, 0x30, 0]].concat();
    extended[1] += 4;
    for (why, query, failure, says) in [
        ("empty", vec![], Failure::BadDataFormat, "wrong format"),
        ("no DER", b"hello".to_vec(), Failure::BadDataFormat, "wrong format"),
        ("cut", good[..good.len() - 1].to_vec(), Failure::BadDataFormat, "wrong format"),
        ("longer", [&good[..], &[0]].concat(), Failure::BadDataFormat, "wrong format"),
        ("huge", vec![0x30; 1 << 20], Failure::BadDataFormat, "wrong format"),
        ("version", edited(&[2, 1, 1], &[2, 1, 2]), Failure::BadRequest, "not permitted or supported"),
        ("SHA-224", edited(&[3, 4, 2, 1, 4], &[3, 4, 2, 4, 4]), Failure::BadAlg, "algorithm identifier"),
        ("length", edited(&[3, 4, 2, 1, 4], &[3, 4, 2, 2, 4]), Failure::BadDataFormat, "wrong format"),
        ("nonce", edited(&[2, 17, 0, 0xe1], &[2, 17, 0, 0x61]), Failure::BadDataFormat, "wrong format"),
        ("boolean", edited(&[1, 1, 0xff], &[1, 1, 1]), Failure::BadDataFormat, "wrong format"),
        ("policy", policy.to_der(), Failure::UnacceptedPolicy, "policy is not supported"),
        ("extension", extended, Failure::UnacceptedExtension, "extension is not supported"),
    ] {
        let rejection = clock.rejection(&query);
        assert_eq!(rejection.failure, Some(failure), "{why}");
        let answer = rejection.to_der();
        assert_eq!(Response::parse(&answer), Ok(Response::Rejected(rejection.clone())), "{why}");
        let error = verify_response(&request(Hash::Sha256), &answer, &[]).unwrap_err();
        assert_eq!(error, ResponseError::Refused(rejection), "{why}");
        clock.file("answer", &answer);
        let (text, _) = clock.openssl(&["-reply", "-in", "answer", "-text"]);
        assert!(text.contains("Rejected") && text.contains(says), "{why}: {text}");
    }
    let later = Rejection::new(Failure::SystemFailure, "token down").to_der();
    let error = verify_response(&request(Hash::Sha256), &later, &[]).unwrap_err();
    assert!(matches!(error, ResponseError::Unavailable(_)), "{error}");
    let page = verify_response(&request(Hash::Sha256), b"<html>", &[]).unwrap_err();
    assert!(matches!(page, ResponseError::NoAnswer(_)), "{page}");
    for len in 0..good.len() {
        clock.rejection(&good[..len]);
    }
    assert_eq!(Integer::from_unsigned(&[0xe1]).to_string(), "00e1");
}

#[test]
fn openssl_accepts_time_stamped_signatures_by_its_cades_rules() {
    let clock = Clock::new(world::ec_key());
    let world = &clock.world;
    let stamp = |cms: &[u8]| {
        let value = cades::signature_value(cms).unwrap();
        let request = Request::new(Imprint::of(Hash::Sha256, value).unwrap(), [1; 16]);
        verify_response(&request, &clock.answer(&request.to_der()), &[]).unwrap()
    };
    for person in [&world.leader, &world.organisation] {
        for attached in [false, true] {
            let prepare = if attached { cades::prepare_attached } else { cades::prepare_content };
            let prepared = prepare(PAPER, &person.certificate, &world.chain(), NOW).unwrap();
            let raw = world::sign_raw(&person.key, prepared.algorithm(), prepared.signed_attributes());
            let plain = prepared.embed(&raw).unwrap();
            let stamped = cades::add_timestamp(&plain, &stamp(&plain)).unwrap();
            for (cms, n_stamps) in [(&plain, 0), (&stamped, 1)] {
                clock.file("signature", cms);
                let mut command = Command::new("openssl");
                command.current_dir(clock.folder.path()).args(["cms", "-verify", "-cades", "-binary"]);
                command.args([
                    "-inform",
                    "DER",
                    "-in",
                    "signature",
                    "-CAfile",
                    "root.pem",
                    "-out",
                    "content",
                ]);
                if !attached {
                    command.args(["-content", "paper"]);
                }
                let (says, output) = world::judge(&mut command);
                assert!(output.status.success(), "{says}");
                assert_eq!(std::fs::read(clock.folder.path().join("content")).unwrap(), PAPER);
                let verified = if attached {
                    let (verified, content) = cades::verify_attached(cms, &world.trust(), NOW).unwrap();
                    assert_eq!(content, PAPER);
                    verified
                } else {
                    cades::verify_content(cms, PAPER, &world.trust(), NOW).unwrap()
                };
                assert_eq!(verified.signer, person.certificate);
                assert_eq!(verified.time_stamps.len(), n_stamps);
                assert_eq!(cades::time_stamps(cms).unwrap().len(), n_stamps);
            }
        }
    }
}

#[test]
fn no_byte_of_a_time_stamped_ballot_is_free() {
    let clock = Clock::new(world::ec_key());
    let (world, trust) = (&clock.world, clock.world.trust());
    let sign = || {
        let prepared = cades::prepare_content(PAPER, &world.leader.certificate, &world.chain(), NOW).unwrap();
        let raw = world::sign_raw(&world.leader.key, prepared.algorithm(), prepared.signed_attributes());
        prepared.embed(&raw).unwrap()
    };
    let plain = sign();
    let stamp = |cms: &[u8], nonce: u8| {
        let imprint = Imprint::of(Hash::Sha256, cades::signature_value(cms).unwrap()).unwrap();
        let request = Request::new(imprint, [nonce; 16]);
        verify_response(&request, &clock.answer(&request.to_der()), &[]).unwrap()
    };
    let token = stamp(&plain, 1);
    let mut cms = cades::add_timestamp(&plain, &token).unwrap();
    let accepts = |cms: &[u8]| {
        cades::verify_content(cms, PAPER, &trust, NOW).is_ok_and(|verified| {
            verified.time_stamps.iter().all(|token| token.verify_path(&trust, NOW).is_ok())
        })
    };
    for at in 0..cms.len() {
        for mask in [0x01, 0xff] {
            cms[at] ^= mask;
            assert!(!accepts(&cms), "byte {at} mask {mask:#x}");
            cms[at] ^= mask;
        }
    }
    assert!(accepts(&cms));
    assert_eq!(cades::add_timestamp(&sign(), &token).unwrap_err(), Invalid::ContentDiffers);
    let twice = cades::add_timestamp(&cms, &stamp(&plain, 2)).unwrap();
    assert!(accepts(&twice), "a second authority may stamp too");
    let same = cades::add_timestamp(&cms, &token).unwrap();
    assert_eq!(cades::verify_content(&same, PAPER, &trust, NOW).unwrap_err(), Invalid::NotCanonical);
}
