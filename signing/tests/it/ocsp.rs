//! OpenSSL judges our requests and answers, we judge those of OpenSSL and of certomancer.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use cabinet::Timestamp;
use signing::authority::{Authority, Profile, Subject, Validity};
use signing::ocsp::{self, IdHash, NoAnswer, Nonce, Reason, Reply, Responder, Status};
use signing::register::Register;
use signing::{Certificate, Invalid, TrustStore};

use crate::world::{self, NOW, Person};

struct World {
    root: Authority,
    authority: Authority,
    person: Certificate,
    responder: Person,
    register: Register,
    folder: tempfile::TempDir,
}

/// The judge has no other clock than the machine's.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(0).plus_seconds(i64::try_from(since.as_secs()).unwrap())
}

fn world() -> World {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let authority = root.create_sub("TEST issuing CA", NOW).unwrap();
    let validity = Validity::days(NOW, 3 * 365);
    let issue = |name: &str, serial, profile| {
        let key = world::ec_key();
        let spki = key.public_key_to_der().unwrap();
        let certificate =
            authority.issue_signer(&spki, &Subject::named(name), serial, validity, profile).unwrap();
        Person { key, certificate }
    };
    // A serial number whose first bit is set needs a zero octet before it.
    let person = issue("Thành viên (THỬ NGHIỆM)", 0xf0f1_f2f3_f4f5_f6f7, Profile::Person).certificate;
    let responder = issue("TEST OCSP", 8, Profile::OcspResponder);
    let mut register = Register::default();
    register.issued(&person);
    World { root, authority, person, responder, register, folder: tempfile::tempdir().unwrap() }
}

impl World {
    fn issuer(&self) -> &Certificate {
        self.authority.certificate()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn pem(&self, name: &str, certificate: &Certificate) -> PathBuf {
        self.file(name, certificate.to_pem().as_bytes())
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        let responder = Responder {
            certificate: &self.responder.certificate,
            issuer: self.issuer(),
            now: now(),
            validity_s: 3600,
        };
        let reply = ocsp::respond(request, &responder, |serial| self.register.status(serial)).unwrap();
        let Reply::ToSign(prepared) = reply else { panic!("an error") };
        let raw = world::sign_raw(&self.responder.key, prepared.algorithm(), prepared.to_sign());
        prepared.embed(&raw).unwrap()
    }

    /// What `openssl ocsp` says of the response: first of its nonce by the request, then of the status.
    ///
    /// It ignores the request as soon as a certificate is named, hence two runs; it must add no nonce of its own.
    fn judge(&self, request: &Path, response: &[u8], hash: &str) -> String {
        let run = |options: &[&OsStr]| {
            let (says, _) = world::judge(
                Command::new("openssl")
                    .args(["ocsp", "-no_nonce"])
                    .args(options)
                    .arg("-respin")
                    .arg(self.file("response", response))
                    .arg("-CAfile")
                    .arg(self.pem("root.pem", self.root.certificate()))
                    .arg("-verify_other")
                    .arg(self.pem("other.pem", self.issuer())),
            );
            says
        };
        let (issuer, person) = (self.pem("issuer.pem", self.issuer()), self.pem("person.pem", &self.person));
        let nonce = run(&["-reqin".as_ref(), request.as_ref()]);
        let status =
            run(&[hash.as_ref(), "-issuer".as_ref(), issuer.as_ref(), "-cert".as_ref(), person.as_ref()]);
        nonce + &status
    }
}

#[test]
fn openssl_reads_our_request_and_accepts_our_answer() {
    let mut world = world();
    let serial = world.person.serial();
    for (state, expected) in
        [(None, "good"), (Some(Reason::CertificateHold), "revoked"), (Some(Reason::KeyCompromise), "revoked")]
    {
        if let Some(reason) = state {
            world.register.revoke(&serial, NOW, reason).unwrap();
        }
        for (hash, name) in [(IdHash::Sha1, "-sha1"), (IdHash::Sha256, "-sha256")] {
            let nonce = Nonce::fresh().unwrap();
            let request = ocsp::request(&world.person, world.issuer(), hash, Some(&nonce)).unwrap();
            let asked = world.file("request", &request);
            let (says, _) =
                world::judge(Command::new("openssl").args(["ocsp", "-req_text", "-reqin"]).arg(&asked));
            assert!(
                says.contains("Serial Number: F0F1F2F3F4F5F6F7") && says.contains("OCSP Nonce"),
                "{says}"
            );
            let response = world.answer(&request);
            let says = world.judge(&asked, &response, name);
            assert!(says.contains("Response verify OK"), "{says}");
            assert!(says.contains(&format!("person.pem: {expected}")), "{says}");
            assert!(!says.contains("WARNING"), "{says}");
            let other =
                ocsp::request(&world.person, world.issuer(), hash, Some(&Nonce::fresh().unwrap())).unwrap();
            let says = world.judge(&world.file("other-request", &other), &response, name);
            assert!(says.contains("Nonce Verify error"), "{says}");
            let answer = ocsp::verify(&response, &world.person, world.issuer(), Some(&nonce)).unwrap();
            answer.check_current(now()).unwrap();
            assert_eq!(answer.status == Status::Good, expected == "good");
            let trust = TrustStore::new(vec![world.root.certificate().clone()]);
            trust.path(&answer.responder, &[world.issuer().clone()], answer.produced_at).unwrap();
        }
    }
}

#[test]
fn our_responder_answers_the_requests_of_openssl() {
    let world = world();
    for options in [&["-sha1"][..], &["-sha256"], &["-sha1", "-no_nonce"]] {
        let asked = world.folder.path().join("request");
        let (says, output) = world::judge(
            Command::new("openssl")
                .args(["ocsp", "-issuer"])
                .arg(world.pem("issuer.pem", world.issuer()))
                .args(options)
                .arg("-cert")
                .arg(world.pem("person.pem", &world.person))
                .arg("-reqout")
                .arg(&asked),
        );
        assert!(output.status.success(), "{says}");
        let response = world.answer(&std::fs::read(&asked).unwrap());
        let says = world.judge(&asked, &response, options[0]);
        assert!(says.contains("Response verify OK") && says.contains("person.pem: good"), "{says}");
    }
}

#[test]
fn answers_of_openssl_verify() {
    let world = world();
    let key = world.file("key.pem", &world.responder.key.private_key_to_pem_pkcs8().unwrap());
    let serial = "F0F1F2F3F4F5F6F7";
    let revoked = Status::Revoked { at: at(2026, 8), reason: Some(Reason::Superseded) };
    for (line, expected) in [
        (format!("V\t300101000000Z\t\t{serial}\tunknown\t/CN=TEST\n"), Status::Good),
        (format!("R\t300101000000Z\t260801000000Z,superseded\t{serial}\tunknown\t/CN=TEST\n"), revoked),
        ("V\t300101000000Z\t\t77\tunknown\t/CN=TEST\n".to_owned(), Status::Unknown),
    ] {
        let nonce = Nonce::fresh().unwrap();
        let request = ocsp::request(&world.person, world.issuer(), IdHash::Sha1, Some(&nonce)).unwrap();
        let response = world.folder.path().join("response");
        let (says, output) = world::judge(
            Command::new("openssl")
                .args(["ocsp", "-ndays", "1", "-index"])
                .arg(world.file("index.txt", line.as_bytes()))
                .arg("-CA")
                .arg(world.pem("issuer.pem", world.issuer()))
                .arg("-rsigner")
                .arg(world.pem("responder.pem", &world.responder.certificate))
                .arg("-rkey")
                .arg(&key)
                .arg("-reqin")
                .arg(world.file("request", &request))
                .arg("-respout")
                .arg(&response),
        );
        assert!(output.status.success(), "{says}");
        let response = std::fs::read(response).unwrap();
        let answer = ocsp::verify(&response, &world.person, world.issuer(), Some(&nonce)).unwrap();
        assert_eq!(answer.status, expected);
        answer.check_current(now()).unwrap();
    }
}

/// Midnight UTC on the first of a month.
fn at(year: i32, month: u8) -> Timestamp {
    let date = time::Date::from_calendar_date(year, time::Month::try_from(month).unwrap(), 1).unwrap();
    Timestamp::from_micros(0).plus_seconds(date.midnight().assume_utc().unix_timestamp())
}

fn fixture(name: &str) -> Vec<u8> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("ECABINET_DATA").map_or(default, PathBuf::from);
    let path = data.join("pki-fixtures/certvalidator-fixtures").join(name);
    std::fs::read(path).expect("set ECABINET_DATA to the folder of outside data")
}

