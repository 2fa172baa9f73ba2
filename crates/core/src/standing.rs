//! Disabled and not-before of clients, users, consents and all: what ends grants without touching them.
//!
//! A standing is a small record of its own, so that it works for embedders without a user store and for clients from a
//! file. Issuing, redeeming and refreshing read it fresh; introspection may use a copy up to a second old.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use minicbor::{Decode, Encode};
use quick_cache::sync::Cache;

use crate::clock::Timestamp;
use crate::store::{Body, Created, Key, Kind, Record, Removed, Replaced, Stage, Store, StoreError, load};

/// Whose standing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Everybody's.
    All,
    /// That of a client.
    Client(&'a str),
    /// That of a user.
    Subject(&'a str),
    /// That of a user's consent to a client.
    Consent {
        /// The client.
        client: &'a str,
        /// The user.
        subject: &'a str,
    },
}

/// The key of everybody's standing, which nearly each request reads.
static ALL: LazyLock<Key> = LazyLock::new(|| Key::named(Kind::STANDING, "all"));

impl Whose<'_> {
    fn key(&self) -> Key {
        match self {
            Self::All => *ALL,
            Self::Client(client) => Key::named_by(Kind::STANDING, &["client\0", client]),
            Self::Subject(subject) => Key::named_by(Kind::STANDING, &["subject\0", subject]),
            Self::Consent { client, subject } => {
                Key::named_by(Kind::STANDING, &["consent\0", client, "\0", subject])
            }
        }
    }
}

/// Whether something may be used, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Standing {
    /// Nothing may be issued or used.
    #[n(0)]
    pub disabled: bool,
    #[n(1)]
    not_before: i64,
}

impl Standing {
    /// What was granted before this moment is dead.
    pub const fn not_before(&self) -> Timestamp {
        Timestamp::from_millis(self.not_before)
    }

    /// Whether what was granted at this moment may be used.
    pub fn allows(&self, granted_at: Timestamp) -> bool {
        !self.disabled && granted_at.as_millis() >= self.not_before
    }

    /// Ends what was granted before this moment; what has ended already stays so.
    pub(crate) fn raise(&mut self, not_before: Timestamp) {
        self.not_before = self.not_before.max(not_before.as_millis());
    }

    fn and(self, other: Self) -> Self {
        Self { disabled: self.disabled || other.disabled, not_before: self.not_before.max(other.not_before) }
    }
}

impl Body for Standing {
    const VERSION: u8 = 1;
    fn write(&self, out: &mut Vec<u8>) {
        // Writing into a Vec cannot fail.
        let _ = minicbor::encode(self, out);
    }
    fn read(_version: u8, fields: &[u8], _record: &Record) -> Option<Self> {
        minicbor::decode(fields).ok()
    }
}

/// Reads and changes standings.
#[derive(Debug)]
pub struct Standings {
    store: Arc<dyn Store>,
    copies: Cache<Key, (Timestamp, Standing)>,
    copy_for: Duration,
}

/// Concurrent changes of one standing are rare; so often a lost one is tried again.
const TRIES: usize = 10;

impl Standings {
    /// Standings in this store; a copy may be up to `copy_for` old.
    pub fn new(store: Arc<dyn Store>, copy_for: Duration) -> Self {
        Self { store, copies: Cache::new(20_000), copy_for }
    }

