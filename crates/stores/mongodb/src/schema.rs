//! The indexes and their versions. Each collection has a document that says which version it has.
//!
//! To change them: append a step to [`STEPS`], never edit one that was released.

use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::doc;
use mongodb::options::IndexOptions;

use crate::call::Caller;
use crate::collections::{Collections, Records};
use crate::failure::{DUPLICATE, Failure};
use crate::options::Migrate;

/// The name of the document with the version. No record has a text for its `_id`.
const VERSION: &str = "grantor";

/// Step n makes version n + 1 of version n. Making what is there already changes nothing, so a migration that was cut short
/// is taken up by the next one, and it does no harm if two do it at once.
///
/// A document without the field `ttl` is never removed by the server. Clients and subjects are listed by kind and in the
/// order of ids; both stand in `_id`.
const STEPS: &[fn() -> Vec<IndexModel>] = &[|| {
    let listed = |field: &str| {
        let mut options = named(&format!("grantor_{field}"));
        options.partial_filter_expression = Some(doc! { field: { "$exists": true } });
        IndexModel::builder().keys(doc! { field: 1, "_id": 1 }).options(options).build()
    };
    let mut ttl = named("grantor_ttl");
    ttl.expire_after = Some(Duration::ZERO);
    vec![
        IndexModel::builder().keys(doc! { "ttl": 1 }).options(ttl).build(),
        IndexModel::builder().keys(doc! { "expires": 1 }).options(named("grantor_expires")).build(),
        listed("client"),
        listed("subject"),
    ]
}];

fn named(name: &str) -> IndexOptions {
    IndexOptions::builder().name(name.to_owned()).build()
}

/// The version of this release.
fn known() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The version that the collections had, the oldest of them; 0 where there was none.
    pub from: u32,
    /// The version that they have now.
    pub to: u32,
}

/// Whether the indexes are those of this release; makes them where there are none, and where the options allow it.
///
/// # Errors
/// Older indexes with [`Migrate::Manual`], newer ones, or the server refused.
pub(crate) async fn prepare(
    collections: &Collections,
    caller: &Caller,
    migrate: Migrate,
) -> Result<(), Failure> {
    for records in collections.all() {
        let version = version(records, caller).await?;
        if version > 0 && version < known() && migrate == Migrate::Manual {
            return Err(Failure::refused(format!(
                "MongoDB {}: the indexes of the collection {} have version {version}, this release needs {}: make a backup, \
                 then run `grantor migrate` (or open it with migrate=auto)",
                caller.target,
                records.name(),
                known()
            )));
        }
        bring_up(records, caller, version).await?;
    }
    Ok(())
}

/// Brings all collections to the version of this release.
///
/// # Errors
/// Newer indexes, or the server refused.
pub(crate) async fn migrate(collections: &Collections, caller: &Caller) -> Result<Migration, Failure> {
    let mut from = known();
    for records in collections.all() {
        let version = version(records, caller).await?;
        from = from.min(version);
        bring_up(records, caller, version).await?;
    }
    Ok(Migration { from, to: known() })
}

/// The version of a collection, 0 where it has none.
async fn version(records: &Records, caller: &Caller) -> Result<u32, Failure> {
    let asked = || {
        let records = records.clone();
        async move { records.find_one(doc! { "_id": VERSION }).await }
    };
    let found = caller.call("reading the version", asked).await.map_err(Failure::wrote_nothing)?;
    let Some(found) = found else { return Ok(0) };
    let version = found.get_i32("version").ok().and_then(|version| u32::try_from(version).ok());
    match version {
        Some(version) if version <= known() => Ok(version),
        Some(version) => Err(Failure::refused(format!(
            "MongoDB {}: the collection {} has version {version}, this release knows versions up to {}: run the newer \
             release, or restore the backup from before its migration",
            caller.target,
            records.name(),
            known()
        ))),
        None => Err(Failure::refused(format!(
            "MongoDB {}: the document {VERSION:?} of the collection {} is none of this store: name another collection",
            caller.target,
            records.name()
        ))),
    }
}

/// Nothing here writes a record.
async fn bring_up(records: &Records, caller: &Caller, from: u32) -> Result<(), Failure> {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    if from >= STEPS.len() {
        return Ok(());
    }
    for step in STEPS.iter().skip(from) {
        let made = || {
            let records = records.clone();
            async move { records.create_indexes(step()).await }
        };
        // On many documents it takes its time, and the server goes on with it in any case.
        caller.patient().call("making the indexes", made).await.map_err(Failure::wrote_nothing)?;
    }
    // Never back, where a newer release was here meanwhile.
    let number = i32::try_from(known()).unwrap_or(i32::MAX);
    let written = || {
        let records = records.clone();
        let older = doc! { "_id": VERSION, "version": { "$lt": number } };
        let update = doc! { "$set": { "version": number } };
        async move { records.update_one(older, update).upsert(true).await }
    };
    match caller.call("writing the version", written).await {
        Err(failure) if failure.code != Some(DUPLICATE) => Err(failure.wrote_nothing()),
        _ => Ok(()),
    }
}
