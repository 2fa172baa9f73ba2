//! Bodies with a type: a version byte, then numbered fields (CBOR).
//!
//! A process refuses a body newer than it knows, so that a rolling upgrade never drops a field that it cannot read: the
//! request ends with 503 and a line in the log, and another process can serve it.

use bytes::Bytes;

use super::{Key, Record, Revision, Store, StoreError};
use crate::clock::Timestamp;

impl Record {
    /// The first byte of the body, which is the version that it was written in, and the fields after it.
    ///
    /// Versions begin at 1; `newest` is the one that this release writes.
    ///
    /// # Errors
    /// A body that a newer release wrote, or an empty one.
    pub fn versioned(&self, newest: u8) -> Result<(u8, &[u8]), StoreError> {
        let key = &self.key;
        match self.body.split_first() {
            None => Err(StoreError::nothing_written(format!("the record {key:?} has an empty body"))),
            Some((&version, fields)) if (1..=newest).contains(&version) => Ok((version, fields)),
            Some((version, _)) => Err(StoreError::nothing_written(format!(
                "the record {key:?} has body version {version}, this release reads up to {newest}: finish the upgrade"
            ))),
        }
    }

    /// The error for a body whose fields are not what they should be.
    pub fn unreadable(&self) -> StoreError {
        StoreError::nothing_written(format!("the record {:?} cannot be read", self.key))
    }
}

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
        let (version, fields) = record.versioned(Self::VERSION)?;
        Self::read(version, fields, record).ok_or_else(|| record.unreadable())
    }
}

/// A value with the revision it was loaded at.
#[derive(Debug, Clone)]
pub(crate) struct Loaded<T> {
    /// In a box: a grant is large, and goes through many hands.
    pub(crate) value: Box<T>,
    pub(crate) revision: Revision,
}

/// Loads and reads one record.
pub(crate) async fn load<T: Body>(
    store: &dyn Store,
    key: &Key,
    now: Timestamp,
) -> Result<Option<Loaded<T>>, StoreError> {
    match store.load(key, now).await? {
        Some((record, revision)) => Ok(Some(Loaded { value: Box::new(T::from_record(&record)?), revision })),
        None => Ok(None),
    }
}

/// Bodies of released versions, for the tests of each kind of record.
#[cfg(test)]
pub(crate) mod testing {
    use super::{Body, Bytes, Key, Record};
    use crate::clock::Timestamp;
    use crate::store::{Kind, Stage};

    /// A record around a body; the columns that core reads are filled.
    pub(crate) fn record(body: impl Into<Bytes>) -> Record {
        Record {
            key: Key::new(Kind::GRANT, [7; 16]),
            stage: Stage::Live,
            expires_at: Timestamp::NEVER,
            client: Some("abc".into()),
            subject: Some("alice".into()),
            body: body.into(),
        }
    }

    /// The stored body in `testdata/`: pairs of hexadecimal digits.
    pub(crate) fn stored(name: &str) -> Vec<u8> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    /// Reads a stored body; this release must still write it so, and must refuse it under another version.
    pub(crate) fn released<T: Body>(name: &str) -> T {
        released_in(Stage::Live, name)
    }

    /// The same of a record in this stage.
    pub(crate) fn released_in<T: Body>(stage: Stage, name: &str) -> T {
        let body = stored(name);
        let value = T::from_record(&Record { stage, ..record(body.clone()) })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(hex(&value.to_body()), hex(&body), "{name}: a released body is written differently now");
        for version in [0, T::VERSION + 1, u8::MAX] {
            let mut other = body.clone();
            other[0] = version;
            let error = T::from_record(&record(other)).err().unwrap_or_else(|| panic!("{name}: {version}"));
            assert!(error.nothing_written);
        }
        assert!(T::from_record(&record(Bytes::new())).is_err(), "an empty body");
        value
    }

    pub(crate) fn hex(bytes: &[u8]) -> String {
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect()
    }

    /// Whatever bytes a store gives back: they are read or refused.
    pub(crate) fn never_panics<T: Body>(mut bytes: Vec<u8>, as_known: bool) {
        if as_known && let Some(first) = bytes.first_mut() {
            *first = T::VERSION;
        }
        let _ = T::from_record(&record(bytes));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::never_panics;
    use crate::authorize::pending::Pending;
    use crate::grant::Grant;
    use crate::standing::Kept;
    use crate::token::pointer::Pointer;

    proptest! {
        #[test]
        fn random_bytes_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            as_known in any::<bool>(),
        ) {
            never_panics::<Grant>(bytes.clone(), as_known);
            never_panics::<Pending>(bytes.clone(), as_known);
            never_panics::<Kept>(bytes.clone(), as_known);
            never_panics::<Pointer>(bytes, as_known);
        }
    }
}
