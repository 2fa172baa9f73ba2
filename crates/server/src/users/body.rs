//! How a user is written: a version byte, then numbered fields (CBOR), so that old and new processes read each other's.
//!
//! Never change the meaning of a number. A new field gets a new number and, where an older process must not drop it, a
//! new version that one release reads before the next one writes it.

use bytes::Bytes;
use grantor::Timestamp;
use grantor::store::{Key, Kind, Record, Stage, StoreError};
use minicbor::{Decode, Encode};

/// The version that this release writes. It reads this one and all below.
const VERSION: u8 = 1;

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
        let mut body = vec![VERSION];
        // Writing into a Vec cannot fail.
        let _ = minicbor::encode(&fields, &mut body);
        Record {
            key: key(&self.name),
            stage: Stage::Live,
            expires_at: Timestamp::NEVER,
            client: None,
            subject: Some(self.subject.as_str().into()),
            body: Bytes::from(body),
        }
    }

    pub(super) fn from_record(record: &Record) -> Result<Self, StoreError> {
        let refused =
            |why: String| StoreError::nothing_written(format!("the user in {:?} {why}", record.key));
        let fields = match record.body.split_first() {
            Some((&version, fields)) if (1..=VERSION).contains(&version) => fields,
            Some((&version, _)) if version > VERSION => {
                return Err(refused(format!(
                    "has body version {version}, this release reads up to {VERSION}: finish the upgrade"
                )));
            }
            _ => return Err(refused("cannot be read".into())),
        };
        let fields: Fields = minicbor::decode(fields).map_err(|_| refused("cannot be read".into()))?;
        let Some(subject) = record.subject.as_deref() else { return Err(refused("has no subject".into())) };
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
