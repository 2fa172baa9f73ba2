//! A small store in memory that can be broken in one way at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{
    Created, Filter, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};
use parking_lot::Mutex;

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    // 1
    ForgetsWhatItLooksAt,
    LivesAMomentTooLong,
    GoesByItsOwnClock,
    DropsAtTheSightOfALaterClock,
    CountsInSeconds,
    // 2
    LetsTwoCreate,
    LetsTwoCreateOverExpired,
    CreatesOverLiving,
    // 3
    ReplacesWhatIsAbsent,
    IgnoresRevisions,
    LetsTwoReplace,
    KeepsTheOldExpiry,
    KeepsTheOldClient,
    // 4, 5
    NumbersEachRecordFromOne,
    NumbersFromOneWhenOpened,
    KeepsTheRevisionOfTheSameBody,
    RemovesTwice,
    RemovesLeavingTheRevision,
    // 6
    AnswersBeforeItWrites,
    LoadsFromACopy,
    // 7, 9
    ForgetsTheLastWrite,
    Rewinds,
    Evicts,
    // 8
    SaysNothingWrittenAfterWriting,
    SaysItWroteWhatItDidNot,
    WritesInTwoSteps,
    // 10
    CutsBodies,
    TakesBodiesForText,
    TakesTooLargeBodies,
    TrimsNames,
    HasNoEmptyNames,
    FoldsCase,
    ForgetsTheKind,
    ListsByPrefix,
    ListsInAnyOrder,
    ListsWhatExpired,
    ListsByTheFirstClient,
    SweepsAll,
    SweepsTheLiving,
}

const MAX_BODY: usize = 100_000;
/// "Now" of an engine with a clock of its own.
const ENGINE: Timestamp = Timestamp::from_secs(1_800_000_000);

#[derive(Debug, Clone)]
struct Slot {
    record: Record,
    revision: u64,
    first_client: Option<Arc<str>>,
}

/// What an engine makes of a name.
type Change = &'static dyn Fn(&str) -> Option<String>;

/// What outlives the process.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    slots: Mutex<BTreeMap<Key, Slot>>,
    /// The states before the last writes, where they are not forgotten at once.
    earlier: Mutex<Vec<BTreeMap<Key, Slot>>>,
    last: Mutex<u64>,
}

#[derive(Debug)]
pub(crate) struct Broken {
    wrong: Wrong,
    disk: Arc<Disk>,
    copy: Mutex<BTreeMap<Key, Slot>>,
    writes: AtomicUsize,
}

impl Broken {
    pub(crate) fn new(wrong: Wrong) -> Self {
        Self::on(wrong, Arc::default())
    }

    fn on(wrong: Wrong, disk: Arc<Disk>) -> Self {
        Self { wrong, disk, copy: Mutex::default(), writes: AtomicUsize::new(0) }
    }

    /// As the engine comes back after a kill.
    pub(crate) fn reopened(wrong: Wrong, disk: &Arc<Disk>) -> Self {
        let before = {
            let mut earlier = disk.earlier.lock();
            let back = if wrong == Wrong::Rewinds { 20 } else { 1 };
            let at = earlier.len().saturating_sub(back);
            earlier.drain(at..).next()
        };
        if let Some(before) = before
            && matches!(wrong, Wrong::ForgetsTheLastWrite | Wrong::Rewinds)
        {
            *disk.slots.lock() = before;
        }
        if wrong == Wrong::NumbersFromOneWhenOpened {
            *disk.last.lock() = 0;
        }
        Self::on(wrong, Arc::clone(disk))
    }

