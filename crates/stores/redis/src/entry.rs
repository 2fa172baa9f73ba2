//! Where a record stands in the index: the sets, and its members of them.
//!
//! | key | member | score |
//! |---|---|---|
//! | `k:KIND:N` all records of a kind, in 16 parts by the first digit of the id | id | 0 |
//! | `c:KIND:DIGEST`, `s:KIND:DIGEST` those of a client, of a subject | id | 0 |
//! | `e:N` all records, in 16 parts | kind, id, digests of client and subject | expiry |
//!
//! A digest is 8 bytes of a SHA-256, so a key holds no name; two names with one digest only cost a look.

use std::sync::Arc;

use grantor_core::Timestamp;
use grantor_core::store::{Key, Kind, Record};
use redis::Cmd;

/// Where a record stands in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    client: Option<[u8; 8]>,
    subject: Option<[u8; 8]>,
    expires_at: Timestamp,
}

impl Entry {
    pub(crate) fn of(record: &Record) -> Self {
        let digest = |name: &Option<Arc<str>>| name.as_deref().map(|name| digest(record.key.kind, name));
        Self {
            key: record.key,
            client: digest(&record.client),
            subject: digest(&record.subject),
            expires_at: record.expires_at,
        }
    }

    /// The member of the set by expiry.
    fn member(&self) -> Vec<u8> {
        let mut member = Vec::with_capacity(36);
        member.extend(self.key.kind.number().to_be_bytes());
        member.extend(self.key.id);
        for digest in [self.client, self.subject] {
            member.push(u8::from(digest.is_some()));
            member.extend(digest.unwrap_or_default());
        }
        member
    }

    pub(crate) fn of_member(member: &[u8]) -> Option<Self> {
        let (kind, rest) = member.split_first_chunk::<2>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (client, rest) = rest.split_first_chunk::<9>()?;
        let subject = rest.first_chunk::<9>()?;
        let digest = |[there, digest @ ..]: &[u8; 9]| (*there == 1).then_some(*digest);
        Some(Self {
            key: Key::new(Kind::from_number(u16::from_be_bytes(*kind)), *id),
            client: digest(client),
            subject: digest(subject),
            expires_at: Timestamp::EPOCH,
        })
    }

    /// The sets that it stands in.
    pub(crate) fn sets(&self) -> impl Iterator<Item = Set> {
        let kind = self.key.kind.number();
        let part = part(&self.key.id);
        let named = [
            self.client.map(|client| Set::Client(kind, client)),
            self.subject.map(|subject| Set::Subject(kind, subject)),
        ];
        [Set::Kind(kind, part), Set::Ends(part)].into_iter().chain(named.into_iter().flatten())
    }
}

/// One of the sets; the kinds by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Set {
    Kind(u16, u8),
    Ends(u8),
    Client(u16, [u8; 8]),
    Subject(u16, [u8; 8]),
}

impl Set {
    pub(crate) fn name(self, prefix: &str) -> String {
        match self {
            Self::Kind(kind, part) => format!("{prefix}k:{kind:04x}:{part:x}"),
            Self::Ends(part) => format!("{prefix}e:{part:x}"),
            Self::Client(kind, digest) => format!("{prefix}c:{kind:04x}:{:016x}", u64::from_be_bytes(digest)),
            Self::Subject(kind, digest) => {
                format!("{prefix}s:{kind:04x}:{:016x}", u64::from_be_bytes(digest))
            }
        }
    }

    /// The command that takes a record out.
    pub(crate) fn removal(self, prefix: &str, entry: &Entry) -> Cmd {
        let mut removal = redis::cmd("ZREM");
        removal.arg(self.name(prefix));
        match self {
            Self::Ends(_) => removal.arg(entry.member()),
            _ => removal.arg(&entry.key.id),
        };
        removal
    }

    /// The command that puts records in.
    pub(crate) fn addition(self, prefix: &str, entries: &[&Entry]) -> Cmd {
        let mut addition = redis::cmd("ZADD");
        addition.arg(self.name(prefix));
        for entry in entries {
            match self {
                Self::Ends(_) => addition.arg(entry.expires_at.as_millis()).arg(entry.member()),
                _ => addition.arg(0).arg(&entry.key.id),
            };
        }
        addition
    }
}

pub(crate) fn digest(kind: Kind, name: &str) -> [u8; 8] {
    let [first @ .., _, _, _, _, _, _, _, _] = Key::named(kind, name).id;
    first
}

pub(crate) fn part(id: &[u8; 16]) -> u8 {
    let [first, ..] = id;
    first >> 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back() {
        for (client, subject) in [(None, None), (Some([1; 8]), None), (None, Some([0; 8]))] {
            let key = Key::new(Kind::from_number(0x1234), [0xfe; 16]);
            let entry = Entry { key, client, subject, expires_at: Timestamp::EPOCH };
            assert_eq!(Entry::of_member(&entry.member()), Some(entry));
        }
        assert_eq!(Entry::of_member(b"short"), None);
    }

    #[test]
    fn sets_hold_no_name() {
        let key = Key::new(Kind::GRANT, [0xfe; 16]);
        let record = Record {
            key,
            stage: grantor_core::store::Stage::Live,
            expires_at: Timestamp::NEVER,
            client: Some("{client}".into()),
            subject: Some("alice".into()),
            body: bytes::Bytes::new(),
        };
        let sets: Vec<String> = Entry::of(&record).sets().map(|set| set.name("g:")).collect();
        assert_eq!(sets.len(), 4);
        assert_eq!(&sets[..2], ["g:k:0001:f", "g:e:f"]);
        assert!(sets.iter().all(|set| !set.contains("client") && !set.contains("alice")), "{sets:?}");
    }
}
