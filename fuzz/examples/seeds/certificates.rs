//! Certificates over the known key, paths of them with every extension that is judged, and revocation lists.

use std::path::Path;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::conf::{Conf, ConfMethod};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::{X509, X509Extension, X509Name, X509NameBuilder};
use signing::authority::{Authority, Profile, Subject, Validity};
use signing::crl::{self, NewEntry};
use signing::register::{Reason, Register};
use signing::{Certificate, SignatureAlgorithm};

use crate::world::{NOW, known_key, sign_raw, signed_anew, world};

const AUTHORITY: &[(&str, &str)] =
    &[("basicConstraints", "critical,CA:TRUE"), ("keyUsage", "critical,keyCertSign,cRLSign")];

pub(crate) fn write_world(folder: &Path) {
    let root = issued("TEST root", "TEST root", 1, AUTHORITY);
    let sub = issued("TEST sub", "TEST root", 2, AUTHORITY);
    let authority = authority(&[&sub, &root]);
    let issue = |name: &str, serial, profile| {
        let key = known_key(if profile == Profile::OcspResponder { " (OCSP)" } else { "" });
        let spki = key.public_key_to_der().unwrap();
        let validity = Validity::days(NOW.plus_seconds(-86_400), 3 * 365);
        authority.issue_signer(&spki, &Subject::named(name), serial, validity, profile).unwrap()
    };
    for (name, certificate) in [
        ("root", root),
        ("sub", sub),
        ("signer", issue("Người ký (THỬ NGHIỆM)", 7, Profile::Person)),
        ("clock", issue("TEST clock", 8, Profile::TimeStamping)),
        ("responder", issue("TEST OCSP", 9, Profile::OcspResponder)),
    ] {
        std::fs::write(folder.join(name).with_extension("der"), certificate.to_der()).unwrap();
    }
}

fn authority(chain: &[&Certificate]) -> Authority {
    let mut pem = String::from_utf8(known_key("").private_key_to_pem_pkcs8().unwrap()).unwrap();
    pem.extend(chain.iter().map(|certificate| certificate.to_pem()));
    Authority::from_pem(pem.as_bytes()).unwrap()
}

fn name(text: &str) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COUNTRYNAME, "VN").unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, text).unwrap();
    name.build()
}

