//! Signatures in a PDF: reserved fields, a revision to sign, the signature put into it.
//!
//! A paper is typeset, [`add_fields`] reserves its signature fields and the fields for number and
//! date, then each signer adds one incremental revision by [`prepare`] and [`Prepared::embed`].
//! Signers take turns: each prepares on the file that the one before finished. Afterwards [`append_dss`]
//! and [`prepare_document_timestamp`] keep the signatures verifiable.
//!
//! Each comes in two forms: over bytes in memory, and (`…_file`) over a file of up to 1 GiB in bounded
//! memory, whose new version is a [`NewFile`] that shows only once it is published.
//!
//! Source: `docs/sources.md`, entries `en319142`, `iso32000`, `decree30-signatures`.

mod appearance;
pub(crate) mod dss;
mod fields;
mod new_file;
mod prepare;
mod reserve;
mod room;
mod timestamp;

pub use appearance::Appearance;
pub use dss::{
    Dss, Vri, append_dss, append_dss_file, read_dss, read_dss_file, signature_keys, signature_keys_file,
    vri_key,
};
pub use fields::{
    Field, FieldKind, add_fields, add_fields_file, empty_signature_field, empty_signature_field_file,
};
pub use new_file::NewFile;
pub use prepare::{Prepared, content_imprint, prepare, prepare_file};
pub use room::Room;
pub use timestamp::{PreparedTimestamp, prepare_document_timestamp, prepare_document_timestamp_file};

pub use crate::pdf::Rect;

use cabinet::Timestamp;

use crate::{Certificate, Invalid, PdfError, SignatureAlgorithm};

/// What is to be signed, by whom and how it shows.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// Full name of an existing, empty signature field.
    pub field: String,
    /// The signer's certificate.
    pub signer: Certificate,
    /// The certificates between him and the anchor.
    pub chain: Vec<Certificate>,
    /// The claimed time of signing, written as `/M`.
    pub at: Timestamp,
    /// Another algorithm than the one that goes with the key.
    pub algorithm: Option<SignatureAlgorithm>,
    /// The signer's name as text; the certificate's common name if absent.
    pub name: Option<String>,
    /// Why he signs.
    pub reason: Option<String>,
    /// Where he signs.
    pub location: Option<String>,
    /// What the field shows; nothing if absent.
    pub appearance: Option<Appearance>,
    /// Makes it a certification signature; only the first signature of a document may be one.
    pub certify: Option<DocMdp>,
    /// Text fields filled in the same revision, so that the signature covers them.
    pub fills: Vec<Fill>,
    /// Whether later revisions may still fill fields.
    pub lock: Lock,
    /// Room for the CMS and for what is put beside it, as a time-stamp token; [`Room::SIGNATURE`] has none.
    pub room: Room,
}

impl SignRequest {
    /// A plain, invisible approval signature; set the other fields as needed.
    #[must_use]
    pub fn new(field: &str, signer: Certificate, chain: Vec<Certificate>, at: Timestamp) -> Self {
        Self {
            field: field.to_owned(),
            signer,
            chain,
            at,
            algorithm: None,
            name: None,
            reason: None,
            location: None,
            appearance: None,
            certify: None,
            fills: Vec::new(),
            lock: Lock::Open,
            room: Room::SIGNATURE,
        }
    }
}

/// What a certification signature allows afterwards.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DocMdp {
    /// P = 1: nothing but validation data and document time-stamps.
    NoChanges,
    /// P = 2: filling fields and signing too.
    FillAndSign,
}

/// What a signature does to the form's fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lock {
    /// Leaves them as they are.
    Open,
    /// Locks every field (`FieldMDP`, action `All`), as the last signature should.
    AllFields,
}

/// A text field to be filled.
#[derive(Clone, Debug)]
pub struct Fill {
    /// Full name of an existing, empty text field.
    pub field: String,
    /// Its value.
    pub value: String,
    /// How it looks, typeset elsewhere; if absent it is set in Times, which has no Vietnamese letters.
    pub appearance: Option<Appearance>,
}

/// A PDF could not be prepared or signed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PadesError {
    /// The file itself.
    #[error(transparent)]
    Pdf(#[from] PdfError),
    /// The signature or the certificate.
    #[error(transparent)]
    Signature(#[from] Invalid),
    /// There is no such field, or it has another kind, or it is filled already.
    #[error(
        "the field {0} is not there, has another kind or is not empty: add it before the first signature"
    )]
    Field(String),
    /// The document bears a signature, so its fields and its certification can no longer be chosen.
    #[error("the document is already signed: reserve fields and certify before the first signature")]
    AlreadySigned,
    /// No such page.
    #[error("the document has no page {0} (counted from 0): choose one of its pages")]
    NoPage(usize),
    /// The image or page that should show is not usable.
    #[error("the appearance cannot be used ({0}): give an 8-bit PNG or a PDF of one page of text")]
    Appearance(&'static str),
    /// The value cannot be set in the built-in font.
    #[error("the value of {0} has letters outside Latin-1: give its typeset appearance")]
    Letters(String),
    /// The CMS does not fit the room left for it.
    #[error(
        "the signature needs {needed} bytes and {room} were reserved: prepare again, once, with doubled room"
    )]
    Room {
        /// Bytes needed.
        needed: usize,
        /// Bytes reserved.
        room: usize,
    },
    /// The file would not validate: an earlier signature is broken or would be.
    #[error("the signed file would not validate ({0}): check the earlier signatures, do not issue it")]
    Refused(String),
}
