//! The index: sorted sets beside the records, written a little later by a task of its own; they decide nothing.
//!
//! | key | member | score |
//! |---|---|---|
//! | `k:KIND:N` all records of a kind, in 16 parts by the first digit of the id | id | 0 |
//! | `c:KIND:DIGEST`, `s:KIND:DIGEST` those of a client, of a subject | id | 0 |
//! | `e:N` all records, in 16 parts | kind, id, digests of client and subject | expiry |
//!
//! Where an entry and its record disagree, the record is right: a listing drops entries without a record, a sweep those
//! that ended, and each replace writes the entries of its record again. A digest is 8 bytes of a SHA-256, so a key holds no
//! name; two names with one digest only cost a look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use grantor_core::Timestamp;
use grantor_core::store::{Filter, Key, Kind, Record};
use redis::{Cmd, Value};
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;
use crate::link::Link;
use crate::record;
use crate::script::Scripts;

/// Entries that wait to be written; when there are more, the newest are not indexed until they are replaced.
const QUEUE: usize = 65_536;
/// Records in one step of writing, listing and sweeping.
const STEP: usize = 256;
const PARTS: u8 = 16;
const TRIES: u32 = 3;

/// Where a record stands in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    key: Key,
    client: Option<[u8; 8]>,
    subject: Option<[u8; 8]>,
    expires_at: Timestamp,
}

impl Entry {
    pub(crate) fn of(record: &Record) -> Self {
        let digest = |name: &Option<Arc<str>>| name.as_deref().map(|name| digest(record.key.kind, name));
        Self {
            key: record.key,
            client: digest(&record.client),
            subject: digest(&record.subject),
            expires_at: record.expires_at,
        }
    }

    /// The member of the set by expiry.
    fn member(&self) -> Vec<u8> {
        let mut member = Vec::with_capacity(36);
        member.extend(self.key.kind.number().to_be_bytes());
        member.extend(self.key.id);
        for digest in [self.client, self.subject] {
            member.push(u8::from(digest.is_some()));
            member.extend(digest.unwrap_or_default());
        }
        member
    }

    fn of_member(member: &[u8]) -> Option<Self> {
        let (kind, rest) = member.split_first_chunk::<2>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (client, rest) = rest.split_first_chunk::<9>()?;
        let subject = rest.first_chunk::<9>()?;
        let digest = |[there, digest @ ..]: &[u8; 9]| (*there == 1).then_some(*digest);
        Some(Self {
            key: Key::new(Kind::from_number(u16::from_be_bytes(*kind)), *id),
            client: digest(client),
            subject: digest(subject),
            expires_at: Timestamp::EPOCH,
        })
    }

    /// The sets that it stands in, with its member of each.
    fn sets(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let kind = self.key.kind;
        let part = part(&self.key.id);
        let mut sets = vec![
            (format!("{prefix}k:{:04x}:{part:x}", kind.number()), self.key.id.to_vec()),
            (format!("{prefix}e:{part:x}"), self.member()),
        ];
        let named = [("c", self.client), ("s", self.subject)];
        for (letter, digest) in named.into_iter().filter_map(|(letter, digest)| Some((letter, digest?))) {
            sets.push((named_set(prefix, letter, kind, digest), self.key.id.to_vec()));
        }
        sets
    }
}

fn named_set(prefix: &str, letter: &str, kind: Kind, digest: [u8; 8]) -> String {
    format!("{prefix}{letter}:{:04x}:{:016x}", kind.number(), u64::from_be_bytes(digest))
}

fn digest(kind: Kind, name: &str) -> [u8; 8] {
    let [first @ .., _, _, _, _, _, _, _, _] = Key::named(kind, name).id;
    first
}

fn part(id: &[u8; 16]) -> u8 {
    let [first, ..] = id;
    first >> 4
}

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
}

