//! Limits on failed attempts, counted per name and network address, in process.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::clock::Timestamp;
use crate::config::AttemptLimit;
use crate::types::Digest;

/// Counts failures: after `burst` of them one more is free each time `refill` has passed.
///
/// The state of a name is one moment: when all of its failures will be forgotten. Names are kept as digests, so their
/// length does not matter, and at most 100,000 of them. Names that mean the same must be spelled the same.
#[derive(Debug)]
pub struct Attempts {
    limit: AttemptLimit,
    until: Cache<[u8; 16], Moment>,
}

/// Milliseconds since 1970.
type Moment = Arc<AtomicI64>;

/// An attempt that was begun: it counts as a failure unless it is [taken back](Attempt::take_back).
#[derive(Debug)]
#[must_use = "an attempt that did not fail must be taken back"]
pub struct Attempt {
    until: Option<Moment>,
    refill: i64,
    began: i64,
}

impl Attempt {
    /// The attempt did not fail: it does not count.
    pub fn take_back(self) {
        if let Some(until) = self.until {
            // Where nothing is left no moment is kept either: it would count as failures if the clock went back.
            let back = |until: i64| {
                let before = until.saturating_sub(self.refill);
                Some(if before <= self.began { i64::MIN } else { before })
            };
            let _ = until.fetch_update(Ordering::AcqRel, Ordering::Acquire, back);
        }
    }
}

impl Attempts {
    /// A counter with this limit.
    pub fn new(limit: AttemptLimit) -> Self {
        Self { limit, until: Cache::new(100_000) }
    }

