//! The four operations on records, each made of one or two requests.

use std::sync::Arc;

use async_trait::async_trait;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError};
use tokio::time::Instant;

use crate::client::{Client, Server};
use crate::connection::{Connection, Failure};
use crate::hints::{Hint, Hints};
use crate::options::{self, Options};
use crate::random::Revisions;
use crate::value;
use crate::wire::{self, Mode, Reply, Status};

/// How often a request is tried that did not leave this process, and a read that had no answer.
const TRIES: usize = 3;
/// How often `create` and `remove` look again where others write the same record at the same moment.
const ROUNDS: usize = 64;
/// After so many rounds `remove` deletes whatever is there.
const POLITE: usize = 4;

/// A [`Store`] in memcached.
#[derive(Debug)]
pub struct MemcachedStore {
    client: Client,
    prefix: Arc<str>,
    revisions: Revisions,
    hints: Hints,
}

/// An item as it was found.
struct Found {
    record: Record,
    revision: Revision,
    cas: u64,
}

/// One call: what it is about and how long it may take.
struct Call<'a> {
    server: &'a Server,
    name: String,
    key: Key,
    deadline: Instant,
}

impl Call<'_> {
    fn error(&self, failure: &Failure) -> StoreError {
        self.server.error(failure)
    }

    /// What the answer says is not what a server says here, so nobody knows.
    fn odd(&self, reply: &Reply) -> StoreError {
        let why = match reply.status {
            Status::Failed => "it could not write, for want of memory or another reason of its own",
            _ => "its answer does not fit the question",
        };
        self.server.error(&Failure::after(why))
    }
}

impl MemcachedStore {
    /// A store that connects when it is first used.
    pub fn new(options: &Options) -> Self {
        Self::on(Client::new(options), Arc::clone(&options.prefix))
    }

