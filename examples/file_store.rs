//! A store of one's own: a folder with one file for each record. `tests/examples/own_store.rs` lets it pass the store suite.
//!
//! One writer at a time, over all processes, by a lock; the lock file's length (it is sparse) counts revisions, so none ever
//! returns. Expired files stay until their key is used again; a real store would have an `Index` with a sweep.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantor::store::{Created, Key, Promises, Record, Removed, Replaced, Revision, Stage, Store, StoreError};
use grantor::{Timestamp, async_trait};

/// A folder of records.
#[derive(Debug, Clone)]
pub(crate) struct FileStore(PathBuf);
type Found = Option<(Record, Revision)>;

impl FileStore {
    /// The store in this folder, which is made if need be.
    pub(crate) fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
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

    /// Writes the record, or removes what is there, if what is there is as it should be: the new revision, or `None`.
    async fn change(
        &self,
        (key, new): (Key, Option<Record>),
        now: Timestamp,
        fits: impl FnOnce(Option<Revision>) -> bool + Send + 'static,
    ) -> Result<Option<Revision>, StoreError> {
        self.blocking(move |store| {
            let lock = File::options().append(true).create(true).open(store.0.join("lock"))?;
            lock.lock()?; // until `lock` is dropped
            if !fits(store.read(&key, now)?.map(|(_, revision)| revision)) {
                return Ok(None);
            }
            let next = lock.metadata()?.len() + 1;
            lock.set_len(next).and_then(|()| lock.sync_all())?;
            if let Some(record) = new {
                let mut file = File::create(store.0.join("new"))?;
                file.write_all(&encode(&record, next)?)?;
                file.sync_all()?;
                fs::rename(store.0.join("new"), store.path(&key))?;
            } else {
                fs::remove_file(store.path(&key))?;
            }
            File::open(&store.0)?.sync_all()?;
            Ok(Some(Revision::from_number(next)))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.unwrap_or_else(|error| Err(error.into()))
            .map_err(|error| StoreError::unknown("the folder cannot be used").with_source(error))
    }
}

#[async_trait]
impl Store for FileStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Found, StoreError> {
        let key = *key;
        self.blocking(move |store| store.read(&key, now)).await
    }
    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let new = (record.key, Some(record.clone()));
        let created = self.change(new, now, |present| present.is_none()).await?;
        Ok(created.map_or(Created::Exists, Created::Created))
    }
    async fn replace(&self, record: &Record, old: Revision, now: Timestamp) -> Result<Replaced, StoreError> {
        let new = (record.key, Some(record.clone()));
        let replaced = self.change(new, now, move |present| present == Some(old)).await?;
        Ok(replaced.map_or(Replaced::Stale, Replaced::Replaced))
    }
    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        let removed = self.change((*key, None), now, |present| present.is_some()).await?;
        Ok(removed.map_or(Removed::Absent, |_| Removed::Removed))
    }
    fn promises(&self) -> Promises {
        Promises { durable: true, keeps: true, never_rewinds: true, max_body: usize::MAX }
    }
}

/// What stands before the body: revision, whether it is live, end, client, subject.
type Head = (u64, bool, i64, Option<Arc<str>>, Option<Arc<str>>);

/// One line of JSON, then the body as it is.
fn encode(r: &Record, revision: u64) -> io::Result<Vec<u8>> {
    let live = r.stage == Stage::Live;
    let head: Head = (revision, live, r.expires_at.as_millis(), r.client.clone(), r.subject.clone());
    Ok([serde_json::to_string(&head)?.as_bytes(), b"\n", &r.body].concat())
}

fn decode(key: Key, bytes: &[u8]) -> Option<(Record, Revision)> {
    let (head, body) = bytes.split_at_checked(bytes.iter().position(|byte| *byte == b'\n')?)?;
    let (revision, live, ends, client, subject): Head = serde_json::from_slice(head).ok()?;
    let (stage, expires_at) = (if live { Stage::Live } else { Stage::Pending }, Timestamp::from_millis(ends));
    let record = Record { key, stage, expires_at, client, subject, body: body.get(1..)?.to_vec().into() };
    Some((record, Revision::from_number(revision)))
}