impl Sets {
    /// Starts the task that writes; it ends when this is dropped.
    pub(crate) fn start(link: Arc<Link>, scripts: Arc<Scripts>) -> Self {
        let (orders, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(write(Arc::clone(&link), waiting));
        Self { link, scripts, orders }
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
        let prefix = &self.link.options.prefix;
        let named = |letter, name: &Option<String>| {
            name.as_deref().map(|name| named_set(prefix, letter, filter.kind, digest(filter.kind, name)))
        };
        let sets: Vec<String> = match named("s", &filter.subject).or_else(|| named("c", &filter.client)) {
            Some(set) => vec![set],
            None => {
                let first = after.map_or(0, |id| part(&id));
                (first..PARTS)
                    .map(|part| format!("{prefix}k:{:04x}:{part:x}", filter.kind.number()))
                    .collect()
            }
        };
        let mut found = Vec::new();
        let mut after = after;
        for set in sets {
            while found.len() < limit {
                let ids = self.ids(&set, after).await?;
                let Some(last) = ids.last().copied() else { break };
                after = Some(last);
                let keys: Vec<Key> = ids.iter().map(|id| Key::new(filter.kind, *id)).collect();
                for (key, record) in keys.iter().zip(join_all(keys.iter().map(|key| self.load(key))).await) {
                    match record? {
                        Some(record) if self.belongs(&record, &set) => {
                            if filter.matches(&record) && record.is_live(now) && found.len() < limit {
                                found.push(record);
                            }
                        }
                        _ => self.drop_from(&set, key).await?,
                    }
                }
            }
        }
        Ok(found)
    }

    /// The next ids of a set.
    async fn ids(&self, set: &str, after: Option<[u8; 16]>) -> Result<Vec<[u8; 16]>, Failure> {
        let from = after.map_or(b"-".to_vec(), |id| [b"(".as_slice(), &id].concat());
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(set).arg(from).arg("+").arg("LIMIT").arg(0).arg(STEP);
        let members = members(self.link.run(&command).await?);
        Ok(members.into_iter().filter_map(|member| member.try_into().ok()).collect())
    }

    /// Whether a record stands in this set by right.
    fn belongs(&self, record: &Record, set: &str) -> bool {
        Entry::of(record).sets(&self.link.options.prefix).iter().any(|(own, _)| own == set)
    }

    /// Drops an entry whose record is not there or belongs to somebody else; unless it came back meanwhile.
    async fn drop_from(&self, set: &str, key: &Key) -> Result<(), Failure> {
        self.link.run(redis::cmd("ZREM").arg(set).arg(&key.id)).await?;
        match self.load(key).await? {
            Some(record) if self.belongs(&record, set) => self.write_again(&record).await,
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
            let set = format!("{}e:{part:x}", self.link.options.prefix);
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
        let removals: Vec<Cmd> = entry
            .sets(prefix)
            .into_iter()
            .map(|(set, member)| {
                let mut removal = redis::cmd("ZREM");
                removal.arg(set).arg(member);
                removal
            })
            .collect();
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

/// The commands that write these entries, one for each set.
fn additions(prefix: &str, entries: &[Entry]) -> Vec<Cmd> {
    let mut sets: BTreeMap<String, Vec<(i64, Vec<u8>)>> = BTreeMap::new();
    for entry in entries {
        for (set, member) in entry.sets(prefix) {
            let score = if member.len() == entry.key.id.len() { 0 } else { entry.expires_at.as_millis() };
            sets.entry(set).or_default().push((score, member));
        }
    }
    let addition = |(set, members): (String, Vec<(i64, Vec<u8>)>)| {
        let mut addition = redis::cmd("ZADD");
        addition.arg(set);
        for (score, member) in members {
            addition.arg(score).arg(member);
        }
        addition
    };
    sets.into_iter().map(addition).collect()
}

/// Writes what is noted until nobody notes any more.
async fn write(link: Arc<Link>, mut waiting: mpsc::Receiver<Order>) {
    let mut orders = Vec::new();
    while waiting.recv_many(&mut orders, STEP).await > 0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back() {
        for (client, subject) in [(None, None), (Some([1; 8]), None), (None, Some([0; 8]))] {
            let key = Key::new(Kind::from_number(0x1234), [0xfe; 16]);
            let entry = Entry { key, client, subject, expires_at: Timestamp::EPOCH };
            assert_eq!(Entry::of_member(&entry.member()), Some(entry));
        }
        assert_eq!(Entry::of_member(b"short"), None);
    }

    #[test]
    fn sets_hold_no_name() {
        let key = Key::new(Kind::GRANT, [0xfe; 16]);
        let record = Record {
            key,
            stage: grantor_core::store::Stage::Live,
            expires_at: Timestamp::NEVER,
            client: Some("{client}".into()),
            subject: Some("alice".into()),
            body: bytes::Bytes::new(),
        };
        let sets: Vec<String> = Entry::of(&record).sets("g:").into_iter().map(|(set, _)| set).collect();
        assert_eq!(sets.len(), 4);
        assert_eq!(&sets[..2], ["g:k:0001:f", "g:e:f"]);
        assert!(sets.iter().all(|set| !set.contains("client") && !set.contains("alice")), "{sets:?}");
    }
}