/// A certificate over the known key and by it, with extensions in OpenSSL's words.
#[allow(deprecated)]
fn issued(subject: &str, issuer: &str, serial: u32, extensions: &[(&str, &str)]) -> Certificate {
    let key = known_key("");
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(serial).unwrap();
    builder.set_serial_number(&*Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_subject_name(&*name(subject)).unwrap();
    builder.set_issuer_name(&*name(issuer)).unwrap();
    builder.set_not_before(&*Asn1Time::from_unix(NOW.as_seconds() - 2 * 86_400).unwrap()).unwrap();
    builder.set_not_after(&*Asn1Time::from_unix(NOW.as_seconds() + 3000 * 86_400).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    let settings = Conf::new(ConfMethod::default()).unwrap();
    for (name, value) in [("subjectKeyIdentifier", "hash")].iter().chain(extensions) {
        let context = builder.x509v3_context(None, Some(&settings));
        let extension = X509Extension::new(Some(&settings), Some(&context), name, value);
        builder.append_extension(extension.unwrap()).unwrap();
    }
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    Certificate::from_der(&builder.build().to_der().unwrap()).unwrap()
}

/// Several in one input, each behind its length in two octets.
fn together(parts: &[&[u8]]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|part| [&u16::try_from(part.len()).unwrap().to_be_bytes(), *part].concat())
        .collect()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let world = world();
    let path = |leaf: &[(&str, &str)], middle: &[(&str, &str)], top: &[(&str, &str)]| {
        let leaf = issued("TEST leaf", "TEST middle", 11, leaf);
        let middle = issued("TEST middle", "TEST top", 12, &[AUTHORITY, middle].concat());
        let top = issued("TEST top", "TEST top", 13, &[AUTHORITY, top].concat());
        together(&[leaf.to_der(), middle.to_der(), top.to_der()])
    };
    let email = (
        "subjectAltName",
        "email:test@example.vn,DNS:test.example.vn,IP:192.0.2.7,URI:https://a.example.vn/",
    );
    let sign = ("keyUsage", "critical,digitalSignature,nonRepudiation");
    vec![
        world.signer.to_der().to_vec(),
        world.clock.to_der().to_vec(),
        world.responder.to_der().to_vec(),
        world.root.to_pem().into_bytes(),
        together(&[world.signer.to_der(), world.sub.to_der(), world.root.to_der()]),
        path(
            &[sign, email, ("certificatePolicies", "1.3.6.1.4.1.99999.1")],
            &[
                (
                    "nameConstraints",
                    "critical,permitted;email:example.vn,permitted;DNS:example.vn,excluded;IP:10.0.0.0/255.0.0.0",
                ),
                ("certificatePolicies", "1.3.6.1.4.1.99999.1,1.3.6.1.4.1.99999.2"),
                ("policyMappings", "1.3.6.1.4.1.99999.2:1.3.6.1.4.1.99999.1"),
                ("policyConstraints", "critical,requireExplicitPolicy:1,inhibitPolicyMapping:2"),
            ],
            &[("inhibitAnyPolicy", "critical,1")],
        ),
        path(
            &[sign, ("certificatePolicies", "2.5.29.32.0"), ("extendedKeyUsage", "emailProtection,1.2.3.4")],
            &[
                ("certificatePolicies", "2.5.29.32.0"),
                ("crlDistributionPoints", "URI:http://example.vn/test.crl"),
            ],
            &[("authorityInfoAccess", "OCSP;URI:http://example.vn/ocsp"), ("issuerAltName", "URI:http://a/")],
        ),
    ]
}

pub(crate) fn lists() -> Vec<Vec<u8>> {
    let world = world();
    let prepared = |issuer: &Certificate, number, entries: &[NewEntry]| {
        let (from, until) = (NOW.plus_seconds(-3600), NOW.plus_seconds(86_400));
        let algorithm = SignatureAlgorithm::EcdsaP256Sha256;
        let prepared = crl::prepare(issuer, number, from, until, entries, algorithm).unwrap();
        let raw = sign_raw(prepared.to_sign());
        prepared.embed(&raw).unwrap().to_der().to_vec()
    };
    let entry = |serial: &str, reason| NewEntry {
        serial: serial.to_owned(),
        at: NOW.plus_seconds(-7200),
        reason,
        invalidity_date: Some(NOW.plus_seconds(-9000)),
    };
    let revoked = [entry("07", Some(crl::Reason::KeyCompromise)), entry("63", None)];
    let (of_root, of_sub) = (prepared(&world.root, 1, &[]), prepared(&world.sub, 2, &revoked));
    let empty = prepared(&world.sub, 2, &[]);
    let mut register = Register::default();
    register.issued(&world.signer);
    register.revoke(&world.signer.serial(), NOW.plus_seconds(-60), Reason::CertificateHold).unwrap();
    let held = authority(&[&world.sub, &world.root]).crl_of(&register, NOW.plus_seconds(-30)).unwrap();
    vec![
        of_sub.clone(),
        held,
        together(&[&of_root, &of_sub]),
        together(&[&of_root, &empty, &delta(&empty)]),
        together(&[&of_root, &scoped(&empty)]),
    ]
}

/// The list as a delta list over its own number.
fn delta(list: &[u8]) -> Vec<u8> {
    extended(list, &[0x30, 0x0d, 6, 3, 0x55, 0x1d, 27, 1, 1, 0xff, 4, 3, 2, 1, 2])
}

/// The list for end entities only, by an issuing distribution point.
fn scoped(list: &[u8]) -> Vec<u8> {
    extended(list, &[0x30, 0x0f, 6, 3, 0x55, 0x1d, 28, 1, 1, 0xff, 4, 5, 0x30, 3, 0x81, 1, 0xff])
}

/// The list with one more extension.
fn extended(list: &[u8], extension: &[u8]) -> Vec<u8> {
    use crate::world::{element, elements, written};
    let whole = elements(element(list).unwrap().0).unwrap();
    let fields = elements(element(whole[0]).unwrap().0).unwrap();
    let (last, before) = fields.split_last().unwrap();
    let known = element(element(last).unwrap().0).unwrap().0;
    let extensions = written(0xa0, &[&written(0x30, &[known, extension])]);
    let signed = written(0x30, &[&before.concat(), &extensions]);
    signed_anew(&written(0x30, &[&signed, whole[1], whole[2]])).unwrap()
}
