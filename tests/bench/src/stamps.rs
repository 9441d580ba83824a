//! Time-stamps a second.

use std::sync::atomic::{AtomicU64, Ordering};

use cabinet::Digest;
use signing::timestamp::Request;
use signing::{Hash, Imprint};

use crate::peers;
use crate::report::{Goal, Row};
use crate::validations::Stamp;
use crate::watch::{Scale, rates};
use crate::world::{Kind, Signer, World};

/// Sessions of the token, and threads.
const N_SESSIONS: usize = 2;

pub(crate) fn rows(world: &World, scale: Scale) -> anyhow::Result<Vec<Row>> {
    let pool = world.pool(N_SESSIONS)?;
    let signer = Signer::new(world, &pool, Kind::P256)?;
    let stamp = Stamp::new(world, &signer)?;
    let digest = Digest::of(b"TEST");
    let request = Request::new(Imprint::parse(Hash::Sha256, digest.as_bytes())?, [9; 16]).to_der();
    let serial = AtomicU64::new(1);
    let whole = || stamp.answer(&request, serial.fetch_add(1, Ordering::Relaxed).into()).map(drop);
    let alone = || signer.sign(&digest).map(drop);
    let [ours, raw] = rates(scale, N_SESSIONS, [&whole, &alone])?;
    let peer = peers::openssl_stamps(world, scale, &request)?;
    Ok(vec![
        Row::new("time-stamps, P-256, 2 sessions", ours.per_second, "1/s")
            .beside(peer.name, peer.per_second)
            .goal(Goal::AtLeast(1500.0))
            .limit(format!(
                "in process, without HTTP and without the log (a row of its own has them): the token's own rate is {:.0}/s; processor: {:.3} ms each, of which the token {:.3} ms",
                raw.per_second, ours.cpu_ms, raw.cpu_ms
            )),
    ])
}
