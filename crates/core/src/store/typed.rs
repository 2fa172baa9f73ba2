//! Bodies with a type: a version byte, then numbered fields (CBOR).
//!
//! A process refuses a body newer than it knows, so that a rolling upgrade never drops a field that it cannot read: the
//! request ends with 503 and a line in the log, and another process can serve it.

use bytes::Bytes;

use super::{Key, Record, Revision, Store, StoreError};
use crate::clock::Timestamp;

/// A body that can be written and read again.
pub(crate) trait Body: Sized {
    /// The version that this release writes. It reads this one and all below.
    const VERSION: u8;
    /// The fields, without the version byte.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads the fields of a body of this or an earlier version; `record` has the columns beside the body.
    fn read(version: u8, fields: &[u8], record: &Record) -> Option<Self>;

    /// The whole body.
    fn to_body(&self) -> Bytes {
        let mut out = Vec::with_capacity(128);
        out.push(Self::VERSION);
        self.write(&mut out);
        Bytes::from(out)
    }

    /// The value in a record.
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        let Some((version, fields)) = record.body.split_first() else {
            return Err(StoreError::nothing_written(format!(
                "the record {:?} has an empty body",
                record.key
            )));
        };
        if *version == 0 || *version > Self::VERSION {
            return Err(StoreError::nothing_written(format!(
                "the record {:?} has body version {version}, this release reads up to {}: finish the upgrade",
                record.key,
                Self::VERSION
            )));
        }
        Self::read(*version, fields, record)
            .ok_or_else(|| StoreError::nothing_written(format!("the record {:?} cannot be read", record.key)))
    }
}

/// A value with the revision it was loaded at.
#[derive(Debug, Clone)]
pub(crate) struct Loaded<T> {
    pub(crate) value: T,
    pub(crate) revision: Revision,
}

/// Loads and reads one record.
pub(crate) async fn load<T: Body>(
    store: &dyn Store,
    key: &Key,
    now: Timestamp,
) -> Result<Option<Loaded<T>>, StoreError> {
    match store.load(key, now).await? {
        Some((record, revision)) => Ok(Some(Loaded { value: T::from_record(&record)?, revision })),
        None => Ok(None),
    }
}
