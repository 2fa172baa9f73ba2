//! What checks are written with: records, writes that must succeed, races.

use std::sync::Arc;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Removed, Replaced, Revision, Stage, Store};
use tokio::sync::Barrier;

use crate::suite::{Checked, Stop, ensure, fail};

/// The caller's clock, where a check has only one: long before any engine's.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_000);
/// Tasks of a race.
pub(super) const TASKS: u64 = 64;
/// Rounds of a race.
pub(super) const ROUNDS: u64 = 100;

pub(super) fn key(number: u64) -> Key {
    Key::new(Kind::GRANT, u128::from(number).to_be_bytes())
}

/// A live record without an end, whose body is a number.
pub(super) fn record(number: u64, value: u64) -> Record {
    Record {
        key: key(number),
        stage: Stage::Live,
        expires_at: Timestamp::NEVER,
        client: Some("client".into()),
        subject: Some("subject".into()),
        body: Bytes::copy_from_slice(&value.to_be_bytes()),
    }
}

/// The number in a body.
pub(super) fn number(record: &Record) -> Result<u64, Stop> {
    match record.body[..].try_into() {
        Ok(bytes) => Ok(u64::from_be_bytes(bytes)),
        Err(_) => fail!("a body of 8 bytes came back as {:?}", record.body),
    }
}

/// Creates a record that is absent.
pub(super) async fn create(store: &dyn Store, record: &Record, now: Timestamp) -> Result<Revision, Stop> {
    match store.create(record, now).await? {
        Created::Created(revision) => Ok(revision),
        Created::Exists => fail!("create of the absent {:?} answered Exists", record.key),
    }
}

/// Replaces a record that has this revision.
pub(super) async fn replace(
    store: &dyn Store,
    record: &Record,
    loaded: Revision,
    now: Timestamp,
) -> Result<Revision, Stop> {
    match store.replace(record, loaded, now).await? {
        Replaced::Replaced(revision) => Ok(revision),
        Replaced::Stale => fail!("replace of {:?} with its present revision answered Stale", record.key),
    }
}

/// Removes a record that is present.
pub(super) async fn remove(store: &dyn Store, key: &Key, now: Timestamp) -> Checked {
    match store.remove(key, now).await? {
        Removed::Removed => Ok(()),
        Removed::Absent => fail!("remove of the present {key:?} answered Absent"),
    }
}

/// Loads a record that is present.
pub(super) async fn load(store: &dyn Store, key: &Key, now: Timestamp) -> Result<(Record, Revision), Stop> {
    match store.load(key, now).await? {
        Some(found) => Ok(found),
        None => fail!("a load at {now:?} does not find the present {key:?}"),
    }
}

/// The record is there, to the letter, with this revision.
pub(super) async fn is_there(
    store: &dyn Store,
    expected: &Record,
    revision: Revision,
    now: Timestamp,
) -> Checked {
    let (found, at) = load(store, &expected.key, now).await?;
    same(&found, expected)?;
    ensure!(at == revision, "a load answers {at:?}, the write answered {revision:?}");
    Ok(())
}

/// Two records are the same; says which part is not, without printing a megabyte.
pub(super) fn same(found: &Record, expected: &Record) -> Checked {
    ensure!(found.key == expected.key, "{:?} came back as {:?}", expected.key, found.key);
    ensure!(found.stage == expected.stage, "{:?} came back as {:?}", expected.stage, found.stage);
    ensure!(
        found.expires_at == expected.expires_at,
        "expires_at {:?} came back as {:?}",
        expected.expires_at,
        found.expires_at
    );
    ensure!(
        found.client == expected.client,
        "the client {:?} came back as {:?}",
        expected.client,
        found.client
    );
    ensure!(
        found.subject == expected.subject,
        "the subject {:?} came back as {:?}",
        expected.subject,
        found.subject
    );
    if found.body != expected.body {
        let at = found.body.iter().zip(&expected.body).take_while(|(one, other)| one == other).count();
        fail!(
            "a body of {} bytes came back with {} bytes, and is another from byte {at} on",
            expected.body.len(),
            found.body.len()
        );
    }
    Ok(())
}

/// No record is there.
pub(super) async fn is_absent(store: &dyn Store, key: &Key, now: Timestamp) -> Checked {
    match store.load(key, now).await? {
        None => Ok(()),
        Some((record, _)) => {
            fail!("a load at {now:?} finds the absent {key:?}, which ends at {:?}", record.expires_at)
        }
    }
}

/// Lets tasks do the same at the same moment, and answers what each of them came to.
pub(super) async fn race<T, F>(
    store: &Arc<dyn Store>,
    tasks: u64,
    act: impl Fn(Arc<dyn Store>, u64) -> F,
) -> Result<Vec<T>, Stop>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Stop>> + Send + 'static,
{
    let start = Arc::new(Barrier::new(usize::try_from(tasks).unwrap_or(usize::MAX)));
    let mut running = Vec::new();
    for task in 0..tasks {
        let act = act(Arc::clone(store), task);
        let start = Arc::clone(&start);
        running.push(tokio::spawn(async move {
            start.wait().await;
            act.await
        }));
    }
    let mut all = Vec::new();
    for task in running {
        all.push(task.await.map_err(|panic| Stop::Failed(panic.to_string()))??);
    }
    Ok(all)
}

/// The one winner among the answers of a race.
pub(super) fn one_winner<T>(answers: Vec<Option<T>>, what: &str) -> Result<T, Stop> {
    let mut winners: Vec<T> = answers.into_iter().flatten().collect();
    match (winners.pop(), winners.len()) {
        (Some(winner), 0) => Ok(winner),
        (None, _) => fail!("{what}: nobody won"),
        (Some(_), others) => fail!("{what}: {} won", others + 1),
    }
}

/// So often at most a write is tried again, where others write too: each Stale means that another one won.
pub(super) const TRIES: usize = 20_000;

/// Adds one to the number of a record until the store takes it; answers the number and its revision.
pub(super) async fn increment(store: &dyn Store, key: &Key) -> Result<(u64, Revision), Stop> {
    for _ in 0..TRIES {
        let (mut found, loaded) = load(store, key, NOW).await?;
        let value = number(&found)? + 1;
        found.body = Bytes::copy_from_slice(&value.to_be_bytes());
        if let Replaced::Replaced(revision) = store.replace(&found, loaded, NOW).await? {
            return Ok((value, revision));
        }
        tokio::task::yield_now().await;
    }
    fail!("load and replace of {key:?} were stale {TRIES} times in a row")
}
