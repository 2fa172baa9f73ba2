//! The index: sorted sets beside the records, written a little later by a task of its own; they decide nothing.
//!
//! Where an entry and its record disagree, the record is right: a listing drops entries without a record, a sweep those
//! that ended, and each replace writes the entries of its record again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use grantor_core::Timestamp;
use grantor_core::store::{Filter, Key, Record};
use redis::{Cmd, Value};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::entry::{Entry, Set, digest, part};
use crate::failure::Failure;
use crate::link::Link;
use crate::record;
use crate::script::Scripts;

/// Entries that wait to be written; when there are more, the newest are not indexed until they are replaced.
const QUEUE: usize = 65_536;
/// Records in one step of writing, listing and sweeping.
const STEP: usize = 256;
/// How long entries gather before they are written: those of many records go into few commands.
const GATHER: Duration = Duration::from_millis(20);
const PARTS: u8 = 16;
const TRIES: u32 = 3;

#[derive(Debug)]
enum Order {
    Write(Entry),
    Flush(oneshot::Sender<()>),
}

/// Writes, lists and sweeps.
#[derive(Debug)]
pub(crate) struct Sets {
    link: Arc<Link>,
    scripts: Arc<Scripts>,
    orders: mpsc::Sender<Order>,
    /// Somebody waits for what is noted.
    hurry: Arc<Notify>,
}

impl Sets {
    /// Starts the task that writes; it ends when this is dropped.
    pub(crate) fn start(link: Arc<Link>, scripts: Arc<Scripts>) -> Self {
        let (orders, waiting) = mpsc::channel(QUEUE);
        let hurry = Arc::new(Notify::new());
        tokio::spawn(write(Arc::clone(&link), waiting, Arc::clone(&hurry)));
        Self { link, scripts, orders, hurry }
    }

    /// Notes a record that was written.
    pub(crate) fn note(&self, record: &Record) {
        if self.orders.try_send(Order::Write(Entry::of(record))).is_err() {
            tracing::debug!(
                "the index of the Redis store is behind: a record is not listed until it is written again"
            );
        }
    }

