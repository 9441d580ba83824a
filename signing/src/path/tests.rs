//! Attacks on the search and on each rule. Where revocation is not asked, OpenSSL must come to the same verdict.

use std::time::{Duration, Instant};

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509Builder, X509Extension, X509NameBuilder, X509StoreContext};

use super::*;
use crate::SignatureAlgorithm;
use crate::crl::{self, Crl, NewEntry, Reason};
use crate::testing::{self, NOW};
use crate::tlv;

const DAY_S: i64 = 86_400;
/// Longer than any search within its limits takes, unoptimised and on a busy machine.
const TOO_LONG: Duration = Duration::from_secs(60);

/// Somebody with a key and a certificate.
struct Party {
    key: PKey<Private>,
    certificate: Certificate,
}

/// What a certificate is to say; the default is a leaf, valid for a year from `NOW`.
struct Wish<'a> {
    name: &'a str,
    key: PKey<Private>,
    path_len: Option<Option<u32>>,
    may_certify: bool,
    not_before: i64,
    not_after: i64,
    digest: MessageDigest,
    has_key_id: bool,
    extra: Vec<X509Extension>,
}

impl<'a> Wish<'a> {
    fn leaf(name: &'a str) -> Self {
        Self {
            name,
            key: testing::ec_key(),
            path_len: None,
            may_certify: false,
            not_before: NOW.as_seconds(),
            not_after: NOW.as_seconds() + 365 * DAY_S,
            digest: MessageDigest::sha256(),
            has_key_id: true,
            extra: Vec::new(),
        }
    }

    fn authority(name: &'a str) -> Self {
        Self { path_len: Some(None), may_certify: true, ..Self::leaf(name) }
    }

    /// A certificate by `issuer`, or by oneself.
    fn by(self, issuer: Option<&Party>) -> Party {
        let name = |text: &str| {
            let mut name = X509NameBuilder::new().unwrap();
            name.append_entry_by_text("O", "TEST").unwrap();
            name.append_entry_by_text("CN", text).unwrap();
            name.build()
        };
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let mut serial = [0_u8; 8];
        openssl::rand::rand_bytes(&mut serial).unwrap();
        serial[0] = 1;
        let serial: Asn1Integer = BigNum::from_slice(&serial).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&name(self.name)).unwrap();
        match issuer {
            Some(issuer) => {
                let issuer = issuer.certificate.x509();
                builder.set_issuer_name(issuer.subject_name()).unwrap();
            }
            None => builder.set_issuer_name(&name(self.name)).unwrap(),
        }
        builder.set_not_before(&Asn1Time::from_unix(self.not_before).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(self.not_after).unwrap()).unwrap();
        builder.set_pubkey(&self.key).unwrap();
        if let Some(path_len) = self.path_len {
            let mut basic = BasicConstraints::new();
            basic.critical().ca();
            if let Some(path_len) = path_len {
                basic.pathlen(path_len);
            }
            builder.append_extension(basic.build().unwrap()).unwrap();
        }
        let mut usage = KeyUsage::new();
        usage.critical();
        if self.may_certify {
            usage.key_cert_sign().crl_sign();
        } else {
            usage.digital_signature();
        }
        builder.append_extension(usage.build().unwrap()).unwrap();
        if self.has_key_id {
            let key_id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(key_id).unwrap();
        }
        for extension in self.extra {
            builder.append_extension(extension).unwrap();
        }
        builder.sign(issuer.map_or(&self.key, |issuer| &issuer.key), self.digest).unwrap();
        Party { certificate: Certificate::from_x509(&builder.build()).unwrap(), key: self.key }
    }
}

fn extension(oid: &str, critical: bool, value: &[u8]) -> X509Extension {
    let oid = Asn1Object::from_str(oid).unwrap();
    let value = Asn1OctetString::new_from_bytes(value).unwrap();
    X509Extension::new_from_der(&oid, critical, &value).unwrap()
}

/// Root, authority and leaf.
struct World {
    root: Party,
    sub: Party,
    leaf: Party,
}

fn world() -> World {
    let root = Wish::authority("root").by(None);
    let sub = Wish::authority("sub").by(Some(&root));
    let leaf = Wish::leaf("leaf").by(Some(&sub));
    World { root, sub, leaf }
}