    /// One standing as it is now.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    pub async fn get(&self, whose: Whose<'_>, now: Timestamp) -> Result<Standing, StoreError> {
        let found = load::<Standing>(self.store.as_ref(), &whose.key(), now).await?;
        Ok(found.map(|loaded| *loaded.value).unwrap_or_default())
    }

    /// All that concerns a grant of this client and subject, read now.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    pub async fn fresh(
        &self,
        client: &str,
        subject: Option<&str>,
        now: Timestamp,
    ) -> Result<Standing, StoreError> {
        let mut standing = Standing::default();
        for whose in concerned(client, subject).into_iter().flatten() {
            standing = standing.and(self.get(whose, now).await?);
        }
        Ok(standing)
    }

    /// The same, at most as old as the provider's setting says.
    pub(crate) async fn recent(
        &self,
        client: &str,
        subject: Option<&str>,
        now: Timestamp,
    ) -> Result<Standing, StoreError> {
        if self.copy_for.is_zero() {
            return self.fresh(client, subject, now).await;
        }
        let mut standing = Standing::default();
        for whose in concerned(client, subject).into_iter().flatten() {
            let key = whose.key();
            let copy = self.copies.get(&key).filter(|(at, _)| now >= *at && now.since(*at) < self.copy_for);
            let one = match copy {
                Some((_, one)) => one,
                None => {
                    let one = self.get(whose, now).await?;
                    self.copies.insert(key, (now, one));
                    one
                }
            };
            standing = standing.and(one);
        }
        Ok(standing)
    }

    /// Ends everything that was granted up to this moment.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer; then nobody knows whether it was done: do it again.
    pub async fn end_earlier(&self, whose: Whose<'_>, now: Timestamp) -> Result<(), StoreError> {
        let from = now.after(Duration::from_millis(1));
        self.change(whose, now, |standing| standing.raise(from)).await
    }

    /// Switches off or on. What was granted before is dead for good once it was switched off, and so is what somebody was
    /// still granting while that was written: switching on again revives nothing.
    ///
    /// # Errors
    /// As [`Standings::end_earlier`].
    pub async fn set_disabled(
        &self,
        whose: Whose<'_>,
        disabled: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(whose, now, |standing| {
            if disabled {
                standing.raise(now.after(Duration::from_millis(1)));
            } else if standing.disabled {
                standing.raise(now);
            }
            standing.disabled = disabled;
        })
        .await
    }

    /// For a deleted client: ends what it was given. A client that is registered with this identifier later starts anew.
    ///
    /// # Errors
    /// As [`Standings::end_earlier`].
    pub async fn delete_client(&self, client: &str, now: Timestamp) -> Result<(), StoreError> {
        self.end_earlier(Whose::Client(client), now).await
    }

    /// For a deleted user: nothing that was or will be granted to this subject counts, for ever. A subject is never given
    /// to somebody else.
    ///
    /// # Errors
    /// As [`Standings::end_earlier`].
    pub async fn delete_subject(&self, subject: &str, now: Timestamp) -> Result<(), StoreError> {
        self.change(Whose::Subject(subject), now, |standing| {
            standing.disabled = true;
            standing.not_before = Timestamp::NEVER.as_millis();
        })
        .await
    }

    async fn change(
        &self,
        whose: Whose<'_>,
        now: Timestamp,
        change: impl Fn(&mut Standing) + Send,
    ) -> Result<(), StoreError> {
        let key = whose.key();
        for _ in 0..TRIES {
            let loaded = load::<Standing>(self.store.as_ref(), &key, now).await?;
            let mut standing = loaded.as_ref().map(|loaded| *loaded.value).unwrap_or_default();
            change(&mut standing);
            let record = record(key, &standing);
            let done = match loaded {
                Some(loaded) => {
                    matches!(self.store.replace(&record, loaded.revision, now).await?, Replaced::Replaced(_))
                }
                None => matches!(self.store.create(&record, now).await?, Created::Created(_)),
            };
            if done {
                self.copies.remove(&key);
                return Ok(());
            }
        }
        Err(StoreError::nothing_written("others keep changing this standing; try again"))
    }

    /// Forgets a standing altogether; whether there was one. For tests and clean-ups of test data.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    pub async fn forget(&self, whose: Whose<'_>, now: Timestamp) -> Result<bool, StoreError> {
        self.copies.remove(&whose.key());
        Ok(self.store.remove(&whose.key(), now).await? == Removed::Removed)
    }
}

fn concerned<'a>(client: &'a str, subject: Option<&'a str>) -> [Option<Whose<'a>>; 4] {
    [
        Some(Whose::All),
        Some(Whose::Client(client)),
        subject.map(Whose::Subject),
        subject.map(|subject| Whose::Consent { client, subject }),
    ]
}

fn record(key: Key, standing: &Standing) -> Record {
    let body: Bytes = standing.to_body();
    Record { key, stage: Stage::Live, expires_at: Timestamp::NEVER, client: None, subject: None, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::released;

    #[test]
    fn version_1_standing() {
        let standing: Standing = released("standing-1.hex");
        assert!(standing.disabled);
        assert_eq!(standing.not_before(), Timestamp::from_millis(1_800_000_000_001));
    }
}
