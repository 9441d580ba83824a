use std::collections::BTreeMap;

use openssl::pkey::{PKey, Private};

use super::response::ENUMERATED;
use super::*;
use crate::authority::{Authority, Profile, Subject, Validity};
use crate::certificate::fields::Fields;
use crate::register::Register;
use crate::testing::{self, NOW};
use crate::{SignatureAlgorithm, extension};

const HOUR_S: i64 = 3600;

/// An authority, one of its certificates, and a responder that it appointed.
struct World {
    root: Authority,
    authority: Authority,
    person: Certificate,
    key: PKey<Private>,
    responder: Certificate,
    register: Register,
}

fn world() -> World {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let authority = root.create_sub("TEST issuing", NOW).unwrap();
    let person = testing::certify(&authority, &testing::ec_key(), "TEST person", Profile::Person);
    let key = testing::ec_key();
    let responder = certify(&authority, &key, 8, Profile::OcspResponder);
    let mut register = Register::default();
    register.issued(&person);
    World { root, authority, person, key, responder, register }
}

fn certify(authority: &Authority, key: &PKey<Private>, serial: u64, profile: Profile) -> Certificate {
    let spki = key.public_key_to_der().unwrap();
    let subject = Subject::named("TEST responder");
    authority.issue_signer(&spki, &subject, serial, Validity::days(NOW, 365), profile).unwrap()
}

impl World {
    fn issuer(&self) -> &Certificate {
        self.authority.certificate()
    }

    fn prepare(&self, request: &[u8]) -> Prepared {
        let responder =
            Responder { certificate: &self.responder, issuer: self.issuer(), now: NOW, validity_s: HOUR_S };
        match respond(request, &responder, |serial| self.register.status(serial)).unwrap() {
            Reply::ToSign(prepared) => *prepared,
            Reply::Ready(error) => panic!("{error:?}"),
        }
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        let prepared = self.prepare(request);
        let raw = testing::sign_raw(&self.key, prepared.algorithm(), prepared.to_sign());
        prepared.embed(&raw).unwrap()
    }

    fn ask(&self, nonce: Option<&Nonce>) -> Vec<u8> {
        request(&self.person, self.issuer(), IdHash::Sha1, nonce).unwrap()
    }

    fn verify(&self, response: &[u8]) -> Result<Answer, NoAnswer> {
        verify(response, &self.person, self.issuer(), None)
    }
}

/// The same statements, signed by `key` and sent with `certificates`: what a forger can make.
fn forged(prepared: &Prepared, key: &PKey<Private>, certificates: &[&Certificate]) -> Vec<u8> {
    signed(prepared.to_sign(), key, certificates)
}

fn signed(tbs: &[u8], key: &PKey<Private>, certificates: &[&Certificate]) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::EcdsaP256Sha256;
    let value = algorithm.cms_value(&testing::sign_raw(key, algorithm, tbs)).unwrap();
    let certificates: Vec<u8> =
        certificates.iter().flat_map(|certificate| certificate.to_der()).copied().collect();
    let basic = tlv::write(
        tlv::SEQUENCE,
        &[
            tbs,
            &algorithm.identifier(),
            &tlv::write(tlv::BIT_STRING, &[&[0], &value]),
            &tlv::write(tlv::context(0), &[&tlv::write(tlv::SEQUENCE, &[&certificates])]),
        ],
    );
    response_of(&basic)
}

#[test]
fn every_status_comes_back_by_both_hashes_and_both_responders() {
    let mut world = world();
    let serial = world.person.serial();
    for hash in [IdHash::Sha1, IdHash::Sha256] {
        let nonce = Nonce::fresh().unwrap();
        let asked = request(&world.person, world.issuer(), hash, Some(&nonce)).unwrap();
        let response = world.answer(&asked);
        let answer = verify(&response, &world.person, world.issuer(), Some(&nonce)).unwrap();
        assert_eq!(answer.status, Status::Good);
        assert_eq!(answer.responder, world.responder);
        assert!(answer.nocheck && answer.others.is_empty());
        assert_eq!(answer.this_update.as_seconds(), NOW.as_seconds());
        assert_eq!(answer.next_update.unwrap().as_seconds(), NOW.as_seconds() + HOUR_S);
        let basic = basic_of(&response).unwrap();
        assert_eq!(
            verify_basic(basic, &world.person, world.issuer(), Some(&nonce)).unwrap().status,
            Status::Good
        );
        assert_eq!(response_of(basic), response);
    }
    world.register.revoke(&serial, NOW, Reason::CertificateHold).unwrap();
    let held = world.verify(&world.answer(&world.ask(None))).unwrap();
    assert_eq!(held.status, Status::Revoked { at: NOW, reason: Some(Reason::CertificateHold) });
    world.register = Register::default();
    assert_eq!(world.verify(&world.answer(&world.ask(None))).unwrap().status, Status::Unknown);
}

