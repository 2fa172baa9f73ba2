//! Listing and sweeping, in steps; between two of them others get their turn.

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use grantor_core::Timestamp;
use grantor_core::store::{Filter, Index, Record, StoreError};
use mongodb::bson::{Document, doc};

use crate::collections::Records;
use crate::failure::Failure;
use crate::{MongoStore, by_name, document};

/// Records in one step.
const STEP: usize = 256;

#[async_trait]
impl Index for MongoStore {
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let records = self.collections.of_kind(filter.kind);
        let (mut found, mut after) = (Vec::new(), after);
        while found.len() < limit {
            let step = (limit - found.len()).min(STEP);
            let wanted = document::listed(filter, after, now);
            let documents = self.documents(records, &wanted, doc! { "_id": 1 }, step).await?;
            for document in &documents {
                let (record, _) = self.read(document)?;
                after = Some(record.key.id);
                // A collection with a collation of its own takes more for equal.
                if filter.matches(&record) {
                    found.push(record);
                }
            }
            if documents.len() < step {
                break;
            }
        }
        Ok(found)
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let mut gone = 0;
        for records in self.collections.all() {
            while gone < limit {
                let step = (limit - gone).min(STEP);
                let (found, swept) = self.sweep_step(records, step, now).await?;
                gone += swept;
                if found < step {
                    break;
                }
            }
        }
        Ok(gone)
    }
}

impl MongoStore {
    /// The first documents that match, in this order.
    async fn documents(
        &self,
        records: &Records,
        wanted: &Document,
        order: Document,
        limit: usize,
    ) -> Result<Vec<Document>, Failure> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = || {
            let (records, wanted, order) = (records.clone(), wanted.clone(), order.clone());
            let most = self.caller.deadline();
            async move { records.find(wanted).sort(order).limit(limit).max_time(most).await?.try_collect().await }
        };
        self.caller.call("a listing", found).await.map_err(Failure::wrote_nothing)
    }

    /// How many were found, and how many of them removed: those that nobody has written to meanwhile.
    async fn sweep_step(
        &self,
        records: &Records,
        step: usize,
        now: Timestamp,
    ) -> Result<(usize, usize), Failure> {
        let expired = doc! { "expires": { "$lte": now.as_millis() } };
        let found = self.documents(records, &expired, doc! { "expires": 1 }, step).await?;
        let ids: Vec<_> = found.iter().filter_map(|document| document.get("_id").cloned()).collect();
        if ids.is_empty() {
            return Ok((0, 0));
        }
        let removed = || {
            let (records, mut due) = (records.clone(), expired.clone());
            due.insert("_id", doc! { "$in": ids.clone() });
            async move { records.delete_many(due).hint(by_name()).await }
        };
        let swept = self.caller.call("a sweep", removed).await?.deleted_count;
        Ok((found.len(), usize::try_from(swept).unwrap_or(step)))
    }
}
