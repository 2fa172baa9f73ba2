//! Randomness that comes again: the same seed gives the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use grantor_core::{Random, RandomFailed};

/// A [`Random`] whose bytes follow from its seed. **Never for production**: who knows the seed, or has seen one value,
/// knows all tokens. Clones continue the same sequence.
///
/// ```
/// use grantor_core::Random as _;
/// use grantor_testkit::SeededRandom;
///
/// let (mut one, mut two) = ([0; 32], [0; 32]);
/// SeededRandom::new(7).fill(&mut one)?;
/// SeededRandom::new(7).fill(&mut two)?;
/// assert_eq!(one, two);
/// # Ok::<(), grantor_core::RandomFailed>(())
/// ```
#[derive(Debug, Clone)]
pub struct SeededRandom {
    state: Arc<AtomicU64>,
    failing: Arc<AtomicBool>,
}

/// The step of the sequence: odd, so that all 2⁶⁴ states are passed.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl SeededRandom {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(AtomicU64::new(seed)), failing: Arc::default() }
    }

    /// While `true`, every call ends in [`RandomFailed`].
    pub fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// The next number of the sequence.
    pub fn next_number(&self) -> u64 {
        let state = self.state.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomFailed> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(RandomFailed);
        }
        for chunk in out.chunks_mut(8) {
            for (to, from) in chunk.iter_mut().zip(self.next_number().to_le_bytes()) {
                *to = from;
            }
        }
        Ok(())
    }
}
