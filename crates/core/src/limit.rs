//! Limits on failed attempts, counted per name and network address, in process.

use std::net::IpAddr;
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::clock::Timestamp;
use crate::config::AttemptLimit;
use crate::types::Digest;

/// Counts failures: after `burst` of them one more is free each time `refill` has passed.
///
/// The state of a name is one moment: when all of its failures will be forgotten. Names are kept as digests, so their
/// length does not matter, and at most 100,000 of them.
#[derive(Debug)]
pub struct Attempts {
    limit: AttemptLimit,
    until: Cache<[u8; 16], Timestamp>,
}

impl Attempts {
    /// A counter with this limit.
    pub fn new(limit: AttemptLimit) -> Self {
        Self { limit, until: Cache::new(100_000) }
    }

    /// The whole seconds to wait before the next attempt; `None` where it may be made now.
    pub fn must_wait(&self, what: &str, name: &str, peer: Option<IpAddr>, now: Timestamp) -> Option<u64> {
        if self.limit.burst == 0 {
            return None;
        }
        let until = self.until.get(&key(what, name, peer))?;
        let over = until.since(now).checked_sub(self.whole_burst())?;
        // Less than one refill over the burst is still free.
        let wait = (over + Duration::from_millis(1)).as_millis().div_ceil(1000);
        Some(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    /// Notes a failure.
    pub fn failed(&self, what: &str, name: &str, peer: Option<IpAddr>, now: Timestamp) {
        if self.limit.burst == 0 {
            return;
        }
        let key = key(what, name, peer);
        let start = self.until.get(&key).map_or(now, |until| until.max(now));
        // A flood of failures must not lock the name out for longer than one refill.
        let most = now.after(self.whole_burst() + self.limit.refill);
        self.until.insert(key, start.after(self.limit.refill).min(most));
    }

    /// Forgets the failures of a name that succeeded.
    pub fn succeeded(&self, what: &str, name: &str, peer: Option<IpAddr>) {
        if self.limit.burst != 0 {
            self.until.remove(&key(what, name, peer));
        }
    }

    fn whole_burst(&self) -> Duration {
        self.limit.refill.saturating_mul(self.limit.burst)
    }
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
}