    /// Waits until what was noted is written, as long as a call may last.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let flush = async {
            if self.orders.send(Order::Flush(done)).await.is_ok() {
                self.hurry.notify_one();
                // An error says that the task has ended: there is nothing to wait for.
                let _ = wait.await;
            }
        };
        let _ = tokio::time::timeout(self.link.options.deadline, flush).await;
    }

    pub(crate) async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, Failure> {
        self.flush().await;
        let kind = filter.kind.number();
        let digest = |name: &String| digest(filter.kind, name);
        let sets: Vec<Set> = match (&filter.subject, &filter.client) {
            (Some(subject), _) => vec![Set::Subject(kind, digest(subject))],
            (None, Some(client)) => vec![Set::Client(kind, digest(client))],
            (None, None) => {
                let first = after.map_or(0, |id| part(&id));
                (first..PARTS).map(|part| Set::Kind(kind, part)).collect()
            }
        };
        let mut found = Vec::new();
        let mut after = after;
        for set in sets {
            while found.len() < limit {
                let ids = self.ids(set, after).await?;
                let Some(last) = ids.last().copied() else { break };
                after = Some(last);
                let keys: Vec<Key> = ids.iter().map(|id| Key::new(filter.kind, *id)).collect();
                for (key, record) in keys.iter().zip(join_all(keys.iter().map(|key| self.load(key))).await) {
                    match record? {
                        Some(record) if belongs(&record, set) => {
                            if filter.matches(&record) && record.is_live(now) && found.len() < limit {
                                found.push(record);
                            }
                        }
                        _ => self.drop_from(set, key).await?,
                    }
                }
            }
        }
        Ok(found)
    }

    /// The next ids of a set.
    async fn ids(&self, set: Set, after: Option<[u8; 16]>) -> Result<Vec<[u8; 16]>, Failure> {
        let from = after.map_or(b"-".to_vec(), |id| [b"(".as_slice(), &id].concat());
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(set.name(&self.link.options.prefix)).arg(from).arg("+").arg("LIMIT").arg(0).arg(STEP);
        let members = members(self.link.run(&command).await?);
        Ok(members.into_iter().filter_map(|member| member.try_into().ok()).collect())
    }

    /// Drops an entry whose record is not there or belongs to somebody else; unless it came back meanwhile.
    async fn drop_from(&self, set: Set, key: &Key) -> Result<(), Failure> {
        let set_name = set.name(&self.link.options.prefix);
        self.link.run(redis::cmd("ZREM").arg(set_name).arg(&key.id)).await?;
        match self.load(key).await? {
            Some(record) if belongs(&record, set) => self.write_again(&record).await,
            _ => Ok(()),
        }
    }

    async fn write_again(&self, record: &Record) -> Result<(), Failure> {
        self.link.all(&additions(&self.link.options.prefix, &[Entry::of(record)])).await
    }

    /// The record, whether it has expired or not.
    async fn load(&self, key: &Key) -> Result<Option<Record>, Failure> {
        let name = record::name(&self.link.options.prefix, key);
        Ok(match self.link.run(redis::cmd("GET").arg(name)).await? {
            Value::BulkString(value) => record::decode(key, value).map(|(record, _)| record),
            _ => None,
        })
    }

    pub(crate) async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, Failure> {
        self.flush().await;
        let mut gone = 0;
        for part in 0..PARTS {
            let set = Set::Ends(part).name(&self.link.options.prefix);
            while gone < limit {
                let mut command = redis::cmd("ZRANGEBYSCORE");
                command.arg(&set).arg("-inf").arg(now.as_millis());
                command.arg("LIMIT").arg(0).arg((limit - gone).min(STEP));
                let members = members(self.link.run(&command).await?);
                if members.is_empty() {
                    break;
                }
                for swept in join_all(members.iter().map(|member| self.sweep_one(&set, member, now))).await {
                    gone += usize::from(swept?);
                }
            }
        }
        Ok(gone)
    }

    /// Whether the record of this entry was there, had expired, and is gone now. The entry goes first: a record that is
    /// created meanwhile gets one after it.
    async fn sweep_one(&self, set: &str, member: &[u8], now: Timestamp) -> Result<bool, Failure> {
        let prefix = &self.link.options.prefix;
        let Some(entry) = Entry::of_member(member) else {
            self.link.run(redis::cmd("ZREM").arg(set).arg(member)).await?;
            return Ok(false);
        };
        let removals: Vec<Cmd> = entry.sets().map(|set| set.removal(prefix, &entry)).collect();
        self.link.all(&removals).await?;
        let now = now.as_millis().to_string();
        let call = self.scripts.sweep.call(&record::name(prefix, &entry.key), &[now.as_bytes()]);
        let swept = self.link.write(&call).await?;
        if swept == 0
            && let Some(record) = self.load(&entry.key).await?
        {
            self.write_again(&record).await?;
        }
        Ok(swept == 1)
    }
}

fn members(value: Value) -> Vec<Vec<u8>> {
    let Value::Array(values) = value else { return Vec::new() };
    let bytes = |value| if let Value::BulkString(bytes) = value { Some(bytes) } else { None };
    values.into_iter().filter_map(bytes).collect()
}

/// Whether a record stands in this set by right.
fn belongs(record: &Record, set: Set) -> bool {
    Entry::of(record).sets().any(|own| own == set)
}

/// The commands that write these entries, one for each set.
fn additions(prefix: &str, entries: &[Entry]) -> Vec<Cmd> {
    let mut sets: BTreeMap<Set, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        for set in entry.sets() {
            sets.entry(set).or_default().push(entry);
        }
    }
    sets.into_iter().map(|(set, entries)| set.addition(prefix, &entries)).collect()
}

/// Writes what is noted until nobody notes any more.
async fn write(link: Arc<Link>, mut waiting: mpsc::Receiver<Order>, hurry: Arc<Notify>) {
    let mut orders = Vec::new();
    while waiting.recv_many(&mut orders, STEP).await > 0 {
        if orders.len() < STEP {
            // Its time passes, or somebody waits.
            let _ = tokio::time::timeout(GATHER, hurry.notified()).await;
            while orders.len() < STEP
                && let Ok(order) = waiting.try_recv()
            {
                orders.push(order);
            }
        }
        let (mut entries, mut flushes) = (Vec::new(), Vec::new());
        for order in orders.drain(..) {
            match order {
                Order::Write(entry) => entries.push(entry),
                Order::Flush(done) => flushes.push(done),
            }
        }
        let additions = additions(&link.options.prefix, &entries);
        for tries in 1..=TRIES {
            match link.all(&additions).await {
                Ok(()) => break,
                Err(_) if tries < TRIES => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(failure) => {
                    let error = failure.into_error(&link.options.place(), "writing the index");
                    let records = entries.len();
                    tracing::warn!(%error, records, "records are not listed until they are written again");
                }
            }
        }
        for done in flushes {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }
}
