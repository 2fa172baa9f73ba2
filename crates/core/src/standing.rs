//! Disabled and not-before of clients, users, consents and all: what ends grants without touching them.
//!
//! A standing is a small record of its own, so that it works for embedders without a user store and for clients from a
//! file; a user's consents stand in the record of the user. Issuing, redeeming and refreshing read it fresh; introspection
//! may use a copy up to a second old.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join3;
use minicbor::{Decode, Encode};
use quick_cache::sync::Cache;

use crate::clock::Timestamp;
use crate::store::{Body, Created, Key, Kind, Record, Replaced, Stage, Store, StoreError, Together, load};

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
            Self::Subject(subject) | Self::Consent { subject, .. } => {
                Key::named_by(Kind::STANDING, &["subject\0", subject])
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

/// What a record says: the standing of all, of a client, or of a user and the user's consents.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Kept {
    #[n(0)]
    disabled: bool,
    #[n(1)]
    not_before: i64,
    /// By client. Who has none, as most, has no list.
    #[n(2)]
    consents: Option<Vec<(String, Standing)>>,
}

/// So many consents of one user are kept apart.
const MOST_CONSENTS: usize = 200;

impl Body for Kept {
    const VERSION: u8 = 1;
    fn write(&self, out: &mut Vec<u8>) {
        // Writing into a Vec cannot fail.
        let _ = minicbor::encode(self, out);
    }
    fn read(_version: u8, fields: &[u8], _record: &Record) -> Option<Self> {
        minicbor::decode(fields).ok()
    }
}

impl Kept {
    fn own(&self) -> Standing {
        Standing { disabled: self.disabled, not_before: self.not_before }
    }

    fn consent(&self, client: &str) -> Standing {
        let found = self.consents.iter().flatten().find(|(of, _)| of == client);
        found.map(|(_, standing)| *standing).unwrap_or_default()
    }

    fn get(&self, whose: Whose<'_>) -> Standing {
        match whose {
            Whose::Consent { client, .. } => self.consent(client),
            _ => self.own(),
        }
    }

    fn set(&mut self, whose: Whose<'_>, standing: Standing) {
        let Whose::Consent { client, .. } = whose else {
            Standing { disabled: self.disabled, not_before: self.not_before } = standing;
            return;
        };
        let mut consents = self.consents.take().unwrap_or_default();
        consents.retain(|(of, _)| of != client);
        if standing != Standing::default() {
            consents.push((client.to_owned(), standing));
        }
        if consents.len() > MOST_CONSENTS {
            self.fold(&mut consents);
        }
        self.consents = Some(consents).filter(|consents| !consents.is_empty());
    }

    /// Makes room: what the longest ended consent gave is dead, and from now on all that this user gave until then.
    fn fold(&mut self, consents: &mut Vec<(String, Standing)>) {
        let enabled = consents.iter().enumerate().filter(|(_, (_, standing))| !standing.disabled);
        let oldest = enabled.min_by_key(|(_, (_, standing))| standing.not_before).map(|(at, _)| at);
        if let Some(at) = oldest {
            let (_, folded) = consents.remove(at);
            self.not_before = self.not_before.max(folded.not_before);
        }
    }
}

/// Reads and changes standings.
#[derive(Debug)]
pub struct Standings {
    kept: Together<Kept>,
    copies: Cache<Key, (Timestamp, Kept)>,
    copy_for: Duration,
}

/// Concurrent changes of one standing are rare; so often a lost one is tried again.
const TRIES: usize = 10;

impl Standings {
    /// Standings in this store; a copy may be up to `copy_for` old.
    pub fn new(store: Arc<dyn Store>, copy_for: Duration) -> Self {
        Self { kept: Together::new(store), copies: Cache::new(20_000), copy_for }
    }

