//! A scanned dossier of 500 MB: signed in a file, in bounded memory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use signing::Certificate;
use signing::authority::Profile;
use signing::pades::{self, SignRequest};

use crate::papers::{FIELD, Paper};
use crate::report::{Goal, Row};
use crate::signatures::per_document;
use crate::watch::{Scale, count, peak_bytes, seconds};
use crate::world::{Kind, Signer, World, run};

pub(crate) fn rows(world: &World, scale: Scale) -> anyhow::Result<Vec<Row>> {
    let paper = Paper::scan(scale.pick(1000, 10), scale.pick(500_000_000, 1_000_000));
    let (path, copy, signed) = (world.at("scan.pdf"), world.at("copy.pdf"), world.at("signed.pdf"));
    paper.reserved_file(&path)?;
    let len_bytes = usize::try_from(std::fs::metadata(&path)?.len())?;

    let pool = world.pool(1)?;
    let signer = Signer::new(world, &pool, Kind::P256)?;
    let request = world.request(&signer.certificate);
    let remove = |path: &PathBuf| if path.exists() { std::fs::remove_file(path) } else { Ok(()) };
    let hash = || run(Command::new("openssl").args(["dgst", "-sha256"]).arg(&path)).map(drop);
    let plain_copy = || run(Command::new("cp").arg(&path).arg(&copy)).map(drop);
    let flushed = || run(Command::new("sync").arg(&copy)).map(drop);
    let prepare = || -> anyhow::Result<_> {
        let prepared = pades::prepare_file(&path, &signed, &request)?;
        let raw = signer.sign(&prepared.digest())?;
        Ok(prepared.embed(&raw)?)
    };
    hash()?;
    let (mut hashing, mut copying, mut flushing) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    let (mut whole, mut unflushed) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..scale.pick(3, 1) {
        remove(&copy)?;
        hashing = hashing.min(seconds(1, hash)?);
        copying = copying.min(seconds(1, plain_copy)?);
        flushing = flushing.min(seconds(1, flushed)?);
        remove(&copy)?;
        remove(&signed)?;
        let began = Instant::now();
        let made = prepare()?;
        unflushed = unflushed.min(began.elapsed().as_secs_f64());
        made.publish()?;
        whole = whole.min(began.elapsed().as_secs_f64());
    }
    remove(&signed)?;
    let megabytes = count(len_bytes)? / 1e6;
    let per_mb = format!("{:.0} MB/s hashed, {:.0} MB/s copied", megabytes / hashing, megabytes / copying);
    let rows = vec![
        per_document("500 MB", whole, len_bytes, "in a file, flushed to the disk and published")?,
        Row::new("PAdES B-B of 500 MB, 1000 images, before it is flushed", unflushed, "s")
            .beside("openssl dgst -sha256 + cp", hashing + copying)
            .goal(Goal::RatioAtMost(1.5))
            .limit(format!("SHA-256 on one core and one copy, page cache warm: {per_mb}")),
        Row::new("PAdES B-B of 500 MB, 1000 images, published", whole, "s")
            .beside("openssl dgst -sha256 + cp", hashing + copying)
            .goal(Goal::RatioAtMost(1.5))
            .limit(format!("as above, and the disk: publishing waits for it, `cp` does not; `sync` of its copy takes {flushing:.2} s")),
        memory(world, &path)?,
    ];
    std::fs::remove_file(path)?;
    Ok(rows)
}

/// What a process needs more, in memory, once it has signed the file.
fn memory(world: &World, path: &Path) -> anyhow::Result<Row> {
    let said = run(Command::new(std::env::current_exe()?)
        .arg("--memory-of")
        .arg(path)
        .arg("--in")
        .arg(&world.folder))?;
    let more: u32 = said.trim().parse()?;
    Ok(Row::new("memory for 500 MB beyond the program's own", f64::from(more) / 1e6, "MB")
        .goal(Goal::AtMost(64.0))
        .limit("VmHWM of a process that signs the file, less what it was before; buffers of fixed size and the cross-references"))
}

/// Signs the file with a software key and prints by how much that raised the most memory ever held, in bytes.
pub(crate) fn measure_memory(folder: &Path, path: &Path) -> anyhow::Result<usize> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = EcKey::generate(&group)?;
    let now = cabinet::Timestamp::from_micros(1_780_823_131_000_000);
    let root = signing::authority::Authority::create_root("TEST memory", now)?;
    let subject = signing::authority::Subject::named("TEST memory");
    let validity = signing::authority::Validity::days(now, 1);
    let spki = PKey::from_ec_key(key.clone())?.public_key_to_der()?;
    let signer: Certificate = root.issue_signer(&spki, &subject, 1, validity, Profile::Organisation)?;
    let request = SignRequest::new(FIELD, signer, Vec::new(), now);
    let place = folder.join("memory.pdf");

    let before = peak_bytes()?;
    let prepared = pades::prepare_file(path, &place, &request)?;
    let signature = EcdsaSig::sign(prepared.digest().as_bytes(), &key)?;
    let halves = [signature.r().to_vec_padded(32)?, signature.s().to_vec_padded(32)?].concat();
    prepared.embed(&halves)?.publish()?;
    let more = peak_bytes()?.saturating_sub(before);
    std::fs::remove_file(place)?;
    Ok(more)
}