fn trust(anchors: &[&Party]) -> TrustStore {
    TrustStore::new(anchors.iter().map(|party| party.certificate.clone()).collect())
}

fn certificates(parties: &[&Party]) -> Vec<Certificate> {
    parties.iter().map(|party| party.certificate.clone()).collect()
}

/// OpenSSL's verdict, by the rules that this crate relied on before it had its own.
fn openssl_accepts(leaf: &Certificate, others: &[Certificate], trust: &TrustStore, at: Timestamp) -> bool {
    let mut parameters = X509VerifyParam::new().unwrap();
    parameters.set_time(at.as_seconds());
    parameters.set_depth(8);
    parameters.set_auth_level(2);
    parameters.set_flags(X509VerifyFlags::CHECK_SS_SIGNATURE).unwrap();
    let mut store = X509StoreBuilder::new().unwrap();
    store.set_param(&parameters).unwrap();
    for anchor in trust.anchors() {
        store.add_cert(anchor.x509()).unwrap();
    }
    let mut untrusted: Stack<X509> = Stack::new().unwrap();
    for certificate in others {
        untrusted.push(certificate.x509()).unwrap();
    }
    let mut context = X509StoreContext::new().unwrap();
    let leaf = leaf.x509();
    context.init(&store.build(), &leaf, &untrusted, |context| context.verify_cert()).unwrap()
}

/// Our verdict at `NOW` plus a second, which must be OpenSSL's too.
fn judge(leaf: &Party, others: &[Certificate], trust: &TrustStore) -> Result<Path, Rule> {
    let at = NOW.plus_seconds(1);
    let ours = build(&leaf.certificate, others, trust, &Constraints::at(at)).map_err(|failure| failure.rule);
    assert_eq!(ours.is_ok(), openssl_accepts(&leaf.certificate, others, trust, at), "{ours:?}");
    ours
}

#[test]
fn a_path_is_found_in_any_order_and_among_strangers() {
    let World { root, sub, leaf } = world();
    let stranger = Wish::authority("sub").by(None);
    let others = certificates(&[&stranger, &leaf, &sub, &root, &sub]);
    // OpenSSL takes the first of a name and stops there; the search goes on.
    let anchors = trust(&[&stranger, &root]);
    let path = build(&leaf.certificate, &others, &anchors, &Constraints::at(NOW)).unwrap();
    assert_eq!(path.certificates, certificates(&[&leaf, &sub, &root]));
    assert!(judge(&leaf, &certificates(&[&leaf, &sub, &root, &sub]), &trust(&[&root])).is_ok());
    let only_root = judge(&root, &[], &trust(&[&root])).unwrap();
    assert_eq!(only_root.certificates, certificates(&[&root]));
}

#[test]
fn strangers_loops_and_missing_links_have_no_path() {
    let World { root, sub, leaf } = world();
    assert_eq!(judge(&leaf, &[], &trust(&[&root])), Err(Rule::NoIssuer));
    assert_eq!(judge(&leaf, &certificates(&[&sub]), &TrustStore::default()), Err(Rule::NoIssuer));
    // Two authorities that certify each other, for ever.
    let a = Wish::authority("a").by(None);
    let b = Wish::authority("b").by(Some(&a));
    let a_by_b = Wish { key: a.key.clone(), ..Wish::authority("a") }.by(Some(&b));
    let end = Wish::leaf("end").by(Some(&a_by_b));
    let others = certificates(&[&a, &b, &a_by_b]);
    assert_eq!(judge(&end, &others, &trust(&[&root])), Err(Rule::NoIssuer));
}

#[test]
fn a_key_put_in_the_place_of_an_authoritys_is_refused() {
    let World { root, sub, leaf } = world();
    // The same names, other keys: as intermediate, as would-be anchor.
    let false_root = Wish::authority("root").by(None);
    let false_sub = Wish::authority("sub").by(Some(&false_root));
    let forged = Wish::leaf("leaf").by(Some(&false_sub));
    let others = certificates(&[&false_sub, &false_root, &sub, &root]);
    assert_eq!(judge(&forged, &others, &trust(&[&root])), Err(Rule::SignatureWrong));
    let others = certificates(&[&false_sub, &sub]);
    build(&leaf.certificate, &others, &trust(&[&root]), &Constraints::at(NOW)).unwrap();
    // A byte of what was signed.
    let mut der = leaf.certificate.to_der().to_vec();
    let at = der.windows(4).position(|window| window == b"leaf").unwrap();
    der[at] = b'L';
    let changed = Party { certificate: Certificate::from_der(&der).unwrap(), key: leaf.key };
    assert_eq!(judge(&changed, &certificates(&[&sub]), &trust(&[&root])), Err(Rule::SignatureWrong));
}