    /// One standing as it is now.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    pub async fn get(&self, whose: Whose<'_>, now: Timestamp) -> Result<Standing, StoreError> {
        Ok(self.kept.alone(&whose.key(), now).await?.get(whose))
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
        let of_subject = async {
            match subject {
                Some(subject) => self.kept.alone(&Whose::Subject(subject).key(), now).await,
                None => Ok(Kept::default()),
            }
        };
        // At the same time, so that a store behind a server is waited for once. Many requests need the first two.
        let all = self.kept.shared(*ALL, now);
        let of_client = self.kept.shared(Whose::Client(client).key(), now);
        let (all, of_client, of_subject) = try_join3(all, of_client, of_subject).await?;
        Ok(together(&all, &of_client, &of_subject, client))
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
        let of_subject = async {
            match subject {
                Some(subject) => self.copy(Whose::Subject(subject).key(), now).await,
                None => Ok(Kept::default()),
            }
        };
        let all = self.copy(*ALL, now);
        let of_client = self.copy(Whose::Client(client).key(), now);
        let (all, of_client, of_subject) = try_join3(all, of_client, of_subject).await?;
        Ok(together(&all, &of_client, &of_subject, client))
    }

    /// The copy of a record, where it is young enough.
    async fn copy(&self, key: Key, now: Timestamp) -> Result<Kept, StoreError> {
        if let Some((at, copy)) = self.copies.get(&key)
            && now >= at
            && now.since(at) < self.copy_for
        {
            return Ok(copy);
        }
        let kept = self.kept.shared(key, now).await?;
        self.copies.insert(key, (now, kept.clone()));
        Ok(kept)
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
        change: impl Fn(&mut Standing) + Send + Sync,
    ) -> Result<(), StoreError> {
        let changed = self.changed(whose, now, |standing| {
            change(standing);
            true
        });
        changed.await.map(drop)
    }

    /// Forgets a standing altogether; whether there was one. For tests and clean-ups of test data.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    pub async fn forget(&self, whose: Whose<'_>, now: Timestamp) -> Result<bool, StoreError> {
        self.changed(whose, now, |standing| std::mem::take(standing) != Standing::default()).await
    }

    /// Changes a standing, unless `change` says that there is nothing to change.
    async fn changed(
        &self,
        whose: Whose<'_>,
        now: Timestamp,
        change: impl Fn(&mut Standing) -> bool + Send + Sync,
    ) -> Result<bool, StoreError> {
        let (key, store) = (whose.key(), self.kept.store());
        for _ in 0..TRIES {
            let loaded = load::<Kept>(store, &key, now).await?;
            let mut kept = loaded.as_ref().map(|loaded| Kept::clone(&loaded.value)).unwrap_or_default();
            let mut standing = kept.get(whose);
            if !change(&mut standing) {
                return Ok(false);
            }
            kept.set(whose, standing);
            let record = record(key, &kept);
            let done = match loaded {
                Some(loaded) => {
                    matches!(store.replace(&record, loaded.revision, now).await?, Replaced::Replaced(_))
                }
                None => matches!(store.create(&record, now).await?, Created::Created(_)),
            };
            if done {
                self.copies.remove(&key);
                return Ok(true);
            }
        }
        Err(StoreError::nothing_written("others keep changing this standing; try again"))
    }
}

fn together(all: &Kept, of_client: &Kept, of_subject: &Kept, client: &str) -> Standing {
    all.own().and(of_client.own()).and(of_subject.own()).and(of_subject.consent(client))
}

fn record(key: Key, kept: &Kept) -> Record {
    let body: Bytes = kept.to_body();
    Record { key, stage: Stage::Live, expires_at: Timestamp::NEVER, client: None, subject: None, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::released;

    #[test]
    fn version_1_standing() {
        let kept: Kept = released("standing-1.hex");
        let standing = kept.own();
        assert!(standing.disabled);
        assert_eq!(standing.not_before(), Timestamp::from_millis(1_800_000_000_001));
        assert_eq!(kept.consent("web"), Standing::default());
    }

    #[test]
    fn version_1_standing_of_a_user_with_consents() {
        let kept: Kept = released("standing-1-consents.hex");
        assert_eq!(kept.own(), Standing::default());
        assert_eq!(kept.consent("web"), Standing { disabled: false, not_before: 1_800_000_000_001 });
        assert_eq!(kept.consent("app"), Standing { disabled: true, not_before: 2 });
        assert_eq!(kept.consent("other"), Standing::default());
    }

    #[test]
    fn the_consents_of_one_user_take_no_endless_room_and_none_that_ended_lives_again() {
        let mut kept = Kept::default();
        let whose = |client| Whose::Consent { client, subject: "alice" };
        let clients: Vec<String> = (0..MOST_CONSENTS + 10).map(|number| format!("client-{number}")).collect();
        kept.set(whose("off"), Standing { disabled: true, not_before: 1 });
        for (client, at) in clients.iter().zip(2..) {
            kept.set(whose(client), Standing { disabled: false, not_before: at });
        }
        assert_eq!(kept.consents.as_ref().unwrap().len(), MOST_CONSENTS);
        assert!(kept.consent("off").disabled, "what is switched off stays apart");
        for (client, at) in clients.iter().zip(2..) {
            let standing = kept.own().and(kept.consent(client));
            assert!(!standing.allows(Timestamp::from_millis(at - 1)), "{client}");
            let later = Timestamp::from_millis(at.max(kept.own().not_before));
            assert!(standing.allows(later), "{client}: what was given later lives");
        }
        assert_eq!(kept.own().not_before, 2 + 10);
        kept.set(whose("off"), Standing::default());
        assert_eq!(kept.consents.unwrap().len(), MOST_CONSENTS - 1);
    }
}