fn fixture_certificates(name: &str) -> Vec<Certificate> {
    let bytes = fixture(name);
    Certificate::from_der(&bytes).map_or_else(|_| Certificate::all_from_pem(&bytes).unwrap(), |one| vec![one])
}

#[test]
fn answers_of_certomancer_have_their_published_verdicts() {
    for folder in ["freshness", "ades/time-slide"] {
        for (day, is_good) in [("2020-10-01", true), ("2020-11-29", true), ("2020-12-10", false)] {
            let response = fixture(&format!("{folder}/alice-{day}.ors"));
            let certificate = &fixture_certificates(&format!("{folder}/certs/alice.crt"))[0];
            let issuer = &fixture_certificates(&format!("{folder}/certs/interm.crt"))[0];
            let answer = ocsp::verify(&response, certificate, issuer, None).unwrap();
            assert_eq!(answer.status == Status::Good, is_good, "{folder} {day}: {:?}", answer.status);
            assert!(answer.nocheck);
            assert_eq!(answer.responder, fixture_certificates(&format!("{folder}/certs/interm-ocsp.crt"))[0]);
            assert!(matches!(answer.check_current(NOW), Err(NoAnswer::Expired { .. })));
            answer.check_current(answer.produced_at).unwrap();
        }
    }
}

/// They are of 2012 and signed with SHA-1, so that even the six good ones are refused, for that reason.
#[test]
fn no_published_answer_of_openssl_is_accepted() {
    for name in ["ND1", "ND2", "ND3", "D1", "D2", "D3"] {
        let subject = if name.ends_with('2') { "ICA" } else { "EE" };
        let above = if name.ends_with('1') { "ICA" } else { "Root" };
        let certificate = &fixture_certificates(&format!("openssl-ocsp/{name}_Cert_{subject}.pem"))[0];
        let issuer = &fixture_certificates(&format!("openssl-ocsp/{name}_Issuer_{above}.pem"))[0];
        for kind in ["", "ISOP_", "WRID_", "WINH_", "WIKH_"] {
            let text = String::from_utf8(fixture(&format!("openssl-ocsp/{kind}{name}.ors"))).unwrap();
            let text: String = text.split_whitespace().collect();
            let response = openssl::base64::decode_block(&text).unwrap();
            let error = ocsp::verify(&response, certificate, issuer, None).unwrap_err();
            if kind.is_empty() {
                assert!(matches!(error, NoAnswer::Invalid(Invalid::Algorithm(_))), "{name}: {error}");
            }
        }
    }
}