#[test]
fn the_issuer_itself_may_answer() {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let pem = root.to_pem().unwrap();
    let key = PKey::private_key_from_pem(pem.as_bytes()).unwrap();
    let person = testing::certify(&root, &testing::ec_key(), "TEST person", Profile::Person);
    let responder = Responder {
        certificate: root.certificate(),
        issuer: root.certificate(),
        now: NOW,
        validity_s: HOUR_S,
    };
    let asked = request(&person, root.certificate(), IdHash::Sha1, None).unwrap();
    let Reply::ToSign(prepared) = respond(&asked, &responder, |_| Status::Good).unwrap() else { panic!() };
    let raw = testing::sign_raw(&key, prepared.algorithm(), prepared.to_sign());
    let answer = verify(&prepared.embed(&raw).unwrap(), &person, root.certificate(), None).unwrap();
    assert_eq!(answer.responder, *root.certificate());
    assert!(!answer.nocheck);
}

#[test]
fn an_answer_about_another_serial_or_another_issuer_of_the_same_name_is_no_answer() {
    let world = world();
    let response = world.answer(&world.ask(None));
    let spki = testing::ec_key().public_key_to_der().unwrap();
    let validity = Validity::days(NOW, 365);
    let other = world
        .authority
        .issue_signer(&spki, &Subject::named("TEST person"), 9, validity, Profile::Person)
        .unwrap();
    assert_eq!(verify(&response, &other, world.issuer(), None).unwrap_err(), NoAnswer::OtherCertificate);
    let twin = world.root.create_sub("TEST issuing", NOW).unwrap();
    let theirs = testing::certify(&twin, &testing::ec_key(), "TEST person", Profile::Person);
    assert_eq!(theirs.serial(), world.person.serial());
    assert_eq!(verify(&response, &theirs, twin.certificate(), None).unwrap_err(), NoAnswer::WrongResponder);
    assert_eq!(verify(&response, &theirs, world.issuer(), None).unwrap_err(), NoAnswer::NotTheIssuer);
    let err = request(&theirs, world.issuer(), IdHash::Sha1, None).unwrap_err();
    assert_eq!(err, NoAnswer::NotTheIssuer);
    // The right authority's responder, asked about the twin's certificate, does not answer for it.
    let asked = request(&theirs, twin.certificate(), IdHash::Sha1, None).unwrap();
    let responder =
        Responder { certificate: &world.responder, issuer: world.issuer(), now: NOW, validity_s: HOUR_S };
    let Reply::Ready(error) = respond(&asked, &responder, |_| Status::Good).unwrap() else { panic!() };
    assert_eq!(
        verify(&error, &theirs, twin.certificate(), None).unwrap_err(),
        ErrorStatus::Unauthorized.into()
    );
    // Even signed by the right responder, an identifier with the twin's key is not about our certificate.
    let ours = world.prepare(&world.ask(None));
    let keys = [world.issuer(), twin.certificate()].map(|issuer| {
        openssl::hash::hash(openssl::hash::MessageDigest::sha1(), Fields::of(issuer).unwrap().key)
            .unwrap()
            .to_vec()
    });
    let mut tbs = ours.to_sign().to_vec();
    let at = tbs.windows(20).position(|window| window == keys[0]).unwrap();
    tbs[at..at + 20].copy_from_slice(&keys[1]);
    let response = signed(&tbs, &world.key, &[&world.responder]);
    assert_eq!(world.verify(&response).unwrap_err(), NoAnswer::OtherCertificate);
}

#[test]
fn only_the_issuer_and_whom_it_appointed_may_answer() {
    let world = world();
    let prepared = world.prepare(&world.ask(None));
    world.verify(&forged(&prepared, &world.key, &[&world.responder])).unwrap();
    assert_eq!(world.verify(&forged(&prepared, &world.key, &[])).unwrap_err(), NoAnswer::WrongResponder);
    let stranger = Authority::create_root("TEST stranger", NOW).unwrap();
    let sibling = certify(&world.authority, &world.key, 8, Profile::Person);
    let of_root = certify(&world.root, &world.key, 8, Profile::OcspResponder);
    let of_stranger = certify(&stranger, &world.key, 8, Profile::OcspResponder);
    let twin = Authority::create_root("TEST issuing", NOW).unwrap();
    let of_twin = certify(&twin, &world.key, 8, Profile::OcspResponder);
    for (who, certificate) in [
        ("a sibling without OCSPSigning", &sibling),
        ("a responder of the root", &of_root),
        ("a responder of a stranger", &of_stranger),
        ("a responder of an authority of the same name", &of_twin),
    ] {
        // Every one of them holds the key that signed and the name that the response gives.
        let response = forged(&prepared, &world.key, &[certificate]);
        assert_eq!(world.verify(&response).unwrap_err(), NoAnswer::WrongResponder, "{who}");
    }
    let unrelated = forged(&prepared, &testing::ec_key(), &[&world.responder]);
    assert_eq!(world.verify(&unrelated).unwrap_err(), Invalid::SignatureWrong.into());
    // The certificate that must be found may stand anywhere; the others are handed on, not trusted.
    let response = forged(&prepared, &world.key, &[&of_stranger, &sibling, &world.responder]);
    let answer = world.verify(&response).unwrap();
    assert_eq!(answer.responder, world.responder);
    assert_eq!(answer.others, [of_stranger, sibling]);
}

