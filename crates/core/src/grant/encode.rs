//! How a grant is written: numbered fields, so that old and new processes read each other's.
//!
//! Never change the meaning of a number. A new field gets a new number and, where an older process must not drop it, a
//! new version that one release reads before the next one writes it. `testdata/` has a body of each released version.

use std::sync::Arc;

use bytes::Bytes;
use minicbor::{Decode, Encode};

use super::access::Access;
use super::code::{Bound, Code};
use super::refresh::{LastRefresh, Refresh};
use super::{Grant, Unique};
use crate::clock::Timestamp;
use crate::store::{Body, Record, Stage};
use crate::types::{CodeChallenge, Digest, GrantTypeName, Scopes};

#[derive(Encode, Decode)]
#[cbor(map)]
struct Fields {
    #[n(0)]
    grant_type: u8,
    #[n(1)]
    other_grant_type: Option<String>,
    #[n(2)]
    created_at: i64,
    #[n(3)]
    auth_time: Option<i64>,
    #[n(4)]
    scopes: Option<String>,
    #[n(5)]
    data: Option<minicbor::bytes::ByteVec>,
    #[n(6)]
    code: Option<CodeFields>,
    #[n(7)]
    refresh: Option<RefreshFields>,
    #[n(8)]
    access: Option<Vec<AccessFields>>,
    #[n(9)]
    unique: Option<Unique>,
    #[n(10)]
    marks: Option<minicbor::bytes::ByteVec>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct CodeFields {
    #[n(0)]
    digest: Digest,
    #[n(1)]
    redirect_uri: Option<String>,
    #[n(2)]
    challenge: Option<CodeChallenge>,
    /// End of a live code, or until when a spent one is kept.
    #[n(3)]
    until: i64,
    #[n(4)]
    spent: bool,
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    unique: Option<[u8; 16]>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct RefreshFields {
    #[n(0)]
    lineage: Digest,
    #[n(1)]
    current: Digest,
    #[n(2)]
    idle_expires_at: i64,
    #[n(3)]
    absolute_expires_at: i64,
    #[n(4)]
    last: Option<LastFields>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct LastFields {
    #[n(0)]
    previous: Option<Digest>,
    #[n(1)]
    at: i64,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    salt: [u8; 32],
    #[n(3)]
    scopes: Option<String>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct AccessFields {
    #[n(0)]
    digest: Digest,
    #[n(1)]
    expires_at: i64,
    /// Absent where the token was issued together with the grant.
    #[n(2)]
    issued_at: Option<i64>,
    #[n(3)]
    scopes: Option<String>,
}

const GRANT_TYPES: [GrantTypeName; 4] = [
    GrantTypeName::AUTHORIZATION_CODE,
    GrantTypeName::IMPLICIT,
    GrantTypeName::PASSWORD,
    GrantTypeName::CLIENT_CREDENTIALS,
];
/// The number of a grant type that stands in `other_grant_type`.
const OTHER: u8 = 255;

impl Body for Grant {
    const VERSION: u8 = 1;

    fn write(&self, out: &mut Vec<u8>) {
        let known = GRANT_TYPES.iter().position(|name| *name == self.grant_type);
        let number = known.and_then(|at| u8::try_from(at).ok()).unwrap_or(OTHER);
        let fields = Fields {
            grant_type: number,
            other_grant_type: (number == OTHER).then(|| self.grant_type.as_str().to_owned()),
            created_at: self.created_at.as_millis(),
            auth_time: self.auth_time.map(Timestamp::as_millis),
            scopes: (!self.scopes.is_empty()).then(|| self.scopes.as_str().to_owned()),
            data: self.data.as_ref().map(|data| data.to_vec().into()),
            code: self.code.as_ref().map(code_fields),
            refresh: self.refresh.as_ref().map(refresh_fields),
            access: (!self.access.is_empty())
                .then(|| self.access.iter().map(|access| access_fields(access, self.created_at)).collect()),
            unique: self.unique.clone(),
            marks: (!self.marks.is_empty()).then(|| self.marks.concat().into()),
        };
        // Writing into a Vec cannot fail.
        let _ = minicbor::encode(&fields, out);
    }

    fn read(_version: u8, fields: &[u8], record: &Record) -> Option<Self> {
        let fields: Fields = minicbor::decode(fields).ok()?;
        let created_at = Timestamp::from_millis(fields.created_at);
        let grant_type = match fields.other_grant_type {
            Some(name) => GrantTypeName::new(name),
            None => GRANT_TYPES.get(usize::from(fields.grant_type))?.clone(),
        };
        let moved = record.stage == Stage::Live && fields.access.as_ref().is_none_or(Vec::is_empty);
        let marks = fields.marks.as_deref().map_or(&[] as &[u8], |marks| marks);
        Some(Self {
            id: record.key.id,
            client: record.client.clone()?,
            subject: record.subject.clone(),
            grant_type,
            created_at,
            auth_time: fields.auth_time.map(Timestamp::from_millis),
            scopes: scopes(fields.scopes.as_deref())?.unwrap_or_default(),
            data: fields.data.map(|data| Bytes::from(Vec::from(data))),
            code: fields.code.map(|fields| code(fields, moved)),
            refresh: match fields.refresh {
                Some(fields) => Some(refresh(fields)?),
                None => None,
            },
            access: fields
                .access
                .unwrap_or_default()
                .into_iter()
                .map(|fields| access(fields, created_at))
                .collect::<Option<_>>()?,
            unique: fields.unique,
            marks: marks.chunks_exact(8).filter_map(|mark| mark.try_into().ok()).collect(),
        })
    }
}

#[expect(clippy::option_option, reason = "absent, or present and unreadable, or present")]
fn scopes(text: Option<&str>) -> Option<Option<Scopes>> {
    text.map(Scopes::parse).transpose().ok()
}

fn code_fields(code: &Code) -> CodeFields {
    let (bound, until, spent, unique) = match code {
        Code::Live { bound, expires_at } => (bound, *expires_at, false, None),
        Code::Spent { bound, unique, keep_until } => (bound, *keep_until, true, *unique),
    };
    CodeFields {
        digest: bound.digest.clone(),
        redirect_uri: bound.redirect_uri.as_deref().map(str::to_owned),
        challenge: bound.challenge.clone(),
        until: until.as_millis(),
        spent,
        unique,
    }
}

/// A code that waits, and has given no tokens, is in a record that waits. In another one it is the trace that a split store
/// leaves of a grant that it moved, for its code was spent (`store/split.rs`).
fn code(fields: CodeFields, moved: bool) -> Code {
    let bound = Bound {
        digest: fields.digest,
        redirect_uri: fields.redirect_uri.map(Arc::from),
        challenge: fields.challenge,
    };
    let until = Timestamp::from_millis(fields.until);
    if fields.spent || moved {
        Code::Spent { bound, unique: fields.unique, keep_until: until }
    } else {
        Code::Live { bound, expires_at: until }
    }
}

fn refresh_fields(refresh: &Refresh) -> RefreshFields {
    RefreshFields {
        lineage: refresh.lineage.clone(),
        current: refresh.current.clone(),
        idle_expires_at: refresh.idle_expires_at.as_millis(),
        absolute_expires_at: refresh.absolute_expires_at.as_millis(),
        last: refresh.last.as_ref().map(|last| LastFields {
            previous: last.previous.clone(),
            at: last.at.as_millis(),
            salt: last.salt,
            scopes: last.scopes.as_ref().map(|scopes| scopes.as_str().to_owned()),
        }),
    }
}

fn refresh(fields: RefreshFields) -> Option<Refresh> {
    let last = match fields.last {
        None => None,
        Some(last) => Some(LastRefresh {
            previous: last.previous,
            at: Timestamp::from_millis(last.at),
            salt: last.salt,
            scopes: scopes(last.scopes.as_deref())?,
        }),
    };
    Some(Refresh {
        lineage: fields.lineage,
        current: fields.current,
        idle_expires_at: Timestamp::from_millis(fields.idle_expires_at),
        absolute_expires_at: Timestamp::from_millis(fields.absolute_expires_at),
        last,
    })
}

fn access_fields(access: &Access, created_at: Timestamp) -> AccessFields {
    AccessFields {
        digest: access.digest.clone(),
        expires_at: access.expires_at.as_millis(),
        issued_at: (access.issued_at != created_at).then(|| access.issued_at.as_millis()),
        scopes: access.scopes.as_ref().map(|scopes| scopes.as_str().to_owned()),
    }
}

fn access(fields: AccessFields, created_at: Timestamp) -> Option<Access> {
    Some(Access {
        digest: fields.digest,
        expires_at: Timestamp::from_millis(fields.expires_at),
        issued_at: fields.issued_at.map_or(created_at, Timestamp::from_millis),
        scopes: scopes(fields.scopes.as_deref())?,
    })
}
