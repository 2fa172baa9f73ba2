//! The store on disk: one SQLite file in WAL mode, whose acknowledged writes survive the loss of power.
//!
//! ```
//! # async fn example(folder: &std::path::Path) -> Result<(), grantor_core::store::StoreError> {
//! use grantor_store_sqlite::{Options, SqliteStore};
//!
//! let store = SqliteStore::open(&Options::at(folder.join("grantor.db")))?;
//! // The same from a configuration file:
//! let options = Options::parse("sqlite:///var/lib/grantor/grantor.db?busy_timeout_ms=2000")?;
//! store.close().await
//! # }
//! ```
//!
//! - Writes go to one thread, which puts all that wait into one transaction and answers after its commit.
//! - Reads go to a few threads with a connection each; the runtime's threads never wait for the disk.
//! - Several processes may open one file of one machine. A network file system will not do: WAL needs shared memory.
//! - [`Options`] has every setting; [`migrate`] brings an older file to this release's schema.
//!
//! The store needs no runtime of its own and runs under any.

mod connect;
mod failure;
mod options;
mod reader;
mod schema;
mod write;
mod writer;

pub use options::{Check, Migrate, Options, Synchronous};
pub use schema::Migration;

use async_trait::async_trait;
use grantor_core::Timestamp;
use grantor_core::store::{
    Created, Filter, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};

use crate::reader::{Page, Readers};
use crate::write::{MAX_BODY, Write, Written};
use crate::writer::Writer;

/// Records in one step of a listing or a sweep; between two steps others get their turn.
const STEP: usize = 256;

/// A [`Store`] in one SQLite file.
///
/// Dropping it ends its threads after what waits is written; [`SqliteStore::close`] also waits for them and says whether
/// all went well.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    promises: Promises,
}

/// Brings the file to the schema of this release, in one transaction. Make a backup first: there is no way back.
///
/// # Errors
/// The file belongs to another program or to a newer release, or the engine refused; then the file is as it was.
pub fn migrate(options: &Options) -> Result<Migration, StoreError> {
    connect::migrate(options)
}

impl SqliteStore {
    /// Opens the file, creates it where it is missing, and starts the threads. It blocks for a few milliseconds, more
    /// where it has to check or recover a large file: call it at start, not while serving.
    ///
    /// # Errors
    /// The file cannot be opened or created, is damaged, belongs to another program, has an older schema
    /// ([`Migrate::Manual`]) or a newer one, or the engine did not take a setting that durability rests on.
    pub fn open(options: &Options) -> Result<Self, StoreError> {
        let connection = connect::writer(options)?;
        let readers = Readers::start(options)?;
        let writer = Writer::start(connection, options)?;
        // The connection was refused unless the engine itself named these settings.
        let synced = options.synchronous == Synchronous::Full;
        let promises = Promises { durable: synced, keeps: true, never_rewinds: synced, max_body: MAX_BODY };
        Ok(Self { writer, readers, promises })
    }

    /// Answers what waits, copies the log into the file and closes it. Later calls get an error.
    ///
    /// # Errors
    /// The last copy failed. Nothing acknowledged is lost: the next opening finds it in the log.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.close().await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        self.readers.load(*key, now).await
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        match self.writer.write(Write::Create { record: record.clone(), now }).await? {
            Written::Created(created) => Ok(created),
            other => Err(mixed_up(other)),
        }
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        match self.writer.write(Write::Replace { record: record.clone(), loaded, now }).await? {
            Written::Replaced(replaced) => Ok(replaced),
            other => Err(mixed_up(other)),
        }
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        match self.writer.write(Write::Remove { key: *key, now }).await? {
            Written::Removed(removed) => Ok(removed),
            other => Err(mixed_up(other)),
        }
    }

    fn promises(&self) -> Promises {
        self.promises
    }

    fn index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}

