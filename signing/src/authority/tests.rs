use openssl::x509::{CrlStatus, X509Crl};

use super::*;
use crate::register::Reason;
use crate::testing::NOW;
use crate::{KeyKind, TrustStore};

fn authorities() -> (Authority, Authority) {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let sub = root.create_sub("CA (thử nghiệm)", NOW).unwrap();
    (root, sub)
}

#[test]
fn only_tests_are_named() {
    assert!(matches!(Authority::create_root("Ban Cơ yếu", NOW), Err(AuthorityError::NotMarkedAsTest)));
    let (_, sub) = authorities();
    let key = fresh_key().unwrap().public_key_to_der().unwrap();
    let validity = Validity::days(NOW, 1);
    let issue = |subject: &Subject| sub.issue_signer(&key, subject, 1, validity, Profile::Person);
    assert!(matches!(issue(&Subject::named("Nguyễn Văn A")), Err(AuthorityError::NotMarkedAsTest)));
    let marked = issue(&Subject::named("Nguyễn Văn A").of("Chính phủ (THỬ NGHIỆM)")).unwrap();
    assert_eq!(marked.common_name(), "Nguyễn Văn A");
    assert_eq!(marked.serial(), "01");
}

#[test]
fn it_survives_storage_and_its_list_verifies() {
    let (root, sub) = authorities();
    let stored = sub.to_pem().unwrap();
    let again = Authority::from_pem(stored.as_bytes()).unwrap();
    assert_eq!(again.chain(), [sub.certificate().clone(), root.certificate().clone()]);
    let list = X509Crl::from_der(&again.crl(NOW).unwrap()).unwrap();
    assert!(list.verify(&sub.certificate().public_key().unwrap()).unwrap());
    let mixed = [root.to_pem().unwrap().as_bytes(), stored.as_bytes()].concat();
    assert!(Authority::from_pem(&mixed).is_ok(), "the first key and certificate count");
    let foreign =
        format!("{}{}", private_pem(&fresh_key().unwrap()).unwrap().as_str(), root.certificate().to_pem());
    assert!(matches!(Authority::from_pem(foreign.as_bytes()), Err(AuthorityError::Damaged)));
}

#[test]
fn every_profile_has_a_path() {
    let (root, sub) = authorities();
    let validity = Validity::days(NOW, 30);
    let trust = TrustStore::new(vec![root.certificate().clone()]);
    let middle = [sub.certificate().clone()];
    let log_key = PKey::generate_ed25519().unwrap().public_key_to_der().unwrap();
    let log = sub.issue_signer(&log_key, &Subject::named("TEST log"), 9, validity, Profile::Log).unwrap();
    assert_eq!(log.key_kind(), KeyKind::Ed25519);
    assert_eq!(log.spki_der(), log_key);
    let (card, p12) = sub.issue_client_p12(&Subject::named("TEST card"), "mật khẩu", validity).unwrap();
    let opened = Pkcs12::from_der(&p12).unwrap().parse2("mật khẩu").unwrap();
    assert_eq!(opened.cert.unwrap().to_der().unwrap(), card.to_der());
    let server = sub.issue_tls_server(&["localhost", "127.0.0.1"], validity).unwrap();
    let chain = Certificate::all_from_pem(server.chain_pem.as_bytes()).unwrap();
    assert_eq!(chain.len(), 2, "the root is not sent");
    assert_eq!(chain[1], middle[0]);
    let key = PKey::private_key_from_pem(server.key_pem.as_bytes()).unwrap();
    assert!(chain[0].public_key().unwrap().public_eq(&key));
    for leaf in [&log, &card, &chain[0]] {
        assert_eq!(trust.path(leaf, &middle, NOW).unwrap().len(), 3);
    }
}

#[test]
fn the_list_holds_what_the_register_holds_and_openssl_reads_it() {
    let (root, sub) = authorities();
    let key = fresh_key().unwrap().public_key_to_der().unwrap();
    let mut register = Register::default();
    let mut issue = |serial| {
        let subject = Subject::named("TEST");
        let issued =
            sub.issue_signer(&key, &subject, serial, Validity::days(NOW, 30), Profile::Person).unwrap();
        register.issued(&issued);
        issued
    };
    let certificates = [issue(1), issue(0xff00_0000_0000_0001), issue(3)];
    register.revoke(&certificates[0].serial(), NOW, Reason::KeyCompromise).unwrap();
    register.revoke(&certificates[1].serial(), NOW, Reason::CertificateHold).unwrap();
    let list = X509Crl::from_der(&sub.crl_of(&register, NOW).unwrap()).unwrap();
    assert!(list.verify(&sub.certificate().public_key().unwrap()).unwrap());
    assert!(!list.verify(&root.certificate().public_key().unwrap()).unwrap());
    let on_list = certificates.each_ref().map(|certificate| {
        let x509 = certificate.x509();
        !matches!(list.get_by_cert(&x509), CrlStatus::NotRevoked)
    });
    assert_eq!(on_list, [true, true, false]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), list.to_der().unwrap()).unwrap();
    let judge = std::process::Command::new("openssl")
        .args(["crl", "-inform", "DER", "-text", "-noout", "-in"])
        .arg(file.path())
        .output()
        .unwrap();
    let text = String::from_utf8(judge.stdout).unwrap();
    assert!(text.contains("Key Compromise") && text.contains("Certificate Hold"), "{text}");
    register.release(&certificates[1].serial()).unwrap();
    let list = X509Crl::from_der(&sub.crl_of(&register, NOW.plus_seconds(1)).unwrap()).unwrap();
    assert_eq!(list.get_revoked().unwrap().len(), 1, "a hold that was released leaves the list");
}

#[test]
fn certificates_say_where_their_status_is_asked_only_if_somebody_answers() {
    let (_, sub) = authorities();
    let key = fresh_key().unwrap().public_key_to_der().unwrap();
    let issue = |authority: &Authority, profile| {
        let subject = Subject::named("TEST");
        let issued = authority.issue_signer(&key, &subject, 1, Validity::days(NOW, 30), profile).unwrap();
        issued.x509()
    };
    assert!(issue(&sub, Profile::Person).ocsp_responders().is_err(), "there is none");
    let services = Services {
        ocsp_url: "http://pki.test/ocsp".to_owned(),
        crl_url: "http://pki.test/sub.crl".to_owned(),
        issuer_url: "http://pki.test/sub.cer".to_owned(),
    };
    let served =
        Authority::from_pem(sub.to_pem().unwrap().as_bytes()).unwrap().with_services(services.clone());
    let person = issue(&served, Profile::Person);
    assert_eq!(&person.ocsp_responders().unwrap()[0][..], services.ocsp_url);
    let text = String::from_utf8(person.to_text().unwrap()).unwrap();
    assert!(
        text.contains("CA Issuers - URI:http://pki.test/sub.cer")
            && text.contains("URI:http://pki.test/sub.crl")
    );
    let responder = issue(&served, Profile::OcspResponder);
    assert!(responder.ocsp_responders().is_err(), "nobody asks a responder about itself");
    let text = String::from_utf8(responder.to_text().unwrap()).unwrap();
    assert!(text.contains("OCSP Signing") && text.contains("OCSP No Check"), "{text}");
    let odd = sub.with_services(Services { crl_url: "http://pki.test/ sub".to_owned(), ..services });
    let order = odd.issue_signer(&key, &Subject::named("TEST"), 1, Validity::days(NOW, 1), Profile::Log);
    assert!(matches!(order, Err(AuthorityError::NotAnAddress(_))));
}
