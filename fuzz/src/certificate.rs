//! Certificates: read, examined for each use, and built into paths; as found and signed anew by the known key.

use signing::authority::Profile;
use signing::path::{self, Constraints, Policies};
use signing::{Certificate, SignatureAlgorithm, TrustStore, profile};

use super::world::{self, NOW, world};

const PROFILES: [Profile; 5] =
    [Profile::Person, Profile::Organisation, Profile::Log, Profile::TimeStamping, Profile::OcspResponder];

pub(crate) fn run(bytes: &[u8]) {
    drop(Certificate::all_from_pem(bytes));
    let parts = if bytes.first() == Some(&0x30) { vec![bytes] } else { world::parts(bytes) };
    let found: Vec<Certificate> = parts.iter().filter_map(|part| read(part)).collect();
    let anew: Vec<Certificate> =
        parts.iter().filter_map(|part| world::signed_anew(part)).filter_map(|der| read(&der)).collect();
    for certificates in [found, anew] {
        build(&certificates);
    }
}

fn read(der: &[u8]) -> Option<Certificate> {
    let certificate = Certificate::from_der(der).ok()?;
    assert_eq!(certificate.to_der(), der);
    assert_eq!(Certificate::from_pem(certificate.to_pem().as_bytes()).ok().as_ref(), Some(&certificate));
    drop((certificate.common_name(), certificate.issuer_common_name(), certificate.subject()));
    drop((certificate.serial(), certificate.not_before(), certificate.not_after(), certificate.spki_der()));
    drop((certificate.key_kind(), SignatureAlgorithm::of(&certificate), format!("{certificate:?}")));
    Some(certificate)
}

/// The first is the leaf, the last another anchor beside the world's.
fn build(certificates: &[Certificate]) {
    let Some((leaf, others)) = certificates.split_first() else { return };
    for expected in PROFILES {
        drop(profile::check(leaf, others, expected, NOW));
    }
    let world = world();
    let mut others = others.to_vec();
    others.push(world.sub.clone());
    let anchors = certificates.last().into_iter().chain([&world.root]).cloned().collect();
    let trust = TrustStore::new(anchors);
    let strict = Policies {
        is_explicit_required: true,
        is_mapping_inhibited: leaf.serial().ends_with('1'),
        is_any_inhibited: leaf.serial().ends_with('2'),
        ..Policies::default()
    };
    for policies in [Policies::default(), strict] {
        let constraints = Constraints { policies, ..Constraints::at(NOW) };
        if let Ok(path) = path::build(leaf, &others, &trust, &constraints) {
            assert_eq!(path.certificates.first(), Some(leaf));
            assert!(path.certificates.last().is_some_and(|anchor| trust.anchors().contains(anchor)));
            assert!(path.certificates.iter().all(|certificate| certificate.is_valid_at(NOW)));
        }
    }
}
