use std::process::Command;
use std::time::{Duration, Instant};

use super::*;
use crate::SignatureAlgorithm;
use crate::authority::Authority;
use crate::testing::{self, NOW};

const DAY_S: i64 = 86_400;

/// An authority with its key in our hands, and what it certified itself with.
fn issuer() -> (openssl::pkey::PKey<openssl::pkey::Private>, Certificate) {
    let authority = Authority::create_root("TEST list issuer", NOW).unwrap();
    let pem = authority.to_pem().unwrap();
    let key = openssl::pkey::PKey::private_key_from_pem(pem.as_bytes()).unwrap();
    (key, authority.certificate().clone())
}

fn entry(serial: u64) -> NewEntry {
    NewEntry { serial: hex::encode(serial.to_be_bytes()), at: NOW, reason: None, invalidity_date: None }
}

fn prepared(certificate: &Certificate, entries: &[NewEntry]) -> Prepared {
    let next_update = NOW.plus_seconds(7 * DAY_S);
    prepare(certificate, 258, NOW, next_update, entries, SignatureAlgorithm::EcdsaP256Sha256).unwrap()
}

fn made(entries: &[NewEntry]) -> (Certificate, Crl) {
    let (key, certificate) = issuer();
    let prepared = prepared(&certificate, entries);
    let raw = testing::sign_raw(&key, prepared.algorithm(), prepared.to_sign());
    (certificate, prepared.embed(&raw).unwrap())
}

fn find(list: &Crl, serial: &[u8]) -> Option<Revocation> {
    list.find(list.issuer().unwrap(), serial)
}

#[test]
fn openssl_reads_and_verifies_our_list() {
    let doubt = NOW.plus_seconds(-DAY_S);
    let one = NewEntry {
        reason: Some(Reason::KeyCompromise),
        invalidity_date: Some(doubt),
        ..entry(0x00ff_0000_0000_0001)
    };
    let (certificate, list) = made(&[entry(0x80), one, entry(1)]);
    let folder = tempfile::tempdir().unwrap();
    let (crl, ca) = (folder.path().join("list.crl"), folder.path().join("ca.pem"));
    std::fs::write(&crl, list.to_der()).unwrap();
    std::fs::write(&ca, certificate.to_pem()).unwrap();
    let output = Command::new("openssl")
        .args(["crl", "-inform", "DER", "-text", "-noout", "-in"])
        .arg(&crl)
        .arg("-CAfile")
        .arg(&ca)
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    for words in ["verify OK", "Serial Number: FF000000000001", "Serial Number: 80", "Key Compromise", "258"]
    {
        assert!(says.contains(words), "{words} in {says}");
    }
    assert_eq!((list.number().as_deref(), list.n_entries()), (Some("0102"), 3));
    let found = find(&list, &[0, 0xff, 0, 0, 0, 0, 0, 1]).unwrap();
    let expected = Revocation { at: NOW, reason: Some(Reason::KeyCompromise), invalidity_date: Some(doubt) };
    assert_eq!(found, expected);
    assert!(find(&list, &[0, 0x80]).is_some());
    assert!(find(&list, &[2]).is_none() && find(&list, &[]).is_none());
}

#[test]
fn the_test_authoritys_own_list_is_read() {
    let authority = Authority::create_root("TEST root", NOW).unwrap();
    let list = Crl::from_der(&authority.crl(NOW).unwrap()).unwrap();
    list.verify(authority.certificate()).unwrap();
    assert_eq!(
        (list.n_entries(), list.is_delta(), list.this_update().as_seconds()),
        (0, false, NOW.as_seconds())
    );
}

#[test]
fn no_byte_of_a_list_is_free() {
    let (certificate, list) = made(&[entry(1), entry(2)]);
    let accepts = |der: &[u8]| Crl::from_der(der).is_ok_and(|list| list.verify(&certificate).is_ok());
    let mut der = list.to_der().to_vec();
    assert!(accepts(&der));
    for at in 0..der.len() {
        for mask in [0x01, 0x80, 0xff] {
            der[at] ^= mask;
            assert!(!accepts(&der), "byte {at} mask {mask:#x}");
            der[at] ^= mask;
        }
    }
    assert!((0..der.len()).all(|len| !accepts(&der[..len])));
    assert!(!accepts(&[der.as_slice(), &[0]].concat()));
}

