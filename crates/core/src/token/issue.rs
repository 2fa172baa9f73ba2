//! THE place that mints tokens and writes grants (RFC 6749 §5.1). Grant types decide, this file carries out.
//!
//! All random bytes of a request are drawn once, before the first step, so that a step that must run again gives the
//! same strings again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::credential::TokenKind;
use super::format::Minted;
use super::fresh::{Birth, Derivation, Pair};
use super::response::TokenResponse;
use super::{pointer, swap, unique};
use crate::client::Client;
use crate::clock::Timestamp;
use crate::config::Lifetimes;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::event;
use crate::grant::{
    Bound, FirstRefresh, FirstTokens, Grant, GrantId, RedeemCode, RefreshAsk, RefreshRules, Refreshed, Tokens,
};
use crate::grant_type::{Issuance, Kind, NewGrant, Redeem, RefreshRequest};
use crate::standing::Standing;
use crate::store::{Loaded, Stage};
use crate::types::{CodeChallenge, GrantTypeName, Scopes};

/// The longest life of an access token that went through the user's browser.
const FRONT_CHANNEL_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Carries out what a grant type decided.
pub(crate) async fn issue(
    ctx: &Ctx<'_>,
    client: &Client,
    grant_type: &GrantTypeName,
    issuance: Issuance,
) -> Result<TokenResponse, Error> {
    match issuance.0 {
        Kind::New(new) => issue_new(ctx, client, grant_type, new, None).await,
        // In boxes, for the future of a request would otherwise be as large as the largest of the three.
        Kind::Redeem(redeem) => Box::pin(redeem_code(ctx, client, *redeem)).await,
        Kind::Refresh(refresh) => Box::pin(refresh_grant(ctx, client, *refresh)).await,
    }
}

/// The access token of the authorization endpoint (RFC 6749 §4.2.2).
pub(crate) async fn issue_front(
    ctx: &Ctx<'_>,
    client: &Client,
    grant_type: &GrantTypeName,
    new: NewGrant,
) -> Result<TokenResponse, Error> {
    let most = ctx.now().after(FRONT_CHANNEL_LIFE);
    Box::pin(issue_new(ctx, client, grant_type, new, Some(most))).await
}

/// What a code is made for.
pub(crate) struct CodeFor<'a> {
    pub(crate) client: &'a Client,
    pub(crate) grant_type: &'a GrantTypeName,
    /// The `redirect_uri` of the request, if it had one.
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) challenge: Option<&'a CodeChallenge>,
}

/// An authorization code (RFC 6749 §4.1.2): a grant that waits to be redeemed.
pub(crate) async fn issue_code(
    ctx: &Ctx<'_>,
    made_for: &CodeFor<'_>,
    new: NewGrant,
) -> Result<Zeroizing<String>, Error> {
    let now = ctx.now();
    let client = made_for.client;
    may_begin(ctx, client, new.approval.subject.as_deref()).await?;
    let fresh = Birth::draw(ctx)?;
    let id = fresh.id(now);
    let code = ctx.parts.format.code(&id, &fresh.seed());
    let expires_at = now.after(ctx.lifetimes(client, made_for.grant_type).code);
    let bound = Bound {
        digest: code.digest.clone(),
        redirect_uri: made_for.redirect_uri.map(Arc::from),
        challenge: made_for.challenge.cloned(),
    };
    let grant = new_grant(id, client, made_for.grant_type, &new, now)?.with_code(bound, expires_at);
    swap::create(ctx, &grant.to_record()).await?;
    pointer::write(ctx, TokenKind::Code, id, &code, expires_at, Stage::Pending).await?;
    event::code_issued(client.client_id.as_str(), grant.subject.as_deref());
    Ok(code.text)
}

async fn issue_new(
    ctx: &Ctx<'_>,
    client: &Client,
    grant_type: &GrantTypeName,
    new: NewGrant,
    most: Option<Timestamp>,
) -> Result<TokenResponse, Error> {
    let now = ctx.now();
    let standing = may_begin(ctx, client, new.approval.subject.as_deref()).await?;
    let ends = Ends::of(ctx, client, grant_type, new.refreshable, most);
    if ctx.gives_unique_tokens(grant_type) {
        let id = unique_id(ctx, client, grant_type, &new)?;
        let seen = new_grant(id, client, grant_type, &new, now)?;
        let fresh = Derivation::draw(ctx)?;
        return Box::pin(unique_tokens(ctx, seen, &ends, standing.not_before(), &fresh)).await;
    }
    let fresh = Birth::draw(ctx)?;
    let mut grant = new_grant(fresh.id(now), client, grant_type, &new, now)?;
    let tokens = match ends.refresh {
        None => grant.first_tokens(&ends.access_alone(ctx, &fresh.seed()), now),
        Some(_) => ends.with_pair(ctx, &Pair::draw(ctx)?, |first| grant.first_tokens(first, now)),
    };
    swap::create(ctx, &grant.to_record()).await?;
    answer(ctx, &grant, tokens, ends.access, &grant.scopes, "issue").await
}