#[test]
fn no_byte_of_a_certificate_is_free() {
    let World { root, sub, leaf } = world();
    let (others, anchors) = (certificates(&[&sub]), trust(&[&root]));
    let mut der = leaf.certificate.to_der().to_vec();
    for at in 0..der.len() {
        for mask in [0x01, 0x80] {
            der[at] ^= mask;
            if let Ok(changed) = Certificate::from_der(&der) {
                assert!(build(&changed, &others, &anchors, &Constraints::at(NOW)).is_err(), "{at} {mask}");
            }
            der[at] ^= mask;
        }
    }
}

#[test]
fn an_algorithm_named_in_two_ways_is_refused() {
    let root = Wish { key: testing::rsa_key(2048), ..Wish::authority("root") }.by(None);
    let leaf = Wish::leaf("leaf").by(Some(&root)).certificate;
    let anchors = trust(&[&root]);
    build(&leaf, &[], &anchors, &Constraints::at(NOW)).unwrap();
    // Outside of what is signed, the NULL after the identifier is left away: the same algorithm, other bytes.
    let mut fields = tlv::only(leaf.to_der(), tlv::SEQUENCE).unwrap();
    let signed = fields.any().unwrap().whole;
    let identifier = fields.any().unwrap().body;
    let shorter = tlv::write(tlv::SEQUENCE, &[&identifier[..identifier.len() - 2]]);
    let der = tlv::write(tlv::SEQUENCE, &[signed, &shorter, fields.rest()]);
    let changed = Certificate::from_der(&der).unwrap();
    let failure = build(&changed, &[], &anchors, &Constraints::at(NOW)).unwrap_err();
    assert_eq!(failure.rule, Rule::Malformed("it names two signature algorithms"));
}

#[test]
fn a_thousand_candidates_of_one_name_are_tried_within_a_limit() {
    let World { root, sub, leaf } = world();
    let key = testing::ec_key();
    let false_sub = || {
        let wish = Wish { key: key.clone(), has_key_id: false, ..Wish::authority("sub") };
        wish.by(Some(&root)).certificate
    };
    let mut others: Vec<Certificate> = std::iter::repeat_with(false_sub).take(1000).collect();
    let ask = |others: &[Certificate]| {
        build(&leaf.certificate, others, &trust(&[&root]), &Constraints::at(NOW)).map_err(|it| it.rule)
    };
    let start = Instant::now();
    assert_eq!(ask(&others), Err(Rule::SignatureWrong));
    let too_many = [others.as_slice(), &others[..25]].concat();
    assert_eq!(ask(&too_many), Err(Rule::Limit("1,024 signatures were checked")));
    others.push(sub.certificate);
    ask(&others).unwrap();
    assert!(start.elapsed() < TOO_LONG, "{:?}", start.elapsed());
}

#[test]
fn a_mesh_of_false_authorities_is_left_at_the_limit() {
    let World { root, .. } = world();
    let keys: Vec<_> = (0..12).map(|_| testing::ec_key()).collect();
    let names: Vec<String> = (0..12).map(|i| format!("mesh {i}")).collect();
    let mut others = Vec::new();
    let mut last = None;
    for (i, key) in keys.iter().enumerate() {
        for (j, issuer_key) in keys.iter().enumerate().filter(|(j, _)| *j != i) {
            let issuer = Wish { key: issuer_key.clone(), ..Wish::authority(&names[j]) }.by(None);
            let party = Wish { key: key.clone(), ..Wish::authority(&names[i]) }.by(Some(&issuer));
            others.push(party.certificate.clone());
            last = Some(party);
        }
    }
    let leaf = Wish::leaf("leaf").by(last.as_ref());
    let start = Instant::now();
    let failure = build(&leaf.certificate, &others, &trust(&[&root]), &Constraints::at(NOW)).unwrap_err();
    assert_eq!(failure.rule, Rule::Limit("1,024 signatures were checked"));
    assert_eq!(failure.sub_indication(), "CERTIFICATE_CHAIN_GENERAL_FAILURE");
    assert!(start.elapsed() < TOO_LONG, "{:?}", start.elapsed());
}

