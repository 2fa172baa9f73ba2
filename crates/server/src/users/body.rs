//! How a user is written: the fields of its record's body.

use grantor::Timestamp;
use grantor::store::{Key, Kind, Record, Stage, StoreError};
use minicbor::{Decode, Encode};

use crate::body::{read, write};

/// A user as the store keeps it; the subject is the record's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) subject: String,
    pub(super) name: String,
    pub(super) display_name: Option<String>,
    pub(super) hash: String,
    pub(super) created_at: Timestamp,
    pub(super) changed_at: Timestamp,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Fields {
    #[n(0)]
    name: String,
    #[n(1)]
    display_name: Option<String>,
    #[n(2)]
    hash: String,
    #[n(3)]
    created_at: i64,
    #[n(4)]
    changed_at: i64,
}

/// The key of the user with this name.
pub(super) fn key(name: &str) -> Key {
    Key::named(Kind::USER, name)
}

impl Kept {
    pub(super) fn to_record(&self) -> Record {
        let fields = Fields {
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            hash: self.hash.clone(),
            created_at: self.created_at.as_millis(),
            changed_at: self.changed_at.as_millis(),
        };
        Record {
            key: key(&self.name),
            stage: Stage::Live,
            expires_at: Timestamp::NEVER,
            client: None,
            subject: Some(self.subject.as_str().into()),
            body: write(&fields),
        }
    }

    pub(super) fn from_record(record: &Record) -> Result<Self, StoreError> {
        let fields: Fields = read(record)?;
        let Some(subject) = record.subject.as_deref() else {
            return Err(StoreError::nothing_written(format!("the user in {:?} has no subject", record.key)));
        };
        Ok(Self {
            subject: subject.to_owned(),
            name: fields.name,
            display_name: fields.display_name,
            hash: fields.hash,
            created_at: Timestamp::from_millis(fields.created_at),
            changed_at: Timestamp::from_millis(fields.changed_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn ada() -> Kept {
        Kept {
            subject: "usr_AAAA".into(),
            name: "ada".into(),
            display_name: Some("Ada Lovelace".into()),
            hash: "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA".into(),
            created_at: Timestamp::from_millis(1_790_000_000_123),
            changed_at: Timestamp::from_millis(1_790_000_001_456),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for user in [ada(), Kept { display_name: None, ..ada() }] {
            assert_eq!(Kept::from_record(&user.to_record()).unwrap(), user);
        }
    }

    #[test]
    fn bodies_of_released_versions_are_read_for_ever() {
        let body = include_bytes!("../../testdata/user-1.cbor");
        let record = Record { body: Bytes::from_static(body), ..ada().to_record() };
        assert_eq!(Kept::from_record(&record).unwrap(), ada());
        assert_eq!(ada().to_record().body.as_ref(), body, "this release still writes version 1");
    }

    #[test]
    fn a_newer_body_is_refused() {
        let mut record = ada().to_record();
        record.body = Bytes::from([&[2], &record.body[1..]].concat());
        assert!(Kept::from_record(&record).unwrap_err().to_string().contains("finish the upgrade"));
        for body in [&b""[..], &b"\x01"[..], &b"\x00\xa0"[..], &b"\x01\xff"[..]] {
            record.body = Bytes::copy_from_slice(body);
            assert!(Kept::from_record(&record).is_err());
        }
    }
}