/// A disabled client or user gets nothing new, and nothing may begin before a not-before.
async fn may_begin(ctx: &Ctx<'_>, client: &Client, subject: Option<&str>) -> Result<Standing, Error> {
    let standing = ctx.standing(client, subject).await?;
    if standing.allows(ctx.now()) { Ok(standing) } else { Err(ended()) }
}

fn ended() -> Error {
    Error::invalid_grant("The client or the user may not get tokens, or what was granted has been withdrawn.")
        .because("ended_by_standing")
}

fn new_grant(
    id: GrantId,
    client: &Client,
    grant_type: &GrantTypeName,
    new: &NewGrant,
    now: Timestamp,
) -> Result<Grant, Error> {
    let data = match &new.approval.data {
        None => None,
        Some(data) => Some(Bytes::from(
            serde_json::to_vec(data)
                .map_err(|error| Error::unavailable("data_not_json").with_source(error))?,
        )),
    };
    Ok(Grant {
        id,
        client: client.client_id.shared(),
        subject: new.approval.subject.as_deref().map(Arc::from),
        grant_type: grant_type.clone(),
        created_at: now,
        auth_time: new.approval.auth_time,
        scopes: new.scopes.clone(),
        data,
        code: None,
        refresh: None,
        access: Vec::new(),
        unique: None,
        marks: Vec::new(),
    })
}

/// When the tokens of a new grant end.
pub(super) struct Ends {
    pub(super) access: Timestamp,
    /// Idle and absolute end, where the client gets a refresh token.
    pub(super) refresh: Option<(Timestamp, Timestamp)>,
}

impl Ends {
    fn of(
        ctx: &Ctx<'_>,
        client: &Client,
        grant_type: &GrantTypeName,
        refreshable: bool,
        most: Option<Timestamp>,
    ) -> Self {
        let lifetimes: Lifetimes = ctx.lifetimes(client, grant_type);
        let now = ctx.now();
        let access = lifetimes.access_token.end(now);
        let refresh = (refreshable && ctx.refresh_policy(client).is_some())
            .then(|| (lifetimes.refresh_token_idle.end(now), lifetimes.refresh_token.end(now)));
        Self { access: most.map_or(access, |most| access.min(most)), refresh }
    }

    fn access_alone<'a>(&self, ctx: &'a Ctx<'_>, seed: &'a [u8; 32]) -> FirstTokens<'a> {
        FirstTokens {
            format: &ctx.parts.format,
            access_seed: seed,
            access_expires_at: self.access,
            refresh: None,
        }
    }

    fn with_pair<T>(&self, ctx: &Ctx<'_>, fresh: &Pair, make: impl FnOnce(&FirstTokens<'_>) -> T) -> T {
        let (seed, lineage, turn) = (fresh.seed(), fresh.lineage(), fresh.turn());
        make(&FirstTokens {
            format: &ctx.parts.format,
            access_seed: &seed,
            access_expires_at: self.access,
            refresh: self.refresh.map(|(idle, absolute)| FirstRefresh {
                lineage: &lineage,
                turn: &turn,
                idle_expires_at: idle,
                absolute_expires_at: absolute,
            }),
        })
    }

    /// The latest of all ends.
    pub(super) fn last(&self) -> Timestamp {
        self.refresh.map_or(self.access, |(_, absolute)| absolute.max(self.access))
    }
}

async fn redeem_code(ctx: &Ctx<'_>, client: &Client, redeem: Redeem) -> Result<TokenResponse, Error> {
    let now = ctx.now();
    let granted = &redeem.loaded.value;
    let standing = ctx.standing(client, granted.subject.as_deref()).await?;
    if !standing.allows(granted.created_at) {
        return Err(ended());
    }
    let ends = Ends::of(ctx, client, &granted.grant_type, true, None);
    let ask = RedeemCode {
        digest: &redeem.presented.digest,
        client: client.client_id.as_str(),
        redirect_uri: redeem.redirect_uri.as_deref(),
        verifier: redeem.verifier.as_ref().map(crate::types::Secret::expose),
    };
    if ctx.gives_unique_tokens(&granted.grant_type) {
        return Box::pin(redeem_for_unique(ctx, redeem.loaded, &ask, &ends, standing.not_before())).await;
    }
    let fresh = Pair::draw(ctx)?;
    let step = |grant: &Grant| ends.with_pair(ctx, &fresh, |first| grant.redeem_code(&ask, first, now));
    let done = swap::swap(ctx, redeem.loaded, fresh.mark(), step).await?;
    answer(ctx, &done.grant, done.answer, ends.access, &done.grant.scopes, "redeem").await
}

/// The code is spent in its own record, which names the unique grant; the tokens come from there.
async fn redeem_for_unique(
    ctx: &Ctx<'_>,
    loaded: Loaded<Grant>,
    ask: &RedeemCode<'_>,
    ends: &Ends,
    not_before: Timestamp,
) -> Result<TokenResponse, Error> {
    let fresh = Derivation::draw(ctx)?;
    let key = ctx.unique_key()?;
    let mut seen = Grant::clone(&loaded.value);
    let id = key.id(&seen.client, seen.subject.as_deref(), &seen.grant_type, &seen.scopes);
    let step = |grant: &Grant| grant.redeem_code_for_unique(ask, id, ends.last(), ctx.now());
    swap::swap(ctx, loaded, fresh.mark(), step).await?;
    seen.id = id;
    seen.code = None;
    seen.marks.clear();
    unique_tokens(ctx, seen, ends, not_before, &fresh).await
}