#[test]
fn who_may_not_certify_does_not() {
    let World { root, leaf: _, sub } = world();
    // A leaf signs another leaf; an authority without the key usage; one without basic constraints.
    let leaf = Wish::leaf("no authority").by(Some(&sub));
    let below = Wish::leaf("below").by(Some(&leaf));
    let others = certificates(&[&leaf, &sub]);
    assert_eq!(judge(&below, &others, &trust(&[&root])), Err(Rule::NotAnAuthority));
    let no_usage = Wish { may_certify: false, ..Wish::authority("no usage") }.by(Some(&root));
    let below = Wish::leaf("below").by(Some(&no_usage));
    assert_eq!(judge(&below, &certificates(&[&no_usage]), &trust(&[&root])), Err(Rule::KeyUsage));
    // Too many authorities below one with a path length, be it the anchor.
    let short = Wish { path_len: Some(Some(0)), ..Wish::authority("short") }.by(Some(&root));
    let under = Wish::authority("under").by(Some(&short));
    let below = Wish::leaf("below").by(Some(&under));
    let others = certificates(&[&short, &under]);
    assert_eq!(judge(&below, &others, &trust(&[&root])), Err(Rule::PathLength));
    let anchor = Wish { path_len: Some(Some(0)), ..Wish::authority("short root") }.by(None);
    let under = Wish::authority("under").by(Some(&anchor));
    let below = Wish::leaf("below").by(Some(&under));
    assert_eq!(judge(&below, &certificates(&[&under]), &trust(&[&anchor])), Err(Rule::PathLength));
}

#[test]
fn names_beyond_an_authoritys_rights_are_refused() {
    let root = Wish::authority("root").by(None);
    // Permitted: dNSName gov.vn.
    let constraints = [0x30, 0x0c, 0xa0, 0x0a, 0x30, 0x08, 0x82, 6, b'g', b'o', b'v', b'.', b'v', b'n'];
    let extra = || vec![extension("2.5.29.30", true, &constraints)];
    let host = |name: &[u8]| {
        let body = [&[0x82, u8::try_from(name.len()).unwrap()], name].concat();
        vec![extension("2.5.29.17", false, &[&[0x30, u8::try_from(body.len()).unwrap()], &*body].concat())]
    };
    let sub = Wish { extra: extra(), ..Wish::authority("sub") }.by(Some(&root));
    let inside = Wish { extra: host(b"a.gov.vn"), ..Wish::leaf("inside") }.by(Some(&sub));
    let outside = Wish { extra: host(b"a.com.vn"), ..Wish::leaf("outside") }.by(Some(&sub));
    let others = certificates(&[&sub]);
    assert!(judge(&inside, &others, &trust(&[&root])).is_ok());
    assert_eq!(judge(&outside, &others, &trust(&[&root])), Err(Rule::NameConstraint("a host name")));
    let anchor = Wish { extra: extra(), ..Wish::authority("constrained") }.by(None);
    let outside = Wish { extra: host(b"a.com.vn"), ..Wish::leaf("outside") }.by(Some(&anchor));
    assert_eq!(judge(&outside, &[], &trust(&[&anchor])), Err(Rule::NameConstraint("a host name")));
}

