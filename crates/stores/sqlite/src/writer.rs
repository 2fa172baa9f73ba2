//! The one thread that writes. Requests that arrive while a transaction commits share the next one (group commit), and
//! nobody is answered before the commit has come back from the disk.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use grantor_core::store::StoreError;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use crate::connect::patiently;
use crate::failure::Failure;
use crate::options::Options;
use crate::write::{MAX_BODY, Revisions, Write, Written};

/// The most writes of one transaction.
const BATCH: usize = 512;
/// After so many writes the log is copied into the file, after the answers are sent. The engine's own limit
/// (1,000 pages, inside a commit) remains as the second net.
const WRITES_PER_CHECKPOINT: usize = 192;
/// How long the engine itself waits for a lock: short, for between its looks it sleeps up to 100 ms and would miss the
/// gaps that another busy process leaves. The whole wait is ours, with a look every half millisecond.
const ENGINE_WAIT: Duration = Duration::from_millis(10);

type Answer = oneshot::Sender<Result<Written, StoreError>>;

enum Message {
    Write(Write, Answer),
    Close(oneshot::Sender<Result<(), StoreError>>),
    #[cfg(test)]
    Die,
}

/// The callers' end of the queue.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(connection: Connection, options: &Options) -> Result<Self, StoreError> {
        let cannot = |error: Box<dyn std::error::Error + Send + Sync>| {
            StoreError::nothing_written("the writer cannot be started").with_source(error)
        };
        connection
            .busy_timeout(ENGINE_WAIT.min(options.busy_timeout))
            .map_err(|error| cannot(error.into()))?;
        let (queue, requests) = mpsc::channel(options.queue);
        let work = Work {
            connection,
            path: options.path.clone(),
            patience: options.busy_timeout,
            revisions: Revisions::default(),
            writes: 0,
        };
        thread::Builder::new()
            .name("grantor-sqlite-writer".to_owned())
            .spawn(move || work.serve(requests))
            .map_err(|error| cannot(error.into()))?;
        Ok(Self { queue })
    }

    /// Waits for room in the queue, then for the commit.
    pub(crate) async fn write(&self, write: Write) -> Result<Written, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .send(Message::Write(write, answer))
            .await
            .map_err(|_| StoreError::nothing_written("the SQLite store is closed, or its writer has died"))?;
        answered.await.unwrap_or_else(|_| {
            Err(StoreError::unknown("the writer of the SQLite store died while it had this write"))
        })
    }

    /// Writes what waits, copies the log into the file and ends the thread.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Message::Close(answer)).await.is_err() {
            return Ok(());
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::unknown("the writer of the SQLite store has died")))
    }

    #[cfg(test)]
    pub(crate) async fn die(&self) {
        let _ = self.queue.send(Message::Die).await;
        self.queue.closed().await;
    }
}

struct Work {
    connection: Connection,
    path: PathBuf,
    patience: Duration,
    revisions: Revisions,
    /// Since the last checkpoint.
    writes: usize,
}

