//! Limits on how often: sign-ins per address, failures per account, requests per session.
//!
//! Keys are what we see ourselves, the socket's peer, never a header that a client sends.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    failures: Mutex<HashMap<(String, IpAddr), Failures>>,
    max_failures: u32,
    after_failure: Duration,
    requests: Keyed<String>,
}

/// Wrong tries at one account from one network.
#[derive(Clone, Copy, Debug)]
struct Failures {
    n: u32,
    last: Instant,
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
            failures: Mutex::default(),
            max_failures: limits.sign_in_failures,
            after_failure: Duration::from_secs(u64::from(limits.sign_in_failure_refill_s)),
            requests: RateLimiter::dashmap(
                Quota::per_second(at_least_one(limits.requests_per_s))
                    .allow_burst(at_least_one(limits.requests_burst)),
            ),
        };
        Self(Arc::new(limiters))
    }

    /// Forgets keys that are at rest, for as long as the process lives.
    pub async fn sweep(self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.0.sign_ins.retain_recent();
            let forgotten = self.0.after_failure.saturating_mul(10);
            self.failures().retain(|_, failures| failures.last.elapsed() < forgotten);
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

    /// Whether another try at an account may be judged: after some wrong ones, each waits its time. Counted per
    /// network, so that nobody can lock an account for its holder elsewhere.
    ///
    /// # Errors
    ///
    /// * [`TooMany`]: the password or code was not looked at.
    pub fn may_try(&self, account: &str, from: IpAddr) -> Result<(), TooMany> {
        let failures = self.failures().get(&(account.to_owned(), network(from))).copied();
        let Some(failures) = failures.filter(|failures| failures.n >= self.0.max_failures) else {
            return Ok(());
        };
        match self.0.after_failure.checked_sub(failures.last.elapsed()) {
            Some(wait) => Err(TooMany { retry_after_s: wait.as_secs().saturating_add(1) }),
            None => Ok(()),
        }
    }

    /// Counts a wrong try.
    pub fn failed(&self, account: &str, from: IpAddr) {
        let mut all = self.failures();
        let failures = all
            .entry((account.to_owned(), network(from)))
            .or_insert_with(|| Failures { n: 0, last: Instant::now() });
        *failures = Failures { n: failures.n.saturating_add(1), last: Instant::now() };
    }

    /// Forgets wrong tries once the right one came.
    pub fn succeeded(&self, account: &str, from: IpAddr) {
        self.failures().remove(&(account.to_owned(), network(from)));
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, HashMap<(String, IpAddr), Failures>> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_wrong_tries_not_even_the_right_one_is_looked_at_for_a_while() {
        let throttle = Throttle::new(&LimitsConfig::default());
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for _ in 0..5 {
            assert_eq!(throttle.may_try("an", here), Ok(()));
            throttle.failed("an", here);
        }
        assert!(throttle.may_try("an", here).is_err_and(|too_many| too_many.retry_after_s <= 30));
        assert_eq!(throttle.may_try("an", there), Ok(()), "the holder elsewhere is not locked out");
        assert_eq!(throttle.may_try("binh", here), Ok(()));
        throttle.succeeded("an", here);
        assert_eq!(throttle.may_try("an", here), Ok(()));
    }
}
