//! The documents of a list, and where their signed copies go.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cabinet::Digest;
use cabinet::digest::Digesting;
use office::batches::MAX_DOCUMENT_BYTES;
use signing::validation::validate_file;

/// How much of a file is read at a time, in bytes.
const PIECE_BYTES: usize = 256 << 10;

/// A document to be signed.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) path: PathBuf,
    pub(super) out: PathBuf,
    pub(super) name: String,
    pub(super) digest: Digest,
    pub(super) n_bytes: u64,
    /// Its signed copy is there.
    pub(super) is_done: bool,
}

/// Looks at every document before anything is begun.
pub(super) fn read(paths: &[PathBuf], out: &Path) -> anyhow::Result<Vec<Document>> {
    let mut taken = BTreeSet::new();
    paths
        .iter()
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.with_context(|| format!("{}: give it a name in UTF-8", path.display()))?;
            if !taken.insert(name) {
                bail!("{name} is in the list twice: the signed copies would overwrite each other");
            }
            let (digest, n_bytes) = measure(path)?;
            let out = out.join(name);
            let is_done = is_signed_copy(&out, digest, n_bytes)?;
            Ok(Document { path: path.clone(), out, name: name.to_owned(), digest, n_bytes, is_done })
        })
        .collect()
}

impl Document {
    /// Where the signed copy is written before it is whole.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.out.with_extension("pdf.unfinished")
    }

    /// Gives the signed copy its name, once it is safely on the disk: complete under it, or not there at all.
    pub(super) fn keep(&self) -> anyhow::Result<()> {
        let keep = || {
            File::open(self.unfinished())?.sync_all()?;
            fs::rename(self.unfinished(), &self.out)?;
            // The name must last as long as the bytes.
            File::open(self.out.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        keep().with_context(|| format!("{} cannot be written", self.out.display()))
    }
}

/// The digest and the length of a document, read piece by piece.
fn measure(path: &Path) -> anyhow::Result<(Digest, u64)> {
    let says = || format!("{} cannot be read", path.display());
    let file = File::open(path).with_context(says)?;
    let n_bytes = file.metadata().with_context(says)?.len();
    if usize::try_from(n_bytes).map_or(true, |n_bytes| n_bytes > MAX_DOCUMENT_BYTES) {
        bail!("{}: over the limit of 1 GiB", path.display());
    }
    Ok((digest(file, n_bytes).with_context(says)?, n_bytes))
}

/// The digest of the first `n_bytes` of a file.
fn digest(file: File, n_bytes: u64) -> std::io::Result<Digest> {
    let (mut file, mut digest) = (file.take(n_bytes), Digesting::default());
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(digest.finish()),
            n => digest.take(piece.get(..n).unwrap_or_default()),
        }
    }
}

/// Whether `out` is this document with a whole, intact signature appended; something else there stops the command.
fn is_signed_copy(out: &Path, original: Digest, n_bytes: u64) -> anyhow::Result<bool> {
    if !out.exists() {
        return Ok(false);
    }
    let says = || format!("{} cannot be read", out.display());
    let copy = File::open(out).with_context(says)?;
    let is_longer = copy.metadata().with_context(says)?.len() > n_bytes;
    let begins = digest(copy, n_bytes).with_context(says)? == original;
    let is_intact = || {
        // Whom to trust is not asked here, only whether the file is finished.
        let report = validate_file(out, None, cabinet::Timestamp::from_micros(0));
        report.is_ok_and(|report| {
            report.signatures.last().is_some_and(signing::validation::SignatureReport::is_sound)
        })
    };
    if is_longer && begins && is_intact() {
        Ok(true)
    } else {
        bail!("{} is there and is no signed copy of the document: move it away", out.display())
    }
}
