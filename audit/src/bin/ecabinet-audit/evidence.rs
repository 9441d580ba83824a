//! Files that are handed in: certificates, revocation lists, OCSP answers, all with limits.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use base64ct::{Base64, Encoding as _};
use signing::Certificate;
use signing::crl::Crl;
use signing::validation::Material;

/// Most files of evidence that are read.
const MAX_EVIDENCE_FILES: usize = 256;
/// The largest file of evidence, in bytes (16 MiB).
const MAX_EVIDENCE_BYTES: u64 = 16 << 20;
/// What every block of PEM begins with.
const PEM_MARK: &str = "-----";

/// Reads `*.crt`, `*.cer`, `*.pem`, `*.der` (certificates), `*.crl` and `*.ocsp` of a folder, in DER or, but for
/// answers, PEM. Other files are passed over; one that cannot be read refuses them all.
pub(crate) fn of_folder(folder: &Path) -> anyhow::Result<Material> {
    let shown = folder.display();
    let listed = std::fs::read_dir(folder).with_context(|| format!("{shown} cannot be listed"))?;
    let mut paths = listed
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{shown} cannot be listed"))?;
    paths.sort();
    let mut found = Material::default();
    let mut n_files = 0_usize;
    for path in paths {
        let kind = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let Some(kind @ ("crt" | "cer" | "pem" | "der" | "crl" | "ocsp")) = kind.as_deref() else { continue };
        n_files = n_files.saturating_add(1);
        if n_files > MAX_EVIDENCE_FILES {
            bail!("{shown} holds more than {MAX_EVIDENCE_FILES} files: leave what belongs to the document");
        }
        let bytes = bounded(&path, MAX_EVIDENCE_BYTES)?;
        let shown = path.display();
        match kind {
            "ocsp" => found.ocsps.push(bytes),
            "crl" => {
                let der = unarmoured(bytes).with_context(|| format!("{shown} is no PEM"))?;
                Crl::from_der(&der).with_context(|| format!("{shown} is no revocation list: remove it"))?;
                found.crls.push(der);
            }
            _ => found.certificates.extend(
                certificates(&bytes).with_context(|| format!("{shown} is no certificate: remove it"))?,
            ),
        }
    }
    Ok(found)
}

/// Reads a file of at most `max_bytes`.
pub(crate) fn bounded(path: &Path, max_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown} cannot be opened"))?;
    let mut bytes = Vec::new();
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("{shown} cannot be read"))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= max_bytes) {
        Ok(bytes)
    } else {
        bail!("{shown} is larger than {max_bytes} bytes")
    }
}

fn certificates(bytes: &[u8]) -> anyhow::Result<Vec<Certificate>> {
    if is_pem(bytes) {
        Ok(Certificate::all_from_pem(bytes)?)
    } else {
        Ok(vec![Certificate::from_der(bytes)?])
    }
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(PEM_MARK.len()).any(|window| window == PEM_MARK.as_bytes()) && !bytes.starts_with(&[0x30])
}

/// The DER in the one block of PEM, or the DER as it is.
fn unarmoured(bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    if !is_pem(&bytes) {
        return Ok(bytes);
    }
    let text = String::from_utf8(bytes)?;
    let digits: String = text.lines().map(str::trim).filter(|line| !line.starts_with(PEM_MARK)).collect();
    Base64::decode_vec(&digits).map_err(|error| anyhow::anyhow!("{error}"))
}
