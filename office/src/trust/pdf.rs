//! A PDF that is being signed: in memory, or in a file that nobody sees yet. Both go the same way through the levels.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use cabinet::Digest;
use cabinet::digest::Digesting;
use signing::PdfError;
use signing::pades::{self, Dss, NewFile, PadesError, Prepared, PreparedTimestamp, Room};
use signing::validation::{Context, Report, validate_file_in, validate_in};

/// How much of a file is read at a time, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// The name that drafts are made from, in the folder of the one before.
const DRAFT: &str = "document";

/// What can be done to a PDF on its way to a level. All of it blocks.
pub trait Pdf: Sized + Send + Sync + 'static {
    /// Puts the raw signature into its place.
    ///
    /// # Errors
    ///
    /// As [`Prepared::embed`].
    fn embed(prepared: Prepared<Self>, raw: &[u8]) -> Result<Self, PadesError>;

    /// The same with a CMS that a time-stamp was added to.
    ///
    /// # Errors
    ///
    /// As [`Prepared::embed_cms`].
    fn embed_cms(prepared: Prepared<Self>, cms: &[u8]) -> Result<Self, PadesError>;

    /// Appends evidence.
    ///
    /// # Errors
    ///
    /// As [`pades::append_dss`].
    fn with_dss(&self, dss: &Dss) -> Result<Self, PadesError>;

    /// Appends a revision that lacks only its time-stamp.
    ///
    /// # Errors
    ///
    /// As [`pades::prepare_document_timestamp`].
    fn prepare_timestamp(&self, room: Room) -> Result<PreparedTimestamp<Self>, PadesError>;

    /// Puts the time-stamp into its place.
    ///
    /// # Errors
    ///
    /// As [`PreparedTimestamp::embed`].
    fn embed_timestamp(prepared: PreparedTimestamp<Self>, token: &[u8]) -> Result<Self, PadesError>;

    /// Judges it as strangers will.
    ///
    /// # Errors
    ///
    /// As [`validate_in`].
    fn validate(&self, context: &Context<'_>) -> Result<Report, PdfError>;

    /// Its SHA-256.
    ///
    /// # Errors
    ///
    /// [`PdfError::Disk`].
    fn digest(&self) -> Result<Digest, PdfError>;
}

impl Pdf for Vec<u8> {
    fn embed(prepared: Prepared<Self>, raw: &[u8]) -> Result<Self, PadesError> {
        prepared.embed(raw)
    }

    fn embed_cms(prepared: Prepared<Self>, cms: &[u8]) -> Result<Self, PadesError> {
        prepared.embed_cms(cms)
    }

    fn with_dss(&self, dss: &Dss) -> Result<Self, PadesError> {
        pades::append_dss(self, dss)
    }

    fn prepare_timestamp(&self, room: Room) -> Result<PreparedTimestamp<Self>, PadesError> {
        pades::prepare_document_timestamp(self, room)
    }

    fn embed_timestamp(prepared: PreparedTimestamp<Self>, token: &[u8]) -> Result<Self, PadesError> {
        prepared.embed(token)
    }

    fn validate(&self, context: &Context<'_>) -> Result<Report, PdfError> {
        validate_in(self, context)
    }

    fn digest(&self) -> Result<Digest, PdfError> {
        Ok(Digest::of(self))
    }
}

impl Pdf for NewFile {
    fn embed(prepared: Prepared<Self>, raw: &[u8]) -> Result<Self, PadesError> {
        prepared.embed(raw)
    }

    fn embed_cms(prepared: Prepared<Self>, cms: &[u8]) -> Result<Self, PadesError> {
        prepared.embed_cms(cms)
    }

    fn with_dss(&self, dss: &Dss) -> Result<Self, PadesError> {
        pades::append_dss_file(self.path(), &self.path().with_file_name(DRAFT), dss)
    }

    fn prepare_timestamp(&self, room: Room) -> Result<PreparedTimestamp<Self>, PadesError> {
        pades::prepare_document_timestamp_file(self.path(), &self.path().with_file_name(DRAFT), room)
    }

    fn embed_timestamp(prepared: PreparedTimestamp<Self>, token: &[u8]) -> Result<Self, PadesError> {
        prepared.embed(token)
    }

    fn validate(&self, context: &Context<'_>) -> Result<Report, PdfError> {
        validate_file_in(self.path(), context)
    }

    fn digest(&self) -> Result<Digest, PdfError> {
        let mut file = File::open(self.path())?;
        let (mut digest, mut piece) = (Digesting::default(), vec![0; PIECE_BYTES]);
        loop {
            let n = file.read(&mut piece)?;
            if n == 0 {
                return Ok(digest.finish());
            }
            digest.take(piece.get(..n).unwrap_or_default());
        }
    }
}

/// Prepares the signature of the file `pdf`, in its folder. An empty signature field is taken, else one is added that
/// does not show.
///
/// # Errors
///
/// As [`pades::prepare_file`].
pub fn prepare_file(pdf: &Path, mut request: pades::SignRequest) -> Result<Prepared<NewFile>, PadesError> {
    let place = pdf.with_file_name(DRAFT);
    if let Some(field) = pades::empty_signature_field_file(pdf)? {
        request.field = field;
        return pades::prepare_file(pdf, &place, &request);
    }
    let reserved = pades::add_fields_file(pdf, &place, &[pades::Field::invisible(&request.field)])?;
    pades::prepare_file(reserved.path(), &place, &request)
}