#[test]
fn no_altered_byte_gives_good() {
    let mut world = world();
    world.register.revoke(&world.person.serial(), NOW, Reason::KeyCompromise).unwrap();
    for expected in ["revoked", "good"] {
        if expected == "good" {
            world.register = Register::default();
            world.register.issued(&world.person);
        }
        let mut response = world.answer(&world.ask(Some(&Nonce::fresh().unwrap())));
        for at in 0..response.len() {
            for mask in [0x01, 0x02, 0x04, 0x20, 0x80, 0xff] {
                response[at] ^= mask;
                assert!(world.verify(&response).is_err(), "{expected}: byte {at} mask {mask:#x}");
                response[at] ^= mask;
            }
        }
        for len in 0..response.len() {
            assert!(world.verify(&response[..len]).is_err());
        }
        let longer = [response.as_slice(), &[0]].concat();
        assert!(world.verify(&longer).is_err());
        world.verify(&response).unwrap();
    }
}

#[test]
fn a_replayed_answer_lacks_the_nonce() {
    let world = world();
    let (old, new) = (Nonce::fresh().unwrap(), Nonce::fresh().unwrap());
    assert_ne!(old, new);
    let check = |response: &[u8]| verify(response, &world.person, world.issuer(), Some(&new)).unwrap_err();
    assert_eq!(check(&world.answer(&world.ask(Some(&old)))), NoAnswer::Nonce);
    assert_eq!(check(&world.answer(&world.ask(None))), NoAnswer::Nonce);
    let kept = world.answer(&world.ask(Some(&old)));
    world.verify(&kept).unwrap();
}

#[test]
fn old_answers_and_answers_of_the_future_are_not_current() {
    let world = world();
    let answer = world.verify(&world.answer(&world.ask(None))).unwrap();
    let at = |seconds: i64| answer.check_current(NOW.plus_seconds(seconds));
    at(0).unwrap();
    at(HOUR_S).unwrap();
    at(-CLOCK_SKEW_S).unwrap();
    assert!(matches!(at(HOUR_S + CLOCK_SKEW_S + 1), Err(NoAnswer::Expired { .. })));
    assert!(matches!(at(-CLOCK_SKEW_S - 2), Err(NoAnswer::NotYet { .. })));
    let open = Answer { next_update: None, ..answer };
    open.check_current(NOW).unwrap();
    let late = open.check_current(NOW.plus_seconds(2 * OPEN_ANSWER_S));
    assert!(matches!(late, Err(NoAnswer::Expired { .. })), "without an end it is soon over");
}

#[test]
fn critical_extensions_that_nobody_knows_are_refused() {
    let world = world();
    let prepared = world.prepare(&world.ask(None));
    let unknown = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1");
    let plain = extension::write(unknown, &[5, 0]);
    let value = tlv::write(tlv::OCTET_STRING, &[&[5, 0]]);
    let critical = tlv::write(tlv::SEQUENCE, &[&oid(unknown), &[1, 1, 0xff], &value]);
    let tbs = tlv::only(prepared.to_sign(), tlv::SEQUENCE).unwrap().rest().to_vec();
    for (extension, is_accepted) in [(plain, true), (critical, false)] {
        let extensions = tlv::write(tlv::context(1), &[&tlv::write(tlv::SEQUENCE, &[&extension])]);
        let whole = tlv::write(tlv::SEQUENCE, &[&tbs, &extensions]);
        let of_all = world.verify(&signed(&whole, &world.key, &[&world.responder]));
        // The same extension at the single status: before the end of the last sequence.
        let mut fields = tlv::Reader::new(&tbs);
        let (responder, produced) = (fields.any().unwrap().whole, fields.any().unwrap().whole);
        let singles = fields.any().unwrap().body;
        let single = tlv::only(singles, tlv::SEQUENCE).unwrap().rest();
        let single = tlv::write(tlv::SEQUENCE, &[single, &extensions]);
        let list = tlv::write(tlv::SEQUENCE, &[&single]);
        let inner = tlv::write(tlv::SEQUENCE, &[responder, produced, &list]);
        let of_one = world.verify(&signed(&inner, &world.key, &[&world.responder]));
        for verdict in [of_all, of_one] {
            match verdict {
                Ok(answer) => assert!(is_accepted && answer.status == Status::Good),
                Err(error) => {
                    assert_eq!(error, NoAnswer::UnknownExtension(unknown.to_string()));
                    assert!(!is_accepted);
                }
            }
        }
        let twice = tlv::write(
            tlv::SEQUENCE,
            &[responder, produced, &tlv::write(tlv::SEQUENCE, &[singles, singles])],
        );
        let twice = world.verify(&signed(&twice, &world.key, &[&world.responder]));
        assert!(
            matches!(twice, Err(NoAnswer::Invalid(Invalid::Structure(_)))),
            "two statuses of one certificate"
        );
    }
}

