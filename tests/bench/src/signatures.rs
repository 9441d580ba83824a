//! PAdES B-B through the organisation's pool: beside pyHanko, beside the token itself, and by size.

use cabinet::Digest;
use signing::pades::{self, SignRequest};

use crate::papers::Paper;
use crate::peers;
use crate::report::{Goal, Row};
use crate::watch::{Scale, count, rate, rates};
use crate::world::{Kind, Signer, World};

/// The paper that most rows sign.
pub(crate) const PAPER: Paper = Paper::text(10, 137_000);

/// Sessions of the pool.
const SESSIONS: [usize; 3] = [1, 2, 4];
/// Threads for each session, so that one document is prepared while another is signed.
const THREADS_A_SESSION: usize = 2;

pub(crate) fn rows(world: &World, scale: Scale) -> anyhow::Result<Vec<Row>> {
    let pdf = PAPER.reserved()?;
    let path = world.at("paper.pdf");
    std::fs::write(&path, &pdf)?;
    let n_cores = std::thread::available_parallelism()?.get();
    let mut rows = Vec::new();
    for kind in Kind::BOTH {
        let peer = peers::pyhanko_signs(world, scale, &path, kind)?;
        let mut best = 0.0_f64;
        let mut beside_token = Vec::new();
        for n in SESSIONS {
            let pool = world.pool(n)?;
            let signer = Signer::new(world, &pool, kind)?;
            let request = world.request(&signer.certificate);
            let digest = Digest::of(b"TEST");
            let whole = || sign(&signer, &pdf, &request).map(drop);
            let alone = || signer.sign(&digest).map(drop);
            let [ours, raw] = rates(scale, n * THREADS_A_SESSION, [&whole, &alone])?;
            best = best.max(ours.per_second);
            let goal = match kind {
                Kind::P256 => Goal::RatioAtLeast(0.25),
                Kind::Rsa2048 => Goal::RatioAtLeast(0.9),
            };
            let name = format!("PAdES B-B, 137 kB, {}, {n} sessions, beside the token", kind.name());
            // The token's own rate counts only as far as the processors can give both of them their share.
            let most = count(n_cores)? * 1e3 / ours.cpu_ms;
            let limit = format!(
                "the token's own rate over a digest, with as many sessions and threads; processor: {:.3} ms each, of which the \
                 token {:.3} ms, so that {n_cores} cores give {most:.0}/s at most while a software token shares them: a ratio of \
                 {:.2} is possible here",
                ours.cpu_ms,
                raw.cpu_ms,
                (most / raw.per_second).min(1.0)
            );
            let row = Row::new(name, ours.per_second, "1/s").beside("Pool::sign alone", raw.per_second);
            beside_token.push(row.goal(goal).limit(limit));
        }
        let name = format!("PAdES B-B, 137 kB, {}, beside pyHanko", kind.name());
        let row = Row::new(name, best, "1/s").beside(&peer.name, peer.per_second);
        let row = match kind {
            Kind::P256 => row.goal(Goal::RatioAtLeast(30.0)),
            Kind::Rsa2048 => row,
        };
        rows.push(row.limit("the best of the rows below; pyHanko: software key, one thread, warm"));
        rows.append(&mut beside_token);
    }
    Ok(rows)
}

/// Time per document over its size, one thread, one session.
pub(crate) fn growth(world: &World, scale: Scale) -> anyhow::Result<Vec<Row>> {
    let pool = world.pool(1)?;
    let signer = Signer::new(world, &pool, Kind::P256)?;
    let request = world.request(&signer.certificate);
    let papers = [
        ("1 kB", Paper::text(1, 1000)),
        ("137 kB", PAPER),
        ("10 MB", Paper::scan(scale.pick(100, 2), scale.pick(10_000_000, 20_000))),
    ];
    let mut rows = Vec::new();
    for (name, paper) in papers {
        let pdf = paper.reserved()?;
        let each = rate(scale, 1, &|| sign(&signer, &pdf, &request).map(drop))?;
        let how = format!("in memory, processor {:.3} ms", each.cpu_ms);
        rows.push(per_document(name, 1.0 / each.per_second, pdf.len(), &how)?);
    }
    Ok(rows)
}

pub(crate) fn per_document(name: &str, seconds: f64, len_bytes: usize, how: &str) -> anyhow::Result<Row> {
    let megabytes = count(len_bytes)? / 1e6;
    let limit = format!(
        "{:.3} ms per MB ({megabytes:.3} MB); {how}; below 1 MB the signature and its check, above it hashing and copying",
        seconds * 1e3 / megabytes
    );
    Ok(Row::new(format!("one PAdES B-B of {name}, P-256, one thread"), seconds * 1e3, "ms").limit(limit))
}

pub(crate) fn sign(signer: &Signer, pdf: &[u8], request: &SignRequest) -> anyhow::Result<Vec<u8>> {
    let prepared = pades::prepare(pdf, request)?;
    let raw = signer.sign(&prepared.digest())?;
    Ok(prepared.embed(&raw)?)
}
