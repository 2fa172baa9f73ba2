//! The memory of consents: which scopes a user gave a client, and when. Only more scopes ask again.
//!
//! A consent is a record under H(client, user) with both as its columns, so that a user's consents can be listed. It counts
//! only if it is younger than the consent's not-before, so that a withdrawal holds whoever made it and whatever was lost.

use std::sync::Arc;

use grantor::store::{Created, Filter, Key, Kind, Record, Replaced, Stage, Store, StoreError};
use grantor::{Clock, Scopes, Standings, Timestamp, Whose};
use minicbor::{Decode, Encode};

use crate::body;

/// So many consents of one user are listed.
const LISTED: usize = 500;
/// Two tabs may consent at once; so often a lost write is tried again.
const TRIES: usize = 5;

#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
struct Stored {
    #[n(0)]
    scopes: String,
    #[n(1)]
    at: i64,
}

/// What a user allowed a client.
#[derive(Debug, Clone)]
pub(crate) struct Consent {
    pub(crate) client: Arc<str>,
    pub(crate) scopes: Scopes,
    pub(crate) at: Timestamp,
}

/// The consents of one server.
#[derive(Debug)]
pub(crate) struct Consents {
    store: Arc<dyn Store>,
    standings: Arc<Standings>,
    clock: Arc<dyn Clock>,
}

fn key(client: &str, subject: &str) -> Key {
    Key::named(Kind::CONSENT, &format!("{client}\0{subject}"))
}

fn consent(record: &Record) -> Result<Option<Consent>, StoreError> {
    let Some(client) = record.client.clone() else { return Ok(None) };
    let stored: Stored = body::read(record)?;
    let scopes = Scopes::parse(&stored.scopes).unwrap_or_default();
    Ok(Some(Consent { client, scopes, at: Timestamp::from_millis(stored.at) }))
}

/// Ends a consent and what was granted by it.
///
/// # Errors
/// The store does not answer; then nobody knows whether it was done: do it again.
pub(crate) async fn withdraw(
    standings: &Standings,
    client: &str,
    subject: &str,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let whose = Whose::Consent { client, subject };
    standings.end_earlier(whose, clock.now()).await?;
    // From here on the consent counts no more. What was granted by it while that was written ends too.
    standings.end_earlier(whose, clock.now()).await
}

impl Consents {
    pub(crate) fn new(store: Arc<dyn Store>, standings: Arc<Standings>, clock: Arc<dyn Clock>) -> Self {
        Self { store, standings, clock }
    }

