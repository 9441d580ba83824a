//! Changes that are lawful after a signature: each is accepted, or the attacks' refusals would prove nothing.

use signing::pades::{self, Appearance, Dss, Rect, SignRequest};
use signing::validation::Coverage;

use super::isa::{form, relook};
use super::table::report;
use super::{Attack, append, object, with_seal_at};
use crate::lasting::Lasting;
use crate::world::{self, NOW, World};

#[test]
fn lawful_changes_are_accepted() {
    let attack = Attack::new();
    let signed = &attack.signed;
    let (root, catalog) = object(signed, "/Type /Catalog");
    let (page, page_body) = object(signed, "/MediaBox");
    let (field, field_body) = object(signed, "/T (so)");
    let into = |body: &str, what: &str| body.replacen("<<", &format!("<<{what}"), 1);
    let data = || "<</Length 3>>\nstream\nabc\nendstream".to_owned();
    let look = form("BT /F1 9 Tf 2 2 Td (9) Tj ET");
    let in_catalog = |what: &str| append(signed, &[(root, into(&catalog, what))]);
    let store =
        |parts: &str| append(signed, &[(root, into(&catalog, &format!("/DSS<<{parts}>>"))), (800, data())]);
    let dss = Dss { crls: vec![attack.world.sub.crl(NOW).unwrap()], ..Dss::default() };
    let kept = pades::append_dss(signed, &dss).unwrap();
    let sealed = attack.world.organisation_seals(signed);
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("a store by another writer", store("/Certs[800 0 R]")),
        ("a store with a part about a signature", store("/CRLs[800 0 R]/VRI<</AB<</CRL[800 0 R]>>>>")),
        ("our store", kept.clone()),
        (
            "our store, then more",
            pades::append_dss(&kept, &Dss { ocsps: vec![b"TEST".to_vec()], ..Dss::default() }).unwrap(),
        ),
        ("a field filled", append(signed, &[(field, into(&field_body, "/V (9)"))])),
        (
            "a field filled, with its look",
            append(signed, &[(field, into(&relook(&field_body, "/N 801 0 R"), "/V (9)")), (801, look)]),
        ),
        ("an extension declared", in_catalog("/Extensions<</ESIC<</BaseVersion/1.7/ExtensionLevel 1>>>>")),
        ("a version declared", in_catalog("/Version/2.0")),
        ("an object written again as it is", append(signed, &[(page, page_body)])),
        ("an empty revision", append(signed, &[])),
        ("the seal over a third of the signature", sealed.clone()),
        ("the store after the seal", pades::append_dss(&sealed, &dss).unwrap()),
    ];
    let mut wrong = Vec::new();
    for (name, pdf) in &rows {
        match report(&attack.world, pdf) {
            Ok(found) if found.is_passed() && found.signatures[0].coverage == Coverage::Revision => {}
            found => wrong.push(format!("{name}: {found:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lawful_signatures_after_signatures_are_accepted() {
    with_seal_at(Rect::from_points(300, 85, 400, 185)).unwrap();
    with_seal_at(Rect::from_points(450, 85, 550, 185)).unwrap();
    let world = World::new();
    let reserved = pades::add_fields(&world::paper("Cong van"), &world::fields()).unwrap();
    let mut pdf = reserved;
    for (field, person) in [("co-quan", &world.organisation), ("nguoi-ky", &world.leader)] {
        let mut request = SignRequest::new(field, person.certificate.clone(), world.chain(), NOW);
        request.appearance =
            (field == "co-quan").then(|| Appearance::image_png(&world::disc([9, 9, 9])).unwrap());
        pdf = world::sign(&pdf, &request, person);
        assert!(report(&world, &pdf).unwrap().is_passed(), "{field}");
    }
    assert_eq!(report(&world, &pdf).unwrap().signatures.len(), 2);
}

#[test]
fn time_stamps_after_signatures_are_accepted_again_and_again() {
    use crate::lasting::{Step, day};
    let lasting = Lasting::new();
    let mut pdf = lasting.sign(&Lasting::paper(), &lasting.leader, Step::plain("nguoi-ky", day(1)));
    for on in 2..5 {
        pdf = Lasting::keep(&pdf, &lasting.evidence(&lasting.registers, day(on)));
        pdf = lasting.archive(&pdf, &lasting.clock, day(on));
        let found = signing::validation::validate_pdf(&pdf, Some(&lasting.trust()), day(on)).unwrap();
        assert!(found.is_passed(), "day {on}: {found:?}");
        assert_eq!(found.timestamps.len(), usize::try_from(on).unwrap() - 1);
    }
}
