//! The wall clock, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

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
