//! PDFs: validated, read for their stores and fields, and signed. What our own writer makes of a file, our own
//! reader must accept.

use signing::pades::{self, Field, PadesError, Room, SignRequest};
use signing::validation::{Coverage, Integrity, Report, validate_pdf};

use super::world::{self, NOW, world};

pub(crate) fn run(bytes: &[u8]) {
    let report = validate_pdf(bytes, Some(&world().trust), NOW);
    drop(pades::signature_keys(bytes));
    if let Ok(store) = pades::read_dss(bytes)
        && let Ok(kept) = pades::append_dss(bytes, &store)
    {
        let kept = pades::read_dss(&kept).expect("the store reads");
        let has_all = |old: &[Vec<u8>], new: &[Vec<u8>]| old.iter().all(|value| new.contains(value));
        let is_kept = has_all(&store.certificates, &kept.certificates)
            && has_all(&store.crls, &kept.crls)
            && has_all(&store.ocsps, &kept.ocsps)
            && store.vri == kept.vri;
        assert!(is_kept, "what the store held is not there any more");
    }
    if let Ok(prepared) = pades::prepare_document_timestamp(bytes, Room::SIGNATURE) {
        let stamped = prepared.embed(b"\x30\x00").expect("room for an empty token");
        validate_pdf(&stamped, None, NOW).expect("what was stamped reads");
    }
    match pades::empty_signature_field(bytes) {
        Ok(Some(name)) => sign(bytes, &name, report.ok().as_ref()),
        Ok(None) => {
            if let Ok(reserved) = pades::add_fields(bytes, &[Field::invisible("them")]) {
                let name = pades::empty_signature_field(&reserved).expect("what was reserved reads");
                sign(&reserved, &name.expect("the reserved field"), None);
            }
        }
        Err(_) => {}
    }
}

/// Signs; if it can be signed, the signature is intact, covers the file, and breaks no earlier one.
pub(crate) fn sign(pdf: &[u8], field: &str, before: Option<&Report>) {
    let mut request = SignRequest::new(field, world().signer.clone(), vec![world().sub.clone()], NOW);
    request.room = Room::SIGNATURE;
    complete(pdf, &request, before);
}

pub(crate) fn complete(pdf: &[u8], request: &SignRequest, before: Option<&Report>) {
    let Ok(prepared) = pades::prepare(pdf, request) else { return };
    let raw = world::sign_raw(prepared.signed_attributes());
    let signed = match prepared.embed(&raw) {
        Ok(signed) => signed,
        Err(PadesError::Room { .. }) => return,
        Err(error) => panic!("prepared, and yet not to be signed: {error}"),
    };
    assert_eq!(signed.get(..pdf.len()), Some(pdf), "bytes that were there are changed");
    let report = validate_pdf(&signed, Some(&world().trust), NOW).expect("what was signed reads");
    let own = report.signatures.iter().filter(|signature| signature.covered_bytes == signed.len());
    let own: Vec<_> = own.collect();
    assert!(
        matches!(own.as_slice(), [own] if own.integrity == Integrity::Intact && own.coverage == Coverage::Whole
            && own.field == request.field),
        "{:?}",
        report.signatures
    );
    let n_passed =
        |report: &Report| report.signatures.iter().filter(|signature| signature.is_sound()).count();
    if let Some(before) = before {
        assert!(n_passed(&report) > n_passed(before), "an earlier signature broke: {:?}", report.signatures);
    }
}
