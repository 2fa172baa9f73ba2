//! The connections: each statement borrows one, has a deadline of ours, and gives the connection back only when its
//! answer was read to the end. A connection with an answer outstanding would give it to the next statement.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Params, Pool, Row, Value};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use crate::failure::Failure;

/// The most tries of one statement.
const TRIES: usize = 8;
/// How long the server waits for another transaction's lock, in seconds: its smallest step.
pub(crate) const LOCK_WAIT_SECS: u64 = 1;
/// How long a connection that is given up may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// What came of a statement.
pub(crate) struct Done {
    /// Rows that were inserted, deleted, or changed (with `CLIENT_FOUND_ROWS`: matched).
    pub(crate) rows_affected: u64,
    /// What was read.
    pub(crate) rows: Vec<Row>,
}

/// A pool, and how it is used.
pub(crate) struct Connections {
    pool: Pool,
    /// As many as there may be connections: callers wait here, in their order.
    permits: Semaphore,
    timeout: Duration,
    runtime: Handle,
    /// Server and database, for errors. No user, no password.
    place: Arc<str>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool's own would show the password.
        f.debug_struct("Connections")
            .field("place", &self.place)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Connections {
    /// Must be called inside the runtime that the store is used in.
    pub(crate) fn new(pool: Pool, connections: usize, timeout: Duration, place: &str) -> Self {
        let permits = Semaphore::new(connections);
        Self { pool, permits, timeout, runtime: Handle::current(), place: place.into() }
    }

    /// Server and database.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The end of a call that begins now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout // how long the server is waited for
    }

    /// Says goodbye to the server.
    pub(crate) async fn close(&self) {
        self.permits.close();
        let closing = timeout(self.timeout, self.pool.clone().disconnect()).await;
        if !matches!(closing, Ok(Ok(()))) {
            tracing::warn!(
                place = &*self.place,
                "the connections to MySQL did not close cleanly; nothing is lost"
            );
        }
    }

    /// A statement that writes. What failed without having written is tried again.
    pub(crate) async fn write(
        &self,
        deadline: Instant,
        sql: &'static str,
        params: &[Value],
    ) -> Result<u64, Failure> {
        let mut tries = 1;
        loop {
            match self.once(deadline, sql, params).await {
                Ok(done) => return Ok(done.rows_affected),
                Err(failure) if tries < TRIES && worth_it(&failure, deadline) && failure.nothing_written => {
                    tracing::debug!(error = %failure, "a statement is tried again");
                }
                Err(failure) => return Err(failure),
            }
            tries += 1;
        }
    }

    /// A statement that reads. It can be tried again whatever failed.
    pub(crate) async fn read(
        &self,
        deadline: Instant,
        sql: &'static str,
        params: &[Value],
    ) -> Result<Vec<Row>, Failure> {
        let mut tries = 1;
        loop {
            match self.once(deadline, sql, params).await.map_err(Failure::of_a_read) {
                Ok(done) => return Ok(done.rows),
                Err(failure) if tries < TRIES && worth_it(&failure, deadline) => {
                    tracing::debug!(error = %failure, "a statement is tried again");
                }
                Err(failure) => return Err(failure),
            }
            tries += 1;
        }
    }

    async fn once(&self, deadline: Instant, sql: &'static str, params: &[Value]) -> Result<Done, Failure> {
        let mut lease = self.lease(deadline).await?;
        let done = lease.run(deadline, sql, params).await;
        if done.as_ref().err().is_none_or(|failure| failure.connection_is_well) {
            lease.give_back();
        }
        done
    }

    /// Borrows a connection.
    pub(crate) async fn lease(&self, deadline: Instant) -> Result<Lease<'_>, Failure> {
        let permit = match timeout_at(deadline, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => {
                return Err(Failure::refused(format!("the MySQL store at {} is closed", self.place)));
            }
            Err(_) => return Err(Failure::late_before(&self.place, "waiting for a connection")),
        };
        match timeout_at(deadline, self.pool.get_conn()).await {
            Ok(Ok(conn)) => Ok(Lease { connections: self, conn: Some(conn), _permit: permit }),
            Ok(Err(error)) => Err(Failure::connecting(&self.place, &error)),
            Err(_) => Err(Failure::late_before(&self.place, "connecting")),
        }
    }
}

/// A statement that waits for a lock tells at its deadline nothing; one that is not begun tells that nothing was written.
fn worth_it(failure: &Failure, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now()); // how long a lock can be waited for
    failure.again && (!failure.waited_for_a_lock() || left > Duration::from_secs(LOCK_WAIT_SECS))
}

/// A borrowed connection. Where it is dropped before [`Lease::give_back`], it is closed: an answer may be outstanding.
pub(crate) struct Lease<'a> {
    connections: &'a Connections,
    conn: Option<Conn>,
    _permit: SemaphorePermit<'a>,
}

impl Lease<'_> {
    /// Runs a statement that was prepared on this connection before, or is now.
    pub(crate) async fn run(
        &mut self,
        deadline: Instant,
        sql: &'static str,
        params: &[Value],
    ) -> Result<Done, Failure> {
        let place = &*self.connections.place;
        let Some(conn) = self.conn.as_mut() else { return Err(Failure::refused("there is no connection")) };
        let statement = match timeout_at(deadline, conn.prep(sql)).await {
            Ok(Ok(statement)) => statement,
            Ok(Err(error)) => return Err(Failure::preparing(place, &error)),
            Err(_) => {
                return Err(Failure::late_preparing(place));
            }
        };
        let params = if params.is_empty() { Params::Empty } else { Params::Positional(params.to_vec()) };
        match timeout_at(deadline, conn.exec::<Row, _, _>(&statement, params)).await {
            Ok(Ok(rows)) => Ok(Done { rows_affected: conn.affected_rows(), rows }),
            Ok(Err(error)) => Err(Failure::executing(place, &error)),
            Err(_) => Err(Failure::late_after(place)),
        }
    }

    /// The answer was read to the end.
    pub(crate) fn give_back(mut self) {
        drop(self.conn.take());
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.connections.runtime.spawn(async move {
                // It counts as gone from the first step on, whether or not the server hears of it.
                let _ = timeout(GOODBYE, conn.disconnect()).await;
            });
        }
    }
}