#[test]
fn only_an_authority_prepares_and_only_its_signature_is_embedded() {
    let (key, certificate) = issuer();
    let leaf = {
        let authority = Authority::create_root("TEST other", NOW).unwrap();
        testing::certify(&authority, &key, "TEST leaf", crate::authority::Profile::Person)
    };
    let algorithm = SignatureAlgorithm::EcdsaP256Sha256;
    let refused = prepare(&leaf, 1, NOW, NOW.plus_seconds(1), &[], algorithm);
    assert_eq!(refused.unwrap_err(), BadCrl::Signer);
    let refused = prepare(&certificate, 1, NOW, NOW.plus_seconds(1), &[], SignatureAlgorithm::RsaPkcs1Sha256);
    assert_eq!(refused.unwrap_err(), BadCrl::Signer);
    let prepared = prepared(&certificate, &[]);
    let raw = testing::sign_raw(&testing::ec_key(), algorithm, prepared.to_sign());
    assert_eq!(prepared.embed(&raw).unwrap_err(), BadCrl::SignatureWrong);
}

#[test]
fn what_rfc_5280_forbids_is_not_read() {
    let (_, list) = made(&[entry(1)]);
    let replaced = |from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let mut der = list.to_der().to_vec();
        let at = der.windows(from.len()).position(|window| window == from).unwrap();
        der[at..at + from.len()].copy_from_slice(to);
        Crl::from_der(&der)
    };
    // Version 1; the number's identifier made an unknown one, and then critical in place of its value.
    assert!(replaced(&[2, 1, 1, 0x30], &[2, 1, 0, 0x30]).is_err());
    assert!(replaced(&[6, 3, 0x55, 0x1d, 20], &[6, 3, 0x55, 0x1d, 99]).is_ok(), "not critical");
    let number = [6, 3, 0x55, 0x1d, 20, 4, 4, 2, 2, 1, 2];
    let unknown = replaced(&number, &[6, 3, 0x55, 0x1d, 99, 1, 1, 0xff, 4, 1, 5]);
    assert_eq!(unknown.unwrap_err(), BadCrl::UnknownCriticalExtension("2.5.29.99".to_owned()));
    let boolean = replaced(&number, &[6, 3, 0x55, 0x1d, 99, 1, 1, 1, 4, 1, 5]);
    assert_eq!(boolean.unwrap_err(), BadCrl::Malformed("a boolean"));
    assert_eq!(replaced(&[2, 2, 1, 2], &[2, 2, 0x80, 2]).unwrap_err(), BadCrl::Malformed("a list's number"));
    assert_eq!(
        Crl::from_der(&vec![0; MAX_CRL_BYTES + 1]).unwrap_err(),
        BadCrl::TooLarge("32 megabytes are read")
    );
}

#[test]
fn a_list_of_a_hundred_thousand_entries_is_read_once_and_asked_at_once() {
    // In an order far from that of the serial numbers.
    let entries: Vec<NewEntry> = (0..100_000_u64).map(|i| entry((i * 77_773) % 100_003 + 1)).collect();
    let (_, list) = made(&entries);
    let start = Instant::now();
    let list = Crl::from_der(list.to_der()).unwrap();
    assert_eq!(list.n_entries(), 100_000);
    let n_found = (1..=100_003_u64).filter(|serial| {
        let octets = serial.to_be_bytes();
        let first = octets.iter().position(|octet| *octet != 0).unwrap();
        let sign: &[u8] = if octets[first] >= 0x80 { &[0] } else { &[] };
        find(&list, &[sign, &octets[first..]].concat()).is_some()
    });
    assert_eq!(n_found.count(), 100_000);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?} without optimisation", start.elapsed());
}
