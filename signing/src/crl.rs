//! Certificate revocation lists: read strictly, asked about a certificate, prepared for signing.
//!
//! A list is kept as its original bytes with an index of twelve bytes an entry, sorted by serial
//! number, so that a list of a hundred thousand entries is asked in microseconds. Who may sign a list,
//! and whether it is fresh, is judged by [`crate::path`].
//!
//! Source: `docs/sources.md`, entry `rfc5280` (5 and 6.3).

mod parse;
mod prepare;
mod scope;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use cabinet::Timestamp;

pub use prepare::{NewEntry, Prepared, prepare};
pub(crate) use scope::{Reasons, Scope, coverage};

use crate::path::algorithms::SignedParts;
use crate::path::{NormalName, Rule};
pub use crate::reason::Reason;
use crate::{Certificate, tlv};

/// Largest list that is read, in bytes.
pub const MAX_CRL_BYTES: usize = 32 << 20;
/// Most entries of one list.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Most issuers that an indirect list speaks for.
const MAX_ISSUERS: usize = 10_000;

/// A revocation list: its exact bytes and an index into them. Its signature is not checked by parsing.
#[derive(Clone)]
pub struct Crl {
    der: Arc<[u8]>,
    /// The issuer's name first, then those that an indirect list speaks for.
    issuers: Vec<NormalName>,
    this_update: Timestamp,
    next_update: Timestamp,
    number: Option<Vec<u8>>,
    base_number: Option<Vec<u8>>,
    authority_key_id: Option<Vec<u8>>,
    scope: Scope,
    /// Sorted by serial number.
    entries: Vec<Entry>,
}

/// Where an entry lies in the bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    serial_start: u32,
    serial_len: u16,
    issuer: u16,
    revocation: u32,
}

/// The list cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadCrl {
    /// The bytes are no revocation list of version 2.
    #[error("not a revocation list that can be relied on ({0}): fetch it again, then ask the authority")]
    Malformed(&'static str),
    /// The list or a part of it is too large.
    #[error("the revocation list is too large ({0}): ask the authority for partitioned lists")]
    TooLarge(&'static str),
    /// A critical extension is not understood.
    #[error(
        "the revocation list has an extension that is not understood ({0}): it cannot be used for any certificate"
    )]
    UnknownCriticalExtension(String),
    /// The issuer's certificate may not sign lists, or its key cannot be used.
    #[error("this certificate cannot sign revocation lists: it needs cRLSign and a P-256 or RSA key")]
    Signer,
    /// The signature is not by the issuer.
    #[error("the list is not signed by that certificate: sign again, then suspect the token")]
    SignatureWrong,
}

/// What a list says about one certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// When it was revoked.
    pub at: Timestamp,
    /// Why, if the list says.
    pub reason: Option<Reason>,
    /// Since when the key may have been in wrong hands, if the list says.
    pub invalidity_date: Option<Timestamp>,
}

impl Crl {
    /// Reads one DER list; nothing may follow it. Costs one pass over the bytes and a sort.
    ///
    /// # Errors
    ///
    /// [`BadCrl`]: also where a critical extension of the list or of any entry is not understood.
    pub fn from_der(der: &[u8]) -> Result<Self, BadCrl> {
        parse::parse(der)
    }

    /// The list's bytes, exactly as they were given.
    #[must_use]
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    /// When the list was issued.
    #[must_use]
    pub const fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// By when the next list is issued.
    #[must_use]
    pub const fn next_update(&self) -> Timestamp {
        self.next_update
    }

    /// The list's number in lower-case hex, if it has one.
    #[must_use]
    pub fn number(&self) -> Option<String> {
        self.number.as_ref().map(hex::encode)
    }

    /// Whether the list only says what changed since another.
    #[must_use]
    pub const fn is_delta(&self) -> bool {
        self.base_number.is_some()
    }

    /// How many certificates the list names.
    #[must_use]
    pub const fn n_entries(&self) -> usize {
        self.entries.len()
    }

    /// The name of who issued the list.
    pub(crate) fn issuer(&self) -> Option<&NormalName> {
        self.issuers.first()
    }

    pub(crate) fn authority_key_id(&self) -> Option<&[u8]> {
        self.authority_key_id.as_deref()
    }

    pub(crate) const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether this delta list brings `base` up to date, RFC 5280, 5.2.4.
    pub(crate) fn updates(&self, base: &Self) -> bool {
        let (Some(number), Some(base_number), Some(since)) = (&self.number, &base.number, &self.base_number)
        else {
            return false;
        };
        !base.is_delta()
            && self.issuer() == base.issuer()
            && self.scope == base.scope
            && self.authority_key_id == base.authority_key_id
            && not_above(since, base_number)
            && !not_above(number, base_number)
    }

    /// Checks the list's signature with `signer`'s key; whether `signer` may sign it is another question.
    pub(crate) fn verify(&self, signer: &Certificate) -> Result<(), Rule> {
        let parts = SignedParts::parse(&self.der).ok().ok_or(Rule::Malformed("a revocation list"))?;
        parts.verify(signer)
    }

    /// The entry for a certificate by its issuer and the content octets of its serial number.
    pub(crate) fn find(&self, issuer: &NormalName, serial: &[u8]) -> Option<Revocation> {
        let first = self.entries.partition_point(|entry| self.serial(*entry) < serial);
        let same = self.entries.get(first..)?.iter().take_while(|entry| self.serial(**entry) == serial);
        let of_issuer = same.filter(|entry| self.issuers.get(usize::from(entry.issuer)) == Some(issuer));
        // A serial number twice: the earlier revocation counts, a removal last.
        of_issuer
            .filter_map(|entry| self.revocation(*entry))
            .min_by_key(|entry| (entry.reason == Some(Reason::RemoveFromCrl), entry.at))
    }

    fn serial(&self, entry: Entry) -> &[u8] {
        let start = usize::try_from(entry.serial_start).unwrap_or(usize::MAX);
        let range: Range<usize> = start..start.saturating_add(usize::from(entry.serial_len));
        self.der.get(range).unwrap_or_default()
    }

    fn revocation(&self, entry: Entry) -> Option<Revocation> {
        let start = usize::try_from(entry.revocation).ok()?;
        let body = tlv::Reader::new(self.der.get(start..)?).expect(tlv::SEQUENCE).ok()?.body;
        Some(parse::entry(body).ok()?.revocation)
    }
}

impl std::fmt::Debug for Crl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crl")
            .field("number", &self.number())
            .field("this_update", &self.this_update)
            .field("n_entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// Whether the non-negative DER integer `a` is not above `b`.
fn not_above(a: &[u8], b: &[u8]) -> bool {
    (a.len(), a) <= (b.len(), b)
}
