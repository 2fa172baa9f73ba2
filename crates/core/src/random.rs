//! Randomness enters the protocol through one port.

use std::fmt;

/// The generator did not answer. Nothing was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the random generator failed")]
pub struct RandomFailed;

/// Where random bytes come from. They must be unpredictable: every token rests on them.
pub trait Random: fmt::Debug + Send + Sync + 'static {
    /// Fills `out` with random bytes.
    ///
    /// # Errors
    /// [`RandomFailed`] where the generator gives none; the request then ends with 503.
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomFailed>;
}

/// The generator of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomFailed> {
        getrandom::fill(out).map_err(|_| RandomFailed)
    }
}