    pub(crate) fn at(wrong: Wrong, disk: &Arc<Disk>) -> Self {
        Self::on(wrong, Arc::clone(disk))
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    /// The key as the engine has it.
    fn key(&self, key: &Key) -> Key {
        let kind = if self.is(Wrong::ForgetsTheKind) { grantor_core::store::Kind::GRANT } else { key.kind };
        Key::new(kind, key.id)
    }

    fn live(&self, slot: &Slot, now: Timestamp) -> bool {
        match self.wrong {
            Wrong::GoesByItsOwnClock => slot.record.is_live(ENGINE),
            Wrong::LivesAMomentTooLong => slot.record.expires_at >= now,
            _ => slot.record.is_live(now),
        }
    }

    /// The record as the engine keeps it.
    fn kept(&self, record: &Record, old: Option<&Slot>) -> Record {
        let mut record = record.clone();
        record.key = self.key(&record.key);
        let name = |name: &mut Option<Arc<str>>, change: &dyn Fn(&str) -> Option<String>| {
            *name = name.as_ref().and_then(|name| change(name)).map(Arc::from);
        };
        let change: Option<Change> = match self.wrong {
            Wrong::TrimsNames => Some(&|name| Some(name.trim_end().to_owned())),
            Wrong::HasNoEmptyNames => Some(&|name| (!name.is_empty()).then(|| name.to_owned())),
            _ => None,
        };
        if let Some(change) = change {
            name(&mut record.client, change);
            name(&mut record.subject, change);
        }
        match self.wrong {
            Wrong::CutsBodies => record.body = record.body.slice(..record.body.len().min(65_535)),
            Wrong::TakesBodiesForText => {
                record.body = Bytes::from(String::from_utf8_lossy(&record.body).into_owned());
            }
            Wrong::CountsInSeconds => record.expires_at = Timestamp::from_secs(record.expires_at.as_secs()),
            Wrong::KeepsTheOldExpiry => {
                record.expires_at = old.map_or(record.expires_at, |old| old.record.expires_at);
            }
            Wrong::KeepsTheOldClient => {
                record.client = old.map_or(record.client, |old| old.record.client.clone());
            }
            _ => {}
        }
        record
    }

    /// Writes, and answers the revision.
    fn write(&self, record: &Record) -> u64 {
        let mut slots = self.disk.slots.lock();
        let key = self.key(&record.key);
        let old = slots.get(&key).cloned();
        let kept = self.kept(record, old.as_ref());
        let revision = match self.wrong {
            Wrong::NumbersEachRecordFromOne => old.as_ref().map_or(1, |old| old.revision + 1),
            Wrong::KeepsTheRevisionOfTheSameBody
                if old.as_ref().is_some_and(|old| old.record.body == kept.body) =>
            {
                old.as_ref().unwrap().revision
            }
            Wrong::RemovesLeavingTheRevision if old.is_none() => *self.disk.last.lock(),
            _ => {
                let mut last = self.disk.last.lock();
                *last += 1;
                *last
            }
        };
        self.remember(&slots);
        let first_client = old.map_or_else(|| kept.client.clone(), |old| old.first_client);
        slots.insert(key, Slot { record: kept, revision, first_client });
        if self.is(Wrong::Evicts) && slots.len() > 1_000 {
            slots.pop_first();
        }
        revision
    }

    /// Keeps the state before a write, where something is wrong with that.
    fn remember(&self, slots: &BTreeMap<Key, Slot>) {
        if matches!(self.wrong, Wrong::ForgetsTheLastWrite | Wrong::Rewinds) {
            let mut earlier = self.disk.earlier.lock();
            earlier.push(slots.clone());
            let many = earlier.len().saturating_sub(40);
            earlier.drain(..many);
        }
        if self.is(Wrong::LoadsFromACopy) {
            self.copy.lock().clone_from(slots);
        }
    }

    fn get(&self, key: &Key) -> Option<Slot> {
        self.disk.slots.lock().get(&self.key(key)).cloned()
    }

    fn check(&self, record: &Record) -> Result<(), StoreError> {
        if record.body.len() > MAX_BODY {
            match self.wrong {
                Wrong::TakesTooLargeBodies => return Ok(()),
                Wrong::SaysNothingWrittenAfterWriting => drop(self.write(record)),
                _ => {}
            }
            return Err(StoreError::nothing_written("too large"));
        }
        Ok(())
    }

    /// The end of a write: an error now and then.
    fn end(&self) -> Result<(), StoreError> {
        let writes = self.writes.fetch_add(1, Ordering::SeqCst);
        if self.is(Wrong::SaysNothingWrittenAfterWriting) && writes % 50 == 49 {
            return Err(StoreError::nothing_written("a lie"));
        }
        Ok(())
    }

    /// Lets others in between looking and writing.
    async fn gap(&self, wrong: Wrong) {
        if self.is(wrong) {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Store for Broken {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        let found = match self.wrong {
            Wrong::LoadsFromACopy if self.copy.lock().contains_key(key) => self.copy.lock().get(key).cloned(),
            _ => self.get(key),
        };
        let Some(slot) = found else { return Ok(None) };
        if !self.live(&slot, now) {
            if self.is(Wrong::DropsAtTheSightOfALaterClock) {
                self.disk.slots.lock().remove(key);
            }
            return Ok(None);
        }
        if self.is(Wrong::ForgetsWhatItLooksAt) {
            self.disk.slots.lock().remove(key);
        }
        let mut record = slot.record;
        record.key = *key;
        Ok(Some((record, Revision::from_number(slot.revision))))
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        self.check(record)?;
        let old = self.get(&record.key);
        if old.as_ref().is_some_and(|old| self.live(old, now)) && !self.is(Wrong::CreatesOverLiving) {
            return Ok(Created::Exists);
        }
        self.gap(Wrong::LetsTwoCreate).await;
        if old.is_some() {
            self.gap(Wrong::LetsTwoCreateOverExpired).await;
        }
        // Without a gap nobody else runs in between, but other threads do: look again.
        let racing = matches!(self.wrong, Wrong::LetsTwoCreate | Wrong::LetsTwoCreateOverExpired);
        let revision = {
            let _only = RACE.lock();
            let present = self.get(&record.key).is_some_and(|old| self.live(&old, now));
            if present && !racing && !self.is(Wrong::CreatesOverLiving) {
                return Ok(Created::Exists);
            }
            self.write(record)
        };
        self.end()?;
        Ok(Created::Created(Revision::from_number(revision)))
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.check(record)?;
        let fits = || match self.get(&record.key) {
            Some(old) => {
                self.live(&old, now) && (old.revision == loaded.number() || self.is(Wrong::IgnoresRevisions))
            }
            None => self.is(Wrong::ReplacesWhatIsAbsent),
        };
        if !fits() {
            return Ok(Replaced::Stale);
        }
        self.gap(Wrong::LetsTwoReplace).await;
        if self.is(Wrong::WritesInTwoSteps) {
            let half = Record { body: Bytes::new(), ..record.clone() };
            self.write_in_place(&half);
            tokio::task::yield_now().await;
        }
        if self.is(Wrong::AnswersBeforeItWrites) {
            let next = *self.disk.last.lock() + 1;
            let (disk, record) = (Arc::clone(&self.disk), record.clone());
            tokio::spawn(async move { Self::on(Wrong::Nothing, disk).write(&record) });
            return Ok(Replaced::Replaced(Revision::from_number(next)));
        }
        if self.is(Wrong::SaysItWroteWhatItDidNot) && self.writes.fetch_add(1, Ordering::SeqCst) % 50 == 49 {
            return Ok(Replaced::Replaced(loaded));
        }
        let revision = {
            let _only = RACE.lock();
            if !fits() && !self.is(Wrong::LetsTwoReplace) {
                return Ok(Replaced::Stale);
            }
            self.write(record)
        };
        self.end()?;
        Ok(Replaced::Replaced(Revision::from_number(revision)))
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        let Some(slot) = self.get(key) else { return Ok(Removed::Absent) };
        if !self.live(&slot, now) {
            return Ok(Removed::Absent);
        }
        self.gap(Wrong::RemovesTwice).await;
        let mut slots = self.disk.slots.lock();
        self.remember(&slots);
        let removed = slots.remove(&self.key(key));
        drop(slots);
        self.end()?;
        Ok(if removed.is_some() || self.is(Wrong::RemovesTwice) { Removed::Removed } else { Removed::Absent })
    }

    fn promises(&self) -> Promises {
        Promises {
            durable: self.wrong != Wrong::Rewinds,
            keeps: true,
            never_rewinds: true,
            max_body: MAX_BODY,
        }
    }

    fn index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}

/// Looking and writing of a good store are one.
static RACE: Mutex<()> = Mutex::new(());

impl Broken {
    /// Writes without a new revision.
    fn write_in_place(&self, record: &Record) {
        if let Some(slot) = self.disk.slots.lock().get_mut(&record.key) {
            slot.record = record.clone();
        }
    }
}

#[async_trait]
impl Index for Broken {
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let slots = self.disk.slots.lock().clone();
        let fits = |slot: &Slot| {
            let mut record = slot.record.clone();
            let mut filter = filter.clone();
            match self.wrong {
                Wrong::ListsByTheFirstClient => record.client.clone_from(&slot.first_client),
                Wrong::FoldsCase => {
                    record.client = record.client.map(|name| name.to_lowercase().into());
                    filter.client = filter.client.map(|name| name.to_lowercase());
                }
                Wrong::ListsByPrefix => {
                    if let (Some(own), Some(wanted)) = (&record.client, &filter.client)
                        && own.starts_with(wanted)
                    {
                        filter.client = Some(own.to_string());
                    }
                }
                _ => {}
            }
            filter.matches(&record)
                && (record.is_live(now) || self.is(Wrong::ListsWhatExpired))
                && after.is_none_or(|after| record.key.id > after)
        };
        let mut found: Vec<Record> =
            slots.values().filter(|slot| fits(slot)).map(|slot| slot.record.clone()).collect();
        if self.is(Wrong::ListsInAnyOrder) {
            found.sort_by_key(|record| record.key.id[15]);
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let mut slots = self.disk.slots.lock();
        let gone: Vec<Key> = slots
            .iter()
            .filter(|(_, slot)| !slot.record.is_live(now) || self.is(Wrong::SweepsTheLiving))
            .map(|(key, _)| *key)
            .take(if self.is(Wrong::SweepsAll) { usize::MAX } else { limit })
            .collect();
        for key in &gone {
            slots.remove(key);
        }
        Ok(gone.len())
    }
}
