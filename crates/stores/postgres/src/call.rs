//! One call: a session, a statement, the deadline over both, and another try where it is certain that nothing was done.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Filter, Key, Record, Revision, Stage, StoreError};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::connect::Session;
use crate::failure::Failure;
use crate::random::new_revision;
use crate::write::{Ask, column, public, stage_number, sweep_from};
use crate::{MAX_BODY, PostgresStore};

/// How long a call that lost against another one waits before it tries again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// What a statement is given.
type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

struct Answer {
    rows: Vec<Row>,
    count: u64,
}

/// Refuses what the table cannot hold.
pub(crate) fn fits(record: &Record) -> Result<(), StoreError> {
    let refuse = |why: String| Err(StoreError::nothing_written(format!("the record {:?} {why}", record.key)));
    if record.body.len() > MAX_BODY {
        let size = record.body.len();
        return refuse(format!("has a body of {size} bytes, the PostgreSQL store takes up to {MAX_BODY}"));
    }
    let names = [record.client.as_deref(), record.subject.as_deref()];
    if names.into_iter().flatten().any(|name| name.contains('\0')) {
        return refuse("has a NUL in its client or subject, which PostgreSQL cannot keep in text".to_owned());
    }
    Ok(())
}

impl PostgresStore {
    pub(crate) async fn load_row(
        &self,
        key: Key,
        now: Timestamp,
    ) -> Result<Option<(Record, Revision)>, StoreError> {
        let (kind, id) = (i32::from(key.kind.number()), &key.id[..]);
        let rows = self.rows(Ask::Load, &[&kind, &id, &now.as_millis()]).await?;
        let read = |row: &Row| Ok((record(key, row)?, public(row.try_get(5)?)));
        rows.first().map(read).transpose().map_err(|error| self.unreadable(&error))
    }

    pub(crate) async fn create_row(
        &self,
        record: &Record,
        revision: i64,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let values: Values<'_> = &[
            &i32::from(record.key.kind.number()),
            &&record.key.id[..],
            &revision,
            &record.expires_at.as_millis(),
            &sweep_from(record, now),
            &stage_number(record.stage),
            &record.client.as_deref(),
            &record.subject.as_deref(),
            &&record.body[..],
            &now.as_millis(),
        ];
        self.write(Ask::Create, values).await
    }

    pub(crate) async fn replace_row(
        &self,
        record: &Record,
        revision: i64,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let values: Values<'_> = &[
            &i32::from(record.key.kind.number()),
            &&record.key.id[..],
            &revision,
            &record.expires_at.as_millis(),
            &sweep_from(record, now),
            &stage_number(record.stage),
            &record.client.as_deref(),
            &record.subject.as_deref(),
            &&record.body[..],
            &now.as_millis(),
            &column(loaded),
        ];
        self.write(Ask::Replace, values).await
    }

    pub(crate) async fn remove_row(&self, key: Key, now: Timestamp) -> Result<u64, StoreError> {
        let (kind, id) = (i32::from(key.kind.number()), &key.id[..]);
        self.write(Ask::Remove, &[&kind, &id, &now.as_millis()]).await
    }

    pub(crate) async fn sweep_rows(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let gone = self.write(Ask::Sweep, &[&now.as_millis(), &limit]).await?;
        Ok(usize::try_from(gone).unwrap_or(usize::MAX))
    }

    pub(crate) async fn list_rows(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let names = [filter.client.as_deref(), filter.subject.as_deref()];
        if names.into_iter().flatten().any(|name| name.contains('\0')) {
            // No record has such a name.
            return Ok(Vec::new());
        }
        let (kind, now) = (i32::from(filter.kind.number()), now.as_millis());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // No bytes sort before every id.
        let after = after.as_ref().map_or(&[][..], |id| &id[..]);
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&kind, &now, &after, &limit];
        for name in [&filter.client, &filter.subject].into_iter().flatten() {
            values.push(name);
        }
        let ask = Ask::List { client: filter.client.is_some(), subject: filter.subject.is_some() };
        let rows = self.rows(ask, &values).await?;
        let read = |row: &Row| -> Result<Record, Error> {
            // The column takes any length; this store writes 16 bytes.
            let id = row.try_get::<_, &[u8]>(5)?.try_into().unwrap_or_default();
            record(Key::new(filter.kind, id), row)
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| self.unreadable(&error))
    }

    async fn rows(&self, ask: Ask, values: Values<'_>) -> Result<Vec<Row>, StoreError> {
        Ok(self.call(ask, values).await?.rows)
    }

    async fn write(&self, ask: Ask, values: Values<'_>) -> Result<u64, StoreError> {
        Ok(self.call(ask, values).await?.count)
    }

    /// Tries until there is an answer, an error after which another try could do harm, or no time.
    async fn call(&self, ask: Ask, values: Values<'_>) -> Result<Answer, StoreError> {
        let doing = ask.doing();
        let end = Instant::now() + self.deadline; // how long to wait: no record depends on it
        let mut pause = FIRST_PAUSE;
        loop {
            let lease = match timeout_at(end, self.pool.lease()).await {
                Ok(lease) => lease?,
                Err(_) => {
                    let message = format!(
                        "PostgreSQL {}: no connection was to be had in time for {doing}, nothing was sent",
                        self.target
                    );
                    return Err(Failure::unsent(message).into_error());
                }
            };
            let failure = match timeout_at(end, run(ask, lease.session(), values)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => Failure::of(&self.target, doing, &error),
                Err(_) => Failure::late(&self.target, doing),
            };
            if failure.broken {
                self.pool.retire(&lease);
            }
            let lost = failure.broken && ask.is_read();
            let late = Instant::now() >= end; // whether there is time for another try
            if late || !(failure.again || lost) {
                let failure = if ask.is_read() { failure.wrote_nothing() } else { failure };
                return Err(failure.into_error());
            }
            if failure.again {
                // At once it could take the lock again that the other session waits for.
                let more = Duration::from_micros(new_revision().unsigned_abs() % 1_000);
                let _ = timeout_at(end, sleep(pause + more)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    fn unreadable(&self, error: &Error) -> StoreError {
        Failure::of(&self.target, "reading a record", error).wrote_nothing().into_error()
    }
}

async fn run(ask: Ask, session: &Session, values: Values<'_>) -> Result<Answer, Error> {
    let (client, statement) = (&session.client, session.statements.of(ask));
    Ok(if ask.is_read() {
        Answer { rows: client.query(statement, values).await?, count: 0 }
    } else {
        // The count is known when the commit is: it is answered with the server's "ready" after it.
        Answer { rows: Vec::new(), count: client.execute(statement, values).await? }
    })
}

fn record(key: Key, row: &Row) -> Result<Record, Error> {
    let text = |index| Ok(row.try_get::<_, Option<&str>>(index)?.map(Arc::from));
    Ok(Record {
        key,
        stage: if row.try_get::<_, i16>(0)? == 0 { Stage::Pending } else { Stage::Live },
        expires_at: Timestamp::from_millis(row.try_get(1)?),
        client: text(2)?,
        subject: text(3)?,
        body: Bytes::copy_from_slice(row.try_get(4)?),
    })
}