fn unique_id(
    ctx: &Ctx<'_>,
    client: &Client,
    grant_type: &GrantTypeName,
    new: &NewGrant,
) -> Result<GrantId, Error> {
    let key = ctx.unique_key()?;
    Ok(key.id(client.client_id.as_str(), new.approval.subject.as_deref(), grant_type, &new.scopes))
}

async fn unique_tokens(
    ctx: &Ctx<'_>,
    seen: Grant,
    ends: &Ends,
    not_before: Timestamp,
    fresh: &Derivation,
) -> Result<TokenResponse, Error> {
    let (grant, tokens, expires_at) = unique::issue(ctx, seen, ends, not_before, fresh).await?;
    answer(ctx, &grant, tokens, expires_at, &grant.scopes, "issue_unique").await
}

async fn refresh_grant(
    ctx: &Ctx<'_>,
    client: &Client,
    request: RefreshRequest,
) -> Result<TokenResponse, Error> {
    let now = ctx.now();
    let granted = &request.loaded.value;
    let Some(policy) = ctx.refresh_policy(client) else {
        return Err(Error::invalid_grant("This client has no refresh tokens.").because("refresh_not_allowed"));
    };
    if !ctx.standing(client, granted.subject.as_deref()).await?.allows(granted.created_at) {
        return Err(ended());
    }
    let fresh = Derivation::draw(ctx)?;
    let lifetimes = ctx.lifetimes(client, &granted.grant_type);
    let window = client.refresh_retry_window.map_or(policy.retry_window, Duration::from_secs);
    let rules = RefreshRules {
        rotate: client.rotate_refresh_tokens.unwrap_or(policy.rotate),
        window,
        access_expires_at: lifetimes.access_token.end(now),
        idle_expires_at: lifetimes.refresh_token_idle.end(now),
        end_old_access_tokens: ctx.parts.policy.end_old_access_tokens,
    };
    let unique_key = if granted.unique.is_some() { Some(ctx.unique_key()?) } else { None };
    let salt = fresh.salt();
    let scopes = still_available(client, &granted.scopes, request.scopes.as_ref())?;
    let ask = RefreshAsk {
        presented: &request.presented,
        client: client.client_id.as_str(),
        scopes: scopes.as_ref(),
        format: &ctx.parts.format,
        rules,
        salt: &salt,
        unique_key,
    };
    let done = swap::swap(ctx, request.loaded, fresh.mark(), |grant| grant.refresh(&ask, now)).await?;
    let Refreshed { tokens, access_expires_at, scopes } = done.answer;
    answer(ctx, &done.grant, tokens, access_expires_at, &scopes, "refresh").await
}

/// The scopes to ask the grant for, where the client may have less now than when it was granted: an operator who takes a
/// scope from a client takes it from the next access token on.
fn still_available(
    client: &Client,
    granted: &Scopes,
    asked: Option<&Scopes>,
) -> Result<Option<Scopes>, Error> {
    let lost = |scope: &str| client.scope.as_ref().is_some_and(|most| !most.contains(scope));
    if !granted.iter().any(lost) {
        return Ok(asked.cloned());
    }
    let rest = asked.unwrap_or(granted).only(|scope| !(granted.contains(scope) && lost(scope)));
    if rest.is_empty() {
        return Err(Error::invalid_scope("The client may not have these scopes any more.")
            .because("refresh_scope_withdrawn"));
    }
    Ok(Some(rest))
}

/// Writes what must lead to the tokens, and says it to client and operator.
async fn answer(
    ctx: &Ctx<'_>,
    grant: &Grant,
    tokens: Tokens,
    access_expires_at: Timestamp,
    scopes: &Scopes,
    step: &'static str,
) -> Result<TokenResponse, Error> {
    point(ctx, TokenKind::Access, grant, Some(&tokens.access), access_expires_at).await?;
    let refresh_end = grant.refresh.as_ref().map_or(access_expires_at, |refresh| refresh.absolute_expires_at);
    point(ctx, TokenKind::Refresh, grant, tokens.refresh.as_ref(), refresh_end).await?;
    event::issued(&grant.client, grant.subject.as_deref(), grant.grant_type.as_str(), step);
    Ok(TokenResponse::new(ctx.now(), tokens, access_expires_at, scopes))
}

async fn point(
    ctx: &Ctx<'_>,
    kind: TokenKind,
    grant: &Grant,
    minted: Option<&Minted>,
    expires_at: Timestamp,
) -> Result<(), Error> {
    match minted {
        Some(minted) => pointer::write(ctx, kind, grant.id, minted, expires_at, Stage::Live).await,
        None => Ok(()),
    }
}
