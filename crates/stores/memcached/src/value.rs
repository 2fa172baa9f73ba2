//! A record as the bytes of an item, under a key without a word of a user in it.
//!
//! The item has all that the engine does not keep for us: the expiry to the millisecond, a revision that never comes twice,
//! and the key once more, so that no mix-up on the way can show one record as another.

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes};
use grantor_core::Timestamp;
use grantor_core::store::{Key, Kind, Record, Revision, Stage};

/// The first byte of an item; another layout gets another.
const VERSION: u8 = 1;
const LIVE: u8 = 1;
const CLIENT: u8 = 2;
const SUBJECT: u8 = 4;
/// Version, kind, id, revision, expiry, flags.
const HEAD: usize = 1 + 2 + 16 + 8 + 8 + 1;

/// What the engine needs for itself beside key and value.
const ENGINE: usize = 512;
/// Room for client and subject that is kept free when the size of bodies is promised.
const NAMES: usize = 2 * (4 + 1024);

/// Beyond this the engine takes a number as a date, not as seconds from now.
const MONTH: i64 = 30 * 24 * 60 * 60;
/// The engine counts seconds in steps, so an item gets this much more than the record needs. The record ends by the
/// header, to the millisecond.
const SLACK: i64 = 2;

/// The key of the item: the prefix, the kind, and the id in hexadecimal digits.
pub(crate) fn name(prefix: &str, key: &Key) -> String {
    format!("{prefix}{:x}.{:032x}", key.kind.number(), key.id_number())
}

/// How long the engine keeps an item: seconds from now, or a date by its own clock.
///
/// Zero means "for ever" to the engine and is only said for dates that it cannot count (after January 2038).
pub(crate) fn ttl(expires_at: Timestamp, now: Timestamp, engine_now: i64) -> i64 {
    let rest = expires_at.as_millis().saturating_sub(now.as_millis()).max(0);
    let secs = rest.saturating_add(999) / 1000 + SLACK;
    if secs <= MONTH {
        return secs;
    }
    let date = engine_now.saturating_add(secs);
    if date > i64::from(i32::MAX) { 0 } else { date }
}

/// The largest body of a record that fits for certain, in a server with items of so many bytes.
pub(crate) fn largest_body(item_size_max: usize, prefix: &str) -> usize {
    item_size_max.saturating_sub(ENGINE + NAMES + HEAD + prefix.len() + 40)
}

/// Whether an item fits.
pub(crate) fn fits(item_size_max: usize, name: &str, value: &[u8]) -> bool {
    name.len() + value.len() + ENGINE <= item_size_max
}

/// The bytes of a record at a revision; `None` where a name is longer than any item.
pub(crate) fn write(record: &Record, revision: Revision) -> Option<Vec<u8>> {
    let (client, subject) = (record.client.as_deref(), record.subject.as_deref());
    let names = client.map_or(0, str::len) + subject.map_or(0, str::len) + 8;
    let mut out = Vec::with_capacity(HEAD + names + record.body.len());
    out.put_u8(VERSION);
    out.put_u16(record.key.kind.number());
    out.put_slice(&record.key.id);
    out.put_u64(revision.number());
    out.put_i64(record.expires_at.as_millis());
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let live = flag(record.stage == Stage::Live, LIVE);
    out.put_u8(live | flag(client.is_some(), CLIENT) | flag(subject.is_some(), SUBJECT));
    for name in [client, subject].into_iter().flatten() {
        out.put_u32(u32::try_from(name.len()).ok()?);
        out.put_slice(name.as_bytes());
    }
    out.put_slice(&record.body);
    Some(out)
}

