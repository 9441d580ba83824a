//! The documents of a list, and where their signed copies go.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cabinet::Digest;
use office::batches::MAX_DOCUMENT_BYTES;
use signing::validation::validate_pdf;

/// A document to be signed.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) path: PathBuf,
    pub(super) out: PathBuf,
    pub(super) name: String,
    pub(super) digest: Digest,
    pub(super) n_bytes: usize,
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
            let bytes = read_file(path)?;
            let out = out.join(name);
            let is_done = is_signed_copy(&out, &bytes)?;
            Ok(Document {
                path: path.clone(),
                out,
                name: name.to_owned(),
                digest: Digest::of(&bytes),
                n_bytes: bytes.len(),
                is_done,
            })
        })
        .collect()
}

impl Document {
    pub(super) fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        read_file(&self.path)
    }

    /// Writes the signed copy: complete under its name, or not there at all.
    pub(super) fn keep(&self, signed: &[u8]) -> anyhow::Result<()> {
        let unfinished = self.out.with_extension("pdf.unfinished");
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(signed)?;
            file.sync_all()?;
            fs::rename(&unfinished, &self.out)?;
            // The name must last as long as the bytes.
            File::open(self.out.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        write().with_context(|| format!("{} cannot be written", self.out.display()))
    }
}

fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let says = || format!("{} cannot be read", path.display());
    let file = File::open(path).with_context(says)?;
    let n_bytes = usize::try_from(file.metadata().with_context(says)?.len()).unwrap_or(usize::MAX);
    if n_bytes > MAX_DOCUMENT_BYTES {
        bail!("{}: over the limit of 64 MiB", path.display());
    }
    let mut bytes = Vec::with_capacity(n_bytes);
    BufReader::new(file).read_to_end(&mut bytes).with_context(says)?;
    Ok(bytes)
}

/// Whether `out` is this document with a whole, intact signature appended; something else there stops the command.
fn is_signed_copy(out: &Path, original: &[u8]) -> anyhow::Result<bool> {
    if !out.exists() {
        return Ok(false);
    }
    let copy = fs::read(out).with_context(|| format!("{} cannot be read", out.display()))?;
    let is_intact = || {
        // Whom to trust is not asked here, only whether the file is finished.
        let report = validate_pdf(&copy, None, cabinet::Timestamp::from_micros(0));
        report.is_ok_and(|report| {
            report.signatures.last().is_some_and(signing::validation::SignatureReport::is_sound)
        })
    };
    if copy.len() > original.len() && copy.starts_with(original) && is_intact() {
        Ok(true)
    } else {
        bail!("{} is there and is no signed copy of the document: move it away", out.display())
    }
}
