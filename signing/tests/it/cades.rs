//! OpenSSL judges our detached signatures.

use std::process::Command;

use cabinet::Digest;
use signing::{Invalid, Signed, cades};

use crate::world::{self, NOW, World};

#[test]
fn openssl_accepts_our_ballots_by_its_cades_rules() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let content = "phiếu biểu quyết".as_bytes();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    for person in [&world.leader, &world.organisation] {
        let prepared =
            cades::prepare(&Digest::of(content), &person.certificate, &world.chain(), NOW).unwrap();
        let raw = world::sign_raw(&person.key, prepared.algorithm(), prepared.signed_attributes());
        let cms = prepared.embed(&raw).unwrap();
        let (says, output) = world::judge(
            Command::new("openssl")
                .args(["cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in"])
                .arg(file("ballot.p7s", &cms))
                .arg("-content")
                .arg(file("ballot", content))
                .arg("-CAfile")
                .arg(file("root.pem", world.root.certificate().to_pem().as_bytes()))
                .args(["-attime", &(NOW.as_seconds() + 60).to_string()])
                .args(["-out", "/dev/null"]),
        );
        assert!(output.status.success(), "{says}");
        let expected = &person.certificate;
        let signed = Signed::verify("ballot", content, cms.clone(), expected, NOW, &world.trust()).unwrap();
        assert_eq!(signed.cms(), cms);
        let other = if expected == &world.leader.certificate { &world.organisation } else { &world.leader };
        let refused = Signed::verify("ballot", content, cms, &other.certificate, NOW, &world.trust());
        assert_eq!(refused.unwrap_err(), Invalid::WrongSigner);
    }
}