#[async_trait]
impl Index for SqliteStore {
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let mut found: Vec<Record> = Vec::new();
        while found.len() < limit {
            let step = (limit - found.len()).min(STEP);
            let after = found.last().map(|record| record.key.id).or(after);
            let page = Page { filter: filter.clone(), after, limit: step, now };
            let mut records = self.readers.list(page).await?;
            let last = records.len() < step;
            found.append(&mut records);
            if last {
                break;
            }
        }
        Ok(found)
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let mut gone = 0;
        while gone < limit {
            let step = (limit - gone).min(STEP);
            let swept = match self.writer.write(Write::Sweep { limit: step, now }).await? {
                Written::Swept(swept) => swept,
                other => return Err(mixed_up(other)),
            };
            gone += swept;
            if swept < step {
                break;
            }
        }
        Ok(gone)
    }
}

/// The writer answers each write with its own kind of answer, so this is not reached.
fn mixed_up(answer: Written) -> StoreError {
    StoreError::unknown(format!("the writer answered another question: {answer:?}"))
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;
    use grantor_core::store::{Kind, Stage};

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn record(id: u8) -> Record {
        Record {
            key: Key::new(Kind::GRANT, [id; 16]),
            stage: Stage::Live,
            expires_at: Timestamp::from_secs(2_000),
            client: Some("c".into()),
            subject: None,
            body: bytes::Bytes::from_static(b"body"),
        }
    }

    fn store() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&Options::at(folder.path().join("grantor.db"))).unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn a_record_lives_and_dies() {
        let (_folder, store) = store();
        let Created::Created(first) = store.create(&record(1), NOW).await.unwrap() else { panic!() };
        assert_eq!(store.create(&record(1), NOW).await.unwrap(), Created::Exists);
        assert_eq!(store.load(&record(1).key, NOW).await.unwrap(), Some((record(1), first)));
        let Replaced::Replaced(second) = store.replace(&record(1), first, NOW).await.unwrap() else {
            panic!()
        };
        assert_ne!(first, second);
        assert_eq!(store.replace(&record(1), first, NOW).await.unwrap(), Replaced::Stale);
        assert_eq!(store.remove(&record(1).key, NOW).await.unwrap(), Removed::Removed);
        assert_eq!(store.remove(&record(1).key, NOW).await.unwrap(), Removed::Absent);
        assert_eq!(store.load(&record(1).key, NOW).await.unwrap(), None);
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn after_the_death_of_the_writer_there_are_errors_and_reads() {
        let (_folder, store) = store();
        let _ = store.create(&record(1), NOW).await.unwrap();
        store.writer.die().await;
        let error = store.create(&record(2), NOW).await.unwrap_err();
        assert!(error.nothing_written, "{error}");
        assert!(store.load(&record(1).key, NOW).await.unwrap().is_some());
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn after_close_there_are_errors_that_wrote_nothing() {
        let (_folder, store) = store();
        store.close().await.unwrap();
        store.close().await.unwrap();
        assert!(store.create(&record(1), NOW).await.unwrap_err().nothing_written);
        assert!(store.load(&record(1).key, NOW).await.is_err());
    }

    #[tokio::test]
    async fn a_listing_longer_than_a_step_is_whole_and_in_order() {
        let (_folder, store) = store();
        for number in 0..600_u32 {
            let mut record = record(0);
            record.key.id[..4].copy_from_slice(&number.to_be_bytes());
            record.subject = (number % 2 == 0).then(|| "s".into());
            let _ = store.create(&record, NOW).await.unwrap();
        }
        let all = store.list(&Filter::kind(Kind::GRANT).client("c"), None, 1000, NOW).await.unwrap();
        assert_eq!(all.len(), 600);
        assert!(all.is_sorted_by_key(|record| record.key.id));
        let even = Filter::kind(Kind::GRANT).client("c").subject("s");
        let half = store.list(&even, None, 1000, NOW).await.unwrap();
        assert_eq!(half.len(), 300);
        let rest = store.list(&even, Some(half[9].key.id), 5, NOW).await.unwrap();
        assert_eq!(rest, half[10..15]);
        assert_eq!(store.sweep(400, Timestamp::from_secs(1_999)).await.unwrap(), 0);
        assert_eq!(store.sweep(400, Timestamp::from_secs(2_000)).await.unwrap(), 400);
        assert_eq!(store.sweep(400, Timestamp::from_secs(2_000)).await.unwrap(), 200);
    }
}
