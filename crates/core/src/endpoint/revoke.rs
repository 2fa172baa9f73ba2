//! The revocation endpoint (RFC 7009). 200 only once the token is certainly dead.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::client_auth::{Authenticated, BackChannel};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::event;
use crate::grant::{Grant, Mark, Outcome};
use crate::reply;
use crate::store::Loaded;
use crate::token::credential::{Presented, TokenKind};
use crate::token::{pointer, swap};

/// > The authorization server responds with HTTP status code 200 if the token has been revoked successfully or if the
/// > client submitted an invalid token. (§2.2)
pub(super) async fn answer(
    ctx: &Ctx<'_>,
    client: &Authenticated,
    request: &BackChannel<'_>,
) -> Result<Response<Bytes>, Error> {
    let token = request.required("token")?;
    // > An authorization server MAY ignore this parameter (§2.1, token_type_hint): the token itself says what it is.
    if let Some((presented, loaded)) = pointer::find(ctx, token).await? {
        revoke(ctx, client, &presented, loaded).await?;
    }
    Ok(reply::status_only(StatusCode::OK))
}

async fn revoke(
    ctx: &Ctx<'_>,
    client: &Authenticated,
    presented: &Presented,
    loaded: Loaded<Grant>,
) -> Result<(), Error> {
    let grant = &loaded.value;
    if !is_genuine(ctx, presented, grant) {
        return Ok(());
    }
    let client_id = client.client().client_id.as_str();
    // > ... verifies whether the token was issued to the client making the revocation request. If this validation fails,
    // > the request is refused and the client is informed of the error (§2.1)
    if *grant.client != *client_id {
        return Err(Error::invalid_request("The token was issued to another client.")
            .because("token_of_other_client"));
    }
    end(ctx, presented, loaded).await
}

/// Ends a token whatever client it was issued to; whether there was such a token. For operators.
pub(crate) async fn by_operator(ctx: &Ctx<'_>, token: &str) -> Result<bool, Error> {
    match pointer::find(ctx, token).await? {
        Some((presented, loaded)) if is_genuine(ctx, &presented, &loaded.value) => {
            end(ctx, &presented, loaded).await.map(|()| true)
        }
        _ => Ok(false),
    }
}

/// Whether the presented string is a live access token, or a present or former refresh token of the grant.
fn is_genuine(ctx: &Ctx<'_>, presented: &Presented, grant: &Grant) -> bool {
    match presented.kind {
        TokenKind::Code => false,
        TokenKind::Access => grant.live_access(&presented.digest, ctx.now()).is_some(),
        TokenKind::Refresh => grant.refresh.as_ref().is_some_and(|refresh| refresh.is_of_lineage(presented)),
    }
}

async fn end(ctx: &Ctx<'_>, presented: &Presented, loaded: Loaded<Grant>) -> Result<(), Error> {
    let grant = &loaded.value;
    let (id, client, subject) = (grant.id, Arc::clone(&grant.client), grant.subject.clone());
    if presented.kind == TokenKind::Refresh {
        // > If the particular token is a refresh token ..., then the authorization server SHOULD also invalidate all
        // > access tokens based on the same authorization grant (§2.1)
        swap::remove(ctx, id).await?;
        event::revoked(&client, subject.as_deref(), "grant");
        return Ok(());
    }
    revoke_access(ctx, presented, loaded).await?;
    event::revoked(&client, subject.as_deref(), "access_token");
    Ok(())
}

async fn revoke_access(ctx: &Ctx<'_>, presented: &Presented, loaded: Loaded<Grant>) -> Result<(), Error> {
    let id = loaded.value.id;
    let mut mark: Mark = [0; 8];
    ctx.random(&mut mark)?;
    let step = |grant: &Grant| match grant.revoke_access(&presented.digest) {
        Some(next) => Outcome::Replace(Box::new(next), ()),
        // Somebody else was faster: it is dead already.
        None => Outcome::Same(()),
    };
    match swap::swap(ctx, loaded, mark, step).await {
        Ok(done) if done.grant.is_spent(ctx.now()) => swap::remove(ctx, id).await,
        Ok(_) => Ok(()),
        Err(error) if error.reason() == swap::GONE => Ok(()),
        Err(error) => Err(error),
    }
}
