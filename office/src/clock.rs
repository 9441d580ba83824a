//! The wall clock, read in one place.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use cabinet::Timestamp;

/// How far the clock may stand before the newest log entry and still sign, in seconds: entries' times
/// run ahead of the clock by microseconds when many come at once.
const TOLERANCE_S: i64 = 2;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Now, UTC.
    #[must_use]
    pub fn now(self) -> Timestamp {
        let micros = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_micros()).ok());
        Timestamp::from_micros(micros.unwrap_or(0))
    }

    /// Whether the clock stands so far before `last_entry` that it must have been turned back.
    #[must_use]
    pub fn went_back(self, last_entry: Timestamp) -> bool {
        self.now().plus_seconds(TOLERANCE_S) < last_entry
    }
}

/// Watches the clock: it must go as fast as the machine's steady one, or nobody may rely on it for time-stamps.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    at: Timestamp,
    steady: Instant,
}

impl Watch {
    /// Begins to watch; the clock is believed as it stands now.
    #[must_use]
    pub fn start() -> Self {
        Self { at: Clock.now(), steady: Instant::now() }
    }

    /// How far `now` is from what the steady clock says, in microseconds.
    #[must_use]
    pub fn drift_us(&self, now: Timestamp) -> u64 {
        let elapsed_us = i64::try_from(self.steady.elapsed().as_micros()).unwrap_or(i64::MAX);
        now.as_micros().saturating_sub(self.at.as_micros()).saturating_sub(elapsed_us).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed() {
        let watch = Watch::start();
        assert!(watch.drift_us(Clock.now()) < 500_000);
        assert!(watch.drift_us(Clock.now().plus_seconds(5)) > 4_000_000);
        assert!(watch.drift_us(Clock.now().plus_seconds(-5)) > 4_000_000);
    }
}