#[test]
fn errors_say_which_and_give_no_status() {
    let world = world();
    for error in [
        ErrorStatus::MalformedRequest,
        ErrorStatus::InternalError,
        ErrorStatus::TryLater,
        ErrorStatus::SignatureRequired,
        ErrorStatus::Unauthorized,
    ] {
        assert_eq!(world.verify(&error_response(error)).unwrap_err(), error.into());
    }
    let odd = tlv::write(tlv::SEQUENCE, &[&tlv::write(ENUMERATED, &[&[4]])]);
    assert!(matches!(world.verify(&odd), Err(NoAnswer::Invalid(_))));
}

#[test]
fn one_request_may_ask_about_several_but_not_about_many() {
    let world = world();
    let id = id::write(&world.person, world.issuer(), IdHash::Sha1).unwrap();
    let asking = |n: usize| {
        let one = tlv::write(tlv::SEQUENCE, &[&id]);
        let list = tlv::write(tlv::SEQUENCE, &[&one.repeat(n)]);
        tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::SEQUENCE, &[&list])])
    };
    let responder =
        Responder { certificate: &world.responder, issuer: world.issuer(), now: NOW, validity_s: HOUR_S };
    for (n, is_answered) in [(0, false), (1, true), (MAX_IDS, true), (MAX_IDS + 1, false)] {
        let reply = respond(&asking(n), &responder, |_| Status::Good).unwrap();
        assert_eq!(matches!(reply, Reply::ToSign(_)), is_answered, "{n}");
    }
    let malformed = error_response(ErrorStatus::MalformedRequest);
    let asked = world.ask(Some(&Nonce::fresh().unwrap()));
    for len in 0..asked.len() {
        let Reply::Ready(error) = respond(&asked[..len], &responder, |_| Status::Good).unwrap() else {
            panic!()
        };
        assert_eq!(error, malformed);
    }
}

#[test]
fn a_signature_of_the_wrong_key_is_not_embedded() {
    let world = world();
    let prepared = world.prepare(&world.ask(None));
    let raw = testing::sign_raw(&testing::ec_key(), prepared.algorithm(), prepared.to_sign());
    assert_eq!(prepared.clone().embed(&raw).unwrap_err(), Invalid::SignatureWrong.into());
    assert!(prepared.embed(&raw[1..]).is_err());
    // A certificate that nobody appointed cannot answer, though its key signs well.
    let plain = certify(&world.authority, &world.key, 8, Profile::Person);
    let responder = Responder { certificate: &plain, issuer: world.issuer(), now: NOW, validity_s: HOUR_S };
    let Reply::ToSign(prepared) = respond(&world.ask(None), &responder, |_| Status::Good).unwrap() else {
        panic!()
    };
    let raw = testing::sign_raw(&world.key, prepared.algorithm(), prepared.to_sign());
    assert_eq!(prepared.embed(&raw).unwrap_err(), NoAnswer::WrongResponder);
}

#[test]
fn any_map_of_serial_numbers_is_a_register() {
    let world = world();
    let revoked = Status::Revoked { at: NOW, reason: None };
    let map = BTreeMap::from([(world.person.serial(), revoked)]);
    let responder =
        Responder { certificate: &world.responder, issuer: world.issuer(), now: NOW, validity_s: HOUR_S };
    let lookup = |serial: &str| map.get(serial).copied().unwrap_or(Status::Unknown);
    let Reply::ToSign(prepared) = respond(&world.ask(None), &responder, lookup).unwrap() else { panic!() };
    let raw = testing::sign_raw(&world.key, prepared.algorithm(), prepared.to_sign());
    assert_eq!(world.verify(&prepared.embed(&raw).unwrap()).unwrap().status, revoked);
}