    /// The same, with a connection to each server.
    ///
    /// # Errors
    /// A server does not answer, or is none that a store can use; the message names it.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let store = Self::new(options);
        store.client.connect().await?;
        Ok(store)
    }

    /// A store on the connections of a client that is there already, with keys that begin with this prefix.
    ///
    /// # Errors
    /// The prefix is longer than 200 bytes or has a character that is not visible ASCII.
    pub fn with_client(client: Client, prefix: &str) -> Result<Self, StoreError> {
        Ok(Self::on(client, options::checked_prefix(prefix)?))
    }

    fn on(client: Client, prefix: Arc<str>) -> Self {
        Self { client, prefix, revisions: Revisions::new(), hints: Hints::new() }
    }

    fn call(&self, key: &Key) -> Result<Call<'_>, StoreError> {
        let name = value::name(&self.prefix, key);
        let server = self.client.server(key, &name);
        let server = server.ok_or_else(|| StoreError::nothing_written("there is no memcached server"))?;
        Ok(Call { server, name, key: *key, deadline: self.client.deadline() })
    }

    /// Refuses a body over the promised size, before the server would: it drops the old item when the new one is too large.
    fn fits(&self, record: &Record) -> Result<(), StoreError> {
        let largest = self.promises().max_body;
        if record.body.len() <= largest {
            return Ok(());
        }
        Err(StoreError::nothing_written(format!(
            "the body of the record {:?} has {} bytes, and {largest} fit into an item; memcached's option -I sets it",
            record.key,
            record.body.len()
        )))
    }

    /// Looks at an item; a look that had no answer is tried again.
    async fn find(&self, call: &Call<'_>) -> Result<(Arc<Connection>, Option<Found>), StoreError> {
        let mut failure = Failure::before("it was not asked");
        for _ in 0..TRIES {
            let connection = match call.server.connection(call.deadline).await {
                Ok(connection) => connection,
                Err(why) => return Err(call.error(&Failure { sent: false, ..why })),
            };
            match connection.ask(|opaque| wire::get(&call.name, opaque), call.deadline).await {
                Ok(reply) => {
                    let found = self.found(call, reply, &connection)?;
                    return Ok((connection, found));
                }
                Err(why) => failure = why,
            }
            let over = Instant::now() >= call.deadline; // no further try
            if over {
                break;
            }
        }
        Err(call.error(&Failure { sent: false, ..failure }))
    }

    fn found(
        &self,
        call: &Call<'_>,
        reply: Reply,
        connection: &Arc<Connection>,
    ) -> Result<Option<Found>, StoreError> {
        let cas = match (reply.status, reply.cas) {
            (Status::Missing, _) => return Ok(None),
            (Status::Value, Some(cas)) => cas,
            _ => return Err(call.error(&Failure::before("its answer does not fit the question"))),
        };
        let Some((record, revision)) = value::read(&call.key, reply.value) else {
            let why = format!("what it has for {:?} is no record of this release of grantor", call.key);
            return Err(call.error(&Failure::before(why)));
        };
        self.remember(&record, revision, cas, connection);
        Ok(Some(Found { record, revision, cas }))
    }

    fn remember(&self, record: &Record, revision: Revision, cas: u64, connection: &Arc<Connection>) {
        let (key, expires_at, connection) = (record.key, record.expires_at, Arc::clone(connection));
        self.hints.put(Hint { key, revision, expires_at, cas, connection });
    }

    /// Writes a record on this connection; answers its revision and what the engine said.
    async fn set(
        &self,
        call: &Call<'_>,
        connection: &Arc<Connection>,
        record: &Record,
        mode: Mode,
        now: Timestamp,
    ) -> Result<(Revision, Reply), Failure> {
        let revision = self.revisions.next();
        let settings = &connection.settings;
        let bytes = value::write(record, revision)
            .filter(|bytes| value::fits(settings.item_size_max, &call.name, bytes))
            .ok_or_else(|| {
                Failure::before(format!(
                    "the record {:?} is larger than an item may be ({} bytes); its option -I sets it",
                    record.key, settings.item_size_max
                ))
            })?;
        let ttl = value::ttl(record.expires_at, now, settings.time());
        let request = |opaque| wire::set(&call.name, &bytes, mode, ttl, opaque);
        let reply = connection.ask(request, call.deadline).await?;
        if let (Status::Done, Some(cas)) = (reply.status, reply.cas) {
            self.remember(record, revision, cas, connection);
        }
        Ok((revision, reply))
    }

    /// The same on whatever connection there is; what did not leave this process is tried again.
    async fn add(
        &self,
        call: &Call<'_>,
        record: &Record,
        now: Timestamp,
    ) -> Result<(Revision, Reply), Failure> {
        let mut failure = Failure::before("it was not asked");
        for _ in 0..TRIES {
            let connection = call.server.connection(call.deadline).await?;
            match self.set(call, &connection, record, Mode::Add, now).await {
                Err(why) if !why.sent && connection.has_ended() => failure = why,
                other => return other,
            }
        }
        Err(failure)
    }

    async fn create_in(
        &self,
        call: &Call<'_>,
        record: &Record,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        for _ in 0..ROUNDS {
            let added = self.add(call, record, now).await;
            let (revision, reply) = added.map_err(|failure| call.error(&failure))?;
            match reply.status {
                Status::Done => return Ok(Created::Created(revision)),
                Status::NotStored => {}
                _ => return Err(call.odd(&reply)),
            }
            let (connection, found) = self.find(call).await?;
            let Some(found) = found else { continue };
            if found.record.is_live(now) {
                return Ok(Created::Exists);
            }
            // It has expired by the caller's clock, and the engine still has it.
            let (revision, reply) =
                match self.set(call, &connection, record, Mode::Swap(found.cas), now).await {
                    Ok(set) => set,
                    Err(why) if !why.sent && connection.has_ended() => continue,
                    Err(why) => return Err(call.error(&why)),
                };
            match reply.status {
                Status::Done => return Ok(Created::Created(revision)),
                Status::Changed | Status::Missing => {}
                _ => return Err(call.odd(&reply)),
            }
        }
        Err(call.error(&Failure::before("others write the same record all the time")))
    }

    async fn replace_in(
        &self,
        call: &Call<'_>,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let mut hint = self.hints.take(&call.key, loaded);
        for _ in 0..ROUNDS {
            let (connection, cas, expires_at) = match hint.take() {
                Some(hint) => (hint.connection, hint.cas, hint.expires_at),
                None => match self.find(call).await? {
                    (connection, Some(found)) if found.revision == loaded => {
                        (connection, found.cas, found.record.expires_at)
                    }
                    _ => return Ok(Replaced::Stale),
                },
            };
            if expires_at <= now {
                return Ok(Replaced::Stale);
            }
            // On the very connection that told the CAS number: the next one may lead to a server that has started anew and
            // gives the same numbers again.
            let (revision, reply) = match self.set(call, &connection, record, Mode::Swap(cas), now).await {
                Ok(set) => set,
                Err(why) if !why.sent && connection.has_ended() => continue,
                Err(why) => return Err(call.error(&why)),
            };
            return match reply.status {
                Status::Done => Ok(Replaced::Replaced(revision)),
                Status::Changed | Status::Missing => Ok(Replaced::Stale),
                _ => Err(call.odd(&reply)),
            };
        }
        Err(call.error(&Failure::before("its connections end all the time")))
    }

    async fn remove_in(&self, call: &Call<'_>, now: Timestamp) -> Result<Removed, StoreError> {
        for round in 0..ROUNDS {
            let (connection, found) = self.find(call).await?;
            let Some(found) = found.filter(|found| found.record.is_live(now)) else {
                return Ok(Removed::Absent);
            };
            // Where others replace it all the time, any item is deleted: each one that was seen was alive.
            let cas = (round < POLITE).then_some(found.cas);
            let request = |opaque| wire::delete(&call.name, cas, opaque);
            let reply = match connection.ask(request, call.deadline).await {
                Ok(reply) => reply,
                Err(why) if !why.sent && connection.has_ended() => continue,
                Err(why) => return Err(call.error(&why)),
            };
            match reply.status {
                Status::Done => return Ok(Removed::Removed),
                // Somebody else removed it, or it was evicted.
                Status::Missing => return Ok(Removed::Absent),
                Status::Changed => {}
                _ => return Err(call.odd(&reply)),
            }
        }
        Err(call.error(&Failure::before("its connections end all the time")))
    }
}

#[async_trait]
impl Store for MemcachedStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        let call = self.call(key)?;
        let (_, found) = self.find(&call).await?;
        Ok(found.filter(|found| found.record.is_live(now)).map(|found| (found.record, found.revision)))
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        self.fits(record)?;
        self.create_in(&self.call(&record.key)?, record, now).await
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.fits(record)?;
        self.replace_in(&self.call(&record.key)?, record, loaded, now).await
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        self.remove_in(&self.call(key)?, now).await
    }

    /// Nothing durable, and nothing kept: items go with the server, for want of room, and by `flush_all`.
    ///
    /// One server has lost everything when it starts again, so nothing older comes back. Of several, one that was taken out
    /// of the list and put back has what it had then.
    ///
    /// `max_body` follows the smallest `item_size_max` of the servers that were reached; until then it is the engine's
    /// default.
    fn promises(&self) -> Promises {
        Promises {
            durable: false,
            keeps: false,
            never_rewinds: self.client.count() == 1,
            max_body: value::largest_body(self.client.item_size_max(), &self.prefix),
        }
    }
}
