//! The four operations, each a conditional command on one document.

use std::sync::Arc;

use async_trait::async_trait;
use grantor_core::Timestamp;
use grantor_core::store::{
    Created, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};
use mongodb::bson::Document;
use mongodb::options::ReadConcern;

use crate::failure::{DUPLICATE, Failure};
use crate::{MAX_BODY, MongoStore, by_name, document, random};

/// How often a record that comes and goes is looked at.
const LOOKS: usize = 16;

fn fits(record: &Record) -> Result<(), StoreError> {
    let size = record.body.len();
    if size <= MAX_BODY {
        return Ok(());
    }
    Err(StoreError::nothing_written(format!(
        "the record {:?} has a body of {size} bytes, the MongoDB store takes up to {MAX_BODY}",
        record.key
    )))
}

impl MongoStore {
    /// A document by its name.
    async fn find(&self, key: &Key, reads: &ReadConcern) -> Result<Option<Document>, Failure> {
        let found = || {
            let records = self.collections.of_kind(key.kind).clone();
            let (wanted, reads, most) = (document::by_id(key), reads.clone(), self.caller.deadline());
            async move { records.find_one(wanted).read_concern(reads).max_time(most).await }
        };
        self.caller.call("a load", found).await.map_err(Failure::wrote_nothing)
    }
}

#[async_trait]
impl Store for MongoStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        let Some(found) = self.find(key, &self.server.reads).await? else { return Ok(None) };
        Ok(Some(self.read(&found)?).filter(|(record, _)| record.is_live(now)))
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        fits(record)?;
        let revision = random::new_revision();
        let new = Arc::new(document::written(record, revision, now, self.margin));
        // Over an expired document, or where there is none; a live one does not match, and a second cannot be inserted.
        let written = || {
            let (records, new) = (self.collections.of_kind(record.key.kind).clone(), Arc::clone(&new));
            let expired = document::expired(&record.key, now);
            async move { records.replace_one(expired, &*new).upsert(true).hint(by_name()).await }
        };
        for _ in 0..LOOKS {
            match self.caller.call("a create", written).await {
                Ok(_) => return Ok(Created::Created(document::public(revision))),
                Err(failure) if failure.code == Some(DUPLICATE) => {}
                Err(failure) => return Err(failure.into()),
            }
            // It may have expired, or gone, meanwhile; and it is ours, where a client of the user's tried again.
            let Some(found) = self.find(&record.key, &self.server.reads).await? else { continue };
            let (found, at) = self.read(&found)?;
            if at == document::public(revision) {
                return Ok(Created::Created(at));
            }
            if found.is_live(now) {
                return Ok(Created::Exists);
            }
        }
        Err(StoreError::nothing_written(format!("the record {:?} comes and goes too quickly", record.key)))
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        fits(record)?;
        let revision = random::new_revision();
        let new = Arc::new(document::written(record, revision, now, self.margin));
        let written = || {
            let (records, new) = (self.collections.of_kind(record.key.kind).clone(), Arc::clone(&new));
            let loaded = document::alive_at(&record.key, loaded, now);
            async move { records.replace_one(loaded, &*new).hint(by_name()).await }
        };
        Ok(match self.caller.call("a replace", written).await?.matched_count {
            0 => Replaced::Stale,
            _ => Replaced::Replaced(document::public(revision)),
        })
    }

    /// What is removed is what was seen before, so a removal that lands late takes nothing that came after it.
    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        for _ in 0..LOOKS {
            let Some(found) = self.find(key, &ReadConcern::local()).await? else {
                return Ok(Removed::Absent);
            };
            let (found, at) = self.read(&found)?;
            if !found.is_live(now) {
                return Ok(Removed::Absent);
            }
            let removed = || {
                let records = self.collections.of_kind(key.kind).clone();
                let seen = document::alive_at(key, at, now);
                async move { records.delete_one(seen).hint(by_name()).await }
            };
            if self.caller.call("a remove", removed).await?.deleted_count > 0 {
                return Ok(Removed::Removed);
            }
        }
        Err(StoreError::nothing_written(format!("the record {key:?} changes too quickly to be removed")))
    }

    fn promises(&self) -> Promises {
        self.server.promises
    }

    fn index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}
