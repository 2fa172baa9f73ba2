//! The threads that read, each with a connection of its own. Every read is a new transaction, so it sees all that was
//! committed before it, by this process or another.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Filter, Key, Record, Revision, Stage, StoreError};
use parking_lot::Mutex;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use tokio::sync::{mpsc, oneshot};

use crate::connect;
use crate::failure::describe;
use crate::options::Options;
use crate::write::public;

type Found = Option<(Record, Revision)>;

enum Message {
    Load(Key, Timestamp, oneshot::Sender<Result<Found, StoreError>>),
    List(Page, oneshot::Sender<Result<Vec<Record>, StoreError>>),
    Close,
}

/// One bounded step of a listing.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) filter: Filter,
    pub(crate) after: Option<[u8; 16]>,
    pub(crate) limit: usize,
    pub(crate) now: Timestamp,
}

/// The callers' end of the queue.
#[derive(Debug)]
pub(crate) struct Readers {
    queue: mpsc::Sender<Message>,
    /// Ends when the last thread has closed its connection.
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

impl Readers {
    /// Starts the threads.
    pub(crate) fn start(options: &Options) -> Result<Self, StoreError> {
        let (queue, requests) = mpsc::channel(options.queue);
        let (running, ended) = mpsc::channel(1);
        let requests = Arc::new(Mutex::new(requests));
        for number in 0..options.readers {
            let work = Work { connection: connect::reader(options)?, path: options.path.clone() };
            let (requests, running) = (Arc::clone(&requests), running.clone());
            thread::Builder::new()
                .name(format!("grantor-sqlite-reader-{number}"))
                .spawn(move || {
                    work.serve(&requests);
                    drop(running);
                })
                .map_err(|error| {
                    StoreError::nothing_written("a reader cannot be started").with_source(error)
                })?;
        }
        Ok(Self { queue, ended: tokio::sync::Mutex::new(ended) })
    }

    pub(crate) async fn load(&self, key: Key, now: Timestamp) -> Result<Found, StoreError> {
        self.ask(|answer| Message::Load(key, now, answer)).await
    }

    pub(crate) async fn list(&self, page: Page) -> Result<Vec<Record>, StoreError> {
        self.ask(|answer| Message::List(page, answer)).await
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Message,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.queue.send(message(answer)).await;
        sent.map_err(|_| {
            StoreError::nothing_written("the SQLite store is closed, or its readers have died")
        })?;
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::nothing_written("a reader of the SQLite store died")))
    }

    /// Answers what waits and ends the threads.
    pub(crate) async fn close(&self) {
        let _ = self.queue.send(Message::Close).await;
        while self.ended.lock().await.recv().await.is_some() {}
    }
}

struct Work {
    connection: Connection,
    path: PathBuf,
}

impl Work {
    fn serve(self, requests: &Mutex<mpsc::Receiver<Message>>) {
        loop {
            // One thread waits for the next request, the others wait for its place.
            let message = {
                let mut requests = requests.lock();
                let message = requests.blocking_recv();
                if matches!(message, Some(Message::Close)) {
                    // What is in the queue is still answered, nothing new enters.
                    requests.close();
                }
                message
            };
            match message {
                Some(Message::Load(key, now, answer)) => {
                    let _ = answer.send(self.load(key, now).map_err(|error| self.failed(error)));
                }
                Some(Message::List(page, answer)) => {
                    let _ = answer.send(self.list(&page).map_err(|error| self.failed(error)));
                }
                Some(Message::Close) => {}
                None => return,
            }
        }
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::nothing_written(describe(&self.path, "a read", &error)).with_source(error)
    }

    fn load(&self, key: Key, now: Timestamp) -> rusqlite::Result<Found> {
        self.connection
            .prepare_cached(
                "SELECT stage, expires_at, client, subject, body, revision FROM record
                 WHERE kind = ?1 AND id = ?2 AND expires_at > ?3",
            )?
            .query_row(params![key.kind.number(), key.id, now.as_millis()], |row| {
                Ok((record(key, row)?, public(row.get(5)?)))
            })
            .optional()
    }

    fn list(&self, page: &Page) -> rusqlite::Result<Vec<Record>> {
        let (sql, values) = list_query(page);
        self.connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(values), |row| record(Key::new(page.filter.kind, row.get(5)?), row))?
            .collect()
    }
}

/// Every form of it goes along an index that has the ids in order, so a step costs what it returns.
fn list_query(page: &Page) -> (String, Vec<Value>) {
    let mut sql = "SELECT stage, expires_at, client, subject, body, id FROM record
                   WHERE kind = ?1 AND expires_at > ?2 AND id > ?3"
        .to_owned();
    // The empty blob sorts before every id.
    let after = page.after.map(|id| id.to_vec()).unwrap_or_default();
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let kind = i64::from(page.filter.kind.number());
    let mut values: Vec<Value> = vec![kind.into(), page.now.as_millis().into(), after.into(), limit.into()];
    for (column, value) in [("client", &page.filter.client), ("subject", &page.filter.subject)] {
        if let Some(value) = value {
            values.push(value.clone().into());
            let _ = write!(sql, " AND {column} = ?{}", values.len());
        }
    }
    sql.push_str(" ORDER BY id LIMIT ?4");
    (sql, values)
}

fn record(key: Key, row: &Row<'_>) -> rusqlite::Result<Record> {
    let text = |index| -> rusqlite::Result<Option<Arc<str>>> {
        Ok(row.get_ref(index)?.as_str_or_null()?.map(Arc::from))
    };
    Ok(Record {
        key,
        stage: if row.get::<_, i64>(0)? == 0 { Stage::Pending } else { Stage::Live },
        expires_at: Timestamp::from_millis(row.get(1)?),
        client: text(2)?,
        subject: text(3)?,
        body: Bytes::copy_from_slice(row.get_ref(4)?.as_blob()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantor_core::store::Kind;

    #[test]
    fn no_listing_sorts_or_reads_the_whole_table() {
        let path = std::path::Path::new("test.db");
        let mut connection = Connection::open_in_memory().unwrap();
        let _ = crate::schema::migrate(&mut connection, path, crate::schema::STEPS).unwrap();
        let all = Filter::kind(Kind::GRANT);
        for (filter, index) in [
            (all.clone(), "sqlite_autoindex_record_1 (kind=? AND id>?)"),
            (all.clone().client("c"), "record_client (kind=? AND client=? AND id>?)"),
            (all.clone().subject("s"), "record_subject (kind=? AND subject=? AND id>?)"),
            (all.client("c").subject("s"), "record_subject (kind=? AND subject=? AND id>?)"),
        ] {
            let page = Page { filter, after: None, limit: 10, now: Timestamp::EPOCH };
            let (sql, values) = list_query(&page);
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .unwrap()
                .query_map(params_from_iter(values), |row| row.get(3))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            assert_eq!(plan, [format!("SEARCH record USING INDEX {index}")], "{sql}");
        }
    }
}
