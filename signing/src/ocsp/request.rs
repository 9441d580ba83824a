//! Requests: written for the responder, read for our own responder.

use super::id::{self, CertId};
use super::{IdHash, NONCE, NoAnswer, Nonce};
use crate::extension;
use crate::tlv::{self, Reader};
use crate::{Certificate, Invalid};

/// Largest request that is looked at, in bytes.
pub const MAX_REQUEST_BYTES: usize = 16 << 10;
/// Most certificates that one request may ask about.
pub const MAX_IDS: usize = 16;

/// Writes the request for the status of `certificate`, which `issuer` issued.
///
/// With a nonce the answer is fresh, but many public responders send prepared answers without it.
///
/// # Errors
///
/// [`NoAnswer::NotTheIssuer`]: give the next certificate of the path.
pub fn request(
    certificate: &Certificate,
    issuer: &Certificate,
    hash: IdHash,
    nonce: Option<&Nonce>,
) -> Result<Vec<u8>, NoAnswer> {
    let id = id::write(certificate, issuer, hash)?;
    let list = tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::SEQUENCE, &[&id])]);
    let extensions = nonce.map_or_else(Vec::new, |nonce| {
        tlv::write(tlv::context(2), &[&tlv::write(tlv::SEQUENCE, &[&nonce.extension()])])
    });
    Ok(tlv::write(tlv::SEQUENCE, &[&tlv::write(tlv::SEQUENCE, &[&list, &extensions])]))
}

/// A request as the responder reads it.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) ids: Vec<CertId<'a>>,
    pub(super) nonce: Option<Nonce>,
}

/// Reads a request. Its signature, if it has one, is passed over: nobody needs a right to ask.
pub(super) fn parse(bytes: &[u8]) -> Result<Request<'_>, Invalid> {
    if bytes.len() > MAX_REQUEST_BYTES {
        return Err(Invalid::Structure("a request larger than 16 kB"));
    }
    let mut whole = tlv::only(bytes, tlv::SEQUENCE)?;
    let mut tbs = Reader::new(whole.expect(tlv::SEQUENCE)?.body);
    whole.optional(tlv::context(0))?;
    whole.finish()?;
    if tbs.optional(tlv::context(0))?.is_some() {
        return Err(Invalid::Structure("the version"));
    }
    tbs.optional(tlv::context(1))?;
    let mut list = Reader::new(tbs.expect(tlv::SEQUENCE)?.body);
    let mut ids = Vec::new();
    while !list.is_empty() {
        let mut single = Reader::new(list.expect(tlv::SEQUENCE)?.body);
        ids.push(CertId::parse(single.expect(tlv::SEQUENCE)?.whole)?);
        if let Some(explicit) = single.optional(tlv::context(0))?
            && extension::parse_all(explicit.body)?.iter().any(|extension| extension.is_critical)
        {
            return Err(Invalid::Structure("a critical extension"));
        }
        single.finish()?;
        if ids.len() > MAX_IDS {
            return Err(Invalid::Structure("too many certificates in one request"));
        }
    }
    let extensions = match tbs.optional(tlv::context(2))? {
        Some(explicit) => extension::parse_all(explicit.body)?,
        None => Vec::new(),
    };
    tbs.finish()?;
    if ids.is_empty() || extensions.iter().any(|extension| extension.is_critical && extension.id != NONCE) {
        return Err(Invalid::Structure("nothing asked, or a critical extension"));
    }
    let nonce = extension::find(&extensions, NONCE).map(|extension| Nonce::read(extension.value));
    Ok(Request { ids, nonce: nonce.transpose()? })
}
