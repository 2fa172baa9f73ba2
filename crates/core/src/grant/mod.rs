//! The grant: who allowed which client what, and every credential that grew from it, in one record.
//!
//! The protocol is a set of pure steps on this record: [`Grant::redeem_code`], [`Grant::refresh`],
//! [`Grant::revoke_access`] and so on. A step reads no clock and draws no randomness; it gets both as arguments, so it
//! may run twice and gives the same answer. Carrying a step out (load, step, swap) is `token/issue.rs`.

mod access;
mod code;
mod encode;
mod refresh;
#[cfg(test)]
mod tests;
mod unique;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::store::{Body as _, Key, Kind, Record, Stage};
use crate::types::{ErrorCode, GrantTypeName, Scopes};

pub(crate) use access::Access;
pub(crate) use code::{Bound, Code, FirstRefresh, FirstTokens, RedeemCode, Tokens};
pub(crate) use refresh::{Refresh, RefreshAsk, RefreshRules, Refreshed};
pub(crate) use unique::{Unique, UniqueAsk, UniqueKey};

/// How long a record outlives the last thing it holds, for processes whose clocks differ.
const SKEW: Duration = Duration::from_secs(15);
/// How many marks of writes a record keeps (see `token/swap.rs`).
const MARKS: usize = 4;

/// Identifies a grant: 48 bits of milliseconds and 80 random bits. No secret, and no authority.
pub(crate) type GrantId = [u8; 16];
/// The random mark of one request's writes.
pub(crate) type Mark = [u8; 8];

/// Everything that grew from one authorization.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) id: GrantId,
    pub(crate) client: Arc<str>,
    pub(crate) subject: Option<Arc<str>>,
    pub(crate) grant_type: GrantTypeName,
    pub(crate) created_at: Timestamp,
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) scopes: Scopes,
    /// What the site adapter wants resource servers to know: a JSON object, as text.
    pub(crate) data: Option<Bytes>,
    pub(crate) code: Option<Code>,
    pub(crate) refresh: Option<Refresh>,
    pub(crate) access: Vec<Access>,
    pub(crate) unique: Option<Unique>,
    pub(crate) marks: Vec<Mark>,
}

/// What a step decided; nothing has happened yet.
#[must_use]
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// Swap the grant for this one, then answer.
    Replace(Box<Grant>, T),
    /// Answer; nothing is written.
    Same(T),
    /// Remove the grant (and the unique grant that it names), then refuse: somebody presented what only a thief has.
    Remove(Option<GrantId>, Refusal),
    /// Refuse; nothing changes.
    Refuse(Refusal),
}

/// Why a step said no: for the client a code and a sentence, for the operator a reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: RefusalKind,
    pub(crate) description: &'static str,
    pub(crate) reason: &'static str,
}

/// The two errors that steps end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    InvalidGrant,
    InvalidScope,
}

impl Refusal {
    pub(crate) const fn grant(reason: &'static str, description: &'static str) -> Self {
        Self { kind: RefusalKind::InvalidGrant, description, reason }
    }

    pub(crate) fn code(self) -> ErrorCode {
        match self.kind {
            RefusalKind::InvalidGrant => ErrorCode::InvalidGrant,
            RefusalKind::InvalidScope => ErrorCode::InvalidScope,
        }
    }
}

impl Grant {
    /// The record's key.
    pub(crate) const fn key_of(id: GrantId) -> Key {
        Key::new(Kind::GRANT, id)
    }

    /// Until when the record must be kept: the latest end of what it holds, and a little more.
    pub(crate) fn expires_at(&self) -> Timestamp {
        let code = self.code.iter().map(Code::kept_until);
        let refresh = self.refresh.iter().map(Refresh::expires_at);
        let access = self.access.iter().map(|access| access.expires_at);
        code.chain(refresh).chain(access).max().unwrap_or(self.created_at).after(SKEW)
    }

    /// Notes the mark of the request that writes this version.
    pub(crate) fn mark(&mut self, mark: Mark) {
        if self.marks.len() >= MARKS {
            self.marks.remove(0);
        }
        self.marks.push(mark);
    }

    /// Whether a request with this mark wrote one of the last versions.
    pub(crate) fn has_mark(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    /// The record to store.
    pub(crate) fn to_record(&self) -> Record {
        let waits = matches!(self.code, Some(Code::Live { .. })) && self.access.is_empty();
        Record {
            key: Self::key_of(self.id),
            stage: if waits { Stage::Pending } else { Stage::Live },
            expires_at: self.expires_at(),
            client: Some(Arc::clone(&self.client)),
            subject: self.subject.clone(),
            body: self.to_body(),
        }
    }

    /// The scopes of an access token of this grant.
    pub(crate) fn scopes_of(&self, access: &Access) -> Scopes {
        access.scopes.clone().unwrap_or_else(|| self.scopes.clone())
    }
}
