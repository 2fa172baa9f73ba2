//! How one record lies in memory: everything that it has in one allocation.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | id |
//! | 2 | kind |
//! | 1 | flags: pending, how the client stands here, whether there is a subject |
//! | 8 | expiry, milliseconds |
//! | 8 | revision |
//! | 0, 2 or 4 + n | the client: its number in [`Names`], or length and text |
//! | 0 or 4 + n | the subject: length and text |
//! | the rest | the body |

use std::sync::Arc;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Filter, Key, Kind, Record, Revision, Stage};

use crate::names::Names;

const PENDING: u8 = 1;
const CLIENT_NUMBERED: u8 = 2;
const CLIENT_WRITTEN: u8 = 4;
const SUBJECT: u8 = 8;
/// Id and kind, as a block begins.
pub(crate) const KEY: usize = 18;
const HEAD: usize = KEY + 1 + 8 + 8;

/// A record in one piece.
pub(crate) struct Block(Box<[u8]>);

impl Block {
    pub(crate) fn write(record: &Record, revision: u64, names: &Names) -> Self {
        let client = record.client.as_ref();
        let number = client.and_then(|client| names.number(client));
        let written = client.filter(|_| number.is_none());
        let text = |text: Option<&Arc<str>>| text.map_or(0, |text| 4 + text.len());
        let length = HEAD
            + number.map_or(0, |_| 2)
            + text(written)
            + text(record.subject.as_ref())
            + record.body.len();
        let mut out = Vec::with_capacity(length);
        out.extend_from_slice(&key(&record.key));
        let flag = |flag: u8, on: bool| if on { flag } else { 0 };
        out.push(
            flag(PENDING, record.stage == Stage::Pending)
                | flag(CLIENT_NUMBERED, number.is_some())
                | flag(CLIENT_WRITTEN, written.is_some())
                | flag(SUBJECT, record.subject.is_some()),
        );
        out.extend_from_slice(&record.expires_at.as_millis().to_be_bytes());
        out.extend_from_slice(&revision.to_be_bytes());
        if let Some(number) = number {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for text in written.into_iter().chain(&record.subject) {
            // The store refuses what would not fit.
            out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&record.body);
        Self(out.into_boxed_slice())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the block has this key, given as [`key`] writes it.
    pub(crate) fn has_key(&self, key: &[u8; KEY]) -> bool {
        self.0.first_chunk() == Some(key)
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.flags() & PENDING != 0
    }

    pub(crate) fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(i64::from_be_bytes(self.eight(KEY + 1)))
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision::from_number(u64::from_be_bytes(self.eight(KEY + 9)))
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        self.0.first_chunk().copied().unwrap_or_default()
    }

    pub(crate) fn record(&self, names: &Names) -> Record {
        let parts = self.parts();
        Record {
            key: Key::new(self.kind(), self.id()),
            stage: if self.is_pending() { Stage::Pending } else { Stage::Live },
            expires_at: self.expires_at(),
            client: match parts.client {
                Client::None => None,
                Client::Number(number) => names.text(number),
                Client::Text(text) => Some(text.into()),
            },
            subject: parts.subject.map(Into::into),
            body: Bytes::copy_from_slice(parts.body),
        }
    }

    pub(crate) fn matches(&self, filter: &Filter, names: &Names) -> bool {
        if self.kind() != filter.kind {
            return false;
        }
        let parts = self.parts();
        filter.subject.as_deref().is_none_or(|wanted| parts.subject == Some(wanted))
            && filter.client.as_deref().is_none_or(|wanted| match parts.client {
                Client::None => false,
                Client::Number(number) => names.text(number).as_deref() == Some(wanted),
                Client::Text(text) => text == wanted,
            })
    }

    fn kind(&self) -> Kind {
        let number = self.0.get(16..KEY).and_then(|bytes| bytes.first_chunk());
        Kind::from_number(u16::from_be_bytes(number.copied().unwrap_or_default()))
    }

    fn flags(&self) -> u8 {
        self.0.get(KEY).copied().unwrap_or_default()
    }

    fn eight(&self, at: usize) -> [u8; 8] {
        self.0.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default()
    }

    fn parts(&self) -> Parts<'_> {
        let flags = self.flags();
        let rest = self.0.get(HEAD..).unwrap_or_default();
        let (client, rest) = if flags & CLIENT_NUMBERED != 0 {
            let (number, rest) = rest.split_first_chunk().unwrap_or((&[0; 2], &[]));
            (Client::Number(u16::from_be_bytes(*number)), rest)
        } else if flags & CLIENT_WRITTEN != 0 {
            let (text, rest) = text(rest);
            (Client::Text(text), rest)
        } else {
            (Client::None, rest)
        };
        let (subject, body) = if flags & SUBJECT != 0 {
            let (text, rest) = text(rest);
            (Some(text), rest)
        } else {
            (None, rest)
        };
        Parts { client, subject, body }
    }
}

struct Parts<'a> {
    client: Client<'a>,
    subject: Option<&'a str>,
    body: &'a [u8],
}

enum Client<'a> {
    None,
    Number(u16),
    Text(&'a str),
}

/// A length and that many bytes, which were text when they were written.
fn text(bytes: &[u8]) -> (&str, &[u8]) {
    let (length, rest) = bytes.split_first_chunk().unwrap_or((&[0; 4], &[]));
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let (text, rest) = rest.split_at_checked(length).unwrap_or_default();
    (std::str::from_utf8(text).unwrap_or_default(), rest)
}

/// A key as a block begins with it.
pub(crate) fn key(key: &Key) -> [u8; KEY] {
    let mut out = [0; KEY];
    let kind = key.kind.number().to_be_bytes();
    for (to, from) in out.iter_mut().zip(key.id.iter().chain(&kind)) {
        *to = *from;
    }
    out
}
