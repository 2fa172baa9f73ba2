//! Expired rows go away by themselves: a little at a time, in every process, and never in the way of requests.
//!
//! The core has no timer, so whoever has one waits: [`Sweeper::step`] does a little and says how long until the next step.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::random::{Random, SystemRandom};
use crate::store::{Store, StoreError};

/// How much is swept, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepPolicy {
    /// How long to rest when nothing is left, in the mean. Each rest is between half and one and a half of it, at random, so
    /// that processes which were started together do not sweep together.
    pub every: Duration,
    /// The most records of one step.
    pub batch: usize,
    /// How long to rest at least after a step that found a full batch: the requests' turn. The rest is longer after a step that
    /// took long: at first it is 200 times as long as the step, so that fewer than one request in a hundred comes during a
    /// step. Each five minutes that full batches are still found, it is half of that, down to 3 times as long: what expires
    /// faster is caught up with too, at the price that requests notice it.
    pub pause: Duration,
}

/// How many times as long as a step the rest after it is at first, and at least.
const RESTS: (u32, u32) = (200, 3);
/// After so long with nothing but full batches the rests become half as long.
const PATIENCE: Duration = Duration::from_secs(300);

impl Default for SweepPolicy {
    fn default() -> Self {
        Self { every: Duration::from_secs(30), batch: 500, pause: Duration::from_millis(100) }
    }
}

/// Deletes expired records of a store, step by step.
///
/// ```no_run
/// # async fn example(store: std::sync::Arc<dyn grantor_core::store::Store>, sleep: impl AsyncFn(std::time::Duration)) {
/// let mut sweeper = grantor_core::Sweeper::new(store);
/// // In a task of its own, which is ended with the server:
/// loop {
///     sleep(sweeper.step().await).await;
/// }
/// # }
/// ```
///
/// Any number of processes may do this over one store. A step that was ended in its midst has done a part of its work.
#[derive(Debug)]
pub struct Sweeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    policy: SweepPolicy,
    begun: bool,
    /// Since when nothing but full batches were found.
    behind_since: Option<Timestamp>,
}

