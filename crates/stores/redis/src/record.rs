//! How a record lies in the engine: the name of its key, and the bytes of its value.
//!
//! A value is the revision (8 bytes), the expiry in milliseconds (8 bytes), the version of this form (1 byte), the stage
//! (1 byte), client and subject (4 bytes of length + 1, or 0 where there is none, then the text), and the body. The scripts
//! read the first 16 bytes only.

use std::sync::Arc;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Key, Record, Revision, Stage};

/// The form of the values that this release writes; it reads no other.
const FORM: u8 = 1;
const PENDING: u8 = 0;
const LIVE: u8 = 1;

/// The name of the record's key.
pub(crate) fn name(prefix: &str, key: &Key) -> String {
    format!("{prefix}{:04x}:{:032x}", key.kind.number(), key.id_number())
}

/// The value of a record with this revision; `None` where a name is absurdly long.
pub(crate) fn encode(record: &Record, revision: Revision) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(64 + record.body.len());
    value.extend(revision.number().to_be_bytes());
    value.extend(record.expires_at.as_millis().to_be_bytes());
    value.push(FORM);
    value.push(match record.stage {
        Stage::Pending => PENDING,
        Stage::Live => LIVE,
    });
    for text in [&record.client, &record.subject] {
        let text = text.as_deref();
        let length = text.map_or(0, |text| text.len() + 1);
        value.extend(u32::try_from(length).ok()?.to_be_bytes());
        value.extend(text.unwrap_or_default().as_bytes());
    }
    value.extend(&record.body);
    Some(value)
}

/// The record and its revision; `None` where the value is none of this release.
pub(crate) fn decode(key: &Key, value: Vec<u8>) -> Option<(Record, Revision)> {
    let mut value = Bytes::from(value);
    let revision = Revision::from_number(u64::from_be_bytes(*value.first_chunk()?));
    value = value.slice(8..);
    let expires_at = Timestamp::from_millis(i64::from_be_bytes(*value.first_chunk()?));
    value = value.slice(8..);
    let stage = match value.first_chunk()? {
        [FORM, PENDING] => Stage::Pending,
        [FORM, LIVE] => Stage::Live,
        _ => return None,
    };
    value = value.slice(2..);
    let client = text(&mut value)?;
    let subject = text(&mut value)?;
    Some((Record { key: *key, stage, expires_at, client, subject, body: value }, revision))
}

/// Takes a text off the front.
#[expect(
    clippy::option_option,
    reason = "the outer one says that the bytes are no text, the inner one is the value"
)]
fn text(value: &mut Bytes) -> Option<Option<Arc<str>>> {
    let length = u32::from_be_bytes(*value.first_chunk()?);
    let mut rest = value.slice(4..);
    let found = match usize::try_from(length).ok()?.checked_sub(1) {
        None => None,
        Some(length) if length <= rest.len() => {
            let bytes = rest.split_to(length);
            Some(Arc::from(std::str::from_utf8(&bytes).ok()?))
        }
        Some(_) => return None,
    };
    *value = rest;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantor_core::store::Kind;

    fn record() -> Record {
        Record {
            key: Key::new(Kind::GRANT, [0xab; 16]),
            stage: Stage::Pending,
            expires_at: Timestamp::from_millis(-7),
            client: Some("".into()),
            subject: None,
            body: Bytes::from_static(b"\x00body\xff"),
        }
    }

    #[test]
    fn a_value_is_read_back() {
        for record in [
            record(),
            Record { stage: Stage::Live, client: None, subject: Some("s\u{e9}".into()), ..record() },
            Record { expires_at: Timestamp::NEVER, body: Bytes::new(), ..record() },
        ] {
            let revision = Revision::from_number(u64::MAX - 3);
            let value = encode(&record, revision).unwrap();
            assert_eq!(decode(&record.key, value), Some((record, revision)));
        }
    }

    #[test]
    fn a_cut_or_foreign_value_is_none() {
        let value = encode(&record(), Revision::from_number(1)).unwrap();
        for length in 0..26 {
            assert_eq!(decode(&record().key, value.get(..length).unwrap().to_vec()), None, "{length}");
        }
        let mut newer = value;
        if let Some(form) = newer.get_mut(16) {
            *form = FORM + 1;
        }
        assert_eq!(decode(&record().key, newer), None);
    }

    #[test]
    fn keys_are_named_by_kind_and_id() {
        assert_eq!(name("g:", &record().key), format!("g:0001:{}", "ab".repeat(16)));
    }
}
