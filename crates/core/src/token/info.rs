//! What is known about a presented token: for introspection (RFC 7662), the guard and embedders.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::credential::{Presented, TokenKind};
use super::pointer;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::grant::Grant;
use crate::store::Loaded;
use crate::types::{ClientId, GrantTypeName, Scopes};

/// A live access token: who allowed which client what.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The client it was issued to.
    pub client_id: ClientId,
    /// The user who allowed it; `None` where the client acts for itself.
    pub subject: Option<Arc<str>>,
    /// What it may do.
    pub scopes: Scopes,
    /// How it was obtained.
    pub grant_type: GrantTypeName,
    /// What the site adapter wanted resource servers to know.
    pub data: Map<String, Value>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When the user proved who they are, if that is known.
    pub auth_time: Option<Timestamp>,
}

impl TokenInfo {
    /// Facts that somebody else knows, for a guard whose tokens are looked up elsewhere: no user, no scopes, no data, until
    /// the fields are set.
    pub fn new(
        client_id: ClientId,
        grant_type: GrantTypeName,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            client_id,
            subject: None,
            scopes: Scopes::empty(),
            grant_type,
            data: Map::new(),
            issued_at,
            expires_at,
            auth_time: None,
        }
    }
}

/// A live token of any kind, with the grant it belongs to.
pub(crate) struct Found {
    pub(crate) kind: TokenKind,
    pub(crate) info: TokenInfo,
}

/// The facts about a live access token; `None` where there is no such token.
pub(crate) async fn access_token(ctx: &Ctx<'_>, text: &str) -> Result<Option<TokenInfo>, Error> {
    let found = find(ctx, text).await?;
    Ok(found.filter(|found| found.kind == TokenKind::Access).map(|found| found.info))
}

/// The facts about a live access or refresh token.
pub(crate) async fn find(ctx: &Ctx<'_>, text: &str) -> Result<Option<Found>, Error> {
    let Some((presented, Loaded { value: grant, .. })) = pointer::find(ctx, text).await? else {
        return Ok(None);
    };
    let Some(info) = facts(ctx, &presented, &grant) else { return Ok(None) };
    if !is_in_force(ctx, &info.client_id, &grant).await? {
        return Ok(None);
    }
    Ok(Some(Found { kind: presented.kind, info }))
}

fn facts(ctx: &Ctx<'_>, presented: &Presented, grant: &Grant) -> Option<TokenInfo> {
    let (scopes, issued_at, expires_at) = match presented.kind {
        TokenKind::Code => return None,
        TokenKind::Access => {
            let access = grant.live_access(&presented.digest, ctx.now())?;
            (grant.scopes_of(access), access.issued_at, access.expires_at)
        }
        TokenKind::Refresh => {
            let refresh = grant.refresh.as_ref()?;
            if !refresh.is_current(presented) || !refresh.is_live(ctx.now()) {
                return None;
            }
            let issued_at = refresh.last.as_ref().map_or(grant.created_at, |last| last.at);
            (grant.scopes.clone(), issued_at, refresh.expires_at())
        }
    };
    let data = grant.data.as_deref().and_then(|data| serde_json::from_slice(data).ok()).unwrap_or_default();
    Some(TokenInfo {
        client_id: ClientId::parse(&grant.client).ok()?,
        subject: grant.subject.clone(),
        scopes,
        grant_type: grant.grant_type.clone(),
        data,
        issued_at,
        expires_at,
        auth_time: grant.auth_time,
    })
}

/// Whether client and user may still use what was granted; at most as old as the provider's setting says.
async fn is_in_force(ctx: &Ctx<'_>, client: &ClientId, grant: &Grant) -> Result<bool, Error> {
    match ctx.client(client).await? {
        Some(client) if !client.disabled => {}
        _ => return Ok(false),
    }
    let standing = ctx.parts.standings.recent(&grant.client, grant.subject.as_deref(), ctx.now()).await?;
    Ok(standing.allows(grant.created_at))
}