#[test]
fn weak_algorithms_and_unknown_critical_extensions_are_refused() {
    let World { root, sub, .. } = world();
    let others = certificates(&[&sub]);
    let sha1 = Wish { digest: MessageDigest::sha1(), ..Wish::leaf("sha-1") }.by(Some(&sub));
    assert_eq!(judge(&sha1, &others, &trust(&[&root])), Err(Rule::Algorithm("SHA-1".to_owned())));
    let short = Wish { key: testing::rsa_key(1024), ..Wish::leaf("short") }.by(Some(&sub));
    let refused = judge(&short, &others, &trust(&[&root]));
    assert_eq!(refused, Err(Rule::Algorithm("RSA of 1024 bits".to_owned())));
    let exponent = BigNum::from_dec_str("340282366920938463463374607431768211507").unwrap();
    let slow = openssl::rsa::Rsa::generate_with_e(2048, &exponent).unwrap();
    let slow = Wish { key: PKey::from_rsa(slow).unwrap(), ..Wish::leaf("slow") }.by(Some(&sub));
    // OpenSSL would take it, and the time.
    let refused = build(&slow.certificate, &others, &trust(&[&root]), &Constraints::at(NOW)).unwrap_err();
    assert_eq!(refused.rule, Rule::Algorithm("RSA with an exponent of 129 bits".to_owned()));
    for (is_critical, is_accepted) in [(true, false), (false, true)] {
        let extra = vec![extension("1.2.3.4", is_critical, &[5, 0])];
        let odd = Wish { extra, ..Wish::leaf("odd") }.by(Some(&sub));
        assert_eq!(judge(&odd, &others, &trust(&[&root])).is_ok(), is_accepted);
    }
}

#[test]
fn an_expired_certificate_is_passed_by_where_another_leads_on() {
    let World { root, sub, leaf } = world();
    let begin = NOW.as_seconds() - 10 * DAY_S;
    let old =
        Wish { key: sub.key.clone(), not_before: begin, not_after: begin + DAY_S, ..Wish::authority("sub") };
    let old = old.by(Some(&root));
    let path = judge(&leaf, &certificates(&[&old, &sub]), &trust(&[&root])).unwrap();
    assert_eq!(path.certificates, certificates(&[&leaf, &sub, &root]));
    assert_eq!(judge(&leaf, &certificates(&[&old]), &trust(&[&root])), Err(Rule::Expired));
    let early = Constraints::at(NOW.plus_seconds(-1));
    let failure = build(&leaf.certificate, &certificates(&[&sub]), &trust(&[&root]), &early).unwrap_err();
    assert_eq!((failure.rule.clone(), failure.sub_indication()), (Rule::NotYetValid, "OUT_OF_BOUNDS_NO_POE"));
}

#[test]
fn the_failure_names_the_certificate_and_what_to_do() {
    let World { root, sub, leaf } = world();
    let late = Constraints::at(NOW.plus_seconds(366 * DAY_S));
    let failure = build(&leaf.certificate, &certificates(&[&sub]), &trust(&[&root]), &late).unwrap_err();
    assert_eq!((failure.place, &failure.rule), (Place::Anchor, &Rule::Expired));
    assert_eq!(failure.fingerprint, root.certificate.fingerprint());
    let says = "the certificate had expired by that time: verify at a proven earlier time [CN=root,O=TEST]";
    assert_eq!(failure.to_string(), says);
}

fn list(issuer: &Party, number: u64, this_update: Timestamp, entries: &[NewEntry]) -> Crl {
    let algorithm = SignatureAlgorithm::EcdsaP256Sha256;
    let next_update = this_update.plus_seconds(7 * DAY_S);
    let prepared =
        crl::prepare(&issuer.certificate, number, this_update, next_update, entries, algorithm).unwrap();
    let raw = testing::sign_raw(&issuer.key, algorithm, prepared.to_sign());
    prepared.embed(&raw).unwrap()
}

fn entry(party: &Party, at: Timestamp) -> NewEntry {
    let serial = party.certificate.serial();
    NewEntry { serial, at, reason: Some(Reason::KeyCompromise), invalidity_date: None }
}

/// The verdict at a second after `NOW`, by these lists, known an hour later.
fn ask(world: &World, others: &[&Party], lists: Vec<Crl>) -> Result<Path, PathFailure> {
    let at = NOW.plus_seconds(1);
    let evidence = Evidence::of_lists(lists, NOW.plus_seconds(3600));
    let constraints = Constraints { revocation: Some(&evidence), ..Constraints::at(at) };
    let others = [certificates(&[&world.sub]), certificates(others)].concat();
    build(&world.leaf.certificate, &others, &trust(&[&world.root]), &constraints)
}

