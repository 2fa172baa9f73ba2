//! Records as documents. Every value is put in with its type, so no text of a caller is ever read as an operator.
//!
//! ```text
//! _id       Binary   kind (2 bytes, big-endian) and id (16 bytes)
//! revision  Int64    drawn at random for each write
//! expires   Int64    milliseconds since 1970: what counts
//! stage     Int32    0 pending, 1 live
//! client    String   absent where there is none
//! subject   String   absent where there is none
//! body      Binary
//! ttl       Date     when the server may remove it, absent for "never"
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Filter, Key, Kind, Record, Revision, Stage};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};

use crate::clock::system_now;

/// A lifetime from which on a record is left to [`sweep`](grantor_core::store::Index::sweep): a hundred years.
const LONG: i64 = 100 * 366 * 24 * 3_600_000;

pub(crate) fn id(key: &Key) -> Bson {
    named(key.kind, &key.id)
}

fn named(kind: Kind, id: &[u8]) -> Bson {
    binary([&kind.number().to_be_bytes()[..], id].concat())
}

fn binary(bytes: Vec<u8>) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })
}

pub(crate) fn public(revision: i64) -> Revision {
    Revision::from_number(revision.cast_unsigned())
}

/// The record as it is written, with its new revision.
pub(crate) fn written(record: &Record, revision: i64, now: Timestamp, margin: Duration) -> Document {
    let mut document = doc! {
        "_id": id(&record.key),
        "revision": revision,
        "expires": record.expires_at.as_millis(),
        "stage": match record.stage { Stage::Pending => 0, Stage::Live => 1 },
    };
    for (name, text) in [("client", &record.client), ("subject", &record.subject)] {
        if let Some(text) = text {
            document.insert(name, Bson::String(text.to_string()));
        }
    }
    document.insert("body", binary(record.body.to_vec()));
    if let Some(ttl) = ttl(record.expires_at, now, margin, system_now()) {
        document.insert("ttl", DateTime::from_millis(ttl.as_millis()));
    }
    document
}

/// When the server may remove the record: by its clock, which may be ahead of the caller's, hence the margin; and rounded
/// up by at most a 64th of the lifetime, so that a refresh that moves the end a little mostly leaves the index alone.
fn ttl(expires_at: Timestamp, now: Timestamp, margin: Duration, system: Timestamp) -> Option<Timestamp> {
    let left = expires_at.as_millis().saturating_sub(now.as_millis()).max(0);
    if left >= LONG || expires_at.is_never() {
        return None;
    }
    let margin = i64::try_from(margin.as_millis()).unwrap_or(LONG);
    let end = system.as_millis().saturating_add(left).saturating_add(margin);
    let step = 1_i64 << (left.max(64) / 64).ilog2();
    Some(Timestamp::from_millis(end.saturating_add(step - 1) & -step))
}

/// By its name, whatever its state.
pub(crate) fn by_id(key: &Key) -> Document {
    doc! { "_id": id(key) }
}

pub(crate) fn alive_at(key: &Key, revision: Revision, now: Timestamp) -> Document {
    let revision = revision.number().cast_signed();
    doc! { "_id": id(key), "revision": revision, "expires": { "$gt": now.as_millis() } }
}

pub(crate) fn expired(key: &Key, now: Timestamp) -> Document {
    doc! { "_id": id(key), "expires": { "$lte": now.as_millis() } }
}

/// All that match, after an id; all ids of a kind are of one length, so they are in the order of their bytes.
pub(crate) fn listed(filter: &Filter, after: Option<[u8; 16]>, now: Timestamp) -> Document {
    let first = named(filter.kind, after.as_ref().map_or(&[][..], |id| &id[..]));
    let last = named(filter.kind, &[0xff; 16]);
    let mut wanted = doc! { "_id": { "$gt": first, "$lte": last }, "expires": { "$gt": now.as_millis() } };
    for (name, text) in [("client", &filter.client), ("subject", &filter.subject)] {
        if let Some(text) = text {
            wanted.insert(name, doc! { "$eq": text });
        }
    }
    wanted
}

/// The record of a document, `None` where it is none of ours.
pub(crate) fn read(document: &Document) -> Option<(Record, Revision)> {
    let id: &[u8; 18] = document.get_binary_generic("_id").ok()?.as_slice().try_into().ok()?;
    let (kind, id) = id.split_first_chunk::<2>()?;
    let text = |name| match document.get(name) {
        None => Some(None),
        Some(Bson::String(text)) => Some(Some(Arc::from(text.as_str()))),
        Some(_) => None,
    };
    let record = Record {
        key: Key::new(Kind::from_number(u16::from_be_bytes(*kind)), id.try_into().ok()?),
        stage: match document.get_i32("stage").ok()? {
            0 => Stage::Pending,
            1 => Stage::Live,
            _ => return None,
        },
        expires_at: Timestamp::from_millis(document.get_i64("expires").ok()?),
        client: text("client")?,
        subject: text("subject")?,
        body: Bytes::copy_from_slice(document.get_binary_generic("body").ok()?),
    };
    Some((record, public(document.get_i64("revision").ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARGIN: Duration = Duration::from_secs(60);

    fn record(client: Option<&str>) -> Record {
        Record {
            key: Key::new(Kind::GRANT, [7; 16]),
            stage: Stage::Pending,
            expires_at: Timestamp::from_millis(-5),
            client: client.map(Arc::from),
            subject: None,
            body: Bytes::from_static(b"\0\xff"),
        }
    }

    #[test]
    fn a_record_comes_back() {
        for client in [None, Some(""), Some("{\"$ne\": null}"), Some("$where"), Some("a.b\0c")] {
            let written = written(&record(client), 12, Timestamp::EPOCH, MARGIN);
            assert_eq!(read(&written), Some((record(client), Revision::from_number(12))));
        }
    }

    #[test]
    fn what_is_no_record_is_not_read() {
        let whole = written(&record(Some("c")), 1, Timestamp::EPOCH, MARGIN);
        for field in ["_id", "revision", "expires", "stage", "body"] {
            let mut broken = whole.clone();
            broken.insert(field, "x");
            assert_eq!(read(&broken), None, "{field}");
            broken.remove(field);
            assert_eq!(read(&broken), None, "{field}");
        }
        let mut broken = whole;
        broken.insert("client", doc! { "$ne": Bson::Null });
        assert_eq!(read(&broken), None);
    }

    #[test]
    fn the_server_removes_nothing_before_its_time_and_nothing_that_never_ends() {
        let system = Timestamp::from_secs(1_700_000_000);
        let at =
            |expires, now| ttl(Timestamp::from_millis(expires), Timestamp::from_millis(now), MARGIN, system);
        for (expires, now) in
            [(5, 0), (-1_000, -2_000), (1_000_000, 3), (i64::MIN, i64::MAX), (0, 1), (1 << 40, 0)]
        {
            let lifetime = expires.saturating_sub(now).max(0);
            let end = system.as_millis() + lifetime + 60_000;
            let ttl = at(expires, now).unwrap().as_millis();
            assert!((end..=end + lifetime / 64 + 1).contains(&ttl), "{expires} at {now}: {ttl} for {end}");
        }
        assert_eq!(at(Timestamp::NEVER.as_millis(), 0), None);
        assert_eq!(at(i64::MAX, i64::MIN), None);
    }
}
