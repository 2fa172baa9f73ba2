//! A store of one's own: a folder with one file for each record. `tests/own_store.rs` lets it pass the store suite.
//!
//! One writer at a time, over all processes, by a lock; its file's length counts revisions: none ever returns.
#![expect(clippy::indexing_slicing, reason = "an absent JSON member is null")]

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use grantor::Timestamp;
use grantor::store::{Created, Key, Promises, Record, Removed, Replaced, Revision, Stage, Store, StoreError};
use serde_json::{Value, json};
use tokio::task::block_in_place;

/// A folder of records.
#[derive(Debug, Clone)]
pub struct FileStore(PathBuf);

type Found = Option<(Record, Revision)>;
impl FileStore {
    /// The store in this folder, which is made if need be.
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self(folder.as_ref().to_owned()))
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.0.join(format!("{}-{:032x}", key.kind.number(), key.id_number()))
    }
    fn read(&self, key: &Key, now: Timestamp) -> io::Result<Found> {
        let bytes = match fs::read(self.path(key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let found = decode(*key, &bytes).ok_or_else(|| io::Error::other("the file is damaged"))?;
        Ok(Some(found).filter(|(record, _)| record.is_live(now)))
    }

    /// Looks and decides while nobody else writes: the record to write, or none to remove, where something is to change.
    fn change<T>(
        &self,
        key: &Key,
        now: Timestamp,
        decide: impl FnOnce(Found, Revision) -> (Option<Option<&Record>>, T),
    ) -> io::Result<T> {
        let mut lock = File::options().append(true).create(true).open(self.0.join("lock"))?;
        lock.lock()?;
        let next = lock.metadata()?.len() + 1;
        let (change, answer) = decide(self.read(key, now)?, Revision::from_number(next));
        let Some(change) = change else { return Ok(answer) };
        lock.write_all(b".")?;
        lock.sync_all()?;
        match change {
            None => fs::remove_file(self.path(key))?,
            Some(record) => {
                let mut file = File::create(self.0.join("new"))?;
                file.write_all(&encode(record, next))?;
                file.sync_all()?;
                fs::rename(self.0.join("new"), self.path(key))?;
            }
        }
        File::open(&self.0)?.sync_all()?;
        Ok(answer)
    }
}

fn blocking<T>(work: impl FnOnce() -> io::Result<T>) -> Result<T, StoreError> {
    block_in_place(work).map_err(|error| StoreError::unknown("the folder cannot be used").with_source(error))
}

#[async_trait::async_trait]
impl Store for FileStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Found, StoreError> {
        blocking(|| self.read(key, now))
    }
    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let decide = |found: Found, next| match found {
            Some(_) => (None, Created::Exists),
            None => (Some(Some(record)), Created::Created(next)),
        };
        blocking(|| self.change(&record.key, now, decide))
    }
    async fn replace(&self, record: &Record, old: Revision, now: Timestamp) -> Result<Replaced, StoreError> {
        let decide = |found: Found, next| match found {
            Some((_, revision)) if revision == old => (Some(Some(record)), Replaced::Replaced(next)),
            _ => (None, Replaced::Stale),
        };
        blocking(|| self.change(&record.key, now, decide))
    }
    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        let decide = |found: Found, _| match found {
            Some(_) => (Some(None), Removed::Removed),
            None => (None, Removed::Absent),
        };
        blocking(|| self.change(key, now, decide))
    }
    fn promises(&self) -> Promises {
        Promises { durable: true, keeps: true, never_rewinds: true, max_body: 1 << 20 }
    }
}

/// One line of JSON, then the body as it is.
fn encode(record: &Record, revision: u64) -> Vec<u8> {
    let (live, ends) = (record.stage == Stage::Live, record.expires_at.as_millis());
    let (client, subject) = (record.client.as_deref(), record.subject.as_deref());
    let head = json!({"at": revision, "live": live, "ends": ends, "client": client, "subject": subject});
    [head.to_string().as_bytes(), b"\n", &record.body].concat()
}

fn decode(key: Key, bytes: &[u8]) -> Option<(Record, Revision)> {
    let (head, body) = bytes.split_at_checked(bytes.iter().position(|byte| *byte == b'\n')?)?;
    let head: Value = serde_json::from_slice(head).ok()?;
    let text = |name: &str| head[name].as_str().map(std::sync::Arc::from);
    let stage = if head["live"] == true { Stage::Live } else { Stage::Pending };
    let (expires_at, body) = (Timestamp::from_millis(head["ends"].as_i64()?), body.get(1..)?.to_vec().into());
    let record = Record { key, stage, expires_at, client: text("client"), subject: text("subject"), body };
    Some((record, Revision::from_number(head["at"].as_u64()?)))
}
