use openssl::pkey::{PKey, Private};

use super::*;
use crate::authority::{Authority, Services, Subject, Validity};
use crate::testing::{self, NOW};

const ALL: [Profile; 4] = [Profile::Person, Profile::Organisation, Profile::Log, Profile::OcspResponder];

struct World {
    root: Authority,
    sub: Authority,
}

fn world() -> World {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let services = Services {
        ocsp_url: "http://pki.test/ocsp".to_owned(),
        crl_url: "http://pki.test/sub.crl".to_owned(),
        issuer_url: "http://pki.test/sub.cer".to_owned(),
    };
    let sub = root.create_sub("TEST sub", NOW).unwrap().with_services(services);
    World { root, sub }
}

impl World {
    fn certify(&self, key: &PKey<Private>, profile: Profile, n_days: i64) -> Certificate {
        let spki = key.public_key_to_der().unwrap();
        let validity = Validity::days(NOW, n_days);
        self.sub.issue_signer(&spki, &Subject::named("TEST"), 7, validity, profile).unwrap()
    }

    fn chain(&self) -> [Certificate; 2] {
        [self.sub.certificate().clone(), self.root.certificate().clone()]
    }
}

fn codes(found: &[Finding], severity: Severity) -> Vec<&'static str> {
    found.iter().filter(|finding| finding.severity == severity).map(|finding| finding.code).collect()
}

fn errors(found: &[Finding]) -> Vec<&'static str> {
    codes(found, Severity::Error)
}

#[test]
fn what_our_authority_issues_is_fit_for_its_own_profile() {
    let world = world();
    for profile in ALL {
        let certificate = world.certify(&testing::ec_key(), profile, 3 * 365);
        let found = check(&certificate, &world.chain(), profile, NOW);
        assert!(errors(&found).is_empty(), "{profile:?}: {found:?}");
        assert!(codes(&found, Severity::Warning).is_empty(), "{profile:?}: {found:?}");
        assert!(found.iter().any(|finding| finding.code == "test"), "a test authority is always named");
    }
    let log = world.certify(&PKey::generate_ed25519().unwrap(), Profile::Log, 365);
    assert!(errors(&check(&log, &world.chain(), Profile::Log, NOW)).is_empty());
    assert!(errors(&check(&log, &world.chain(), Profile::Person, NOW)).contains(&"key"));
}

#[test]
fn a_certificate_for_a_service_signs_no_documents_and_the_other_way_round() {
    let world = world();
    let responder = world.certify(&testing::ec_key(), Profile::OcspResponder, 365);
    assert_eq!(errors(&check(&responder, &world.chain(), Profile::Person, NOW)), ["purpose"]);
    let person = world.certify(&testing::ec_key(), Profile::Person, 365);
    assert_eq!(errors(&check(&person, &world.chain(), Profile::OcspResponder, NOW)), ["purpose"]);
    let found = check(world.sub.certificate(), &world.chain()[1..], Profile::Person, NOW);
    assert!(errors(&found).contains(&"authority"), "{found:?}");
}

#[test]
fn weak_keys_expiry_and_wrong_issuers_are_errors() {
    let world = world();
    let chain = world.chain();
    let person = world.certify(&testing::ec_key(), Profile::Person, 365);
    let at = |days: i64| check(&person, &chain, Profile::Person, NOW.plus_seconds(days * 86_400));
    assert_eq!(errors(&at(366)), ["validity"]);
    assert!(errors(&at(-1)).contains(&"validity"));
    assert_eq!(errors(&check(&person, &[], Profile::Person, NOW)), ["issuer"]);
    let twin = Authority::create_root("TEST sub", NOW).unwrap();
    let found = check(&person, &[twin.certificate().clone()], Profile::Person, NOW);
    assert_eq!(errors(&found), ["issuer"], "the same name is not the same issuer");
    let weak = world.certify(&testing::rsa_key(1024), Profile::Person, 365);
    assert_eq!(errors(&check(&weak, &chain, Profile::Person, NOW)), ["key"]);
}

#[test]
fn what_nobody_has_confirmed_is_no_error() {
    let world = world();
    let long = world.certify(&testing::rsa_key(2048), Profile::Person, 6 * 365);
    let found = check(&long, &world.chain(), Profile::Person, NOW);
    assert!(errors(&found).is_empty());
    assert_eq!(codes(&found, Severity::Warning), ["term"]);
    assert!(codes(&found, Severity::Note).contains(&"policy"));
    assert!(codes(&found, Severity::Note).contains(&"key"), "2048 bits are allowed");
    let silent = testing::certify(&world.root, &testing::ec_key(), "TEST", Profile::Person);
    let found = check(&silent, &world.chain()[1..], Profile::Person, NOW);
    assert_eq!(codes(&found, Severity::Warning), ["status"]);
    assert!(found.windows(2).all(|pair| pair[0].severity >= pair[1].severity), "the worst first");
}