    /// What the user has allowed this client already.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn find(
        &self,
        client: &str,
        subject: &str,
        now: Timestamp,
    ) -> Result<Option<Consent>, StoreError> {
        let Some((record, _)) = self.store.load(&key(client, subject), now).await? else { return Ok(None) };
        let Some(found) = consent(&record)? else { return Ok(None) };
        Ok(self.holds(&found, subject, now).await?.then_some(found))
    }

    async fn holds(&self, consent: &Consent, subject: &str, now: Timestamp) -> Result<bool, StoreError> {
        let whose = Whose::Consent { client: &consent.client, subject };
        Ok(self.standings.get(whose, now).await?.allows(consent.at))
    }

    /// Remembers that the user allowed these scopes, besides those from before. Where others keep changing the consent at the
    /// same time, it is left as they wrote it: the user has allowed the scopes, and may be asked for them once more.
    ///
    /// # Errors
    /// The store does not answer; then too the user may be asked once more.
    pub(crate) async fn remember(
        &self,
        client: &str,
        subject: &str,
        scopes: &Scopes,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = key(client, subject);
        for attempt in 0..TRIES {
            let loaded = self.store.load(&key, now).await?;
            let before = match &loaded {
                Some((record, _)) => consent(record)?,
                None => None,
            };
            let mut all = scopes.clone();
            if let Some(before) = before
                && self.holds(&before, subject, now).await?
            {
                if attempt > 0 && scopes.is_subset_of(&before.scopes) {
                    // Another tab has written the same meanwhile.
                    return Ok(());
                }
                all = Scopes::parse(&format!("{} {}", before.scopes, scopes)).unwrap_or(all);
            }
            let record = Record {
                key,
                stage: Stage::Live,
                expires_at: Timestamp::NEVER,
                client: Some(Arc::from(client)),
                subject: Some(Arc::from(subject)),
                body: body::write(&Stored { scopes: all.to_string(), at: now.as_millis() }),
            };
            let done = match loaded {
                Some((_, revision)) => {
                    matches!(self.store.replace(&record, revision, now).await?, Replaced::Replaced(_))
                }
                None => matches!(self.store.create(&record, now).await?, Created::Created(_)),
            };
            if done {
                return Ok(());
            }
        }
        tracing::info!(target: "grantor", client, subject, "a consent was not remembered: others kept changing it");
        Ok(())
    }

    /// Withdraws a consent: what was granted by it ends at its next use, and the user is asked again.
    ///
    /// # Errors
    /// The store does not answer; then nobody knows whether it was done: do it again.
    pub(crate) async fn withdraw(
        &self,
        client: &str,
        subject: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        withdraw(&self.standings, client, subject, &self.clock).await?;
        let _ = self.store.remove(&key(client, subject), now).await?;
        Ok(())
    }

    /// All that the user allowed; `None` where the store cannot list.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn of(&self, subject: &str, now: Timestamp) -> Result<Option<Vec<Consent>>, StoreError> {
        let Some(index) = self.store.index() else { return Ok(None) };
        let mut consents = Vec::new();
        for record in index.list(&Filter::kind(Kind::CONSENT).subject(subject), None, LISTED, now).await? {
            if let Some(one) = consent(&record)?
                && self.holds(&one, subject, now).await?
            {
                consents.push(one);
            }
        }
        Ok(Some(consents))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use grantor::memory::MemoryStore;
    use grantor_testkit::{Fault, FaultStore, Gate};

    /// A clock that goes on by a second with each look at it.
    #[derive(Debug)]
    struct Ticking(AtomicI64);

    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn what_a_consent_gave_while_it_was_being_withdrawn_ends_too() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let standings = Arc::new(Standings::new(Arc::clone(&store), std::time::Duration::ZERO));
        let clock = Arc::new(Ticking(AtomicI64::new(100)));
        let consents = Consents::new(store, Arc::clone(&standings), Arc::clone(&clock) as Arc<dyn Clock>);
        let (read, before) = (Scopes::parse("read").unwrap(), Timestamp::from_secs(50));
        consents.remember("web", "alice", &read, before).await.unwrap();
        consents.withdraw("web", "alice", Timestamp::from_secs(100)).await.unwrap();
        let whose = Whose::Consent { client: "web", subject: "alice" };
        let standing = standings.get(whose, Timestamp::from_secs(110)).await.unwrap();
        // The second before the first write was there: the consent still counted, and a grant was made by it.
        assert!(!standing.allows(Timestamp::from_millis(100_500)));
        assert!(standing.allows(clock.now()));
        assert!(consents.find("web", "alice", clock.now()).await.unwrap().is_none());
    }

    fn over(store: &FaultStore) -> Consents {
        let store: Arc<dyn Store> = Arc::new(store.clone());
        let standings = Arc::new(Standings::new(Arc::new(MemoryStore::new()), std::time::Duration::ZERO));
        Consents::new(store, standings, Arc::new(Ticking(AtomicI64::new(100))))
    }

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[tokio::test]
    async fn the_same_consent_of_two_tabs_is_written_once() {
        let faults = FaultStore::new(Arc::new(MemoryStore::new()));
        let (consents, gate, now) = (over(&faults), Gate::new(), Timestamp::from_secs(50));
        faults.next_load(Fault::HoldAfter(gate.clone()));
        let read = scopes("read");
        let slow = consents.remember("web", "alice", &read, now);
        let fast = async {
            gate.reached().await;
            consents.remember("web", "alice", &read, now).await.unwrap();
            gate.open();
        };
        let (slow, ()) = tokio::join!(slow, fast);
        slow.unwrap();
        let calls = faults.calls();
        assert_eq!(
            (calls.create, calls.replace),
            (2, 0),
            "the later one found that nothing was left to write"
        );
    }

    #[tokio::test]
    async fn a_consent_that_others_keep_changing_is_no_error() {
        let faults = FaultStore::new(Arc::new(MemoryStore::new()));
        let (consents, now) = (over(&faults), Timestamp::from_secs(50));
        let gates: Vec<Gate> = (0..TRIES).map(|_| Gate::new()).collect();
        let read = scopes("read");
        faults.next_load(Fault::HoldAfter(gates[0].clone()));
        let slow = consents.remember("web", "alice", &read, now);
        let others = async {
            for (round, gate) in gates.iter().enumerate() {
                gate.reached().await;
                consents.remember("web", "alice", &scopes(&format!("other{round}")), now).await.unwrap();
                if let Some(next) = gates.get(round + 1) {
                    faults.next_load(Fault::HoldAfter(next.clone()));
                }
                gate.open();
            }
        };
        let (slow, ()) = tokio::join!(slow, others);
        slow.unwrap();
        let found = consents.find("web", "alice", now).await.unwrap().unwrap();
        assert_eq!(found.scopes, scopes("other0 other1 other2 other3 other4"));
    }
}
