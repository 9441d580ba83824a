//! Which of several tokens to ask first.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::error::TokenError;
use crate::{HealthState, Pool};

/// A member that has failed is asked first again at each call of this number.
const PROBE_EVERY_N: u32 = 16;

/// What is remembered of one member.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Failures since it last did its work.
    n_failed: AtomicU32,
    /// The last of them took its whole deadline.
    slow: AtomicBool,
}

/// How soon to ask a member.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Rank {
    Well,
    FailedLately,
    /// To ask it may cost a whole deadline.
    SlowLately,
    Down,
}

impl Standing {
    pub(crate) fn n_failed(&self) -> u32 {
        self.n_failed.load(Ordering::Relaxed)
    }

    /// Notes how a call ended.
    pub(crate) fn note<T>(&self, result: &Result<T, TokenError>) {
        self.slow.store(matches!(result, Err(TokenError::Timeout { .. })), Ordering::Relaxed);
        match result {
            Err(error) if speaks_against_token(error) => {
                let _before = self.n_failed.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) | Err(_) => self.n_failed.store(0, Ordering::Relaxed),
        }
    }
}

/// Where the members are asked in turn, and how they stand: as configured, with those last that are down or have
/// failed lately.
///
/// Nobody keeps the time here, so a member that failed is tried again by count, not by clock.
pub(crate) fn order<'a>(
    members: impl Iterator<Item = (&'a Pool, &'a Standing)>,
    calls: &AtomicU32,
) -> Vec<(Rank, usize)> {
    let probes = calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(PROBE_EVERY_N);
    let mut ranked: Vec<_> =
        members.enumerate().map(|(index, (pool, standing))| (rank(pool, standing, probes), index)).collect();
    ranked.sort_unstable();
    ranked
}

fn rank(pool: &Pool, standing: &Standing, probes: bool) -> Rank {
    let health = pool.health();
    if health.state == HealthState::Down || health.pin_refused {
        Rank::Down
    } else if standing.n_failed() == 0 || probes {
        Rank::Well
    } else if standing.slow.load(Ordering::Relaxed) {
        Rank::SlowLately
    } else {
        Rank::FailedLately
    }
}

/// Whether another token might do better; otherwise the request itself is at fault.
pub(crate) const fn speaks_against_token(error: &TokenError) -> bool {
    match error {
        TokenError::PinIncorrect { .. }
        | TokenError::PinLocked
        | TokenError::KeyNotFound { .. }
        | TokenError::TokenNotFound { .. }
        | TokenError::TokenNotUnique { .. }
        | TokenError::TokenInUse { .. }
        | TokenError::Busy
        | TokenError::Timeout { .. }
        | TokenError::SessionLost { .. }
        | TokenError::ModuleUnusable { .. }
        | TokenError::Device { .. } => true,
        TokenError::PinForm { .. }
        | TokenError::KeyNotUnique { .. }
        | TokenError::KeyExists { .. }
        | TokenError::KeyNotProtected { .. }
        | TokenError::TokenExists { .. }
        | TokenError::NoFreeSlot
        | TokenError::Corrupt
        | TokenError::TooLong { .. }
        | TokenError::Unsupported { .. }
        | TokenError::QuirksUnusable { .. } => false,
    }
}
