//! The port for slow password hashes. Core has no threads of its own, so the embedder says where they run.

use std::fmt;

use async_trait::async_trait;

use crate::error::Error;

/// Checks a slow hash (Argon2id in PHC form) somewhere that does not hold up other requests.
///
/// An implementation must bound how many run at once and how many wait, and should remember a right secret for a short
/// time under a keyed digest, so that a client does not pay for each request.
#[async_trait]
pub trait SlowHash: fmt::Debug + Send + Sync + 'static {
    /// Whether `secret` is what was hashed.
    ///
    /// # Errors
    /// [`Error::unavailable`] where too many wait already.
    async fn verify(&self, hash: &str, secret: &str) -> Result<bool, Error>;
}

#[async_trait]
impl<S: SlowHash + ?Sized> SlowHash for std::sync::Arc<S> {
    async fn verify(&self, hash: &str, secret: &str) -> Result<bool, Error> {
        self.as_ref().verify(hash, secret).await
    }
}

/// There are no slow hashes: every one is wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSlowHash;

#[async_trait]
impl SlowHash for NoSlowHash {
    async fn verify(&self, _hash: &str, _secret: &str) -> Result<bool, Error> {
        Err(Error::unavailable("no_slow_hash_configured"))
    }
}