/// The record in the bytes of an item; `None` where this is none of this key.
pub(crate) fn read(key: &Key, mut value: Bytes) -> Option<(Record, Revision)> {
    if value.len() < HEAD || value.get_u8() != VERSION {
        return None;
    }
    let kind = Kind::from_number(value.get_u16());
    let mut id = [0; 16];
    value.copy_to_slice(&mut id);
    if Key::new(kind, id) != *key {
        return None;
    }
    let revision = Revision::from_number(value.get_u64());
    let expires_at = Timestamp::from_millis(value.get_i64());
    let flags = value.get_u8();
    if flags & !(LIVE | CLIENT | SUBJECT) != 0 {
        return None;
    }
    let mut text = |flag: u8| match flags & flag {
        0 => Some(None),
        _ => text(&mut value).map(Some),
    };
    let (client, subject) = (text(CLIENT)?, text(SUBJECT)?);
    let stage = if flags & LIVE == 0 { Stage::Pending } else { Stage::Live };
    Some((Record { key: *key, stage, expires_at, client, subject, body: value }, revision))
}

fn text(value: &mut Bytes) -> Option<Arc<str>> {
    let length = usize::try_from(value.try_get_u32().ok()?).ok()?;
    if length > value.len() {
        return None;
    }
    let text = value.split_to(length);
    std::str::from_utf8(&text).ok().map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: Key = Key::new(Kind::GRANT, [7; 16]);

    #[test]
    fn names_are_short_and_plain() {
        let name = name("grantor:", &Key::new(Kind::from_number(u16::MAX), *b"\0\n\r \xff\xfe 0123456 x"));
        assert_eq!(name, "grantor:ffff.000a0d20fffe2030313233343536 2078".replace(' ', ""));
        assert!(name.len() <= 250 && name.bytes().all(|byte| byte.is_ascii_graphic()));
    }

    #[test]
    fn the_engine_keeps_an_item_longer_than_the_record_lives() {
        let now = Timestamp::from_millis(1_500);
        let of = |secs: i64| ttl(Timestamp::from_millis(1_500 + secs * 1000), now, 1_800_000_000);
        assert_eq!(of(-100), 2);
        assert_eq!(of(0), 2);
        assert_eq!(ttl(Timestamp::from_millis(1_501), now, 0), 3);
        assert_eq!(of(10), 12);
        assert_eq!(of(MONTH - 2), MONTH);
        // Otherwise it would be a date in 1970, long ago.
        assert_eq!(of(MONTH - 1), 1_800_000_000 + MONTH + 1);
        assert_eq!(of(i64::from(i32::MAX)), 0);
        assert_eq!(ttl(Timestamp::NEVER, Timestamp::from_millis(i64::MIN), i64::MAX), 0);
        assert_eq!(ttl(Timestamp::from_millis(i64::MIN), Timestamp::NEVER, 0), 2);
    }

    fn name_of_somebody() -> impl Strategy<Value = Option<Arc<str>>> {
        proptest::option::of(".{0,20}".prop_map(Arc::from))
    }

    proptest! {
        #[test]
        fn records_come_back(
            kind: u16, id: [u8; 16], revision: u64, expires_at: i64, live: bool,
            client in name_of_somebody(), subject in name_of_somebody(),
            body in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let record = Record {
                key: Key::new(Kind::from_number(kind), id),
                stage: if live { Stage::Live } else { Stage::Pending },
                expires_at: Timestamp::from_millis(expires_at),
                client, subject, body: body.into(),
            };
            let revision = Revision::from_number(revision);
            let value = Bytes::from(write(&record, revision).unwrap());
            prop_assert_eq!(read(&record.key, value.clone()), Some((record, revision)));
            prop_assert_eq!(read(&Key::new(Kind::from_number(kind ^ 1), id), value), None);
        }

        #[test]
        fn other_bytes_are_no_record(mut bytes in proptest::collection::vec(any::<u8>(), 0..100), known: bool) {
            if known {
                let head = write(&Record { key: KEY, stage: Stage::Live, expires_at: Timestamp::NEVER, client: None, subject: None, body: Bytes::new() }, Revision::from_number(1)).unwrap();
                bytes.splice(0..0, head[..HEAD - 1].iter().copied());
            }
            let _ = read(&KEY, bytes.into());
        }
    }
}
