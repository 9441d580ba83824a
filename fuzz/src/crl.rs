//! Revocation lists, alone and beside others, as found and signed anew, asked about the world's certificates.

use signing::crl::Crl;
use signing::path::{self, Constraints, Evidence, RevocationStatus};

use super::world::{self, NOW, world};

pub(crate) fn run(bytes: &[u8]) {
    let parts = if bytes.first() == Some(&0x30) { vec![bytes] } else { world::parts(bytes) };
    let found: Vec<Crl> = parts.iter().filter_map(|part| read(part)).collect();
    let anew: Vec<Crl> =
        parts.iter().filter_map(|part| world::signed_anew(part)).filter_map(|list| read(&list)).collect();
    for lists in [found, anew] {
        ask(lists);
    }
}

fn read(der: &[u8]) -> Option<Crl> {
    let list = Crl::from_der(der).ok()?;
    assert_eq!(list.to_der(), der);
    assert!(list.this_update() <= list.next_update());
    assert!(list.n_entries() <= der.len());
    drop((list.number(), list.is_delta(), format!("{list:?}")));
    Some(list)
}

fn ask(lists: Vec<Crl>) {
    if lists.is_empty() {
        return;
    }
    let evidence = Evidence::of_lists(lists, NOW);
    let constraints = Constraints { revocation: Some(&evidence), ..Constraints::at(NOW) };
    let world = world();
    for leaf in [&world.signer, &world.clock, &world.responder] {
        if let Ok(path) = path::build(leaf, std::slice::from_ref(&world.sub), &world.trust, &constraints) {
            let is_good = |status: &RevocationStatus| matches!(status, RevocationStatus::Good { .. });
            assert!(path.revocation.iter().all(is_good), "{:?}", path.revocation);
        }
    }
}