    /// Begins an attempt, which counts from now on: of any number of attempts at once no more are let through than may
    /// fail.
    ///
    /// # Errors
    /// The whole seconds to wait before the next attempt.
    pub fn begin(
        &self,
        what: &str,
        name: &str,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Attempt, u64> {
        let (refill, began) = (millis(self.limit.refill), now.as_millis());
        if self.is_off() {
            return Ok(Attempt { until: None, refill, began });
        }
        let slot = self.slot(&key(what, name, peer));
        let mut wait = None;
        let _ = slot.fetch_update(Ordering::AcqRel, Ordering::Acquire, |until| {
            let until = self.sane(until, now);
            wait = self.wait(until, now);
            Some(if wait.is_some() { until } else { until.max(began).saturating_add(refill) })
        });
        match wait {
            Some(seconds) => Err(seconds),
            None => Ok(Attempt { until: Some(slot), refill, began }),
        }
    }

    /// The whole seconds to wait before the next attempt; `None` where it may be made now. Where attempts take time,
    /// [`Attempts::begin`] is right: many that ask at once would all be told that they may.
    pub fn must_wait(&self, what: &str, name: &str, peer: Option<IpAddr>, now: Timestamp) -> Option<u64> {
        if self.is_off() {
            return None;
        }
        let slot = self.until.get(&key(what, name, peer))?;
        let kept = slot.load(Ordering::Acquire);
        let until = self.sane(kept, now);
        if until != kept {
            // Whoever changed it meanwhile is right.
            let _ = slot.compare_exchange(kept, until, Ordering::AcqRel, Ordering::Acquire);
        }
        self.wait(until, now)
    }

    /// Notes a failure.
    pub fn failed(&self, what: &str, name: &str, peer: Option<IpAddr>, now: Timestamp) {
        if self.is_off() {
            return;
        }
        let next = |until: i64| {
            Some(self.sane(until.max(now.as_millis()).saturating_add(millis(self.limit.refill)), now))
        };
        let _ = self.slot(&key(what, name, peer)).fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    /// Forgets the failures of a name that succeeded.
    pub fn succeeded(&self, what: &str, name: &str, peer: Option<IpAddr>) {
        if !self.is_off() {
            self.until.remove(&key(what, name, peer));
        }
    }

    fn is_off(&self) -> bool {
        self.limit.burst == 0 || self.limit.refill.is_zero()
    }

    fn slot(&self, key: &[u8; 16]) -> Moment {
        let new = || Ok::<_, std::convert::Infallible>(Arc::new(AtomicI64::new(i64::MIN)));
        match self.until.get_or_insert_with(key, new) {
            Ok(slot) => slot,
        }
    }

    /// A flood of failures must not lock a name out for longer than one refill, and a clock that went back not at all.
    fn sane(&self, until: i64, now: Timestamp) -> i64 {
        until.min(now.after(self.limit.refill.saturating_mul(self.limit.burst)).as_millis())
    }

    fn wait(&self, until: i64, now: Timestamp) -> Option<u64> {
        // One more must fit into the burst.
        let room = self.limit.refill.saturating_mul(self.limit.burst.saturating_sub(1));
        let over = Timestamp::from_millis(until).since(now).saturating_sub(room);
        let wait = over.as_millis().div_ceil(1000);
        (wait > 0).then(|| u64::try_from(wait).unwrap_or(u64::MAX))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn key(what: &str, name: &str, peer: Option<IpAddr>) -> [u8; 16] {
    let network = match peer {
        // One subscriber has a whole /64.
        Some(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(mapped) => u128::from(mapped.to_bits()),
            None => address.to_bits() >> 64 << 64,
        },
        Some(IpAddr::V4(address)) => u128::from(address.to_bits()),
        None => 0,
    };
    let digest = Digest::of(&[what.as_bytes(), &[0], name.as_bytes(), &[0], &network.to_be_bytes()]);
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_one_per_refill() {
        let attempts = Attempts::new(AttemptLimit { burst: 3, refill: Duration::from_secs(10) });
        let mut now = Timestamp::from_secs(1_000);
        for _ in 0..3 {
            assert_eq!(attempts.must_wait("login", "alice", None, now), None);
            attempts.failed("login", "alice", None, now);
        }
        assert!(attempts.must_wait("login", "alice", None, now).is_some());
        assert_eq!(attempts.must_wait("login", "bob", None, now), None);
        now = now.after(Duration::from_secs(10));
        assert_eq!(attempts.must_wait("login", "alice", None, now), None);
        attempts.failed("login", "alice", None, now);
        assert!(attempts.must_wait("login", "alice", None, now).is_some());
        attempts.succeeded("login", "alice", None);
        assert_eq!(attempts.must_wait("login", "alice", None, now), None);
    }

    #[test]
    fn a_moment_later_the_burst_is_still_used_up() {
        let attempts = Attempts::new(AttemptLimit { burst: 3, refill: Duration::from_secs(10) });
        let now = Timestamp::from_secs(1_000);
        (0..3).for_each(|_| attempts.failed("login", "alice", None, now));
        let later = now.after(Duration::from_millis(1));
        assert_eq!(attempts.must_wait("login", "alice", None, later), Some(10));
        assert!(attempts.begin("login", "alice", None, later).is_err());
    }

    #[test]
    fn who_never_failed_is_free_also_when_the_clock_goes_back() {
        let attempts = Attempts::new(AttemptLimit { burst: 100, refill: Duration::from_secs(6) });
        let now = Timestamp::from_secs(100_000);
        attempts.begin("client", "api", None, now).unwrap().take_back();
        for seconds in [1, 599, 601, 86_400] {
            let back = now.before(Duration::from_secs(seconds));
            attempts.begin("client", "api", None, back).unwrap().take_back();
        }
    }

    #[test]
    fn a_flood_locks_no_one_out_for_long() {
        let attempts = Attempts::new(AttemptLimit { burst: 3, refill: Duration::from_secs(10) });
        let now = Timestamp::from_secs(1_000);
        for _ in 0..1000 {
            attempts.failed("login", "alice", None, now);
        }
        let wait = attempts.must_wait("login", "alice", None, now).unwrap();
        assert!(wait <= 11, "{wait}");
        assert_eq!(attempts.must_wait("login", "alice", None, now.after(Duration::from_secs(wait))), None);
    }

    #[test]
    fn one_bucket_for_a_slash_64() {
        let attempts = Attempts::new(AttemptLimit { burst: 1, refill: Duration::from_secs(10) });
        let now = Timestamp::from_secs(1_000);
        let peer = |text: &str| Some(text.parse().unwrap());
        attempts.failed("login", "alice", peer("2001:db8::1"), now);
        assert!(attempts.must_wait("login", "alice", peer("2001:db8::ffff"), now).is_some());
        assert!(attempts.must_wait("login", "alice", peer("2001:db8:0:1::1"), now).is_none());
        attempts.failed("login", "alice", peer("192.0.2.1"), now);
        assert!(attempts.must_wait("login", "alice", peer("::ffff:192.0.2.1"), now).is_some());
    }

    #[test]
    fn attempts_at_once_are_no_more_than_may_fail() {
        let attempts = Attempts::new(AttemptLimit { burst: 3, refill: Duration::from_secs(10) });
        let now = Timestamp::from_secs(1_000);
        let begun: Vec<_> =
            (0..50).filter_map(|_| attempts.begin("login", "alice", None, now).ok()).collect();
        assert_eq!(begun.len(), 3);
        for attempt in begun {
            attempt.take_back();
        }
        assert!(attempts.begin("login", "alice", None, now).is_ok(), "what did not fail does not count");
    }

    #[test]
    fn failures_noted_by_many_threads_all_count() {
        let attempts = Attempts::new(AttemptLimit { burst: 400, refill: Duration::from_secs(10) });
        let now = Timestamp::from_secs(1_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| attempts.failed("login", "alice", None, now)));
            }
        });
        assert!(attempts.must_wait("login", "alice", None, now).is_some());
    }

    #[test]
    fn a_clock_that_went_back_locks_no_one_out() {
        let attempts = Attempts::new(AttemptLimit { burst: 3, refill: Duration::from_secs(10) });
        let now = Timestamp::from_secs(100_000);
        (0..10).for_each(|_| attempts.failed("login", "alice", None, now));
        let back = now.before(Duration::from_secs(86_400));
        let wait = attempts.must_wait("login", "alice", None, back).unwrap();
        assert!(wait <= 11, "{wait}");
        assert!(attempts.begin("login", "alice", None, back.after(Duration::from_secs(wait))).is_ok());
    }

    #[test]
    fn nothing_overflows() {
        let attempts = Attempts::new(AttemptLimit { burst: u32::MAX, refill: Duration::MAX });
        for now in [Timestamp::EPOCH, Timestamp::NEVER, Timestamp::from_millis(i64::MAX)] {
            attempts.failed("login", "alice", None, now);
            let _ = attempts.must_wait("login", "alice", None, now);
            let _ = attempts.begin("login", "alice", None, now).map(Attempt::take_back);
        }
        let off = Attempts::new(AttemptLimit { burst: 3, refill: Duration::ZERO });
        (0..10).for_each(|_| off.failed("login", "alice", None, Timestamp::EPOCH));
        assert_eq!(off.must_wait("login", "alice", None, Timestamp::EPOCH), None, "no refill, no limit");
    }
}