impl Work {
    fn serve(mut self, mut requests: mpsc::Receiver<Message>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut closing = None;
        while let Some(message) = requests.blocking_recv() {
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Message::Write(write, answer) => batch.push((write, answer)),
                    Message::Close(answer) => {
                        // What is in the queue is still written, nothing new enters.
                        requests.close();
                        closing = Some(answer);
                    }
                    #[cfg(test)]
                    Message::Die => return,
                }
                next = if batch.len() < BATCH { requests.try_recv().ok() } else { None };
            }
            self.commit_batch(&mut batch);
            self.checkpoint_if_due();
        }
        let done = self.finish();
        if let Err(error) = &done {
            tracing::warn!(%error, "the SQLite store could not be closed cleanly; nothing acknowledged is lost");
        }
        if let Some(answer) = closing {
            let _ = answer.send(done);
        }
    }

    fn commit_batch(&mut self, batch: &mut Vec<(Write, Answer)>) {
        if batch.is_empty() {
            return;
        }
        self.writes += batch.len();
        match self.transaction(batch.iter().map(|(write, _)| write)) {
            Ok(results) => {
                for ((_, answer), result) in batch.drain(..).zip(results) {
                    reply(answer, result);
                }
            }
            // A write that needs room must not take down one that needs none.
            Err(failure) if failure.nothing_written && !failure.busy && batch.len() > 1 => {
                for (write, answer) in batch.drain(..) {
                    let result = self.transaction(std::iter::once(&write));
                    reply(
                        answer,
                        result.and_then(|mut one| one.pop().unwrap_or_else(|| Err(failure.clone()))),
                    );
                }
            }
            Err(failure) => {
                for (_, answer) in batch.drain(..) {
                    reply(answer, Err(failure.clone()));
                }
            }
        }
    }

    /// One transaction; `Ok` only when it is on disk.
    fn transaction<'a>(
        &mut self,
        writes: impl Iterator<Item = &'a Write>,
    ) -> Result<Vec<Result<Written, Failure>>, Failure> {
        let mut results = Vec::new();
        let done = self.begin().and_then(|()| {
            for write in writes {
                results.push(self.one(write)?);
            }
            self.commit()
        });
        match done {
            Ok(()) => self.revisions.committed(),
            Err(failure) => {
                tracing::error!(certain = failure.nothing_written, error = %failure, "a transaction failed");
                if !self.connection.is_autocommit()
                    && let Err(error) = self.connection.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "a transaction could not be rolled back");
                }
                self.revisions.rolled_back();
                return Err(failure);
            }
        }
        Ok(results)
    }

    fn begin(&self) -> Result<(), Failure> {
        patiently(self.patience, || self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]))
            .map(|_| ())
            .map_err(|error| Failure::certain(&self.path, "beginning to write", &error))
    }

    /// The outer error ends the transaction, the inner one is only this write's.
    fn one(&mut self, write: &Write) -> Result<Result<Written, Failure>, Failure> {
        if let Write::Create { record, .. } | Write::Replace { record, .. } = write
            && record.body.len() > MAX_BODY
        {
            return Ok(Err(Failure::refused(format!(
                "the record {:?} has a body of {} bytes, the SQLite store takes up to {MAX_BODY}",
                record.key,
                record.body.len()
            ))));
        }
        match write.run(&self.connection, &mut self.revisions) {
            Ok(written) => Ok(Ok(written)),
            Err(error) => {
                let failure = Failure::certain(&self.path, "a write", &error);
                if failure.alone { Ok(Err(failure)) } else { Err(failure) }
            }
        }
    }

    /// The frame that commits is the last thing written before the sync. So a full disk at the write means that there is
    /// no such frame; an error of the sync means that there is one, which a restart may find or not.
    fn commit(&self) -> Result<(), Failure> {
        let done = self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        done.map(|_| ()).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => {
                Failure::certain(&self.path, "the commit", &error)
            }
            _ => Failure::unknown(&self.path, "the commit", &error),
        })
    }

    fn checkpoint_if_due(&mut self) {
        if self.writes < WRITES_PER_CHECKPOINT {
            return;
        }
        self.writes = 0;
        // Should it fail, the log grows a little and the next one does it.
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::warn!(%error, "the write-ahead log could not be copied into the file");
        }
    }

    fn finish(self) -> Result<(), StoreError> {
        let failed = |error: rusqlite::Error| {
            StoreError::nothing_written("the last checkpoint failed").with_source(error)
        };
        self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(failed)?;
        self.connection.close().map_err(|(_, error)| failed(error))
    }
}

/// The caller may have gone; its write is done all the same.
fn reply(answer: Answer, result: Result<Written, Failure>) {
    let _ = answer.send(result.map_err(|failure| failure.to_error()));
}
