//! Takes over what another authorization server has given: a grant whose tokens are that server's strings.
//!
//! The grant holds their digests and a [pointer](super::pointer) leads from each string to it, as for a format of one's
//! own; nothing is kept in clear text. Such a grant is refreshed, revoked and ended as any other (RFC 6749 §6, RFC 7009).
//! Its id comes from the strings, so taking the same over again finds what is there and changes nothing.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::credential::{Presented, TokenKind, digest, is_presentable};
use super::format::Minted;
use super::{pointer, swap};
use crate::client::Client;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::event;
use crate::grant::{Access, Grant, GrantId, Refresh};
use crate::store::{Stage, load};
use crate::types::{Digest, GrantTypeName, Scopes, Secret};

/// Shorter strings can be guessed: 16 characters are the least that could hold 96 bits.
const MIN_LENGTH: usize = 16;

/// A token string of another server.
#[derive(Debug, Clone)]
pub struct ForeignToken {
    /// The string: 16 to 512 characters of visible ASCII.
    pub text: Secret,
    /// Until when it is to work.
    pub expires_at: Timestamp,
}

/// What another authorization server has given to a client.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// How it was obtained.
    pub grant_type: GrantTypeName,
    /// The user who gave it; `None` where the client acts for itself.
    pub subject: Option<String>,
    /// What was granted.
    pub scopes: Scopes,
    /// What resource servers are told besides.
    pub data: Map<String, Value>,
    /// The access token.
    pub access: Option<ForeignToken>,
    /// The refresh token: the current one of the grant.
    pub refresh: Option<ForeignToken>,
}

/// What became of an [`Adoption`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Adopted {
    /// It was not there, and is now (or would be).
    New,
    /// It was taken over before; what happened to it since stays.
    Already,
    /// No token of it is alive.
    Expired,
    /// A string is too short, too long, of other characters, or of grantor's own format.
    NotAToken,
    /// The client or the user is disabled.
    Disabled,
}

/// Takes it over, or only says what would be done.
pub(crate) async fn adopt(
    ctx: &Ctx<'_>,
    client: &Client,
    adoption: &Adoption,
    write: bool,
) -> Result<Adopted, Error> {
    let now = ctx.now();
    let given = [(TokenKind::Access, &adoption.access), (TokenKind::Refresh, &adoption.refresh)];
    let all = given.iter().filter_map(|(kind, token)| token.as_ref().map(|token| (*kind, token)));
    let live: Vec<(TokenKind, &ForeignToken)> =
        all.clone().filter(|(_, token)| token.expires_at > now).collect();
    let Some((_, first)) = all.clone().next() else { return Ok(Adopted::Expired) };
    if live.is_empty() {
        return Ok(Adopted::Expired);
    }
    if !all.clone().all(|(_, token)| is_adoptable(token.text.expose())) {
        return Ok(Adopted::NotAToken);
    }
    let id = id_of(first);
    let found = load::<Grant>(ctx.store(), &Grant::key_of(id), now).await?;
    let mut missing = Vec::new();
    for (kind, token) in live.iter().copied() {
        if pointer::target(ctx, token.text.expose()).await?.is_none() {
            missing.push((kind, token));
        }
    }
    // Where a pointer is and the grant is not, the grant has ended since: it must not live again.
    if missing.is_empty() || (found.is_none() && missing.len() < live.len()) {
        return Ok(Adopted::Already);
    }
    if !ctx.standing(client, adoption.subject.as_deref()).await?.allows(now) {
        return Ok(Adopted::Disabled);
    }
    if !write {
        return Ok(Adopted::New);
    }
    // An earlier try may have ended between the grant and its pointers.
    if found.is_none() {
        let grant = grant(id, client, adoption, &live, now)?;
        swap::create(ctx, &grant.to_record()).await?;
        event::issued(&grant.client, grant.subject.as_deref(), grant.grant_type.as_str(), "adopt");
    }
    for (kind, token) in missing {
        let text = zeroize::Zeroizing::new(token.text.expose().to_owned());
        let minted = Minted { digest: digest(kind, text.as_bytes()), text, foreign: true };
        pointer::write(ctx, kind, id, &minted, token.expires_at, Stage::Live).await?;
    }
    Ok(Adopted::New)
}

fn is_adoptable(text: &str) -> bool {
    text.len() >= MIN_LENGTH && is_presentable(text) && Presented::parse(text).is_none()
}

fn id_of(token: &ForeignToken) -> GrantId {
    first_16(&Digest::of(&[b"grantor adopted grant 1", token.text.expose().as_bytes()]))
}

fn first_16(digest: &Digest) -> [u8; 16] {
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

fn grant(
    id: GrantId,
    client: &Client,
    adoption: &Adoption,
    live: &[(TokenKind, &ForeignToken)],
    now: Timestamp,
) -> Result<Grant, Error> {
    let data = if adoption.data.is_empty() {
        None
    } else {
        let text = serde_json::to_vec(&adoption.data)
            .map_err(|error| Error::unavailable("data_not_json").with_source(error))?;
        Some(Bytes::from(text))
    };
    let mut grant = Grant {
        id,
        client: client.client_id.shared(),
        subject: adoption.subject.as_deref().map(Arc::from),
        grant_type: adoption.grant_type.clone(),
        created_at: now,
        auth_time: None,
        scopes: adoption.scopes.clone(),
        data,
        code: None,
        refresh: None,
        access: Vec::new(),
        unique: None,
        marks: Vec::new(),
    };
    for (kind, token) in live {
        let (text, expires_at) = (token.text.expose(), token.expires_at);
        let kept = digest(*kind, text.as_bytes());
        match kind {
            TokenKind::Refresh => {
                // No string carries this lineage; the pointer proves as much, and the successor brings its own.
                let lineage = first_16(&Digest::of(&[b"grantor adopted lineage 1", text.as_bytes()]));
                grant.refresh = Some(Refresh {
                    lineage: Presented::lineage_digest(&lineage),
                    current: kept,
                    idle_expires_at: expires_at,
                    absolute_expires_at: expires_at,
                    last: None,
                });
            }
            _ => grant.access.push(Access { digest: kept, issued_at: now, expires_at, scopes: None }),
        }
    }
    Ok(grant)
}