impl Sweeper {
    /// With the defaults of [`SweepPolicy`].
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            policy: SweepPolicy::default(),
            begun: false,
            behind_since: None,
        }
    }

    /// Another measure.
    #[must_use]
    pub fn policy(mut self, policy: SweepPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another generator. Nothing secret comes from it.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Does a little and says how long to wait before the next step. The first step only waits. A store that fails is a line
    /// in the log (`sweep_failed`), and is asked again after the usual rest; one that has no index is never asked.
    pub async fn step(&mut self) -> Duration {
        if !std::mem::replace(&mut self.begun, true) {
            return self.rest();
        }
        let begin = self.clock.now();
        match self.sweep(begin).await {
            Ok(swept) if swept > 0 && swept >= self.policy.batch => return self.pause(begin),
            Ok(_) => {}
            Err(cause) => {
                tracing::warn!(target: "grantor", reason = "sweep_failed", %cause, "expired records could not be swept");
            }
        }
        self.behind_since = None;
        self.rest()
    }

    /// After a step that found a full batch.
    fn pause(&mut self, begin: Timestamp) -> Duration {
        let now = self.clock.now();
        let behind = now.since(*self.behind_since.get_or_insert(begin));
        let halvings = u32::try_from(behind.as_secs() / PATIENCE.as_secs()).unwrap_or(u32::MAX);
        let times = RESTS.0.checked_shr(halvings).unwrap_or(0).max(RESTS.1);
        // A clock that was set forward meanwhile does not make a long rest.
        (now.since(begin) * times).min(self.policy.every).max(self.policy.pause)
    }

    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        match self.store.index() {
            Some(index) => index.sweep(self.policy.batch, now).await,
            None => Ok(0),
        }
    }

    /// Between half and one and a half of [`SweepPolicy::every`].
    fn rest(&self) -> Duration {
        let mut bytes = [0; 2];
        // Without random bytes it is the half: sweeping needs no secrets.
        let _ = self.random.fill(&mut bytes);
        let part = f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX);
        self.policy.every.mul_f64(0.5 + part)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::random::RandomFailed;
    use crate::store::{
        Created, Filter, Index, Key, Promises, Record, Removed, Replaced, Revision, StoreError,
    };

    /// Has this many expired records, and fails where there are `usize::MAX`.
    #[derive(Debug)]
    struct Heap(AtomicUsize);

    #[async_trait]
    impl Index for Heap {
        async fn list(
            &self,
            _: &Filter,
            _: Option<[u8; 16]>,
            _: usize,
            _: Timestamp,
        ) -> Result<Vec<Record>, StoreError> {
            Ok(Vec::new())
        }

        async fn sweep(&self, limit: usize, _: Timestamp) -> Result<usize, StoreError> {
            let left = self.0.load(Ordering::Relaxed);
            if left == usize::MAX {
                return Err(StoreError::unknown("down"));
            }
            let swept = left.min(limit);
            self.0.store(left - swept, Ordering::Relaxed);
            Ok(swept)
        }
    }

    #[async_trait]
    impl Store for Heap {
        async fn load(&self, _: &Key, _: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
            Ok(None)
        }
        async fn create(&self, _: &Record, _: Timestamp) -> Result<Created, StoreError> {
            Ok(Created::Exists)
        }
        async fn replace(&self, _: &Record, _: Revision, _: Timestamp) -> Result<Replaced, StoreError> {
            Ok(Replaced::Stale)
        }
        async fn remove(&self, _: &Key, _: Timestamp) -> Result<Removed, StoreError> {
            Ok(Removed::Absent)
        }
        fn promises(&self) -> Promises {
            Promises { durable: false, keeps: true, never_rewinds: true, max_body: 0 }
        }
        fn index(&self) -> Option<&dyn Index> {
            Some(self)
        }
    }

    #[derive(Debug)]
    struct Always(u8);
    impl Random for Always {
        fn fill(&self, out: &mut [u8]) -> Result<(), RandomFailed> {
            out.fill(self.0);
            Ok(())
        }
    }

    fn ready<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(done) => done,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    const POLICY: SweepPolicy =
        SweepPolicy { every: Duration::from_secs(60), batch: 100, pause: Duration::from_millis(7) };

    #[test]
    fn a_backlog_goes_in_bounded_steps_with_a_pause_after_each() {
        let heap = Arc::new(Heap(AtomicUsize::new(250)));
        let mut sweeper =
            Sweeper::new(Arc::clone(&heap) as Arc<dyn Store>).policy(POLICY).random(Arc::new(Always(0)));
        let (half, pause) = (Duration::from_secs(30), POLICY.pause);
        for (left, wait) in [(250, half), (150, pause), (50, pause), (0, half), (0, half)] {
            assert_eq!(ready(sweeper.step()), wait);
            assert_eq!(heap.0.load(Ordering::Relaxed), left);
        }
    }

    /// Stands still but for what is added, and goes on by 10 ms with each look at it.
    #[derive(Debug)]
    struct Slow(std::sync::atomic::AtomicI64);

    impl Clock for Slow {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.fetch_add(10, Ordering::Relaxed))
        }
    }

    #[test]
    fn slow_steps_are_followed_by_long_rests_that_become_shorter_while_the_backlog_lasts() {
        let clock = Arc::new(Slow(std::sync::atomic::AtomicI64::new(0)));
        let heap = Arc::new(Heap(AtomicUsize::new(1_250)));
        let mut sweeper = Sweeper::new(Arc::clone(&heap) as Arc<dyn Store>)
            .policy(POLICY)
            .clock(Arc::clone(&clock) as Arc<dyn Clock>);
        ready(sweeper.step());
        let mut rests = Vec::new();
        while heap.0.load(Ordering::Relaxed) >= 100 {
            rests.push(ready(sweeper.step()).as_millis());
            clock.0.fetch_add(240_000, Ordering::Relaxed);
        }
        assert_eq!(rests, [2_000, 2_000, 1_000, 500, 250, 120, 120, 60, 30, 30, 30, 30]);
        ready(sweeper.step());
        heap.0.store(100, Ordering::Relaxed);
        assert_eq!(ready(sweeper.step()).as_millis(), 2_000, "the next backlog begins anew");
    }

    #[test]
    fn a_clock_that_is_set_forward_makes_no_long_rest() {
        #[derive(Debug)]
        struct Leaps(std::sync::atomic::AtomicI64);
        impl Clock for Leaps {
            fn now(&self) -> Timestamp {
                Timestamp::from_secs(self.0.fetch_add(1_000_000, Ordering::Relaxed))
            }
        }
        let heap = Arc::new(Heap(AtomicUsize::new(100)));
        let clock = Arc::new(Leaps(std::sync::atomic::AtomicI64::new(0)));
        let mut sweeper = Sweeper::new(heap).policy(POLICY).clock(clock);
        ready(sweeper.step());
        assert_eq!(ready(sweeper.step()), POLICY.every);
    }

    #[test]
    fn processes_rest_at_random_between_half_and_one_and_a_half() {
        for (byte, secs) in [(0, 30.0), (0xff, 90.0)] {
            let heap = Arc::new(Heap(AtomicUsize::new(0)));
            let sweeper = Sweeper::new(heap).policy(POLICY).random(Arc::new(Always(byte)));
            assert_eq!(sweeper.rest(), Duration::from_secs_f64(secs));
        }
    }

    #[test]
    fn a_store_that_fails_is_asked_again_after_the_usual_rest() {
        let heap = Arc::new(Heap(AtomicUsize::new(usize::MAX)));
        let mut sweeper = Sweeper::new(Arc::clone(&heap) as Arc<dyn Store>).policy(POLICY);
        for _ in 0..3 {
            assert!(ready(sweeper.step()) >= Duration::from_secs(30));
        }
        heap.0.store(10, Ordering::Relaxed);
        ready(sweeper.step());
        assert_eq!(heap.0.load(Ordering::Relaxed), 0);
    }
}
