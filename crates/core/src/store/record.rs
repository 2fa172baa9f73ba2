//! The one kind of thing that stores keep: a record with a key, an expiry and a body that only core reads.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;

/// What a record is. A number, so that a new kind touches no store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(u16);

impl Kind {
    /// A grant: everything that grew from one authorization.
    pub const GRANT: Self = Self(1);
    /// An authorization request that waits for the user (later also pushed ones).
    pub const REQUEST: Self = Self(2);
    /// From a foreign token string to its grant.
    pub const POINTER: Self = Self(3);
    /// Something that may be claimed once (a `jti`).
    pub const CLAIM: Self = Self(4);
    /// A login session of the ready server.
    pub const SESSION: Self = Self(5);
    /// The memory of a consent.
    pub const CONSENT: Self = Self(6);
    /// A user of the ready server.
    pub const USER: Self = Self(7);
    /// A registered client.
    pub const CLIENT: Self = Self(8);
    /// Disabled and not-before of a client, a user, a consent or all.
    pub const STANDING: Self = Self(9);

    /// The kind with this number; numbers from 1024 on are free for a user's own records.
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// The number that stores write.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.0)
    }
}

/// Names one record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind of record; two kinds cannot be confused, whatever their ids.
    pub kind: Kind,
    /// The id within the kind. It is no secret and no authority.
    pub id: [u8; 16],
}

impl Key {
    /// The key with this id.
    pub const fn new(kind: Kind, id: [u8; 16]) -> Self {
        Self { kind, id }
    }

    /// The key of a record that has a name: the id is SHA-256(kind ‖ name), cut to 16 bytes.
    pub fn named(kind: Kind, name: &str) -> Self {
        Self::named_by(kind, &[name])
    }

    /// The same for a name in parts.
    pub(crate) fn named_by(kind: Kind, name: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(kind.0.to_be_bytes());
        for part in name {
            hash.update(part.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest) {
            *to = from;
        }
        Self { kind, id }
    }

    /// The id as a number, for stores that want one.
    pub const fn id_number(&self) -> u128 {
        u128::from_be_bytes(self.id)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:032x}", self.kind.0, self.id_number())
    }
}

/// The store's own version of a record: opaque, compared only, never reused for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(u64);

impl Revision {
    /// The revision with this number, given by a store.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number, for the store that gave it.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Whether a record still waits for something or is in use; [`SplitStore`](super::SplitStore) goes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Stage {
    /// Short-lived: an unredeemed code, a request that waits for the user.
    Pending,
    /// Everything else.
    #[default]
    Live,
}

/// A record as stores keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub key: Key,
    /// Pending or live.
    pub stage: Stage,
    /// From this moment on the record is absent.
    pub expires_at: Timestamp,
    /// The client it belongs to, for listing.
    pub client: Option<Arc<str>>,
    /// The subject it belongs to, for listing.
    pub subject: Option<Arc<str>>,
    /// The content; stores neither read nor change it.
    pub body: Bytes,
}

impl Record {
    /// Whether the record is there at this moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now
    }
}