#[test]
fn every_certificate_below_the_anchor_needs_a_good_word() {
    let world = world();
    let of_root = || list(&world.root, 1, NOW, &[]);
    let good = ask(&world, &[], vec![of_root(), list(&world.sub, 1, NOW, &[])]).unwrap();
    let next_update = NOW.plus_seconds(7 * DAY_S);
    assert_eq!(good.revocation, [RevocationStatus::Good { this_update: NOW, next_update }; 2]);
    let failure = ask(&world, &[], vec![of_root()]).unwrap_err();
    assert_eq!(failure.rule, Rule::RevocationUnknown(NotCovered::NoList));
    assert_eq!((failure.place, failure.sub_indication()), (Place::Leaf, "TRY_LATER"));
    let revoked = list(&world.sub, 1, NOW, &[entry(&world.leaf, NOW)]);
    let failure = ask(&world, &[], vec![of_root(), revoked]).unwrap_err();
    assert_eq!(failure.rule, Rule::Revoked { at: NOW, reason: Some(Reason::KeyCompromise) });
    assert_eq!(failure.sub_indication(), "REVOKED_NO_POE");
    let revoked = list(&world.root, 1, NOW, &[entry(&world.sub, NOW)]);
    let failure = ask(&world, &[], vec![revoked, list(&world.sub, 1, NOW, &[])]).unwrap_err();
    assert_eq!((failure.place, failure.sub_indication()), (Place::Intermediate, "REVOKED_CA_NO_POE"));
}

#[test]
fn a_revocation_counts_from_its_time_or_from_the_doubt_about_the_key() {
    let world = world();
    let later = NOW.plus_seconds(600);
    let with = |invalidity_date| {
        let revoked = NewEntry { invalidity_date, ..entry(&world.leaf, later) };
        let lists = vec![list(&world.root, 1, NOW, &[]), list(&world.sub, 2, later, &[revoked])];
        ask(&world, &[], lists)
    };
    assert!(with(None).is_ok(), "revoked after the time that is asked for");
    assert!(with(Some(NOW.plus_seconds(2))).is_ok());
    let doubt = Rule::Revoked { at: NOW, reason: Some(Reason::KeyCompromise) };
    assert_eq!(with(Some(NOW)).unwrap_err().rule, doubt);
}

#[test]
fn stale_and_future_lists_say_nothing() {
    let world = world();
    for this_update in [NOW.plus_seconds(-8 * DAY_S), NOW.plus_seconds(2 * 3600)] {
        let lists = vec![list(&world.root, 1, NOW, &[]), list(&world.sub, 1, this_update, &[])];
        let failure = ask(&world, &[], lists).unwrap_err();
        assert_eq!(failure.rule, Rule::RevocationUnknown(NotCovered::NotFresh));
    }
}

#[test]
fn a_list_by_somebody_else_of_the_same_name_says_nothing() {
    let world = world();
    let of_root = || list(&world.root, 1, NOW, &[]);
    // Self-made; certified by another authority under the same anchor, which may sign lists of its own only.
    let stranger = Wish::authority("sub").by(None);
    let rival = Wish::authority("rival").by(Some(&world.root));
    let false_sub = Wish::authority("sub").by(Some(&rival));
    let rival_lists = || vec![of_root(), list(&rival, 1, NOW, &[]), list(&false_sub, 1, NOW, &[])];
    let failure = ask(&world, &[&stranger], vec![of_root(), list(&stranger, 1, NOW, &[])]).unwrap_err();
    assert_eq!(failure.rule, Rule::RevocationUnknown(NotCovered::SignerUntrusted));
    let failure = ask(&world, &[&rival, &false_sub], rival_lists()).unwrap_err();
    assert_eq!(failure.rule, Rule::RevocationUnknown(NotCovered::SignerUntrusted));
    // Nor may it take a revocation back.
    let revoked = list(&world.sub, 1, NOW, &[entry(&world.leaf, NOW)]);
    let failure = ask(&world, &[&rival, &false_sub], [rival_lists(), vec![revoked]].concat()).unwrap_err();
    assert!(matches!(failure.rule, Rule::Revoked { .. }), "{failure}");
    // A leaf certificate of the same name, without cRLSign.
    let leaf = Wish { key: testing::ec_key(), ..Wish::leaf("sub") }.by(Some(&world.root));
    let as_authority = Wish { key: leaf.key.clone(), ..Wish::authority("sub") }.by(None);
    let failure = ask(&world, &[&leaf], vec![of_root(), list(&as_authority, 1, NOW, &[])]).unwrap_err();
    assert_eq!(failure.rule, Rule::RevocationUnknown(NotCovered::Signer));
}
