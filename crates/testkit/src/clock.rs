//! A clock that tests set and advance.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use grantor_core::{Clock, Timestamp};

/// A [`Clock`] that stands still until a test moves it. Clones are the same clock.
///
/// ```
/// use std::time::Duration;
/// use grantor_core::{Clock as _, Timestamp};
/// use grantor_testkit::SetClock;
///
/// let clock = SetClock::at(Timestamp::from_secs(1_000));
/// let of_the_provider = clock.clone();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(of_the_provider.now(), Timestamp::from_secs(1_060));
/// ```
#[derive(Debug, Clone)]
pub struct SetClock {
    millis: Arc<AtomicI64>,
}

impl Default for SetClock {
    /// 2030-01-01T00:00:00Z: far from the system's time, so that whoever reads that is found out.
    fn default() -> Self {
        Self::at(Timestamp::from_secs(1_893_456_000))
    }
}

impl SetClock {
    /// A clock that shows this moment.
    pub fn at(now: Timestamp) -> Self {
        Self { millis: Arc::new(AtomicI64::new(now.as_millis())) }
    }

    /// Shows this moment from now on; it may lie in the past.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Moves into the future.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().after(by));
    }

    /// Moves into the past.
    pub fn turn_back(&self, by: Duration) {
        self.set(self.now().before(by));
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }
}
