//! Limits on how often: sign-ins per address, failures per account, requests per session.
//!
//! Keys are what we see ourselves, the socket's peer, never a header that a client sends.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::config::LimitsConfig;

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock>;

/// How often old keys are forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// The limiters. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Throttle(Arc<Limiters>);

#[derive(Debug)]
struct Limiters {
    sign_ins: Keyed<IpAddr>,
    failures: Keyed<(String, IpAddr)>,
    requests: Keyed<String>,
}

/// Too many: try again after so many seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooMany {
    /// Seconds.
    pub retry_after_s: u64,
}

impl Throttle {
    /// Limiters with these settings; old keys are forgotten from time to time.
    #[must_use]
    pub fn new(limits: &LimitsConfig) -> Self {
        let every = |seconds: u32, burst: u32| {
            Quota::with_period(Duration::from_secs(u64::from(seconds)))
                .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
                .allow_burst(at_least_one(burst))
        };
        let limiters = Limiters {
            sign_ins: RateLimiter::dashmap(every(limits.sign_in_refill_s, limits.sign_ins_per_address)),
            failures: RateLimiter::dashmap(every(limits.sign_in_failure_refill_s, limits.sign_in_failures)),
            requests: RateLimiter::dashmap(
                Quota::per_second(at_least_one(limits.requests_per_s)).allow_burst(at_least_one(limits.requests_burst)),
            ),
        };
        Self(Arc::new(limiters))
    }

    /// Forgets keys that are at rest, for as long as the process lives.
    pub async fn sweep(self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.0.sign_ins.retain_recent();
            self.0.failures.retain_recent();
            self.0.requests.retain_recent();
        }
    }

    /// Counts a sign-in attempt from an address.
    ///
    /// # Errors
    ///
    /// * [`TooMany`].
    pub fn sign_in(&self, from: IpAddr) -> Result<(), TooMany> {
        check(&self.0.sign_ins, &network(from))
    }

    /// Counts a failed sign-in to an account from a network; the account itself is never locked for others.
    ///
    /// # Errors
    ///
    /// * [`TooMany`].
    pub fn failure(&self, account: &str, from: IpAddr) -> Result<(), TooMany> {
        check(&self.0.failures, &(account.to_owned(), network(from)))
    }

    /// Counts a request of a session.
    ///
    /// # Errors
    ///
    /// * [`TooMany`].
    pub fn request(&self, session: &str) -> Result<(), TooMany> {
        check(&self.0.requests, &session.to_owned())
    }
}

fn check<K: Clone + Eq + Hash>(limiter: &Keyed<K>, key: &K) -> Result<(), TooMany> {
    limiter.check_key(key).map_err(|not_until| {
        let wait = not_until.wait_time_from(DefaultClock::default().now());
        TooMany { retry_after_s: wait.as_secs().saturating_add(1) }
    })
}

/// One household of IPv6 addresses counts as one.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}
