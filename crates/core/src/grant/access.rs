//! Access tokens of a grant (RFC 6749 §1.4): digests with an expiry.

use super::Grant;
use crate::clock::Timestamp;
use crate::types::{Digest, Scopes};

/// The most live access tokens that one grant keeps; one more ends the oldest.
const MAX_LIVE: usize = 64;

/// One live access token.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) digest: Digest,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// Where the token has fewer scopes than the grant.
    pub(crate) scopes: Option<Scopes>,
}

impl Grant {
    /// Adds an access token; what has expired is dropped, and the oldest where there would be too many.
    pub(super) fn add_access(&mut self, access: Access, now: Timestamp) {
        self.access.retain(|old| old.expires_at > now);
        if self.access.len() >= MAX_LIVE {
            self.access.remove(0);
        }
        self.access.push(access);
    }

    /// The access token with this digest, if it is alive.
    pub(crate) fn live_access(&self, digest: &Digest, now: Timestamp) -> Option<&Access> {
        self.access.iter().find(|access| access.digest.matches(digest) && access.expires_at > now)
    }

    /// RFC 7009 §2.1: one access token ends, the rest of the grant lives. `None` where it is not there (any more).
    pub(crate) fn revoke_access(&self, digest: &Digest) -> Option<Self> {
        let at = self.access.iter().position(|access| access.digest.matches(digest))?;
        let mut next = self.clone();
        next.access.remove(at);
        Some(next)
    }

    /// Whether nothing is left that could ever be used again.
    pub(crate) fn is_spent(&self, now: Timestamp) -> bool {
        self.access.iter().all(|access| access.expires_at <= now) && self.refresh.is_none()
    }
}
